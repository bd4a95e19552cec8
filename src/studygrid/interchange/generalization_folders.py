"""Where the layout has its tables: a folder a training-set size, and trials in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studygrid.interchange.generalization import COMPARISON

# As the guide names them; as its code of that time does; and as its later code does, which counts
# groups apart from the images that these are made of.
_SIZE: Final = re.compile(r"(?:n_)?train_(?:subsample_\d+_groups_)?(\d{1,15}|all)")
_TRIAL: Final = re.compile(r"trial_(\d{1,9})")


@dataclass(frozen=True)
class ComparisonFile:
    """A comparison_metrics.csv.

    Attributes
    ----------
    n_train
        The size that its folder's name says, None where it says none.
    trial
        The number of its folder among the trials of that size; None of a file without such.
    """

    path: Path
    n_train: int | str | None = None
    trial: int | None = None


def size_of(name: str) -> int | str | None:
    """Return the training-set size that the name of a folder says, or None."""
    match = _SIZE.fullmatch(name)
    if match is None:
        return None
    return "all" if match[1] == "all" else int(match[1])


def comparison_files(folder: Path) -> list[ComparisonFile]:
    """Return the files of a study, of one training-set size or of one trial, by size and trial."""
    size = size_of(folder.name)
    trial = _TRIAL.fullmatch(folder.name)
    if trial is not None:
        own = folder / COMPARISON
        size = size_of(folder.parent.name)
        return [ComparisonFile(own, size, int(trial[1]))] if own.is_file() else []
    found = list(_of_size(folder, size))
    if size is None:
        for below in folder.glob("*train_*"):
            own_size = size_of(below.name)
            if own_size is not None:
                found += _of_size(below, own_size)
    return sorted(found, key=_order)


def _of_size(folder: Path, size: int | str | None) -> Iterator[ComparisonFile]:
    """Yield the file of a size, and those of its trials."""
    if (folder / COMPARISON).is_file():
        yield ComparisonFile(folder / COMPARISON, size)
    for path in folder.glob(f"trial_*/{COMPARISON}"):
        trial = _TRIAL.fullmatch(path.parent.name)
        if trial is not None:
            yield ComparisonFile(path, size, int(trial[1]))


def size_order(size: int | str | None) -> tuple[int, int]:
    """Return what sorts sizes: ascending, then ``all``, one that is not said last."""
    if isinstance(size, int):
        return 0, size
    return (2, 0) if size is None else (1, 0)


def _order(file: ComparisonFile) -> tuple[object, ...]:
    return *size_order(file.n_train), file.trial is not None, file.trial or 0, str(file.path)
