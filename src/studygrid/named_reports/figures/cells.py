"""Which runs of a report may be pooled: those that differ in nothing but their seed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from studygrid.figures.chosen_cells import short

AXES = (
    "encoder",
    "tokenizer",
    "latent_dim",
    "codebook_size",
    "globals_weight",
    "resolution",
    "n_train",
)

# Columns of runs_df that are no settings: what was measured, and where a run lies.
_NO_SETTINGS = frozenset(
    {
        "run_dir",
        "run_id",
        "seed",
        "epochs",
        "best_epoch",
        "kept_epoch",
        "total_time_s",
        "git_commit",
        "config_sha1",
        "train_record",
        "data_record",
        "device",
        "hostname",
    }
)
_MEASURED_STARTS = ("loss.total", "loss.rec", "metric_", "test_", "throughput", "max_memory")
_NAMES = ("model", "study", "loss_kind")  # they count only where nothing else tells two runs apart
_FIRST = {"tokenizer": ("none", "linear", "vq")}
_WORDS = {
    "latent_dim": "latent {}",
    "codebook_size": "{} codes",
    "globals_weight": "globals weight {}",
    "resolution": "resolution {}",
    "n_train": "n {}",
}


@dataclass(frozen=True)
class Cells:
    """The runs of a report by cell.

    Attributes
    ----------
    runs
        One row a run, the columns of ``runs_df`` and `cell`, a number; what tells cells apart is
        text, as it is written (``16``, ``all``; empty where a run has no such setting).
    table
        One row a cell: `cell` and the columns that tell cells apart, as text.
    told_by
        The columns in which cells differ, in order; of columns that say the same as others only
        the first.
    along
        Columns beside these that differ too, in step with them: what they do cannot be told from
        what the others do.
    """

    runs: pd.DataFrame
    table: pd.DataFrame
    told_by: tuple[str, ...]
    along: tuple[str, ...]

    def values(self, column: str) -> list[str]:
        """Return the values of a column in order: numbers rise, ``all`` comes last."""
        if column not in self.table:
            return [""]
        return in_order(column, self.table[column].tolist())

    def words(self, cell: int, without: Collection[str] = ()) -> str:
        """Return what tells a cell apart: ``gnn, vq, latent 8``; empty where nothing does.

        Parameters
        ----------
        without
            Settings that are said elsewhere.
        """
        if not without:
            return self._words[cell]
        row = self.table.loc[self.table["cell"] == cell].to_dict("records")[0]
        names = [name for name in self.told_by if name not in without]
        return _row_words(
            row, names, brief=self._words[cell] == _row_words(row, self.told_by, brief=True)
        )

    @cached_property
    def _words(self) -> dict[int, str]:
        rows = self.table.to_dict("records")
        brief = [_row_words(row, self.told_by, brief=True) for row in rows]
        whole = [_row_words(row, self.told_by, brief=False) for row in rows]
        clear = len(set(brief)) == len(brief)
        names = brief if clear else whole
        return {row["cell"]: name for row, name in zip(rows, names, strict=True)}


def _row_words(row: Mapping[Any, Any], columns: Sequence[str], *, brief: bool) -> str:
    """Return a cell in words; in brief without the codes of a tokenizer that has none."""
    no_codes = brief and row.get("tokenizer") in ("none", "linear")
    names = [name for name in columns if not (no_codes and name == "codebook_size")]
    return ", ".join(filter(None, (value_words(name, row[name]) for name in names)))


def cells_of(runs_df: pd.DataFrame) -> Cells:
    """Group runs into cells.

    Two runs are of one cell if no setting tells them apart: encoder, tokenizer, latent size,
    codes, weight of the globals, resolution, training size, and every column that is not known to
    be measured, such as an override. The seed, and columns whose name ends in ``seed``, do not
    count; the names of model and study only where no setting tells runs apart.
    """
    settings = [name for name in map(str, runs_df) if _is_setting(name)]
    axes = [name for name in AXES if name in settings]
    others = [name for name in settings if name not in AXES]
    columns = [*axes, *others, *(name for name in _NAMES if name in runs_df)]
    texts = runs_df[columns].map(as_text)
    told = [name for name in axes if _values(texts[name]) > 1]
    along: list[str] = []
    for name in [name for name in columns if name not in told and texts[name].nunique() > 1]:
        if _groups(texts, [*told, name]) > _groups(texts, told):
            told.append(name)
        elif name not in _NAMES and _differs(texts, name, told):
            along.append(name)
    number = _numbers(texts, told)
    rest = runs_df.drop(columns=list(texts))
    runs = pd.concat([rest, texts], axis=1).assign(cell=number)
    table = runs.drop_duplicates("cell")[["cell", *dict.fromkeys([*axes, *told])]]
    return Cells(runs, _sorted(table, told), tuple(told), tuple(along))


def _is_setting(name: str) -> bool:
    last = name.rpartition(".")[2]
    no_setting = name in _NO_SETTINGS or name in _NAMES or last.lower().endswith("seed")
    return not no_setting and not name.startswith(_MEASURED_STARTS)


def as_text(value: Any) -> str:
    """Return a setting as text, the same for 8, 8.0 and ``8``; empty where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
        return ""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{int(number)}" if number.is_integer() and abs(number) < 1e15 else f"{number:g}"


def _groups(texts: pd.DataFrame, columns: Sequence[str]) -> int:
    return len(texts[list(columns)].drop_duplicates()) if columns else 1


def _differs(texts: pd.DataFrame, name: str, told: Sequence[str]) -> bool:
    """Tell whether a setting differs between runs that have it, and repeats no other's words."""
    repeated = any(texts[name].equals(texts[other]) for other in told)
    return _values(texts[name]) > 1 and not repeated


def _values(texts: pd.Series[str]) -> int:
    """Return how many values a setting has among the runs that have it."""
    return int(texts[texts != ""].nunique())


def _numbers(texts: pd.DataFrame, told: Sequence[str]) -> pd.Series[int]:
    if not told:
        return pd.Series(0, texts.index)
    return texts.groupby(list(told), sort=False).ngroup()


def _sorted(table: pd.DataFrame, told: Sequence[str]) -> pd.DataFrame:
    places = {
        name: {value: place for place, value in enumerate(in_order(name, table[name].tolist()))}
        for name in told
    }
    keys = pd.DataFrame({name: table[name].map(places[name]) for name in told})
    order = keys.sort_values(list(told), kind="stable").index if told else table.index
    return table.loc[order].reset_index(drop=True)


def in_order(column: str, values: Sequence[str]) -> list[str]:
    """Return the distinct values of a setting in order: numbers rise, then words."""
    first = _FIRST.get(column, ())

    def place(value: str) -> tuple[int, float]:
        if value in first:
            return 0, first.index(value)
        try:
            return 1, float(value)
        except ValueError:
            return (3 if value == "all" else 2), 0.0

    return sorted(dict.fromkeys(values), key=place)


def value_words(column: str, value: str) -> str:
    """Return a setting in words: ``latent 8``; a name stands alone, and nothing says nothing."""
    if column == "tokenizer" and value == "none":
        return "no tokenizer"
    if column == "n_train" and value == "all":
        return "all samples"
    if not value or column in ("encoder", "tokenizer", "model"):
        return short(value)
    return _WORDS.get(column, f"{short(column.rpartition('.')[2])} {{}}").format(short(value))


def common_words(cells: Cells) -> str:
    """Return what all cells share, for a caption: ``resolution 16, n 4096``."""
    shared: Mapping[str, str] = {
        name: cells.table[name].iloc[0]
        for name in cells.table
        if name in AXES and name not in cells.told_by and cells.table[name].nunique() == 1
    }
    return ", ".join(filter(None, (value_words(name, value) for name, value in shared.items())))
