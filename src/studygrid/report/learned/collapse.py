"""Which cells use nearly nothing of their latent space."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import pandas as pd

from studygrid.report.answers.answer import cell_name
from studygrid.report.learned.part import Part
from studygrid.report.numbers import counted, number
from studygrid.results.rows import Row
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table
from studygrid.tables.headings import headings

_CELL = ["model", "resolution", "n_train"]
_MOST_NAMED = 6
_RULE = (
    "A unit is active if the variance of its posterior mean over the test rows is above 0.01; a "
    "run is called collapsed where fewer than one unit in ten is active. A latent space that is "
    "larger than the data needs has idle units too."
)
_HEADINGS = {
    "runs": "Runs",
    "collapsed": "Collapsed",
    "none_active": "Without an active unit",
    "active_units": "Active units, mean",
    "latent_units": "Units",
    "rate": "Rate, mean (nats)",
}


def collapse_part(study: StudyResults) -> Part | None:
    """Return the collapsed cells of the whole study; None where no run has a latent space."""
    rows = _cells(study)
    if not rows:
        return None
    collapsed = [row for row in rows if row["collapsed"]]
    cells = counted(len(rows), "cell")
    if not collapsed:
        sentences = [f"No run of the {cells} with a latent space has collapsed."]
        return Part("Collapse", (*sentences, _RULE), _table(study, rows), at_place=False)
    verb = "has" if len(collapsed) == 1 else "have"
    runs = sum(row["collapsed"] for row in rows)
    warning = (
        f"{len(collapsed):,} of {cells} with a latent space {verb} collapsed runs, "
        f"{counted(runs, 'run')} of {sum(row['runs'] for row in rows):,} in all: "
        f"{_named(study, collapsed)}."
    )
    sentences = [_RULE, *_silent(study, rows)]
    warnings = (warning,)
    return Part("Collapse", tuple(sentences), _table(study, rows), warnings, at_place=False)


def _cells(study: StudyResults) -> list[Row]:
    """Return one row a cell that has runs with a latent space."""
    found: dict[tuple[Any, ...], list[tuple[dict[str, Any], float | None]]] = {}
    for run, facts in study.facts.items():
        if facts.status == "ok" and facts.scored.get("active_units") is not None:
            key = (run.model, run.resolution, str(run.n_train))
            found.setdefault(key, []).append((facts.scored, facts.metrics.get("kl")))
    rows = []
    for key, own in found.items():
        units = [scored["active_units"] for scored, _ in own]
        rates = [rate for _, rate in own if rate is not None]
        row: Row = dict(zip(_CELL, key, strict=True))
        row |= {
            "runs": len(own),
            "collapsed": sum(bool(scored.get("collapsed")) for scored, _ in own),
            "none_active": sum(unit == 0 for unit in units),
            "active_units": fmean(units),
            "latent_units": own[0][0].get("latent_units"),
            "rate": fmean(rates) if rates else None,
        }
        rows.append(row)
    return rows


def _named(study: StudyResults, cells: list[Row]) -> str:
    names = "; ".join(
        f"{cell_name(study, cell)} ({cell['collapsed']} of {counted(cell['runs'], 'run')}, "
        f"in the mean {round(cell['active_units'], 1):g} of {cell['latent_units']} units "
        f"active{_rate_words(cell['rate'])})"
        for cell in cells[:_MOST_NAMED]
    )
    more = len(cells) - _MOST_NAMED
    return f"{names}; and {more:,} more" if more > 0 else names


def _rate_words(rate: float | None) -> str:
    return "" if rate is None else f" and a rate of {number(rate)} nats"


def _silent(study: StudyResults, rows: list[Row]) -> list[str]:
    """Say in which cells no unit is active at all."""
    silent = [row for row in rows if row["none_active"] == row["runs"]]
    if not silent:
        return []
    names = "; ".join(cell_name(study, cell) for cell in silent[:_MOST_NAMED])
    more = len(silent) - _MOST_NAMED
    names += f"; and {more:,} more" if more > 0 else ""
    return [f"No unit is active in any run of {counted(len(silent), 'cell')}: {names}."]


def _table(study: StudyResults, rows: list[Row]) -> Table:
    frame = pd.DataFrame(rows).astype({"latent_units": "Int64", "rate": float})
    main = tuple(map(str, frame))
    note = (
        "One row a cell with a latent space: its runs that ended well, how many of them collapsed, "
        "in how many no unit is active, and the means over them."
    )
    words = headings(main, study.family) | _HEADINGS
    return Table("collapse", "Latent spaces", note, frame, main, words)
