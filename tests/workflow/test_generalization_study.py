"""The study of generalisation in small, from its config to its figures and its report."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
import yaml

from tests.conftest import ROOT, Clone
from tests.unit import generalization_guide_reader

pytestmark = pytest.mark.workflow
OF_THE_FAMILY = ("size_trends", "pair_difference", "frc_curves", "reconstructions")


def test_the_smoke_study_learns_is_drawn_reported_exported_and_collected_again(
    make_clone: Callable[..., Clone], tmp_path: Path
) -> None:
    # One test: in several, each process of pytest would run the study.
    config = yaml.safe_load((ROOT / "config/studies/generalization_smoke.yaml").read_text())
    config["results"] = "results"
    # Those that any study has are drawn in other tests.
    config["report"] = {"figures": ["metric_by_n_train", *OF_THE_FAMILY]}
    clone = make_clone(config)
    clone.run("all")
    results = clone.folder / "results"
    evaluated = json.loads((results / "runs/pinn/res32/n512/seed0/evaluate.json").read_text())
    rows = rows_of(results / "aggregated_metrics.csv")
    assert_learnt(rows, evaluated["chance"])
    assert_recorded(results)
    assert clone.to_do() == set()
    for name in OF_THE_FAMILY:
        assert rows_of(results / f"figures/{name}.csv"), name
    assert "Generalisation, smoke" in (results / "report.html").read_text()
    assert_exported_and_collected(clone, rows, tmp_path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def assert_learnt(rows: list[dict[str, str]], flat: dict[str, float]) -> None:
    """Assert the margin over the flat object that the config states."""
    assert [row["status"] for row in rows] == ["ok"] * 9
    for model in ("pinn", "baseline", "iterative"):
        of_model = [row for row in rows if row["model"] == model and row["n_train"] == "512"]

        def mean(metric: str, rows: list[dict[str, str]] = of_model) -> float:
            return fmean(float(row[f"test_{metric}"]) for row in rows)

        assert mean("phase_mae") < 0.85 * flat["phase_mae"], model
        assert mean("amplitude_mae") < 0.7 * flat["amplitude_mae"], model
        assert mean("phase_ssim") > flat["phase_ssim"] + 0.1, model
    engine = next(row for row in rows if row["model"] == "iterative")
    assert float(engine["test_phase_ssim"]) > max(
        float(row["test_phase_ssim"]) for row in rows if row is not engine
    )


def assert_recorded(results: Path) -> None:
    records = {
        (path.parts[-5], path.parts[-3], path.parts[-2]): json.loads(path.read_text())
        for path in results.glob("runs/*/*/*/*/train.json")
    }
    assert len(records) == 9
    for size in ("n64", "n512"):
        for seed in ("seed0", "seed1"):
            pinn, baseline = (records[name, size, seed] for name in ("pinn", "baseline"))
            assert pinn["subset"] == baseline["subset"]
            assert pinn["subset"]["facts"]["selection"] == "random"
            assert pinn["applied"]["parameters"] == baseline["applied"]["parameters"]
    evaluated = json.loads((results / "runs/pinn/res32/n512/seed0/evaluate.json").read_text())
    (alignment,) = evaluated["facts"]["alignment"]
    assert {"shift_px", "ramp_rad_px", "amplitude_scale", "area_px"} <= set(alignment)
    assert evaluated["tables"]["frc_phase"]


def assert_exported_and_collected(clone: Clone, rows: list[dict[str, str]], folder: Path) -> None:
    """Read the guide's files by the guide alone, then as runs of another program."""

    def studygrid(*arguments: str) -> None:
        command = [sys.executable, "-m", "studygrid.cli", *arguments]
        subprocess.run(command, cwd=clone.folder, env=clone.environment(), check=True)

    exported, collected = folder / "exported", folder / "collected"
    studygrid("export", "results", "--to", "generalization", "--output", str(exported))
    assert set(generalization_guide_reader.read(exported)) == {64, 512}
    studygrid("collect", str(exported), "--output", str(collected))
    again = rows_of(collected / "aggregated_metrics.csv")
    key = "test_phase_mae"
    assert sorted(float(row[key]) for row in again) == sorted(float(row[key]) for row in rows)
