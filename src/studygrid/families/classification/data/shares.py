"""How many images of each class are held out, and what no split may lack. Cheap to import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from studygrid.families.base import SPLITS, Split


def held_out(count: int, fraction: float) -> int:
    """Return the number of a class's images that a split takes: the nearest, at least one."""
    return max(1, round(count * fraction))


def left_for_training(count: int, fractions: Iterable[float]) -> int:
    """Return the number of a class's images that training keeps; below one if too few."""
    return count - sum(held_out(count, fraction) for fraction in fractions)


def training_size(counts: Iterable[int], fractions: Sequence[float]) -> int | None:
    """Return the size of the training split from the class counts, or None if too few."""
    left = [left_for_training(count, fractions) for count in counts]
    return sum(left) if left and min(left) > 0 else None


def share_problems(counts: Mapping[str, int], fractions: Sequence[float]) -> list[str]:
    """Return what is wrong with the class counts of data that is to be split."""
    problems = _too_few_classes(counts)
    problems += [
        f"class {name!r} has {count} image{'' if count == 1 else 's'}, too few for training, "
        "validation and test; add images, lower the fractions, or leave the class out"
        for name, count in counts.items()
        if left_for_training(count, fractions) < 1
    ]
    return problems


def split_problems(
    counts: Mapping[Split, Mapping[str, int]], required: Iterable[Split] = SPLITS
) -> list[str]:
    """Return what is wrong with data that is split already: images by split and class."""
    present = {
        split: [name for name, count in counts.get(split, {}).items() if count] for split in SPLITS
    }
    problems = [f"the {split} split has no images" for split in required if not present[split]]
    problems += _too_few_classes(present["train"])
    for split in ("validation", "test"):
        strange = sorted(set(present[split]) - set(present["train"]))
        if strange and present["train"]:
            names = ", ".join(map(repr, strange))
            problems.append(f"the {split} split has classes that training lacks: {names}")
    return problems


def _too_few_classes(names: Iterable[str]) -> list[str]:
    found = sorted(names)
    if len(found) >= 2:
        return []
    return [f"there should be two classes or more; found {', '.join(map(repr, found)) or 'none'}"]
