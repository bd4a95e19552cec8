"""What inference costs, and the test metric beside it: the numbers behind the figure cost."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.panels import seed_dots
from studygrid.figures.profiles import Profiles
from studygrid.results.study_results import StudyResults
from studygrid.statistics import pareto_front

_MEGA = 1e6


@dataclass(frozen=True)
class CostPanel:
    """One kind of cost.

    Attributes
    ----------
    name, label, unit
        Its name in the table, on the axis, and the unit of `cost`; a plain number has none.
    points
        The cells that have the cost: the columns of `chosen_cells.metric_cells`, `cost`,
        `cost_low` and `cost_high` of the latency, and `on_front`.
    dots
        The runs to draw: their axes, `value` and `cost`.
    """

    name: str
    label: str
    unit: str
    points: pd.DataFrame
    dots: pd.DataFrame


def cost_panels(study: StudyResults, profiles: Profiles, cells: pd.DataFrame) -> list[CostPanel]:
    """Return the four kinds of cost of some cells, one a (model, resolution), on one device."""
    batch = min(study.plan.study.profiling.batch_sizes)
    latency, spread = (
        profiles.table[f"profile_b{batch}_{name}_sec_per_batch"] / batch
        for name in ("median", "iqr")
    )
    on_device = profiles.table[f"profile_b{batch}_peak_device_memory_allocated_mb"]
    of_device = bool(on_device.notna().any())
    memory = on_device if of_device else profiles.table["profile_peak_host_memory_mb"]
    where = f"device, batch of {batch}" if of_device else "host, whole process"
    a_sample = "" if batch == 1 else " a sample"
    costs = [
        ("latency", f"Median latency{a_sample} (batch of {batch})", "s", latency),
        ("memory", f"Peak memory ({where})", "B", memory * _MEGA),
        ("parameters", "Parameters", "", profiles.table["profile_parameters"]),
        ("flops", "FLOPs a sample", "", profiles.table["profile_flops_per_sample"]),
    ]
    return [
        _panel(study, cells, profiles.table, name, label, unit, values, spread)
        for name, label, unit, values in costs
    ]


def _panel(
    study: StudyResults,
    cells: pd.DataFrame,
    profiles: pd.DataFrame,
    name: str,
    label: str,
    unit: str,
    values: pd.Series[float],
    spread: pd.Series[float],
) -> CostPanel:
    known = profiles[["model", "resolution"]].assign(cost=values.astype(float))
    if name == "latency":
        known = known.assign(cost_low=values - spread / 2, cost_high=values + spread / 2)
    known = known.loc[known["cost"] > 0]
    pairs = ["model", "resolution"]
    points = cells.loc[cells["n"] > 0].merge(known, on=pairs, how="inner")
    sign = 1 if study.metric.higher_is_better else -1
    points["on_front"] = pareto_front(points["cost"].to_numpy(), sign * points["mean"].to_numpy())
    dots = seed_dots(chosen.metric_runs(study), points)
    return CostPanel(name, label, unit, points, dots.merge(points[[*pairs, "cost"]], on=pairs))
