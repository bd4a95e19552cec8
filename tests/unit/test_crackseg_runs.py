"""Real runs, exported and read back: what was trained is what is read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from studygrid.interchange.crackseg import read_experiment
from studygrid.interchange.crackseg_export import export_experiments
from studygrid.plan import make_plan
from studygrid.results.study_results import study_results
from tests.unit import crackseg_guide_reader
from tests.unit.conftest import Bench, Ran
from tests.unit.crackseg_studies import METRICS
from tests.unit.segmentation_bench import BASE, SIDE, write_squares


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("squares") / "data")


def exported(folder: Path, data: Path, **training: object) -> tuple[Ran, Path]:
    """Train and score a run of a study, export it; return it and its experiment's folder."""
    plan = make_plan(
        {
            "name": "squares",
            "family": "segmentation",
            "dataset": {"name": "cracks"},
            "models": {"tiny": {"architecture": "small_unet", "options": BASE["options"]}},
            "grid": {"resolution": SIDE, "n_train": 16, "seed": [0]},
            "training": {"epochs": 6, "batch_size": 8, "learning_rate": 0.05, **training},
            "profiling": {"enabled": False},
        }
    )
    spec, bench = plan.train_spec(plan.runs[0]), Bench(folder / "results", data, BASE)
    ran = bench.train(f"runs/{spec.run.path}", **spec.model_dump(mode="json"))
    evaluation = plan.evaluate_spec()
    bench.evaluate(ran, *evaluation.metrics, **evaluation.evaluation.model_dump())
    study = study_results(plan, bench.folder)
    assert study.facts, study.frame["reason"].tolist()
    assert export_experiments(study, folder / "out").new == 1
    (found,) = (path for path in (folder / "out").iterdir() if path.name != ".writer")
    return ran, found


def check(ran: Ran, folder: Path) -> None:
    """Compare an experiment with what its run left."""
    found, record = read_experiment(folder), ran.record
    assert found.problems == ()
    assert len(found.epochs) == record.epochs == len(ran.epochs)
    for row, line in zip(found.epochs, ran.epochs, strict=True):
        content = row.content()
        assert content.pop("reasons", {}) == {}
        assert content == {key.replace("validation_", "val_"): value for key, value in line.items()}
    assert record.best_epoch is not None
    kept, last = ran.epochs[record.best_epoch - 1], ran.epochs[-1]
    best = found.validation.best_validation
    assert {name: getattr(best, name) for name in METRICS} == {
        name: kept[f"validation_{name}"] for name in METRICS
    }
    assert (best.epoch, best.loss) == (record.best_epoch, record.best_validation_loss)
    assert found.summary.final_metrics.content() == {
        f"val_{name}": last[f"validation_{name}"] for name in
        ("precision", "recall", "f1", "iou", "dice", "accuracy", "loss")
    }  # fmt: skip
    assert found.summary.total_training_time == record.train_time_sec
    evaluated = json.loads((ran.folder / "evaluate.json").read_text())
    assert found.summary.test_metrics == evaluated["metrics"]
    assert found.checkpoint is not None
    assert hashlib.sha256(found.checkpoint.read_bytes()).hexdigest() == ran.sha256
    weights = torch.load(folder / "best_model.pth", weights_only=True)["model"]
    assert weights.keys() == ran.weights.keys()
    assert found.log is not None
    assert found.log.read_bytes() == (ran.folder / "training.log").read_bytes()
    guide = crackseg_guide_reader.read(folder)
    assert guide["final"] == guide["final_of_curve"]
    assert guide["best"] == guide["best_of_curve"]


def test_a_real_run_comes_back_as_it_was(squares: Path, tmp_path: Path) -> None:
    ran, folder = exported(tmp_path, squares)
    assert ran.record.stopped_by == "budget"
    check(ran, folder)
    summary = read_experiment(folder).summary
    assert summary.test_facts is not None
    assert 0 < summary.test_facts["threshold"] < 1
    assert summary.hardware_info.device == "cpu"


def test_a_real_run_that_stopped_early_comes_back_as_it_was(squares: Path, tmp_path: Path) -> None:
    stopping = {"patience": 1, "min_delta": 10.0}
    ran, folder = exported(tmp_path, squares, monitor="iou", early_stopping=stopping)
    assert ran.record.stopped_by == "early_stopping"
    assert (ran.record.best_epoch or 0) < ran.record.epochs < 6
    check(ran, folder)
    summary = read_experiment(folder).summary
    assert (summary.training_epochs, summary.epochs_trained) == (6, ran.record.epochs)


def test_scores_that_a_real_run_cannot_have_are_null_with_a_reason(tmp_path: Path) -> None:
    data = write_squares(tmp_path / "data", empty=True)
    _, folder = exported(tmp_path, data, epochs=30)
    found = read_experiment(folder)
    assert found.problems == ()
    nulls = {
        (row.epoch, key)
        for row in found.epochs
        for key, value in row.content().items()
        if value is None
    }
    assert (30, "val_iou") in nulls
    reasons = {(row.epoch, key) for row in found.epochs for key in row.reasons}
    assert reasons == nulls
    final = found.summary.final_metrics
    assert (final.val_iou, final.val_dice, final.val_accuracy) == (None, None, 1.0)
    assert "foreground" in found.summary.reasons["final_metrics.val_iou"]
