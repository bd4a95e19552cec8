"""What another weight of the globals changes, all else alike, seed by seed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from studygrid.named_reports.figures.cells import Cells, in_order, value_words
from studygrid.report.numbers import counted
from studygrid.statistics.comparisons import compare_paired, holm

COLUMNS = [
    "place",
    "reference",
    "weight",
    "difference",
    "difference_ci_low",
    "difference_ci_high",
    "pairs",
    "p_value",
    "p_holm",
]
HEADINGS = {
    "measure": "Error",
    "place": "Of",
    "reference": "Reference weight",
    "weight": "Weight",
    "difference": "Difference",
    "difference_ci_low": "Difference, 95 % interval, low",
    "difference_ci_high": "Difference, 95 % interval, high",
    "pairs": "Seeds of both",
    "p_value": "p (paired t)",
    "p_holm": "p (Holm)",
}
_LEVEL = 0.05


def weight_effects(cells: Cells, values: pd.Series[float]) -> pd.DataFrame:
    """Compare each weight of the globals with a reference, seed by seed.

    The reference is the least weight above 0 among runs that share all other settings: at 0
    nothing trains the globals. Runs that share it and a seed are pairs; a seed that stands twice
    in a cell is in none.

    Parameters
    ----------
    values
        One a run, in the order of ``cells.runs``.

    Returns
    -------
    One row a weight other than the reference: `COLUMNS`; `difference` is its mean less the
        reference's, NaN without a pair; `p_holm` is corrected over all rows.
    """
    others = [name for name in cells.told_by if name != "globals_weight"]
    table = cells.table if others else cells.table.assign(_all="")
    rows = []
    for key, own in table.groupby(others or ["_all"], sort=False):
        said = [value_words(*item) for item in zip(others, map(str, key), strict=False)]
        place = ", ".join(filter(None, said))
        by_weight = dict(zip(own["globals_weight"], own["cell"], strict=True))
        weights = in_order("globals_weight", list(by_weight))
        reference = next((w for w in weights if w not in ("", "0")), None)
        for weight in weights:
            if reference is not None and weight != reference:
                pairs = (
                    _by_seed(cells, values, by_weight[weight]),
                    _by_seed(cells, values, by_weight[reference]),
                )
                rows.append(_row(place, reference, weight, *pairs))
    found = pd.DataFrame(rows, columns=COLUMNS)
    tested = found["p_value"].notna()
    found["p_holm"] = found["p_holm"].astype(float)
    found.loc[tested, "p_holm"] = holm(found.loc[tested, "p_value"].tolist())
    return found


def _by_seed(cells: Cells, values: pd.Series[float], cell: int) -> dict[int, float]:
    if "seed" not in cells.runs:
        return {}
    runs = cells.runs.assign(value=values).loc[cells.runs["cell"] == cell]
    runs = runs.dropna(subset=["seed", "value"])
    once = runs.loc[~runs["seed"].duplicated(keep=False)]
    return dict(zip(once["seed"], once["value"], strict=True))


def _row(
    place: str, reference: str, weight: str, own: dict[int, float], other: dict[int, float]
) -> dict[str, object]:
    shared = sorted(own.keys() & other.keys())
    found = compare_paired([own[seed] for seed in shared], [other[seed] for seed in shared])
    return {
        "place": place,
        "reference": reference,
        "weight": weight,
        "difference": _or_nan(found.difference),
        "difference_ci_low": _or_nan(found.ci_low),
        "difference_ci_high": _or_nan(found.ci_high),
        "pairs": found.n,
        "p_value": math.nan if found.constant else _or_nan(found.p_value),
        "p_holm": math.nan,
    }


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def effect_words(effects: pd.DataFrame) -> list[str]:
    """Return what the effects say, a sentence for each error; nothing of single runs."""
    return [_words(str(label), own) for label, own in effects.groupby("measure", sort=False)]


def _words(label: str, effects: pd.DataFrame) -> str:
    tested = effects.dropna(subset=["p_holm"])
    if tested.empty:
        return (
            f"{label}: no weight shares two seeds or more with another, all else alike, so "
            "nothing tells an effect of the weight from the noise of a seed."
        )
    told = tested.loc[tested["p_holm"] < _LEVEL]
    count = counted(len(tested), "difference")
    parts = [
        f"{label}: {len(told) or 'none'} of {count} from the least weight above zero, all else "
        f"alike, {'is' if len(told) < 2 else 'are'} told from zero by the seeds"
    ]
    parts += _named("lower", told.loc[told["difference"] < 0])
    parts += _named("higher", told.loc[told["difference"] > 0])
    return "; ".join(parts) + "."


def _named(which: str, told: pd.DataFrame) -> Sequence[str]:
    if told.empty:
        return []
    weights = in_order("globals_weight", told["weight"].tolist())
    counts = [f"{weight} ({int((told['weight'] == weight).sum())})" for weight in weights]
    return [f"{which} at weight {', '.join(counts)}"]
