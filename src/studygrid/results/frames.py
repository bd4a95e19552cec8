"""Rows to frames and back."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from studygrid.results.rows import Row


def frame_of(rows: Sequence[Row]) -> pd.DataFrame:
    """Return rows as a frame; the sizes are text, and what was measured is a number or NaN."""
    frame = pd.DataFrame(rows)
    if "n_train" in frame:
        frame["n_train"] = frame["n_train"].astype(str)
    # A column without any value would be one of objects.
    empty = [column for column in frame if frame[column].isna().all()]
    return frame.astype(dict.fromkeys(empty, float))


def frame_rows(frame: pd.DataFrame) -> list[Row]:
    """Return the rows of a frame in plain values; what is not there is None."""
    columns = [[None if pd.isna(v) else v for v in frame[name].tolist()] for name in frame]
    return [dict(zip(map(str, frame), row, strict=True)) for row in zip(*columns, strict=True)]
