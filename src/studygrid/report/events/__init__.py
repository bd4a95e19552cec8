"""The section of anomaly scores: what they tell from the background, and what that rests on."""

from __future__ import annotations

from studygrid.figures.largest_place import largest_place, place_words
from studygrid.report.blocks import Block, Heading, Paragraph, Points, Section
from studygrid.report.events.corrupted import corrupted_part
from studygrid.report.events.references import reference_part
from studygrid.report.events.sculpting import sculpting_part
from studygrid.report.events.signals import signal_part
from studygrid.report.learned.part import Part
from studygrid.results.study_results import StudyResults

_TITLE = "What the anomaly scores find"


def anomalies(study: StudyResults) -> Section | None:
    """Return what the AUROCs say, beside the references, mJJ and corrupted background.

    It is for families whose evaluations keep the facts ``signals`` and ``corrupted``. None where
    no run ended well, or none has an AUROC.
    """
    place = largest_place(study)
    if place is None:
        return None
    makers = (signal_part, reference_part, sculpting_part, corrupted_part)
    parts = [part for make in makers if (part := make(study, place)) is not None]
    if not parts:
        return None
    label = study.family.resolution_label.lower()
    which = f", the largest {label} and training set that most models share" if place.of > 1 else ""
    text = (
        f"Models are compared at {place_words(study, place)}{which}. In brackets, or after a "
        "comma, stand 95 % Student-t intervals over seeds; two models are compared seed by seed. "
        "The intervals are not widened for there being several. They leave out what other "
        f"{study.split} events would change: DeLong's intervals, of one run, say that."
    )
    blocks: list[Block] = [Paragraph(text)]
    for part in parts:
        blocks += _blocks(part)
    return Section("anomalies", _TITLE, tuple(blocks))


def _blocks(part: Part) -> list[Block]:
    blocks: list[Block] = [Heading(part.title)]
    blocks += [Paragraph(text, warning=True) for text in part.warnings]
    if part.sentences:
        several = len(part.sentences) > 1
        blocks.append(Points(part.sentences) if several else Paragraph(part.sentences[0]))
    return blocks if part.table is None else [*blocks, part.table]


__all__ = ["anomalies"]
