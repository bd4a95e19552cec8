"""Reading a generalization study with nothing but its guide at hand: it knows no studygrid.

Run as a script it prints what it has read: ``python generalization_guide_reader.py FOLDER``.
"""

from __future__ import annotations

import csv
import math
import statistics
import sys
from pathlib import Path
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n"
METRICS = ("mae", "mse", "psnr", "frc50")
HEADER = ["model", "metric", "amplitude", "phase", "value"]


def read(folder: Path) -> dict[int, dict[str, dict[str, tuple[float, float]]]]:
    """Read all that the guide names; return medians by size, model and metric."""
    assert (folder / "generalization_study_results.png").read_bytes().startswith(PNG)
    found = {}
    for place in sorted(folder.glob("n_train_*")):
        assert (place / "pinn_run").is_dir()
        assert (place / "baseline_run").is_dir()
        assert (place / "comparison_plot.png").read_bytes().startswith(PNG)
        size = int(place.name.removeprefix("n_train_"))
        found[size] = _medians(_rows(place / "comparison_metrics.csv"))
    combined = _rows(folder / "aggregated_metrics.csv")
    assert {int(row["n_train"]) for row in combined} == set(found)
    return dict(sorted(found.items()))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _medians(rows: list[dict[str, str]]) -> dict[str, dict[str, tuple[float, float]]]:
    assert list(rows[0])[: len(HEADER)] == HEADER
    table: dict[str, dict[str, Any]] = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        for metric in METRICS:
            own = [row for row in rows if (row["model"], row["metric"]) == (model, metric)]
            parts = ([row[part] for row in own] for part in ("amplitude", "phase"))
            medians = tuple(_median([float(cell) for cell in cells if cell]) for cells in parts)
            table.setdefault(model, {})[metric] = medians
    return table


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else math.nan


if __name__ == "__main__":
    for size, models in read(Path(sys.argv[1])).items():
        for model, metrics in models.items():
            print(size, model, metrics)
