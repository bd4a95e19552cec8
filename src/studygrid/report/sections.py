"""The sections of a report: a registry by name, and what a section is.

A section is a function ``f(study: StudyResults) -> Section | None``; None leaves it out. It
returns plain data (`report.blocks`): text as it is, never markup, so that HTML, Markdown and PDF
are rendered from the same. It may place a drawn figure by its name (`Figure`), any table
(`Table`), and a chart to explore (`Explore`).

`SECTIONS` names those of every study. A family adds its own by name in `Family.sections`; they
stand before the tables. One of the same name takes the place of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from studygrid.families.base import Family, load_reference
from studygrid.report.blocks import Section
from studygrid.report.drawn import DrawnFiles, placed
from studygrid.results.study_results import StudyResults

_HERE = "studygrid.report"
SECTIONS = {
    "question": f"{_HERE}.question:question",
    "outcomes": f"{_HERE}.outcomes:outcomes",
    "answers": f"{_HERE}.answer_section:answer_section",
    "ranking": f"{_HERE}.ranking:ranking",
    "convergence": f"{_HERE}.convergence:convergence",
    "outliers": f"{_HERE}.outliers:outliers",
    "figures": f"{_HERE}.drawn:figures",
    "inference": f"{_HERE}.inference_section:inference",
    "tables": f"{_HERE}.table_section:tables",
    "methods": f"{_HERE}.methods:methods",
    "provenance": f"{_HERE}.provenance:provenance",
}
_FAMILY_BEFORE = "tables"
# Of a study that was collected from the files of other programs: in place of those that rest on
# records and a config, and after the question where the runs come from.
_COLLECTED = {
    "question": f"{_HERE}.collected_sections:question",
    "sources": f"{_HERE}.sources:sources",
    "methods": f"{_HERE}.collected_sections:methods",
    "provenance": f"{_HERE}.collected_sections:provenance",
}


def sections_of(family: Family) -> dict[str, str]:
    """Return the references of all sections of a family's reports, by name, in their order."""
    found: dict[str, str] = {}
    own = {name: reference for name, reference in family.sections.items() if name not in SECTIONS}
    for name, reference in SECTIONS.items():
        if name == _FAMILY_BEFORE:
            found |= own
        found[name] = family.sections.get(name, reference)
    return found


def report_sections(study: StudyResults, files: DrawnFiles) -> list[Section]:
    """Return the sections of a study's report, its figures read from their files."""
    sections: list[Section] = []
    references = sections_of(study.family)
    if study.collected:
        first = {name: _COLLECTED[name] for name in ("question", "sources")}
        references = first | references | _COLLECTED
    for reference in references.values():
        make: Callable[[StudyResults], Section | None] = load_reference(reference)
        section = make(study)
        if section is not None:
            sections.append(placed(section, files))
    return with_own_ids(sections)


def with_own_ids(sections: Sequence[Section]) -> list[Section]:
    """Return the sections with ids that no two share: they are the targets of links."""
    seen: dict[str, int] = {}
    found = []
    for section in sections:
        seen[section.id] = seen.get(section.id, 0) + 1
        number = seen[section.id]
        name = section.id if number == 1 else f"{section.id}-{number}"
        found.append(Section(name, section.title, section.blocks))
    return found
