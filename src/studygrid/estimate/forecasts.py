"""The forecast of each job to do, and what they add up to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from studygrid.estimate.costs import Forecast, SimpleCosts
from studygrid.estimate.evidence import Evidence, evaluating, preparing, profiling
from studygrid.estimate.inferences import inference_forecast
from studygrid.estimate.said import JobNames, Said, cell_path
from studygrid.estimate.shard_times import sharding
from studygrid.estimate.spread import Noise, Z
from studygrid.estimate.sums import Columns, Draws, Range, range_of
from studygrid.estimate.todo import ToDo
from studygrid.estimate.work import Works
from studygrid.grid import Run
from studygrid.plan import Plan

# Profiles that nothing was measured of: warm-up and measuring, which the config limits.
_UNMEASURED_SD = math.log(2) / Z


@dataclass(frozen=True, slots=True)
class Row:
    """The runs to train of one model at one resolution.

    Attributes
    ----------
    one, all_runs
        Time of the train job of one of them (of the longest cell), and of all.
    basis
        What it rests on; None where nothing is known, and then there are no times.
    """

    model: str
    resolution: int
    runs: int
    one: Range | None = None
    all_runs: Range | None = None
    basis: str | None = None
    is_scaled: bool = False


class Forecasts:
    """The forecast of each job to do."""

    def __init__(self, plan: Plan, results: Path, jobs: ToDo, evidence: Evidence) -> None:
        self._evidence = evidence
        self._works = Works(plan, results)
        self.jobs: list[tuple[Forecast, Noise]] = []
        self._rules: dict[str, list[int]] = {rule: [] for rule in jobs.jobs}
        self._missing: dict[str, int] = dict.fromkeys(jobs.jobs, 0)
        self._train: dict[Run, int] = {}
        self._scored: list[Run] = []
        self._todo, self._to_train = jobs, set(jobs.train)
        shard = [
            self._add("shard", evidence.shard.forecast(sharding(spec)), evidence.shard.noise)
            for spec in jobs.shard
        ]
        prepare = [
            self._add("prepare", evidence.prepare.forecast(preparing(side)), evidence.prepare.noise)
            for side in jobs.prepare
        ]
        chains = {run: self._chain(run) for run in jobs.evaluate}
        infer = [self._infer(run, plan) for run in jobs.infer]
        profile = [
            self._add("profile", _profile_forecast(plan, evidence.profile), evidence.profile.noise)
            for _ in jobs.profile
        ]
        self.columns = Columns(
            prepare=[column for column in prepare if column is not None],
            chains=[found for found in chains.values() if found],
            profile=[column for column in profile if column is not None],
            shard=[column for column in shard if column is not None],
            infer=[column for column in infer if column is not None],
        )

    @property
    def unknown(self) -> int:
        """Runs to train of which nothing is known."""
        return self._missing["train"]

    def _add(self, rule: str, forecast: Forecast | None, noise: Noise) -> int | None:
        if forecast is None:
            self._missing[rule] += 1
            return None
        self.jobs.append((forecast, noise))
        self._rules[rule].append(len(self.jobs) - 1)
        return len(self.jobs) - 1

    def _chain(self, run: Run) -> list[int]:
        evidence, work = self._evidence, self._works.of(run)
        columns = []
        if run in self._to_train:
            forecast = None if work is None else evidence.train.forecast(work)
            column = self._add("train", forecast, evidence.train.noise)
            if column is None:
                self._missing["evaluate"] += 1
                return []
            self._train[run] = column
            columns.append(column)
        scoring = None
        if work is not None:
            scoring = evidence.evaluate.forecast(evaluating(work.kind))
        column = self._add("evaluate", scoring, evidence.evaluate.noise)
        if column is None:
            return columns
        self._scored.append(run)
        return [*columns, column]

    def _infer(self, run: Run, plan: Plan) -> int | None:
        evidence, work = self._evidence, self._works.of(run)
        if work is None:
            return self._add("infer", None, evidence.infer.noise)
        evaluation = evidence.evaluate.forecast(evaluating(work.kind))
        autocast = plan.study.inference.autocast
        shortened = any(job.on_gpu for job in evidence.jobs) if autocast == "auto" else autocast
        twice = shortened and not plan.models[run.model].architecture.fits
        forecast = inference_forecast(
            evidence.infer, evaluation, work.kind, passes=2 if twice else 1
        )
        noise = evidence.infer.noise if evidence.infer.times else evidence.evaluate.noise
        return self._add("infer", forecast, noise)

    def by_rule(self, times: Draws, widening: float) -> dict[str, Range | None]:
        """Return the time of all jobs of each rule; None where none of some is known."""
        return {
            rule: Range.of(times[:, columns].sum(axis=1)).widened(widening)
            if columns or not self._missing[rule]
            else None
            for rule, columns in self._rules.items()
        }

    def rows(self, times: Draws, widening: float) -> list[Row]:
        """Return a row for each model and resolution that has runs to train."""
        pairs: dict[tuple[str, int], list[Run]] = {}
        for run in self._todo.train:
            pairs.setdefault((run.model, run.resolution), []).append(run)
        return [self._row(pair, runs, times, widening) for pair, runs in pairs.items()]

    def _row(
        self, pair: tuple[str, int], runs: Sequence[Run], times: Draws, widening: float
    ) -> Row:
        columns = [self._train[run] for run in runs if run in self._train]
        if not columns:
            return Row(*pair, runs=len(runs))
        longest = max(columns, key=lambda column: self.jobs[column][0].log)
        forecast, noise = self.jobs[longest]
        return Row(
            *pair,
            runs=len(runs),
            one=range_of(forecast, noise).widened(widening),
            all_runs=Range.of(times[:, columns].sum(axis=1)).widened(widening),
            basis=forecast.basis,
            is_scaled=forecast.is_scaled,
        )

    def cells(self) -> dict[str, Range]:
        """Return the range of one train job of each cell, by its path."""
        found = {cell_path(run): column for run, column in self._train.items()}
        return {path: range_of(*self.jobs[column]) for path, column in found.items()}

    def said(self, times: Draws, walls: Draws, widening: float, workers: int) -> Said:
        """Return what the estimate says of all jobs but those of the data and of inference.

        No record holds the time of the former.

        Parameters
        ----------
        walls
            The wall clock of these jobs.
        """
        used = [*chain.from_iterable(self.columns.chains), *self.columns.profile]
        whole = not self._missing["train"] + self._missing["evaluate"]
        return Said(
            jobs=JobNames.of(self._train, self._scored, self._todo.profile),
            workers=workers,
            computing=Range.of(times[:, used].sum(axis=1)).widened(widening),
            wall=Range.of(walls).widened(widening) if whole else None,
        )

    def early_stopping(self, evidence: Evidence) -> bool | None:
        """Return whether it is known how early runs stop; None where no run may."""
        works = (self._works.of(run) for run in self._train)
        if not any(work is not None and work.may_stop_early for work in works):
            return None
        return evidence.train.early_stopping_known


def _profile_forecast(plan: Plan, costs: SimpleCosts) -> Forecast:
    config = plan.study.profiling
    found = costs.forecast(profiling(config.model_dump(mode="json")))
    if found is not None:
        return found
    seconds = len(config.batch_sizes) * (config.warmup_sec + config.measure_sec)
    return Forecast(math.log(seconds), "profile", _UNMEASURED_SD, "the config's warm-up and time")
