"""Everything that is wrong with a file of arrays, told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studygrid.errors import DataError

Violation = str


def violation(key: str, expected: str, found: str, remedy: str) -> Violation:
    """Return one line on an array that cannot be used."""
    return f"`{key}`: expected {expected}; found {found}; {remedy}"


def raise_any(path: Path, violations: Sequence[Violation], contents: str, hint: str) -> None:
    """Raise what is wrong with a file.

    Parameters
    ----------
    contents
        What the file is of: ``this scan``.
    hint
        Where it is told what a file holds.

    Raises
    ------
    DataError
        If anything is.
    """
    if not violations:
        return
    what = "1 thing is" if len(violations) == 1 else f"{len(violations)} things are"
    lines = [f"{path}: {what} wrong with {contents}; {hint}"]
    raise DataError("\n".join([*lines, *(f"  {line}" for line in violations)]))
