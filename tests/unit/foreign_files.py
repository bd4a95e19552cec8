"""Files of other programs, as the guides to their layouts document them, made by code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from studygrid.figures import FIGURES
from studygrid.interchange.foreign import writing


def write_json(path: Path, content: Any) -> Path:
    """Write JSON as Python does, NaN and Infinity too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def resomap_cell(model: str = "vgg11", resolution: int = 224, **changes: Any) -> dict[str, Any]:
    """Return ResoMap's document of a cell; `changes` are of its test metrics."""
    scores = {"loss": 0.55, "accuracy": 0.89, "precision": 0.88, "recall": 0.87, "f1_score": 0.86}
    return {
        "model": model,
        "resolution": resolution,
        "timestamp": "2026-01-18T14:30:45.123456",
        "best_val_loss": 0.54,
        "test_metrics": {**scores, **changes},
        "profiling": {
            "avg_time_sec": 0.023,
            "throughput_samples_sec": 1234.5,
            "peak_cpu_memory_mb": 2048,
            "gpu_memory_peak_mb": 4096,
        },
    }


def write_cell(folder: Path, model: str = "vgg11", resolution: int = 224, **changes: Any) -> Path:
    """Write a cell where ResoMap does."""
    path = folder / "test_results" / f"{model}_{resolution}.json"
    return write_json(path, resomap_cell(model, resolution, **changes))


def write_experiment(
    folder: Path, name: str, iou: float = 0.7, epochs: int = 6, **changes: Any
) -> Path:
    """Write an experiment as CrackSeg's guide has it: scores of the validation split alone.

    Its IoU and losses get better from epoch to epoch; the best is the last but one.
    """
    rows = [
        {
            "epoch": number,
            "train_loss": 1 / number,
            "val_loss": 0.2 + 0.5 / number,
            "val_iou": iou * number / epochs,
        }
        for number in range(1, epochs + 1)
    ]
    last, best = scores(iou), scores(iou + 0.01)
    summary = {
        "experiment_name": name,
        "project_name": "cracks",
        "model_type": "UNet",
        "dataset": "data/unified",
        "training_epochs": epochs,
        "batch_size": 4,
        "learning_rate": 1e-4,
        "final_metrics": {f"val_{key}": value for key, value in last.items()},
        "best_epoch": epochs - 1,
        "total_training_time": 3600.5,
        "timestamp": "2024-01-15T10:30:00",
        "hardware_info": {"device": "cuda", "cuda_available": True, "gpu_name": "Some GPU"},
        **changes,
    }
    place = folder / f"20240115-103000-{name}"
    write_json(place / "metrics" / "complete_summary.json", summary)
    validation = {
        "final_validation": summary["final_metrics"],
        "best_validation": {"epoch": epochs - 1, **best},
    }
    write_json(place / "metrics" / "validation_metrics.json", validation)
    write_lines(place / "metrics" / "metrics.jsonl", rows)
    return place


def scores(iou: float) -> dict[str, float]:
    """Return CrackSeg's seven scores."""
    names = ("precision", "recall", "f1", "iou", "dice", "accuracy", "loss")
    return {name: iou if name == "iou" else iou + at / 100 for at, name in enumerate(names)}


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_vae(folder: Path, name: str, *, seed: int | None = None, **settings: Any) -> Path:
    """Write the four files of a run as the guide to VAE comparison has them.

    `settings` are of the model beside those of the guide: ``beta=4.0``.
    """
    train = {"train_loss": 1234.5, "train_bce": 890.3, "train_kld": 344.2}
    val = {"val_loss": 1200.1, "val_bce": 870.5, "val_kld": 329.6, "val_jaccard_index": 0.68}
    test = {
        "test_loss": 1195.8,
        "test_bce": 865.2,
        "test_kld": 330.6,
        "test_hamming_loss": 0.15,
        "test_diversity_pct_unique_combinations": 87.5,
        "test_diversity_entropy": 8.3,
        "test_cooccurrence_cosine_similarity": 0.82,
    }
    metrics = {"train": train, "val": val, "test": test}
    model = {"latent_dim": 32, "hidden_dim": 128, "dropout_p": 0.3, **settings}
    trainer = {"max_epochs": 250, "learning_rate": 5e-4}
    seeded = {} if seed is None else {"seed": seed}
    config = {"model_name": name, "model": model, "trainer": trainer, **seeded}
    summary = {"config": config, "metrics": metrics}
    run = folder / "outputs" / "vae_training" / f"20250101_{name}"
    copies = folder / "models" / "metrics"
    for path, content in (
        (run / "metrics.json", metrics),
        (run / "summary.json", summary),
        (copies / f"{name}_metrics.json", metrics),
        (copies / f"{name}_summary.json", summary),
    ):
        write_json(path, content)
    return folder


def draw_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw one figure of a collection: of tests that look at none, most of the time is drawing."""
    few = {"status_matrix": FIGURES["status_matrix"]}

    def one_figure(family: object) -> dict[str, str]:
        return few

    monkeypatch.setattr(writing, "figures_of", one_figure)
