"""``studygrid retry``: re-opens failures, so that the next Snakemake runs them again."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.commands.options import add_results, add_select
from studygrid.errors import NoRunsError, SelectionError, StudygridError
from studygrid.execution.failures import RESULTS, Failure

if TYPE_CHECKING:
    from studygrid.plan import Plan
    from studygrid.retry import FailedResult
    from studygrid.status import StudyState

Selection = Mapping[str, Sequence[str]]
_ALL = "all"
_NAMED = 20
_AGAIN = "the command that started the study (`snakemake --cores all`, `studygrid run`)"
_JOBS = {
    "train": "in training",
    "evaluate": "in evaluation",
    "infer": "in inference",
    "profile": "in profiling",
}
_SAME_AGAIN = (
    "note: a run with the same settings on the same kind of device diverges again. Runs whose "
    "settings or code you change are due by themselves, without retry"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_results(parser)
    parser.add_argument(
        "--reason",
        nargs="+",
        action="extend",
        default=[],
        metavar="KIND",
        help=f"re-open what failed so: {', '.join(RESULTS)}, or {_ALL}",
    )
    add_select(parser, "; profiles are left out where it names sizes or seeds")
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="say what would be re-opened, and do nothing"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from studygrid.results.selection import parse_selection
    from studygrid.retry import failed_results

    reasons = _checked(options.reason)
    selection = parse_selection(options.select)
    folder: Path = options.results
    failed = failed_results(_plan(folder), folder, selection)
    machine = _of_machines(folder, selection)
    if not reasons:
        _print_choices(failed, machine, folder)
        if not failed:
            return 0
        if options.dry_run or options.yes or not _is_terminal():
            print(f"name what to re-open: --reason {' or '.join([*_choices(failed), _ALL])}")
            return 0
        reasons = _asked(failed)
    chosen = [f for f in failed if _ALL in reasons or f.status in reasons]
    _tell_of_machines(reasons, machine)
    if not chosen:
        return _nothing(reasons, failed)
    _print_chosen(chosen)
    if options.dry_run:
        print(f"would re-open {_some(chosen)}; nothing was changed")
        return 0
    if not options.yes and not _confirmed(chosen):
        print("nothing was changed")
        return 0
    return _reopen(chosen, folder)


def _checked(given: Sequence[str]) -> list[str]:
    """Return the kinds that are named; they may stand apart or with commas."""
    reasons = [reason for text in given for reason in text.split(",") if reason]
    known = [*map(str, Failure), _ALL]
    for reason in reasons:
        if reason not in known:
            close = difflib.get_close_matches(reason, known, n=1, cutoff=0.6)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise SelectionError(
                f"--reason {reason}: is no kind of failure{hint} (results, which can be "
                f"re-opened: {', '.join(RESULTS)}, {_ALL})"
            )
    return list(dict.fromkeys(reasons))


def _plan(folder: Path) -> Plan:
    from studygrid.plan import read_plan

    file = folder / "study.yaml"
    if not file.is_file():
        raise NoRunsError(
            f"{file} is not there: {folder} is no results folder, or nothing has run in it yet; "
            "name the results folder of a study: studygrid retry FOLDER"
        )
    return read_plan(file, check_files=False)


def _of_machines(folder: Path, selection: Selection) -> Counter[str]:
    """Return how many runs and jobs a machine failed, by kind: they have no record."""
    from studygrid.status import StudyReader

    study: StudyState = StudyReader(folder, selection or None).read()
    return Counter({count.kind: count.total for count in study.failures if not count.is_result})


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _choices(failed: Sequence[FailedResult]) -> list[str]:
    from studygrid.retry import by_status

    return list(by_status(failed))


def _print_choices(
    failed: Sequence[FailedResult], machine: Mapping[str, int], folder: Path
) -> None:
    from studygrid.retry import by_status

    if failed:
        print(f"{folder}: failures that are results; nothing tries them again by itself")
        for status, members in by_status(failed).items():
            jobs = Counter(_JOBS[member.job] for member in members)
            print(f"  {status}: {', '.join(f'{n} {where}' for where, n in jobs.items())}")
    else:
        print(f"{folder}: nothing to re-open: no record says that anything failed")
    _tell_of_machines([_ALL], machine)


def _tell_of_machines(reasons: Sequence[str], machine: Mapping[str, int]) -> None:
    """Say of failures that left no record that they need no re-opening."""
    asked = [r for r in reasons if r != _ALL and r not in RESULTS]
    shown = {k: n for k, n in machine.items() if _ALL in reasons or k in asked}
    for kind in asked:
        if kind not in shown:
            print(f"nothing failed as {kind}")
    if shown:
        listed = ", ".join(f"{count} {kind}" for kind, count in shown.items())
        print(f"failed by a machine, {listed}: no re-opening is needed, {_AGAIN} goes on with them")


def _asked(failed: Sequence[FailedResult]) -> list[str]:
    choices = [*_choices(failed), _ALL]
    answer = _answer(f"re-open which? [{'/'.join(choices)}/none] ").replace(",", " ").split()
    if not answer or answer == ["none"]:
        raise StudygridError("nothing was chosen, and nothing was changed")
    wrong = [word for word in answer if word not in choices]
    if wrong:
        raise SelectionError(f"{wrong[0]}: is none of {', '.join(choices)}; nothing was changed")
    return answer


def _answer(question: str) -> str:
    try:
        return input(question).strip().lower()
    except EOFError:
        return ""


def _confirmed(chosen: Sequence[FailedResult]) -> bool:
    if not _is_terminal():
        raise StudygridError(
            f"--yes is needed to re-open {_some(chosen)} where nobody can be asked; "
            "--dry-run lists them"
        )
    return _answer(f"re-open {_some(chosen)}? [y/N] ") in ("y", "yes")


def _nothing(reasons: Sequence[str], failed: Sequence[FailedResult]) -> int:
    wanted = [reason for reason in reasons if reason == _ALL or reason in RESULTS]
    if not wanted:
        return 0
    there = Counter(f.status for f in failed)
    listed = ", ".join(f"{count} {status}" for status, count in there.items()) or "none at all"
    raise SelectionError(
        f"nothing chosen failed as {' or '.join(wanted)} (failed results there: {listed})"
    )


def _print_chosen(chosen: Sequence[FailedResult]) -> None:
    from studygrid.retry import ending

    for failed in chosen[:_NAMED]:
        print(f"  {failed.job:<9} {failed.name}  {ending(failed)}")
    if len(chosen) > _NAMED:
        print(f"  and {len(chosen) - _NAMED} more")
    if any(failed.status == Failure.DIVERGED for failed in chosen):
        print(_SAME_AGAIN)


def _reopen(chosen: Sequence[FailedResult], folder: Path) -> int:
    from studygrid.retry import nobody_writes, reopen

    done, refused = 0, []
    with nobody_writes(folder):
        for failed in chosen:
            try:
                reopen(failed)
            except StudygridError as error:
                refused.append(str(error))
            else:
                done += 1
    print(
        f"re-opened {done}: `snakemake --cores all` or `studygrid run` runs them again (not a call "
        "that names a table alone); until then the tables stay as they are"
    )
    if refused:
        raise StudygridError("\n".join([f"{len(refused)} were left as they are:", *refused]))
    return 0


def _some(chosen: Sequence[FailedResult]) -> str:
    jobs = Counter(failed.job for failed in chosen)
    runs = jobs["train"] + jobs["evaluate"] + jobs["infer"]
    parts = [(runs, "run"), (jobs["profile"], "profile")]
    return " and ".join(f"{n} {what}{'' if n == 1 else 's'}" for n, what in parts if n)
