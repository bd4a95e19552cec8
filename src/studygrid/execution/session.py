"""One call of Snakemake on a study: what it checks first, prints, and holds meanwhile."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from studygrid.errors import StudygridError
from studygrid.execution.holder import Holder, this_process
from studygrid.execution.locks import HeldLock, NoFlockError, flock
from studygrid.execution.results_folder import cannot_write, check_same_study, check_writable
from studygrid.execution.results_lock import hand_back, hold_results, say_taken_over
from studygrid.execution.slurm import EXECUTOR, SlurmError, describe_jobs, jobs_of
from studygrid.execution.workers import Server
from studygrid.plan import Plan
from studygrid.study import AXES

# It names no output: beside a Snakemake that runs the study it reads what is there.
_BESIDE = {"partial"}
# They name what is to be made, and make nothing.
_TARGETS = {"all", "shards"}


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
    refusal
        The exception by which Snakemake prints a message and ends.
    """

    def __init__(
        self, plan: Plan, results: Path, workflow: Any, refusal: Callable[[str], Exception]
    ) -> None:
        self._plan, self._results, self._workflow = plan, results, workflow
        self._refusal = refusal
        self._held: tuple[HeldLock, Holder] | None = None
        self._server: Server | None = None
        self._has_started = False

    def greet(self) -> None:
        """Print the grid, once a call: not again in the processes that Snakemake starts."""
        if not self._workflow.is_main_process:
            return
        print(describe(self._plan), file=sys.stderr)
        self._workflow.execute = self._guarded(self._workflow.execute)

    def start(self) -> None:
        """Print what is to be done, before the first job; refuse what could not be written.

        Raises
        ------
        FolderError
            If a job could not write one of its files.
        """
        if not self._workflow.is_main_process:
            return
        self._has_started = True
        self._name_call()
        dag = self._workflow.dag
        jobs = list(dag.needrun_jobs())
        to_do = Counter(job.rule.name for job in jobs if job.rule.name not in _TARGETS)
        total = sum(job.rule.name not in _TARGETS for job in dag.jobs)
        listed = ", ".join(f"{count} {rule}" for rule, count in to_do.items())
        print(
            f"  jobs to do: {to_do.total()}{f' ({listed})' if listed else ''}; "
            f"jobs done: {total - to_do.total()}\n",
            file=sys.stderr,
        )
        check_writable(str(file) for job in jobs for file in (*job.output, *job.log))
        if self._is_plain_local() and to_do.total() > to_do["study"]:
            self._server = Server()

    def _guarded(self, execute: Callable[..., Any]) -> Callable[..., Any]:
        """Return what runs the workflow, with the results folder held meanwhile.

        Snakemake offers no hook before its own lock, which is that of a working folder alone,
        outlives a SIGKILL, and whose message proposes to unlock what another process holds.
        """

        def guarded(*arguments: Any, **named: Any) -> Any:
            executor = named["executor_plugin"]
            try:
                with ExitStack() as held:
                    self._enter(executor, held)
                    held.callback(self._stop_server)
                    return execute(*arguments, **named)
            except StudygridError as error:
                raise self._refusal(str(error)) from None
            except Exception as error:
                if self._plan.shards and type(error).__name__ == "LockException":
                    raise self._refusal(_locked(self._plan)) from None
                if self._has_started:
                    why = shlex.join(["studygrid", "status", str(self._results)])
                    print(f"what failed, why and what to do: {why}", file=sys.stderr)
                raise

        return guarded

    def _enter(self, executor: Any, held: ExitStack) -> None:
        check_same_study(self._plan, self._results)
        targets = set(self._workflow.dag_settings.targets)
        if executor.common_settings.dryrun_exec:
            return
        if targets and targets <= _BESIDE:
            held.callback(os.close, drop_stale_locks(Path(".snakemake")))
            return
        lock = hold_results(self._results)
        try:
            _refuse_a_second_writer(executor.name, lock.before)
            holder = this_process(executor.name)
            lock.name(holder)
        except OSError as error:
            hand_back(lock)
            raise cannot_write(self._results, error) from None
        except BaseException:
            hand_back(lock)
            raise
        held.callback(lock.release)
        self._held = lock, holder
        say_taken_over(lock)
        held.callback(os.close, drop_stale_locks(Path(".snakemake")))

    def _name_call(self) -> None:
        """Write down what Slurm calls this call's jobs, once Snakemake has said it.

        If this process is killed they are asked for by that name: other calls in the same working
        folder have jobs of their own.
        """
        executor = getattr(self._workflow.scheduler, "_executor", None)
        call = getattr(executor, "run_uuid", None)
        if self._held is None or not isinstance(call, str):
            return
        lock, holder = self._held
        with suppress(OSError):  # a full disk: they are asked for by their folder
            lock.name(replace(holder, call=call))

    def _stop_server(self) -> None:
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


def _refuse_a_second_writer(executor: str, before: Holder | None) -> None:
    """Refuse to start while Slurm jobs of a killed Snakemake run on."""
    # Nothing is known of the executor of one that was killed before it wrote down its name.
    if before is None or (before.executor or executor) != EXECUTOR:
        return
    try:
        jobs = jobs_of(before)
    except SlurmError as error:
        print(
            f"warning: whether jobs of an earlier Snakemake still run is not known: {error}",
            file=sys.stderr,
        )
        return
    if jobs:
        raise StudygridError(describe_jobs(jobs))


def _locked(plan: Plan) -> str:
    """Return what to tell where Snakemake's own lock refuses: no other study has files of ours."""
    return (
        f"another Snakemake in this folder makes shards in {plan.shard_records[0].parent}/ that "
        "this study needs, too: wait until it has ended, or run this study in a clone of its own "
        "with the same `execution.shards`. If none runs: snakemake --unlock"
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
    if plan.shards:
        samples = sum(spec.samples for spec in plan.shards)
        folder = plan.shard_records[0].parent
        lines.append(f"  {len(plan.shards)} shards of {samples:,} samples in {folder}/")
    if plan.study.inference.enabled:
        lines.append(f"  {runs} inferences, on the {plan.study.inference.dataset_split} split")
    lines.append(f"  results in {plan.study.results}/")
    return "\n".join(lines)


def drop_stale_locks(folder: Path) -> int:
    """Share the working folder with other calls, and drop the locks of a Snakemake that was killed.

    Snakemake's own locks are files that outlive a SIGKILL. This one dies with the processes that
    hold it: where nobody does, Snakemake's locks are stale. Calls on different results folders
    may share a working folder.

    Returns
    -------
    The lock's file descriptor; closing it gives the share back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder / "studygrid.lock", os.O_RDWR | os.O_CREAT, 0o644)
    stale = folder / "locks"
    try:
        if flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB) and stale.is_dir() and any(stale.iterdir()):
            shutil.rmtree(stale)
            stale.mkdir()
            print(f"dropped the stale locks of a killed Snakemake in {stale}", file=sys.stderr)
        flock(held, fcntl.LOCK_SH)
    except NoFlockError:
        pass  # Snakemake says itself how to unlock
    return held
