"""What stands for a place in the grid that the files of a collected run do not say.

A resolution that is not said is 0, and a training-set size is the text ``not said``: so such runs
are cells like others. Where people read them, and in files, they are said to be unknown.
"""

from __future__ import annotations

from typing import Any, Final

NO_RESOLUTION: Final = 0
NOT_SAID: Final = "not said"


def resolution_words(resolution: float, unit: str) -> str:
    """Return a resolution with its unit: ``320 px``, or ``not said``."""
    return NOT_SAID if resolution == NO_RESOLUTION else f"{resolution:.0f} {unit}".rstrip()


def resolution_in_sentence(resolution: float, unit: str, label: str) -> str:
    """Return a resolution as it stands beside other words: ``320 px``, ``image side not said``."""
    words = resolution_words(resolution, unit)
    return f"{label.lower()} {words}" if words == NOT_SAID else words


def value_in_file(axis: str, value: Any) -> Any:
    """Return a value of an axis as a file has it: nothing where it is not said."""
    unknown = {"resolution": NO_RESOLUTION, "n_train": NOT_SAID}
    return None if axis in unknown and value == unknown[axis] else value
