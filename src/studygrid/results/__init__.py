"""Reading what a study left: records to one row a run, and to the tables of cells.

``load_runs`` is the way in for people; `read_study` is what figures and reports are made from.
They are loaded on first use: pandas takes long to import, and the aggregate job needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studygrid.families.base import load_reference

if TYPE_CHECKING:
    from studygrid.results.loading import Runs as Runs
    from studygrid.results.loading import load_runs as load_runs
    from studygrid.results.study_results import StudyResults as StudyResults
    from studygrid.results.study_results import read_study as read_study

_LOADED_ON_USE = {
    "Runs": "studygrid.results.loading:Runs",
    "load_runs": "studygrid.results.loading:load_runs",
    "StudyResults": "studygrid.results.study_results:StudyResults",
    "read_study": "studygrid.results.study_results:read_study",
}
__all__ = ["Runs", "StudyResults", "load_runs", "read_study"]


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return load_reference(_LOADED_ON_USE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
