"""What can be told of a table of tags from its first line. Cheap to import."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.content import content_sha256
from studygrid.families.paths import existing_path, path_problem
from studygrid.families.tagvae.data.table.columns import Problem, header_problems
from studygrid.families.tagvae.data.table.lines import open_table
from studygrid.families.tagvae.data.table.options import TagTableOptions

PARQUET_ENGINES = ("pyarrow", "fastparquet")
NO_ENGINE = "a .parquet file needs pyarrow, which is not installed; pip install pyarrow"
_KINDS = (".csv", ".tsv", ".parquet", ".npz")
_OF_COLUMNS = ("tags_column", "id_column", "split_column", "leave_out")


def kind_of(path: Path) -> str:
    """Return the kind of a table, which is its suffix.

    Raises
    ------
    DataError
        If files of that kind are not read.
    """
    if path.suffix.lower() not in _KINDS:
        raise DataError(f"{path}: should be a file {', '.join(_KINDS[:-1])} or {_KINDS[-1]}")
    return path.suffix.lower()


def tag_table_train_size(options: TagTableOptions) -> None:
    """Return None: the size follows from the vocabulary, and only when all rows are read."""


def tag_table_source(options: TagTableOptions, cache: Path) -> str:
    """Return the hash of the file.

    Raises
    ------
    DataError
        If it is missing or cannot be read.
    """
    return content_sha256({"file": existing_path(options.file, "file")}, cache)


def check_tag_table(options: TagTableOptions) -> list[Problem]:
    """Return what is wrong with the options: key and message. Cells are read by `prepare`."""
    path = Path(options.file).expanduser()
    missing = path_problem(path, "file")
    if missing:
        return [("file", missing)]
    try:
        kind = kind_of(path)
        problems = _misplaced(options, kind)
        if kind in (".csv", ".tsv"):
            with open_table(path, options) as lines:
                problems += header_problems(lines.header, options)
    except DataError as error:
        return [("file", str(error))]
    if kind == ".parquet" and not any(map(find_spec, PARQUET_ENGINES)):
        problems.append(("file", NO_ENGINE))
    if kind == ".npz" and not zipfile.is_zipfile(path):
        problems.append(("file", f"{path}: is no .npz; write it with numpy.savez"))
    return problems


def _misplaced(options: TagTableOptions, kind: str) -> list[Problem]:
    """Return the options that say nothing of a file of this kind."""
    problems = []
    if kind == ".npz":
        given = [key for key in _OF_COLUMNS if getattr(options, key)]
        problems += [(key, "an .npz has no columns with names; leave this out") for key in given]
    if options.delimiter and kind in (".npz", ".parquet"):
        problems.append(("delimiter", f"a {kind} file has none; leave this out"))
    return problems
