"""The crack study in small, from its config to its figures and its export."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.conftest import ROOT, Clone
from tests.unit import crackseg_guide_reader

pytestmark = pytest.mark.workflow
OF_THE_FAMILY = ("overlays", "precision_recall_curve", "score_by_width", "confusion_matrices")


@pytest.fixture(scope="module")
def cracks(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Run the smoke study as its file says it."""
    folder = tmp_path_factory.mktemp("cracks") / "clone"
    folder.mkdir()
    config = yaml.safe_load((ROOT / "config/studies/cracks_smoke.yaml").read_text())
    config["results"] = "results"
    # Those that any study has are drawn in other tests.
    config["report"] = {"figures": ["metric_by_n_train", "learning_curves", *OF_THE_FAMILY]}
    clone = Clone.of_project(folder, config)
    clone.run("all")
    return clone


def test_the_smoke_study_learns_to_find_cracks(cracks: Clone) -> None:
    with (cracks.folder / "results/aggregated_metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["ok"] * 4
    for row in rows:
        if row["n_train"] == "all":
            assert float(row["test_iou"]) > 0.5
        assert float(row["test_dice"]) == float(row["test_f1"])
        assert 0 < float(row["test_iou_image_mean"]) < 1
    assert cracks.to_do() == set()


def test_its_figures_are_drawn_from_what_was_measured(cracks: Clone) -> None:
    for name in OF_THE_FAMILY:
        with (cracks.folder / f"results/figures/{name}.csv").open() as file:
            assert list(csv.DictReader(file)), name
    page = (cracks.folder / "results/report.html").read_text()
    assert "Cracks, smoke" in page


def test_its_export_is_read_by_a_script_written_from_the_guide(
    cracks: Clone, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "studygrid.cli", "export", "results", "--to", "crackseg"]
    subprocess.run(
        [*command, "--output", str(tmp_path)],
        cwd=cracks.folder,
        env=cracks.environment(),
        check=True,
    )
    folders = sorted(path for path in tmp_path.rglob("complete_summary.json"))
    assert len(folders) == 4
    found = [crackseg_guide_reader.read(path.parents[1]) for path in folders]
    best = []
    for run in sorted((cracks.folder / "results/runs").rglob("train.json")):
        best.append(json.loads(run.read_text())["best_value"])
    assert sorted(one["best"]["val_iou"] for one in found) == pytest.approx(sorted(best))


def test_a_study_on_broken_pairs_names_each_of_them_and_trains_nothing(
    make_clone: Any, tmp_path: Path
) -> None:
    root = tmp_path / "pairs"
    generator = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number in range(12):
        image = generator.integers(0, 255, (24, 24), dtype=np.uint8)
        Image.fromarray(image).save(root / f"images/{number:02}.png")
        Image.fromarray((image > 200).astype(np.uint8) * 255).save(root / f"masks/{number:02}.png")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(root / "masks/03.png")
    (root / "masks/04.png").write_bytes(b"")
    (root / "images/05.png").write_bytes(b"\x89PNG broken")
    Image.fromarray(np.full((24, 24), 37, np.uint8)).save(root / "masks/06.png")
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
    target = "results/aggregated_metrics.csv"
    said = clone.snakemake("--cores", "2", "--retries", "0", target, ok=False).stderr
    for name in ("03", "04", "05", "06"):
        assert f"{name}.png" in said, name
    assert not list((clone.folder / "results").rglob("train.json"))
    assert not list((clone.folder / "results").rglob("data.json"))
    # A partner that is missing is known before any job.
    (root / "masks/07.png").unlink()
    said = clone.snakemake("--dry-run", ok=False)
    assert "07" in said.stdout + said.stderr
    for number in (3, 4, 5, 6, 7):
        for kind in ("images", "masks"):
            (root / kind / f"{number:02}.png").unlink(missing_ok=True)
    clone.run(target)
    with (clone.folder / target).open() as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["ok"]
