"""The words, with units, that head the columns of tables for people."""

from __future__ import annotations

import re
from collections.abc import Iterable

from studygrid.families.base import Family

_WORDS = {
    "n_train": "Training size",
    "n": "n",
    "sd": "SD",
    "ci_low": "95 % interval of the mean, low",
    "ci_high": "95 % interval of the mean, high",
    "pairs": "Seeds shared with the best",
    "difference": "Difference to the best",
    "difference_ci_low": "Difference, 95 % interval, low",
    "difference_ci_high": "Difference, 95 % interval, high",
    "p_value": "p (paired t)",
    "p_holm": "p (Holm)",
    "exact_p_value": "p (exact)",
    "smallest_exact_p": "Smallest possible exact p",
    "min": "Minimum",
    "max": "Maximum",
    "train_samples": "Samples trained on",
    "undefined": "Metrics without a value, and why",
    "stopped_by": "Stopped by",
    "train_time_sec": "Training time (s)",
    "train_device": "Training device",
    "checkpoint_sha256": "Checkpoint SHA-256",
    "data_sha256": "Data SHA-256",
    "profile_flops_per_sample": "Profile, FLOPs a sample",
}
_UNITS = {
    "_sec_per_batch": "s a batch",
    "_sec_per_sample": "s a sample",
    "_samples_per_sec": "samples/s",
    "_sec": "s",
    "_mb": "MB",
}
_LATENCY = re.compile(r"profile_b(?P<size>\d+)_(?P<rest>.+)")


def headings(columns: Iterable[str], family: Family, split: str = "test") -> dict[str, str]:
    """Return the words that head each column of a study's table; scores are of the split."""
    own = {f"test_{metric.name}": metric for metric in family.metrics}
    words = {name: _with_unit(metric.label, split, metric.unit) for name, metric in own.items()}
    words["resolution"] = _with_unit(family.resolution_label, family.resolution_unit)
    return {name: words.get(name) or heading(name) for name in columns}


def heading(column: str) -> str:
    """Return the words of a column that is the same in every family."""
    latency = _LATENCY.fullmatch(column)
    if column in _WORDS:
        return _WORDS[column]
    if latency:
        words, unit = _split(latency["rest"])
        return _with_unit(
            f"{words}{' latency' * unit.startswith('s ')}, batch of {latency['size']}", unit
        )
    words, unit = _split(column.removeprefix("profile_"))
    if column.startswith("profile_"):
        return _with_unit(f"Profile, {words[:1].lower()}{words[1:]}", unit)
    return _with_unit(words, unit)


def _split(column: str) -> tuple[str, str]:
    """Return the words and the unit of a column's name."""
    ending = next((ending for ending in _UNITS if column.endswith(ending)), "")
    words = column.removesuffix(ending).replace("_", " ").replace("iqr", "IQR")
    return words[:1].upper() + words[1:], _UNITS.get(ending, "")


def _with_unit(words: str, *units: str) -> str:
    listed = ", ".join(filter(None, units))
    return f"{words} ({listed})" if listed else words
