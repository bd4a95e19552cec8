"""A run as its event log tells it: events in, state out, without a clock and without files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import reduce
from statistics import median

from studygrid.execution.failures import RESULTS
from studygrid.records import Status
from studygrid.status.events import Event

KEPT_EPOCHS = 15


class Phase(StrEnum):
    """How far the log says that a run is, in the order in which an attempt goes through it."""

    WAITING = "waiting"
    TRAINING = "training"
    TRAINED = "trained"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Mark:
    """A step, and when it was reached."""

    at: float
    step: int


@dataclass(frozen=True, slots=True)
class RunState:
    """The last attempt at a run; all times are seconds since 1970.

    Attributes
    ----------
    attempts
        How often training was started.
    start
        When and at which step the last attempt started; a resumed run starts at its step.
    steps, epochs
        The budget of the whole run.
    epoch
        Epochs that are done.
    first, last
        The ends of the first and the last epoch since `start`; None before the first.
    epoch_sec
        Wall time of the latest epochs, validation included; a resumed run keeps those before.
    last_at
        When the last event was written.
    ended
        When and at which step training ended.
    tested_at
        When the evaluation ended.
    status
        ``ok``, ``diverged`` or ``oom`` of a run that ended; ``error`` where the machine failed it.
    failure
        What kind of failure it is, as `Failure` names them; None where the log does not say.
    trained
        Whether training ended well.
    in_evaluation
        Whether what failed is the evaluation.
    slurm_job
        The job of Slurm that wrote last, if it was one.
    earlier
        When earlier attempts were in training: (start, end) of each.
    """

    phase: Phase = Phase.WAITING
    attempts: int = 0
    process: int | None = None
    host: str | None = None
    start: Mark | None = None
    steps: int | None = None
    epochs: int | None = None
    epoch: int = 0
    first: Mark | None = None
    last: Mark | None = None
    epoch_sec: tuple[float, ...] = ()
    samples_per_sec: float | None = None
    last_at: float | None = None
    ended: Mark | None = None
    tested_at: float | None = None
    status: str | None = None
    reason: str | None = None
    failure: str | None = None
    trained: bool = False
    in_evaluation: bool = False
    slurm_job: str | None = None
    earlier: tuple[tuple[float, float], ...] = ()

    @property
    def is_result(self) -> bool:
        """Whether it ended in a record that says that it failed: that is not tried again."""
        return self.phase is Phase.FAILED and self.status in RESULTS

    @property
    def step(self) -> int:
        """The step that was last heard of."""
        mark = self.ended or self.last or self.start
        return mark.step if mark else 0

    @property
    def steps_per_sec(self) -> float | None:
        """The rate since the last start, validation included; None before the first epoch ends.

        From the end of the first epoch on where there are more: loading and compiling are over
        then.
        """
        since = self.start if self.first == self.last else self.first
        if since is None or self.last is None:
            return None
        steps, seconds = self.last.step - since.step, self.last.at - since.at
        return steps / seconds if steps > 0 and seconds > 0 else None

    @property
    def usual_epoch_sec(self) -> float | None:
        """The median wall time of its epochs; None before the first."""
        return median(self.epoch_sec) if self.epoch_sec else None

    @property
    def training_sec(self) -> float | None:
        """Wall time of a whole training that went well, scaled up where the end was resumed."""
        steps = self.steps_trained
        if self.status != Status.OK or not steps or self.start is None or self.ended is None:
            return None
        seconds = self.ended.at - self.start.at
        return seconds * self.ended.step / steps if seconds > 0 else None

    @property
    def steps_trained(self) -> int | None:
        """Steps of the last attempt, once it has ended."""
        if self.start is None or self.ended is None:
            return None
        return max(self.ended.step - self.start.step, 0)


def run_state(events: Iterable[Event], before: RunState | None = None) -> RunState:
    """Return what the events of a log say of the run, in their order and after those before."""
    return reduce(advance, events, before or RunState())


def advance(state: RunState, event: Event) -> RunState:
    """Return the state after one more event; moments that it does not know change nothing."""
    change = _CHANGES.get(event.moment)
    return state if change is None else change(state, event)


def _start(state: RunState, event: Event) -> RunState:
    step, steps, epochs = event.count("step") or 0, event.count("steps"), event.count("epochs")
    return RunState(
        phase=Phase.TRAINING,
        attempts=state.attempts + 1,
        process=event.process,
        host=event.host,
        start=Mark(event.at, step),
        steps=steps,
        epochs=epochs,
        epoch=epochs_done(step, steps, epochs),
        epoch_sec=state.epoch_sec if step else (),
        last_at=event.at,
        slurm_job=event.words("slurm_job"),
        earlier=_with_last_attempt(state),
    )


def _epoch_end(state: RunState, event: Event) -> RunState:
    if state.start is None or _is_another(event, state):
        # The line of its start is lost, and its budget with it.
        started = _start(state, event)
        epoch = event.count("epoch") or 0
        return replace(started, steps=None, epochs=None, epoch=epoch, epoch_sec=())
    if state.phase is not Phase.TRAINING:
        return state
    mark = Mark(event.at, max(event.count("step") or 0, state.step))
    lasted = max(event.at - (state.last or state.start).at, 0.0)
    return replace(
        state,
        epoch=max(event.count("epoch") or 0, state.epoch),
        first=state.first or mark,
        last=mark,
        epoch_sec=(*state.epoch_sec, lasted)[-KEPT_EPOCHS:],
        samples_per_sec=event.number("samples_per_sec"),
        last_at=event.at,
    )


def _train_end(state: RunState, event: Event) -> RunState:
    over = state.phase in (Phase.DONE, Phase.FAILED) and not _is_another(event, state)
    if over and state.phase is Phase.DONE:
        return state
    status = event.words("status")
    return replace(
        state,
        phase=Phase.TRAINED if status == Status.OK and not over else Phase.FAILED,
        epoch=max(event.count("epoch") or 0, state.epoch),
        ended=Mark(event.at, max(event.count("step") or 0, state.step)),
        status=status or "error",
        reason=event.words("reason"),
        failure=_failure(status),
        trained=status == Status.OK,
        last_at=event.at,
        slurm_job=event.words("slurm_job"),
    )


def _test_end(state: RunState, event: Event) -> RunState:
    status = event.words("status")
    return replace(
        state,
        phase=Phase.DONE if status == Status.OK else Phase.FAILED,
        tested_at=event.at,
        status=status or "error",
        reason=event.words("reason"),
        failure=_failure(status),
        in_evaluation=state.trained and status != Status.OK,
        last_at=event.at,
        slurm_job=event.words("slurm_job"),
    )


def _exception(state: RunState, event: Event) -> RunState:
    status, job = event.words("status"), event.words("job")
    # Older lines name no job.
    in_evaluation = state.trained if job is None else job == "evaluate"
    return replace(
        state,
        phase=Phase.FAILED,
        ended=state.ended or Mark(event.at, state.step),
        status=status or "error",
        reason=event.words("error"),
        failure=event.words("failure") or _failure(status),
        trained=in_evaluation,
        in_evaluation=in_evaluation,
        last_at=event.at,
        slurm_job=event.words("slurm_job"),
    )


def _retry(state: RunState, event: Event) -> RunState:
    """Return a state as it is after `studygrid retry` has removed records."""
    if event.words("job") == "infer":
        return state
    if event.words("job") == "evaluate" and state.trained:
        return replace(
            state,
            phase=Phase.TRAINED,
            tested_at=None,
            status=Status.OK,
            reason=None,
            failure=None,
            in_evaluation=False,
            last_at=event.at,
        )
    return RunState(attempts=state.attempts, last_at=event.at, earlier=_with_last_attempt(state))


_CHANGES: dict[str, Callable[[RunState, Event], RunState]] = {
    "on_start": _start,
    "on_epoch_end": _epoch_end,
    "on_train_end": _train_end,
    "on_test_end": _test_end,
    "on_exception": _exception,
    "on_retry": _retry,
}


def _failure(status: str | None) -> str | None:
    return status if status in RESULTS else None


def _is_another(event: Event, state: RunState) -> bool:
    return None not in (event.process, state.process) and event.process != state.process


def _with_last_attempt(state: RunState) -> tuple[tuple[float, float], ...]:
    if state.start is None:
        return state.earlier
    end = state.ended.at if state.ended else state.last_at
    return (*state.earlier, (state.start.at, state.start.at if end is None else end))


def epochs_done(step: int, steps: int | None, epochs: int | None) -> int:
    """Return how many epochs are done after `step` of `steps`; they are cut as `Budget.end_of`."""
    if not steps or not epochs:
        return 0
    epoch = min(step, steps) * epochs // steps
    return epoch + (epoch < epochs and (epoch + 1) * steps // epochs <= step)
