"""The runs of the inference phase by cell, as its figures need them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from studygrid.families.base import Family, Metric
from studygrid.figures import chosen_cells as chosen
from studygrid.figures.style import Look, looks
from studygrid.results.inference import InferenceResults
from studygrid.results.not_said import resolution_in_sentence
from studygrid.statistics.intervals import summarise

AXES = ["model", "resolution", "n_train"]


@dataclass(frozen=True)
class InferenceCells:
    """Runs of one family that were scored again, by cell.

    Attributes
    ----------
    runs
        The frame of the results and `cell`, a number. Runs are of one cell if their specs differ
        in the seed alone, and their data is the same.
    table
        One row a cell: `cell`, the axes, `name`, and `runs`, how many it has.
    """

    family: Family
    results: InferenceResults
    runs: pd.DataFrame
    table: pd.DataFrame

    @property
    def looks(self) -> Mapping[str, Look]:
        """The look of each model."""
        return looks(list(dict.fromkeys(self.table["model"])))

    @property
    def split_words(self) -> str:
        """Which split was scored."""
        splits = sorted({record.split for record in self.results.records.values()})
        return " and ".join(splits) or "no"


def inference_cells(results: InferenceResults) -> InferenceCells | str:
    """Group the runs that were scored again; or say why nothing can be drawn of them."""
    if not results.records:
        return f"No run has been scored again yet. {run_words(results.frame)}"
    if len(results.families) != 1:
        names = ", ".join(family.title for family in results.families)
        return f"The runs are of several families ({names}): their scores are not comparable."
    runs = results.frame.assign(key=_keys(results))
    order = runs.drop_duplicates("key")["key"].tolist()
    runs = runs.assign(cell=runs["key"].map(order.index)).drop(columns="key")
    table = runs.drop_duplicates("cell")[["cell", *AXES]].reset_index(drop=True)
    family = results.families[0]
    table = table.assign(
        name=_names(table, family), runs=table["cell"].map(runs["cell"].value_counts())
    )
    return InferenceCells(family, results, runs, table)


def _keys(results: InferenceResults) -> list[str]:
    """Return what the runs of a cell share: the data, and the spec but for the seed.

    A run without a record is of the one cell that has its axes, or else of one of its own.
    """
    rows = results.frame.to_dict("records")
    axes = [json.dumps([str(row[axis]) for axis in AXES]) for row in rows]
    known: dict[str, set[str]] = {}
    keys = []
    for row, own in zip(rows, axes, strict=True):
        record = results.records.get(row["run_dir"])
        spec = "" if record is None else record.run.model_copy(update={"seed": 0}).to_json()
        key = own if record is None else f"{spec} {record.data_sha256}"
        keys.append(key)
        if record is not None:
            known.setdefault(own, set()).add(key)
    return [
        next(iter(known[own])) if key == own and len(known.get(own, ())) == 1 else key
        for key, own in zip(keys, axes, strict=True)
    ]


def _names(table: pd.DataFrame, family: Family) -> list[str]:
    """Return what tells cells apart; those that their axes do not tell are numbered."""
    names = []
    for row in table.to_dict("records"):
        parts = [chosen.short(str(row["model"]), 22)]
        if table["resolution"].nunique() > 1:
            unit, label = family.resolution_unit, family.resolution_label
            parts.append(resolution_in_sentence(row["resolution"], unit, label))
        if table["n_train"].nunique() > 1:
            parts.append(f"n {row['n_train']}")
        names.append(", ".join(parts))
    counts: dict[str, int] = {}
    told = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        told.append(f"{name} ({counts[name]})" if names.count(name) > 1 else name)
    return told


def metric_cells(cells: InferenceCells, metric: str) -> pd.DataFrame:
    """Summarise a metric, cell by cell.

    Returns
    -------
    The table of the cells with `n` runs that have a value, `mean`, `ci_low` and `ci_high` (95 %
        Student t; NaN of a single run, and where a seed stands twice).
    """
    rows = []
    for cell in cells.table["cell"]:
        own = values_of(cells, metric, cell)
        found = summarise(own["value"].to_numpy(float))
        has_interval = found.ci_low is not None and not own["seed"].duplicated().any()
        rows.append(
            {
                "cell": cell,
                "n": found.n,
                "mean": math.nan if found.mean is None else found.mean,
                "ci_low": found.ci_low if has_interval else math.nan,
                "ci_high": found.ci_high if has_interval else math.nan,
            }
        )
    return cells.table.merge(pd.DataFrame(rows), on="cell")


def values_of(cells: InferenceCells, metric: str, cell: int) -> pd.DataFrame:
    """Return the runs of a cell with a value: `run_dir`, `seed`, `value`."""
    if metric not in cells.runs:
        return pd.DataFrame({"run_dir": [], "seed": [], "value": []})
    own = cells.runs.loc[cells.runs["cell"] == cell]
    found = pd.to_numeric(own[metric], errors="coerce").astype(float)
    own = own.assign(value=found.where(found.abs() < math.inf))
    return own.loc[own["value"].notna() & (own["status"] == "ok"), ["run_dir", "seed", "value"]]


def better_words(metric: Metric) -> str:
    """Return which way a metric is better, and what stands against it."""
    better = f"{'higher' if metric.higher_is_better else 'lower'} is better"
    return f"{better}; {metric.caution}." if metric.caution else f"{better}."


def run_words(runs: pd.DataFrame) -> str:
    """Return what became of the runs that were to be scored again."""
    counts = runs["status"].value_counts(sort=False)
    said = ", ".join(f"{count} {chosen.status_words(str(name))}" for name, count in counts.items())
    return f"Of {len(runs)} {'run' if len(runs) == 1 else 'runs'}: {said}."


def seed_words(counts: pd.Series[int]) -> str:
    """Return what marks, bars and dots are, where rows are cells."""
    words = chosen.mean_words(counts[counts > 0], dots=bool(counts.between(2, 9).any()))
    return words.replace("vertical bars", "thin bars")


def precision_words(results: InferenceResults) -> str:
    """Return with what precision the networks computed, where it was not float32 alone."""
    found = sorted({record.precision for record in results.records.values()})
    if found == ["float32"]:
        return ""
    return f"Networks computed in {' and '.join(found)}."


def row_height(rows: Sequence[int], each_in: float = 0.2) -> float:
    """Return the height of a panel of so many rows, in inches."""
    return 0.6 + each_in * max(4, len(rows))
