"""Samples of an array, kept on the device where they fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import psutil
import torch

# Room is left for the model, its activations and the study's other jobs.
_SHARE_OF_FREE_MEMORY = 0.25


class Samples:
    """Chosen samples of a prepared array, taken in batches by position.

    Parameters
    ----------
    array
        The whole array, mapped into memory; shape (samples, ...).
    indices
        Which of its samples, in which order; position p stands for sample ``indices[p]``.
    device
        Where batches are wanted.

    Attributes
    ----------
    on_device
        Whether all samples lie on the device; otherwise each batch is read from the file.
    """

    def __init__(
        self, array: np.ndarray[Any, Any], indices: np.ndarray[Any, Any], device: torch.device
    ) -> None:
        self._array, self._indices, self._device = array, indices, device
        wanted = array[:1].nbytes * len(indices)
        self.on_device = wanted <= _SHARE_OF_FREE_MEMORY * _free_bytes(device)
        self._tensor = self._read(indices) if self.on_device else None

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, positions: torch.Tensor) -> torch.Tensor:
        """Return the samples at `positions` (int64, on the CPU), on the device."""
        if self._tensor is not None:
            return self._tensor[positions.to(self._device, non_blocking=True)]
        return self._read(self._indices[positions.numpy()])

    def _read(self, indices: np.ndarray[Any, Any]) -> torch.Tensor:
        # Sorted: a file mapped into memory is read forwards.
        order = np.argsort(indices, kind="stable")
        values = np.empty((len(indices), *self._array.shape[1:]), self._array.dtype)
        values[order] = self._array[indices[order]]
        return torch.from_numpy(values).to(self._device)


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
