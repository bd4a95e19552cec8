"""What the metrics of event tokenizers are functions of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BACKGROUND = 0


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model makes of a whole split of n events.

    Attributes
    ----------
    token_mse, token_mae
        Squared and absolute error of each event, mean over its valid tokens and their three
        standardised features, shape (n,); None of a model that rebuilds no tokens.
    globals_mse
        Squared error of each event, mean over the standardised globals that are given to a model,
        shape (n,); None of a model that rebuilds none.
    class_correct
        Share of the background's valid tokens whose class is found; None as for the tokens.
    score
        Anomaly score of each event, shape (n,): higher is stranger.
    label
        Shape (n,): 0 is background, k >= 1 the k-th of `signals`.
    signals
        Names of the signals of the data, whether this split has events of them or not.
    loss
        Mean over the background of the loss that the model is trained with.
    code_counts
        How often the background used each code, shape (codes,); None without a codebook.
    bits_per_event
        Of the latent tokens; None of a model without them.
    input_bits
        Mean over the background of an event's valid tokens, each four numbers of 32 bits.
    corrupted
        Scores of the background's events, in their order, corrupted in each of these ways.
    mjj
        Mass of the two leading jets in GeV, shape (n,); None where the data has none.
    """

    token_mse: NDArray[np.float64] | None
    token_mae: NDArray[np.float64] | None
    globals_mse: NDArray[np.float64] | None
    class_correct: float | None
    score: NDArray[np.float64]
    label: NDArray[np.int64]
    signals: tuple[str, ...]
    loss: float
    code_counts: NDArray[np.int64] | None
    bits_per_event: float | None
    input_bits: float
    corrupted: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    mjj: NDArray[np.float64] | None = None

    @property
    def background(self) -> NDArray[np.bool_]:
        """Which events are background, shape (n,)."""
        return np.equal(self.label, BACKGROUND)

    def of_signal(self, name: str) -> NDArray[np.bool_]:
        """Which events are of that signal, one of `signals`, shape (n,)."""
        return np.equal(self.label, self.signals.index(name) + 1)
