"""Studies made up for the figures: records, profiles and epochs, without running anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import Record, Status
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.made_records import (
    ORIGIN,
    evaluate_record,
    profile_record,
    small_plan,
    train_record,
)

Fate = Callable[[Run], str]
Table = list[list[int | float]]
FAILED: dict[str, Any] = {"checkpoint": None, "stopped_by": "failure", "best_value": None}
REASONS = {
    "diverged": "the training loss is nan in epoch {seed}, by step 30",
    "oom": "CUDA out of memory: tried to allocate 2.00 GiB",
}


def named_models(count: int) -> dict[str, dict[str, str]]:
    """Return models of one architecture by name."""
    return {f"model_{number}": {"architecture": "tiny_cnn"} for number in range(count)}


def ok(run: Run) -> str:
    """Let every run end well."""
    return "ok"


def score_of(run: Run) -> float:
    """Return a score that rises with the model's place, the resolution and the size."""
    size = 1599 if run.n_train == "all" else int(run.n_train)
    model = sum(map(ord, run.model)) % 17 / 170
    return 0.5 + model + run.resolution / 1000 + np.log2(size) / 100 + run.seed * 0.004


def bins_of(run: Run) -> Table:
    """Return a table of reliability in which seeds differ."""
    counts = np.zeros(15, int)
    counts[7:] = 3 + run.seed + np.arange(8)
    sums = counts * (np.arange(15) + 0.5) / 15
    right = np.minimum(counts, np.floor(sums)).astype(int)
    return [list(row) for row in zip(counts.tolist(), sums.tolist(), right.tolist(), strict=True)]


def made_study(
    folder: Path,
    *,
    fate: Fate = ok,
    score: Callable[[Run], float | None] = score_of,
    tables: Callable[[Run], Mapping[str, Table]] | None = None,
    profile: Callable[[str, int], Mapping[str, Any] | None] = lambda model, resolution: {},
    curve: Callable[[Run], list[float]] | None = None,
    device: Callable[[Run], str] = lambda run: "Some GPU",
    **config: Any,
) -> StudyResults:
    """Write the records of a plan and read them as a study.

    Parameters
    ----------
    folder
        Where to write them.
    fate
        From a run to ``ok``, ``diverged``, ``oom`` or ``missing``.
    score
        From a run to the value of all its metrics; None is undefined.
    tables
        From a run to what it keeps of its predictions.
    profile
        From a model and a resolution to changes of its profile, or None for no profile; of
        these, ``device`` and ``seconds`` (latency of a sample) stand for what they are named.
    curve
        From a run to its validation losses; by default they fall with its score.
    device
        From a run to the device that it is trained on.
    config
        Changes of the small plan.
    """
    plan = small_plan(**config)
    for run in plan.runs:
        _write_run(plan, folder, run, fate(run), score, tables, device(run))
        if fate(run) != "missing":
            losses = curve(run) if curve else [1 - step * score_of(run) / 8 for step in range(1, 6)]
            _write_epochs(folder / "runs" / run.path / "epochs.jsonl", run, losses)
    for model, resolution in plan.profiled:
        changes = profile(model, resolution)
        if changes is not None:
            path = folder / "profiles" / model / f"res{resolution}.json"
            _write(path, _profile(plan, model, resolution, dict(changes)))
    return study_results(plan, folder)


def _write_run(
    plan: Plan,
    folder: Path,
    run: Run,
    fate: str,
    score: Callable[[Run], float | None],
    tables: Callable[[Run], Mapping[str, Table]] | None,
    device: str,
) -> None:
    if fate == "missing":
        return
    changes: dict[str, Any] = {"origin": _origin(device)}
    if fate != "ok":
        changes |= {"status": Status(fate), "reason": REASONS[fate].format(seed=run.seed), **FAILED}
    train = train_record(plan, run, **changes)
    value = score(run)
    kept = {"confusion_matrix": [[5, 2], [1, 6 + run.seed]], "reliability": bins_of(run)}
    more: dict[str, Any] = {"tables": kept if tables is None else dict(tables(run))}
    if fate != "ok":
        more["tables"] = {}
    elif value is None:
        more["metrics"] = dict.fromkeys(plan.family.metric_names)
        more["undefined"] = dict.fromkeys(plan.family.metric_names, "the split lacks a class")
    _write(folder / "runs" / run.path / "train.json", train)
    record = evaluate_record(plan, train, value or 0.0, **more)
    _write(folder / "runs" / run.path / "evaluate.json", record)


def _write(path: Path, record: Record) -> None:
    # As `write_record` does, but for what makes it safe and slow.
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record.model_dump_json())


def _write_epochs(path: Path, run: Run, losses: list[float]) -> None:
    lines = [
        json.dumps(
            {
                "epoch": number,
                "step": 20 * number,
                "train_loss": loss,
                "epoch_time_sec": 0.5 + run.seed / 4,
                "validation_loss": loss,
                "validation_accuracy": 1 - loss,
            }
        )
        for number, loss in enumerate(losses, 1)
    ]
    path.write_text("\n".join(lines) + "\n")


def _origin(device: str) -> Any:
    hardware = ORIGIN.hardware
    found = hardware.device.model_copy(update={"name": device})
    return ORIGIN.model_copy(update={"hardware": hardware.model_copy(update={"device": found})})


def _profile(plan: Plan, model: str, resolution: int, changes: dict[str, Any]) -> Any:
    place = plan.axis("model").index(model) + 1
    seconds = changes.pop("seconds", 0.001 * place * (resolution / 32) ** 2)
    device = changes.pop("device", "Some GPU")
    memory = changes.pop("device_memory_mb", None)
    made = profile_record(plan, model, resolution)
    latency = [
        one.model_copy(
            update={
                "median_sec_per_batch": seconds * one.batch_size,
                "iqr_sec_per_batch": 0.1 * seconds * one.batch_size,
                "median_sec_per_sample": seconds,
                "throughput_samples_per_sec": 1 / seconds,
                "peak_device_memory_allocated_mb": memory,
            }
        )
        for one in made.latency
    ]
    costs = {
        "parameters": 10**3 * 3**place,
        "flops_per_sample": 10**4 * place * resolution**2,
        "peak_host_memory_mb": 250.0 + 10 * place,
    }
    update = {"latency": latency, "origin": _origin(device), **costs, **changes}
    return made.model_copy(update=update)
