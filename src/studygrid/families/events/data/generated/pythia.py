"""Pythia: started from lines, and its events in batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import awkward as ak
import pythia8mc

from studygrid.errors import DataError

# Messages are printed, so that a failure can tell its cause; all else is not.
_QUIET = (
    "Init:showProcesses = off",
    "Init:showMultipartonInteractions = off",
    "Init:showChangedSettings = off",
    "Init:showChangedParticleData = off",
    "Next:numberCount = 0",
    "Next:numberShowInfo = 0",
    "Next:numberShowProcess = 0",
    "Next:numberShowEvent = 0",
)
_MESSAGE = re.compile(r"PYTHIA (?:Abort|Error)[^\n]*(?:\n {2,}[^\n]*)?")
_FRUITLESS_BATCHES = 10
_PB_OF_MB = 1e9


class Generator:
    """Pythia with one process and one stream of random numbers.

    Parameters
    ----------
    lines
        What it is told, but the seed.
    printed
        Returns what it has printed so far.

    Raises
    ------
    DataError
        If it refuses a line, or cannot start with them.
    """

    def __init__(self, lines: Sequence[str], seed: int, printed: Callable[[], str]) -> None:
        self._lines, self._printed = list(lines), printed
        self._pythia = pythia8mc.Pythia("", False)
        for line in (*_QUIET, "Random:setSeed = on", f"Random:seed = {seed}", *lines):
            if not self._pythia.readString(line):
                raise DataError(
                    f"Pythia refuses the line {line!r}; {self._cause()}; the lines of a study "
                    "stand in dataset.generator.extra"
                )
        if not self._pythia.init():
            raise DataError(f"Pythia cannot start with {self._told()}; {self._cause()}")

    def batch(self, count: int) -> ak.Array:
        """Return the particles of the next events, `count` of them but for those that failed.

        Raises
        ------
        DataError
            If batch after batch has no event.
        """
        for _ in range(_FRUITLESS_BATCHES):
            events = self._pythia.nextBatch(count)
            if len(events):
                return events.prt
        raise DataError(
            f"Pythia made no event in {_FRUITLESS_BATCHES} batches of {count} with "
            f"{self._told()}; {self._cause()}"
        )

    def is_visible(self, identity: int) -> bool:
        """Tell whether a kind of particle acts on matter by the strong or electric force."""
        return bool(self._pythia.particleData.isVisible(identity))

    def is_charged(self, identity: int) -> bool:
        """Tell whether a kind of particle has electric charge."""
        return bool(self._pythia.particleData.chargeType(identity))

    def cross_section_pb(self) -> tuple[float, float]:
        """Return the cross section of the process within its cuts, and its error, pb."""
        info: Any = self._pythia.infoPython()
        return float(info.sigmaGen()) * _PB_OF_MB, float(info.sigmaErr()) * _PB_OF_MB

    def _told(self) -> str:
        return "; ".join(self._lines)

    def _cause(self) -> str:
        found = [" ".join(message.split()) for message in _MESSAGE.findall(self._printed())]
        return f"it says: {found[0]}" if found else "it does not say why"
