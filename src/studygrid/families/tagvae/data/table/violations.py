"""Everything that is wrong with a table's cells, told at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from studygrid.errors import DataError

MOST_LISTED = 20
_MOST_SHOWN = 40


class Violations:
    """What is wrong with the cells of a file, in the order in which it was found."""

    def __init__(self, path: Path) -> None:
        self._path, self._count = path, 0
        self._listed: list[str] = []

    def add(self, where: str, what: str) -> None:
        """Note what is wrong in a place."""
        self._count += 1
        if self._count <= MOST_LISTED:
            self._listed.append(f"  {where}: {what}")

    def raise_any(self, hint: str) -> None:
        """Raise what was noted.

        Parameters
        ----------
        hint
            What to do.

        Raises
        ------
        DataError
            If anything was noted.
        """
        if not self._count:
            return
        what = "1 thing is" if self._count == 1 else f"{self._count} things are"
        hidden = self._count - len(self._listed)
        rest = [f"  and {hidden} more"] if hidden else []
        raise DataError("\n".join([f"{self._path}: {what} wrong; {hint}", *self._listed, *rest]))


def shown(value: object) -> str:
    """Return a value as an error shows it."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
