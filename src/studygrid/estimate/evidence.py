"""What is known of one device: the costs of each rule's jobs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from studygrid.estimate.costs import PilotTime, SimpleCosts, SimpleTime, TrainCosts, TrainTime
from studygrid.estimate.inferences import inference_times
from studygrid.estimate.measured import Job, Measured, Trained
from studygrid.estimate.pilots import Pilots
from studygrid.estimate.shard_times import shard_times
from studygrid.estimate.work import Kind
from studygrid.plan import Plan
from studygrid.spec import to_json


class Evidence:
    """What is known of one device: the costs of each rule's jobs.

    Parameters
    ----------
    plan
        The study.
    measured, pilots
        What was measured, on any device.
    device
        The one that counts.
    """

    def __init__(self, plan: Plan, measured: Measured, pilots: Pilots, device: str | None) -> None:
        self.device = device
        here = [run for run in measured.trained.values() if run.job.device == device]
        self.trained = [run for run in here if run.is_measure]
        self.pilots = pilots.on(device)
        unit = plan.family.resolution_unit
        dimension = 2.0 if unit == "px" else 1.0
        times = [_train_time(run) for run in self.trained]
        self.train = TrainCosts(times, self.pilots, dimension, unit)
        self.evaluate = SimpleCosts(
            "evaluate", [*_evaluations(here, device), *_of_pilots(self.pilots)], dimension, unit
        )
        self.profile = SimpleCosts("profile", _profiles(measured, device), 0.0)
        self.prepare = SimpleCosts("prepare", pilots.preparations(), dimension, unit)
        self.infer = SimpleCosts("infer", inference_times(plan, here, device), dimension, unit)
        self.shard = SimpleCosts("shard", shard_times(plan), 1.0, "samples")
        self.jobs = [*self._jobs(here)]

    def _jobs(self, here: Sequence[Trained]) -> list[Job]:
        scored = [done.job for run in here for done in (run.scored, run.inferred) if done]
        return [run.job for run in here] + [job for job in scored if job.device == self.device]


def evaluating(kind: Kind) -> Kind:
    """Return the kind of an evaluation: it does not depend on the batch of training."""
    return Kind(kind.code, kind.resolution, 1)


def preparing(side: int) -> Kind:
    """Return the kind of a preparation."""
    return Kind("prepare", side, 1)


def profiling(spec: Mapping[str, object]) -> Kind:
    """Return the kind of a profile: how long it measures, the config says."""
    return Kind(hashlib.sha256(to_json(spec).encode()).hexdigest()[:16], 1, 1)


def _train_time(run: Trained) -> TrainTime:
    assert run.kind is not None
    return TrainTime(
        kind=run.kind,
        steps=max(run.steps, 1),
        epochs=run.epochs,
        train_sec=run.train_sec,
        seconds=run.seconds,
        validation_sec=run.validation_sec,
        at=run.job.end,
        share=run.steps / run.budget_steps if run.budget_steps else 1.0,
        may_stop_early=run.may_stop_early,
    )


def _evaluations(here: Sequence[Trained], device: str | None) -> list[SimpleTime]:
    return [
        SimpleTime(evaluating(run.kind), run.scored.job.seconds, run.scored.job.end)
        for run in here
        if run.is_measure and run.kind and run.scored and run.scored.job.device == device
    ]


def _of_pilots(pilots: Sequence[PilotTime]) -> list[SimpleTime]:
    return [
        SimpleTime(evaluating(pilot.kind), pilot.evaluate_sec, pilot.at, is_pilot=True)
        for pilot in pilots
        if pilot.evaluate_sec is not None
    ]


def _profiles(measured: Measured, device: str | None) -> list[SimpleTime]:
    return [
        SimpleTime(profiling(json.loads(one.spec)["profiling"]), one.job.seconds, one.job.end)
        for one in measured.profiled.values()
        if one.ended_well and one.job.device == device
    ]
