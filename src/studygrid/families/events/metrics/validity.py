"""What the metrics of event tokenizers ask of the predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined
from studygrid.families.events.predictions import Predictions

Floats = NDArray[np.float64]


def background_values(
    predictions: Predictions, values: NDArray[np.floating] | None, what: str
) -> Floats:
    """Return the finite values of the background events, in their order, shape (b,) with b >= 1.

    Parameters
    ----------
    values
        One an event, shape (n,); None where the model or the data has none.
    what
        Name of a value, for the reason.

    Raises
    ------
    Undefined
        If there are no values, the split has no background event, or one is not finite.
    """
    if values is None:
        raise Undefined(f"there is no {what}")
    found = np.asarray(values, dtype=np.float64)[predictions.background]
    if not len(found):
        raise Undefined("the split has no background event")
    return finite(found, what, "background events")


def background_scores(predictions: Predictions) -> Floats:
    """Return the anomaly scores of the background events.

    Raises
    ------
    Undefined
        As `background_values`.
    """
    return background_values(predictions, predictions.score, "anomaly score")


def signal_scores(predictions: Predictions, name: str) -> Floats:
    """Return the anomaly scores of a signal's events, shape (s,) with s >= 1.

    Raises
    ------
    Undefined
        If the data has no such signal, the split no event of it, or a score is not finite.
    """
    if name not in predictions.signals:
        known = f"it has {', '.join(predictions.signals)}" if predictions.signals else "it has none"
        raise Undefined(f"the data has no signal {name}: {known}")
    scores = predictions.score[predictions.of_signal(name)]
    if not len(scores):
        raise Undefined(f"the split has no event of the signal {name}")
    return finite(scores, "anomaly score", f"events of the signal {name}")


def corrupted_scores(predictions: Predictions, name: str) -> Floats:
    """Return the anomaly scores of the background events corrupted in that way.

    Raises
    ------
    Undefined
        If they were not corrupted so, there is none of them, or a score is not finite.
    """
    if name not in predictions.corrupted:
        raise Undefined(f"the background was not corrupted by {name}")
    scores = predictions.corrupted[name]
    if not len(scores):
        raise Undefined(f"the background corrupted by {name} has no event")
    return finite(scores, "anomaly score", f"background events corrupted by {name}")


def finite(values: NDArray[np.floating], what: str, events: str) -> Floats:
    """Return values as they are.

    Raises
    ------
    Undefined
        If one is NaN or infinite: left out, it would make a broken model look whole.
    """
    broken = int((~np.isfinite(values)).sum())
    if broken:
        raise Undefined(f"{broken} of {len(values)} {events} have no finite {what}")
    return np.asarray(values, dtype=np.float64)
