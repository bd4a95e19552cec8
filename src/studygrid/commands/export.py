"""studygrid export: hand the runs of a study on to a tracker, or in another program's layout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.commands.options import add_results, add_select
from studygrid.trackers import TRACKERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studygrid.grid import Run
    from studygrid.interchange.crackseg_export import ExportedExperiments
    from studygrid.trackers.exporting import Exported

LAYOUTS = {
    "crackseg": "studygrid.interchange.crackseg_export:export_experiments",
    "generalization": "studygrid.interchange.generalization_export:export_study",
    "thesis": "studygrid.interchange.thesis_export:export_facts",
    "vae": "studygrid.interchange.vae_export:export_runs",
}
_NAMED = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the command."""
    add_results(parser)
    parser.add_argument(
        "--to", required=True, choices=[*TRACKERS, *LAYOUTS], help="the tracker or layout"
    )
    parser.add_argument("--output", type=Path, help="folder (default: RESULTS/exports/TO)")
    add_select(parser)


def run(options: argparse.Namespace) -> int:
    """Export the runs; return the exit status."""
    from studygrid.families.base import load_reference
    from studygrid.results.selection import parse_selection
    from studygrid.results.study_results import read_study
    from studygrid.trackers.exporting import export

    selection = parse_selection(options.select)
    output = options.output or options.results / "exports" / options.to
    study = read_study(options.results)
    if options.to in LAYOUTS:
        experiments = load_reference(LAYOUTS[options.to])(study, output, selection)
        print(describe_experiments(experiments), file=sys.stderr)
        return 1 if experiments.problems else 0
    done = export(study, options.to, output, selection)
    print(describe(done, options.to), file=sys.stderr)
    return 0


def describe(done: Exported, tracker: str) -> str:
    """Return what an export did, in words."""
    lines = [
        f"{done.output}: {done.new} new, {done.replaced} replaced, {done.unchanged} there "
        f"already; of these runs, {done.failed} failed and are marked so"
    ]
    lines += _left_out("they have no usable records", done.missing)
    lines.append(f"to see them: {done.how_to_view}")
    return "\n".join(lines)


def describe_experiments(done: ExportedExperiments) -> str:
    """Return what an export in another program's layout did, in words."""
    lines = [f"{done.output}: {done.new} new, {done.replaced} replaced, {done.unchanged} unchanged"]
    lines += _left_out("they ended without a result", done.failed)
    lines += _left_out("they have no usable records", done.missing)
    lines += [f"not exported: {run.path}: {why}" for run, why in done.problems.items()]
    lines += done.more
    return "\n".join(lines)


def _left_out(why: str, runs: Sequence[Run]) -> list[str]:
    if not runs:
        return []
    named = [run.path for run in runs[:_NAMED]]
    more = ["…"] if len(runs) > _NAMED else []
    listed = ", ".join([*named, *more])
    return [f"not exported, since {why}: {len(runs)} of the runs: {listed}"]
