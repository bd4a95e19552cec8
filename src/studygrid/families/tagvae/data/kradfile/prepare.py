"""The dataset `kradfile`: read, filtered, split and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.prepared import PreparedParts
from studygrid.families.tagvae.data.gzipped import read_lines
from studygrid.families.tagvae.data.kradfile.options import KradfileOptions
from studygrid.families.tagvae.data.kradfile.sources import INSTALL, kradfile_file
from studygrid.families.tagvae.data.parts import write_parts
from studygrid.families.tagvae.data.rows import rows_of_lists


def prepare(
    options: KradfileOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write the kanji with the `resolution` most frequent components into a folder.

    Raises
    ------
    DataError
        If the file is not there or is no KRADFILE, or too little is left of it.
    """
    path = kradfile_file()
    rows = rows_of_lists(read_kanji(read_lines(path), path))
    return write_parts(folder, rows, options, resolution, {"row": "a kanji"})


def read_kanji(lines: Iterable[str], path: Path) -> Iterator[list[str]]:
    """Yield the components of each kanji of lines such as ``明 : 日 月``; # starts a comment.

    Raises
    ------
    DataError
        If a line is not of that form; the message names it.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        kanji, colon, components = line.partition(":")
        if not colon or len(kanji.strip()) != 1 or not components.strip():
            raise DataError(
                f"{path}, line {number}: is not `kanji : component component` but "
                f"{line[:60]!r}; install jamdict again: {INSTALL}"
            )
        yield components.split()
