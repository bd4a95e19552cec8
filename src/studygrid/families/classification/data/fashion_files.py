"""The four IDX files of Fashion-MNIST and its split, known before any is read. Cheap to import."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.classification.data.idx import find_idx, read_idx
from studygrid.families.classification.data.shares import training_size
from studygrid.families.classification.options import FashionMnistOptions
from studygrid.families.paths import path_problem

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
VALIDATION_FRACTION = 0.1
SPLIT_SEED = 0
_HINT = (
    "Debian's package dataset-fashion-mnist has the four files; install it, or set `folder` to "
    "where they are"
)


def file_problems(options: FashionMnistOptions) -> list[str]:
    """Return what is missing, folder or files."""
    folder = Path(options.folder).expanduser()
    problem = path_problem(folder, "folder")
    if problem:
        return [f"{problem}; {_HINT}"]
    missing = [name for name in FILES if find_idx(folder, name) is None]
    if not missing:
        return []
    return [f"{folder} lacks {', '.join(missing)} (as it is or with .gz); {_HINT}"]


def idx_path(options: FashionMnistOptions, name: str) -> Path:
    """Return the path of one of the four files.

    Raises
    ------
    DataError
        If any of the four is missing.
    """
    problems = file_problems(options)
    path = find_idx(Path(options.folder).expanduser(), name)
    if problems or path is None:
        raise DataError("; ".join(problems))
    return path


def train_size(options: FashionMnistOptions) -> int | None:
    """Return the size of the training split from the label file, or None if it has none."""
    try:
        _, labels = read_idx(idx_path(options, "train-labels-idx1-ubyte"), 1)
    except DataError:
        return None
    return training_size(Counter(labels).values(), [VALIDATION_FRACTION])
