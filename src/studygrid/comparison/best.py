"""Who is best by a metric, and what the seeds can tell from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from studygrid.comparison.configurations import Configuration
from studygrid.families.base import Metric
from studygrid.results.frames import frame_rows
from studygrid.results.rows import Row
from studygrid.statistics import Summary, summarise
from studygrid.tables.rankings import BEST, NO_NOISE, NOT_TOLD_APART, TOLD_APART, TOO_FEW, ranked

# A configuration takes the place of a cell in `ranked`.
_CELL: Final = {"resolution": 0, "n_train": ""}
_SCORE: Final = "score"


@dataclass(frozen=True)
class Best:
    """Who is best by a metric among peers, and how sure that is.

    Attributes
    ----------
    name
        The best configuration; None where nobody has a value, or they cannot be ranked.
    summary
        Its mean over its seeds, which is what counts, with interval and `n`; None without one.
    planned
        How many runs it should have.
    tied
        Others with exactly this mean.
    within_noise
        Others that the paired t test on the shared seeds, with Holm's correction over the
        comparisons with the best, cannot tell from it (p of 0.05 or more).
    told_apart
        Others that it can.
    without_noise
        Others that differ from it by the same in every seed: no seed changes either.
    too_few_seeds
        Others of which nothing can be said: they share fewer than two seeds with it.
    without_value
        Configurations without a value, and why where something says it.
    not_comparable
        Why the configurations cannot be ranked by the metric.
    """

    metric: Metric
    name: str | None
    summary: Summary | None = None
    planned: int = 0
    tied: tuple[str, ...] = ()
    within_noise: tuple[str, ...] = ()
    told_apart: tuple[str, ...] = ()
    without_noise: tuple[str, ...] = ()
    too_few_seeds: tuple[str, ...] = ()
    without_value: Mapping[str, str | None] = field(default_factory=dict)
    not_comparable: str | None = None

    @property
    def value(self) -> float | None:
        """The mean of the best."""
        return self.summary.mean if self.summary else None

    def words(self) -> list[str]:
        """Return what must be said beside the name and the value, a sentence part each."""
        if self.not_comparable:
            return [self.not_comparable]
        if self.summary is None:
            return ["no run has a value", *self._without_value()]
        parts = [
            _named("exact tie with", self.tied),
            _named("within seed noise", self.within_noise),
            _named("told apart from", self.told_apart),
            _named("differs by the same in every seed from", self.without_noise),
            self._untested(),
        ]
        others = (self.tied, self.within_noise, self.told_apart, self.without_noise)
        if not any((*others, self.too_few_seeds)):
            parts.append("the only one that has a value")
        if self.metric.caution:
            parts.append(f"no merit by itself: {self.metric.caution}")
        if self.summary.n < self.planned:
            parts.append(f"over {self.summary.n} of its {self.planned} planned runs")
        return [part for part in [*parts, *self._without_value()] if part]

    def _untested(self) -> str:
        if not self.too_few_seeds:
            return ""
        if self.summary is not None and self.summary.n == 1:
            return "one seed: nothing can be said about noise"
        return _named("fewer than two shared seeds, so nothing can be said of", self.too_few_seeds)

    def _without_value(self) -> list[str]:
        reasons: dict[str | None, list[str]] = {}
        for name, why in self.without_value.items():
            reasons.setdefault(why, []).append(name)
        return [
            _named("no value", names) + (f" ({why})" if why else "")
            for why, names in reasons.items()
        ]


def _named(what: str, names: Sequence[str]) -> str:
    return f"{what}: {', '.join(names)}" if names else ""


def best_of(
    metric: Metric, configurations: Sequence[Configuration], why_not_comparable: str | None
) -> Best:
    """Return who is best by a metric, and which others may be as good.

    Parameters
    ----------
    configurations
        Peers: of one resolution, one version of the data, and one device.
    why_not_comparable
        Why the metric cannot rank them, or None.
    """
    scored = {one.name: one for one in configurations if one.values(metric.name)}
    without = {
        one.name: _why_undefined(one, metric.name)
        for one in configurations
        if one.name not in scored
    }
    if why_not_comparable or not scored:
        return Best(metric, None, without_value=without, not_comparable=why_not_comparable)
    first, *others = _ranked(metric, list(scored.values()))
    verdicts: dict[str, list[str]] = {}
    for row in others:
        verdicts.setdefault(row["verdict"], []).append(row["model"])
    best = scored[first["model"]]
    return Best(
        metric,
        best.name,
        summarise(best.values(metric.name)),
        len(best.runs),
        tied=tuple(verdicts.get(BEST, ())),
        within_noise=tuple(verdicts.get(NOT_TOLD_APART, ())),
        told_apart=tuple(verdicts.get(TOLD_APART, ())),
        without_noise=tuple(verdicts.get(NO_NOISE, ())),
        too_few_seeds=tuple(verdicts.get(TOO_FEW, ())),
        without_value=without,
    )


def _ranked(metric: Metric, configurations: Sequence[Configuration]) -> list[Row]:
    cells: list[Row] = []
    runs: list[Row] = []
    for one in configurations:
        found = summarise(one.values(metric.name))
        counts = {
            "planned": len(one.runs),
            "failed": len(one.failed),
            "missing": len(one.missing),
        }
        numbers = {"n": found.n, "mean": found.mean, "ci_low": found.ci_low}
        numbers["ci_high"] = found.ci_high
        cells.append({"model": one.name, **_CELL, "metric": _SCORE, **counts, **numbers})
        runs += [
            {"model": one.name, **_CELL, **_run(row, metric.name, len(runs) + at)}
            for at, row in enumerate(one.ok)
        ]
    return frame_rows(
        ranked(
            pd.DataFrame(cells),
            pd.DataFrame(runs),
            _SCORE,
            higher_is_better=metric.higher_is_better,
        )
    )


def _run(row: Row, metric: str, place: int) -> Row:
    # A seed that stands for an unknown one is shared with nobody.
    seed = -1 - place if row.get("numbered") is True else row["seed"]
    return {"seed": seed, "status": row["status"], _SCORE: row.get(f"test_{metric}")}


def _why_undefined(one: Configuration, metric: str) -> str | None:
    """Return why a metric has no value, as the first run that says it has it."""
    for row in one.ok:
        reasons = str(row.get("undefined") or "").split("; ")
        found = [why for why in reasons if why.startswith(f"{metric}: ")]
        if found:
            return found[0].removeprefix(f"{metric}: ")
    return None
