"""``studygrid compare``: configurations of several studies, and of other programs, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.commands.collect import add_filling, left_out
from studygrid.errors import StudygridError

if TYPE_CHECKING:
    from studygrid.interchange.foreign.comparing import Compared

TABLE = "comparison.csv"
DETAILED = "comparison_detailed.csv"
REPORT = "comparison_report.txt"
PROBLEMS = "problems.csv"


def configure(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the command."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="results folders of ours, folders of runs in the layouts of other programs, or both",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help=f"folder to write {TABLE} and {REPORT} to (default: they are printed alone)",
    )
    parser.add_argument(
        "--metric",
        nargs="+",
        action="extend",
        dest="metrics",
        help="metrics to compare by (default: all that some run has)",
    )
    add_filling(parser)


def run(options: argparse.Namespace) -> int:
    """Print the comparison, and write it if that is asked for; return the exit status."""
    from studygrid.interchange.foreign.comparing import compared

    found = compared(
        options.paths,
        metrics=options.metrics,
        family=options.family,
        resolution=options.resolution,
        n_train=options.n_train,
    )
    report = report_of(found)
    print(report)
    where = "name an --output to have all" if options.output is None else f"{PROBLEMS} has all"
    for line in left_out(found.problems, where):
        print(line)
    if options.output is not None:
        try:
            written = write(found, report, options.output)
        except OSError as error:
            place = error.filename2 or error.filename or options.output
            raise StudygridError(f"{place}: cannot be written ({error.strerror})") from None
        print("\n".join(f"wrote {path}" for path in written))
    return 0


def report_of(found: Compared) -> str:
    """Return the comparison in words."""
    from studygrid.comparison import text

    words = {name: column for column, name in guide_columns(found).items()}
    title = "VAE CONFIGURATION COMPARISON REPORT" if words else "CONFIGURATION COMPARISON REPORT"
    return text(
        found.comparison,
        title=title,
        names=words,
        resolution=found.family.resolution_label.lower(),
        notes=found.notes,
    )


def guide_columns(found: Compared) -> dict[str, str]:
    """Return the columns of the guide to VAE comparison and our metrics; none of other families."""
    from studygrid.interchange.vae_documents import COLUMNS

    of_vaes = set(COLUMNS.values()) <= set(found.family.metric_names)
    return dict(COLUMNS) if of_vaes else {}


def write(found: Compared, report: str, output: Path) -> list[Path]:
    """Write a comparison as a table and in words; of VAEs the guide's table, and ours beside it."""
    from studygrid.interchange.vae_comparison import guide_rows
    from studygrid.records import write_atomically
    from studygrid.results.frames import frame_rows
    from studygrid.results.not_said import value_in_file
    from studygrid.tables.delimited import write_csv

    rows = [
        {_column(name, found.split): value_in_file(name, value) for name, value in row.items()}
        for row in frame_rows(found.comparison.table)
    ]
    tables = {TABLE: rows}
    if guide_columns(found):
        tables = {TABLE: guide_rows(found.comparison), DETAILED: rows}
    for name, content in tables.items():
        write_csv(output / name, content)
    write_atomically(output / REPORT, report.encode())
    problems = [{"path": str(one.path), "reason": one.reason} for one in found.problems]
    write_csv(output / PROBLEMS, problems, ("path", "reason"))
    return [output / name for name in (*tables, REPORT, PROBLEMS)]


def _column(name: str, split: str) -> str:
    """Return the name of a column in the file: scores are named by the split that they are of."""
    return f"{split}_{name.removeprefix('test_')}" if name.startswith("test_") else name
