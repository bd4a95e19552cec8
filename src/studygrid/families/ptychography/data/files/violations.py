"""Everything that is wrong with a file of a scan, told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from studygrid.families.violations import Violation, raise_any


def raise_scan_violations(path: Path, violations: Sequence[Violation]) -> None:
    """Raise what is wrong with a file.

    Raises
    ------
    DataError
        If anything is.
    """
    raise_any(path, violations, "this scan", "docs/scan-files.md has the whole contract")
