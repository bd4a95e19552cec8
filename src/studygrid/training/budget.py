"""How long a run trains: its steps, cut into epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from studygrid.study import Training

# Samples of one pass through a model that was fitted.
FITTED_AT_ONCE = 256
_SCORED_AT_ONCE = 256


@dataclass(frozen=True)
class Budget:
    """The budget of a run; each of its epochs ends in a validation.

    Attributes
    ----------
    count
        Samples in the training subset.
    batch_size
        Samples an optimiser step: the config's, or all where the subset has fewer.
    steps, epochs
        Optimiser steps of the whole run, and the epochs that they are cut into.
    at_once
        Samples that the device holds at once, as long as they fit.
    """

    count: int
    batch_size: int
    steps: int
    epochs: int
    at_once: int

    @classmethod
    def of(cls, training: Training, count: int, *, fits: bool = False) -> Budget:
        """Return the budget that the config gives a subset of `count` samples.

        What is fitted at once, and not trained, has one step over all of them.
        """
        if fits:
            return cls(count, count, 1, 1, min(count, FITTED_AT_ONCE))
        batch_size = min(training.batch_size, count)
        if training.steps is not None:
            steps, epochs = training.steps, training.validations
        else:
            epochs = training.epochs or 0
            steps = epochs * (count // batch_size)
        at_once = math.ceil(batch_size / training.accumulation)
        return cls(count, batch_size, steps, epochs, at_once)

    @staticmethod
    def scored_at_once(trained_at_once: int) -> int:
        """Return the samples of a pass over the validation split.

        Without gradients more of them fit than in training, and fewer where fewer fit there.
        """
        return min(_SCORED_AT_ONCE, 8 * trained_at_once)

    @property
    def steps_per_pass(self) -> int:
        """Steps in which each sample is used once, but for a rest that fills no batch."""
        return self.count // self.batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the longest epoch; where they don't divide evenly, others have one less."""
        return -(-self.steps // self.epochs)

    def end_of(self, epoch: int) -> int:
        """Return the step after which an epoch ends, counted from 1 on."""
        return epoch * self.steps // self.epochs
