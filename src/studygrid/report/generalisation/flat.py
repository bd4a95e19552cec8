"""How many runs beat a guess that ignores the input, and by how much."""

from __future__ import annotations

from collections.abc import Sequence

from studygrid.families.base import Metric
from studygrid.figures.pair_numbers import compared_metrics
from studygrid.figures.reference_lines import chance_at
from studygrid.report.answers.answer import in_sentence, with_unit
from studygrid.report.generalisation.scores import Score, scores_of
from studygrid.report.learned.part import Part
from studygrid.report.numbers import counted, listed, number
from studygrid.results.study_results import StudyResults

_MOST_NAMED = 6


def flat_part(study: StudyResults, models: Sequence[str], resolution: int) -> Part | None:
    """Return how the runs of some models stand against what a guess scores, by each metric."""
    chance = chance_at(study, resolution)
    sentences = []
    for metric in compared_metrics(study.family, study.metric.name):
        scores = scores_of(study, metric, resolution, models)
        if metric.name in chance and scores:
            sentences.append(_sentence(metric, chance[metric.name], scores))
    if not sentences:
        return None
    rule = (
        "The guess ignores the patterns, as a flat object does. A run that does not beat it has "
        "learned nothing that this score sees; it is in the means all the same."
    )
    return Part("Against a guess that ignores the input", (*sentences, rule))


def _sentence(metric: Metric, chance: float, scores: Sequence[Score]) -> str:
    sign = 1 if metric.higher_is_better else -1
    margins = [sign * (score.value - chance) for score in scores]
    worse = [score for score, margin in zip(scores, margins, strict=True) if margin <= 0]
    beat = sorted(margin for margin in margins if margin > 0)
    name = in_sentence(metric.label)
    start = f"The guess has {name} {with_unit(number(chance), metric)}"
    if not beat:
        return f"{start}; none of {counted(len(scores), 'run')} beats it."
    ends = list(dict.fromkeys(number(margin) for margin in (beat[0], beat[-1])))
    share = f"all {counted(len(scores), 'run')} beat" if not worse else _some(len(beat), scores)
    words = f"{start}; {share} it, by {with_unit(' to '.join(ends), metric)}"
    return f"{words}.{_named(metric, worse)}"


def _some(beat: int, scores: Sequence[Score]) -> str:
    return f"{beat:,} of {counted(len(scores), 'run')} {'beats' if beat == 1 else 'beat'}"


def _named(metric: Metric, worse: Sequence[Score]) -> str:
    if not worse:
        return ""
    names = [
        f"{score.model} at {score.n_train}, seed {score.seed} "
        f"({with_unit(number(score.value), metric)})"
        for score in worse
    ]
    return f" Not so: {listed(names, _MOST_NAMED)}."
