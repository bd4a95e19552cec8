"""What Slurm knows of the jobs that event logs name, kept: it is asked now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from studygrid.execution.slurm import Ask, SlurmError, SlurmJob, ask, states_of

# A screen stands still meanwhile.
_ASK_SEC = 5.0
_ASK_AGAIN_SEC = 15.0
# After no answer: each question may take as long as `_ASK_SEC`.
_NO_ANSWER_SEC = 60.0
_ask: Ask = partial(ask, timeout_sec=_ASK_SEC)


class SlurmJobs:
    """The jobs of Slurm that were asked for, as they were when it was asked last.

    Parameters
    ----------
    ask_slurm
        Runs a command and returns what it prints.
    clock
        Tells the time in seconds.

    Attributes
    ----------
    problem
        Why Slurm gave no answer when it was asked last.
    """

    def __init__(self, ask_slurm: Ask = _ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask_slurm, clock
        self._known: dict[str, SlurmJob] = {}
        self._asked: set[str] = set()
        self._asked_at: float | None = None
        self._is_there = True
        self.problem: str | None = None

    def refresh(self, numbers: Iterable[str]) -> Mapping[str, SlurmJob]:
        """Return what is known of jobs; what is older than some seconds is asked again."""
        wanted = sorted({number for number in numbers if number.isdecimal()}, key=int)
        if not wanted or not self._is_there:
            return {}
        pause = _NO_ANSWER_SEC if self.problem else _ASK_AGAIN_SEC
        since = None if self._asked_at is None else self._clock() - self._asked_at
        is_new = not self.problem and bool(set(wanted) - self._asked)
        if since is None or since >= pause or is_new:
            self._refresh(wanted)
        return {number: self._known[number] for number in wanted if number in self._known}

    def _refresh(self, wanted: Sequence[str]) -> None:
        self._asked_at = self._clock()
        self._asked.update(wanted)
        ended = {number: job for number, job in self._known.items() if job.has_ended}
        try:
            found = states_of(wanted, ended, self._ask)
        except SlurmError as error:
            if error.kind == "missing":
                self._is_there = False  # the results of a cluster, read elsewhere
            else:
                self.problem = str(error)
        else:
            self.problem = None
            # What the controller has forgotten and nobody keeps accounts of is not known any more.
            self._known = {**ended, **found}
