"""The patterns of a file: streamed to a plain array, and checked on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from studygrid.families.npz_archive import NpzArchive
from studygrid.families.ptychography.data.files.contract import RULES
from studygrid.families.ptychography.data.files.quanta import unit_violations
from studygrid.families.violations import Violation, violation

_PX_AT_ONCE = 1 << 22
_SAMPLED = 64
_MOST_NAMED = 3


@dataclass(frozen=True)
class PatternFacts:
    """What was seen of the values of patterns (n, N, N).

    Attributes
    ----------
    broken, negative, dark
        Places of the patterns that hold NaN or infinity, or values below 0, or only 0.
    lowest, highest
        Of all finite values.
    energy
        Mean of ``sum(pattern^2)`` over the patterns that are whole.
    sample
        Up to 64 of the patterns, spread evenly.
    """

    shape: tuple[int, ...]
    broken: list[int]
    negative: list[int]
    dark: list[int]
    lowest: float
    highest: float
    energy: float
    sample: NDArray[np.float32]


def copy_patterns(archive: NpzArchive, key: str, path: Path) -> NDArray[np.float32]:
    """Copy the patterns of a file to an .npy file, from which they are mapped into memory.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    shape = archive.headers[key].shape
    copy = npy.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    start = 0
    for piece in archive.pieces(key):
        copy[start : start + len(piece)] = _converted(piece)
        start += len(piece)
    copy.flush()
    return copy


def facts_of(patterns: NDArray[np.float32]) -> PatternFacts:
    """Look at all values of patterns, shape (n, N, N)."""
    count, rows = len(patterns), max(1, _PX_AT_ONCE // patterns[0].size)
    found = [_seen(patterns[start : start + rows], start) for start in range(0, count, rows)]
    energies = np.concatenate([piece.energies for piece in found])
    places = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED)).astype(np.int64))
    return PatternFacts(
        shape=patterns.shape,
        broken=[place for piece in found for place in piece.broken],
        negative=[place for piece in found for place in piece.negative],
        dark=[place for piece in found for place in piece.dark],
        lowest=min(piece.lowest for piece in found),
        highest=max(piece.highest for piece in found),
        energy=float(energies.mean()) if len(energies) else 0.0,
        sample=np.array(patterns[places]),
    )


def pattern_violations(key: str, facts: PatternFacts) -> list[Violation]:
    """Return what is wrong with the values of patterns."""
    rule, found = str(RULES[key]), []
    count = facts.shape[0]
    if facts.broken:
        remedy = "mask such px to 0, or leave these patterns out"
        shown = f"NaN or infinity in {named(facts.broken, count)}"
        found.append(violation(key, f"finite {rule}", shown, remedy))
    if facts.negative:
        remedy = "an amplitude is 0 or more; was a background subtracted after the square root?"
        shown = f"values down to {facts.lowest:g} in {named(facts.negative, count)}"
        found.append(violation(key, "values of 0 or more", shown, remedy))
    if facts.dark:
        remedy = "the shutter was closed, or frames were lost: leave these patterns out"
        shown = f"only 0 in {named(facts.dark, count)}"
        found.append(violation(key, "some light in each pattern", shown, remedy))
    if not found:
        found += unit_violations(key, facts.sample, facts.highest, facts.energy)
    return found


def named(places: list[int], count: int) -> str:
    """Return how many of so many patterns these are, and the first of them."""
    first = ", ".join(map(str, places[:_MOST_NAMED]))
    more = ", ..." if len(places) > _MOST_NAMED else ""
    return f"{len(places)} of {count} patterns ({first}{more})"


class _Seen(NamedTuple):
    """What was seen of some patterns; see `PatternFacts`."""

    broken: list[int]
    negative: list[int]
    dark: list[int]
    lowest: float
    highest: float
    energies: NDArray[np.float64]


def _seen(patterns: NDArray[np.float32], start: int) -> _Seen:
    flat = patterns.reshape(len(patterns), -1)
    finite = np.isfinite(flat)
    whole, known = finite.all(axis=1), np.where(finite, flat, 0)
    return _Seen(
        broken=(start + np.flatnonzero(~whole)).tolist(),
        negative=(start + np.flatnonzero((known < 0).any(axis=1))).tolist(),
        dark=(start + np.flatnonzero(whole & ~known.any(axis=1))).tolist(),
        lowest=float(known.min()),
        highest=float(known.max()),
        energies=np.einsum("np,np->n", flat[whole], flat[whole], dtype=np.float64),
    )


def _converted(rows: NDArray[Any]) -> NDArray[np.float32]:
    # What is too large for float32 becomes infinity, which is then told.
    with np.errstate(over="ignore", invalid="ignore"):
        return rows.astype(np.float32)
