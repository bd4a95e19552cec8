"""studygrid export: hand the runs of a study on to an experiment tracker."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.commands.options import add_results, add_select
from studygrid.trackers import TRACKERS

if TYPE_CHECKING:
    from studygrid.trackers.exporting import Exported

_NAMED = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the command."""
    add_results(parser)
    parser.add_argument("--to", required=True, choices=TRACKERS, help="the tracker")
    parser.add_argument("--output", type=Path, help="folder (default: RESULTS/exports/TRACKER)")
    add_select(parser)


def run(options: argparse.Namespace) -> int:
    """Export the runs; return the exit status."""
    from studygrid.results.selection import parse_selection
    from studygrid.results.study_results import read_study
    from studygrid.trackers.exporting import export

    selection = parse_selection(options.select)
    output = options.output or options.results / "exports" / options.to
    done = export(read_study(options.results), options.to, output, selection)
    print(describe(done, options.to), file=sys.stderr)
    return 0


def describe(done: Exported, tracker: str) -> str:
    """Return what an export did, in words."""
    lines = [
        f"{done.output}: {done.new} new, {done.replaced} replaced, {done.unchanged} there "
        f"already; of these runs, {done.failed} failed and are marked so"
    ]
    if done.missing:
        named = [run.path for run in done.missing[:_NAMED]]
        more = ["…"] if len(done.missing) > _NAMED else []
        lines.append(
            f"not exported, since they have no usable records: {len(done.missing)} of the runs: "
            f"{', '.join([*named, *more])}"
        )
    lines.append(f"to see them: {done.how_to_view}")
    return "\n".join(lines)
