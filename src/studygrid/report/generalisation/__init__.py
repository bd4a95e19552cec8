"""The section of pairs: which loss does better at which training-set size, from the numbers."""

from __future__ import annotations

from studygrid.figures.pair_numbers import pair_resolution, unpaired_words
from studygrid.report.answers.answer import resolution_name
from studygrid.report.blocks import Block, Heading, Paragraph, Points, Section
from studygrid.report.generalisation.alignment import alignment_part
from studygrid.report.generalisation.bounds import bounds_part
from studygrid.report.generalisation.flat import flat_part
from studygrid.report.generalisation.lacking import lacking_part
from studygrid.report.generalisation.overtaking import overtaking_part
from studygrid.report.generalisation.reference import reference_part
from studygrid.report.generalisation.subsets import subset_part
from studygrid.report.learned.part import Part
from studygrid.report.numbers import listed
from studygrid.results.pairs import Pair, losses_of, pairs_of
from studygrid.results.study_results import StudyResults

_HOW = (
    "They are compared seed by seed: runs of one seed share their training subset and the test "
    "split. In brackets stand 95 % Student-t intervals of the mean difference, and for a crossing "
    "the sizes that the same test does not exclude. None is widened for there being several "
    "metrics and sizes; the p values of the table of differences are corrected for it. Between two "
    "sizes a difference is taken to be linear in log2(size): the wider sizes lie apart, the more a "
    "crossing between them may be off, and its interval does not know of that."
)
_TITLE = "What the loss did at each training-set size"


def generalisation(study: StudyResults) -> Section | None:
    """Return which model of each pair is ahead, where that changes, and what it rests on.

    It is for families whose architectures name the loss that they are trained with. None where no
    two models differ in it alone, or no run ended well.
    """
    pairs = pairs_of(study.plan)
    if not pairs or not (study.frame["status"] == "ok").any():
        return None
    places = [(pair, pair_resolution(study, pair)) for pair in pairs]
    known = [(pair, resolution) for pair, resolution in places if resolution is not None]
    found: list[Part | None] = [overtaking_part(study, *one) for one in known]
    models = list(dict.fromkeys(name for pair, _ in known for name in (pair.first, pair.second)))
    if known:
        resolution = max(resolution for _, resolution in known)
        found += [
            *(reference_part(study, *one) for one in known),
            flat_part(study, models, resolution),
        ]
    found += [subset_part(study), bounds_part(study), alignment_part(study)]
    found.append(lacking_part(study, pairs))
    how = _HOW if known else unpaired_words(study)
    blocks: list[Block] = [Paragraph(f"{_start(study, pairs)} {how}")]
    if known and len(study.order["resolution"]) > 1:
        names = list(dict.fromkeys(resolution_name(study, one) for _, one in known))
        which = study.family.resolution_label.lower()
        blocks.append(
            Paragraph(f"All is at {listed(names)}, the largest {which} at which a pair has most.")
        )
    for part in found:
        blocks += [] if part is None else _blocks(part)
    return Section("generalisation", _TITLE, tuple(blocks))


def _start(study: StudyResults, pairs: list[Pair]) -> str:
    named = [
        f"{pair.first} (loss “{losses[0]}”) and {pair.second} (“{losses[1]}”)"
        for pair in pairs
        for losses in [losses_of(study.plan, pair)]
    ]
    said = ", as far as their files say" if study.collected else ""
    return (
        f"{'Pairs' if len(pairs) > 1 else 'A pair'} of models that differ in the loss alone{said}: "
        f"{listed(named)}."
    )


def _blocks(part: Part) -> list[Block]:
    blocks: list[Block] = [Heading(part.title)]
    blocks += [Paragraph(text, warning=True) for text in part.warnings]
    if part.sentences:
        several = len(part.sentences) > 1
        blocks.append(Points(part.sentences) if several else Paragraph(part.sentences[0]))
    return blocks if part.table is None else [*blocks, part.table]


__all__ = ["generalisation"]
