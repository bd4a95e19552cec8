"""``studygrid run``: runs a study, or the part of its grid that is named, with Snakemake."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from studygrid.commands.run_options import add_options, check_options, words_of
from studygrid.commands.study_part import clone, config_of, named, part_of
from studygrid.errors import NoRunsError, StudygridError

if TYPE_CHECKING:
    from studygrid.commands.run_comparison import Project
    from studygrid.configurations.made_study import MadeStudy
    from studygrid.plan import Plan
    from studygrid.results.study_results import StudyResults

_NAMED = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Run the command; the exit status is Snakemake's."""
    for name in ("results", "metrics_dir", "vae_project"):
        given = getattr(options, name)
        setattr(options, name, given and given.absolute())
    if options.collect_only:
        return _collect(options)
    started = start(options)
    if not options.dry_run:
        with contextlib.chdir(started.root):
            _after(started, options)
    if started.status and not options.dry_run:
        print(
            "Not all is done: what failed stands above. The same command goes on from here.",
            file=sys.stderr,
        )
    return started.status


@dataclass(frozen=True)
class Started:
    """What a call of Snakemake was about, and how it ended.

    Attributes
    ----------
    root
        The clone's folder.
    config
        The config file that was named.
    plan, part
        The study, and the part of it that was run.
    status
        Snakemake's exit status.
    """

    root: Path
    config: Path
    plan: Plan
    part: Plan
    status: int


def start(options: argparse.Namespace) -> Started:
    """Run Snakemake on what the options name.

    Raises
    ------
    StudygridError
        If something is wrong with what they name, before anything has started.
    """
    check_options(options)
    root, given = clone(), config_of(options)
    # There Snakemake reads the config's paths from.
    with contextlib.chdir(root), _study(given, options) as (config, plan, part, said):
        status = run_part(plan, part, config, options, said)
    return Started(root, given, plan, part, status)


def run_part(
    plan: Plan, part: Plan, config: Path | None, options: argparse.Namespace, said: str = ""
) -> int:
    """Run Snakemake on a part of a study, from the clone's folder; return its exit status.

    Parameters
    ----------
    config
        The study's config file, None of the default one.
    options
        Of them `profile`, `cores`, `dry_run` and `snakemake` are used.
    said
        What else to announce.
    """
    print(_announcement(plan, part, said), file=sys.stderr, flush=True)
    return call(_command(part, config, options), Path.cwd())


def _after(started: Started, options: argparse.Namespace) -> None:
    """Write what is made of the records that are there now."""
    from studygrid.results.study_results import study_results

    folder = Path(started.plan.study.results)
    if not folder.is_dir():
        return
    study = study_results(started.plan, folder)
    _write_cells(study, started.part)
    if options.preset or options.config or options.vae_project:
        _compare(study, started.part, started.config, options)


def _compare(study: StudyResults, part: Plan, config: Path, options: argparse.Namespace) -> None:
    from studygrid.commands.run_comparison import FOLDER, compare_part, publish

    try:
        found = compare_part(study, part)
    except NoRunsError as error:
        print(error, file=sys.stderr)
    else:
        publish(found, study.folder / FOLDER, _project(config, options))


def _project(
    config: Path, options: argparse.Namespace, *, with_runs: bool = True
) -> Project | None:
    from studygrid.commands.run_comparison import Project
    from studygrid.configurations.custom_study import folders_of

    if options.vae_project is None:
        return None
    return Project(options.vae_project, folders_of(config, options.results), with_runs)


def _collect(options: argparse.Namespace) -> int:
    """Compare what is there."""
    check_options(options)
    from studygrid.commands.run_comparison import FOLDER, compare, frames_there, publish
    from studygrid.configurations.custom_study import folders_of

    config = config_of(options)
    with contextlib.chdir(clone()):
        folders = folders_of(config, options.results)
        found = compare(options.metrics_dir or frames_there(folders))
        project = _project(config, options, with_runs=options.metrics_dir is None)
        publish(found, folders.results / FOLDER, project)
    return 0


@contextlib.contextmanager
def _study(
    config: Path, options: argparse.Namespace
) -> Iterator[tuple[Path | None, Plan, Plan, str]]:
    """Make the study that is meant: its file where it is not the default, plan, part, and words."""
    from studygrid.plan import read_plan

    if not options.config:
        plan = read_plan(config)
        part = _part(plan, options, config, None)
        yield config if options.configfile else None, plan, part, ""
        return
    from studygrid.configurations.custom_study import custom_study
    from studygrid.configurations.made_study import Asked

    asked = Asked(
        options.config,
        named(options, "preset"),
        named(options, "models"),
        options.results,
        options.replace,
        words_of(options),
    )

    def part_in(study: MadeStudy) -> Plan:
        return _part(study.plan, options, config, study.models)

    with custom_study(config, asked, accept=part_in, dry_run=options.dry_run) as study:
        yield study.file, study.plan, part_in(study), str(study)


def _part(
    plan: Plan, options: argparse.Namespace, config: Path, models: Sequence[str] | None
) -> Plan:
    """Return the part of a study that is meant; refuse one that --vae-project cannot hold."""
    project = _project(config, options)
    if project is not None:
        from studygrid.commands.run_comparison import check_place
        from studygrid.interchange.vae_export import check_family

        check_family(plan.family)
        check_place(project)
    return part_of(plan, options, config, models)


def _announcement(plan: Plan, part: Plan, said: str) -> str:
    """Return what is started, and how much of it is done already."""
    from studygrid.execution.session import describe
    from studygrid.results.rows import MISSING, is_failed, run_rows

    rows = run_rows(part, Path(part.study.results))
    there = [row for row in rows if row["status"] != MISSING]
    failed = sum(map(is_failed, there))
    lines = [
        describe(part),
        *([f"  {said}"] if said else []),
        f"  starting {len(part.runs)} of the study's {len(plan.runs)} runs; "
        f"{len(there)} have records already{f' ({failed} of them failed)' if failed else ''}",
    ]
    return "\n".join(lines) + "\n"


def targets(part: Plan) -> list[str]:
    """Return the files that Snakemake is asked for: of runs, of profiles, and study.yaml.

    The last is needed to aggregate what was run.
    """
    results = part.study.results
    records = ["evaluate", *(["inference"] if part.study.inference.enabled else [])]
    return [
        *(f"{results}/runs/{run.path}/{record}.json" for record in records for run in part.runs),
        *(f"{results}/profiles/{model}/res{side}.json" for model, side in part.profiled),
        f"{results}/study.yaml",
    ]


def _command(part: Plan, config: Path | None, options: argparse.Namespace) -> list[str]:
    command = [sys.executable, "-m", "snakemake", *targets(part)]
    if config is not None:
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


def _write_cells(study: StudyResults, part: Plan) -> None:
    """Write ResoMap's file of every cell that has a result now, and name those of this call."""
    from studygrid.interchange.cells import cells_of
    from studygrid.interchange.freshness import date, moment_in
    from studygrid.interchange.resomap import RESULTS_FOLDER, file_name
    from studygrid.interchange.resomap_writing import write_cells

    folder = study.folder
    moment = moment_in(folder)
    written = write_cells(study, cells_of(study), folder).files
    date(written, moment)
    asked = {folder / RESULTS_FOLDER / file_name(cell, study.plan) for cell in part.cells}
    named = [path for path in written if path in asked]
    for path in named[:_NAMED]:
        print(path)
    if len(named) > _NAMED:
        print(f"and {len(named) - _NAMED} more in {folder / RESULTS_FOLDER}/")
    without = len(asked) - len(named)
    if without:
        print(f"{without} of these {len(asked)} cells have no result yet", file=sys.stderr)
