"""The section of what models of latent variables have learned, in sentences from the numbers."""

from __future__ import annotations

from studygrid.figures.largest_place import largest_place, place_words
from studygrid.report.blocks import Block, Heading, Paragraph, Points, Section
from studygrid.report.learned.baselines import baseline_part
from studygrid.report.learned.beta import beta_part
from studygrid.report.learned.collapse import collapse_part
from studygrid.report.learned.part import Part
from studygrid.report.learned.samples import sample_part
from studygrid.results.study_results import StudyResults

_TITLE = "What the models have learned"


def learned(study: StudyResults) -> Section | None:
    """Return whether latent spaces collapsed, how samples compare with data, and what β did.

    It is for families with the metrics ``elbo``, ``bce``, ``kl`` and those of prior samples. None
    where no run ended well, or none has such numbers.
    """
    place = largest_place(study)
    if place is None:
        return None
    makers = (sample_part, beta_part, baseline_part)
    found = [collapse_part(study), *(make(study, place) for make in makers)]
    parts = [part for part in found if part is not None]
    if not parts:
        return None
    blocks: list[Block] = []
    if any(part.at_place for part in parts):
        largest = f"{study.family.resolution_label.lower()} and training set"
        which = f", the largest {largest} that most models share" if place.of > 1 else ""
        text = (
            f"Models are compared at {place_words(study, place)}{which}. In brackets stand 95 % "
            "Student-t intervals over seeds; two models are compared seed by seed. The intervals "
            "are not widened for there being several, and leave out what other "
            f"{study.split} rows would change."
        )
        blocks.append(Paragraph(text))
    for part in parts:
        blocks += _blocks(part)
    return Section("learned", _TITLE, tuple(blocks))


def _blocks(part: Part) -> list[Block]:
    blocks: list[Block] = [Heading(part.title)]
    blocks += [Paragraph(text, warning=True) for text in part.warnings]
    if part.sentences:
        several = len(part.sentences) > 1
        blocks.append(Points(part.sentences) if several else Paragraph(part.sentences[0]))
    return blocks if part.table is None else [*blocks, part.table]


__all__ = ["learned"]
