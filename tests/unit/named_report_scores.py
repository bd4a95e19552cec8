"""Made-up results of the inference phase: records and arrays, without scoring anything."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from studygrid.grid import Run
from studygrid.plan import Plan, make_plan
from studygrid.records import InferenceRecord, Status, write_record
from studygrid.results.inference import InferenceResults, read_inference_records
from tests.unit.made_records import inference_record, train_record

SIGNALS = ("xy", "tt")
Metrics = Callable[[Run], dict[str, float | None]]

EVENTS: dict[str, Any] = {
    "family": "events",
    "dataset": {"name": "generated_events"},
    "models": {
        "mlp_none": {"architecture": "mlp", "options": {"tokenizer": "none"}},
        "gnn_none": {"architecture": "gnn", "options": {"tokenizer": "none"}},
        "gnn_vq": {"architecture": "gnn", "options": {"tokenizer": "vq"}},
        "isolation_forest": {"architecture": "isolation_forest"},
    },
    "grid": {"resolution": [16], "n_train": [4096], "seed": 3},
}


def made_plan(**changes: Any) -> Plan:
    """Return a plan of event tokenizers."""
    return make_plan({**EVENTS, **changes})


def noise(run: Run, name: str) -> float:
    """Return a small number that depends on the run alone."""
    seed = zlib.crc32(f"{run.path} {name}".encode())
    return float(np.random.default_rng(seed).normal(0, 0.01))


def event_metrics(run: Run) -> dict[str, float | None]:
    """Return scores of a run of event tokenizers; an isolation forest rebuilds nothing."""
    place = {"mlp_none": 0.0, "gnn_none": 0.08, "gnn_vq": 0.04}.get(run.model, -0.03)
    scores: dict[str, float | None] = {
        name: base + place + noise(run, name)
        for name, base in {
            "auroc": 0.74,
            "auroc_xy": 0.78,
            "auroc_tt": 0.70,
            "auroc_noise": 0.88,
            "auroc_token_shuffle": 0.62,
        }.items()
    }
    if run.model != "isolation_forest":
        error = 0.45 - place + noise(run, "error")
        scores |= {"token_mse": error, "token_mse_p50": 0.8 * error, "token_mse_p95": 2.2 * error}
        scores |= {"token_mse_p99": 3.9 * error, "globals_mse": 0.3 - place / 2}
    return scores


def made_results(
    folder: Path,
    plan: Plan,
    metrics: Metrics = event_metrics,
    *,
    arrays: Callable[[Run], dict[str, np.ndarray[Any, Any]]] | None = None,
    status: Callable[[Run], Status] | None = None,
    missing: Callable[[Run], bool] = lambda run: False,
) -> InferenceResults:
    """Return results whose runs have the scores that `metrics` says; others are null."""
    files = {}
    for run in plan.runs:
        where = folder / run.path
        where.mkdir(parents=True, exist_ok=True)
        files[str(where)] = where / "inference.json"
        if not missing(run):
            made = _record(plan, run, metrics(run), Status.OK if status is None else status(run))
            if arrays is not None:
                np.savez(where / "inference_scores.npz", allow_pickle=False, **arrays(run))
                made = made.model_copy(update={"scores_file": "inference_scores.npz"})
            write_record(files[str(where)], made)
    return read_inference_records(files)


def _record(
    plan: Plan, run: Run, scores: dict[str, float | None], status: Status
) -> InferenceRecord:
    train = train_record(plan, run)
    values = {name: scores.get(name) for name in plan.family.metric_names}
    is_events = plan.family.name == "events"
    facts: dict[str, Any] = {"signals": {name: {} for name in SIGNALS}} if is_events else {}
    return inference_record(
        plan, train, metrics=values, facts=facts, status=status, chance={}, tables={}
    )


def event_arrays(run: Run, count: int = 400) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of events of a run: 200 of the background, 100 of each signal."""
    generator = np.random.default_rng(zlib.crc32(run.path.encode()))
    label = np.repeat([0, 1, 2], [count // 2, count // 4, count // 4])
    centre = np.array([-1.0, -0.4, -0.6])[label] - event_metrics_place(run)
    return {
        "index": np.arange(count),
        "label": label,
        "score": generator.normal(size=count),
        "token_mse": np.exp(centre + generator.normal(0, 0.5, count)),
    }


def event_metrics_place(run: Run) -> float:
    """Return how much better a model is."""
    return {"mlp_none": 0.0, "gnn_none": 0.3, "gnn_vq": 0.1}.get(run.model, 0.0)
