"""One call of Snakemake on a study: what it prints first, and the lock it holds meanwhile."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from studygrid.execution.locks import try_hold
from studygrid.execution.workers import Server
from studygrid.plan import Plan
from studygrid.study import AXES


class Session:
    """A call of Snakemake.

    Parameters
    ----------
    plan
        The study.
    results
        Its results folder.
    workflow
        Snakemake's workflow object.
    """

    def __init__(self, plan: Plan, results: Path, workflow: Any) -> None:
        self._plan, self._results, self._workflow = plan, results, workflow
        self._held: int | None = None
        self._server: Server | None = None

    def greet(self) -> None:
        """Print the grid, once a call: not again in the processes that Snakemake starts."""
        if not self._workflow.is_main_process:
            return
        print(describe(self._plan), file=sys.stderr)
        if not self._workflow.dryrun:
            self._held = drop_stale_locks(Path(".snakemake"))

    def start(self) -> None:
        """Print what is to be done, before the first job."""
        if not self._workflow.is_main_process:
            return
        dag = self._workflow.dag
        to_do = Counter(job.rule.name for job in dag.needrun_jobs())
        to_do.pop("all", None)
        total = sum(job.rule.name != "all" for job in dag.jobs)
        listed = ", ".join(f"{count} {rule}" for rule, count in to_do.items())
        print(
            f"  jobs to do: {to_do.total()}{f' ({listed})' if listed else ''}; "
            f"jobs done: {total - to_do.total()}\n",
            file=sys.stderr,
        )
        if self._is_plain_local() and to_do.total() > to_do["study"]:
            self._server = Server()

    def end(self) -> None:
        """Clean up after the last job."""
        if self._server is not None:
            self._server.stop()

    def _is_plain_local(self) -> bool:
        """Tell whether jobs run here, with this Python: only then can they be forked."""
        workflow = self._workflow
        return (
            self._plan.study.execution.warm_workers
            and workflow.local_exec
            and not workflow.deployment_settings.deployment_method
        )


def describe(plan: Plan) -> str:
    """Return the grid in words: axes, cells, runs."""
    unit = plan.family.resolution_unit
    lines = [f"{plan.study.name}: {plan.family.name} on {plan.dataset.name}"]
    for axis in AXES:
        values = [str(value) for value in plan.axis(axis)]
        shown = ", ".join(values if len(values) <= 12 else [*values[:10], "…", values[-1]])
        suffix = f" {unit}" if axis == "resolution" else ""
        lines.append(f"  {axis:<10} {len(values):>3}: {shown}{suffix}")
    cells, runs = len(plan.cells), len(plan.runs)
    lines.append(f"  {cells} cells, {runs} runs, {len(plan.profiled)} profiles")
    lines.append(f"  results in {plan.study.results}/")
    return "\n".join(lines)


def drop_stale_locks(folder: Path) -> int | None:
    """Hold the working directory, and drop the locks of a Snakemake that was killed.

    Snakemake's own locks are files that outlive a SIGKILL. This one dies with the process that
    holds it: where it is free, no other call is alive and Snakemake's locks are stale.

    Returns
    -------
    The lock's file descriptor, open until the process ends; None if another call is alive.
    """
    held = try_hold(folder / "studygrid.lock")
    stale = folder / "locks"
    if held is not None and stale.is_dir() and any(stale.iterdir()):
        shutil.rmtree(stale)
        stale.mkdir()
        print(f"dropped the stale locks of a killed Snakemake in {stale}", file=sys.stderr)
    return held
