"""What the curves of runs say of their training, by rules that a reader can check.

Each run is looked at from its epochs.jsonl: the score that picks its weights (monitored), the
losses on both splits, and a score that is known on both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from studygrid.axes import AXES
from studygrid.families.base import Metric
from studygrid.results.study_results import StudyResults

LEAST_EPOCHS = 4
LATE = 0.75
NEAR = 0.05
# The lowest level that a trend in four epochs can reach: they are in order by chance in 1 of 24.
TREND_LEVEL = 0.05
RISE = 0.1
_LOSSES = ("train_loss", "validation_loss")

Array = NDArray[np.float64]


def curve_verdicts(study: StudyResults) -> pd.DataFrame:
    """Judge the curve of every run that ended well and has four epochs or more.

    Returns
    -------
    One row a run: its axes; `epochs`; `kept_epoch`, whose weights are scored; `settled_epoch`,
        the first whose monitored score was within 5 % of the run's best; `late`, whether that
        lies in the last quarter of the epochs of a run that spent its budget; `improving`, whether
        the scores of such a run also get better, as a trend, over the last half of its epochs;
        `never_better` than after the first epoch;
        `overfits`, whether the validation loss ends above its minimum by more than 10 % while
        the training loss falls below what it was there (None where a loss is missing);
        `early_stopped`; and `gap`, by how much the score that `gap_metric` names is better on
        the training split than on validation, at the kept epoch (NaN where it is not recorded).
    """
    gap = gap_metric(study)
    monitored = {
        name: study.family.metric(model.training.monitor)
        for name, model in study.plan.models.items()
    }
    ok = study.frame.loc[study.frame["status"] == "ok", [*AXES, "best_epoch", "stopped_by"]]
    curves = _curves(study, [f"validation_{metric.name}" for metric in monitored.values()], gap)
    rows = []
    for *axes, kept, stopped in ok.itertuples(index=False):
        curve = curves.get(tuple(axes))
        if curve is not None and len(curve["epoch"]) >= LEAST_EPOCHS:
            verdict = _verdict(curve, monitored[axes[0]], float(kept), gap)
            verdict["early_stopped"] = stopped == "early_stopping"
            # Its budget is not spent: a larger one would change nothing.
            verdict["late"] &= not verdict["early_stopped"]
            verdict["improving"] &= verdict["late"]
            rows.append(dict(zip(AXES, axes, strict=True)) | verdict)
    return pd.DataFrame(rows, columns=[*AXES, *_COLUMNS])


_COLUMNS = (
    "epochs",
    "kept_epoch",
    "settled_epoch",
    "late",
    "improving",
    "never_better",
    "overfits",
    "early_stopped",
    "gap",
)


def gap_metric(study: StudyResults) -> Metric | None:
    """Return the metric that epochs have on both splits: the study's own, or the first such.

    The loss is none: on the training split it is what is optimised (weighted, smoothed).
    """
    there = study.epochs.columns
    names = [study.metric.name, *study.family.epoch_metrics, *study.family.metric_names]
    for name in names:
        if name != "loss" and {f"train_{name}", f"validation_{name}"} <= set(there):
            return study.family.metric(name)
    return None


def _curves(
    study: StudyResults, scores: list[str], gap: Metric | None
) -> dict[tuple[Any, ...], dict[str, Array]]:
    """Return the columns of each run's epochs, in the order of the epochs."""
    both = [f"{split}_{gap.name}" for split in ("train", "validation")] if gap else []
    names = ["epoch", *dict.fromkeys([*_LOSSES, *scores, *both])]
    epochs = study.epochs.reindex(columns=[*AXES, *names])
    for name in names:
        epochs[name] = pd.to_numeric(epochs[name], errors="coerce").astype(float)
    epochs = epochs.dropna(subset=["epoch"]).sort_values("epoch", kind="stable")
    values = epochs[names].to_numpy(float)
    places = epochs.groupby(list(AXES), sort=False).indices
    return {
        key if isinstance(key, tuple) else (key,): dict(zip(names, values[rows].T, strict=True))
        for key, rows in places.items()
    }


def _verdict(
    curve: Mapping[str, Array], monitored: Metric, kept: float, gap: Metric | None
) -> dict[str, Any]:
    epochs, scores = curve["epoch"], curve[f"validation_{monitored.name}"]
    last = float(epochs[-1])
    settled, never = _settled(epochs, scores, monitored)
    late = settled > LATE * last
    return {
        "epochs": last,
        "kept_epoch": kept,
        "settled_epoch": settled,
        "late": late,
        "improving": late and _gets_better(scores, monitored),
        "never_better": never,
        "overfits": _overfits(epochs, curve["train_loss"], curve["validation_loss"]),
        "gap": np.nan if gap is None else _gap(curve, gap, kept),
    }


def _settled(epochs: Array, scores: Array, metric: Metric) -> tuple[float, bool]:
    """Return when a score came within 5 % of its best, and whether its first was its best.

    What is measured is the distance from the ideal: the metric's best bound, or zero.
    """
    sign = -1.0 if metric.higher_is_better else 1.0
    known = np.isfinite(scores)
    if not known.any():
        return np.nan, False
    scores, epochs = scores[known], epochs[known]
    best = float((sign * scores).min() * sign)
    near = sign * scores <= sign * best + NEAR * abs(best - ideal(metric))
    return float(epochs[near][0]), bool(scores[0] == best)


def _gets_better(scores: Array, metric: Metric) -> bool:
    """Tell whether the last half of the scores, or the last four, have a trend to the better.

    That the best score comes late shows nothing by itself: on a plateau with noise it does so in
    up to one run of three. Kendall's rank test, one-sided, tells those apart.
    """
    from scipy.stats import kendalltau  # takes long to import

    known = scores[np.isfinite(scores)]
    end = known[-max(LEAST_EPOCHS, -(-len(known) // 2)) :]
    order = "greater" if metric.higher_is_better else "less"
    return bool(kendalltau(np.arange(len(end)), end, alternative=order).pvalue <= TREND_LEVEL)


def ideal(metric: Metric) -> float:
    """Return the best value that a metric can take; zero where it has no bounds."""
    if metric.bounds is None:
        return 0.0
    low, high = metric.bounds
    return high if metric.higher_is_better else low


def _overfits(epochs: Array, train: Array, validation: Array) -> bool | None:
    """Tell whether validation loss ends above its minimum while training loss goes on falling."""
    known = np.isfinite(train) & np.isfinite(validation)
    if not known.any():
        return None
    epochs, train, validation = epochs[known], train[known], validation[known]
    lowest = int(validation.argmin())
    end = (epochs > LATE * epochs[-1]) & (epochs > epochs[lowest])
    if not end.any():
        return False
    rise = float(validation[end].mean() - validation[lowest])
    return bool(rise > RISE * abs(float(validation[lowest])) and train[end].mean() < train[lowest])


def _gap(curve: Mapping[str, Array], metric: Metric, kept: float) -> float:
    at = curve["epoch"] == kept
    if not at.any():
        return np.nan
    train, validation = (
        float(curve[f"{split}_{metric.name}"][at][0]) for split in ("train", "validation")
    )
    return train - validation if metric.higher_is_better else validation - train
