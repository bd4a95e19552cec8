"""Names that the record of prepared data has: of classes, and of samples that are files."""

from __future__ import annotations

from studygrid.errors import RecordError
from studygrid.records import DataRecord, read_record
from studygrid.results.study_results import StudyResults


def data_names(study: StudyResults, resolution: int, fact: str) -> list[str]:
    """Return the names under a key of the data's facts; none where there are no such."""
    path = study.folder / "data" / f"res{resolution}" / "data.json"
    try:
        names = read_record(path, DataRecord).facts.get(fact)
    except RecordError:
        return []
    return list(map(str, names)) if isinstance(names, list) else []
