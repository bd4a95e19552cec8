"""The tables job: writes the tables of a study in the formats that people open."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.records import write_atomically
from studygrid.results.frames import frame_rows
from studygrid.results.study_results import StudyResults, read_study
from studygrid.tables.contents import Table, study_tables
from studygrid.tables.delimited import write_csv
from studygrid.tables.files import WORKBOOK, kinds_of
from studygrid.tables.latex import latex
from studygrid.tables.markdown import markdown
from studygrid.tables.spreadsheet import workbook


def main(argv: list[str] | None = None) -> int:
    """Run the tables job of a command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Write a study's tables as CSV, Markdown, LaTeX and XLSX.", allow_abbrev=False
    )
    parser.add_argument("--study", type=Path, required=True, help="study.yaml of the results")
    parser.add_argument("--log", type=Path, required=True, help="file to write the log to")
    options = parser.parse_args(argv)
    try:
        written = write_tables(read_study(options.study.parent), options.study.parent / "tables")
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    names = ", ".join(path.name for path in written)
    write_atomically(options.log, f"wrote {names}\n".encode())
    return 0


def write_tables(study: StudyResults, folder: Path) -> list[Path]:
    """Write the files that `table_files` names; return their paths."""
    tables = study_tables(study)
    written = [path for table in tables for path in _write(table, folder)]
    book = folder / WORKBOOK
    write_atomically(book, workbook(tables, study.name))
    return [*written, book]


def _write(table: Table, folder: Path) -> list[Path]:
    paths = {kind: folder / f"{table.name}.{kind}" for kind in kinds_of(table.name)}
    if "csv" in paths:
        write_csv(paths["csv"], frame_rows(table.frame), list(map(str, table.frame)))
    write_atomically(paths["md"], markdown(table).encode())
    write_atomically(paths["tex"], latex(table).encode())
    return list(paths.values())


if __name__ == "__main__":
    sys.exit(main())
