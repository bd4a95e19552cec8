"""An answer, and the words that answers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studygrid.families.base import Metric
from studygrid.results.not_said import NOT_SAID, resolution_in_sentence
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table


@dataclass(frozen=True)
class Answer:
    """An answer in sentences.

    Attributes
    ----------
    name
        ``best``, ``chance``, ``n_train``, ``resolution``, ``cost`` or ``failures``.
    table
        The numbers behind a sentence that sums up several; or None.
    """

    name: str
    title: str
    sentences: tuple[str, ...]
    table: Table | None = None


def cell_name(study: StudyResults, cell: Mapping[str, Any]) -> str:
    """Return ``simple_cnn, 48 px, n = 256``, of what has the axes of a cell."""
    resolution = resolution_name(study, cell["resolution"])
    return f"{cell['model']}, {resolution}, {size_name(cell['n_train'])}"


def resolution_name(study: StudyResults, resolution: Any) -> str:
    """Return a resolution with its unit."""
    family = study.family
    return resolution_in_sentence(
        float(resolution), family.resolution_unit, family.resolution_label
    )


def size_name(size: Any) -> str:
    """Return ``n = 256`` or ``all training samples``."""
    words = {"all": "all training samples", NOT_SAID: f"n {NOT_SAID}"}
    return words.get(str(size), f"n = {size}")


def in_sentence(label: str) -> str:
    """Return a label as it stands within a sentence: small, unless it starts with an acronym."""
    first = label.split(" ", 1)[0][1:]
    is_acronym = any(letter.isupper() or letter.isdigit() for letter in first)
    return label if is_acronym else label[:1].lower() + label[1:]


def direction(metric: Metric) -> str:
    """Return which way is better."""
    return "higher is better" if metric.higher_is_better else "lower is better"


def with_unit(text: str, metric: Metric) -> str:
    """Return a number with the unit of a metric, if it has one."""
    return f"{text} {metric.unit}".strip()


def half_width(row: Mapping[str, Any], prefix: str = "") -> float | None:
    """Return half the width of an interval of a row, or None where it has none."""
    low, high = row[f"{prefix}ci_low"], row[f"{prefix}ci_high"]
    return None if low is None or high is None else (high - low) / 2
