"""Where the runs of a study come from that was collected from the files of other programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from studygrid.grid import Run
from studygrid.results.loading import Problem

ScoredSplit = Literal["test", "validation"]


@dataclass(frozen=True)
class Source:
    """The files of one run.

    Attributes
    ----------
    layout
        Name of the layout that they are in.
    says_seed
        Whether they name the seed, or it was numbered here.
    written_here
        Whether studygrid wrote them.
    """

    layout: str
    paths: tuple[Path, ...]
    says_seed: bool
    written_here: bool


@dataclass(frozen=True)
class LayoutWords:
    """What a report says of a layout: its title, and what its numbers are where others wrote it."""

    title: str
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class Collected:
    """What is known of a collected study beside its runs.

    Attributes
    ----------
    looked_in
        Where runs were looked for.
    problems
        Every file there that could not be used whole, and why.
    notes
        What was done to the runs, and what they lack, in sentences.
    split
        The split that scores are of.
    epochs
        One row an epoch, as `StudyResults.epochs`.
    counts_epochs
        Whether the column `step` of these counts epochs, as some files do not count steps.
    """

    sources: Mapping[Run, Source]
    layouts: Mapping[str, LayoutWords]
    looked_in: tuple[Path, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    split: ScoredSplit
    epochs: pd.DataFrame
    counts_epochs: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether studygrid wrote the files of all runs, so that their numbers are as ours."""
        return all(source.written_here for source in self.sources.values())


def split_words(split: str) -> list[str]:
    """Say it where scores are not of the test split."""
    if split == "test":
        return []
    return [
        f"No file has scores of a test split. All scores are of the {split} split, which as a rule "
        "also picked the weights: expect worse ones on new data."
    ]
