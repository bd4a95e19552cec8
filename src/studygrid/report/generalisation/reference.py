"""How the better model of a pair compares with one that learns nothing, such as an engine."""

from __future__ import annotations

from statistics import fmean

from studygrid.families.base import Metric
from studygrid.figures.pair_numbers import PairDifference, compared_metrics, pair_difference_of
from studygrid.report.answers.answer import with_unit
from studygrid.report.generalisation.bounds import at_bound
from studygrid.report.generalisation.scores import Score, scores_of
from studygrid.report.learned.part import Part, change, side
from studygrid.report.numbers import counted, interval, number
from studygrid.results.one_setting import models_without_learning
from studygrid.results.pairs import Pair
from studygrid.results.study_results import StudyResults
from studygrid.statistics.comparisons import Comparison


def reference_part(study: StudyResults, pair: Pair, resolution: int) -> Part | None:
    """Return how models that do not learn compare with a pair at its largest size."""
    sentences = []
    for metric in compared_metrics(study.family, study.metric.name):
        for model in models_without_learning(study.plan):
            found = pair_difference_of(study, pair, metric, resolution)
            reference = _by_seed(scores_of(study, metric, resolution, [model]))
            if found.has_values and reference:
                sentences.append(_sentence(study, found, model, reference))
    if not sentences:
        return None
    rule = (
        "A model that does not learn makes nothing of the training set and is the same at each "
        "size of it: it works on the test data itself, and takes no part in the comparison of "
        "trained models. One that was run with one seed is held against every seed of the other; "
        "the interval is then over those seeds alone. The better of the two is picked by these "
        "same scores, which flatters it."
    )
    title = f"{pair.first} and {pair.second} against what does not learn"
    return Part(title, (*sentences, rule))


def _by_seed(scores: list[Score]) -> dict[int, float]:
    """Return the mean score of each seed, over the sizes that it was run with."""
    found: dict[int, list[float]] = {}
    for score in scores:
        found.setdefault(score.seed, []).append(score.value)
    return {seed: fmean(values) for seed, values in found.items()}


def _sentence(
    study: StudyResults, found: PairDifference, model: str, reference: dict[int, float]
) -> str:
    crossover, metric = found.crossover, found.metric
    mean = crossover.cells[-1].mean
    assert mean is not None
    better = found.pair.first if mean >= 0 else found.pair.second
    size = crossover.sizes[-1]
    there = [
        score
        for score in scores_of(study, metric, found.resolution, [better])
        if score.samples == size
    ]
    own, against = _held_against(_by_seed(there), reference)
    start = (
        f"{metric.label}: {model} has {with_unit(number(fmean(against.values())), metric)}, "
        f"{better}, the better of the two at {counted(round(size), 'sample')}, "
        f"{with_unit(number(fmean(own.values())), metric)}"
    )
    seeds = f" of {better} against the one of {model}" if len(reference) == 1 else ""
    sizes = {score.n_train for score in there}
    bounds = at_bound(study, metric, better, found.resolution, sizes)
    bounds += at_bound(study, metric, model, found.resolution)
    return f"{start}; {_lead(metric, model, change(own, against), seeds)}.{bounds}"


def _held_against(
    own: dict[int, float], reference: dict[int, float]
) -> tuple[dict[int, float], dict[int, float]]:
    """Return the scores to compare: of shared seeds, and all against a reference of one seed."""
    if len(reference) == 1:
        return own, dict.fromkeys(own, *reference.values())
    shared = own.keys() & reference.keys()
    if not shared:
        return own, reference
    return {seed: own[seed] for seed in shared}, {seed: reference[seed] for seed in shared}


def _lead(metric: Metric, model: str, found: Comparison, seeds: str) -> str:
    """Say by how much a model is ahead or behind, paired by seed."""
    if found.difference is None:
        return "no seed is shared, so there is no interval"
    sign = 1 if metric.higher_is_better else -1
    lead = sign * found.difference
    ahead = lead >= 0
    verb = "ahead" if ahead else "behind"
    if found.ci_low is None or found.ci_high is None:
        amount = with_unit(number(abs(lead)), metric)
        return f"{model} is {verb} by {amount} (one seed{seeds}, so no interval)"
    turn = sign if ahead else -sign
    low, high = sorted((turn * found.ci_low, turn * found.ci_high))
    amount = with_unit(number(abs(lead), (high - low) / 2), metric)
    holds = ", which holds 0" if side(found) == 0 else ""
    return f"{model} is {verb} by {amount} ({interval(low, high)}{holds}; {found.n} seeds{seeds})"
