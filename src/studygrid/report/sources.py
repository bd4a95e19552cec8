"""The section of sources: which files the runs of a collected study come from."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from studygrid.report.blocks import Block, Heading, Paragraph, Points, Section
from studygrid.report.numbers import counted, listed
from studygrid.results.collected import Collected, split_words
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table

_TITLE = "Where these runs come from"


def sources(study: StudyResults) -> Section | None:
    """Return which files the runs were read from, and what was left out; None of a study of ours.

    What was planned is not known of such runs: everywhere in the report, planned are those that
    were found.
    """
    found = study.collected
    if found is None:
        return None
    blocks: list[Block] = [Paragraph(_collected(study, found)), _by_layout(found)]
    points = [*split_words(study.split), *found.notes]
    if points:
        blocks.append(Points(tuple(points)))
    for layout in found.layouts.values():
        if layout.caveats:
            blocks += [Heading(layout.title), Points(layout.caveats)]
    blocks += _left_out(found)
    return Section("sources", _TITLE, tuple(blocks))


def _collected(study: StudyResults, found: Collected) -> str:
    where = listed([str(path) for path in found.looked_in]) or "files"
    foreign = sum(not source.written_here for source in found.sources.values())
    whose = "other programs wrote them" if foreign == len(found.sources) else "studygrid wrote them"
    if 0 < foreign < len(found.sources):
        whose = f"other programs wrote {foreign:,} of them"
    return (
        f"{counted(len(study.frame), 'run')} {_were(len(study.frame))} collected from {where}; "
        f"{whose}. Nothing was trained or scored for this report, and what was planned is "
        "not known: “planned” are here the runs that were found."
    )


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _by_layout(found: Collected) -> Table:
    counts = Counter(source.layout for source in found.sources.values())
    rows = [
        {
            "layout": layout,
            "title": found.layouts[layout].title,
            "runs": count,
            "files": sum(
                len(source.paths) for source in found.sources.values() if source.layout == layout
            ),
        }
        for layout, count in counts.items()
    ]
    words = {"layout": "Layout", "title": "What it is", "runs": "Runs", "files": "Files or folders"}
    note = "The layouts of the files that runs were read from; sources.csv has those of each run."
    frame = pd.DataFrame(rows)
    return Table("layouts", "Layouts", note, frame, tuple(words), words)


def _left_out(found: Collected) -> list[Block]:
    if not found.problems:
        return [Paragraph("Nothing that lies there was left out.")]
    paths = {problem.path for problem in found.problems}
    rows = [{"path": str(one.path), "reason": one.reason} for one in found.problems]
    words = {"path": "File or folder", "reason": "Reason"}
    note = (
        f"{counted(len(paths), 'file or folder', 'files and folders')} that could not be used, or "
        "not whole, and why; problems.csv has them too."
    )
    frame = pd.DataFrame(rows, dtype=object)
    return [Table("problems", "What was left out", note, frame, tuple(words), words)]
