"""Configurations side by side: the table, who may be ranked against whom, and who is best."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from studygrid.comparison.best import Best, best_of
from studygrid.comparison.configurations import NEEDED, Configuration, configurations_of
from studygrid.errors import DataError
from studygrid.families.base import Metric
from studygrid.losses import differing, loss_of, unknown_words, words
from studygrid.plan import Plan
from studygrid.results.frames import frame_rows
from studygrid.results.rows import Row
from studygrid.statistics import summarise

LossKey = tuple[str, str]
_NUMBERS = ("mean", "sd", "ci_low", "ci_high", "n")


@dataclass(frozen=True)
class Peers:
    """Configurations whose numbers may be ranked against each other.

    They have one resolution, one version of the data, and one device.

    Attributes
    ----------
    device, data
        None where nothing says what it is: then it cannot be told whether it is the same.
    """

    resolution: int
    device: str | None
    data: str | None
    configurations: tuple[Configuration, ...]

    @property
    def names(self) -> list[str]:
        """The names of the configurations."""
        return [one.name for one in self.configurations]


@dataclass(frozen=True)
class Comparison:
    """Configurations side by side.

    Attributes
    ----------
    table
        One row a configuration, in the order of the frame: `configuration` (its name), `study`,
        `model`, `resolution`, `n_train`, `device`, `data_sha256`, `peers` (the number of the
        group that it is ranked in, from 1 on; none where no run ended well), the counts
        `planned`, `ok`, `failed` and `missing`, and of each metric ``test_<metric>_mean``,
        ``_sd``, ``_ci_low``, ``_ci_high`` (Student's t at 95 %) and ``_n``, the runs that have
        a value.
    metrics
        The metrics, in their order.
    configurations
        Those of the table.
    peers
        Who is ranked against whom; configurations without a run that ended well are in none.
    losses
        What is known of the losses, by study and model.
    """

    table: pd.DataFrame
    metrics: tuple[Metric, ...]
    configurations: tuple[Configuration, ...]
    peers: tuple[Peers, ...]
    losses: Mapping[LossKey, Mapping[str, Any]]

    def best(self, metric: str) -> tuple[Best, ...]:
        """Return who is best by a metric in each group of peers, in their order.

        Raises
        ------
        KeyError
            If the metric is not one of the comparison.
        """
        found = {one.name: one for one in self.metrics}[metric]
        return tuple(self.best_among(peers, found) for peers in self.peers)

    def best_among(self, peers: Peers, metric: Metric) -> Best:
        """Return who is best by a metric in one group of peers."""
        key = (peers.names[0], metric.name)
        if key not in self._found:
            why = self._why_not_comparable(peers, metric)
            self._found[key] = best_of(metric, peers.configurations, why)
        return self._found[key]

    @cached_property
    def _found(self) -> dict[tuple[str, str], Best]:
        """What was asked for before, by the first of the peers and the metric."""
        return {}

    def _why_not_comparable(self, peers: Peers, metric: Metric) -> str | None:
        if not metric.of_loss:
            return None
        there = [one for one in peers.configurations if one.values(metric.name)]
        unknown = [one.name for one in there if _key(one) not in self.losses]
        if len(there) > 1 and unknown:
            return unknown_words(metric, unknown)
        found = differing({one.name: self.losses.get(_key(one), {}) for one in there})
        return words(metric, found) if found else None


def compare_runs(
    frame: pd.DataFrame,
    metrics: Sequence[Metric],
    *,
    losses: Mapping[LossKey, Mapping[str, Any]] | None = None,
    shown_axes: Collection[str] = (),
) -> Comparison:
    """Compare the configurations whose runs a frame has.

    A configuration is a (study, model, resolution, n_train) with its seeds. Configurations are
    ranked only against those of the same resolution, the same data and the same device.

    Parameters
    ----------
    frame
        One row a run: the columns of aggregated_metrics.csv, and `study` where there are
        several. Of these `model`, `resolution`, `n_train`, `seed` and `status` must be there.
        Where a column `numbered` is true the seed is a number that stands for an unknown one:
        such runs are paired with no other.
    metrics
        The metrics; the column ``test_<name>`` of the frame holds each. One that has no column
        has no value.
    losses
        By (study, model) the options that the value of the loss depends on, as `losses_of` has
        them. A metric with `of_loss` ranks only configurations whose losses are known and equal.
    shown_axes
        `resolution` or `n_train` where it is in every name, even where it does not differ.

    Raises
    ------
    DataError
        If the frame has no run, lacks one of these columns, or has a run twice.
    """
    configurations = tuple(configurations_of(_rows(frame), shown_axes))
    peers = tuple(_peers(configurations))
    place = {name: at for at, group in enumerate(peers, 1) for name in group.names}
    rows = [_row(one, metrics, place.get(one.name)) for one in configurations]
    whole = ["peers", "planned", "ok", "failed", "missing"]
    table = pd.DataFrame(rows).astype(dict.fromkeys(whole, "Int64"))
    numbers = {
        f"test_{metric.name}_{name}": "Int64" if name == "n" else "float64"
        for metric in metrics
        for name in _NUMBERS
    }
    return Comparison(table.astype(numbers), tuple(metrics), configurations, peers, losses or {})


def losses_of(plan: Plan, study: str = "") -> dict[LossKey, dict[str, Any]]:
    """Return the losses of a study's models, for `compare_runs`.

    Parameters
    ----------
    study
        What the column `study` of the frame has for its runs.
    """
    return {(study, name): loss_of(model) for name, model in plan.models.items()}


def _rows(frame: pd.DataFrame) -> list[Row]:
    lacking = [name for name in NEEDED if name not in frame]
    if lacking:
        raise DataError(f"a frame to compare has no column {', '.join(lacking)}")
    if frame.empty:
        raise DataError("there is no run to compare")
    return frame_rows(frame)


def _peers(configurations: Iterable[Configuration]) -> list[Peers]:
    groups: dict[tuple[int, str | None, str | None], list[Configuration]] = {}
    for one in configurations:
        if one.ok:
            groups.setdefault((one.resolution, one.device, one.data), []).append(one)
    return [
        Peers(resolution, device, data, tuple(own))
        for (resolution, device, data), own in groups.items()
    ]


def _row(one: Configuration, metrics: Sequence[Metric], peers: int | None) -> Row:
    row: Row = {
        "configuration": one.name,
        "study": one.study,
        "model": one.model,
        "resolution": one.resolution,
        "n_train": one.n_train,
        "device": one.device,
        "data_sha256": one.data,
        "peers": peers,
        "planned": len(one.runs),
        "ok": len(one.ok),
        "failed": len(one.failed),
        "missing": len(one.missing),
    }
    for metric in metrics:
        found = summarise(one.values(metric.name))
        row |= {f"test_{metric.name}_{name}": getattr(found, name) for name in _NUMBERS}
    return row


def _key(one: Configuration) -> LossKey:
    return one.study, one.model
