"""Studies made up for the figures of segmentation: records, tables and examples of cracks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter

from studygrid.families.prepared import describe_array
from studygrid.grid import Run
from studygrid.records import EvaluateRecord, read_record, write_record
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.made_records import data_record, small_plan
from tests.unit.made_study import Fate, Table, made_study, ok

WIDTHS = (0.0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.1, 1.0)
IMAGES = 12
CONFIG: dict[str, Any] = {
    "name": "Cracks",
    "family": "segmentation",
    "dataset": {"name": "cracks"},
    "models": {"small_unet": None, "wide": {"architecture": "small_unet"}},
    "grid": {"resolution": [64], "n_train": [64, 256], "seed": 3},
}


def quality(run: Run) -> float:
    """Return how good a run is, between 0.4 and 0.9."""
    noise = zlib.crc32(repr(run).encode()) % 100 / 2000
    place = 0.06 * (zlib.crc32(run.model.encode()) % 3)
    size = 4000 if run.n_train == "all" else int(run.n_train)
    return 0.45 + place + 0.04 * float(np.log2(size) - 5) + noise


def precision_recall(good: float, foreground: int = 20_000, pixels: int = 400_000) -> Table:
    """Return counts at 101 thresholds of a model of some quality."""
    rows: Table = []
    for threshold in np.round(np.arange(101) / 100, 2).tolist():
        hits = int(foreground * (1 - threshold ** (0.5 + 4 * good)))
        wrong = int((pixels - foreground) * (1 - threshold) ** (2 + 12 * good))
        rows.append([threshold, hits, wrong, foreground - hits])
    return rows


def by_width(good: float) -> Table:
    """Return counts of each bin of width; thin cracks are found worse, the widest bin is empty."""
    images = [0, 6, 21, 34, 30, 22, 9, 1, 0]
    rows: Table = []
    for low, high, count in zip(WIDTHS, WIDTHS[1:], images, strict=False):
        pixels = int(count * 64 * 64 * max(low, 0.002))
        hits = int(pixels * min(0.98, good * (1 - np.exp(-low / 0.01)) + 0.05))
        rows.append([low, high, count, hits, (pixels - hits) // 2, pixels - hits])
    return rows


def crack(side: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return an image of a rough wall, shape (1, side, side), and the mask of its crack."""
    generator = np.random.default_rng(seed)
    wall = gaussian_filter(generator.normal(size=(side, side)), side / 40)
    wall = 150 + 25 * wall / wall.std() + generator.normal(0, 6, (side, side))
    rows = np.cumsum(generator.normal(0, 0.9, side)) + side * generator.uniform(0.3, 0.7)
    mask = np.zeros((side, side), bool)
    mask[np.clip(rows.round().astype(int), 0, side - 1), np.arange(side)] = True
    mask = binary_dilation(mask, iterations=max(1, side // 64))
    wall[mask] *= 0.45
    return np.clip(wall, 0, 255).astype(np.uint8)[None], mask.astype(np.uint8)


def prediction(mask: NDArray[np.uint8], good: float, seed: int) -> NDArray[np.uint8]:
    """Return a mask that lacks parts, has false spots and is a little too wide."""
    generator = np.random.default_rng(seed)
    smooth = gaussian_filter(generator.normal(size=mask.shape), len(mask) / 16)
    found = mask.astype(bool) & (smooth / smooth.std() < 3 * good - 0.7)
    spots = gaussian_filter(generator.normal(size=mask.shape), len(mask) / 30)
    spots = binary_erosion(spots / spots.std() > 1.4 + 1.6 * good)
    predicted: NDArray[np.uint8] = (binary_dilation(found) | spots).astype(np.uint8)
    return predicted


def prepare(folder: Path, side: int, facts: Mapping[str, Any]) -> None:
    """Write prepared data of twelve images, of which the last two are empty."""
    pairs = [crack(side, seed) for seed in range(IMAGES)]
    masks = np.stack([mask for _, mask in pairs])
    masks[-2:] = 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("images", np.stack([image for image, _ in pairs])), ("masks", masks)):
        np.save(folder / f"{name}.npy", array)
    arrays = {name: describe_array(folder, name) for name in ("images", "masks")}
    record = data_record(small_plan()).model_copy(
        update={"facts": {"classes": ["background", "crack"], **facts}, "arrays": arrays}
    )
    write_record(folder / "data.json", record)


def examples(run: Run) -> dict[str, NDArray[Any]]:
    """Return what an evaluation keeps: three each of the best, the median and the worst."""
    masks = [crack(run.resolution, seed)[1] for seed in range(IMAGES - 2)]
    goods = np.linspace(quality(run) + 0.1, 0.1, len(masks))
    found = np.stack(
        [
            prediction(mask, good, seed)
            for seed, (mask, good) in enumerate(zip(masks, goods.tolist(), strict=True))
        ]
    )
    truth = np.stack(masks)
    iou = (truth & found).sum(axis=(1, 2)) / (truth | found).sum(axis=(1, 2))
    order = np.argsort(-iou, kind="stable")
    shown = np.concatenate([order[:3], order[3:6], order[-3:]])
    return {
        "index": shown,
        "kind": np.repeat(np.array(["best", "median", "worst"]), 3),
        "iou": iou[shown],
        "predictions": found[shown],
    }


def tables_of(run: Run) -> Mapping[str, Table]:
    """Return the tables of an evaluation."""
    good = quality(run)
    return {
        "confusion_matrix": [[380_000, 4000], [int(20_000 * (1 - good)), int(20_000 * good)]],
        "precision_recall": precision_recall(good),
        "iou_by_width": by_width(good),
    }


def crack_study(
    folder: Path,
    *,
    fate: Fate = ok,
    tables: Callable[[Run], Mapping[str, Table]] = tables_of,
    kept: Callable[[Run], Mapping[str, NDArray[Any]] | None] = examples,
    data: Mapping[str, Any] | None = None,
    **config: Any,
) -> StudyResults:
    """Write the records of a study of segmentation, and read them.

    Parameters
    ----------
    fate, tables
        As in `made_study`.
    kept
        From a run to the arrays of its examples.npz; None for no file.
    data
        Facts of the prepared data.
    config
        Changes of `CONFIG`, and what else `made_study` takes.
    """
    study = made_study(folder, fate=fate, **{"score": quality, **CONFIG, **config}, tables=tables)
    for run in study.facts:
        if fate(run) == "ok":
            _keep(folder / "runs" / run.path, run, kept(run))
    for resolution in study.order["resolution"]:
        prepare(folder / "data" / f"res{resolution}", resolution, data or {})
    return study_results(study.plan, folder)


def _keep(folder: Path, run: Run, arrays: Mapping[str, NDArray[Any]] | None) -> None:
    path = folder / "evaluate.json"
    record = read_record(path, EvaluateRecord)
    update: dict[str, Any] = {
        "facts": {"threshold": 0.4 + 0.05 * (run.seed % 4), "images": IMAGES, "empty_masks": 2},
        "test_count": IMAGES,
    }
    if arrays is not None:
        update["examples_file"] = "examples.npz"
        np.savez(folder / "examples.npz", allow_pickle=False, **arrays)
    write_record(path, record.model_copy(update=update))
