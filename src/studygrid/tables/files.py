"""The files of a study's tables."""

from __future__ import annotations

WORKBOOK = "tables.xlsx"

# aggregated_metrics.csv and summary_statistics.csv at the root are the other two CSVs.
_KINDS = {
    "runs": ("md", "tex"),
    "summary": ("md", "tex"),
    "rankings": ("csv", "md", "tex"),
    "failures": ("csv", "md", "tex"),
}


def table_files() -> list[str]:
    """Return the names of the files below ``tables/``."""
    return [*(f"{name}.{kind}" for name, kinds in _KINDS.items() for kind in kinds), WORKBOOK]


def kinds_of(name: str) -> tuple[str, ...]:
    """Return the kinds of file that a table is written as, beside the workbook."""
    return _KINDS[name]
