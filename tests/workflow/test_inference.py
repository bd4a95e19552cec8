"""Inference in a study: what it scores again, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Clone, small_config

pytestmark = pytest.mark.workflow

RUNS = [f"runs/tiny_cnn/res16/n32/seed{seed}" for seed in (0, 1)]
INFER = {f"{run}/inference.json" for run in RUNS}
FIGURES = "inference/figures"


def due(study: Clone, *arguments: str) -> set[str]:
    """Return the records that are due, and what inference leaves."""
    names = study.to_do(*arguments)
    told = ("runs/", "profiles/", "data/", "inference", *REPORT)
    kept = {name for name in names if name.startswith(told)}
    return {FIGURES if name.startswith(FIGURES) else name for name in kept}


REPORT = {"report.html", "manifest.yaml"}
SUMMARY = {"inference/summary.json", "inference/runs.csv", FIGURES, *REPORT}


def _config(root: Path) -> dict[str, Any]:
    config = small_config(root)
    config["models"] = {"tiny_cnn": None}
    config["grid"]["n_train"] = [32]
    return config


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Clone:
    """Make a study that is finished, without inference."""
    folder = tmp_path_factory.mktemp("plain") / "clone"
    folder.mkdir()
    clone = Clone.of_project(folder, _config(image_folder))
    done = clone.run("all")
    assert "inferences" not in done.stderr
    return clone


@pytest.fixture(scope="module")
def inferred(plain: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Make the same study with inference enabled afterwards."""
    clone = plain.copy_to(tmp_path_factory.mktemp("inferred") / "clone")
    clone.config["inference"] = {"enabled": True, "persist_raw_scores": True, "autocast": False}
    assert due(clone) == INFER | SUMMARY
    done = clone.run("all")
    assert "2 inferences, on the test split" in done.stderr
    return clone


@pytest.fixture
def study(inferred: Clone, tmp_path: Path) -> Clone:
    return inferred.copy_to(tmp_path / "clone")


def test_a_study_without_inference_has_none(plain: Clone) -> None:
    results = plain.folder / "results"
    assert not list(results.rglob("inference*"))
    assert "  enabled: false" in (results / "study.yaml").read_text()


def test_it_scores_what_the_evaluation_scored_and_trains_nothing(
    plain: Clone, inferred: Clone
) -> None:
    for run in RUNS:
        evaluated, found = (
            inferred.record(f"{run}/evaluate.json"),
            inferred.record(f"{run}/inference.json"),
        )
        assert found["metrics"] == evaluated["metrics"]
        assert (inferred.folder / "results" / run / found["scores_file"]).is_file()
        # Not trained or evaluated again: not a byte of these changed.
        for name in ("train.json", "evaluate.json", "epochs.jsonl", "best_model.pth"):
            one, two = (
                (clone.folder / "results" / run / name).read_bytes() for clone in (plain, inferred)
            )
            assert one == two, name


def test_the_summary_has_the_mean_over_seeds_and_every_run(inferred: Clone) -> None:
    summary = inferred.record("inference/summary.json")
    records = [inferred.record(f"{run}/inference.json") for run in RUNS]
    model = summary["models"]["tiny_cnn"]
    values = [record["metrics"]["accuracy"] for record in records]
    assert model["accuracy"] == pytest.approx(sum(values) / 2)
    assert (model["planned"], model["ok"], model["failed"], model["missing"]) == (2, 2, 0, 0)
    assert [row["accuracy"] for row in summary["runs"]] == values
    assert (summary["split"], summary["precision"]) == ("test", "float32")
    manifest = yaml.safe_load((inferred.folder / "results" / "manifest.yaml").read_text())
    assert (manifest["inference"]["split"], manifest["inference"]["autocast"]) == ("test", False)
    assert None not in [file["sha256"] for file in manifest["inference"]["records"]]
    page = (inferred.folder / "results" / "report.html").read_text()
    assert "2 runs of 2 once more, on the test split, in float32" in page
    names = {path.name for path in (inferred.folder / "results" / FIGURES).iterdir()}
    assert {"model_comparison_bars.png", "auroc_comparison.svg"} <= names


def test_a_finished_study_with_inference_has_nothing_to_do(study: Clone) -> None:
    assert study.to_do() == set()


@pytest.mark.parametrize(
    "change", [{"batch_size": 8}, {"dataset_split": "val"}, {"persist_raw_scores": False}]
)
def test_a_change_of_inference_scores_again_and_nothing_else(
    study: Clone, change: dict[str, Any]
) -> None:
    study.config["inference"].update(change)
    assert due(study) == INFER | SUMMARY


def test_switching_it_off_does_nothing_to_the_runs(study: Clone) -> None:
    study.config["inference"]["enabled"] = False
    assert due(study) == REPORT


def test_an_edit_of_the_job_scores_again_and_nothing_else(study: Clone) -> None:
    study.edit("src/studygrid/inference.py", 'f"in inference: ', 'f"in the inference: ')
    assert due(study) == INFER | SUMMARY


def test_a_new_seed_trains_and_infers_that_seed_alone(study: Clone) -> None:
    study.config["grid"]["seed"] = 3
    new = {
        f"runs/tiny_cnn/res16/n32/seed2/{kind}.json" for kind in ("train", "evaluate", "inference")
    }
    assert due(study) == new | SUMMARY


def test_a_deleted_record_is_made_again(study: Clone) -> None:
    (study.folder / "results" / RUNS[0] / "inference.json").unlink()
    assert due(study) == {f"{RUNS[0]}/inference.json"} | SUMMARY
