"""Folders of comparisons as the guide's own program writes them: six decimals, and no seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

HEADER = "model,metric,amplitude,phase,value"
MODELS = ("PtychoPINN", "Baseline", "Tike")
Numbers = tuple[float | None, float | None]


def numbers(error: float) -> dict[str, Numbers]:
    """Return metrics of amplitude and phase for a root of a mean squared error."""
    parts = (error, 1.5 * error)
    return {
        "mae": (0.8 * parts[0], 0.8 * parts[1]),
        "mse": (parts[0] ** 2, parts[1] ** 2),
        "psnr": (20 * math.log10(255 / parts[0]), 20 * math.log10(255 / parts[1])),
        "ssim": (1 - error, -error),
        "ms_ssim": (1 - error, None),
        "frc50": (2.0, 1.0),
    }


def write_table(
    folder: Path,
    models: Mapping[str, Mapping[str, Numbers]],
    values: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """Write a table: metrics of parts by model, then numbers of the column `value`."""
    lines = [HEADER]
    for model, metrics in models.items():
        lines += [f"{model},{name},{_cell(a)},{_cell(b)}," for name, (a, b) in metrics.items()]
    for model, own in (values or {}).items():
        lines += [f"{model},{name},,,{_cell(value)}" for name, value in own.items()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "comparison_metrics.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def write_trials(folder: Path) -> None:
    """Write 512 images in two trials, of which the second lacks a model, and 1024 in none."""
    one = {model: numbers(0.1 + 0.05 * at) for at, model in enumerate(MODELS)}
    two = {model: numbers(0.2 + 0.05 * at) for at, model in enumerate(MODELS) if at != 1}
    times = {"PtychoPINN": {"registration_offset_dy": 4.02, "computation_time_s": 2.222556}}
    write_table(folder / "train_512" / "trial_1", one, times)
    write_table(folder / "train_512" / "trial_2", two)
    write_table(folder / "train_1024", one)
