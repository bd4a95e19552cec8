"""Scores are of the best-validation weights, of them alone, on the test split."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from studygrid.families.base import Split
from studygrid.families.classification.models import tiny_cnn
from studygrid.families.classification.options import PlainCnnOptions
from studygrid.families.classification.task import ClassificationTask
from studygrid.families.networks.shape import InputShape
from tests.unit.conftest import SIDE, Bench, Ran, prepare_patterns

# Rates high enough that the validation loss goes up and down.
WANDERING = {"steps": 24, "validations": 12, "learning_rate": 0.5, "schedule": "constant"}


def probabilities(
    bench: Bench, weights: dict[str, torch.Tensor], split: Split
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return class probabilities and labels of a split, by none of the code under test."""
    indices = bench.prepared().indices(split)
    model = tiny_cnn.build(InputShape(1, 3, SIDE), PlainCnnOptions(width=2), "tiny_cnn")
    model.load_state_dict(weights)
    with torch.no_grad():
        logits = model.eval()(bench.normalised(indices)).double().numpy()
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True), bench.labels(indices)


def loss_of(bench: Bench, weights: dict[str, torch.Tensor], split: Split) -> float:
    found, labels = probabilities(bench, weights, split)
    return float(-np.log(found[np.arange(len(labels)), labels]).mean())


def accuracy_of(bench: Bench, weights: dict[str, torch.Tensor], split: Split) -> float:
    found, labels = probabilities(bench, weights, split)
    return float((found.argmax(axis=1) == labels).mean())


# --- Which weights


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_the_checkpoint_is_of_the_epoch_of_the_best_validation(bench: Bench, monitor: str) -> None:
    best_epochs = []
    for seed in (0, 1, 2):
        ran = bench.train(
            seed=seed,
            training={**WANDERING, "monitor": monitor},
            loss={"label_smoothing": 0.1, "class_weights": "balanced"},
        )
        record, losses = ran.record, [row["validation_loss"] for row in ran.epochs]
        assert record.best_epoch is not None
        best_epochs.append(record.best_epoch)
        recomputed = loss_of(bench, ran.weights, "validation")
        assert recomputed == pytest.approx(losses[record.best_epoch - 1], rel=1e-5)
        others = [loss for at, loss in enumerate(losses, start=1) if at != record.best_epoch]
        assert all(abs(recomputed - loss) > 1e-4 * loss for loss in others)
        assert record.best_validation_loss == losses[record.best_epoch - 1]
        scores = {"loss": recomputed, "accuracy": accuracy_of(bench, ran.weights, "validation")}
        assert record.best_value == pytest.approx(scores[monitor], rel=1e-5)
    # Else the best could not be told from the first or the last.
    assert any(1 < epoch < len(losses) for epoch in best_epochs)


def test_the_scores_are_of_exactly_the_checkpoint_on_the_test_split(bench: Bench) -> None:
    ran = bench.train(training=WANDERING)
    record = bench.evaluate(ran, "loss", "accuracy")
    assert record.status == "ok"
    assert record.metrics["loss"] == pytest.approx(loss_of(bench, ran.weights, "test"), rel=1e-5)
    assert record.metrics["accuracy"] == accuracy_of(bench, ran.weights, "test")
    assert ran.record.checkpoint is not None
    assert record.checkpoint_sha256 == ran.sha256 == ran.record.checkpoint.sha256
    assert record.data_sha256 == ran.record.data_sha256
    assert record.test_count == len(bench.prepared().indices("test"))
    assert record.run == ran.record.spec
    assert ran.moments[-1] == "on_test_end"
    assert ran.events[-1]["metrics"] == record.metrics


def test_dropout_and_batch_statistics_are_at_rest(bench: Bench) -> None:
    ran = bench.train(options={"dropout": 0.9})
    first = bench.evaluate(ran, batch_size=256)
    again = bench.evaluate(ran, batch_size=3)
    assert again.metrics["accuracy"] == first.metrics["accuracy"]
    assert again.metrics["loss"] == pytest.approx(first.metrics["loss"], rel=1e-6)


def test_chance_and_confusion_are_of_the_test_split(bench: Bench) -> None:
    record = bench.evaluate(bench.train(), "accuracy", "balanced_accuracy", "auroc", "loss")
    labels = bench.labels(bench.prepared().indices("test"))
    shares = np.bincount(labels) / len(labels)
    assert record.chance == pytest.approx(
        {"accuracy": shares.max(), "balanced_accuracy": 1 / 3, "auroc": 0.5}
    )
    confusion = np.asarray(record.tables["confusion_matrix"])
    assert confusion.sum(axis=1).tolist() == np.bincount(labels).tolist()
    assert np.trace(confusion) / len(labels) == record.metrics["accuracy"]


# --- What is refused


def refused(bench: Bench, ran: Ran, capsys: pytest.CaptureFixture[str], **options: Any) -> str:
    with pytest.raises(Exception, match="missing"):
        bench.evaluate(ran, expected=1, **options)
    assert not (ran.folder / "evaluate.json").exists()
    return capsys.readouterr().err


def test_another_checkpoint_is_refused(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ran, other = bench.train("run"), bench.train("other", seed=1)
    shutil.copy(other.weights_file, ran.weights_file)
    error = refused(bench, ran, capsys)
    assert "best_model.pth: is not the checkpoint that its train record names" in error
    assert "delete" in error


def test_a_missing_checkpoint_is_refused(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    ran = bench.train()
    ran.weights_file.unlink()
    assert "best_model.pth: missing; delete" in refused(bench, ran, capsys)


def test_other_data_than_trained_on_is_refused(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = bench.train()
    other = prepare_patterns(tmp_path / "other", noise_seed=1)
    assert "was trained on other data than" in refused(bench, ran, capsys, data=other)


class Trap:
    """Something whose unpickling runs code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_checkpoint_runs_no_code(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = bench.train()
    torch.save({"model": Trap(tmp_path / "sprung")}, ran.weights_file)
    content = json.loads((ran.folder / "train.json").read_text())
    content["checkpoint"]["sha256"] = hashlib.sha256(ran.weights_file.read_bytes()).hexdigest()
    (ran.folder / "train.json").write_text(json.dumps(content))
    assert "cannot be read" in refused(bench, ran, capsys)
    assert not (tmp_path / "sprung").exists()


# --- Options


def test_scores_are_kept_only_where_they_are_asked_for(bench: Bench) -> None:
    ran = bench.train()
    kept = bench.evaluate(ran, save_scores=True)
    assert kept.scores_file == "scores.npz"
    with np.load(ran.folder / "scores.npz", allow_pickle=False) as scores:
        found, labels = probabilities(bench, ran.weights, "test")
        assert scores["index"].tolist() == bench.prepared().indices("test").tolist()
        assert scores["label"].tolist() == labels.tolist()
        np.testing.assert_allclose(scores["probabilities"], found, rtol=1e-4, atol=1e-6)
    # A file of an earlier evaluation would be taken for this one's.
    assert bench.evaluate(ran).scores_file is None
    assert not (ran.folder / "scores.npz").exists()


@pytest.mark.parametrize(("batch_size", "sizes"), [(20, [20]), (8, [8, 8, 4]), (256, [20])])
def test_batches_are_of_the_size_asked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, batch_size: int, sizes: list[int]
) -> None:
    seen: list[int] = []
    build = ClassificationTask.build_model

    def spied(self: ClassificationTask) -> nn.Module:
        model = build(self)
        model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
        return model

    ran = bench.train()
    monkeypatch.setattr(ClassificationTask, "build_model", spied)
    record = bench.evaluate(ran, batch_size=batch_size)
    assert seen == sizes
    assert record.spec.evaluation.batch_size == batch_size


# --- Failures


@pytest.mark.parametrize("name", ["build_model", "score"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (torch.OutOfMemoryError("CUDA out of memory.\nMore"), "CUDA out of memory."),
        (RuntimeError("can't allocate memory: 1 TB"), "can't allocate memory: 1 TB"),
        (MemoryError(), "MemoryError"),
    ],
    ids=["cuda", "cpu", "host"],
)
def test_too_little_memory_is_a_result_that_says_where(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, reason: str
) -> None:
    ran = bench.train()
    bench.evaluate(ran, save_scores=True)

    def full(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(ClassificationTask, name, full)
    record = bench.evaluate(ran, save_scores=True)
    assert (record.status, record.reason) == ("oom", f"in evaluation: {reason}")
    assert record.metrics == {"loss": None, "accuracy": None}
    assert (record.tables, record.scores_file) == ({}, None)
    assert not (ran.folder / "scores.npz").exists()
    assert record.checkpoint_sha256 == ran.sha256
    assert ran.events[-1]["status"] == "oom"


def test_any_other_error_leaves_no_record(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("shapes differ")

    ran = bench.train()
    monkeypatch.setattr(ClassificationTask, "score", broken)
    assert "error: RuntimeError: shapes differ" in refused(bench, ran, capsys)
