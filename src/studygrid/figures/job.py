"""The figures job: draws the figures of a study from its tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from studygrid.errors import RecordError, StudygridError
from studygrid.figures.metric_by_axis import metric_by_axis
from studygrid.figures.style import save
from studygrid.plan import Plan, read_plan
from studygrid.records import EvaluateRecord, read_record, write_atomically


def main(argv: list[str] | None = None) -> int:
    """Run the figures job of a command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Draw a study's figures.", allow_abbrev=False)
    parser.add_argument("--study", type=Path, required=True, help="study.yaml of the results")
    parser.add_argument("--log", type=Path, required=True, help="file to write the log to")
    options = parser.parse_args(argv)
    try:
        plan = read_plan(options.study, check_files=False)
        draw(plan, options.study.parent)
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_atomically(options.log, b"drew metric_by_axis\n")
    return 0


def draw(plan: Plan, results: Path) -> None:
    """Draw the figures of a study whose tables are written."""
    name = plan.figure_metric
    figure, table = metric_by_axis(
        _read_table(results / "aggregated_metrics.csv"),
        _read_table(results / "summary_statistics.csv"),
        plan.family.metric(name),
        resolution_label=plan.family.resolution_label,
        resolution_unit=plan.family.resolution_unit,
        title=plan.study.name,
        chance=_chance(plan, results, name),
    )
    save(figure, table, results / "figures" / "metric_by_axis")


def _read_table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"n_train": str})


def _chance(plan: Plan, results: Path, metric: str) -> float | None:
    """Return what a guesser scores on the test split, which all runs share."""
    for run in plan.runs:
        try:
            record = read_record(results / "runs" / run.path / "evaluate.json", EvaluateRecord)
        except RecordError:
            continue
        return record.chance.get(metric)
    return None


if __name__ == "__main__":
    sys.exit(main())
