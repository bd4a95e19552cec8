"""The tables of a report in files: its runs, and what inference found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studygrid.interchange.thesis_rows import COLUMNS, TEST
from studygrid.named_reports.drawn import Failed
from studygrid.named_reports.inputs import ReportInputs
from studygrid.named_reports.run_files import RunFiles
from studygrid.records import write_atomically
from studygrid.results.frames import frame_rows
from studygrid.results.inference import InferenceResults
from studygrid.results.inference_summary import inference_summary
from studygrid.spec import TrainSpec
from studygrid.tables.delimited import write_csv

_AXES = (
    "encoder",
    "tokenizer",
    "seed",
    "latent_dim",
    "model",
    "resolution",
    "n_train",
    "globals_weight",
    "codebook_size",
    "dataset_name",
    "study",
)


def write_training(
    folder: Path, created_at: str, inputs: ReportInputs, names: Sequence[str]
) -> None:
    """Write ``summary.csv``, one row a run, and ``summary.json``, what they are runs of."""
    rows = frame_rows(inputs.runs_df)
    write_csv(folder / "summary.csv", rows)
    config = inputs.config
    content = {
        "report": inputs.name,
        "title": inputs.title,
        "created_at": created_at,
        "num_runs": len(rows),
        "num_incomplete": len(inputs.incomplete),
        "sweep_dir": config.inputs.sweep_dir,
        "run_dirs": config.inputs.run_dirs,
        "filters": config.inputs.select or {},
        "sweep_params": _varied(inputs, rows),
        "thresholds": dict(config.thresholds),
        "figures": list(names),
        "columns": [str(name) for name in inputs.runs_df],
        "runs": list(inputs.order),
        "incomplete": [{"run_dir": path, "reason": why} for path, why in inputs.incomplete],
        "problems": [{"path": path, "reason": why} for path, why in inputs.problems],
    }
    _write_json(folder / "summary.json", content)


def _varied(inputs: ReportInputs, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the settings in which the runs differ, and their values."""
    names = [str(name) for name in inputs.runs_df]
    own = [name for name in names if name not in COLUMNS and not name.startswith(TEST)]
    values = {
        name: list(dict.fromkeys(row[name] for row in rows))
        for name in (*(name for name in _AXES if name in names), *own)
    }
    return {name: found for name, found in values.items() if len(found) > 1}


def write_inference(
    folder: Path, results: InferenceResults, runs: Sequence[RunFiles], failed: Mapping[str, str]
) -> None:
    """Write ``summary.json``: of each model the mean of each metric, and every run.

    Runs of one model, resolution and training-set size are averaged, unless they are of other
    settings: of two studies, say.

    Parameters
    ----------
    runs
        Those that were to be scored; all have a train record.
    failed
        Why runs could not be scored, by their folders.
    """
    specs = {run.run_dir: run.train.spec for run in runs if run.train is not None}
    content = inference_summary(results, _labels(specs))
    content["not_scored"] = [{"run_dir": path, "reason": why} for path, why in failed.items()]
    _write_json(folder / "summary.json", content)


def _labels(specs: Mapping[str, TrainSpec]) -> dict[str, str]:
    """Return what each run is called: its cell, with a number where cells differ in settings."""
    several_resolutions = len({spec.resolution for spec in specs.values()}) > 1
    several_sizes = len({spec.n_train for spec in specs.values()}) > 1
    settings: dict[str, list[str]] = {}
    found = {}
    for run_dir, spec in specs.items():
        name = spec.model
        name += f" res{spec.resolution}" if several_resolutions else ""
        name += f" n{spec.n_train}" if several_sizes else ""
        kind = spec.model_copy(update={"seed": 0}).to_json()
        kinds = settings.setdefault(name, [])
        if kind not in kinds:
            kinds.append(kind)
        number = kinds.index(kind) + 1
        found[run_dir] = name if number == 1 else f"{name} ({number})"
    return found


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, f"{text}\n".encode())


def not_made(failed: Sequence[Failed]) -> str:
    """Return the tracebacks of what failed, for the person who writes the report."""
    return "\n".join(f"{one.name}: {one.reason}\n{one.trace}" for one in failed)
