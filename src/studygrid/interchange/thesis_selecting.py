"""Choosing runs of a table by the values of its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from studygrid.config_errors import nearest
from studygrid.errors import SelectionError

_LISTED: Final = 12


def select_runs(runs_df: pd.DataFrame, select: Mapping[str, Any] | None) -> pd.DataFrame:
    """Return the rows that have one of the values of every column that is named.

    Parameters
    ----------
    runs_df
        The table of runs.
    select
        Values by column: ``{"encoder": ["mlp", "gnn"], "seed": [42]}``; one value may stand
        alone, and a column of None is not restricted. Numbers and texts are told apart by what
        they say: ``"42"`` is 42.

    Raises
    ------
    SelectionError
        If there is no such column, no value is given, no run has a value, or no run has one of
        every column at once; the message has the choices.
    """
    if select is None:
        return runs_df
    if not isinstance(select, Mapping):
        raise SelectionError(f"select: should be columns with their values (it is {select!r})")
    kept = pd.Series(True, index=runs_df.index)
    named = []
    for column, given in select.items():
        if given is None:
            continue
        _check_column(runs_df, column)
        values = _values(column, given, runs_df[column])
        there = runs_df[column].map(_word)
        kept &= there.isin([_word(value) for value in values])
        named.append(f"{column}={','.join(map(_word, values))}")
    if not kept.any():
        raise SelectionError(f"select: no run has all of that at once: {', '.join(named)}")
    return runs_df.loc[kept].reset_index(drop=True)


def _check_column(runs_df: pd.DataFrame, column: str) -> None:
    names = list(map(str, runs_df))
    if column not in names:
        hint = _meant(column, names)
        raise SelectionError(
            f"select: the runs have no column {column!r}; {hint}there are {', '.join(names)}"
        )


def _meant(word: str, words: list[str]) -> str:
    """Return the question whether the nearest word was meant; nothing where none is near."""
    hint = nearest(word, words) or ""
    return f"{hint} " if hint.startswith("did") else ""


def _values(column: str, given: Any, there: pd.Series[Any]) -> list[Any]:
    several = isinstance(given, Iterable) and not isinstance(given, str)
    values = list(given) if several else [given]
    choices = sorted({_word(value) for value in there}, key=_order)
    if not values:
        raise SelectionError(
            f"select: {column} names no value; leave it out to have all, or choose of "
            f"{_listed(choices)}"
        )
    for value in values:
        if _word(value) not in choices:
            hint = _meant(_word(value), choices)
            raise SelectionError(
                f"select: no run has {column}={_word(value)}; {hint}there are {_listed(choices)}"
            )
    return values


def _word(value: Any) -> str:
    """Return a value as it would be written, the same for a number in any type."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "null"
    if isinstance(value, str):
        try:
            return _word(float(value))
        except ValueError:
            return value
    if isinstance(value, bool):
        return str(value).lower()
    number = float(value) if isinstance(value, int | float) or hasattr(value, "item") else None
    if number is None:
        return str(value)
    return str(int(number)) if number.is_integer() else repr(number)


def _order(word: str) -> tuple[bool, int, str]:
    return not word.isdecimal(), len(word), word


def _listed(words: list[str]) -> str:
    more = ["…"] if len(words) > _LISTED else []
    return ", ".join([*words[:_LISTED], *more])
