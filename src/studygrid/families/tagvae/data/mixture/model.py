"""A mixture of topics: its probabilities, and rows drawn from it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from studygrid.families.tagvae.data.mixture.options import TagMixtureOptions

_TOPICS, _ROWS = 0, 1  # streams of random numbers
# Rows come in blocks with a stream each, so that more rows begin with the fewer.
BLOCK = 1024

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """Given its topic, a row's tags are independent of each other.

    Attributes
    ----------
    weights
        Probability of each topic, shape (topics,).
    probabilities
        Of each tag in each topic, shape (topics, tags).
    """

    weights: Floats
    probabilities: Floats


def make_mixture(options: TagMixtureOptions) -> Mixture:
    """Draw the topics.

    The log-odds of tag t in topic k are b(t) + spread * e(k, t) + c: b falls with the tag's rank
    as in Zipf's law, e is normal, and c is such that a row has `tags_per_row` tags in the mean.
    """
    random = _stream(options.seed, _TOPICS)
    weights = random.dirichlet(np.full(options.topics, 4.0))
    ranks = np.arange(1, options.tags + 1)
    noise = random.standard_normal((options.topics, options.tags))
    log_odds = options.spread * noise - np.log(ranks)
    # The mean number of tags rises with c: below all of them at one bound, above at the other.
    bound = np.abs(log_odds).max() + abs(logit(options.tags_per_row / options.tags))

    def excess(shift: float) -> float:
        return float(weights @ expit(log_odds + shift).sum(1)) - options.tags_per_row

    return Mixture(weights, expit(log_odds + brentq(excess, -bound, bound)))


def pair_probabilities(mixture: Mixture) -> Floats:
    """Return the probability that a row has both tags, and on the diagonal that it has the tag.

    P(s and t) = sum over topics k of w(k) p(k, s) p(k, t), since tags are independent within a
    topic; shape (tags, tags).
    """
    weighted = mixture.probabilities * mixture.weights[:, None]
    pairs: Floats = weighted.T @ mixture.probabilities
    np.fill_diagonal(pairs, weighted.sum(0))
    return pairs


def draw_rows(mixture: Mixture, count: int, seed: int) -> NDArray[np.bool_]:
    """Draw the first `count` rows of a seed, shape (count, tags)."""
    drawn = np.concatenate(list(_blocks(mixture, count, seed)))
    return drawn[:count]


def _blocks(mixture: Mixture, count: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    tags = mixture.probabilities.shape[1]
    edges = np.cumsum(mixture.weights)[:-1]
    for block in range(-(-count // BLOCK)):
        random = _stream(seed, _ROWS, block)
        topic = np.searchsorted(edges, random.random(BLOCK), side="right")
        yield random.random((BLOCK, tags)) < mixture.probabilities[topic]


def _stream(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
