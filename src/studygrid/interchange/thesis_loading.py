"""load_runs and read_runs: runs of the facts layout, and of our own, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from studygrid.errors import NoRunsError, RecordError
from studygrid.interchange.thesis_finding import Place, find_places
from studygrid.interchange.thesis_own import read_own
from studygrid.interchange.thesis_reading import read_facts
from studygrid.interchange.thesis_rows import FactsRun, runs_frame
from studygrid.interchange.thesis_selecting import select_runs as select_runs

Folders = Sequence[str | Path] | str | Path
Select = Mapping[str, Any]
_NAMED: Final = 8


@dataclass(frozen=True)
class Facts:
    """Runs that have ended, as the guide's tables.

    Attributes
    ----------
    runs_df
        One row a run: see `studygrid.interchange.thesis_rows.COLUMNS`; then ``test_<metric>`` and
        a column for each override.
    per_epoch
        From a ``run_dir`` to its epochs: `epoch` (from 0), `split` (train or val), `train_loss`,
        `val_loss`, `epoch_time_s`, `throughput`, `max_memory_mib`, ``metric_<name>``.
    order
        The ``run_dir`` of each row of `runs_df`, in its order.
    incomplete
        Runs that were found and left out since they have not ended, each with the reason.
    problems
        Files that could not be used whole, and why.
    """

    runs_df: pd.DataFrame
    per_epoch: dict[str, pd.DataFrame]
    order: list[str]
    incomplete: list[tuple[str, str]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def load_runs(
    sweep_dir: str | Path | None = None,
    run_dirs: Folders | None = None,
    select: Select | None = None,
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], list[str]]:
    """Return `runs_df`, `per_epoch` and `order` of runs that have ended: see `read_runs`."""
    facts = read_runs(sweep_dir, run_dirs, select)
    return facts.runs_df, facts.per_epoch, facts.order


def read_runs(
    sweep_dir: str | Path | None = None,
    run_dirs: Folders | None = None,
    select: Select | None = None,
) -> Facts:
    """Read runs of the facts layout, or of our own results folders, in any mixture.

    Parameters
    ----------
    sweep_dir
        Folder of a sweep or a results folder, or a glob of such.
    run_dirs
        Run folders, or globs of such; exactly one of both is given.
    select
        Values by column: ``{"encoder": ["mlp", "gnn"]}``.

    Raises
    ------
    ConfigError
        If not exactly one of `sweep_dir` and `run_dirs` is given.
    NoRunsError
        If no run has ended, with the reason of each.
    SelectionError
        If the selection names no column, or no run has a value.
    """
    found = find_places(sweep_dir, run_dirs)
    runs: dict[str, FactsRun] = {}
    incomplete: list[tuple[str, str]] = []
    problems = list(found.problems)
    by_id: dict[str, str] = {}
    for place in found.places:
        try:
            run = _read(place)
        except RecordError as error:
            reason = str(error).removeprefix(f"{place.folder}/")
            incomplete.append((str(place.folder), reason))
            continue
        problems += [(str(path), reason) for path, reason in run.problems]
        first = by_id.setdefault(str(run.said.get("run_id") or run.run_dir), run.run_dir)
        if first != run.run_dir:
            problems.append((run.run_dir, f"is the same run as {first}: it counts once"))
            continue
        runs[run.run_dir] = run
    if not runs:
        raise NoRunsError(_nothing(sweep_dir or run_dirs, incomplete, problems))
    runs_df = select_runs(runs_frame(list(runs.values())), select)
    order = list(map(str, runs_df["run_dir"]))
    return Facts(
        runs_df=runs_df,
        per_epoch={name: runs[name].epochs for name in order},
        order=order,
        incomplete=incomplete,
        problems=problems,
    )


def _read(place: Place) -> FactsRun:
    if place.is_own:
        return read_own(place.folder, place.planned, place.study, place.dataset)
    return read_facts(place.folder)


def _nothing(
    given: Any, incomplete: Iterable[tuple[str, str]], problems: Iterable[tuple[str, str]]
) -> str:
    listed = [f"{path}: {reason}" for path, reason in (*incomplete, *problems)]
    more = [f"and {len(listed) - _NAMED} more"] if len(listed) > _NAMED else []
    looked = given if isinstance(given, str | Path) else ", ".join(map(str, given or ()))
    return "\n  ".join([f"No valid runs found in {looked}.", *listed[:_NAMED], *more])
