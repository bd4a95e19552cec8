"""The inference_summary job: what inference found in a study, in tables and figures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.figures.drawing import save
from studygrid.figures.inference_figures import load_inference_figure
from studygrid.plan import read_plan
from studygrid.records import write_atomically
from studygrid.results.frames import frame_rows
from studygrid.results.inference import InferenceResults, planned_inference
from studygrid.results.inference_summary import inference_summary
from studygrid.tables.delimited import write_csv


def main(argv: list[str] | None = None) -> int:
    """Run the inference_summary job of a command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Write what inference found in a study.", allow_abbrev=False
    )
    parser.add_argument("--study", type=Path, required=True, help="study.yaml of the results")
    parser.add_argument("--figures", nargs="*", default=[], help="names of the figures")
    parser.add_argument("--output", type=Path, required=True, help="summary to write, as JSON")
    parser.add_argument("--log", type=Path, required=True, help="file to write the log to")
    options = parser.parse_args(argv)
    try:
        plan = read_plan(options.study, check_files=False)
        results = planned_inference(plan, options.study.parent)
        write_inference(results, plan.study.name, options.output.parent, options.figures)
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    counts = results.frame["status"].value_counts()
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    write_atomically(options.log, f"{len(results.frame)} runs: {said}\n".encode())
    return 0


def write_inference(
    results: InferenceResults, name: str, folder: Path, figures: Sequence[str]
) -> None:
    """Write ``summary.json``, ``runs.csv`` and the figures, below ``figures/``."""
    text = json.dumps(inference_summary(results), indent=1, ensure_ascii=False, allow_nan=False)
    write_csv(folder / "runs.csv", frame_rows(results.frame))
    for figure in figures:
        save(load_inference_figure(figure)(results, name), folder / "figures" / figure)
    write_atomically(folder / "summary.json", f"{text}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
