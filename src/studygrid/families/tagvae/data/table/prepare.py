"""The user's own table: read, checked, filtered, split and written."""

from __future__ import annotations

from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.paths import existing_path
from studygrid.families.prepared import PreparedParts
from studygrid.families.tagvae.data.parts import write_parts
from studygrid.families.tagvae.data.rows import TagRows
from studygrid.families.tagvae.data.table.options import TagTableOptions
from studygrid.families.tagvae.data.table.sources import kind_of


def prepare(
    options: TagTableOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write the rows with the `resolution` most frequent tags into a folder.

    Raises
    ------
    DataError
        If the file cannot be used, with every reason; if there are fewer tags than `resolution`,
        or a split has no row.
    """
    path = existing_path(options.file, "file")
    rows = read_table(path, options)
    if not len(rows.names):
        raise DataError(f"{path}: no row has a tag")
    return write_parts(folder, rows, options, resolution, {"row": "a row of the table"})


def read_table(path: Path, options: TagTableOptions) -> TagRows:
    """Read a table of any kind.

    Raises
    ------
    DataError
        If it cannot be used, with every reason.
    """
    kind = kind_of(path)
    if kind == ".npz":
        from studygrid.families.tagvae.data.table.npz_file import read_npz

        return read_npz(path)
    if kind == ".parquet":
        from studygrid.families.tagvae.data.table.parquet_file import read_parquet

        return read_parquet(path, options)
    from studygrid.families.tagvae.data.table.csv_file import read_csv

    return read_csv(path, options)
