"""The aggregate job: aggregated_metrics.csv and summary_statistics.csv."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.plan import read_plan
from studygrid.records import write_atomically
from studygrid.results.rows import MISSING, Row, is_failed, run_rows
from studygrid.results.summary import summary_rows
from studygrid.tables.delimited import write_csv


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


if __name__ == "__main__":
    sys.exit(main())
