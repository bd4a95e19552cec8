"""Everything that is wrong with a file of a scan, told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studygrid.errors import DataError

GUIDE = "docs/scan-files.md"
Violation = str


def violation(key: str, expected: str, found: str, remedy: str) -> Violation:
    """Return one line on an array that breaks the contract."""
    return f"`{key}`: expected {expected}; found {found}; {remedy}"


def raise_any(path: Path, violations: Sequence[Violation]) -> None:
    """Raise what is wrong with a file.

    Raises
    ------
    DataError
        If anything is.
    """
    if not violations:
        return
    what = "1 thing is" if len(violations) == 1 else f"{len(violations)} things are"
    lines = [f"{path}: {what} wrong with this scan; {GUIDE} has the whole contract"]
    raise DataError("\n".join([*lines, *(f"  {line}" for line in violations)]))
