"""A model's forward pass in a precision, timed; all else that scores it stays float32."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import torch
from torch import nn

from studygrid.training.precision import autocast


class ForwardPass:
    """While it is entered, calls of a model compute in a precision and return float32.

    Losses, metrics and whatever else is made of the outputs are computed as without it.

    Attributes
    ----------
    samples, seconds
        Samples that went through the model (a sample that goes through twice counts twice) and
        the time of these passes. The first pass counts only where it is the only one: it also
        loads kernels.
    """

    def __init__(self, model: nn.Module, precision: torch.dtype, device: torch.device) -> None:
        self._model, self._precision, self._device = model, precision, device
        self._first: tuple[int, float] | None = None
        self.samples, self.seconds = 0, 0.0

    @property
    def samples_per_sec(self) -> float | None:
        """The rate of the passes; None of a model that was never called."""
        samples, seconds = (self.samples, self.seconds) if self.samples else self._first or (0, 0.0)
        return samples / seconds if seconds > 0 else None

    def __enter__(self) -> ForwardPass:
        """Put itself in the place of the model's forward pass."""
        self._forward = self._model.forward
        self._model.forward = self._call
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the model its forward pass back."""
        del self._model.forward

    def _call(self, *inputs: Any, **named: Any) -> Any:
        self._wait()
        started = time.perf_counter()
        with autocast(self._precision, self._device):
            outputs = self._forward(*inputs, **named)
        outputs = as_float32(outputs)
        self._wait()
        self._count(len(inputs[0]) if inputs else 0, time.perf_counter() - started)
        return outputs

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _count(self, samples: int, seconds: float) -> None:
        if self._first is None:
            self._first = samples, seconds
        else:
            self.samples += samples
            self.seconds += seconds


def as_float32(outputs: Any) -> Any:
    """Return what a model returned with each tensor of a shorter float as float32.

    Tensors may stand in tuples, lists, mappings and dataclasses.
    """
    if isinstance(outputs, torch.Tensor):
        short = outputs.dtype in (torch.bfloat16, torch.float16)
        return outputs.float() if short else outputs
    if dataclasses.is_dataclass(outputs) and not isinstance(outputs, type):
        parts = {field.name: getattr(outputs, field.name) for field in dataclasses.fields(outputs)}
        return dataclasses.replace(outputs, **{k: as_float32(part) for k, part in parts.items()})
    if isinstance(outputs, Mapping):
        return {key: as_float32(part) for key, part in outputs.items()}
    if isinstance(outputs, tuple) and hasattr(outputs, "_fields"):
        return type(outputs)(*map(as_float32, outputs))
    if isinstance(outputs, (tuple, list)):
        return type(outputs)(map(as_float32, outputs))
    return outputs
