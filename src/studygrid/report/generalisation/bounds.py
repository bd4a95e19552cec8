"""Scores that are bounds: correlations that never fall, or that start below the threshold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from studygrid.families.base import Metric
from studygrid.report.learned.part import Part
from studygrid.report.numbers import counted, listed
from studygrid.results.pairs import Pair
from studygrid.results.study_results import StudyResults

# From the fact that names the metrics to what is said of them.
FACTS: Mapping[str, str] = {
    "beyond_nyquist": "beyond Nyquist",
    "below_first_ring": "below its threshold from the first ring on",
}
_PLACES = {"beyond_nyquist": "at Nyquist", "below_first_ring": "at the first ring"}
_RULES = {
    "beyond_nyquist": "Beyond Nyquist the curve does not fall below its threshold in one scan or "
    "more, and counts there as Nyquist (0.5 1/px, 2 px).",
    "below_first_ring": "Where the curve is below its threshold from the first ring on in one scan "
    "or more, it counts there as that ring: the frequency is at most that, the period at least.",
}
_BOUNDS = (
    "Such a value is a bound, and no measurement: a difference between it and another is too "
    "small, and between two bounds of one kind it says nothing."
)
_PAIRED = ("_frequency", "_resolution")


def bounds_part(study: StudyResults) -> Part | None:
    """Return which metrics are a bound in how many runs; None where no run tells."""
    found = {fact: _told(study, fact) for fact in FACTS}
    if not any(found.values()):
        return None
    title = "Resolutions that are bounds"
    sentences: list[str] = []
    rules: list[str] = []
    for fact, told in found.items():
        own = _sentences(study, told, FACTS[fact])
        sentences += own
        rules += [_RULES[fact]] if own else []
    if not sentences:
        words = "Every ring correlation starts above its threshold and falls below it by Nyquist."
        return Part(title, (words,))
    return Part(title, (*sentences, " ".join([*rules, _BOUNDS])))


def _told(study: StudyResults, fact: str) -> list[tuple[str, Sequence[str]]]:
    """Return the model of each run that tells, and the metrics that it names."""
    return [
        (run.model, facts.scored[fact])
        for run, facts in study.facts.items()
        if facts.status == "ok" and isinstance(facts.scored.get(fact), Sequence)
    ]


def _sentences(
    study: StudyResults, told: Sequence[tuple[str, Sequence[str]]], words: str
) -> list[str]:
    runs = Counter(model for model, _ in told)
    found: dict[str, Counter[str]] = {}
    for model, names in told:
        for name in dict.fromkeys(_curve(name) for name in names):
            found.setdefault(name, Counter())[model] += 1
    return [_sentence(study, name, words, found[name], runs) for name in sorted(found)]


def bound_words(study: StudyResults, metric: Metric, pair: Pair, resolution: int) -> str:
    """Return how many runs of a pair have a bound in place of a value, or nothing if none."""
    return "".join(
        at_bound(study, metric, model, resolution) for model in (pair.first, pair.second)
    )


def at_bound(
    study: StudyResults,
    metric: Metric,
    model: str,
    resolution: int,
    sizes: Collection[str] | None = None,
) -> str:
    """Return how many runs of a model have a bound in place of a value, or nothing if none.

    Parameters
    ----------
    sizes
        The training-set sizes, as the config has them, of the runs to count; all if None.
    """
    own = [
        facts.scored
        for run, facts in study.facts.items()
        if (run.model, run.resolution, facts.status) == (model, resolution, "ok")
        and (sizes is None or str(run.n_train) in sizes)
    ]
    words = []
    for fact, place in _PLACES.items():
        count = sum(metric.name in (scored.get(fact) or ()) for scored in own)
        if count:
            runs = counted(len(own), "run")
            verb = "is" if count == 1 else "are"
            words.append(f" Of {model} {count:,} of {runs} {verb} {place}, a bound.")
    return "".join(words)


def _curve(name: str) -> str:
    """Return what a crossing is called without what it is measured as."""
    for ending in _PAIRED:
        name = name.removesuffix(ending)
    return name


def _sentence(
    study: StudyResults, name: str, words: str, found: Counter[str], runs: Counter[str]
) -> str:
    metrics = [metric for metric in study.family.metrics if _curve(metric.name) == name]
    label = metrics[0].label if metrics else name
    for ending in _PAIRED:
        label = label.removesuffix(ending.replace("_", " "))
    models = [
        f"{model} in {found[model]:,} of {runs[model]:,} runs"
        for model in study.order["model"]
        if found[model]
    ]
    return f"{label} {words}: {listed(models)}."
