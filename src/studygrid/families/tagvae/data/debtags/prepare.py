"""The dataset `debtags`: read, filtered, split and written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.prepared import PreparedParts
from studygrid.families.tagvae.data.debtags.options import DebtagsOptions
from studygrid.families.tagvae.data.debtags.sources import tags_file
from studygrid.families.tagvae.data.gzipped import read_lines
from studygrid.families.tagvae.data.parts import write_parts
from studygrid.families.tagvae.data.rows import rows_of_lists


def prepare(
    options: DebtagsOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write the packages with the `resolution` most frequent tags into a folder.

    Raises
    ------
    DataError
        If the file is not there or is none of debtags, or too little is left of it.
    """
    path = tags_file(options)
    rows = rows_of_lists(read_packages(read_lines(path), path))
    return write_parts(folder, rows, options, resolution, {"row": "a Debian package"})


def read_packages(lines: Iterable[str], path: Path) -> Iterator[list[str]]:
    """Yield the tags of each package of lines such as ``0ad: game::strategy, role::program``.

    Raises
    ------
    DataError
        If a line is not of that form; the message names it.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        package, colon, tags = line.partition(":")
        listed = [tag.strip() for tag in tags.split(",")] if tags.strip() else []
        if not colon or not package.strip() or not all("::" in tag for tag in listed):
            raise DataError(
                f"{path}, line {number}: is not `package: facet::tag, facet::tag` but "
                f"{line[:60]!r}; get the file again from Debian's package debtags"
            )
        yield listed
