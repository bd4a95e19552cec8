"""The layouts that runs are collected from: a registry by name.

A layout of another program is one module with a `Layout` in it, named here. Say a program leaves
a folder with a ``scores.csv`` a run::

    def is_run(folder: Path) -> bool:
        return (folder / "scores.csv").is_file()

    def read(items: Sequence[Item]) -> Reading:
        ...

    LAYOUT = Layout("myprogram", "classification", "My program's scores", read, is_run)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from studygrid.families.base import load_reference
from studygrid.interchange.foreign.runs import Reading

_HERE: Final = "studygrid.interchange.foreign"
# In this order they are asked; the first that knows a folder or file has it.
LAYOUTS: Final = {
    "studygrid": f"{_HERE}.own_layout:LAYOUT",
    "crackseg": f"{_HERE}.crackseg_layout:LAYOUT",
    "vae": f"{_HERE}.vae_layout:LAYOUT",
    "resomap": f"{_HERE}.resomap_layout:LAYOUT",
    "generalization": f"{_HERE}.generalization_layout:LAYOUT",
    "thesis": f"{_HERE}.thesis_layout:LAYOUT",
}


@dataclass(frozen=True)
class Item:
    """A folder or file that a layout knows.

    Attributes
    ----------
    content
        What the JSON file holds; None of a folder.
    faults
        Numbers in it that are none: they read as null.
    """

    path: Path
    content: Any = None
    faults: tuple[str, ...] = ()


def no_folder(folder: Path) -> bool:
    """Know no folder: of layouts that are files alone."""
    return False


def no_file(path: Path, content: Any) -> bool:
    """Know no JSON file: of layouts that are folders alone."""
    return False


@dataclass(frozen=True)
class Layout:
    """How another program leaves its runs.

    Attributes
    ----------
    family
        Name of the family that its runs are of, where their files name none.
    title
        What it is, for a report.
    read
        From all folders and files that it knows to their runs; it raises nothing of what these
        hold, but lists it as problems.
    is_folder
        Tell, by the names of files alone, whether a folder is of this layout, with all below it.
    is_file
        Tell whether a JSON file is, by its name and what it holds.
    caveats
        What a reader must know of numbers that the layout's own program wrote.
    """

    name: str
    family: str | None
    title: str
    read: Callable[[Sequence[Item]], Reading]
    is_folder: Callable[[Path], bool] = no_folder
    is_file: Callable[[Path, Any], bool] = no_file
    caveats: tuple[str, ...] = ()


def layouts() -> list[Layout]:
    """Return all layouts, in the order in which they are asked."""
    return [load_layout(name) for name in LAYOUTS]


def load_layout(name: str) -> Layout:
    """Return the layout of that name."""
    found: Layout = load_reference(LAYOUTS[name])
    return found
