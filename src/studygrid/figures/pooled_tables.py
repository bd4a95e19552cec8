"""What the runs of a cell keep of their test predictions, added up over its seeds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from studygrid.figures import chosen_cells as chosen
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults

Table = list[list[int | float]]


@dataclass(frozen=True)
class PooledTable:
    """The tables of one cell.

    Attributes
    ----------
    cell
        Its row of `chosen_cells.best_cells`.
    tables
        The table of each seed, all of one shape and of one test split.
    left_out
        How many runs have a table of another shape or split, or one that is no table.
    """

    cell: pd.Series[Any]
    tables: dict[int, NDArray[np.float64]]
    left_out: int

    @property
    def total(self) -> NDArray[np.float64]:
        """The sum over the seeds."""
        total: NDArray[np.float64] = np.sum(list(self.tables.values()), axis=0)
        return total


def pooled_tables(study: StudyResults, name: str) -> list[PooledTable]:
    """Return the tables of that name at each model's best cell, the best model first.

    Models whose best cell has none are not there.
    """
    kept = study.tables(name)
    found = []
    for _, cell in chosen.best_cells(study).iterrows():
        own = {run: table for run, table in kept.items() if _is_in(run, cell)}
        pooled = _pooled(study, cell, own)
        if pooled is not None:
            found.append(pooled)
    return found


def _is_in(run: Run, cell: pd.Series[Any]) -> bool:
    own = (run.model, run.resolution, str(run.n_train))
    return own == (cell["model"], cell["resolution"], cell["n_train"])


def _pooled(study: StudyResults, cell: pd.Series[Any], own: dict[Run, Table]) -> PooledTable | None:
    arrays = {run: array for run, table in own.items() if (array := _array(table)) is not None}
    kinds = {run: (array.shape, study.facts[run].data_sha256) for run, array in arrays.items()}
    if not kinds:
        return None
    most, _ = Counter(kinds.values()).most_common(1)[0]
    tables = {run.seed: arrays[run] for run, kind in kinds.items() if kind == most}
    return PooledTable(cell, tables, len(own) - len(tables))


def _array(table: Table) -> NDArray[np.float64] | None:
    """Return a table of rows of one length; families of others may keep anything."""
    if not table or not table[0] or len({len(row) for row in table}) > 1:
        return None
    return np.asarray(table, dtype=np.float64)


def cell_words(study: StudyResults, pooled: PooledTable) -> str:
    """Return a cell in words, as the title of its panel: the model, and below it the rest."""
    cell = pooled.cell
    parts = []
    if len(study.order["resolution"]) > 1:
        parts.append(chosen.resolution_words(study, float(str(cell["resolution"]))))
    if len(study.order["n_train"]) > 1:
        parts.append(f"n {cell['n_train']}")
    return "\n".join(filter(None, [chosen.short(str(cell["model"])), ", ".join(parts)]))


def pooled_words(study: StudyResults, shown: list[PooledTable], models: int) -> str:
    """Return which cells are shown, of how many models, and from how many runs."""
    counts = sorted({len(pooled.tables) for pooled in shown})
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    plural = "seed" if counts == [1] else "seeds"
    first = "first" if chosen.why_not_ranked(study) else "best"
    which = "each model" if len(shown) == models else f"the {first} {len(shown)} of {models} models"
    runs = chosen.runs_of(
        chosen.metric_runs(study), pd.DataFrame([pooled.cell for pooled in shown])
    )
    parts = [
        f"At the best cell of {which}, by the mean test {study.metric.label} over its seeds; "
        f"choosing it there flatters it. Counts are added up over n = {seeds} {plural}.",
        chosen.run_words(runs, "in these cells"),
    ]
    scored = set(chosen.best_cells(study)["model"])
    without = [chosen.short(model) for model in study.order["model"] if model not in scored]
    if without:
        parts.append(f"No result: {', '.join(without)}.")
    left_out = sum(pooled.left_out for pooled in shown)
    if left_out:
        plural = "run" if left_out == 1 else "runs"
        parts.append(f"Left out: {left_out} {plural} of another test split or shape.")
    return " ".join(parts)
