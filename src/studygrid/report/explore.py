"""Charts to explore: Vega-Lite specifications of which the reader picks the axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from studygrid.figures.style import COLOURS
from studygrid.report.blocks import Explore
from studygrid.results.frames import frame_rows
from studygrid.results.not_said import NO_RESOLUTION
from studygrid.results.study_results import StudyResults
from studygrid.tables.headings import headings

MOST_ROWS = 5000
# Names of things, also where they are written in digits.
_NAMES = {"model", "n_train", "seed", "status", "kind", "panel"}
_LOG_FROM = 20.0  # largest over smallest
_HEIGHT_PX = 380
# Axes of the grid: ticks stand where something was measured, and nowhere else.
_TESTED = {"x", "resolution", "samples", "train_samples"}
_MOST_TICKS = 10
# What to show at first: the first of these that a figure's numbers have.
_UP = ("value", "mean", "validation_loss", "accuracy", "share_of_true", "precision", "iou", "ok")
_ACROSS = (
    "x", "cost", "throughput_samples_per_sec", "step", "confidence", "predicted_name", "recall",
    "width_low_percent", "samples", "train_samples", "resolution",
)  # fmt: skip
_ACROSS_OF = {"metric_by_resolution": "resolution"}


def explore_runs(study: StudyResults) -> Explore | None:
    """Return a chart of the runs, or None where none has a score."""
    resolution = study.frame["resolution"]
    frame = study.frame.assign(resolution=resolution.where(resolution != NO_RESOLUTION))
    words = headings(map(str, frame), study.family, study.split)
    score = f"test_{study.metric.name}"
    columns = [
        name
        for name in map(str, frame)
        if frame[name].notna().any()
        and (name in _NAMES or (is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name])))
    ]
    if score not in columns:
        return None
    start = {"x": "train_samples", "y": score, "color": "model"}
    return _explore(frame[columns], "the runs", words, start, panel=None)


def explore_figure(numbers: pd.DataFrame, figure: str, title: str) -> Explore | None:
    """Return a chart of the numbers of a figure; None where there are too many or too few."""
    columns = [name for name in map(str, numbers) if numbers[name].notna().any()]
    numeric = [name for name in columns if _is_quantity(numbers, name)]
    if not 0 < len(numbers) <= MOST_ROWS or not numeric or len(columns) < 2:
        return None
    y = next((column for column in _UP if column in numeric), numeric[-1])
    others = [column for column in columns if column != y]
    wanted = (_ACROSS_OF.get(figure), *_ACROSS)
    x = next((column for column in wanted if column in others), others[0])
    named = [name for name in others if not _is_quantity(numbers, name) and name != "panel"]
    start = {"x": x, "y": y} | (
        {"color": "model" if "model" in named else named[0]} if named else {}
    )
    words = {name: name.replace("_", " ") for name in columns}
    panel = "panel" if "panel" in columns and numbers["panel"].nunique() > 1 else None
    return _explore(numbers[columns], title, words, start, panel)


def _explore(
    frame: pd.DataFrame,
    label: str,
    words: Mapping[str, str],
    start: Mapping[str, str],
    panel: str | None,
) -> Explore:
    # Short names of our own: a dot or a bracket in a field's name would be a path.
    keys = {name: f"c{position}" for position, name in enumerate(map(str, frame))}
    channels = {key: _channel(frame, name, key, words[name]) for name, key in keys.items()}
    if panel:
        del channels[keys[panel]]
    named = frame.rename(columns=keys)
    for name in _NAMES & keys.keys():
        named[keys[name]] = frame[name].map(_as_name)
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": frame_rows(named)},
        "width": "container",
        "height": _HEIGHT_PX,
        "background": "#ffffff",
        "autosize": {"type": "fit", "contains": "padding"},
        "mark": {"type": "point", "filled": True, "size": 55, "opacity": 0.75},
        "padding": 14,
        "config": {
            "legend": {"orient": "top", "columns": {"expr": "max(1, floor(width / 170))"}},
            "font": "system-ui, sans-serif",
            "axis": {"gridColor": "#e4e4e4"},
            "range": {"category": list(COLOURS)},
        },
    }
    if "kind" in frame and frame["kind"].nunique() > 1:
        # A mean must not pass for a run.
        spec["encoding"] = {"shape": {"field": keys["kind"], "type": "nominal", "title": "kind"}}
    values = (keys[panel], tuple(dict.fromkeys(frame[panel].astype(str)))) if panel else None
    first = {channel: keys[name] for channel, name in start.items() if name in keys}
    return Explore(label, spec, channels, first, values)


def _as_name(value: Any) -> str | None:
    """Return a value as a name; a column of seeds with a gap holds 1.0 for 1."""
    if pd.isna(value):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_quantity(frame: pd.DataFrame, name: str) -> bool:
    column = frame[name]
    return name not in _NAMES and is_numeric_dtype(column) and not is_bool_dtype(column)


def _channel(frame: pd.DataFrame, name: str, key: str, title: str) -> dict[str, Any]:
    """Return the encoding of a column; names keep the order in which they first appear."""
    if not _is_quantity(frame, name):
        found: dict[str, Any] = {"field": key, "type": "nominal", "title": title, "sort": None}
        return found | {"axis": {"labelAngle": 0, "labelOverlap": True}}
    values = frame[name].dropna()
    spread = values.min() > 0 and values.max() / values.min() >= _LOG_FROM
    scale: dict[str, Any] = {"type": "log"} if spread else {"zero": False}
    scale |= {"nice": False, "padding": 14}
    found = {"field": key, "type": "quantitative", "title": title, "scale": scale}
    if name in _TESTED and values.nunique() <= _MOST_TICKS:
        found["axis"] = {"values": sorted(values.unique().tolist())}
    return found
