"""Whether anomaly scores follow mJJ, by which signals differ from the background anyway."""

from __future__ import annotations

from statistics import fmean

from studygrid.figures.data_names import data_names
from studygrid.figures.largest_place import Place, facts_at
from studygrid.report.learned.part import Part, mean_words, values_at
from studygrid.report.numbers import fixed, listed
from studygrid.results.study_results import StudyResults
from studygrid.statistics.intervals import summarise

METRIC = "mjj_correlation"
_MASS = "mjj"
_MUCH = 0.3
_RULE = (
    "A resonance has its events at one mJJ, while the background has fewer and fewer: a score "
    "that follows mJJ owes part of its AUROC to the mass at which the signal was made, and a "
    "search that cuts on it sculpts the background."
)


def sculpting_part(study: StudyResults, place: Place) -> Part | None:
    """Return how far scores follow mJJ over the background; None where no run says so."""
    found = {model: list(own.values()) for model, own in values_at(place, METRIC).items() if own}
    if not found:
        return None
    strongest = max(found, key=lambda model: fmean(found[model]))
    sentences = [
        "Spearman's rank correlation of the score with mJJ over the background, without its sign, "
        f"is strongest for {strongest}: {mean_words(summarise(found[strongest]), '')}"
        f"{_sign_words(study, place, strongest)}."
    ]
    if len(found) > 1:
        weakest = min(found, key=lambda model: fmean(found[model]))
        words = mean_words(summarise(found[weakest]), "")
        sentences.append(f"It is weakest for {weakest}: {words}.")
    title = "Whether the score follows mJJ"
    return Part(title, (*sentences, _RULE), warnings=_warnings(study, place, found))


def _named(models: list[str], of: int) -> str:
    if len(models) == of > 1:
        return f"all {of:,} models"
    return (
        listed(models)
        if len(models) == 1
        else f"{len(models):,} of {of:,} models ({listed(models)})"
    )


def _sign_words(study: StudyResults, place: Place, model: str) -> str:
    signs = [
        value
        for facts in facts_at(study, place, model).values()
        if isinstance(value := facts.scored.get(METRIC), float | int)
    ]
    if not signs:
        return ""
    if min(signs) > 0:
        return "; scores are higher at higher mJJ"
    return (
        "; scores are higher at lower mJJ" if max(signs) < 0 else "; its sign differs between runs"
    )


def _warnings(study: StudyResults, place: Place, found: dict[str, list[float]]) -> tuple[str, ...]:
    warnings = []
    much = [model for model, own in found.items() if fmean(own) >= _MUCH]
    if much:
        warnings.append(
            f"The score of {_named(much, len(found))} follows mJJ with a mean rank correlation of "
            f"{fixed(_MUCH, 1)} or more, without its sign: read its AUROC as partly that of mJJ."
        )
    left_out = data_names(study, place.resolution, "left_out")
    if left_out and _MASS not in left_out:
        warnings.append("mJJ is among the globals that models are given: it was not left out.")
    return tuple(warnings)
