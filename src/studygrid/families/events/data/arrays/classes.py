"""Classes of particles, from the numbers that stand for them in a file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.generated.features import CLASSES

PADDING = "padding"
ONLY_CLASS = "particle"

_LEPTONS_AND_PHOTON = {22: "photon", 11: "electron", 13: "muon"}
_LEAST_HADRON, _LEAST_NUCLEUS = 100, 1_000_000_000
_UP_TYPE = (2, 4, 6)  # quarks of charge 2/3; the others have -1/3

# From numbers, of any shape, to places in the names of the classes; 0 for one that is unknown.
Lookup = Callable[[NDArray[np.float64]], NDArray[np.uint8]]


def class_names(options: TokenArraysOptions) -> tuple[str, ...]:
    """Return the names of the classes, padding first."""
    if "pdg_id" in options.token_columns:
        return CLASSES
    if has_classes(options):
        return (PADDING, *options.classes)
    return (PADDING, ONLY_CLASS)


def has_classes(options: TokenArraysOptions) -> bool:
    """Return whether the files tell the particles' classes."""
    given = {"class", "pdg_id"} & set(options.token_columns)
    return bool(given) or options.arrays.classes is not None


def class_lookup(options: TokenArraysOptions) -> Lookup:
    """Return what finds a particle's class by the number in the files."""
    if "pdg_id" in options.token_columns:
        return _places(lambda number: CLASSES.index(pdg_class(number) or PADDING))
    known = {
        number: place
        for place, given in enumerate(options.classes.values(), start=1)
        for number in ([given] if isinstance(given, int) else given)
    }
    return _places(lambda number: known.get(number, 0))


def pdg_class(number: int) -> str | None:
    """Return the class of a particle that a detector sees, or None if it is none.

    Parameters
    ----------
    number
        Of the Particle Data Group's scheme (Navas et al., Phys. Rev. D 110, 030001 (2024), section
        45): the digits of a hadron's before the last are its quarks, in a meson a quark and an
        antiquark.
    """
    size = abs(number)
    if size in _LEPTONS_AND_PHOTON:
        return _LEPTONS_AND_PHOTON[size]
    first, second, third = (size // 10**place % 10 for place in (3, 2, 1))
    if not _LEAST_HADRON <= size < _LEAST_NUCLEUS or not (second and third):
        return None
    thirds = [2 if quark in _UP_TYPE else -1 for quark in (second, third)]
    of_meson, of_baryon = thirds[0] - thirds[1], sum(thirds) + (2 if first in _UP_TYPE else -1)
    return "charged_hadron" if (of_baryon if first else of_meson) else "neutral_hadron"


def _places(place_of: Callable[[int], int]) -> Lookup:
    def look_up(numbers: NDArray[np.float64]) -> NDArray[np.uint8]:
        kinds, inverse = np.unique(numbers, return_inverse=True)
        found = [place_of(int(kind)) if float(kind).is_integer() else 0 for kind in kinds.tolist()]
        return np.array(found, np.uint8)[inverse].reshape(numbers.shape)

    return look_up
