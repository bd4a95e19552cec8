"""What an evaluation keeps beside the metrics: facts, tables, examples, numbers of each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined
from studygrid.families.scoring import Table
from studygrid.families.tagvae import cooccurrence, diversity, latent
from studygrid.families.tagvae.predictions import Predictions
from studygrid.families.tagvae.scoring import SplitScores

_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")


def facts(scores: SplitScores) -> dict[str, Any]:
    """Return what a reader of the scores must know; null where it has no value."""
    predictions = scores.predictions
    codes, samples = predictions.codes, predictions.samples
    data = _defined(diversity.diversity, predictions.tags)
    drawn = None if samples is None else _defined(diversity.tags_per_row, samples)
    return {
        "rows": len(predictions.tags),
        "latent_units": None if codes is None else codes.shape[1],
        "active_units": None if codes is None else _defined(latent.active_units, codes),
        "collapsed": codes is not None and bool(_defined(latent.is_collapsed, codes)),
        "beta": predictions.beta,
        "samples": 0 if samples is None else len(samples),
        "data_unique_percent": data and data.unique_percent,
        "data_entropy_nats": data and data.entropy_nats,
        "data_gini": data and data.gini,
        "data_tags_per_row": data and data.tags_per_row,
        "reconstruction_tags_per_row": _defined(diversity.tags_per_row, predictions.reconstructed),
        "prior_tags_per_row": drawn,
    }


def tag_frequency(predictions: Predictions) -> Table:
    """Return a row for each tag: rows of the data, reconstructions and samples that have it."""
    return _table(diversity.tag_frequency_rows(*_sides(predictions)))


def tags_per_row(predictions: Predictions) -> Table:
    """Return a row for each k: k, and the rows of data, reconstructions and samples with k tags."""
    return _table(diversity.tags_per_row_rows(*_sides(predictions)))


def latent_units(scores: SplitScores) -> Table | None:
    """Return a row for each latent unit: variance of its posterior mean, and mean KL in nats."""
    codes, kl = scores.predictions.codes, scores.kl_of_units
    rows = None if codes is None or kl is None else _defined(latent.unit_rows, codes, kl)
    return None if rows is None else _table(rows)


def _sides(
    predictions: Predictions,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8] | None]:
    return predictions.tags, predictions.reconstructed, predictions.samples


def _table(rows: Sequence[Sequence[float]]) -> Table:
    return [list(row) for row in rows]


def per_sample(predictions: Predictions, index: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return what is kept of each row, shape (n,).

    Parameters
    ----------
    index
        Of the rows within the prepared arrays.
    """
    tags, found = predictions.tags, predictions.reconstructed
    return {
        "index": index,
        "bce": predictions.bce,
        "kl": predictions.kl,
        "tags_per_row": tags.sum(axis=1, dtype=np.int64),
        "reconstructed_tags_per_row": found.sum(axis=1, dtype=np.int64),
        "hamming_distance": (tags != found).sum(axis=1, dtype=np.int64),
    }


def examples(predictions: Predictions) -> dict[str, NDArray[Any]]:
    """Return how often tags are in one row, and where the first rows lie in the latent space."""
    sides = zip(("data", "reconstruction", "prior"), _sides(predictions), strict=True)
    found: dict[str, NDArray[Any] | None] = {
        f"cooccurrence_{name}": _defined(cooccurrence.joint_shares, rows)
        for name, rows in sides
        if rows is not None
    }
    if predictions.codes is not None:
        labels = latent.first_tags(predictions.tags)
        projected = _defined(latent.projection, predictions.codes, labels)
        if projected is not None:
            names = ("projection", "projection_label", "projection_share")
            found |= dict(zip(names, projected, strict=True))
    return {name: array for name, array in found.items() if array is not None}


def _defined(
    function: Callable[_Arguments, _Value], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Value | None:
    """Return the value of a function; None where it has none, as the metrics say with a reason."""
    try:
        return function(*args, **kwargs)
    except Undefined:
        return None
