"""Memory that runs out: a result, unless others took it or the batch may be cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from studygrid.families.classification.task import ClassificationTask
from studygrid.families.segmentation.task import SegmentationTask
from tests.unit.conftest import Bench
from tests.unit.segmentation_bench import BASE, write_squares


def holds_at_most(patch: pytest.MonkeyPatch, samples: int, name: str = "training_loss") -> None:
    """Let a device have room for so many samples in training, or in scoring."""
    if name == "score":
        done = ClassificationTask.score

        def score(
            self: Any, model: Any, split: Any, metrics: Any, batch_size: int, **options: Any
        ) -> Any:
            if batch_size > samples:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return done(self, model, split, metrics, batch_size, **options)

        patch.setattr(ClassificationTask, name, score)
        return
    loss = ClassificationTask.training_loss

    def training_loss(self: Any, model: Any, batch: Any, progress: float) -> Any:
        if len(batch[0]) > samples:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return loss(self, model, batch, progress)

    patch.setattr(ClassificationTask, name, training_loss)


@pytest.mark.parametrize(("room", "accumulation"), [(4, 2), (3, 4), (1, 8)])
def test_halved_batches_give_the_weights_of_accumulation(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, room: int, accumulation: int
) -> None:
    wanted = bench.train("wanted", training={"accumulation": accumulation})
    holds_at_most(monkeypatch, room)
    ran = bench.train("halved", training={"on_oom": "halve"})
    assert ran.sha256 == wanted.sha256
    assert ran.curve == wanted.curve
    assert ran.applied["batch_size"] == 8
    assert ran.applied["micro_batch_size"] == wanted.applied["micro_batch_size"] <= room
    # Once beside other jobs, then with the device alone and half the batch each time.
    failures = [event for event in ran.events if event["moment"] == "on_exception"]
    assert len(failures) == accumulation.bit_length()
    assert {(event["failure"], event.get("status")) for event in failures} == {("oom", None)}
    assert len(ran.record.attempts) == 1


def test_validation_gets_smaller_batches_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    holds_at_most(monkeypatch, 20, "score")
    ran = bench.train(training={"on_oom": "halve"})
    assert (ran.record.status, ran.applied["micro_batch_size"]) == ("ok", 2)


def test_what_does_not_fit_one_by_one_is_a_result(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds_at_most(monkeypatch, 0)
    record = bench.train(training={"on_oom": "halve"}).record
    assert (record.status, record.reason) == (
        "oom",
        "CUDA out of memory. Tried to allocate 2 GiB.",
    )


def test_a_halved_run_that_is_stopped_goes_on_halved(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.test_training_runs import stop_after

    holds_at_most(monkeypatch, 4)
    training = {"on_oom": "halve"}
    whole = bench.train("whole", training=training)
    stop_after(bench, "stopped", 3, training=training)
    ran = bench.train("stopped", training=training)
    assert ran.outcome == whole.outcome
    assert ran.resumed == 1
    failures = [event.get("failure") for event in ran.events]
    assert failures.count("oom") == 2  # beside others, and alone: not again after the stop


def test_memory_that_others_took_is_no_result(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss, tries = ClassificationTask.training_loss, []

    def training_loss(self: Any, model: Any, batch: Any, progress: float) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return loss(self, model, batch, progress)

    wanted = bench.train("wanted")
    monkeypatch.setattr(ClassificationTask, "training_loss", training_loss)
    ran = bench.train()
    assert ran.outcome == wanted.outcome
    assert ran.moments[:3] == ["on_start", "on_exception", "on_start"]
    assert "again, with the device alone" in (ran.folder / "training.log").read_text()


def test_memory_that_runs_out_before_the_first_step_is_no_matter_of_the_batch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def full(*_: Any) -> Any:
        tries.append(1)
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(ClassificationTask, "build_model", full)
    assert bench.train(training={"on_oom": "halve"}).record.status == "oom"
    assert len(tries) == 2


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squares(tmp_path_factory.mktemp("squares") / "data")


@pytest.fixture
def pooling(tmp_path: Path, squares: Path) -> Bench:
    """Return a bench whose model normalises one pixel a sample."""
    options = {"options": {}, "model": "deep", "architecture": "deeplabv3plus/resnet18"}
    return Bench(tmp_path, squares, {**BASE, **options})


ALONE = (
    "model deep (deeplabv3plus/resnet18) at resolution 16 cannot train on one sample at a time "
    "(its batch normalisation has one value a channel then), and the batch"
)


@pytest.mark.parametrize(
    ("training", "why"),
    [
        ({"batch_size": 5, "accumulation": 3}, "of 5, in micro-batches of 2, leaves one alone"),
        ({"batch_size": 2, "accumulation": 2}, "of 2, in micro-batches of 1, leaves one alone"),
        ({"batch_size": 1}, "has no more"),
        ({"batch_size": 1, "on_oom": "halve"}, "has no more"),
    ],
)
def test_a_sample_that_a_model_cannot_train_on_alone_is_one_error(
    pooling: Bench, training: dict[str, Any], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pooling.train(training={"steps": 1, "validations": 1, **training}, expected=1)
    assert capsys.readouterr().err == (
        f"error: {ALONE} {why}; choose batch_size and accumulation so that each micro-batch has "
        "two samples or more\n"
    )


@pytest.mark.parametrize(("batch_size", "size"), [(2, 1), (5, 2)])
def test_a_run_that_cannot_be_halved_to_one_sample_ran_out_of_memory(
    pooling: Bench, monkeypatch: pytest.MonkeyPatch, batch_size: int, size: int
) -> None:
    loss = SegmentationTask.training_loss

    def training_loss(self: Any, model: Any, batch: Any, progress: float) -> Any:
        if len(batch[0]) > size:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return loss(self, model, batch, progress)

    monkeypatch.setattr(SegmentationTask, "training_loss", training_loss)
    training = {"steps": 1, "validations": 1, "batch_size": batch_size, "on_oom": "halve"}
    ran = pooling.train(training=training)
    cut = f"of {batch_size}, in micro-batches of {size}, leaves one alone"
    assert ran.record.status == "oom"
    assert ran.record.reason == f"CUDA out of memory.; halved, {ALONE} {cut}"
    assert ran.applied["micro_batch_size"] == size


def test_a_compiled_model_says_the_same(
    pooling: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: compiled(model, backend="eager"))
    training = {"steps": 1, "validations": 1, "batch_size": 1, "compile": True}
    pooling.train(training=training, expected=1)
    assert ALONE in capsys.readouterr().err
