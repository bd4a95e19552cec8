"""Samples of the same content in different splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import SPLITS, Split
from studygrid.records import DuplicateSample

MOST_LISTED = 100
_MOST_NAMED = 3


@dataclass(frozen=True)
class Duplicates:
    """What occurs more than once.

    Attributes
    ----------
    across_splits
        The first groups of equal samples that lie in several splits; each names the splits and
        the first samples of each of them.
    across_split_groups, across_split_samples
        Number of all such groups, and of the samples in them.
    groups
        Number of groups of equal samples, wherever they lie.
    mixed_label_groups
        Number of those groups whose samples are of different classes.
    """

    across_splits: list[DuplicateSample]
    across_split_groups: int
    across_split_samples: int
    groups: int
    mixed_label_groups: int


def find_duplicates(
    digests: Sequence[str],
    labels: NDArray[np.int64],
    splits: Mapping[Split, NDArray[np.int64]],
    names: Sequence[str],
) -> Duplicates:
    """Find samples of equal content; `digests`, `labels` and `names` are of all samples."""
    split_of = {index: split for split, found in splits.items() for index in found.tolist()}
    members: dict[str, list[int]] = defaultdict(list)
    for index in sorted(split_of):
        members[digests[index]].append(index)
    groups = [group for group in members.values() if len(group) > 1]
    leaks = [group for group in groups if len({split_of[index] for index in group}) > 1]
    return Duplicates(
        across_splits=[_described(group, split_of, names) for group in leaks[:MOST_LISTED]],
        across_split_groups=len(leaks),
        across_split_samples=sum(map(len, leaks)),
        groups=len(groups),
        mixed_label_groups=sum(len(set(labels[group].tolist())) > 1 for group in groups),
    )


def _described(
    group: Sequence[int], split_of: Mapping[int, Split], names: Sequence[str]
) -> DuplicateSample:
    by_split: dict[Split, list[str]] = defaultdict(list)
    for index in group:
        by_split[split_of[index]].append(names[index])
    return DuplicateSample(
        splits=sorted(by_split, key=SPLITS.index),
        samples=[name for split in SPLITS for name in by_split.get(split, [])[:_MOST_NAMED]],
    )
