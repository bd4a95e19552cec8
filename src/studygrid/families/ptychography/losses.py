"""The two losses of ptychography: of the measured patterns, and of the object's patches.

Each gives one loss a group, so that the mean over a batch is the mean over its parts.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from studygrid.families.ptychography.canvas import through_canvas
from studygrid.families.ptychography.models.patches import Patches
from studygrid.families.ptychography.options import LossOptions
from studygrid.families.ptychography.physics import (
    amplitude,
    counts_of,
    extract,
    half_deviance,
    illumination,
)
from studygrid.families.ptychography.samples import Groups


class Loss(ABC):
    """A loss of predicted patches, in float32 under autocast, too.

    Parameters
    ----------
    probes
        Of each scan, complex64 (k, N, N).
    """

    def __init__(self, probes: Tensor) -> None:
        self._probes, self._weights = probes, illumination(probes)

    @abstractmethod
    def __call__(self, patches: Patches, groups: Groups) -> Tensor:
        """Return the loss of each group, shape (B,), float32."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return the loss as it is in force."""


class PatternLoss(Loss):
    """Mean half Poisson deviance of a pattern's pixels, in nats.

    The patches of a group are made to agree where they overlap, and pass through the known probe
    to the detector; what is expected there is compared with what was counted. No object is used.
    Its gradient is that of the negative log-likelihood, from which it differs by a number that
    the data alone decides: see `half_deviance`.

    Parameters
    ----------
    photons
        Counts of a pattern of mean brightness.
    canvas_px
        Side of a canvas that holds each group; see `canvas_side`.
    """

    def __init__(self, probes: Tensor, photons: float, canvas_px: int) -> None:
        super().__init__(probes)
        self._photons, self._canvas_px = photons, canvas_px

    def __call__(self, patches: Patches, groups: Groups) -> Tensor:
        """Return the loss of each group, shape (B,), float32."""
        weights, probe = (of[groups.scan].unsqueeze(1) for of in (self._weights, self._probes))
        agreed = through_canvas(patches.transmission, weights, groups.positions, self._canvas_px)
        expected = counts_of(amplitude(agreed, probe), self._photons)
        counts = counts_of(groups.patterns, self._photons)
        return half_deviance(expected, counts).mean(dim=(1, 2, 3))

    def describe(self) -> dict[str, Any]:
        """Return the loss as it is in force."""
        return {
            "class": type(self).__name__,
            "photons": self._photons,
            "units": "nats a pixel of the pattern",
        }


class ObjectLoss(Loss):
    """Mean absolute error of amplitude and of phase against the object's patches.

    Pixels count as the probe lights them: what a pattern does not tell is not asked for. A
    difference of phases is taken modulo a turn, within half a turn. A phase that a group has in
    common is in none of its patterns, so labels are of the mean phase 0, unless the options say
    otherwise.

    Parameters
    ----------
    objects
        Of each scan, complex64 (k, H, W).
    """

    def __init__(self, probes: Tensor, objects: Tensor, options: LossOptions) -> None:
        super().__init__(probes)
        self._objects, self._options = objects, options

    def __call__(self, patches: Patches, groups: Groups) -> Tensor:
        """Return the loss of each group, shape (B,), float32."""
        weights = self._weights[groups.scan].unsqueeze(1)
        found, true = patches.amplitude.float(), self._truth(groups, weights)
        errors = self._options.amplitude * (found - true.abs()).abs()
        turned = wrapped(patches.phase.float() - true.angle())
        errors = errors + self._options.phase * turned.abs()
        # The weights of a patch add up to 1.
        return (weights * errors).sum(dim=(2, 3)).mean(dim=1)

    def _truth(self, groups: Groups, weights: Tensor) -> Tensor:
        """Return the object's patches, complex64 (B, C, N, N)."""
        batch, members, side = groups.patterns.shape[:3]
        scan = groups.scan.repeat_interleave(members)
        patches = extract(self._objects, groups.positions.reshape(-1, 2), side, scan)
        patches = patches.view(batch, members, side, side)
        if self._options.phase_origin == "object":
            return patches
        mean = (weights * patches).sum(dim=(1, 2, 3), keepdim=True)
        return patches * torch.polar(torch.ones_like(mean.real), -mean.angle())

    def describe(self) -> dict[str, Any]:
        """Return the loss as it is in force."""
        return {
            "class": type(self).__name__,
            "weights": {"amplitude": self._options.amplitude, "phase": self._options.phase},
            "phase_origin": self._options.phase_origin,
            "units": "amplitude and rad, of a px as the probe lights it",
        }


def wrapped(angle: Tensor) -> Tensor:
    """Return angles in rad within half a turn, from -pi to pi; their gradient is 1."""
    return angle - 2 * math.pi * torch.round(angle.detach() / (2 * math.pi))
