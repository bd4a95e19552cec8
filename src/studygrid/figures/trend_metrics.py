"""Which metrics are drawn against training-set size, and where each stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from studygrid.families.base import Family, Metric
from studygrid.figures.trend_numbers import Trend

# Of metrics that each part of the predictions has, these: resolution is one by frequency, and the
# crossing at 1/7 tells little that the one at 0.5 does not.
_MEASURES = ("mae", "mse", "psnr", "ssim", "ms_ssim", "frc50_frequency")
_MOST_ROWS = 6
_COLUMNS = 2


@dataclass(frozen=True)
class Panels:
    """Which metrics are drawn, as rows of panels; None where a place is empty.

    Attributes
    ----------
    parts
        What the columns are, such as amplitude and phase, or nothing.
    """

    rows: list[list[Metric | None]]
    parts: list[str]

    @property
    def metrics(self) -> list[Metric]:
        """All of them, row by row."""
        return [metric for row in self.rows for metric in row if metric is not None]

    def label(self, metric: Metric) -> str:
        """Return what a panel's axis is called, below the name of its part."""
        label = metric.label
        for part in self.parts:
            label = label.removeprefix(f"{part} ")
        label = label.replace(" frequency", "")
        unit = f" ({metric.unit})" if metric.unit else ""
        return f"{label}{unit}\n{'higher' if metric.higher_is_better else 'lower'} is better"


def panels_of(family: Family) -> Panels:
    """Return the metrics in rows: parts as columns, or one after the other."""
    groups: dict[str, dict[str, Metric]] = {}
    for metric in family.metrics:
        own = groups.setdefault(metric.group, {})
        own[metric.name.removeprefix(f"{metric.group.lower()}_")] = metric
    parts = {
        group: own
        for group, own in groups.items()
        if all(metric.name == f"{group.lower()}_{measure}" for measure, metric in own.items())
    }
    if len(parts) < 2:
        return _in_rows([metric for metric in family.metrics if not metric.of_loss])
    every = dict.fromkeys(measure for own in parts.values() for measure in own)
    measures = [one for one in _MEASURES if one in every] or list(every)
    rows = [[own.get(measure) for own in parts.values()] for measure in measures]
    return Panels(rows[:_MOST_ROWS], list(parts))


def _in_rows(metrics: Sequence[Metric]) -> Panels:
    found: list[Metric | None] = [*metrics[: _COLUMNS * _MOST_ROWS]]
    if len(found) > 1:
        found += [None] * (-len(found) % _COLUMNS)
    columns = min(_COLUMNS, len(found))
    return Panels([found[at : at + columns] for at in range(0, len(found), columns)], [])


def with_values(panels: Panels, trends: Mapping[str, Trend]) -> Panels:
    """Return the panels without the rows of which nothing is known."""
    if not panels.parts:
        return _in_rows([one for one in panels.metrics if not trends[one.name].is_empty])
    known = [
        row
        for row in panels.rows
        if any(metric is not None and not trends[metric.name].is_empty for metric in row)
    ]
    return Panels(known, panels.parts)
