"""Equal events in different splits."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import SPLITS
from studygrid.families.duplicates import MOST_LISTED
from studygrid.families.events.data.drawing import EventSplits
from studygrid.records import DuplicateSample

_BYTES = 16


@dataclass(frozen=True)
class Copies:
    """What is in several splits.

    Attributes
    ----------
    splits
        As given, with no event of the reference that is equal to one of a split.
    count
        Groups of equal events that lie in several splits.
    listed
        The first of them.
    """

    splits: EventSplits
    count: int
    listed: list[DuplicateSample]
    reference_left_out: int


def event_digests(
    tokens: NDArray[np.float32], classes: NDArray[np.uint8], values: NDArray[np.float32]
) -> NDArray[np.bytes_]:
    """Return a digest of each event's tokens, classes and globals; shape (n,)."""
    digests = np.empty((len(tokens), _BYTES), np.uint8)
    for number, parts in enumerate(zip(tokens, classes, values, strict=True)):
        digest = hashlib.blake2b(digest_size=_BYTES)
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
        digests[number] = np.frombuffer(digest.digest(), np.uint8)
    return digests.view(f"V{_BYTES}").ravel()


def find_copies(digests: NDArray[np.bytes_], splits: EventSplits) -> Copies:
    """Find equal events in different splits; `digests` are of all events, shape (n,)."""
    _, group = np.unique(digests, return_inverse=True)
    members: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    repeated = np.bincount(group) > 1
    for split in SPLITS:
        indices = getattr(splits, split)
        for index in indices[repeated[group[indices]]].tolist():
            members[int(group[index])][split].append(index)
    leaks = [found for found in members.values() if len(found) > 1]
    in_splits = group[np.concatenate([getattr(splits, split) for split in SPLITS])]
    own = splits.reference[~np.isin(group[splits.reference], in_splits)]
    return Copies(
        splits=dataclasses.replace(splits, reference=own),
        count=len(leaks),
        listed=[_described(found) for found in leaks[:MOST_LISTED]],
        reference_left_out=len(splits.reference) - len(own),
    )


def _described(found: dict[str, list[int]]) -> DuplicateSample:
    splits = [split for split in SPLITS if split in found]
    return DuplicateSample(splits=splits, samples=[f"event {found[split][0]}" for split in splits])
