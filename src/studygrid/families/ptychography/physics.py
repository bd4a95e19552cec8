"""The far-field forward model of ptychography: from an object to what the detector counts.

Conventions, the same for the simulator, the networks' loss and the iterative engine:

- The side N of a pattern is even, and its centre (spatial frequency 0) is at index N/2 of both
  axes, as `torch.fft.fftshift` puts it. A patch and a probe are *not* shifted: they are pictures
  as one sees them, the probe's centre near index N/2. Their place in the frame changes the phase
  of the far field alone, which no detector sees.
- The transform is orthonormal: the energy of the exit wave is that of its far field.
- The position of a patch is the row and the column of its first pixel in the object, in px. Parts
  of a pixel are bilinear interpolation; whole positions are exact.
- All is batched over leading axes, differentiable, and stays on the device of what it is given.
  Sums over patches are deterministic where `torch.use_deterministic_algorithms` asks for it.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from studygrid.families.ptychography.places import Places

MIN_COUNTS = 1e-6  # expected counts of a pixel at least: the logarithm of 0 is not a loss
BLUR_SHARE = 1 / 32  # standard deviation of `illumination`'s blur, of the side of a pattern


def propagate(exit_wave: torch.Tensor) -> torch.Tensor:
    """Return the far field of an exit wave: its centred, orthonormal Fourier transform.

    Source: Fraunhofer diffraction, Goodman, Introduction to Fourier Optics, section 4.3, without
    the phase factors that a detector does not see.

    Parameters
    ----------
    exit_wave
        complex64, shape (..., N, N).

    Returns
    -------
    torch.Tensor
        complex64, shape (..., N, N); spatial frequency 0 is at (N/2, N/2).
    """
    field: torch.Tensor = torch.fft.fft2(exit_wave, norm="ortho")
    centred: torch.Tensor = torch.fft.fftshift(field, dim=(-2, -1))
    return centred


def amplitude(patches: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
    """Return the amplitude at the detector behind patches of the object under a probe.

    It is in the units of the prepared patterns where the probe is: ``sum(|probe|^2) = (N/2)^2``.

    Parameters
    ----------
    patches
        complex64, shape (..., N, N).
    probe
        complex64, shape (N, N), or any that broadcasts.

    Returns
    -------
    torch.Tensor
        float32, shape (..., N, N); its gradient where the far field is 0 is 0.
    """
    return torch.abs(propagate(patches * probe))


def counts_of(amplitudes: torch.Tensor, photons: float) -> torch.Tensor:
    """Return the counts of amplitudes in the units of the prepared patterns.

    Parameters
    ----------
    amplitudes
        float32, shape (..., N, N); a pattern of mean brightness has the squared sum (N/2)^2.
    photons
        Counts of a pattern of mean brightness.
    """
    side = amplitudes.shape[-1]
    return amplitudes.square() * (photons / (side / 2) ** 2)


def half_deviance(expected_counts: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Return half the Poisson deviance of each pixel, in nats: ``l - k + k ln(k / l)``.

    It is the negative log-likelihood less its least value, at ``l = k``: never negative, and with
    the same gradient ``1 - k / l``. Source: McCullagh and Nelder, Generalized Linear Models, 2nd
    edition, section 2.3.

    Parameters
    ----------
    expected_counts
        l, float32, any shape; taken as `MIN_COUNTS` at least, and without a gradient below it.
    counts
        k, float32, the same shape, 0 or more; not whole where a file's amplitudes are not.
    """
    expected = expected_counts.clamp(min=MIN_COUNTS)
    # Clamped inside the logarithm alone, where k = 0 makes the term 0 all the same.
    return expected - counts + counts * torch.log(counts.clamp(min=MIN_COUNTS) / expected)


def illumination(probe: torch.Tensor) -> torch.Tensor:
    """Return where a probe lights its patch: ``|probe|^2``, blurred, with the sum 1.

    The blur, a Gaussian of N/32 px, closes the dark rings of a defocused probe, between which a
    pattern tells as much of the object as on them.

    Parameters
    ----------
    probe
        complex64, shape (..., N, N).

    Returns
    -------
    torch.Tensor
        float32, shape (..., N, N).
    """
    side = probe.shape[-1]
    sigma = side * BLUR_SHARE
    reach = max(1, round(4 * sigma))
    steps = torch.arange(-reach, reach + 1, device=probe.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma).square())
    intensity = probe.abs().square().reshape(-1, 1, side, side)
    down = functional.conv2d(intensity, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    blurred = functional.conv2d(down, kernel.view(1, 1, 1, -1), padding=(0, reach))
    return (blurred / blurred.sum(dim=(-2, -1), keepdim=True)).view(probe.shape)


def extract(
    objects: torch.Tensor,
    positions: torch.Tensor,
    side: int,
    index: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the patches of objects at positions, by bilinear interpolation.

    Parameters
    ----------
    objects
        Complex or real, shape (H, W), or (k, H, W) with an `index`.
    positions
        float32, shape (n, 2): row and column of a patch's first px.
    side
        N, px.
    index
        int64, shape (n,): which object each patch is of.

    Returns
    -------
    torch.Tensor
        Of the objects' type, shape (n, N, N).

    Raises
    ------
    ValueError
        If a patch does not lie within its object.
    """
    shape = (objects.shape[-2], objects.shape[-1])
    check_positions(positions, side, shape)
    return Places.of(positions, side, shape, index).extract(objects)


def check_positions(positions: torch.Tensor, side: int, shape: tuple[int, int]) -> None:
    """Refuse positions whose patches do not lie within their object.

    Parameters
    ----------
    positions
        float32, shape (n, 2).
    side
        N, px.
    shape
        (H, W) of the object, px.

    Raises
    ------
    ValueError
        If one does not; a position that is not a number is named so too.
    """
    last = positions.new_tensor([shape[0] - side, shape[1] - side])
    inside = ((positions >= 0) & (positions <= last)).all(dim=1)
    if not bool(inside.all()):
        which = int((~inside).nonzero()[0, 0])
        row, column = positions[which].tolist()
        raise ValueError(
            f"the patch at position {which} of {len(positions)}, row {row:g} and column "
            f"{column:g}, does not lie within its object of {shape[0]} x {shape[1]} px: a patch "
            f"of {side} px starts between 0, 0 and {shape[0] - side}, {shape[1] - side}"
        )
