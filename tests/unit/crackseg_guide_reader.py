"""Reading an experiment with nothing but CrackSeg's guide at hand: it knows no studygrid.

Run as a script it prints what it has read: ``python crackseg_guide_reader.py EXPERIMENT``.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

SCORES = (
    "val_precision",
    "val_recall",
    "val_f1",
    "val_iou",
    "val_dice",
    "val_accuracy",
    "val_loss",
)
PER_EPOCH = ("train_loss", *SCORES)


def read(folder: Path) -> dict[str, Any]:
    """Read all files that the guide names, and check what it says of them."""
    summary = json.loads((folder / "metrics" / "complete_summary.json").read_text())
    lines = (folder / "metrics" / "metrics.jsonl").read_text().splitlines()
    epochs = [json.loads(line) for line in lines]
    validation = json.loads((folder / "metrics" / "validation_metrics.json").read_text())
    results = yaml.safe_load((folder / "final_results.yaml").read_text())

    datetime.fromisoformat(summary["timestamp"])
    assert folder.name.endswith(summary["experiment_name"])
    hardware = summary["hardware_info"]
    print(f"{summary['experiment_name']} of {summary['project_name']}, on {hardware['device']}")
    print(f"  CUDA: {hardware['cuda_available']}, GPU: {hardware['gpu_name']}")
    print(f"  {summary['model_type']} on {summary['dataset']}")
    print(f"  batch {summary['batch_size']}, learning rate {summary['learning_rate']}")
    print(f"  {summary['training_epochs']} epochs in {summary['total_training_time']} s")
    for row in epochs:
        shown = " ".join(f"{key}={row[key]}" for key in PER_EPOCH)
        print(f"  epoch {row['epoch']}: {shown}")

    final, best = validation["final_validation"], validation["best_validation"]
    for key in SCORES:
        assert summary["final_metrics"][key] == final[key] == results[key]
    assert best["epoch"] == summary["best_epoch"]
    by_epoch = {row["epoch"]: row for row in epochs}
    return {
        "summary": summary,
        "epochs": epochs,
        "final": {key: final[key] for key in SCORES},
        "final_of_curve": {key: epochs[-1][key] for key in SCORES},
        "best": {key: best[key.removeprefix("val_")] for key in SCORES},
        "best_of_curve": {key: by_epoch[best["epoch"]][key] for key in SCORES},
        "log": (folder / "logs" / "training.log").read_text(),
        "best_model": (folder / "checkpoints" / "best_model.pth").read_bytes(),
        "root_model": (folder / "best_model.pth").read_bytes(),
    }


if __name__ == "__main__":
    read(Path(sys.argv[1]))
