"""Events of the prepared data, taken in batches as the models get them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from studygrid.families.prepared import PreparedData
from studygrid.families.resident import Samples


class Events(NamedTuple):
    """A batch of events, on the device.

    Attributes
    ----------
    features
        Standardised, float32 (batch, R, 3); what stands where there is no token is nobody's.
    classes
        0 where there is no token, uint8 (batch, R).
    mask
        Which tokens are there, bool (batch, R).
    globals
        Standardised, of those that a model is given, float32 (batch, G).
    """

    features: Tensor
    classes: Tensor
    mask: Tensor
    globals: Tensor


def kept_globals(facts: dict[str, Any]) -> list[int]:
    """Return the places of the globals that a model is given: those that are not left out."""
    names = [each["name"] for each in facts["globals"]]
    return [place for place, name in enumerate(names) if name not in facts["left_out"]]


class EventSamples:
    """Chosen events of the prepared data.

    Parameters
    ----------
    data
        As `studygrid.families.events.data.parts` writes it.
    indices
        Of the events, in this order.
    device
        Where batches are wanted.
    tokens
        What these events have in place of their own tokens, not standardised, float32 (n, R, 3).

    Attributes
    ----------
    on_device
        Whether they all lie on the device.
    """

    def __init__(
        self,
        data: PreparedData,
        indices: NDArray[np.int64],
        device: torch.device,
        tokens: NDArray[np.float32] | None = None,
    ) -> None:
        facts = data.record.facts
        self._kept = torch.tensor(kept_globals(facts), device=device)
        self._token_scale = _scale(facts["scaling"]["tokens"], device)
        self._global_scale = _scale(facts["scaling"]["globals"], device)
        own = tokens is None
        array, places = (
            (data.array("tokens"), indices) if own else (tokens, np.arange(len(indices)))
        )
        assert array is not None
        self._tokens = Samples(array, places, device)
        self._classes = Samples(data.array("classes"), indices, device)
        self._mask = Samples(data.array("mask"), indices, device)
        self._globals = Samples(data.array("globals"), indices, device)
        parts = (self._tokens, self._classes, self._mask, self._globals)
        self.on_device = all(part.on_device for part in parts)

    def __len__(self) -> int:
        return len(self._globals)

    def take(self, positions: Tensor) -> Events:
        """Return the events at `positions` (int64, on the CPU)."""
        mean, sd = self._token_scale
        return Events(
            (self._tokens.take(positions) - mean) / sd,
            self._classes.take(positions),
            self._mask.take(positions),
            self.globals_at(positions),
        )

    def globals_at(self, positions: Tensor) -> Tensor:
        """Return the globals alone."""
        mean, sd = self._global_scale
        return ((self._globals.take(positions) - mean) / sd)[:, self._kept]

    def all_globals(self) -> Tensor:
        """Return the globals of all events."""
        return self.globals_at(torch.arange(len(self)))


def _scale(scaling: dict[str, list[float]], device: torch.device) -> tuple[Tensor, Tensor]:
    mean, sd = (torch.tensor(scaling[key], device=device) for key in ("mean", "sd"))
    return mean, sd
