"""Made-up predictions of event tokenizers, from scores alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from studygrid.families.base import load_reference
from studygrid.families.events.metrics import METRICS
from studygrid.families.events.predictions import Predictions

COMPUTE: dict[str, Callable[[Predictions], float]] = {
    metric.name: load_reference(metric.compute) for metric in METRICS
}


def scored(
    background: ArrayLike, signals: Mapping[str, ArrayLike] | None = None, **changes: Any
) -> Predictions:
    """Return predictions of events with those scores, the background first.

    Of an event the token errors are its score and half of it, the error of the globals is a
    quarter; there are four codes.
    """
    samples = [np.asarray(background, float)]
    samples += [np.asarray(own, float) for own in (signals or {}).values()]
    score = np.concatenate(samples)
    label = np.repeat(np.arange(len(samples)), [len(own) for own in samples])
    found = Predictions(
        token_mse=score,
        token_mae=score / 2,
        globals_mse=score / 4,
        class_correct=0.75,
        score=score,
        label=label.astype(np.int64),
        signals=tuple(signals or ()),
        loss=1.5,
        code_counts=np.array([4, 4, 0, 0]),
        bits_per_event=64.0,
        input_bits=1280.0,
        corrupted={},
        mjj=np.arange(len(score), dtype=float),
    )
    return replace(found, **changes)


def drawn(
    seed: int, background: int = 400, signals: Sequence[int] = (150, 90, 60), ties: bool = False
) -> Predictions:
    """Return predictions with normal scores, of xy, wz and tt farther and farther up."""
    rng = np.random.default_rng(seed)
    names = ("xy", "wz", "tt")
    samples = {
        name: rng.normal(0.5 + place, 1.2, size)
        for place, (name, size) in enumerate(zip(names, signals, strict=False))
    }
    kind = np.round if ties else np.asarray
    found = scored(
        kind(rng.normal(size=background)), {name: kind(own) for name, own in samples.items()}
    )
    clean = found.score[found.background]
    corrupted = {
        "noise": kind(clean + rng.normal(0.3, 0.5, background)),
        "token_shuffle": kind(clean + rng.normal(0.1, 0.5, background)),
    }
    return replace(found, corrupted=corrupted, mjj=rng.normal(size=len(found.score)) + found.score)
