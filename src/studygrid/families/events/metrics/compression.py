"""How small an event becomes, and how the codebook is used."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined
from studygrid.families.events.predictions import Predictions


def bits_per_event(predictions: Predictions) -> float:
    """Return the size of an event's latent tokens in bits.

    Raises
    ------
    Undefined
        If the model has no latent tokens.
    """
    if predictions.bits_per_event is None:
        raise Undefined("the model has no latent tokens")
    return float(predictions.bits_per_event)


def compression_ratio(predictions: Predictions) -> float:
    """Return the mean size of a background event's valid tokens over that of its latent tokens.

    A valid token counts 32 bits for each of its 3 features and for its class, 128 in all. The
    class alone needs 3 bits, so the ratio flatters. Globals count nothing, though the latent
    tokens have to tell of them too. Where all events are full (R valid tokens) it is a constant
    of the options: 128 R / bits, whatever was learnt.

    Raises
    ------
    Undefined
        If the model has no latent tokens, they have no size (one code alone), or the split has no
        background event.
    """
    bits = bits_per_event(predictions)
    if bits == 0:
        raise Undefined("the latent tokens have 0 bits: there is one code alone")
    if not math.isfinite(predictions.input_bits):
        raise Undefined("the split has no background event")
    return predictions.input_bits / bits


def perplexity(predictions: Predictions) -> float:
    """Return exp of the entropy, in nats, of how often the background uses each code.

    Source: Shannon 1948; as van den Oord, Vinyals and Kavukcuoglu, NeurIPS 2017, report it.

    Raises
    ------
    Undefined
        If the model has no codebook, or no code was used.
    """
    counts = used_counts(predictions)
    shares = counts[counts > 0] / counts.sum()
    return math.exp(-float((shares * np.log(shares)).sum()))


def codebook_use(predictions: Predictions) -> float:
    """Return the share of the codes that the background uses.

    Raises
    ------
    Undefined
        If the model has no codebook, or no code was used.
    """
    counts = used_counts(predictions)
    return float((counts > 0).mean())


def used_counts(predictions: Predictions) -> NDArray[np.int64]:
    """Return how often the background used each code, shape (codes,).

    Raises
    ------
    Undefined
        If the model has no codebook, or no code was used.
    """
    if predictions.code_counts is None:
        raise Undefined("the model has no codebook")
    if not predictions.code_counts.sum():
        raise Undefined("no code was used: the split has no background event")
    return predictions.code_counts
