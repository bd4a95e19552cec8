"""ResoMap's layout: one JSON file a cell in ``test_results``, and what sums them up.

A cell is a model at a resolution, and at a training-set size where the study has several. The
names of the files are cheap to ask for; what reads and writes them is loaded on first use.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from studygrid.families.base import load_reference

if TYPE_CHECKING:
    from studygrid.grid import Cell
    from studygrid.interchange.resomap_documents import Layout as Layout
    from studygrid.interchange.resomap_documents import read_layout as read_layout
    from studygrid.interchange.resomap_writing import write_layout as write_layout
    from studygrid.plan import Plan

_LOADED_ON_USE = {
    "Layout": "studygrid.interchange.resomap_documents:Layout",
    "read_layout": "studygrid.interchange.resomap_documents:read_layout",
    "write_layout": "studygrid.interchange.resomap_writing:write_layout",
}
__all__ = ["Layout", "layout_files", "read_layout", "write_layout"]

RESULTS_FOLDER: Final = "test_results"
TABLE: Final = "all_results.csv"
SUMMARY: Final = "results_summary.json"
REPORT: Final = "detailed_report.txt"


def layout_files(plan: Plan) -> list[str]:
    """Return every file of a study in this layout, as seen from its results folder."""
    cells = [f"{RESULTS_FOLDER}/{file_name(cell, plan)}" for cell in plan.cells]
    return [TABLE, SUMMARY, REPORT, *cells]


def file_name(cell: Cell, plan: Plan) -> str:
    """Return the name of a cell's file; it tells the size where the config has several."""
    # Of the config and not of the runs: a part of a study keeps the names of the whole.
    given = [entry.n_train or [] for entry in plan.study.grid.include]
    sizes = {*plan.study.grid.n_train, *chain.from_iterable(given)}
    size = f"_n{cell.n_train}" if len(sizes) > 1 else ""
    return f"{cell.model}_{cell.resolution}{size}.json"


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return load_reference(_LOADED_ON_USE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
