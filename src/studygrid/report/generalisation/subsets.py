"""What a training-set size counts, and from where in the object the samples are."""

from __future__ import annotations

from studygrid.report.learned.part import Part
from studygrid.report.numbers import counted
from studygrid.results.study_results import StudyResults

_SEQUENTIAL = (
    "Training subsets are the first groups in the order of the scan, and not drawn from all of it. "
    "A smaller subset is then a smaller, connected part of the object, and models that see groups "
    "of neighbours see no other part at all. So these results tell how well models do that were "
    "trained on that part: what the size of a subset does cannot be told from what its place does, "
    "and nothing is said of training on as many groups from all over the object."
)


def subset_part(study: StudyResults) -> Part | None:
    """Return what a sample is, how many images subsets have, and a warning if they are no draw."""
    counts: dict[int, set[int]] = {}
    selections = set()
    for facts in study.facts.values():
        groups, images = facts.subset.get("groups"), facts.subset.get("images")
        selections.add(facts.subset.get("selection"))
        if isinstance(groups, int) and isinstance(images, int):
            counts.setdefault(groups, set()).add(images)
    sentences = [_images(counts)] if counts else []
    if "random" in selections:
        sentences.append(
            "Subsets are drawn at random over the object; for one seed each lies within the larger "
            "ones."
        )
    warnings = (_SEQUENTIAL,) if "sequential" in selections else ()
    if not sentences and not warnings:
        return None
    return Part("What a sample is", tuple(sentences), warnings=warnings)


def _images(counts: dict[int, set[int]]) -> str:
    start = "A sample is a group of patterns: training-set sizes count groups"
    if all(images == {groups} for groups, images in counts.items()):
        return f"{start}, and each group here is one pattern."
    parts = [
        f"{counted(groups, 'group')} of {_range(images)}"
        for groups, images in sorted(counts.items())
    ]
    return (
        f"{start}, and a group has several patterns. Different patterns in the training subsets: "
        f"{'; '.join(parts)}."
    )


def _range(images: set[int]) -> str:
    low, high = min(images), max(images)
    return counted(low, "pattern") if low == high else f"{low:,} to {high:,} patterns"
