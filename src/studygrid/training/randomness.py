"""Streams of random numbers: one seed a run, spawned into streams that do not touch.

Draws are functions of (stream, step), not of how many draws went before: a resumed run goes on
with the same numbers and needs no generator state.
"""

from __future__ import annotations

import numpy as np
import torch

from studygrid.records import Streams
from studygrid.study import FixedStreams

_STREAMS = ("initialisation", "order", "augmentation", "subset")


def entropy(seed: int, *key: int) -> int:
    """Return 53 bits from a seed and a spawn key (`numpy.random.SeedSequence`).

    53, so that every JSON reader reads the number whole.
    """
    state = np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(11))


def spawn_streams(seed: int, fixed: FixedStreams) -> Streams:
    """Return the entropy of each stream of a run; a fixed stream starts from its own seed."""
    values = {}
    for position, name in enumerate(_STREAMS):
        own = getattr(fixed, name)
        values[name] = entropy(seed if own is None else own, position)
    return Streams(seed=seed, **values)


def generator_at(stream: int, step: int) -> torch.Generator:
    """Return a CPU generator for one step of a stream."""
    return torch.Generator().manual_seed(entropy(stream, step))


def seed_default_generator(seed: int, device: torch.device) -> None:
    """Seed the generator that layers such as dropout draw from.

    `torch.manual_seed` does more: where CUDA has not started it queues the seed for every
    device with a stack trace, which costs as much as a small training step.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)


class BatchOrder:
    """The order of samples: a fresh permutation each pass, cut into batches of equal size.

    Parameters
    ----------
    count
        Samples in the training subset.
    batch_size
        Samples a batch; the rest of a pass that fills no batch is left out of that pass.
    stream
        Entropy of the order stream.
    """

    def __init__(self, count: int, batch_size: int, stream: int) -> None:
        self._count, self._batch_size, self._stream = count, batch_size, stream
        self.steps_per_pass = count // batch_size
        self._pass = -1
        self._permutation = torch.empty(0, dtype=torch.int64)

    def batch(self, step: int) -> torch.Tensor:
        """Return the positions of the samples of a step, int64, shape (batch_size,)."""
        number, place = divmod(step, self.steps_per_pass)
        if number != self._pass:
            generator = np.random.default_rng(entropy(self._stream, number))
            self._permutation = torch.from_numpy(generator.permutation(self._count))
            self._pass = number
        return self._permutation[place * self._batch_size : (place + 1) * self._batch_size]
