"""Segmentation in training and in scoring, by the jobs' own `main`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from studygrid.families import load_family
from studygrid.families.prepared import PreparedData
from studygrid.families.segmentation import task as task_module
from studygrid.families.segmentation.scoring import choose_examples
from studygrid.families.segmentation.task import SegmentationTask
from studygrid.spec import TrainSpec
from tests.unit.conftest import Bench, Ran
from tests.unit.segmentation_bench import BASE, COUNTS, SIDE, write_squares

FAMILY = load_family("segmentation")
EVERY = FAMILY.metric_names
EPOCH = ("loss", "iou", "f1", "precision", "recall", "dice", "accuracy")


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("squares") / "data")


@pytest.fixture
def bench(tmp_path: Path, squares: Path) -> Bench:
    return Bench(tmp_path, squares, BASE)


def trained_task(bench: Bench, ran: Ran) -> tuple[SegmentationTask, torch.nn.Module]:
    """Return the task of a run, and the model with its kept weights."""
    spec: TrainSpec = ran.record.spec
    task = SegmentationTask(FAMILY, spec, PreparedData(bench.data), torch.device("cpu"))
    model = task.build_model()
    model.load_state_dict(ran.weights)
    return task, model.eval()


def probabilities(bench: Bench, ran: Ran, split: str) -> tuple[Any, Any]:
    """Return foreground probability and truth of each image of a split, predicted one by one."""
    data = PreparedData(bench.data)
    _, model = trained_task(bench, ran)
    facts = data.record.facts
    indices = data.indices(split)  # type: ignore[arg-type]
    images = torch.from_numpy(data.array("images")[indices].astype(np.float32))
    normal = (images - facts["mean"][0]) / facts["std"][0]
    with torch.inference_mode():
        found = [torch.sigmoid(model(image[None]))[0, 0].numpy() for image in normal]
    return np.stack(found), np.asarray(data.array("masks")[indices])


def test_every_epoch_has_the_scores_of_both_splits(bench: Bench) -> None:
    ran = bench.train(training={"steps": 40, "validations": 4})
    for row in ran.epochs:
        for split in ("train", "validation"):
            for name in EPOCH:
                assert isinstance(row[f"{split}_{name}"], float), (split, name)
        assert row["gradient_norm"] > 0
        assert row["train_dice"] == row["train_f1"]
    assert ran.epochs[-1]["validation_iou"] > 0.8
    assert ran.epochs[-1]["train_iou"] > ran.epochs[0]["train_iou"]


def test_the_training_scores_of_an_epoch_pool_its_batches(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, Any]] = []
    loss = SegmentationTask.training_loss

    def spy(self: SegmentationTask, model: Any, batch: Any, progress: float) -> Any:
        before = [parameter.clone() for parameter in model.buffers()]
        with torch.no_grad():
            logits = model(batch[0])
        for buffer, old in zip(model.buffers(), before, strict=True):
            buffer.copy_(old)
        seen.append(((logits[:, 0] >= 0).numpy(), (batch[1] > 0).numpy()))
        return loss(self, model, batch, progress)

    monkeypatch.setattr(SegmentationTask, "training_loss", spy)
    ran = bench.train(training={"steps": 4, "validations": 2})
    for row, batches in zip(ran.epochs, (seen[:2], seen[2:]), strict=True):
        predicted = np.concatenate([part for part, _ in batches]).ravel()
        true = np.concatenate([part for _, part in batches]).ravel()
        assert row["train_iou"] == pytest.approx(jaccard_score(true, predicted))
        assert row["train_accuracy"] == pytest.approx(accuracy_score(true, predicted))


def test_accumulation_changes_neither_the_scores_nor_what_is_learnt(bench: Bench) -> None:
    # Batch normalisation sees the parts: without it, parts of a batch are the batch.
    def frozen(**training: int) -> Ran:
        name = f"run{training.get('accumulation', 1)}"
        return bench.train(name, training={"learning_rate": 1e-12, **training})

    whole, parts = frozen(), frozen(accumulation=2)
    assert parts.applied["micro_batch_size"] == 4
    for one, other in zip(whole.epochs, parts.epochs, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=0.1)
        assert one["validation_loss"] == pytest.approx(other["validation_loss"], rel=1e-3)


def test_the_test_scores_are_scikit_learns_on_the_kept_weights(bench: Bench) -> None:
    ran = bench.train(training={"steps": 30})
    record = bench.evaluate(ran, *EVERY)
    found, truth = probabilities(bench, ran, "test")
    true, predicted = (truth > 0).ravel(), (found >= 0.5).ravel()
    assert record.metrics["iou"] == pytest.approx(jaccard_score(true, predicted))
    assert record.metrics["f1"] == pytest.approx(f1_score(true, predicted))
    assert record.metrics["dice"] == record.metrics["f1"]
    images = [
        jaccard_score(t.ravel() > 0, p.ravel() >= 0.5) if (t > 0).any() or (p >= 0.5).any() else 1.0
        for t, p in zip(truth, found, strict=True)
    ]
    assert record.metrics["iou_image_mean"] == pytest.approx(np.mean(images))
    assert record.chance["accuracy"] == pytest.approx(1 - true.mean())
    assert record.chance["iou"] == pytest.approx(true.mean())
    assert not record.undefined


def test_the_threshold_is_chosen_on_validation_and_used_on_test(bench: Bench) -> None:
    ran = bench.train(training={"steps": 12})
    record = bench.evaluate(ran, *EVERY)
    found, truth = probabilities(bench, ran, "validation")
    grid = np.arange(1, 100) / 100
    scores = [jaccard_score((truth > 0).ravel(), (found >= t).ravel()) for t in grid]
    threshold = record.facts["threshold"]
    assert record.facts["threshold_iou_validation"] == pytest.approx(max(scores))
    assert scores[round(100 * threshold) - 1] == pytest.approx(max(scores))
    found, truth = probabilities(bench, ran, "test")
    expected = jaccard_score((truth > 0).ravel(), (found >= threshold).ravel())
    assert record.metrics["iou_tuned"] == pytest.approx(expected)


def test_validation_without_foreground_leaves_the_threshold_at_a_half(tmp_path: Path) -> None:
    data = write_squares(tmp_path / "data", empty=True)
    bench = Bench(tmp_path, data, BASE)
    ran = bench.train(training={"monitor": "loss"})
    record = bench.evaluate(ran, *EVERY)
    assert record.facts["threshold"] == 0.5
    assert "no foreground" in record.facts["threshold_reason"]
    assert record.metrics["iou_tuned"] == record.metrics["iou"]
    assert {row["validation_iou"] for row in ran.epochs} <= {None, 0.0}


def test_scores_do_not_depend_on_the_batch_size(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = bench.train()
    records = [bench.evaluate(ran, *EVERY, batch_size=size) for size in (1, 5, 64)]
    monkeypatch.setattr(task_module, "PX_AT_ONCE", 3 * SIDE**2)
    records.append(bench.evaluate(ran, *EVERY, batch_size=64))
    for record in records[1:]:
        assert record.facts == records[0].facts
        assert record.tables == records[0].tables
        assert record.metrics == pytest.approx(records[0].metrics, abs=1e-6)


def test_tables_and_scores_of_each_image_agree_with_the_metrics(bench: Bench) -> None:
    ran = bench.train(training={"steps": 12})
    record = bench.evaluate(ran, *EVERY, save_scores=True)
    pooled = np.array(record.tables["confusion_matrix"])
    assert pooled.sum() == COUNTS["test"] * SIDE**2
    assert record.metrics["iou"] == pytest.approx(pooled[1, 1] / (pooled.sum() - pooled[0, 0]))
    curve = {row[0]: row[1:] for row in record.tables["precision_recall"]}
    assert curve[0.5] == [pooled[1, 1], pooled[0, 1], pooled[1, 0]]
    widths = np.array(record.tables["iou_by_width"])
    empty = record.facts["empty_masks"]
    assert widths[:, 2].sum() == COUNTS["test"] - empty
    assert empty == 2
    with np.load(ran.folder / "scores.npz") as scores:
        assert scores["iou"].mean() == pytest.approx(record.metrics["iou_image_mean"])
        assert scores["foreground_px"].sum() == pooled[1].sum()
        assert np.isnan(scores["width_px"]).sum() == empty


def test_a_few_predictions_are_kept_of_every_run(bench: Bench) -> None:
    ran = bench.train(training={"steps": 12})
    record = bench.evaluate(ran, "iou")
    assert (record.scores_file, record.examples_file) == (None, "examples.npz")
    found, _ = probabilities(bench, ran, "test")
    rows = PreparedData(bench.data).indices("test").tolist()
    with np.load(ran.folder / "examples.npz") as examples:
        assert examples["kind"].tolist() == ["best"] * 3 + ["median"] * 3 + ["worst"] * 3
        assert (np.diff(examples["iou"]) <= 0).all()
        for index, predicted in zip(examples["index"], examples["predictions"], strict=True):
            assert ((found[rows.index(index)] >= 0.5) == predicted).all()


def test_three_classes_are_scored_by_the_most_probable(tmp_path: Path) -> None:
    bench = Bench(tmp_path, write_squares(tmp_path / "data", classes=3), BASE)
    ran = bench.train(training={"steps": 120, "validations": 2})
    record = bench.evaluate(ran, *EVERY)
    assert record.metrics["iou"] is not None
    assert record.metrics["iou"] > 0.5
    assert record.metrics["iou_tuned"] is None
    assert "threshold" in record.undefined["iou_tuned"]
    assert "precision_recall" not in record.tables
    assert np.array(record.tables["confusion_matrix"]).shape == (3, 3)
    assert "threshold" not in record.facts


def test_a_run_that_was_stopped_has_the_training_scores_of_an_unbroken_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import signal

    changes = {"augmentation": {"horizontal_flip": 0.5, "noise": 0.1}}
    whole = bench.train("whole", **changes)
    batch, steps = SegmentationTask.training_batch, []

    def stopped(self: SegmentationTask, *given: Any) -> Any:
        steps.append(1)
        if len(steps) == 3:  # in the middle of the second epoch
            os.kill(os.getpid(), signal.SIGTERM)
        return batch(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentationTask, "training_batch", stopped)
        bench.train("stopped", expected=128 + signal.SIGTERM, **changes)
    ran = bench.train("stopped", **changes)
    assert ran.resumed == 1
    assert ran.outcome == whole.outcome


def test_the_loss_and_the_augmentation_in_force_are_recorded(bench: Bench) -> None:
    ran = bench.train(loss={"focal": 0.6, "dice": 0.4}, augmentation={"quarter_turns": True})
    assert ran.applied["loss"]["weights"] == {"dice": 0.4, "focal": 0.6}
    assert ran.applied["augmentation"]["quarter_turns"] is True


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, []),
        (1, ["best"]),
        (2, ["best", "worst"]),
        (3, ["best", "median", "worst"]),
        (7, ["best", "best", "median", "median", "worst", "worst"]),
        (20, ["best"] * 3 + ["median"] * 3 + ["worst"] * 3),
    ],
)
def test_examples_are_the_best_the_median_and_the_worst_with_foreground(
    count: int, expected: list[str]
) -> None:
    ious = np.concatenate([np.linspace(0.9, 0.1, count), [1.0, 0.0]])
    pixels = np.array([5] * count + [0, 0])
    examples = choose_examples(ious, pixels)
    assert [kind for kind, _ in examples] == expected
    positions = [position for _, position in examples]
    assert positions == sorted(set(positions))
    assert all(position < count for position in positions)
