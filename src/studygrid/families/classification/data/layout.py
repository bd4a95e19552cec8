"""The files of an image folder and what is wrong with them. Cheap: it opens no image."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.classification.data.shares import share_problems, split_problems
from studygrid.families.classification.options import ImageFolderOptions
from studygrid.families.paths import existing_path

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


def read_layout(options: ImageFolderOptions) -> Layout:
    """List an image folder.

    Raises
    ------
    DataError
        If it does not exist or cannot be listed.
    """
    root = existing_path(options.root, "folder")
    try:
        return _read_split(root) if _is_split(root) else _read_flat(root, options)
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be listed ({error.strerror})") from None


def printable(path: Path | str) -> str:
    """Return a path as text that any encoding takes."""
    return os.fsencode(path).decode("utf-8", "replace")


def _list(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files of a folder that are not hidden, sorted by name."""
    with os.scandir(folder) as entries:
        visible = sorted(
            (entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")
        )
    folders = [folder / name for name, is_folder in visible if is_folder]
    return folders, [folder / name for name, is_folder in visible if not is_folder]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _is_split(root: Path) -> bool:
    return any(folder.name.lower() == "train" and _list(folder)[0] for folder in _list(root)[0])


def _read_flat(root: Path, options: ImageFolderOptions) -> Layout:
    scan = _Scan(root)
    folders, loose = _list(root)
    classes = [scan.read_class(folder, None) for folder in folders]
    layout = Layout(
        scan.files, sorted(classes), False, scan.ignored + len(loose), [], scan.problems
    )
    if not classes:
        layout.problems.append(
            f"{root} holds no class folders; put the images into one folder a class"
        )
    else:
        filled = {name: count for name, count in layout.counts(None).items() if count}
        fractions = (options.validation_fraction, options.test_fraction)
        layout.problems.extend(share_problems(filled, fractions))
    return layout


def _read_split(root: Path) -> Layout:
    scan = _Scan(root)
    folders, loose = _list(root)
    ignored = len(loose)
    found: dict[Split, Path] = {}
    unused, classes = [], []
    for folder in folders:
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
        parts, loose = _list(folder)
        ignored += len(loose)
        names = [scan.read_class(part, split) for part in parts]
        classes += names if split == "train" else []
    scan.files.sort(key=lambda file: (SPLITS.index(file.split or "train"), file.label, file.name))
    layout = Layout(
        scan.files, sorted(classes), True, scan.ignored + ignored, unused, scan.problems
    )
    layout.problems.extend(
        f"{root} has a train folder and no {name} folder"
        for name, split in (("val", "validation"), ("test", "test"))
        if split not in found
    )
    counts = {split: layout.counts(split) for split in SPLITS if split in found}
    layout.problems.extend(split_problems(counts, found))
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
        parts, files = _list(folder)
        images = [path for path in files if _is_image(path)]
        within = printable(folder.relative_to(self.root))
        self.files += [
            ImageFile(path, f"{within}/{printable(path.name)}", label, split) for path in images
        ]
        self.ignored += len(files) - len(images)
        if any(_is_image(path) for part in parts for path in part.rglob("*")):
            # Taking them silently would turn a misnamed split folder into a class.
            self.problems.append(
                f"{folder} holds images in subfolders; images lie directly in the folder of "
                "their class, and split folders are called train, val and test"
            )
        elif not images and split in (None, "train"):
            suffixes = ", ".join(sorted({path.suffix.lower() or path.name for path in files}))
            held = f" (it holds {suffixes})" if suffixes else ""
            self.problems.append(
                f"{folder} holds no PNG, JPEG or TIFF images{held}; add some or delete the folder"
            )
        return label
