"""Studies made up for ptychography: records, epochs, tables and examples, without any training.

All numbers are given by formulas of the model, the size and the seed; none of them is real. With
`FATES` and `POOR` a study of `CONFIG` has a run that diverged, one that is far worse than the
others of its cell, a metric in which `baseline` overtakes `pinn` (``phase_ssim``, near `OVERTAKEN`
samples) and one in which it does not (``amplitude_ssim``).
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from studygrid.families.prepared import describe_array
from studygrid.grid import Run
from studygrid.plan import Plan, make_plan
from studygrid.records import SplitFacts, Status, write_record
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.made_records import data_record, evaluate_record, train_record, write_profiles
from tests.unit.made_study import FAILED, REASONS, Table

PARTS = ("amplitude", "phase")
SIZES = (64, 128, 256, 512, 1024)
EPOCHS = 8
AREA = 48  # px, side of the part of the object that is scored
PATTERNS = 256
NYQUIST = 0.5
OVERTAKEN = 400.0
FATES = {"pinn/res64/n128/seed2": "diverged"}
POOR = ("baseline/res64/n64/seed0",)

MODELS: dict[str, Any] = {
    "pinn": {"architecture": "pinn"},
    "baseline": {"architecture": "baseline"},
    "iterative": {"architecture": "iterative"},
}
CONFIG: dict[str, Any] = {
    "name": "Generalisation",
    "family": "ptychography",
    "dataset": {"name": "simulated_scans"},
    "models": MODELS,
    "grid": {
        "model": ["pinn", "baseline"],
        "resolution": [64],
        "n_train": list(SIZES),
        "seed": 3,
        # What does not learn is the same at every size: one is enough.
        "include": [{"model": ["iterative"], "n_train": [SIZES[-1]]}],
    },
    "training": {"epochs": EPOCHS},
    "profiling": {"batch_sizes": [1, 8]},
}

Arrays = Mapping[str, NDArray[Any]]


def fate_of(run: Run) -> str:
    """Return what becomes of a run: what `FATES` says, else ``ok``."""
    return FATES.get(run.path, "ok")


def quality(run: Run, part: str) -> float:
    """Return how good a run is at a part, between 0 and 1: its SSIM.

    It rises with the logarithm of the size, for `pinn` slowly and for `baseline` steeply. In the
    phase the two lines cross at `OVERTAKEN`, in the amplitude nowhere.
    """
    noise = (zlib.crc32(f"{run.path}/{part}".encode()) % 1000 / 1000 - 0.5) * 0.03
    if run.model.startswith("iterative"):
        return 0.96 + noise / 6
    octaves = math.log2(2048 if run.n_train == "all" else int(run.n_train))
    octaves -= math.log2(OVERTAKEN)
    if run.path in POOR:
        return 0.08
    if run.model.startswith("baseline"):
        return (0.72 if part == "phase" else 0.60) + 0.055 * octaves + noise
    return 0.72 + 0.02 * octaves + noise


def cutoff(run: Run, part: str) -> float:
    """Return the frequency in 1/px at which a run's ring correlation would be 0.5."""
    return 0.56 if run.model.startswith("iterative") else 0.45 * max(quality(run, part), 0.02)


# --- What an evaluation keeps


def frc_rows(run: Run, part: str, scans: int = 1) -> Table:
    """Return the table ``frc_<part>``: rows of scan, frequency (1/px), correlation, pixels."""
    rows: Table = []
    for scan in range(scans):
        at = cutoff(run, part) * (1 - 0.04 * scan)
        for ring in range(1, AREA // 2 + 1):
            correlation = 1 / (1 + (ring / AREA / at) ** 4)
            rows.append([scan, ring / AREA, correlation, round(2 * math.pi * ring)])
    return rows


def crossing(rows: Table, threshold: float) -> tuple[float, bool]:
    """Return the mean over the scans of the first crossing, and whether one has none."""
    found, beyond = [], False
    table = np.array(rows, float)
    for scan in np.unique(table[:, 0]):
        frequency, correlation = table[table[:, 0] == scan, 1:3].T
        below = np.flatnonzero(correlation < threshold)
        if not len(below):
            found.append(NYQUIST)
            beyond = True
            continue
        pair = slice(below[0] - 1, below[0] + 1)
        found.append(float(np.interp(-threshold, -correlation[pair], frequency[pair])))
    return float(np.mean(found)), beyond


def metrics_of(run: Run) -> dict[str, float | None]:
    """Return the value of each metric."""
    values: dict[str, float | None] = {}
    for part in PARTS:
        good = quality(run, part)
        error = 0.3 * (1 - good)
        values |= {
            f"{part}_mae": error,
            f"{part}_mse": 1.6 * error**2,
            f"{part}_psnr": -10 * math.log10(1.6 * error**2),
            f"{part}_ssim": good,
            f"{part}_ms_ssim": good**0.7,
        }
        for name, threshold in (("frc50", 0.5), ("frc17", 1 / 7)):
            frequency = crossing(frc_rows(run, part), threshold)[0]
            values[f"{part}_{name}_frequency"] = frequency
            values[f"{part}_{name}_resolution"] = 1 / frequency
    values["pattern_error"] = 0.4 * (1 - quality(run, "phase"))
    values["loss"] = 0.7 - 0.2 * quality(run, "phase")
    return values


def chance_of(run: Run) -> dict[str, float]:
    """Return what a flat object scores; it has no ring correlation."""
    return {
        f"{part}_{name}": value
        for part in PARTS
        for name, value in (
            ("mae", 0.24),
            ("mse", 0.09),
            ("psnr", -10 * math.log10(0.09)),
            ("ssim", 0.21),
            ("ms_ssim", 0.3),
        )
    } | {"pattern_error": 0.6}


def facts_of(run: Run) -> dict[str, Any]:
    """Return the facts of an evaluation."""
    beyond = [
        f"{part}_{name}_{of}"
        for part in PARTS
        for name, threshold in (("frc50", 0.5), ("frc17", 1 / 7))
        for of in ("frequency", "resolution")
        if crossing(frc_rows(run, part), threshold)[1]
    ]
    alignment = {
        "scan": "second",
        "box": [32, 32, 32 + AREA + 4, 32 + AREA + 4],
        "border_px": 2,
        "area_px": [AREA, AREA],
        "registered": True,
        "shift_found_px": [0.25, -0.5],
        "shift_limit_px": 4.0,
        "shift_px": [0.25, -0.5],
        "phase_offset_rad": 0.1,
        "ramp_rad_px": [0.01, -0.02],
        "amplitude_scale": 1.02,
        "amplitude_range": [0.5, 1.0],
        "phase_range_rad": [-0.8, 0.8],
        "uncovered_px": 0,
        "beyond_nyquist": beyond,
        "below_first_ring": [],
    }
    return {"alignment": [alignment], "beyond_nyquist": beyond, "below_first_ring": []}


def tables_of(run: Run) -> dict[str, Table]:
    """Return the tables of an evaluation."""
    return {f"frc_{part}": frc_rows(run, part) for part in PARTS}


@lru_cache
def truth(part: str) -> NDArray[np.float32]:
    """Return the amplitude or the phase (rad) of the first test object, shape (AREA, AREA)."""
    generator = np.random.default_rng(PARTS.index(part))
    blobs = gaussian_filter(generator.normal(size=(AREA, AREA)), AREA / 24)
    blobs = np.clip(blobs / blobs.std() / 2, -1, 1)
    found: NDArray[np.float32] = blobs.astype(np.float32)
    return np.float32(0.75) + np.float32(0.25) * found if part == "amplitude" else found * 0.8


def examples_of(run: Run) -> Arrays | None:
    """Return the arrays of an evaluation's examples.npz: blurred truths with noise."""
    found: dict[str, NDArray[Any]] = {f"truth_{part}": truth(part) for part in PARTS}
    for part in PARTS:
        lack = 1 - quality(run, part)
        generator = np.random.default_rng(zlib.crc32(f"{run.path}/{part}".encode()))
        noise = 0.3 * lack * float(truth(part).std()) * generator.normal(size=(AREA, AREA))
        blurred = gaussian_filter(truth(part), 4 * lack)
        found[part] = (blurred + noise).astype(np.float32)
    return found


def epochs_of(run: Run) -> list[dict[str, Any]]:
    """Return the lines of epochs.jsonl; a model that is fitted at once has one."""
    count = 1 if run.model.startswith("iterative") else EPOCHS
    lines = []
    for epoch in range(1, count + 1):
        left = math.exp(-epoch / 2) if count > 1 else 0.0
        lines.append(
            {
                "epoch": epoch,
                "step": 20 * epoch if count > 1 else 1,
                "passes": float(epoch),
                "train_loss": 0.7 - 0.2 * quality(run, "phase") + 0.3 * left - 0.01,
                "validation_loss": 0.7 - 0.2 * quality(run, "phase") + 0.3 * left,
                "validation_amplitude_mae": 0.3 * (1 - quality(run, "amplitude")) + 0.1 * left,
                "validation_phase_mae": 0.3 * (1 - quality(run, "phase")) + 0.1 * left,
                "epoch_time_sec": 0.5,
                "learning_rate": 1e-3,
                "is_best": True,
            }
        )
    return lines


# --- A study on the disk


def ptychography_study(
    folder: Path,
    *,
    fate: Callable[[Run], str] = fate_of,
    metrics: Callable[[Run], Mapping[str, float | None]] = metrics_of,
    chance: Callable[[Run], Mapping[str, float]] = chance_of,
    facts: Callable[[Run], Mapping[str, Any]] = facts_of,
    tables: Callable[[Run], Mapping[str, Table]] = tables_of,
    examples: Callable[[Run], Arrays | None] = examples_of,
    epochs: Callable[[Run], list[dict[str, Any]]] = epochs_of,
    selection: str = "random",
    **config: Any,
) -> StudyResults:
    """Write a study of ptychography, with study.yaml, records, profiles and curves, and read it.

    Parameters
    ----------
    fate
        From a run to ``ok``, ``diverged``, ``oom`` or ``missing``.
    metrics, chance, facts, tables, examples, epochs
        From a run to what its evaluation keeps, and its curve; a metric that is not there or None
        is undefined, and examples of None are no file.
    selection
        How the groups of a training subset were chosen, as its facts say.
    config
        Changes of `CONFIG`, whole sections.
    """
    plan = make_plan({**CONFIG, **config})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    for run in plan.runs:
        if fate(run) == "missing":
            continue
        kept = {
            "chance": dict(chance(run)),
            "facts": dict(facts(run)),
            "tables": dict(tables(run)),
        }
        target = folder / "runs" / run.path
        write_run(plan, target, run, fate(run), metrics(run), kept, examples(run), selection)
        lines = "".join(json.dumps(line) + "\n" for line in epochs(run))
        (target / "epochs.jsonl").write_text(lines)
    write_profiles(plan, folder)
    for resolution in plan.axis("resolution"):
        prepare(plan, folder / "data" / f"res{resolution}", resolution, selection)
    return study_results(plan, folder)


def write_run(
    plan: Plan,
    folder: Path,
    run: Run,
    fate: str,
    metrics: Mapping[str, float | None],
    kept: Mapping[str, Any],
    examples: Arrays | None,
    selection: str,
) -> None:
    """Write the records of a run that ended as `fate` says, and what its evaluation keeps."""
    folder.mkdir(parents=True)
    failed = fate != "ok"
    fits = plan.models[run.model].architecture.fits
    changes: dict[str, Any] = {"epochs": 1 if fits else EPOCHS}
    if failed:
        changes |= {"status": Status(fate), "reason": REASONS[fate].format(seed=run.seed), **FAILED}
    train = train_record(plan, run, **changes)
    count = train.subset.count
    subset_facts = {"groups": count, "images": count, "selection": selection}
    subset = train.subset.model_copy(update={"class_counts": None, "facts": subset_facts})
    train = train.model_copy(update={"subset": subset})
    more: dict[str, Any] = {"test_count": PATTERNS, "tables": {}, "chance": {}}
    if not failed:
        values = {name: metrics.get(name) for name in plan.family.metric_names}
        undefined = {name: "made without" for name, value in values.items() if value is None}
        more |= {**kept, "metrics": values, "undefined": undefined}
        if examples is not None:
            more["examples_file"] = "examples.npz"
            np.savez(folder / "examples.npz", allow_pickle=False, **examples)
    record = evaluate_record(plan, train, 0.0, **more)
    (folder / "train.json").write_text(train.model_dump_json())
    (folder / "evaluate.json").write_text(record.model_dump_json())


def prepare(plan: Plan, folder: Path, side: int, selection: str) -> None:
    """Write prepared data: one empty pattern, and the facts of three scans."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "patterns.npy", np.zeros((1, side, side), np.float32))
    scans = [
        {
            "splits": splits,
            "name": name,
            "object": ["made", "made"],
            "object_shape": [AREA + side, AREA + side],
            "patterns": PATTERNS,
            "scanned_box": [side // 2, side // 2, side // 2 + AREA, side // 2 + AREA],
            "overlap": 0.8,
            "object_scale": 1.0,
            "photons_mean": 1e6,
        }
        for name, splits in (("first", ["train", "validation"]), ("second", ["test"]))
    ]
    splits = {
        split: SplitFacts(file=f"{split}.npy", sha256=split, count=count, class_counts=None)
        for split, count in (("train", 2048), ("validation", PATTERNS), ("test", PATTERNS))
    }
    record = data_record(plan).model_copy(
        update={
            "spec": plan.data_spec(side, folder),
            "arrays": {"patterns": describe_array(folder, "patterns")},
            "splits": splits,
            "facts": {
                "gridsize": 1,
                "neighbours": 4,
                "selection": selection,
                "photons": 1e6,
                "pattern_px": side,
                "scans": scans,
            },
            "duplicates_across_splits": [],
        }
    )
    write_record(folder / "data.json", record)
