"""How many events a split has. Cheap to import."""

from __future__ import annotations

from studygrid.families.base import Split
from studygrid.families.events.data.options import EventOptions


def split_counts(background: int, options: EventOptions) -> dict[Split, int]:
    """Return how many of the background events each split has."""
    validation = round(background * options.validation_fraction)
    test = round(background * options.test_fraction)
    return {"train": background - validation - test, "validation": validation, "test": test}


def reference_count(signal: int, fraction: float) -> int:
    """Return how many events of a signal are kept for reference; one at least is for testing."""
    return min(int(signal * fraction), max(0, signal - 1))
