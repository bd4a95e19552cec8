"""Splits of pairs that come unsplit. Their sizes follow from names and counts. Cheap to import."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from studygrid.families.base import Split

Fractions = Mapping[Split, float]
Indices = dict[Split, list[int]]


def split_sizes(count: int, fractions: Fractions) -> dict[Split, int]:
    """Return the number of pairs of each split: the nearest to its share, and at least one.

    What is left is for training; below one if there are too few.
    """
    sizes = {split: max(1, round(count * fraction)) for split, fraction in fractions.items()}
    return {"train": count - sum(sizes.values()), **sizes}


def share_problems(groups: Sequence[str | None], fractions: Fractions) -> list[str]:
    """Return what is wrong with the number of pairs, or of groups, that are to be split.

    Parameters
    ----------
    groups
        Of each pair; None where there are no groups.
    """
    if split_sizes(len(groups), fractions)["train"] < 1:
        held = "is 1 pair" if len(groups) == 1 else f"are {len(groups)} pairs"
        return [
            f"there {held}, too few for training, validation and test; add some, or lower the "
            "fractions"
        ]
    found = sorted({group for group in groups if group is not None})
    if found and len(found) < 3:
        names = " and ".join(map(repr, found))
        return [
            f"`group` gives {len(found)} group{'' if len(found) == 1 else 's'} ({names}); "
            "training, validation and test need one each"
        ]
    return []


def draw_pairs(
    has_foreground: Sequence[bool], digests: Sequence[str], fractions: Fractions, seed: int
) -> Indices:
    """Draw each split with its share of the pairs that have foreground, and of those without.

    The sizes are those of `split_sizes`, whatever the masks hold. Pairs are drawn in the order
    of the hash of seed and content: the split is then the same for every version of every
    library and whatever the files are called, and a pair that is added displaces few others.
    Images that occur more than once are drawn last, so that they stay in training together
    unless there are hardly any others.

    Parameters
    ----------
    has_foreground
        Of each pair. Where three or more have, each split gets one or more of them.
    digests
        Hash of each image's content.

    Returns
    -------
    dict
        Sorted indices of each split, together all pairs.
    """
    copies = Counter(digests)
    order = sorted(
        range(len(digests)),
        key=lambda index: (copies[digests[index]] > 1, _draw_key(seed, digests[index])),
    )
    full = [index for index in order if has_foreground[index]]
    empty = [index for index in order if not has_foreground[index]]
    sizes = split_sizes(len(order), fractions)
    drawn: Indices = {}
    for position, split in enumerate(fractions, 1):
        later = len(fractions) - position + 1
        count = _share_of_full(len(full), len(empty), sizes[split], later)
        rest = sizes[split] - count
        drawn[split] = sorted(full[:count] + empty[:rest])
        full, empty = full[count:], empty[rest:]
    return {"train": sorted(full + empty), **drawn}


def _share_of_full(full: int, empty: int, size: int, later: int) -> int:
    """Return how many of `size` samples have foreground, leaving some for `later` splits."""
    count = max(1, round(full * size / (full + empty)))
    return max(size - empty, min(count, size, full - later), 0)


def draw_groups(groups: Sequence[str], fractions: Fractions, seed: int) -> Indices:
    """Draw each split as whole groups.

    Groups are gone through in the order of the hash of seed and name, and each is taken that
    brings the split nearer to its share of all pairs; where none does, the smallest is. So the
    sizes follow from the names alone, and each split has a group where there are three.

    Returns
    -------
    dict
        Sorted indices of each split, together all pairs.
    """
    sizes = Counter(groups)
    left = sorted(sizes, key=lambda group: _draw_key(seed, group))
    drawn: Indices = {}
    for position, (split, fraction) in enumerate(fractions.items(), 1):
        most = len(left) - (len(fractions) - position + 1)
        taken = _nearest_groups(left, sizes, fraction * len(groups), most)
        drawn[split] = [index for index, group in enumerate(groups) if group in taken]
        left = [group for group in left if group not in taken]
    return {"train": [index for index, group in enumerate(groups) if group in left], **drawn}


def _nearest_groups(
    left: Sequence[str], sizes: Mapping[str, int], target: float, most: int
) -> set[str]:
    taken: set[str] = set()
    total = 0
    for group in left:
        nearer = abs(total + sizes[group] - target) < abs(total - target)
        if nearer and len(taken) < most:
            taken.add(group)
            total += sizes[group]
    return taken or {min(left, key=lambda group: sizes[group])}


def _draw_key(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed} {text}".encode()).digest()
