"""A run from start to end: its files, its best weights, its stops, its failures."""

from __future__ import annotations

import math
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from studygrid.families import resident
from studygrid.families.base import Scores
from studygrid.families.classification.task import ClassificationTask
from studygrid.training import checkpoints, job
from studygrid.training.loop import Trainer
from tests.unit.conftest import Bench, Ran, json_lines, prepare_patterns, script

STOPPED = 128 + signal.SIGTERM
# Everything that has a state: dropout, augmentation, warm-up, batches cut into parts.
BUSY: dict[str, Any] = {
    "options": {"width": 2, "dropout": 0.5},
    "augmentation": {"horizontal_flip": 0.5, "vertical_flip": 0.5, "crop_padding": 2},
}
UNEVEN = {"steps": 7, "validations": 3, "warmup": 0.3}  # epochs end after steps 2, 4 and 7


def after_step(monkeypatch: pytest.MonkeyPatch, action: Callable[[int], None]) -> None:
    """Call `action` with the number of each step once it is made, before the loop goes on."""
    step = Trainer._step

    def stepped(self: Trainer, number: int) -> Any:
        result = step(self, number)
        action(number + 1)
        return result

    monkeypatch.setattr(Trainer, "_step", stepped)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def stop_after(bench: Bench, name: str, *steps: int, **changes: Any) -> Ran:
    """Train until SIGTERM comes in one of the steps."""
    with pytest.MonkeyPatch.context() as patch:
        after_step(patch, lambda step: terminate() if step in steps else None)
        return bench.train(name, expected=STOPPED, **changes)


# --- Stopped by SIGTERM

STATES: dict[str, dict[str, Any]] = {
    "sgd, step": {"optimizer": "sgd", "schedule": "step", "step_epochs": 1},
    "adam, cosine": {"optimizer": "adam", "accumulation": 3},
    "adamw, constant": {"schedule": "constant", "precision": "bfloat16"},
    "early stopping": {"early_stopping": {"patience": 1, "min_delta": 0.05}, "learning_rate": 0.5},
    "channels_last": {"channels_last": True, "warmup": 0.0},
}


@pytest.mark.parametrize("name", STATES)
def test_a_run_stopped_in_any_step_ends_as_if_it_had_not_been(bench: Bench, name: str) -> None:
    changes = {**BUSY, "training": {**UNEVEN, **STATES[name]}}
    whole = bench.train("whole", **changes)
    for step in range(1, whole.record.steps):
        ran = stop_after(bench, f"stopped{step}", step, **changes)
        assert {path.name for path in ran.folder.iterdir()} == {
            *(".writer", "resume.pth", "epochs.jsonl", "events.jsonl", "training.log")
        }
        assert len(ran.epochs) == sum(row["step"] < step for row in whole.epochs)
        assert ran.moments[-1] == "on_exception"
        bench.train(f"stopped{step}", **changes)
        assert ran.outcome == whole.outcome
        assert ran.resumed == 1
        assert not (ran.folder / "resume.pth").exists()


def test_sigterm_in_the_last_step_lets_the_run_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bench.train("whole", training=UNEVEN)
    after_step(monkeypatch, lambda step: terminate() if step == 7 else None)
    ran = bench.train("stopped", training=UNEVEN)
    assert ran.outcome == whole.outcome
    assert not (ran.folder / "resume.pth").exists()


def test_a_run_stopped_in_every_step_ends_as_if_it_had_not_been(bench: Bench) -> None:
    changes = {**BUSY, "training": UNEVEN}
    whole = bench.train("whole", **changes)
    for _ in range(6):
        ran = stop_after(bench, "stopped", *range(1, 8), **changes)
    bench.train("stopped", **changes)
    assert ran.outcome == whole.outcome
    assert ran.resumed == 6
    assert [event["step"] for event in ran.events if event["moment"] == "on_start"] == list(
        range(7)
    )


@pytest.mark.parametrize("name", ["build_model", "score", "start_training"])
def test_sigterm_outside_a_step_stops_the_run_after_the_next_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole = bench.train("whole", training=UNEVEN)
    done = getattr(ClassificationTask, name)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        terminate()
        return done(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(ClassificationTask, name, interrupted)
        ran = bench.train("stopped", training=UNEVEN, expected=STOPPED)
    bench.train("stopped", training=UNEVEN)
    starts = [event["step"] for event in ran.events if event["moment"] == "on_start"]
    assert starts == [0, 3 if name == "score" else 1]
    assert ran.outcome == whole.outcome


@pytest.mark.parametrize("owner", [(checkpoints, "save"), (job, "write_record")])
def test_sigterm_while_the_record_is_written_does_not_lose_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, owner: tuple[Any, str]
) -> None:
    done = getattr(*owner)

    def interrupted(*arguments: Any) -> Any:
        terminate()
        return done(*arguments)

    monkeypatch.setattr(*owner, interrupted)
    assert bench.train().record.status == "ok"


def test_sigterm_is_handled_as_before_once_the_run_is_over(bench: Bench) -> None:
    before = signal.getsignal(signal.SIGTERM)
    bench.train("whole")
    stop_after(bench, "stopped", 2)
    assert signal.getsignal(signal.SIGTERM) is before


def stop_in_mid_run(process: subprocess.Popen[Any], ran: Ran, signum: int) -> int:
    """Send a signal at a random time after two epochs; return the exit status."""
    deadline = time.monotonic() + 120
    epochs = ran.folder / "epochs.jsonl"
    while not epochs.exists() or epochs.read_bytes().count(b"\n") < 2:
        assert process.poll() is None, f"ended early with {process.returncode}"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.1))
    process.send_signal(signum)
    return process.wait(60)


def test_a_process_stopped_at_any_time_goes_on_in_another_to_the_same_bits(bench: Bench) -> None:
    changes = {**BUSY, "training": {"steps": 300, "validations": 30, "warmup": 0.1}}

    def stop(signum: signal.Signals) -> int:
        arguments = bench.arguments(signum.name, bench.spec(**changes))
        command, environment = script("train.py", *arguments, "--resume-share", "0.99")
        process = subprocess.Popen(command, env=environment)
        return stop_in_mid_run(process, Ran(bench.folder / signum.name), signum)

    signals = (signal.SIGTERM, signal.SIGKILL)
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(stop, signals)) == [STOPPED, -signal.SIGKILL]
    whole = bench.train("whole", **changes)
    for signum in signals:
        ran = Ran(bench.folder / signum.name)
        assert not (ran.folder / "train.json").exists()
        assert not ran.weights_file.exists()
        assert 2 <= len(ran.epochs) < 30
        assert ran.moments[0] == "on_start"
        bench.train(signum.name, **changes)
        assert ran.resumed == 1
        assert ran.outcome == whole.outcome
        assert bench.evaluate(ran).metrics == bench.evaluate(whole).metrics


def test_a_process_killed_while_it_writes_the_record_leaves_none(bench: Bench) -> None:
    killed = (
        "import os, signal, sys\n"
        "from studygrid import records\n"
        "from studygrid.training import job\n"
        "def write_record(path, record):\n"
        "    records.os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    records.write_record(path, record)\n"
        "job.write_record = write_record\n"
        "job.main(sys.argv[1:])\n"
    )
    _, environment = script("train.py")
    arguments = bench.arguments("killed", bench.spec())
    done = subprocess.run([sys.executable, "-c", killed, *arguments], env=environment)
    assert done.returncode == -signal.SIGKILL
    ran = Ran(bench.folder / "killed")
    assert ran.weights_file.exists()
    assert not (ran.folder / "train.json").exists()
    bench.train("killed")
    assert ran.outcome == bench.train("whole").outcome


# --- Resume points


def crash_in(bench: Bench, name: str, step: int, *extra: str) -> Ran:
    with pytest.MonkeyPatch.context() as patch:

        def broken(number: int) -> None:
            if number == step:
                raise RuntimeError("the cable is out")

        after_step(patch, broken)
        return bench.train(name, expected=1, extra=extra, training=UNEVEN)


@pytest.mark.parametrize(("share", "resumed", "starts"), [("0.99", 1, [0, 4]), ("0", 0, [0, 0])])
def test_after_a_crash_a_run_goes_on_from_the_last_resume_point(
    bench: Bench, share: str, resumed: int, starts: list[int]
) -> None:
    whole = bench.train("whole", training=UNEVEN)
    ran = crash_in(bench, "crashed", 6, "--resume-share", share)
    assert (ran.folder / "resume.pth").exists() is (share != "0")
    assert ran.events[-1]["moment"] == "on_exception"
    assert "the cable is out" in ran.events[-1]["error"]
    bench.train("crashed", training=UNEVEN)
    assert ran.outcome == whole.outcome
    assert ran.resumed == resumed
    assert [event["step"] for event in ran.events if event["moment"] == "on_start"] == starts


def test_a_run_goes_on_in_another_folder_of_another_host(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bench.train("whole", training=UNEVEN)
    stopped = stop_after(bench, "stopped", 5, training=UNEVEN)
    shutil.copytree(stopped.folder, bench.folder / "elsewhere")
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    ran = bench.train("elsewhere", training=UNEVEN)
    assert ran.outcome == whole.outcome
    assert [attempt.step for attempt in ran.record.attempts] == [0, 5]
    assert ran.record.attempts[0].host != ran.record.attempts[1].host == "elsewhere"


@pytest.mark.parametrize("content", [None, b"", b'{"epoch": 1, "st', b"\xff\xfe\n" * 5])
def test_a_resumed_curve_is_whole_whatever_became_of_its_file(
    bench: Bench, content: bytes | None
) -> None:
    whole = bench.train("whole", training=UNEVEN)
    ran = stop_after(bench, "stopped", 5, training=UNEVEN)
    file = ran.folder / "epochs.jsonl"
    file.unlink() if content is None else file.write_bytes(content)
    bench.train("stopped", training=UNEVEN)
    assert ran.curve == whole.curve


@pytest.mark.parametrize(
    "change",
    [
        {"code": "other"},
        {"seed": 1},
        {"training": {"learning_rate": 0.051}},
        {"loss": {"label_smoothing": 0.1}},
        {"augmentation": {"horizontal_flip": 0.5}},
        {"n_train": 40},
        {"options": {"dropout": 0.1}},
    ],
    ids=str,
)
def test_a_resume_point_of_another_spec_or_code_is_not_used(
    bench: Bench, change: dict[str, Any]
) -> None:
    fresh = bench.train("fresh", **change)
    stop_after(bench, "stopped", 3)
    ran = bench.train("stopped", **change)
    assert ran.resumed == 0
    assert ran.outcome == fresh.outcome


def test_a_resume_point_of_other_data_is_not_used(bench: Bench, tmp_path: Path) -> None:
    other = prepare_patterns(tmp_path / "other", noise_seed=1)
    fresh = bench.train("fresh", data=other)
    stop_after(bench, "stopped", 3)
    ran = bench.train("stopped", data=other)
    assert ran.resumed == 0
    assert ran.outcome == fresh.outcome


def cut(data: bytes, length: float) -> bytes:
    return data[: int(length * len(data))]


def flipped(data: bytes, place: float) -> bytes:
    at = int(place * len(data))
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("damage", [cut, flipped])
@pytest.mark.parametrize("place", [0, 0.1, 0.5, 0.9])
def test_a_damaged_resume_point_is_not_used(
    bench: Bench, damage: Callable[[bytes, float], bytes], place: float
) -> None:
    whole = bench.train("whole")
    ran = stop_after(bench, "stopped", 3)
    point = ran.folder / "resume.pth"
    point.write_bytes(damage(point.read_bytes(), place))
    bench.train("stopped")
    assert ran.resumed == 0
    assert ran.outcome == whole.outcome


def test_every_cut_of_a_resume_point_is_told_from_a_whole_one(bench: Bench, tmp_path: Path) -> None:
    data = (stop_after(bench, "stopped", 3).folder / "resume.pth").read_bytes()
    path = tmp_path / "cut.pth"
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        assert checkpoints.load_resume_point(path, "any") is None


def test_a_record_that_is_there_already_is_left_as_it_is(bench: Bench, tmp_path: Path) -> None:
    ran = bench.train()
    before = (ran.folder / "train.json").read_bytes()
    bench.train()
    assert (ran.folder / "train.json").read_bytes() == before
    for change in ({"code": "other"}, {"seed": 1}):
        bench.train(**change)
        assert (ran.folder / "train.json").read_bytes() != before
    bench.train(data=prepare_patterns(tmp_path / "other", noise_seed=1), seed=1)
    assert ran.record.data_sha256 != bench.prepared().record.sha256


# --- The files that grow


def test_the_files_of_a_run_grow_while_it_trains(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, list[str], int]] = []
    ran = Ran(bench.folder / "run")

    def look(step: int) -> None:
        log = (ran.folder / "training.log").read_text()
        seen.append((len(ran.epochs), ran.moments, log.count("INFO epoch epoch=")))

    after_step(monkeypatch, look)
    bench.train()
    epochs = [0, 0, 1, 1, 2, 2]
    assert [lines for lines, _, _ in seen] == epochs
    assert [moments for _, moments, _ in seen] == [
        ["on_start", *["on_epoch_end"] * number] for number in epochs
    ]
    assert [logged for _, _, logged in seen] == epochs
    assert ran.moments == ["on_start", *["on_epoch_end"] * 3, "on_train_end"]


def test_each_epochs_line_says_what_a_curve_needs(bench: Bench) -> None:
    ran = bench.train(training={"monitor": "accuracy"})
    for number, row in enumerate(ran.epochs, start=1):
        assert row["epoch"] == number
        for key in ("train_loss", "validation_loss", "gradient_norm", "learning_rate"):
            assert row[key] > 0
        assert 0 <= row["validation_accuracy"] <= 1
        assert row["samples_per_sec"] == pytest.approx(16 / row["epoch_time_sec"])
    epochs = [event for event in ran.events if event["moment"] == "on_epoch_end"]
    for row, event in zip(ran.epochs, epochs, strict=True):
        assert row.items() <= event.items()
    assert ran.record.final_train_loss == ran.epochs[-1]["train_loss"]
    assert ran.record.train_time_sec == pytest.approx(
        sum(row["epoch_time_sec"] for row in ran.epochs)
    )


def test_an_epochs_loss_and_gradient_are_the_means_of_its_steps(bench: Bench) -> None:
    steps, epochs = (
        bench.train(f"{number}", training={"steps": 6, "validations": number}).epochs
        for number in (6, 2)
    )
    for key in ("train_loss", "gradient_norm"):
        values = [row[key] for row in steps]
        means = [sum(values[:3]) / 3, sum(values[3:]) / 3]
        assert [row[key] for row in epochs] == pytest.approx(means)


def test_events_are_only_ever_appended(bench: Bench) -> None:
    ran = stop_after(bench, "run", 3)
    first = (ran.folder / "events.jsonl").read_bytes()
    bench.train("run")
    second = (ran.folder / "events.jsonl").read_bytes()
    bench.train("run", seed=1)
    third = (ran.folder / "events.jsonl").read_bytes()
    assert third.startswith(second)
    assert second.startswith(first)
    assert len(third) > len(second) > len(first)
    axes = {"model": "tiny", "resolution": 16, "n_train": 32}
    assert all(axes.items() <= event.items() for event in ran.events)
    assert {event["seed"] for event in ran.events} == {0, 1}


# --- Failures that are results


def diverging(monkeypatch: pytest.MonkeyPatch, name: str) -> dict[str, Any]:
    """Return a change that makes a run diverge, and patch what it needs."""
    if name == "gradient":
        monkeypatch.setattr(ClassificationTask, "build_model", lambda self: Cusp())
    if name == "infinite loss":
        training_loss = ClassificationTask.training_loss

        def infinite(*given: Any) -> tuple[torch.Tensor, torch.Tensor]:
            loss, sums = training_loss(*given)
            return loss + math.inf, sums

        monkeypatch.setattr(ClassificationTask, "training_loss", infinite)
    if name == "validation":
        values: Iterator[float] = iter([1.0, float("nan")])
        monkeypatch.setattr(
            ClassificationTask, "score", lambda self, *_, details: Scores({"loss": next(values)})
        )
    if name.startswith("rate"):
        return {"training": {"optimizer": name.removeprefix("rate, "), "learning_rate": 1e12}}
    return {"training": {"steps": 3}}


class Cusp(nn.Module):
    """A model whose loss is finite and whose gradient is not."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(256, 3)
        self.cusp = nn.Parameter(torch.zeros(3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.layer(images.flatten(1)) + self.cusp.sqrt()
        return scores


DIVERGED = {
    "rate, sgd": ("loss", 0),
    "rate, adamw": ("loss", 0),
    "infinite loss": ("training loss", 0),
    "gradient": ("gradient's norm", 0),
    "validation": ("validation loss", 1),
}


@pytest.mark.parametrize("name", DIVERGED)
def test_a_run_that_diverges_is_a_result_that_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    what, epochs = DIVERGED[name]
    ran = bench.train(**diverging(monkeypatch, name))
    record = ran.record
    assert (record.status, record.stopped_by) == ("diverged", "failure")
    assert record.reason is not None
    assert what in record.reason
    assert f"in epoch {epochs + 1}" in record.reason
    assert record.checkpoint is None
    assert not ran.weights_file.exists()
    assert not (ran.folder / "resume.pth").exists()
    assert record.epochs == len(ran.epochs) == epochs
    assert ran.moments[-2:] == ["on_exception", "on_train_end"]
    assert record.applied is not None
    scored = bench.evaluate(ran, "loss", "auroc")
    assert (scored.status, scored.reason) == (record.status, record.reason)
    assert scored.metrics == {"loss": None, "auroc": None}
    assert scored.checkpoint_sha256 is None


OUT_OF_MEMORY = {
    "cuda": (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.\nOf which"),
        "CUDA out of memory. Tried to allocate 20 GiB.",
    ),
    "driver": (RuntimeError("CUDA error: out of memory"), "CUDA error: out of memory"),
    "cpu": (
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
        "DefaultCPUAllocator: can't allocate memory: you tried",
    ),
    "host": (MemoryError(), "MemoryError"),
}


@pytest.mark.parametrize("kind", OUT_OF_MEMORY)
@pytest.mark.parametrize("name", ["build_model", "start_training", "training_loss", "score"])
def test_a_run_that_needs_too_much_memory_is_a_result_that_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    error, reason = OUT_OF_MEMORY[kind]

    def full(*_: Any, **__: Any) -> Any:
        raise error

    # The files of an earlier run with another spec must not be taken for this one's.
    earlier = bench.train(seed=7)
    assert earlier.weights_file.exists()
    monkeypatch.setattr(ClassificationTask, name, full)
    ran = bench.train()
    record = ran.record
    assert (record.status, record.reason, record.stopped_by) == ("oom", reason, "failure")
    assert (record.checkpoint, record.epochs) == (None, 0)
    assert not ran.weights_file.exists()
    assert ran.epochs == []
    assert (record.applied is None) is (name in ("build_model", "start_training"))
    scored = bench.evaluate(ran)
    assert (scored.status, scored.reason) == ("oom", reason)
    assert set(scored.metrics.values()) == {None}


def test_any_other_error_is_one_and_leaves_no_record(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(ClassificationTask, "training_loss", broken)
    ran = bench.train(expected=1)
    assert not (ran.folder / "train.json").exists()
    assert ran.moments == ["on_start", "on_exception"]
    assert "shapes cannot be multiplied" in ran.events[-1]["error"]
    assert "error: RuntimeError: mat1 and mat2 shapes" in capsys.readouterr().err
    assert "Traceback" in (ran.folder / "training.log").read_text()


def test_records_and_lines_are_strict_json(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = bench.train("diverged", **diverging(monkeypatch, "rate, sgd"))
    bench.evaluate(ran)
    for name in ("train.json", "evaluate.json"):
        flat = ran.folder / f"{name}l"
        flat.write_text((ran.folder / name).read_text().replace("\n", "") + "\n")
        assert len(json_lines(flat)) == 1


# --- CUDA


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
class TestOnCuda:
    def test_the_same_run_twice_gives_the_same_bits_in_bfloat16(self, bench: Bench) -> None:
        first, again = (bench.train(name, device="cuda", **BUSY) for name in ("first", "again"))
        assert again.outcome == first.outcome
        assert first.applied["precision"] == "bfloat16"
        assert first.applied["data_on_device"] is True
        assert first.record.origin.hardware.device.type == "cuda"
        scores = [bench.evaluate(ran, device="cuda").metrics for ran in (first, again)]
        assert scores[0] == scores[1]

    def test_memory_is_recorded(self, bench: Bench) -> None:
        record = bench.train(device="cuda").record
        assert record.peak_device_memory_allocated_mb is not None
        assert record.peak_device_memory_reserved_mb is not None
        assert 0 < record.peak_device_memory_allocated_mb <= record.peak_device_memory_reserved_mb

    @pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
    def test_a_stopped_run_ends_as_if_it_had_not_been(self, bench: Bench, optimizer: str) -> None:
        training = {**UNEVEN, "optimizer": optimizer}
        changes = {**BUSY, "training": training, "device": "cuda"}
        whole = bench.train("whole", **changes)
        for step in (1, 2, 5):
            ran = stop_after(bench, f"stopped{step}", step, **changes)
            bench.train(f"stopped{step}", **changes)
            assert ran.outcome == whole.outcome

    def test_weights_trained_there_are_scored_anywhere(self, bench: Bench) -> None:
        ran = bench.train(device="cuda")
        assert {value.device.type for value in ran.weights.values()} == {"cpu"}
        there = bench.evaluate(ran, device="cuda").metrics["loss"]
        assert bench.evaluate(ran).metrics["loss"] == pytest.approx(there, rel=1e-3)

    def test_the_device_starts_from_the_weights_and_batches_of_the_cpu(self, bench: Bench) -> None:
        # Dropout alone draws on the device; TF32 and the order of sums move the last digits.
        first = {"training": {"precision": "float32", "steps": 1, "validations": 1}}
        changes = {**first, "augmentation": BUSY["augmentation"]}
        here, there = (bench.train(name, device=name, **changes) for name in ("cpu", "cuda"))
        assert there.record.streams == here.record.streams
        assert there.record.subset == here.record.subset
        expected = here.epochs[0]["train_loss"]
        assert there.epochs[0]["train_loss"] == pytest.approx(expected, rel=1e-2)

    def test_data_too_large_for_the_device_gives_the_same_bits(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held = bench.train("held", device="cuda", **BUSY)
        monkeypatch.setattr(resident, "_SHARE_OF_FREE_MEMORY", 0.0)
        streamed = bench.train("streamed", device="cuda", **BUSY)
        assert streamed.applied["data_on_device"] is False
        assert streamed.sha256 == held.sha256
