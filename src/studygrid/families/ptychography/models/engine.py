"""Iterative reconstruction of the object of a scan from its own patterns and a known probe.

It goes down the squared error of the amplitudes, ``sum((|F(P O_j)| - A_j)^2)``, of all patterns j
together. A step is the gradient over the light that each px of the object received. At the current
phases the error is a quadratic that nowhere bends more than that light says, so that a step by
itself never raises it. It is the object's update of Thibault, Dierolf, Bunk, Menzel and Pfeiffer,
Probe retrieval in ptychographic coherent diffractive imaging, Ultramicroscopy 109 (2009), with the
probe held. ePIE (Maiden and Rodenburg, Ultramicroscopy 109, 2009) does the like for one pattern
after another.

The steps gain momentum as in Beck and Teboulle, A fast iterative shrinkage-thresholding algorithm,
SIAM Journal on Imaging Sciences 2 (2009), section 4, which starts anew where it points uphill:
O'Donoghue and Candès, Adaptive restart for accelerated gradient schemes, Foundations of
Computational Mathematics 15 (2015), the gradient scheme.

Nothing in it is random.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studygrid.errors import DataError
from studygrid.families.ptychography.canvas import splat
from studygrid.families.ptychography.models.options import EngineOptions
from studygrid.families.ptychography.places import Places

PX_AT_ONCE = 1 << 18  # of patterns: they lie in a CPU's cache, and still fill a GPU
# Of the light of the best-lit px: with less, a px is moved as if it had that much. The noise of
# a pattern would otherwise be the whole of what lies at the rim.
LEAST_LIGHT = 1e-3
MIN_AMPLITUDE = 1e-12  # below it a far field has no phase


def reconstruct(
    patterns: Tensor,
    probe: Tensor,
    positions: Tensor,
    shape: tuple[int, int],
    options: EngineOptions,
) -> Tensor:
    """Return the object that explains the patterns of one scan.

    Parameters
    ----------
    patterns
        Amplitudes, float32, shape (n, N, N); their centre is at (N/2, N/2).
    probe
        complex64, shape (N, N), in the units of the patterns.
    positions
        float32, shape (n, 2): row and column of a patch's first px.
    shape
        (H, W) of the object, px.

    Returns
    -------
    torch.Tensor
        complex64, shape (H, W); 1+0j where no light fell. Its phase as a whole is not determined.

    Raises
    ------
    DataError
        If a pattern has values that are no amplitudes.
    ValueError
        If a patch does not lie within the object.
    """
    _check(patterns)
    with torch.no_grad():
        measured = torch.fft.ifftshift(patterns, dim=(-2, -1))
        light = splat(probe.abs().square().expand_as(patterns), positions, shape)
        size = 1 / light.clamp(min=LEAST_LIGHT * float(light.max()))
        found = torch.ones(shape, dtype=probe.dtype, device=probe.device)
        ahead, pace = found, 1.0
        for _ in range(options.iterations):
            slope = _slope(ahead, measured, probe, positions)
            following = ahead - size * slope
            moved = following - found
            if float((slope.conj() * moved).real.sum()) > 0:
                pace = 1.0
            next_pace = (1 + (1 + 4 * pace**2) ** 0.5) / 2
            ahead = following + (pace - 1) / next_pace * moved
            found, pace = following, next_pace
        return found


def _slope(objects: Tensor, measured: Tensor, probe: Tensor, positions: Tensor) -> Tensor:
    """Return half the gradient of the squared error, by the real and the imaginary part.

    The patterns are those of `reconstruct` with spatial frequency 0 first.
    """
    side, total = len(probe), torch.zeros_like(objects)
    shape = (objects.shape[0], objects.shape[1])
    most = max(1, PX_AT_ONCE // side**2)
    for first in range(0, len(measured), most):
        target = measured[first : first + most]
        places = Places.of(positions[first : first + most], side, shape)
        field = torch.fft.fft2(places.extract(objects) * probe, norm="ortho")
        # Not abs: for complex numbers on a CPU it takes several times as long.
        length = (field.real.square() + field.imag.square()).sqrt().clamp(min=MIN_AMPLITUDE)
        excess = field * (1 - target / length).to(field.dtype)
        total = places.add(total, torch.fft.ifft2(excess, norm="ortho") * probe.conj())
    return total


def _check(patterns: Tensor) -> None:
    """Refuse patterns that hold something else than amplitudes."""
    good = ((patterns >= 0) & patterns.isfinite()).flatten(1).all(dim=1)
    if not bool(good.all()):
        bad = (~good).nonzero().flatten().tolist()
        raise DataError(
            f"{len(bad)} of the {len(patterns)} patterns of a scan, the first at place {bad[0]}, "
            "have values that are no amplitudes (not a number, infinite, or below 0): mend the "
            "data and prepare it again"
        )
