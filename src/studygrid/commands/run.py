"""``studygrid run``: runs a study, or the part of its grid that is named, with Snakemake."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from studygrid.commands.study_part import add_part, clone, config_of, part_of
from studygrid.errors import StudygridError

if TYPE_CHECKING:
    from studygrid.plan import Plan

# They would make Snakemake run another study than the one that was read here.
_OWN = ("--config", "-C", "--configfile", "--configfiles", "--directory", "-d", "--snakefile", "-s")
_NAMED = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_part(parser, "run")
    parser.add_argument("--cores", metavar="N", help="CPU cores to use at most (all)")
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="say what would run, and run nothing"
    )
    parser.add_argument("--profile", metavar="NAME", help="Snakemake's profile, such as slurm")
    parser.add_argument(
        "snakemake",
        nargs="*",
        metavar="-- ARGUMENT",
        help="what follows -- goes to Snakemake as it is",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; the exit status is Snakemake's."""
    from studygrid.plan import read_plan

    _check_own(options.snakemake)
    root = clone()
    config = config_of(options)
    with contextlib.chdir(root):  # where Snakemake reads the config's paths from
        plan = read_plan(config)
        part = part_of(plan, options, config)
        print(_announcement(plan, part), file=sys.stderr, flush=True)
        status = call(_command(part, config, options), root)
        if not options.dry_run:
            _write_cells(plan, part)
    if status and not options.dry_run:
        print(
            "Not all is done: what failed stands above. The same command goes on from here.",
            file=sys.stderr,
        )
    return status


def _check_own(arguments: Sequence[str]) -> None:
    if arguments and not arguments[0].startswith("-"):
        raise StudygridError(
            f"{arguments[0]}: what is this? A model is named with --models, a resolution with "
            "--resolutions; Snakemake's own arguments follow --"
        )
    for argument in arguments:
        if argument.partition("=")[0] in _OWN:
            raise StudygridError(
                f"{argument}: the study is what the config file says; name another with "
                "--configfile before the --"
            )


def _announcement(plan: Plan, part: Plan) -> str:
    """Return what is started, and how much of it is done already."""
    from studygrid.execution.session import describe
    from studygrid.results.rows import MISSING, is_failed, run_rows

    rows = run_rows(part, Path(part.study.results))
    there = [row for row in rows if row["status"] != MISSING]
    failed = sum(map(is_failed, there))
    lines = [
        describe(part),
        f"  starting {len(part.runs)} of the study's {len(plan.runs)} runs; "
        f"{len(there)} have records already{f' ({failed} of them failed)' if failed else ''}",
    ]
    return "\n".join(lines) + "\n"


def targets(part: Plan) -> list[str]:
    """Return the files that Snakemake is asked for: of runs, of profiles, and study.yaml.

    The last is needed to aggregate what was run.
    """
    results = part.study.results
    return [
        *(f"{results}/runs/{run.path}/evaluate.json" for run in part.runs),
        *(f"{results}/profiles/{model}/res{side}.json" for model, side in part.profiled),
        f"{results}/study.yaml",
    ]


def _command(part: Plan, config: Path, options: argparse.Namespace) -> list[str]:
    command = [sys.executable, "-m", "snakemake", *targets(part)]
    if options.configfile:
        command += ["--configfile", str(config)]
    if options.profile:
        command += ["--profile", options.profile]
    if options.cores or not options.profile:  # a profile has an opinion of its own
        command += ["--cores", options.cores or "all"]
    if options.dry_run:
        command.append("--dry-run")
    return [*command, *options.snakemake]


def call(command: Sequence[str], folder: Path) -> int:
    """Run a program in a folder until it ends; return its exit status as a shell would.

    Ctrl-C reaches it from the terminal, and it is waited for until it has cleaned up; a SIGTERM
    is passed on.
    """
    process: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM and process is None:
            raise SystemExit(128 + number)
        if number == signal.SIGTERM and process is not None:
            process.terminate()

    with _handled(pass_on):
        try:
            process = subprocess.Popen(command, cwd=folder)
        except OSError as error:
            raise StudygridError(
                f"Snakemake cannot be started ({error.strerror}): {shlex.join(command[:3])} …; "
                "of very many runs, name a part at a time, or run `snakemake all`"
            ) from None
        status = process.wait()
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _write_cells(plan: Plan, part: Plan) -> None:
    """Write ResoMap's file of every cell that has a result now, and name those of this call."""
    from studygrid.interchange.cells import cells_of
    from studygrid.interchange.freshness import date, moment_in
    from studygrid.interchange.resomap import RESULTS_FOLDER, file_name
    from studygrid.interchange.resomap_writing import write_cells
    from studygrid.results.study_results import study_results

    folder = Path(plan.study.results)
    if not folder.is_dir():
        return
    moment = moment_in(folder)
    study = study_results(plan, folder)
    written = write_cells(study, cells_of(study), folder).files
    date(written, moment)
    asked = {folder / RESULTS_FOLDER / file_name(cell, plan) for cell in part.cells}
    named = [path for path in written if path in asked]
    for path in named[:_NAMED]:
        print(path)
    if len(named) > _NAMED:
        print(f"and {len(named) - _NAMED} more in {folder / RESULTS_FOLDER}/")
    without = len(asked) - len(named)
    if without:
        print(f"{without} of these {len(asked)} cells have no result yet", file=sys.stderr)
