"""The inference phase in one JSON document: means over seeds, and every run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from studygrid.axes import AXES
from studygrid.records import Status
from studygrid.results.frames import frame_rows
from studygrid.results.inference import InferenceResults
from studygrid.results.rows import MISSING

DOCUMENT_VERSION = 1
_CELL = ["model", "resolution", "n_train"]


def inference_summary(
    results: InferenceResults, labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return what inference found, in plain values.

    Parameters
    ----------
    labels
        Of each ``run_dir`` what its runs are called under ``models``; runs of one label are
        averaged. Where left out, runs of a cell are: it is called by its model, and by its
        resolution and training-set size where these vary.

    Returns
    -------
    ``split``, ``count``, ``batch_size``, ``precision`` (null where runs differ in it);
    ``metrics``: of each what it is; ``models``: of each label the mean of each metric over the
    runs that have a value (null without any), ``sd`` and ``values``: their standard deviation
    (null of less than two) and number, ``planned``, ``ok``, ``failed``, ``missing`` and ``runs``
    (their folders); ``autocast_effect``: of each metric the mean and the largest absolute
    difference to float32 over the runs, null where autocast was off; ``runs``: a row a run.
    """
    names = [metric.name for metric in results.metrics]
    frame = results.frame
    called = _labels(frame) if labels is None else dict(labels)
    label = frame["run_dir"].map(called)
    return {
        "schema_version": DOCUMENT_VERSION,
        **{name: _common(frame[name]) for name in ("split", "count", "batch_size")},
        "precision": _common(frame["inference_precision"]),
        "metrics": {
            metric.name: {
                "label": metric.label,
                "unit": metric.unit,
                "higher_is_better": metric.higher_is_better,
            }
            for metric in results.metrics
        },
        "models": {
            str(name): _model(runs, names) for name, runs in frame.groupby(label, sort=False)
        },
        "autocast_effect": _effect(frame, names),
        "runs": frame_rows(frame),
    }


def _labels(frame: pd.DataFrame) -> dict[str, str]:
    shown = [axis for axis in _CELL[1:] if frame[axis].nunique(dropna=True) > 1]
    sign = {"resolution": "res", "n_train": "n"}
    labels = {}
    for row in frame_rows(frame):
        # Of a run without a record the folder may be all that is known.
        name = row["model"] or row["run_dir"]
        there = (f"{sign[axis]}{row[axis]}" for axis in shown if row[axis] is not None)
        labels[row["run_dir"]] = " ".join([name, *there])
    return labels


def _model(runs: pd.DataFrame, names: Iterable[str]) -> dict[str, Any]:
    status = runs["status"]
    ok = status == Status.OK.value
    missing = int((status == MISSING).sum())
    found = {name: runs.loc[ok, name].dropna() for name in names}
    return {
        **{name: float(values.mean()) if len(values) else None for name, values in found.items()},
        "sd": {
            name: float(values.std()) if len(values) > 1 else None for name, values in found.items()
        },
        "values": {name: len(values) for name, values in found.items()},
        **{axis: _common(runs[axis]) for axis in AXES if axis != "seed"},
        "planned": len(runs),
        "ok": int(ok.sum()),
        "failed": len(runs) - int(ok.sum()) - missing,
        "missing": missing,
        "runs": runs["run_dir"].tolist(),
    }


def _effect(frame: pd.DataFrame, names: Iterable[str]) -> dict[str, Any] | None:
    columns = {name: f"autocast_effect_{name}" for name in names}
    there = {name: frame[column].dropna() for name, column in columns.items() if column in frame}
    if not there:
        return None
    return {
        name: {
            "mean": float(values.mean()) if len(values) else None,
            "largest": float(values.abs().max()) if len(values) else None,
            "runs": len(values),
        }
        for name, values in there.items()
    }


def _common(values: pd.Series[Any]) -> Any:
    """Return the value that all runs have which have one, in plain Python; else None."""
    found = values.dropna().unique().tolist()
    if len(found) != 1:
        return None
    value = found[0]
    return int(value) if isinstance(value, float) and value.is_integer() else value
