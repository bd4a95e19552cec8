"""What the metrics of ptychography are functions of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined, load_reference
from studygrid.families.ptychography.area import Box

if TYPE_CHECKING:
    from studygrid.families.ptychography.aligned import Aligned

# By reference: the metrics that need it import it, and what needs none depends on none.
_ALIGN = "studygrid.families.ptychography.alignment:align"


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """The object of one scan as it was reconstructed, and as it is.

    Attributes
    ----------
    name
        Of the scan.
    object, truth
        Complex64, shape (H, W); `object` is as reconstructed, without any alignment. A truth
        that is not known is NaN.
    coverage
        Summed weights of the patches that each px was assembled from, float32, shape (H, W).
    box
        First row, end row, first column, end column (half open) of the part of the object that
        was scanned: between the outermost centres of the probe.
    """

    name: str
    object: NDArray[np.complex64]
    truth: NDArray[np.complex64]
    coverage: NDArray[np.float32]
    box: Box


@dataclass(frozen=True, eq=False)
class SampleLosses:
    """The loss of each sample: of a group for a network, of a pattern for an engine.

    Attributes
    ----------
    index
        Of the pattern, of a group its first, within the prepared arrays, int64 (n,).
    scan
        Which reconstruction it is of, counted from 0, int64 (n,).
    loss
        Float64, shape (n,).
    """

    index: NDArray[np.int64]
    scan: NDArray[np.int64]
    loss: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Reconstructions of all scans of a split.

    Attributes
    ----------
    loss
        Mean over the split of the loss that the model is trained with.
    pattern_error
        R-factor: sum of ``|calculated amplitude - measured amplitude|`` over the sum of the
        measured amplitudes, over all patterns of the split; the calculated ones are of the
        assembled objects.
    samples
        What the loss is the mean of; None where it is not known.
    """

    reconstructions: tuple[Reconstruction, ...]
    loss: float
    pattern_error: float
    samples: SampleLosses | None = None

    @cached_property
    def attempts(self) -> tuple[Aligned | Undefined, ...]:
        """Each scan aligned, or why it cannot be."""
        return tuple(_attempt(one) for one in self.reconstructions)

    @cached_property
    def aligned(self) -> tuple[Aligned, ...]:
        """All scans aligned with their truth.

        Raises
        ------
        Undefined
            If there is no scan, or one of them cannot be aligned; see `alignment.align`.
        """
        if not self.attempts:
            raise Undefined("the split has no scans")
        found: list[Aligned] = []
        for one in self.attempts:
            if isinstance(one, Undefined):
                raise Undefined(str(one))
            found.append(one)
        return tuple(found)


def _attempt(one: Reconstruction) -> Aligned | Undefined:
    try:
        found: Aligned = load_reference(_ALIGN)(one.name, one.object, one.truth, one.box)
        return found
    except Undefined as why:
        return why
