"""The contract of a scan's file: names, types and axes of its arrays.

Source: hoidn/PtychoPINN, docs/data_contracts.md and docs/specs/spec-ptycho-core.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from studygrid.families.npz_archive import Header

PATTERNS, RAW_PATTERNS = "diffraction", "diff3d"
OBJECT, PROBE, PATCHES = "objectGuess", "probeGuess", "Y"
COLUMNS, ROWS, ORDER = "xcoords", "ycoords", "scan_index"
KEYS = (PATTERNS, RAW_PATTERNS, OBJECT, PROBE, PATCHES, COLUMNS, ROWS, ORDER)

_AMPLITUDE = f"save float32 amplitude, {PATTERNS}.astype(np.float32)"


@dataclass(frozen=True)
class Rule:
    """What an array should be.

    Attributes
    ----------
    stored
        The type that the contract names.
    converted
        Kinds and sizes of types that are read as that one, as `numpy.dtype.str` without the byte
        order.
    axes
        Names of its axes, as an error shows them.
    """

    stored: str
    converted: tuple[str, ...]
    axes: str
    remedy: str

    @property
    def rank(self) -> int:
        """Number of axes."""
        return self.axes.count("N") + self.axes.count("n") + self.axes.count("M")

    def __str__(self) -> str:
        return f"{self.stored} {self.axes}"


_REALS = ("f2", "f4", "f8")
_COMPLEX = ("c8", "c16")
_INTEGERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
RULES = {
    PATTERNS: Rule("float32", _REALS, "(n, N, N)", _AMPLITUDE),
    RAW_PATTERNS: Rule("float32", _REALS, "(n, N, N)", _AMPLITUDE),
    OBJECT: Rule("complex64", _COMPLEX, "(M, M')", "save amplitude * np.exp(1j * phase)"),
    PROBE: Rule(
        "complex64", _COMPLEX, "(N, N)", "save one coherent mode, amplitude * np.exp(1j * phase)"
    ),
    PATCHES: Rule("complex64", _COMPLEX, "(n, N, N)", "save complex patches, or leave it out"),
    COLUMNS: Rule("float64", (*_REALS[1:], *_INTEGERS), "(n,)", "save columns of the object in px"),
    ROWS: Rule("float64", (*_REALS[1:], *_INTEGERS), "(n,)", "save rows of the object in px"),
    ORDER: Rule("int64", _INTEGERS, "(n,)", "save whole numbers, or leave it out"),
}


def conversions(headers: Mapping[str, Header]) -> dict[str, str]:
    """Return which arrays are read as another type than they are stored in, for the record."""
    return {
        key: f"{header.dtype.name} read as {RULES[key].stored}"
        for key, header in headers.items()
        if key in RULES and header.dtype.newbyteorder("=") != np.dtype(RULES[key].stored)
    }
