"""The crack study in small, from its config to its figures and its export."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Clone
from tests.unit import crackseg_guide_reader
from tests.unit.test_segmentation_folder import BY_CONTENT, BY_NAME, fill

pytestmark = pytest.mark.workflow
OF_THE_FAMILY = ("overlays", "precision_recall_curve", "score_by_width", "confusion_matrices")


def test_the_smoke_study_learns_to_find_cracks_is_drawn_and_exported(
    make_clone: Callable[..., Clone], tmp_path: Path
) -> None:
    # One test: in several, each process of pytest would run the study.
    config = yaml.safe_load((ROOT / "config/studies/cracks_smoke.yaml").read_text())
    config["results"] = "results"
    config["grid"]["seed"] = 1
    # Those that any study has are drawn in other tests.
    config["report"] = {"figures": ["metric_by_n_train", "learning_curves", *OF_THE_FAMILY]}
    clone = make_clone(config)
    clone.run("all")
    assert_learnt(clone)
    assert_drawn(clone)
    assert_exported(clone, tmp_path / "exported")


def assert_learnt(cracks: Clone) -> None:
    with (cracks.folder / "results/aggregated_metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["ok"] * 2
    for row in rows:
        if row["n_train"] == "all":
            assert float(row["test_iou"]) > 0.5
        assert float(row["test_dice"]) == float(row["test_f1"])
        assert 0 < float(row["test_iou_image_mean"]) < 1
    assert cracks.to_do() == set()


def assert_drawn(cracks: Clone) -> None:
    for name in OF_THE_FAMILY:
        with (cracks.folder / f"results/figures/{name}.csv").open() as file:
            assert list(csv.DictReader(file)), name
    page = (cracks.folder / "results/report.html").read_text()
    assert "Cracks, smoke" in page


def assert_exported(cracks: Clone, folder: Path) -> None:
    """Export it, and read that with a script that was written from CrackSeg's guide alone."""
    command = [sys.executable, "-m", "studygrid.cli", "export", "results", "--to", "crackseg"]
    subprocess.run(
        [*command, "--output", str(folder)],
        cwd=cracks.folder,
        env=cracks.environment(),
        check=True,
    )
    folders = sorted(path for path in folder.rglob("complete_summary.json"))
    assert len(folders) == 2
    found = [crackseg_guide_reader.read(path.parents[1]) for path in folders]
    best = []
    for run in sorted((cracks.folder / "results/runs").rglob("train.json")):
        best.append(json.loads(run.read_text())["best_value"])
    assert sorted(one["best"]["val_iou"] for one in found) == pytest.approx(sorted(best))


def test_a_study_on_broken_pairs_names_each_of_them_and_runs_without_them(
    make_clone: Callable[..., Clone], tmp_path: Path
) -> None:
    root = tmp_path / "pairs"
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    fill(root, 10, empty=2)  # as many as the messages below count
    held = [break_it(root) for break_it in BY_CONTENT]
    config = {
        "name": "Broken pairs",
        "family": "segmentation",
        "dataset": {"name": "image_mask_folder", "root": str(root)},
        "models": {"small_unet": {"options": {"width": 2, "depth": 1}}},
        "grid": {"resolution": [16], "seed": 1},
        "training": {"steps": 2, "validations": 1, "batch_size": 4},
        "profiling": {"enabled": False},
        "report": {"figures": ["metric_by_n_train"]},
    }
    clone = make_clone(config)
    results, target = clone.folder / "results", "results/aggregated_metrics.csv"
    said = clone.snakemake("--cores", "2", "--retries", "0", target, ok=False).stderr
    assert len(held) >= 10
    assert not [one for one in held if one not in said]
    assert not [*results.rglob("train.json"), *results.rglob("data.json")]
    # What names tell is known before any job.
    named = [break_it(root) for break_it in BY_NAME]
    done = clone.snakemake("--dry-run", ok=False)
    assert not [one for one in named if one.replace(": ", " ", 1) not in done.stdout + done.stderr]
    clone.config["dataset"]["allow_unreadable"] = True
    clone.run(target)
    assert len(clone.record("data/res16/data.json")["facts"]["left_out"]) == len(held + named)
    with (clone.folder / target).open() as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["ok"]
