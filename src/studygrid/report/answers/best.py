"""Which cell is best, what it cannot be told apart from, and how far chance is."""

from __future__ import annotations

from collections.abc import Sequence

from studygrid.report.answers.answer import (
    Answer,
    cell_name,
    direction,
    half_width,
    in_sentence,
    with_unit,
)
from studygrid.report.numbers import counted, interval, number, p_value
from studygrid.results.rows import Row
from studygrid.results.study_results import StudyResults
from studygrid.tables.rankings import LEVEL, NO_NOISE, TOLD_APART, TOO_FEW

_MOST_NAMED = 6


def best_answer(study: StudyResults, ranked: Sequence[Row], fixed: Sequence[Row] = ()) -> Answer:
    """Say which cell is best, with its interval, and which others may be as good.

    Parameters
    ----------
    ranked
        The rows of `tables.rankings.ranking` that have a value, the best first.
    fixed
        Those of models that do not learn, which have no rank.
    """
    sentences = [study.tasks_differ] if study.tasks_differ else []
    sentences += [_best(study, ranked[0]), *_shared_first(study, ranked)]
    sentences += _incomplete(study, ranked)
    if len(ranked) > 1:
        sentences += [*apart(study, ranked), *_exact_floor(ranked), _flattered(ranked)]
    elif len(study.plan.cells) > 1 and not study.tasks_differ:
        sentences.append("No other cell has a value, so it is the best of one.")
    sentences += _not_ranked(study, fixed)
    return Answer("best", "The best cell", tuple(sentences))


def _best(study: StudyResults, best: Row) -> str:
    metric, half = study.metric, half_width(best)
    score = with_unit(number(best["mean"], half), metric)
    name = cell_name(study, best)
    start = f"Best by mean {in_sentence(metric.label)} ({direction(metric)}) is {name}: {score}"
    if half is None:
        return (
            f"{start}, from one run. One run has no interval, and differences between cells of "
            "one run may be chance whatever their size."
        )
    ends = interval(best["ci_low"], best["ci_high"])
    return f"{start}, 95 % Student-t interval {ends}, over {counted(best['n'], 'seed')}."


def _not_ranked(study: StudyResults, fixed: Sequence[Row]) -> list[str]:
    """Say what models score that do not learn, beside the best of those that do."""
    if not fixed:
        return []
    parts = []
    for row in fixed[:_MOST_NAMED]:
        score = with_unit(number(row["mean"], half_width(row)), study.metric)
        known = half_width(row) is not None
        ends = f", interval {interval(row['ci_low'], row['ci_high'])}" if known else ", one run"
        parts.append(f"{cell_name(study, row)} ({score}{ends})")
    more = len(fixed) - _MOST_NAMED
    named = "; ".join(parts) + (f"; and {more:,} more" if more > 0 else "")
    return [f"Not ranked, because it does not learn from the training split: {named}."]


def _names(study: StudyResults, cells: Sequence[Row]) -> str:
    names = "; ".join(cell_name(study, cell) for cell in cells[:_MOST_NAMED])
    more = len(cells) - _MOST_NAMED
    return f"{names}; and {more:,} more" if more > 0 else names


def _shared_first(study: StudyResults, ranked: Sequence[Row]) -> list[str]:
    others = [row for row in ranked[1:] if row["rank"] == 1]
    return [f"The same mean has {_names(study, others)}."] if others else []


def _incomplete(study: StudyResults, ranked: Sequence[Row]) -> list[str]:
    """Say where the ranking rests on cells that lost some of their runs."""
    lacking = [row for row in ranked if row["n"] < row["planned"]]
    if not lacking:
        return []
    verbs = ("lacks", "is") if len(lacking) == 1 else ("lack", "are")
    sentences = [
        f"{len(lacking):,} of {counted(len(ranked), 'ranked cell')} {verbs[0]} some of the "
        f"planned runs and {verbs[1]} ranked by the rest; what failed might have scored worse. "
        "Cells are compared over the seeds that both have."
    ]
    best = ranked[0]
    if best["n"] == best["planned"]:
        return sentences
    share = f"The best cell itself has {best['n']} of {counted(best['planned'], 'run')}"
    whole = next((row for row in ranked if row["n"] == row["planned"]), None)
    if whole is None:
        return [*sentences, f"{share}; no cell has all."]
    score = with_unit(number(whole["mean"], half_width(whole)), study.metric)
    others = f"the best that has all of its runs is {cell_name(study, whole)}, with {score}"
    return [*sentences, f"{share}; {others}."]


def apart(study: StudyResults, ranked: Sequence[Row]) -> list[str]:
    """Say which cells cannot be told apart from the first, or be compared with it."""
    tested = [row for row in ranked[1:] if row["p_holm"] is not None]
    untested = sum(row["verdict"] == TOO_FEW for row in ranked[1:])
    sentences = [_verdicts(study, tested)] if tested else []
    constant = [row for row in ranked[1:] if row["verdict"] == NO_NOISE]
    if constant:
        sentences.append(
            "The difference is the same in every seed, so there is no noise to test it against: "
            f"{_names(study, constant)}."
        )
    if untested:
        verb = "shares" if untested == 1 else "share"
        sentences.append(
            f"{counted(untested, 'other cell')} {verb} fewer than two seeds with it and cannot "
            "be compared."
        )
    return sentences


def _verdicts(study: StudyResults, tested: Sequence[Row]) -> str:
    alike = [row for row in tested if row["verdict"] != TOLD_APART]
    method = (
        "(paired t test on the shared seeds, Holm's correction over "
        f"{counted(len(tested), 'comparison')}, p below {LEVEL:g})"
    )
    if not alike:
        closest = p_value(max(row["p_holm"] for row in tested))
        return f"It can be told apart from every other cell {method}; the closest has {closest}."
    if len(alike) < len(tested):
        which = f"{len(alike):,} of {len(tested):,} other cells"
    else:
        which = f"any of the {len(tested):,} other cells" if len(tested) > 1 else "the other cell"
    names = _names(study, alike)
    return (
        f"It cannot be told apart from {which} {method}: {names}. Not told apart does not mean "
        "equal: with few seeds only large differences can be told."
    )


def _exact_floor(ranked: Sequence[Row]) -> list[str]:
    """Say where a test without assumptions cannot reach the level, for want of seeds."""
    compared = [row for row in ranked if row["smallest_exact_p"] is not None]
    floor = min((row["smallest_exact_p"] for row in compared), default=0.0)
    if floor <= LEVEL:
        return []
    pairs = counted(max(row["pairs"] for row in compared), "pair")
    return [
        f"With {pairs} of runs the exact sign-flip test cannot give less than p = {floor:g}, so "
        f"it can tell no two cells apart at {LEVEL:g}; the t test can, because it assumes that "
        "differences are normally distributed. Six pairs are the fewest with which the exact "
        "test can, in one comparison."
    ]


def _flattered(ranked: Sequence[Row]) -> str:
    return (
        f"Choosing the best of {len(ranked):,} cells by these same scores flatters it: expect a "
        "worse score on new seeds, and a smaller lead."
    )


def chance_answer(study: StudyResults, ranked: Sequence[Row]) -> Answer | None:
    """Say how far the best cell and the others are from a guesser; None without such a number."""
    metric = study.metric
    chance = study.chance.get(metric.name)
    if chance is None:
        return None
    best, sign = ranked[0], 1 if metric.higher_is_better else -1
    lead = sign * (best["mean"] - chance)
    guesser = f"A guesser that ignores the input scores {with_unit(number(chance), metric)} on"
    if lead <= 0:
        first = f"{guesser} the test split, and not even the best cell does better."
    else:
        amount = with_unit(number(lead, half_width(best)), metric)
        first = f"{guesser} the test split; the best cell is better by {amount}."
    sentences = [first, *_beyond_chance(ranked, sign, chance)]
    return Answer("chance", "Against chance", tuple(sentences))


def _beyond_chance(ranked: Sequence[Row], sign: int, chance: float) -> list[str]:
    """Count the cells whose intervals lie on the better side of chance."""
    worse_end = "ci_low" if sign > 0 else "ci_high"
    ends = [sign * row[worse_end] for row in ranked if row[worse_end] is not None]
    unsure = sum(end <= sign * chance for end in ends)
    if not ends:
        return []
    cells = counted(len(ends), "cell") + (" that have one" if len(ends) < len(ranked) else "")
    if not unsure:
        return [f"The 95 % intervals of all {cells} lie on the better side."]
    return [
        f"The 95 % intervals of {unsure:,} of {cells} hold that number or "
        "lie on its worse side: of these the study does not show that they beat guessing."
    ]
