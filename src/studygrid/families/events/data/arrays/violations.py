"""Everything that is wrong with a file of events, told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.violations import Violation, raise_any, violation


def raise_event_violations(path: Path, violations: Sequence[Violation]) -> None:
    """Raise what is wrong with a file.

    Raises
    ------
    DataError
        If anything is.
    """
    raise_any(path, violations, "these events", "docs/token-arrays.md tells what a file holds")


@dataclass(frozen=True)
class _Fault:
    first: str
    values: int = 0
    events: int = 0


class Faults:
    """What is wrong with the values of a file, counted over all its blocks."""

    def __init__(self) -> None:
        self._faults: dict[tuple[str, str, str, str], _Fault] = {}

    def __bool__(self) -> bool:
        return bool(self._faults)

    def note(
        self,
        key: str,
        expected: str,
        found: str,
        remedy: str,
        wrong: NDArray[np.bool_],
        start: int = 0,
        values: NDArray[Any] | None = None,
    ) -> None:
        """Note the values that are wrong, where any is.

        Parameters
        ----------
        wrong
            Of each event, (n,), or of each of its tokens, (n, tokens).
        start
            The first of these events in the file.
        values
            Of the shape of `wrong`: what stands there.
        """
        if not wrong.any():
            return
        places = np.argwhere(wrong)
        event, *token = places[0].tolist()
        where = f"first event {start + event}" + (f", token {token[0]}" if token else "")
        shown = "" if values is None else f", {values[tuple(places[0])]:g}"
        known = self._faults.get((key, expected, found, remedy), _Fault(f"{where}{shown}"))
        events = len(np.unique(places[:, 0]))
        self._faults[key, expected, found, remedy] = _Fault(
            known.first, known.values + len(places), known.events + events
        )

    def violations(self) -> list[Violation]:
        """Return a line on each kind of fault."""
        return [
            violation(
                key, expected, f"{found} ({_counted(fault)} of the file; {fault.first})", remedy
            )
            for (key, expected, found, remedy), fault in self._faults.items()
        ]


def _counted(fault: _Fault) -> str:
    events = f"{fault.events} event{'s' if fault.events > 1 else ''}"
    return events if fault.values == fault.events else f"{fault.values} times in {events}"
