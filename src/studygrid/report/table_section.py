"""The section of tables: those of the study, and a chart of its runs."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from studygrid.report.blocks import Block, Paragraph, Section
from studygrid.report.explore import MOST_ROWS, explore_runs
from studygrid.report.outcomes import shortened
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table, study_tables


def tables(study: StudyResults) -> Section:
    """Return the tables of the study, with a chart of its runs beneath them."""
    blocks: list[Block] = []
    for table in study_tables(study):
        blocks.append(_without_folders(table))
        if table.name == "runs":
            blocks += _chart(study)
    return Section("tables", "Tables", tuple(blocks))


def _chart(study: StudyResults) -> list[Block]:
    runs = len(study.frame)
    if runs > MOST_ROWS:
        return [Paragraph(f"A chart of {runs:,} runs would be too large for this page.")]
    chart = explore_runs(study)
    return [chart] if chart else []


def _without_folders(table: Table) -> Table:
    """Return a table whose reasons do not name the folder that the results lie in."""
    columns = [name for name in ("reason", "profile_reason") if name in table.frame]
    changed = {
        name: table.frame[name].map(lambda text: text if pd.isna(text) else shortened(str(text)))
        for name in columns
    }
    return replace(table, frame=table.frame.assign(**changed))
