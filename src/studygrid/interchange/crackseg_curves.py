"""From the curves and scores that a user's own trainer kept to the documents of the layout."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from studygrid.interchange.crackseg_documents import (
    METRICS,
    BestMetrics,
    EpochRow,
    FinalMetrics,
    Reasons,
)
from studygrid.interchange.crackseg_given import Notes, number, printable

# What a trainer rounds or keeps in single precision is no contradiction.
_RELATIVE: Final = 1e-3
_ABSOLUTE: Final = 1e-6
_NAMED: Final = 5
Curves = Mapping[str, Mapping[int, Any]]


def epoch_rows(curves: Curves, notes: Notes) -> list[EpochRow]:
    """Return a line for each epoch of which any curve has a value, and for no other.

    Parameters
    ----------
    curves
        By key of the lines, then by epoch. A curve without an epoch leaves its key out of that
        line; a value that is no number is null there, with the reason.
    """
    epochs = sorted({epoch for curve in curves.values() for epoch in curve})
    for key, curve in curves.items():
        lacking = [epoch for epoch in epochs if epoch not in curve]
        if curve and lacking:
            notes.say(f"{key} has no value of epoch {_listed(lacking)}: left out there")
        wrong = [epoch for epoch in epochs if epoch in curve and number(curve[epoch])[0] is None]
        if wrong:
            fault = number(curve[wrong[0]])[1]
            notes.say(f"{key} {fault} in epoch {_listed(wrong)}: null there")
    if not epochs:
        notes.say("no curve has a value of any epoch: metrics.jsonl has no line")
    return [_row(epoch, curves) for epoch in epochs]


def _row(epoch: int, curves: Curves) -> EpochRow:
    read = {key: number(curve[epoch]) for key, curve in curves.items() if epoch in curve}
    reasons = {key: f"the value {fault}" for key, (value, fault) in read.items() if value is None}
    values = {key: value for key, (value, _) in read.items()}
    extra = {"reasons": reasons} if reasons else {}
    return EpochRow.model_validate({"epoch": epoch, **values, **extra})


def final_scores(
    given: Any, rows: Sequence[EpochRow], notes: Notes
) -> tuple[FinalMetrics, Reasons]:
    """Return the scores of the last epoch: as given, else as the curves have them."""
    last = rows[-1] if rows else None
    values, reasons = _scores("final_metrics", given, last, notes)
    _compare("final_metrics", values, last, rows, notes)
    return FinalMetrics.model_validate(values), reasons


def best_scores(
    given: Any, epoch: int | None, rows: Sequence[EpochRow], notes: Notes
) -> tuple[BestMetrics, Reasons]:
    """Return the scores of the best epoch: as given, else as the curves have them."""
    row = next((row for row in rows if row.epoch == epoch), None)
    if epoch is not None and rows and row is None:
        there = f"{rows[0].epoch} to {rows[-1].epoch}"
        notes.say(f"best_epoch is {epoch}, of which no curve has a value (they have {there})")
    values, reasons = _scores("best_metrics", given, row, notes)
    _compare("best_metrics", values, row, rows, notes)
    stated = given.get("epoch") if isinstance(given, Mapping) else None
    if stated is not None and number(stated)[0] != epoch:
        notes.say(f"best_metrics are of epoch {stated}, but best_epoch is {epoch}: that is written")
    bare = {key.removeprefix("val_"): value for key, value in values.items()}
    named = {key.removeprefix("val_"): why for key, why in reasons.items()}
    bare.pop("epoch", None)
    return BestMetrics.model_validate({"epoch": epoch, **bare}), named


def _scores(
    name: str, given: Any, row: EpochRow | None, notes: Notes
) -> tuple[dict[str, float | None], Reasons]:
    """Return scores by ``val_<metric>``, and why of those that have none."""
    scores = _by_key(name, given, notes)
    curves = row.content() if row is not None else {}
    values: dict[str, float | None] = {}
    reasons: Reasons = {}
    for key in dict.fromkeys([*(f"val_{metric}" for metric in METRICS), *scores]):
        value, fault = number(scores[key] if key in scores else curves.get(key))
        values[key] = value
        if value is None:
            reasons[key] = f"the value {fault}" if key in scores else "no value was given"
    lacking = [key for key in reasons if key not in scores]
    if lacking:
        of = f", and epoch {row.epoch} has none" if row is not None else ""
        notes.say(f"{name} has no {', '.join(lacking)}{of}: null")
    for key in reasons.keys() & scores.keys():
        notes.say(f"{name}: {key} {number(scores[key])[1]}: null")
    return values, reasons


def _by_key(name: str, given: Any, notes: Notes) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        notes.say(f"{name} is {type(given).__name__}, not a mapping of scores")
        return {}
    known = {
        printable(key): value for key, value in given.items() if key not in ("epoch", "reasons")
    }
    bare = {f"val_{key}": value for key, value in known.items() if key in METRICS}
    return bare | {key: value for key, value in known.items() if key not in METRICS}


def _compare(
    name: str,
    values: Mapping[str, float | None],
    row: EpochRow | None,
    rows: Sequence[EpochRow],
    notes: Notes,
) -> None:
    """Say it if scores are not those that the curves have of their epoch."""
    if row is None:
        return
    differing = list(_differing(values, row))
    if not differing:
        return
    others = [found.epoch for found in rows if not any(_differing(values, found))]
    whose = f"; they are those of epoch {_listed(others)}" if others else ""
    notes.say(
        f"{name} are not what the curves have of epoch {row.epoch}: {'; '.join(differing)}{whose}. "
        "Both are written as they were given"
    )


def _differing(values: Mapping[str, float | None], row: EpochRow) -> Iterator[str]:
    curves = row.content()
    for key, value in values.items():
        other = curves.get(key)
        if value is None or not isinstance(other, float):
            continue
        if not math.isclose(value, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE):
            yield f"{key} is {value:g} and {other:g}"


def _listed(epochs: Sequence[int]) -> str:
    more = [f"and {len(epochs) - _NAMED} more"] if len(epochs) > _NAMED else []
    return ", ".join([*map(str, epochs[:_NAMED]), *more])
