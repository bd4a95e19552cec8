"""What an evaluation keeps beside the metrics: facts, curves, histograms, numbers of each event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined
from studygrid.families.events.curves import (
    Curve,
    average_precision,
    precision_recall_curve,
    roc_curve,
    thinned,
)
from studygrid.families.events.efficiency import SHARES, efficiency_at
from studygrid.families.events.histograms import histogram_rows
from studygrid.families.events.metrics import METRICS
from studygrid.families.events.metrics.compression import used_counts
from studygrid.families.events.metrics.corrupted import corrupted_auroc_of
from studygrid.families.events.metrics.sculpting import signed_mjj_correlation
from studygrid.families.events.metrics.validity import (
    background_scores,
    corrupted_scores,
    signal_scores,
)
from studygrid.families.events.predictions import BACKGROUND, Predictions
from studygrid.families.scoring import Table
from studygrid.statistics.auroc import auroc

Floats = NDArray[np.float64]

_DIGITS = 9
_GUESS = 0.5


def facts(predictions: Predictions) -> dict[str, Any]:
    """Return what a reader of the scores must know; null where it has no value.

    Returns
    -------
    ``background_events``; ``codes``, of a codebook; ``signal_names``, in the order of their labels
    from 1; ``signals``, of each the numbers of `_signal_facts`; ``corrupted``, of each corruption
    its `label` in the histogram (-1, -2 …) and its `auroc`; ``mjj_correlation``,
    Spearman's, with its sign.
    """
    corrupted = {
        name: {
            "label": -number,
            "auroc": _defined(corrupted_auroc_of, predictions, name),
        }
        for number, name in enumerate(predictions.corrupted, start=1)
    }
    counts = predictions.code_counts
    return {
        "background_events": int(predictions.background.sum()),
        "codes": None if counts is None else len(counts),
        "signal_names": list(predictions.signals),
        "signals": {name: _signal_facts(predictions, name) for name in predictions.signals},
        "corrupted": corrupted,
        "mjj_correlation": _defined(signed_mjj_correlation, predictions),
    }


def _signal_facts(predictions: Predictions, name: str) -> dict[str, Any]:
    """Return the numbers of a signal, or why it has none.

    Returns
    -------
    `label`, `events`, and either `undefined`, the reason, or `auroc`, its standard error
    `auroc_se` and its interval `auroc_low` and `auroc_high` (95 % DeLong, of other test events
    scored by the same run; null where the sample does not show it), `average_precision`, and of
    each share of the background the `threshold`, the signal `efficiency` and the number of
    `background` events that pass, under ``1pct`` and ``01pct``; null of too few background events.
    """
    label = predictions.signals.index(name) + 1
    known = {"label": label, "events": int(predictions.of_signal(name).sum())}
    try:
        background, signal = background_scores(predictions), signal_scores(predictions, name)
    except Undefined as why:
        return {**known, "undefined": str(why)}
    area = auroc(background, signal)
    return {
        **known,
        "auroc": area.area,
        "auroc_se": area.se,
        "auroc_low": area.low,
        "auroc_high": area.high,
        "average_precision": average_precision(background, signal),
        **{
            share_name: _passing_facts(background, signal, share)
            for share_name, share in SHARES.items()
        },
    }


def _passing_facts(background: Floats, signal: Floats, share: float) -> dict[str, float] | None:
    try:
        found = efficiency_at(background, signal, share)
    except Undefined:
        return None
    return {
        "threshold": found.threshold,
        "efficiency": found.efficiency,
        "background": found.background,
    }


def roc(predictions: Predictions) -> Table:
    """Return the ROC curves: rows of signal label, share of background, share of signal.

    Raises
    ------
    Undefined
        If no signal has a curve.
    """
    return _curve_rows(predictions, roc_curve)


def pr(predictions: Predictions) -> Table:
    """Return the precision-recall curves: rows of signal label, recall, precision.

    Raises
    ------
    Undefined
        If no signal has a curve.
    """
    return _curve_rows(predictions, precision_recall_curve)


def _curve_rows(predictions: Predictions, curve_of: Callable[[Floats, Floats], Curve]) -> Table:
    background = background_scores(predictions)
    rows: Table = []
    for label, signal in _signals(predictions):
        curve = thinned(curve_of(background, signal))
        rows += [
            [label, round(float(x), _DIGITS), round(float(y), _DIGITS)]
            for x, y in zip(curve.x, curve.y, strict=True)
        ]
    if not rows:
        raise Undefined("no signal has a curve")
    return rows


def score_histogram(predictions: Predictions) -> Table:
    """Return the distributions of the score: rows of label, lower edge, upper edge, share.

    Labels are 0 for the background, k for the k-th signal, -k for the k-th corruption.

    Raises
    ------
    Undefined
        If the split has no background event, or one of them no finite score.
    """
    samples = {BACKGROUND: background_scores(predictions), **dict(_signals(predictions))}
    for number, name in enumerate(predictions.corrupted, start=1):
        try:
            samples[-number] = corrupted_scores(predictions, name)
        except Undefined:
            continue
    return histogram_rows(samples)


def code_shares(predictions: Predictions) -> Table:
    """Return how often the background uses its codes: rows of rank from 1, share of all uses.

    Codes that are not used are left out.

    Raises
    ------
    Undefined
        If the model has no codebook, or no code was used.
    """
    counts = np.sort(used_counts(predictions))[::-1]
    shares = counts[counts > 0] / counts.sum()
    return [[rank, round(float(share), _DIGITS)] for rank, share in enumerate(shares, start=1)]


def _signals(predictions: Predictions) -> Iterator[tuple[int, Floats]]:
    """Yield label and scores of the signals that have events, all of finite scores."""
    for label, name in enumerate(predictions.signals, start=1):
        try:
            yield label, signal_scores(predictions, name)
        except Undefined:
            continue


def chance(predictions: Predictions) -> dict[str, float]:
    """Return what scores that say nothing of an event score, of metrics for which that is known."""
    names = [f"auroc_{name}" for name in predictions.corrupted]
    if not predictions.background.all():
        names += [metric.name for metric in METRICS if metric.group == "Signals"]
    return {name: _guess(name) for name in names}


def _guess(name: str) -> float:
    shares = [share for key, share in SHARES.items() if name.startswith(f"signal_efficiency_{key}")]
    return shares[0] if shares else _GUESS


def per_sample(predictions: Predictions, index: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return what is kept of each event, shape (n,).

    Parameters
    ----------
    index
        Of the events within the prepared arrays.
    """
    kept: dict[str, NDArray[Any] | None] = {
        "index": index,
        "label": predictions.label,
        "score": predictions.score,
        "token_mse": predictions.token_mse,
        "token_mae": predictions.token_mae,
        "globals_mse": predictions.globals_mse,
    }
    return {name: values for name, values in kept.items() if values is not None}


def _defined(function: Callable[..., float], *args: Any) -> float | None:
    """Return the value of a function; None where it has none, as the metrics say with a reason."""
    try:
        return function(*args)
    except Undefined:
        return None
