"""The study of tag VAEs in small, from its config to its figures, its export and back."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
import yaml

from tests.conftest import ROOT, Clone
from tests.unit import vae_guide_reader

pytestmark = pytest.mark.workflow
OF_THE_FAMILY = (
    "loss_parts",
    "rate_distortion",
    "active_units",
    "diversity_reconstruction",
    "tag_frequency",
    "tags_per_row",
    "cooccurrence",
    "latent_projection",
)


def test_the_smoke_study_learns_is_drawn_exported_and_collected_again(
    make_clone: Callable[..., Clone], tmp_path: Path
) -> None:
    # One test: in several, each process of pytest would run the study.
    config = yaml.safe_load((ROOT / "config/studies/tags_smoke.yaml").read_text())
    config["results"] = "results"
    # Those that any study has are drawn in other tests.
    config["report"] = {"figures": ["learning_curves", *OF_THE_FAMILY]}
    clone = make_clone(config)
    clone.run("all")
    rows = rows_of(clone.folder / "results/aggregated_metrics.csv")
    assert_learnt(rows)
    assert clone.to_do() == set()
    for name in OF_THE_FAMILY:
        assert rows_of(clone.folder / f"results/figures/{name}.csv"), name
    assert "Tag VAEs, smoke" in (clone.folder / "results/report.html").read_text()
    assert_exported_and_collected(clone, rows, tmp_path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def assert_learnt(rows: list[dict[str, str]]) -> None:
    def mean(model: str, metric: str) -> float:
        return fmean(float(row[f"test_{metric}"]) for row in rows if row["model"] == model)

    assert [row["status"] for row in rows] == ["ok"] * 8
    assert mean("small", "elbo") > mean("independent", "elbo") + 0.5
    assert mean("small", "micro_f1") > mean("independent", "micro_f1") + 0.1
    assert mean("small", "kl") > 4 * mean("beta_default", "kl")
    assert mean("independent", "kl") == 0
    for row in rows:
        parts = float(row["test_bce"]) + float(row["test_kl"])
        assert float(row["test_elbo"]) == pytest.approx(-parts)
        assert bool(row["test_silhouette"]) is (row["model"] in ("small", "beta_default"))


def assert_exported_and_collected(clone: Clone, rows: list[dict[str, str]], folder: Path) -> None:
    """Read the guide's files by the guide alone, then as runs of another program."""

    def studygrid(*arguments: str) -> None:
        command = [sys.executable, "-m", "studygrid.cli", *arguments]
        subprocess.run(command, cwd=clone.folder, env=clone.environment(), check=True)

    exported, collected = folder / "exported", folder / "collected"
    studygrid("export", "results", "--to", "vae", "--output", str(exported))
    found = vae_guide_reader.read(exported)
    assert set(found["table"]) == {"small", "beta_default", "independent", "nearest"}
    assert found["best"]["jaccard_index"][0] == "nearest"
    assert "test_loss" not in found["best"]  # of unequal beta
    studygrid("collect", str(exported), "--output", str(collected))
    again = rows_of(collected / "aggregated_metrics.csv")
    key = "test_elbo"
    assert sorted(float(row[key]) for row in again) == sorted(float(row[key]) for row in rows)
    assert (collected / "report.html").is_file()
