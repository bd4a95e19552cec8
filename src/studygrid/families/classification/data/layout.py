"""The files of an image folder and what is wrong with them. Cheap: it opens no image."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.base import Split
from studygrid.families.classification.data.paths import path_problem
from studygrid.families.classification.data.shares import SPLITS, share_problems, split_problems
from studygrid.families.classification.options import ImageFolderOptions

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
SPLIT_FOLDERS: dict[str, Split] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class ImageFile:
    """An image: its path, its name within the root, its class, and its split if it has one."""

    path: Path
    name: str
    label: str
    split: Split | None


@dataclass(frozen=True)
class Layout:
    """What an image folder holds.

    Attributes
    ----------
    files
        All images, by split, class and name.
    classes
        Sorted class names; those of the training split where the folder is split.
    is_split
        Whether it has folders train, val and test.
    ignored_files, ignored_folders
        Number of files and names of folders that are not part of the data; hidden ones are not
        counted.
    problems
        What makes the folder unusable.
    """

    files: list[ImageFile]
    classes: list[str]
    is_split: bool
    ignored_files: int
    ignored_folders: list[str]
    problems: list[str]

    def counts(self, split: Split | None) -> dict[str, int]:
        """Return the number of images of each class in a split (None: not split)."""
        found = Counter(file.label for file in self.files if file.split == split)
        return {name: found[name] for name in sorted({*self.classes, *found})}


def folder_of(options: ImageFolderOptions) -> Path:
    """Return the folder that the options name.

    Raises
    ------
    DataError
        If it does not exist.
    """
    root = Path(options.root).expanduser()
    problem = path_problem(root, "folder")
    if problem:
        raise DataError(problem)
    return root


def read_layout(options: ImageFolderOptions) -> Layout:
    """List an image folder.

    Raises
    ------
    DataError
        If it does not exist or cannot be listed.
    """
    root = folder_of(options)
    try:
        return _read_split(root) if _is_split(root) else _read_flat(root, options)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror})") from None


def printable(path: Path | str) -> str:
    """Return a path as text that any encoding takes, with forward slashes."""
    return os.fsencode(Path(path).as_posix()).decode("utf-8", "replace")


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in _visible(folder) if entry.is_dir()]


def is_image(path: Path) -> bool:
    """Tell whether a path is one of the image files that are read, by its suffix."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _is_split(root: Path) -> bool:
    train = [folder for folder in _folders(root) if folder.name.lower() == "train"]
    return any(_folders(folder) for folder in train)


def _read_flat(root: Path, options: ImageFolderOptions) -> Layout:
    scan = _Scan(root)
    classes = [scan.read_class(folder, None) for folder in _folders(root)]
    problems = scan.problems
    if not classes:
        problems.append(f"{root} holds no class folders; put the images into one folder a class")
    else:
        counts = Counter(file.label for file in scan.files)
        fractions = (options.validation_fraction, options.test_fraction)
        filled = {name: counts[name] for name in classes if counts[name]}
        problems += share_problems(filled, fractions)
    scan.ignored += sum(not entry.is_dir() for entry in _visible(root))
    return Layout(scan.files, sorted(classes), False, scan.ignored, [], problems)


def _read_split(root: Path) -> Layout:
    scan = _Scan(root)
    unused, found, classes = [], {}, []
    for folder in _folders(root):
        split = SPLIT_FOLDERS.get(folder.name.lower())
        if split is None:
            unused.append(printable(folder.name))
            continue
        if split in found:
            scan.problems.append(
                f"{found[split]} and {folder} are both the {split} split; keep one of them"
            )
            continue
        found[split] = folder
        names = [scan.read_class(part, split) for part in _folders(folder)]
        classes += names if split == "train" else []
        scan.ignored += sum(not entry.is_dir() for entry in _visible(folder))
    scan.files.sort(key=lambda file: (SPLITS.index(file.split or "train"), file.label, file.name))
    scan.ignored += sum(not entry.is_dir() for entry in _visible(root))
    layout = Layout(scan.files, sorted(classes), True, scan.ignored, unused, scan.problems)
    names_of = {"train": "train", "validation": "val", "test": "test"}
    layout.problems.extend(
        f"{root} has a train folder and no {names_of[split]} folder"
        for split in SPLITS
        if split not in found
    )
    layout.problems.extend(split_problems({split: layout.counts(split) for split in found}))
    return layout


class _Scan:
    """Class folders read so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[ImageFile] = []
        self.ignored = 0
        self.problems: list[str] = []

    def read_class(self, folder: Path, split: Split | None) -> str:
        """Add the images of a class folder; return the name of the class."""
        label = printable(folder.name)
        images = [entry for entry in _visible(folder) if is_image(entry)]
        self.files += [
            ImageFile(path, printable(path.relative_to(self.root)), label, split) for path in images
        ]
        others = [entry for entry in _visible(folder) if entry.is_file() and not is_image(entry)]
        self.ignored += len(others)
        if any(_images_below(part) for part in _folders(folder)):
            # Taking them silently would turn a misnamed split folder into a class.
            self.problems.append(
                f"{folder} holds images in subfolders; images lie directly in the folder of "
                "their class, and split folders are called train, val and test"
            )
        elif not images and split in (None, "train"):
            suffixes = ", ".join(sorted({entry.suffix.lower() or entry.name for entry in others}))
            held = f" (it holds {suffixes})" if suffixes else ""
            self.problems.append(
                f"{folder} holds no PNG, JPEG or TIFF images{held}; add some or delete the folder"
            )
        return label


def _images_below(folder: Path) -> Iterator[Path] | list[Path]:
    return next(([path] for path in folder.rglob("*") if is_image(path)), [])
