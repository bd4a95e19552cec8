"""Background events that are corrupted on purpose: they say what a score reacts to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.float32]

# In standard deviations of each feature, and as a share of an event's tokens.
NOISE_SD, SHUFFLED_SHARE = 0.1, 0.2
# The same corrupted events for every model, seed and training size.
_SEED = 0


def corrupted(
    name: str, tokens: Tokens, mask: NDArray[np.bool_], sd: NDArray[np.float64]
) -> Tokens:
    """Return tokens of events corrupted in that way, of the shape of `tokens`.

    Parameters
    ----------
    name
        One of `CORRUPTIONS`.
    tokens
        ``log pT``, eta and phi, float32 (n, R, 3).
    mask
        Which tokens are there, (n, R).
    sd
        Standard deviation of each feature in the training split, (3,).
    """
    return CORRUPTIONS[name](tokens, mask, sd)


def noise(tokens: Tokens, mask: NDArray[np.bool_], sd: NDArray[np.float64]) -> Tokens:
    """Return tokens with Gaussian noise on every feature, a tenth of its standard deviation."""
    drawn = np.random.default_rng(_SEED).standard_normal(tokens.shape, dtype=np.float32)
    step = drawn * (NOISE_SD * sd).astype(np.float32)
    return np.where(mask[..., None], tokens + step, tokens)


def token_shuffle(tokens: Tokens, mask: NDArray[np.bool_], sd: NDArray[np.float64]) -> Tokens:
    """Return tokens of which a fifth, two at least, exchange their angles and keep their pT.

    The tokens are drawn, and each gets the angles of the next of them, the last those of the
    first: none keeps its own. An event of one token stays as it is.
    """
    keys = np.random.default_rng(_SEED).random(mask.shape)
    order = np.argsort(np.where(mask, keys, np.inf), axis=1)
    valid: NDArray[np.int64] = mask.sum(axis=1)
    chosen = np.maximum(np.rint(SHUFFLED_SHARE * valid).astype(np.int64), 2)
    chosen = np.where(valid >= 2, chosen, 0)[:, None]
    place = np.arange(mask.shape[1])[None, :]
    following = np.where(place < chosen, (place + 1) % np.maximum(chosen, 1), place)
    source = np.take_along_axis(order, following, axis=1)
    found = tokens.copy()
    events = np.arange(len(tokens))[:, None]
    found[events, order, 1:] = tokens[events, source, 1:]
    return found


CORRUPTIONS: dict[str, Callable[[Tokens, NDArray[np.bool_], NDArray[np.float64]], Tokens]] = {
    "noise": noise,
    "token_shuffle": token_shuffle,
}
