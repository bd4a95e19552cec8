"""The aggregate job: aggregated_metrics.csv and summary_statistics.csv."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studygrid.errors import StudygridError
from studygrid.grid import Cell
from studygrid.plan import Plan, read_plan
from studygrid.records import Status, write_atomically
from studygrid.results import MISSING, Row, is_failed, run_rows
from studygrid.statistics.intervals import summarise

# OWASP, CSV injection: what a spreadsheet may take for the start of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def main(argv: list[str] | None = None) -> int:
    """Run the aggregate job of a command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the tables of a study.", allow_abbrev=False)
    parser.add_argument("--study", type=Path, required=True, help="study.yaml of the results")
    parser.add_argument("--runs", type=Path, required=True, help="table of runs to write")
    parser.add_argument("--summary", type=Path, required=True, help="table of cells to write")
    parser.add_argument("--log", type=Path, required=True, help="file to write the log to")
    options = parser.parse_args(argv)
    try:
        plan = read_plan(options.study, check_files=False)
        rows = run_rows(plan, options.study.parent)
        write_csv(options.runs, rows)
        write_csv(options.summary, summary_rows(plan, rows))
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    message = describe(rows)
    write_atomically(options.log, f"{message}\n".encode())
    print(f"{options.runs}: {message}", file=sys.stderr)
    return 0


def describe(rows: Sequence[Row]) -> str:
    """Return how many runs ended how, and why those that failed did."""
    failed = [row for row in rows if is_failed(row)]
    missing = [row for row in rows if row["status"] == MISSING]
    lines = [
        f"{len(rows)} runs: {len(rows) - len(failed) - len(missing)} ok, "
        f"{len(failed)} failed, {len(missing)} missing"
    ]
    for row in [*failed, *missing]:
        run = f"{row['model']} res{row['resolution']} n{row['n_train']} seed{row['seed']}"
        lines.append(f"  {run}: {row['status']}: {row['reason']}")
    return "\n".join(lines)


def summary_rows(plan: Plan, rows: Sequence[Row]) -> list[Row]:
    """Return one row a cell and metric: how many runs, their mean, spread and interval.

    `n` counts the runs that have a value; the interval is Student's t at 95 %.
    """
    runs_of: dict[Cell, list[Row]] = {cell: [] for cell in plan.cells}
    for row in rows:
        runs_of[Cell(row["model"], row["resolution"], row["n_train"])].append(row)
    return [
        _summary_row(cell, own, f"test_{metric}")
        for cell, own in runs_of.items()
        for metric in plan.family.metric_names
    ]


def _summary_row(cell: Cell, rows: Sequence[Row], metric: str) -> Row:
    values = summarise([row[metric] for row in rows if row[metric] is not None])
    return {
        "model": cell.model,
        "resolution": cell.resolution,
        "n_train": cell.n_train,
        "metric": metric,
        "planned": len(rows),
        "ok": sum(row["status"] == Status.OK.value for row in rows),
        "failed": sum(map(is_failed, rows)),
        "missing": sum(row["status"] == MISSING for row in rows),
        "n": values.n,
        "mean": values.mean,
        "sd": values.sd,
        "ci_low": values.ci_low,
        "ci_high": values.ci_high,
        "median": values.median,
        "min": values.minimum,
        "max": values.maximum,
    }


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows of equal keys as CSV, atomically.

    A float is written with the fewest digits that read back to the same bits; what is not there
    is an empty cell.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if rows:
        writer.writerow(map(_cell, rows[0]))
    writer.writerows(map(_cell, row.values()) for row in rows)
    write_atomically(path, buffer.getvalue().encode())


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


if __name__ == "__main__":
    sys.exit(main())
