"""How well the anomaly score tells signals from the background."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from studygrid.families.base import Undefined
from studygrid.families.events.efficiency import efficiency_at
from studygrid.families.events.metrics.validity import background_scores, signal_scores
from studygrid.families.events.predictions import Predictions
from studygrid.statistics.auroc import auroc as area_of

# Each raises `Undefined` where the data has no such signal, the split no event of it or of the
# background, or a score is not finite; efficiencies also where there are too few background
# events for the share.


def auroc_of(predictions: Predictions, signal: str) -> float:
    """Return the area under the ROC curve, background against that signal."""
    found = signal_scores(predictions, signal)
    return area_of(background_scores(predictions), found).area


def auroc(predictions: Predictions) -> float:
    """Return the mean of `auroc_of` over the signals of the data."""
    return _mean(auroc_of, predictions)


def auroc_xy(predictions: Predictions) -> float:
    """Return the area under the ROC curve, background against W' to XY."""
    return auroc_of(predictions, "xy")


def auroc_wz(predictions: Predictions) -> float:
    """Return the area under the ROC curve, background against W' to WZ."""
    return auroc_of(predictions, "wz")


def auroc_tt(predictions: Predictions) -> float:
    """Return the area under the ROC curve, background against Z' to tt."""
    return auroc_of(predictions, "tt")


def efficiency_1pct_of(predictions: Predictions, signal: str) -> float:
    """Return the share of that signal's events that pass with 1 % of the background at most."""
    found = signal_scores(predictions, signal)
    return efficiency_at(background_scores(predictions), found, 0.01).efficiency


def efficiency_01pct_of(predictions: Predictions, signal: str) -> float:
    """Return the share of that signal's events that pass with 0.1 % of the background at most."""
    found = signal_scores(predictions, signal)
    return efficiency_at(background_scores(predictions), found, 0.001).efficiency


def signal_efficiency_1pct(predictions: Predictions) -> float:
    """Return the mean of `efficiency_1pct_of` over the signals of the data."""
    return _mean(efficiency_1pct_of, predictions)


def signal_efficiency_1pct_xy(predictions: Predictions) -> float:
    """Return `efficiency_1pct_of` W' to XY."""
    return efficiency_1pct_of(predictions, "xy")


def signal_efficiency_1pct_wz(predictions: Predictions) -> float:
    """Return `efficiency_1pct_of` W' to WZ."""
    return efficiency_1pct_of(predictions, "wz")


def signal_efficiency_1pct_tt(predictions: Predictions) -> float:
    """Return `efficiency_1pct_of` Z' to tt."""
    return efficiency_1pct_of(predictions, "tt")


def signal_efficiency_01pct(predictions: Predictions) -> float:
    """Return the mean of `efficiency_01pct_of` over the signals of the data."""
    return _mean(efficiency_01pct_of, predictions)


def signal_efficiency_01pct_xy(predictions: Predictions) -> float:
    """Return `efficiency_01pct_of` W' to XY."""
    return efficiency_01pct_of(predictions, "xy")


def signal_efficiency_01pct_wz(predictions: Predictions) -> float:
    """Return `efficiency_01pct_of` W' to WZ."""
    return efficiency_01pct_of(predictions, "wz")


def signal_efficiency_01pct_tt(predictions: Predictions) -> float:
    """Return `efficiency_01pct_of` Z' to tt."""
    return efficiency_01pct_of(predictions, "tt")


def _mean(of_signal: Callable[[Predictions, str], float], predictions: Predictions) -> float:
    if not predictions.signals:
        raise Undefined("the data has no signal")
    if predictions.background.all():
        raise Undefined("the split has no event of a signal")
    return float(np.mean([of_signal(predictions, name) for name in predictions.signals]))
