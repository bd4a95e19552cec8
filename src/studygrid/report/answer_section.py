"""The section of answers."""

from __future__ import annotations

from studygrid.report.answers import answers
from studygrid.report.blocks import Block, Heading, Paragraph, Points, Section
from studygrid.results.study_results import StudyResults


def answer_section(study: StudyResults) -> Section:
    """Return what the numbers say, in sentences."""
    blocks: list[Block] = []
    for answer in answers(study):
        several = len(answer.sentences) > 1
        words = Points(answer.sentences) if several else Paragraph(answer.sentences[0])
        blocks += [Heading(answer.title), words]
        if answer.table is not None:
            blocks.append(answer.table)
    return Section("answers", "What the numbers say", tuple(blocks))
