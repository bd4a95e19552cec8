"""How long a run trains: its steps, cut into epochs."""

from __future__ import annotations

from dataclasses import dataclass

from studygrid.study import Training


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
    """

    count: int
    batch_size: int
    steps: int
    epochs: int

    @classmethod
    def of(cls, training: Training, count: int) -> Budget:
        """Return the budget that the config gives a subset of `count` samples."""
        batch_size = min(training.batch_size, count)
        if training.steps is not None:
            return cls(count, batch_size, training.steps, training.validations)
        epochs = training.epochs or 0
        return cls(count, batch_size, epochs * (count // batch_size), epochs)

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
