"""``studygrid estimate``: what a study still costs, before it is launched."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from studygrid.commands.options import add_select
from studygrid.commands.status import output
from studygrid.commands.study_part import add_part, clone, config_of, part_of
from studygrid.errors import StudygridError

if TYPE_CHECKING:
    from studygrid.estimate.estimating import Estimate
    from studygrid.estimate.measured import Measured
    from studygrid.estimate.pilots import Pilot, Pilots
    from studygrid.estimate.todo import ToDo
    from studygrid.plan import Plan

_DEVICE_HERE = """
import sys
from studygrid.execution.jobs import choose_device
from studygrid.execution.provenance import Clock
print(Clock("").origin(choose_device(sys.argv[1])).hardware.device.name)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_part(parser, "estimate")
    add_select(parser)
    parser.add_argument(
        "--workers",
        type=_count,
        metavar="N",
        help="jobs at once (default: what the GPUs here take by runs_per_gpu, or CPU cores)",
    )
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="part of the name of the device to estimate for (default: the one used last)",
    )
    parser.add_argument(
        "--pilot",
        action="store_true",
        help="train a few steps here of each model and resolution that nothing is known of",
    )
    parser.add_argument(
        "--pilot-sec",
        type=_count,
        default=10,
        metavar="SEC",
        help="about how long each pilot trains (default: 10)",
    )
    parser.add_argument("--json", action="store_true", help="print the estimate as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the estimate, and keep it to be compared later."""
    from studygrid.estimate.document import document
    from studygrid.estimate.screen import screen
    from studygrid.plan import read_plan
    from studygrid.results.selection import parse_selection, selected
    from studygrid.status.words import Words

    if options.pilot and options.device is not None:
        raise StudygridError(
            f"--pilot --device {options.device}: pilots run on the device of this machine that the "
            "config names (execution.device), and the estimate is for that one; give one of the two"
        )
    config = config_of(options)
    with contextlib.chdir(clone()):  # where Snakemake reads the config's paths from
        part = part_of(read_plan(config), options, config)
        part = replace(part, runs=selected(part.runs, parse_selection(options.select)))
        found = _estimate(part, options)
        now = time.time()
        problem = _keep(found, now)
    if options.json:
        json.dump(document(found, now), sys.stdout, indent=1, allow_nan=False)
        print()
    else:
        console, _ = output()
        whole = not console.is_terminal
        console.print(screen(found, Words(console.encoding), whole=whole))
    if problem is not None:
        print(f"note: this estimate cannot be kept: {problem}", file=sys.stderr)
    return 0


def _estimate(part: Plan, options: argparse.Namespace) -> Estimate:
    from studygrid.estimate.estimating import estimate
    from studygrid.estimate.measured import read_measured
    from studygrid.estimate.pilots import read_pilots
    from studygrid.estimate.todo import to_do

    results = Path(part.study.results)
    measured, pilots = read_measured(results), read_pilots(results)
    jobs = to_do(part, results, measured)
    device = options.device
    if options.pilot:
        device = _device_here(part)
        pilots = _make_pilots(part, results, jobs, measured, pilots, device, options.pilot_sec)
    return estimate(
        part,
        results,
        jobs,
        measured,
        pilots,
        workers=options.workers,
        cores=len(os.sched_getaffinity(0)),
        device=device,
    )


def _make_pilots(
    part: Plan,
    results: Path,
    jobs: ToDo,
    measured: Measured,
    pilots: Pilots,
    device: str,
    sec: float,
) -> Pilots:
    from studygrid.estimate.evidence import Evidence
    from studygrid.estimate.piloting import Piloting, kept_line, wanted
    from studygrid.execution.progress import ProgressBar

    known = Evidence(part, measured, pilots, device).train.knows
    due = wanted(part, results, jobs.train, known)
    piloting = Piloting(part, results, sec)
    made: list[Pilot] = []
    try:
        with (
            _ending_on_sigterm(),
            ProgressBar("pilots", len(due), 0, "models and resolutions") as bar,
        ):
            for pilot in piloting.run(due) if due else ():
                made.append(pilot)
                print(kept_line(pilot), file=sys.stderr, flush=True)
                bar.advance()
    finally:
        together = pilots.with_new(made, piloting.prepared)
        if made:
            _keep_pilots(results, together)
    return together


def _keep_pilots(results: Path, pilots: Pilots) -> None:
    from studygrid.estimate.pilots import keep_pilots

    try:
        keep_pilots(results, pilots)
    except OSError as error:
        print(f"note: the pilots cannot be kept: {error}", file=sys.stderr)


@contextlib.contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Let a SIGTERM end the pilots as Ctrl-C does: their job is ended, their folder removed."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _device_here(part: Plan) -> str:
    """Return the name of this machine's device, asked in a process of its own."""
    command = [sys.executable, "-c", _DEVICE_HERE, part.study.execution.device]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StudygridError(f"--pilot: the device cannot be used: {last}")
    return done.stdout.strip()


def _keep(found: Estimate, now: float) -> str | None:
    """Keep an estimate; return why that cannot be done."""
    from studygrid.estimate.document import kept
    from studygrid.estimate.history import keep

    if not found.cells:
        return None
    try:
        keep(found.folder, kept(found, now))
    except OSError as error:
        return str(error)
    return None


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"should be a whole number above 0 (it is {text!r})")
    return count
