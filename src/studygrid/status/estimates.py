"""How long a run takes, from what others took: measured numbers alone, or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from statistics import median

from studygrid.grid import Run
from studygrid.records import Status
from studygrid.status.run_state import Phase, RunState

Budget = Callable[[Run], int | None]


class Estimates:
    """What runs that trained tell of the others.

    Parameters
    ----------
    states
        The states of all runs.
    planned_steps
        Gives the optimiser steps of a run by the plan; None where it cannot be known from it.
    """

    def __init__(self, states: Mapping[Run, RunState], planned_steps: Budget) -> None:
        self._planned_steps = planned_steps
        whole: dict[Hashable, list[float]] = defaultdict(list)
        a_step: dict[Hashable, list[float]] = defaultdict(list)
        so_far: dict[Hashable, list[float]] = defaultdict(list)
        steps: dict[Hashable, int] = {}
        for run, state in states.items():
            if state.steps is not None:
                steps[run.model, run.n_train] = state.steps
            seconds = state.training_sec
            if state.status == Status.OK and seconds is not None and state.ended is not None:
                whole[run.cell].append(seconds)
                a_step[run.model, run.resolution].append(seconds / state.ended.step)
            elif state.phase is Phase.TRAINING and state.steps_per_sec is not None:
                so_far[run.model, run.resolution].append(1 / state.steps_per_sec)
        self._whole = {cell: median(values) for cell, values in whole.items()}
        self._a_step = {pair: median(values) for pair, values in {**so_far, **a_step}.items()}
        self._steps = steps
        self.steps = cache(self._find_steps)

    def whole_sec(self, run: Run, state: RunState) -> float | None:
        """Return the wall time of a whole training.

        The median of its cell; else the median time of a step of its model and resolution, times
        its steps; else None. While none of these is done, those in training tell of a step.
        """
        known = self._whole.get(run.cell)
        if known is not None:
            return known
        a_step = self._a_step.get((run.model, run.resolution))
        steps = self.steps(run) if state.steps is None else state.steps
        return None if a_step is None or steps is None else a_step * steps

    def left_sec(self, run: Run, state: RunState, now: float) -> float | None:
        """Return the time left of a run in training; of its own rate where it has one."""
        if state.start is None:
            return None
        rate, steps = state.steps_per_sec, state.steps
        if rate is not None and steps is not None and state.last is not None:
            left = (steps - state.last.step) / rate
            return max(left - _age(state.last.at, now), 0.0)
        whole = self.whole_sec(run, state)
        if whole is None or not steps:
            return None
        left = whole * (steps - state.start.step) / steps
        return max(left - _age(state.start.at, now), 0.0)

    def rest_sec(self, run: Run, state: RunState) -> float | None:
        """Return the time that a run needs which is not in training; it goes on at its step."""
        whole = self.whole_sec(run, state)
        if whole is None or not state.steps:
            return whole
        return whole * max(state.steps - state.step, 0) / state.steps

    def epoch_sec(self, run: Run, state: RunState) -> float | None:
        """Return the usual wall time of an epoch of a run."""
        if state.usual_epoch_sec is not None:
            return state.usual_epoch_sec
        whole = self.whole_sec(run, state)
        return None if whole is None or not state.epochs else whole / state.epochs

    def _find_steps(self, run: Run) -> int | None:
        planned = self._planned_steps(run)
        return self._steps.get((run.model, run.n_train)) if planned is None else planned


def _age(at: float, now: float) -> float:
    # The writer's clock may be ahead of ours.
    return max(now - at, 0.0)
