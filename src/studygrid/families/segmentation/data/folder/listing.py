"""Folders of files as a user lays them out. Cheap: it opens none."""

from __future__ import annotations

import os
from pathlib import Path

from studygrid.families.base import Split

JPEG = frozenset({".jpg", ".jpeg"})
SUFFIXES = JPEG | {".png", ".tif", ".tiff", ".npy"}
KINDS = "PNG, JPEG, TIFF or .npy"
SPLIT_FOLDERS: dict[str, Split] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def printable(path: Path | str) -> str:
    """Return a path as text that any encoding takes."""
    return os.fsencode(path).decode("utf-8", "replace")


def visible(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files of a folder that are not hidden, sorted by name."""
    with os.scandir(folder) as entries:
        found = sorted(
            (entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")
        )
    folders = [folder / name for name, is_folder in found if is_folder]
    return folders, [folder / name for name, is_folder in found if not is_folder]


def is_read(path: Path) -> bool:
    """Tell whether a file is of a kind that is read, from its name."""
    return path.suffix.lower() in SUFFIXES
