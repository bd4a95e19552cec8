"""Each training option: it changes the training, and the record says what was really used."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from studygrid.families.base import Batch, Scores
from studygrid.families.classification import task as task_module
from studygrid.families.classification.augmentation import Augmentation
from studygrid.families.classification.task import ClassificationTask
from studygrid.training import job, loop, optimisation
from studygrid.training.loop import Trainer
from tests.unit.conftest import Bench, Ran

BALANCED = [32 / (3 * 16), 32 / (3 * 8), 32 / (3 * 8)]

# A change of the base run, where `applied` shows it, and what it must show.
CHANGES: dict[str, tuple[dict[str, Any], str, Any]] = {
    "sgd": ({"training": {"optimizer": "sgd"}}, "optimizer.class", "SGD"),
    "adam": ({"training": {"optimizer": "adam"}}, "optimizer.class", "Adam"),
    "learning_rate": ({"training": {"learning_rate": 0.02}}, "optimizer.initial_lr", 0.02),
    "weight_decay": ({"training": {"weight_decay": 0.5}}, "optimizer.weight_decay", 0.5),
    "constant": ({"training": {"schedule": "constant"}}, "schedule.class", "ConstantLR"),
    "step": ({"training": {"schedule": "step", "step_epochs": 1}}, "schedule.step_size", 2),
    "warmup": ({"training": {"warmup": 0.5}}, "schedule.milestones", [3]),
    "gradient_clip": ({"training": {"gradient_clip": 0.01}}, "gradient_clip", 0.01),
    "batch_size": ({"training": {"batch_size": 16}}, "batch_size", 16),
    "epochs": ({"training": {"epochs": 3}}, "steps", 12),
    "steps": ({"training": {"steps": 9}}, "steps_per_epoch", 3),
    "precision": ({"training": {"precision": "bfloat16"}}, "precision", "bfloat16"),
    "label_smoothing": ({"loss": {"label_smoothing": 0.3}}, "loss.label_smoothing", 0.3),
    "class_weights": ({"loss": {"class_weights": "balanced"}}, "loss.class_weights", BALANCED),
    "horizontal_flip": (
        {"augmentation": {"horizontal_flip": 0.5}},
        "augmentation.horizontal_flip",
        0.5,
    ),
    "vertical_flip": ({"augmentation": {"vertical_flip": 0.5}}, "augmentation.vertical_flip", 0.5),
    "crop_padding": ({"augmentation": {"crop_padding": 3}}, "augmentation.crop_padding", 3),
}


def at(applied: dict[str, Any], place: str) -> Any:
    found: Any = applied
    for key in place.split("."):
        found = found.get(key)
    return found


@pytest.mark.parametrize("option", CHANGES)
def test_an_option_changes_the_weights_and_stands_in_the_record(bench: Bench, option: str) -> None:
    change, place, expected = CHANGES[option]
    base, changed = bench.train("base"), bench.train("changed", **change)
    assert changed.record.status == "ok"
    assert changed.sha256 != base.sha256
    assert at(changed.applied, place) == pytest.approx(expected)
    assert at(base.applied, place) != at(changed.applied, place)


def test_momentum_is_of_sgd(bench: Bench) -> None:
    sgd = [
        bench.train(f"{momentum}", training={"optimizer": "sgd", "momentum": momentum})
        for momentum in (0.0, 0.5)
    ]
    assert sgd[0].sha256 != sgd[1].sha256
    assert [ran.applied["optimizer"]["momentum"] for ran in sgd] == [0.0, 0.5]


@pytest.mark.parametrize(("optimizer", "apart"), [("sgd", None), ("adam", False), ("adamw", True)])
def test_weight_decay_is_in_the_gradient_but_for_adamw(
    bench: Bench, optimizer: str, apart: bool | None
) -> None:
    runs = [
        bench.train(f"{decay}", training={"optimizer": optimizer, "weight_decay": decay})
        for decay in (0.0, 0.5)
    ]
    assert runs[0].sha256 != runs[1].sha256
    applied = [ran.applied["optimizer"] for ran in runs]
    assert [facts["weight_decay"] for facts in applied] == [0.0, 0.5]
    assert applied[0].get("decoupled_weight_decay") is apart


# --- What `applied` is read from


def no_flips(**options: Any) -> Augmentation:
    return Augmentation(0.0, 0.0, 0)


def half_rate(parameters: Any, training: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, training.learning_rate / 2)


def no_schedule(optimizer: Any, *_: Any) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.ExponentialLR(optimizer, 1.0)


def keep_layout(module: nn.Module, *where: Any, memory_format: Any = None, **_: Any) -> nn.Module:
    return module


FAULTS: dict[str, tuple[Any, str, Any, dict[str, Any], str, Any]] = {
    "optimizer": (optimisation, "make_optimizer", half_rate, {}, "optimizer.class", "SGD"),
    "rate": (optimisation, "make_optimizer", half_rate, {}, "optimizer.initial_lr", 0.025),
    "schedule": (optimisation, "make_schedule", no_schedule, {}, "schedule.class", "ExponentialLR"),
    "precision": (
        loop,
        "resolve_precision",
        lambda name, device: torch.float32,
        {"training": {"precision": "bfloat16"}},
        "precision",
        "float32",
    ),
    "compile": (
        torch,
        "compile",
        lambda model: model,
        {"training": {"compile": True}},
        "compiled",
        False,
    ),
    "channels_last": (
        nn.Module,
        "to",
        keep_layout,
        {"training": {"channels_last": True}},
        "channels_last",
        False,
    ),
    "deterministic": (
        job,
        "set_arithmetic",
        lambda deterministic, compiled: None,
        {"training": {"deterministic": True}},
        "deterministic",
        False,
    ),
    "augmentation": (
        task_module,
        "Augmentation",
        no_flips,
        {"augmentation": {"horizontal_flip": 0.5}},
        "augmentation.horizontal_flip",
        0.0,
    ),
    "loss": (
        nn,
        "CrossEntropyLoss",
        lambda weight, reduction, **_: nn.modules.loss.CrossEntropyLoss(reduction=reduction),
        {"loss": {"label_smoothing": 0.5}},
        "loss.label_smoothing",
        0.0,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_applied_tells_of_the_objects_where_they_differ_from_the_config(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    owner, name, replacement, changes, place, expected = FAULTS[fault]
    torch.set_deterministic_debug_mode("default")
    monkeypatch.setattr(owner, name, replacement)
    assert at(bench.train(**changes).applied, place) == expected


# --- Schedules


def rates(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, **training: Any
) -> tuple[list[float], Ran]:
    """Return the learning rate of every optimiser step, and the run."""
    seen: list[float] = []
    step = torch.optim.AdamW.step

    def spy(self: torch.optim.AdamW, *arguments: Any) -> Any:
        seen.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    ran = bench.train(training={"steps": 12, "validations": 4, "learning_rate": 0.1, **training})
    return seen, ran


def warm(step: int, warm_steps: int) -> float:
    return min(1.0, (step + 1) / (warm_steps + 1))


SCHEDULES: dict[str, tuple[dict[str, Any], Callable[[int], float]]] = {
    "constant": ({}, lambda t: 1.0),
    "cosine": ({}, lambda t: (1 + math.cos(math.pi * t / 12)) / 2),
    "step": ({"step_epochs": 2, "step_factor": 0.2}, lambda t: 0.2 ** (t // 6)),
    "constant, warm": ({"warmup": 0.25}, lambda t: warm(t, 3)),
    "cosine, warm": (
        {"warmup": 0.25},
        lambda t: warm(t, 3) if t < 3 else (1 + math.cos(math.pi * (t - 3) / 9)) / 2,
    ),
    "step, warm": (
        {"warmup": 0.25, "step_epochs": 1, "step_factor": 0.5},
        lambda t: warm(t, 3) if t < 3 else 0.5 ** ((t - 3) // 3),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_step_has_the_rate_of_its_schedule_and_each_line_that_of_its_last_step(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    options, factor = SCHEDULES[name]
    schedule = name.partition(",")[0]
    seen, ran = rates(bench, monkeypatch, schedule=schedule, **options)
    assert seen == pytest.approx([0.1 * factor(step) for step in range(12)])
    assert [row["learning_rate"] for row in ran.epochs] == seen[2::3]


def test_the_schedule_and_its_warm_up_are_described_part_by_part(bench: Bench) -> None:
    ran = bench.train(training={"schedule": "step", "warmup": 0.5, "step_factor": 0.3})
    schedule = ran.applied["schedule"]
    assert schedule["class"] == "SequentialLR"
    rise, main = schedule["parts"]
    assert (rise["class"], rise["total_iters"]) == ("LinearLR", 3)
    assert rise["start_factor"] == pytest.approx(1 / 4)
    assert (main["class"], main["gamma"]) == ("StepLR", 0.3)


# --- Gradients and batches


def one_step_of_sgd(bench: Bench, name: str, **training: Any) -> Ran:
    plain = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0, "schedule": "constant"}
    return bench.train(
        name, training={"steps": 1, "validations": 1, "learning_rate": 1.0, **plain, **training}
    )


@pytest.fixture
def initial(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, torch.Tensor]]:
    """Return a list that gets the weights of each model as it is built."""
    built: list[dict[str, torch.Tensor]] = []
    build = ClassificationTask.build_model

    def spy(self: ClassificationTask) -> nn.Module:
        model = build(self)
        built.append({key: value.clone() for key, value in model.named_parameters()})
        return model

    monkeypatch.setattr(ClassificationTask, "build_model", spy)
    return built


def change_of(ran: Ran, before: dict[str, torch.Tensor]) -> torch.Tensor:
    after = ran.weights
    return torch.cat([(after[key] - value).flatten() for key, value in before.items()])


def test_the_recorded_gradient_norm_is_that_before_clipping(
    bench: Bench, initial: list[dict[str, torch.Tensor]]
) -> None:
    free = one_step_of_sgd(bench, "free")
    clipped = one_step_of_sgd(bench, "clipped", gradient_clip=0.05)
    norm = free.epochs[0]["gradient_norm"]
    # At rate 1 the step is the gradient.
    assert norm == pytest.approx(change_of(free, initial[0]).norm().item(), rel=1e-5)
    assert norm > 0.05
    assert clipped.epochs[0]["gradient_norm"] == pytest.approx(norm)
    assert change_of(clipped, initial[1]).norm().item() == pytest.approx(0.05, rel=1e-3)


def test_a_gradient_below_the_clip_is_left_alone(bench: Bench) -> None:
    free = one_step_of_sgd(bench, "free")
    loose = one_step_of_sgd(bench, "loose", gradient_clip=1e3)
    assert all(torch.equal(free.weights[key], value) for key, value in loose.weights.items())


@pytest.fixture
def _no_batch_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    # BatchNorm sees each part of a batch by itself: there the parts can't equal the whole.
    build = ClassificationTask.build_model

    def without(self: ClassificationTask) -> nn.Module:
        model = build(self)
        features = model.get_submodule("features")
        for name, layer in features.named_children():
            if isinstance(layer, nn.BatchNorm2d):
                setattr(features, name, nn.GroupNorm(1, layer.num_features))
        return model

    monkeypatch.setattr(ClassificationTask, "build_model", without)


@pytest.mark.usefixtures("_no_batch_norm")
@pytest.mark.parametrize(
    ("accumulation", "micro_batch_size"), [(2, 5), (3, 4), (4, 3), (7, 2), (10, 1)]
)
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_accumulation_gives_the_gradient_of_the_whole_batch(
    bench: Bench, accumulation: int, micro_batch_size: int, class_weights: str
) -> None:
    training = {"optimizer": "sgd", "batch_size": 10}
    loss = {"class_weights": class_weights, "label_smoothing": 0.1}
    whole = bench.train("whole", training=training, loss=loss)
    parts = bench.train("parts", training={**training, "accumulation": accumulation}, loss=loss)
    assert whole.applied["micro_batch_size"] == 10
    assert parts.applied["micro_batch_size"] == micro_batch_size
    assert parts.applied["batch_size"] == 10
    for key, value in whole.weights.items():
        torch.testing.assert_close(parts.weights[key], value, rtol=1e-4, atol=1e-6)
    for one, other in zip(whole.curve, parts.curve, strict=True):
        assert other["train_loss"] == pytest.approx(one["train_loss"], rel=1e-5)


def test_a_batch_is_cut_into_parts_of_the_recorded_size(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    training_loss = ClassificationTask.training_loss

    def spy(self: ClassificationTask, model: nn.Module, batch: Batch, progress: float) -> Any:
        sizes.append(len(batch[0]))
        return training_loss(self, model, batch, progress)

    monkeypatch.setattr(ClassificationTask, "training_loss", spy)
    ran = bench.train(training={"accumulation": 3, "steps": 2, "validations": 1})
    assert sizes == [3, 3, 2, 3, 3, 2]
    assert ran.applied["micro_batch_size"] == 3


def test_a_batch_is_never_larger_than_the_subset(bench: Bench) -> None:
    ran = bench.train(n_train=12, training={"batch_size": 64, "epochs": 2})
    assert (ran.applied["batch_size"], ran.applied["steps"]) == (12, 2)
    assert [row["passes"] for row in ran.epochs] == [1.0, 2.0]


# --- Budgets


def test_epochs_are_passes_over_the_subset(bench: Bench) -> None:
    ran = bench.train(training={"epochs": 3}, n_train=20)
    assert [row["step"] for row in ran.epochs] == [2, 4, 6]
    assert [row["passes"] for row in ran.epochs] == [1.0, 2.0, 3.0]
    assert (ran.record.epochs, ran.record.steps, ran.record.stopped_by) == (3, 6, "budget")


@pytest.mark.parametrize(
    ("steps", "validations", "ends"),
    [
        (6, 2, [3, 6]),
        (7, 3, [2, 4, 7]),
        (5, 4, [1, 2, 3, 5]),
        (4, 4, [1, 2, 3, 4]),
        (3, 1, [3]),
    ],
)
@pytest.mark.parametrize("n_train", [16, 56])
def test_steps_are_cut_into_as_many_epochs_as_validations_are_asked_for(
    bench: Bench, steps: int, validations: int, ends: list[int], n_train: int
) -> None:
    ran = bench.train(n_train=n_train, training={"steps": steps, "validations": validations})
    assert [row["step"] for row in ran.epochs] == ends
    assert (ran.record.steps, ran.record.epochs) == (steps, validations)
    assert ran.events[0]["epochs"] == validations


# --- Numbers and memory


def test_auto_precision_is_float32_without_cuda(bench: Bench) -> None:
    auto = bench.train("auto")
    assert auto.applied["precision"] == "float32"
    exact = bench.train("exact", training={"precision": "float32"})
    assert auto.sha256 == exact.sha256


def test_bfloat16_computes_in_bfloat16_and_keeps_float32_weights(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[torch.dtype] = set()
    training_loss = ClassificationTask.training_loss

    def spy(self: ClassificationTask, model: nn.Module, batch: Batch, progress: float) -> Any:
        seen.add(model(batch[0]).dtype)
        return training_loss(self, model, batch, progress)

    monkeypatch.setattr(ClassificationTask, "training_loss", spy)
    loss = {"class_weights": "balanced", "label_smoothing": 0.1}
    ran = bench.train(training={"precision": "bfloat16"}, loss=loss)
    assert seen == {torch.bfloat16}
    floats = {value.dtype for value in ran.weights.values() if value.is_floating_point()}
    assert floats == {torch.float32}


def test_channels_last_lays_out_the_convolutions_so(bench: Bench) -> None:
    plain = bench.train("plain")
    ran = bench.train("ran", training={"channels_last": True})
    assert (plain.applied["channels_last"], ran.applied["channels_last"]) == (False, True)
    key = "features.3.weight"
    assert ran.weights[key].is_contiguous(memory_format=torch.channels_last)
    assert plain.weights[key].is_contiguous()
    for key, value in plain.weights.items():
        torch.testing.assert_close(ran.weights[key], value, rtol=1e-2, atol=1e-3)


def test_compile_trains_through_the_compiled_model(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The smallest model and plain loops: of a cold start, the C compiler takes the most.
    from torch._inductor import config

    monkeypatch.setattr(config.cpp, "vec_isa_ok", False)
    monkeypatch.setattr(config.cpp, "simdlen", 1)
    monkeypatch.setattr(config, "compile_threads", 1)
    monkeypatch.setattr(
        ClassificationTask,
        "build_model",
        lambda self: nn.Sequential(nn.Flatten(), nn.Linear(256, 3), nn.ReLU()),
    )
    models: list[str] = []
    training_loss = ClassificationTask.training_loss

    def spy(self: ClassificationTask, model: nn.Module, batch: Batch, progress: float) -> Any:
        models.append(type(model).__name__)
        return training_loss(self, model, batch, progress)

    monkeypatch.setattr(ClassificationTask, "training_loss", spy)
    plain = bench.train("plain")
    ran = bench.train("compiled", training={"compile": True})
    assert models == ["Sequential"] * 6 + ["OptimizedModule"] * 6
    assert (plain.applied["compiled"], ran.applied["compiled"]) == (False, True)
    assert ran.applied["deterministic"]
    assert ran.weights.keys() == plain.weights.keys()
    for key, value in plain.weights.items():
        torch.testing.assert_close(ran.weights[key], value, rtol=1e-3, atol=1e-4)
    assert bench.evaluate(ran).metrics["loss"] == pytest.approx(
        bench.evaluate(plain).metrics["loss"], rel=1e-3
    )


@pytest.mark.parametrize("deterministic", [True, False])
def test_deterministic_chooses_the_algorithms_of_torch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, deterministic: bool
) -> None:
    seen: list[tuple[bool, bool, str | None]] = []
    step = Trainer._step

    def spy(self: Trainer, number: int) -> Any:
        seen.append(
            (
                torch.are_deterministic_algorithms_enabled(),
                torch.backends.cudnn.benchmark,
                os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
            )
        )
        return step(self, number)

    monkeypatch.setattr(Trainer, "_step", spy)
    ran = bench.train(training={"deterministic": deterministic})
    setting = ":4096:8" if deterministic else None
    assert set(seen) == {(deterministic, not deterministic, setting)}
    assert ran.applied["deterministic"] is deterministic


# --- Loss


def first_logits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, **loss: Any
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], float]:
    """Return log-probabilities and labels of a run's one batch, and its recorded loss."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    forward = nn.Module.__call__

    def spy(self: nn.Module, *inputs: Any) -> Any:
        outputs = forward(self, *inputs)
        if isinstance(self, nn.CrossEntropyLoss):
            seen.append((inputs[0].detach().double().log_softmax(1), inputs[1]))
        return outputs

    with monkeypatch.context() as patch:
        patch.setattr(nn.Module, "__call__", spy)
        ran = bench.train(training={"steps": 1, "validations": 1}, loss=loss)
    ((log_probabilities, labels),) = seen
    return log_probabilities.numpy(), labels.numpy(), ran.epochs[0]["train_loss"]


def test_label_smoothing_spreads_part_of_the_target_over_all_classes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, labels, recorded = first_logits(bench, monkeypatch, label_smoothing=0.3)
    targets = np.full(logs.shape, 0.3 / 3)
    targets[np.arange(len(labels)), labels] += 0.7
    assert recorded == pytest.approx(-(targets * logs).sum(axis=1).mean(), rel=1e-5)


def test_balanced_class_weights_are_inverse_to_the_counts_of_the_subset(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, labels, recorded = first_logits(bench, monkeypatch, class_weights="balanced")
    subset = np.repeat([0, 1, 2], [16, 8, 8])
    weights = compute_class_weight("balanced", classes=np.arange(3), y=subset)
    assert pytest.approx(weights) == BALANCED
    assert recorded == pytest.approx(
        -(weights[labels] * logs[np.arange(len(labels)), labels]).mean(), rel=1e-5
    )


def test_a_class_that_the_subset_lacks_does_not_shift_the_weights(bench: Bench) -> None:
    ran = bench.train(n_train=2, loss={"class_weights": "balanced"})
    counts = np.asarray(ran.record.subset.class_counts)
    assert sorted(counts) == [0, 1, 1]
    weights = np.asarray(ran.applied["loss"]["class_weights"])
    assert (counts * weights).sum() == pytest.approx(2)


# --- Monitor and early stopping, on scripted validation scores


def scripted(monkeypatch: pytest.MonkeyPatch, **scores: Sequence[float | None]) -> None:
    """Let the epochs' validations give these scores, one after the other."""
    epochs = [dict(zip(scores, row, strict=True)) for row in zip(*scores.values(), strict=True)]
    pending = iter(epochs)

    def score(
        self: ClassificationTask, model: Any, split: str, metrics: Any, *_: Any, details: bool
    ) -> Scores:
        assert (split, details) == ("validation", False)
        values = next(pending)
        missing = {name: "as scripted" for name, value in values.items() if value is None}
        return Scores({name: values.get(name, 0.5) for name in metrics}, missing)

    monkeypatch.setattr(ClassificationTask, "score", score)


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        ("loss", [3.0, 1.0, 2.0], 2),
        ("accuracy", [0.5, 0.25, 0.75], 3),
        ("auroc", [0.75, 0.25, 0.5], 1),
        ("ece", [0.5, 0.25, 0.25], 2),
    ],
)
def test_the_monitor_picks_the_epoch_by_its_own_direction(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, monitor: str, values: list[float], best: int
) -> None:
    scripted(monkeypatch, **{"loss": [0.5, 0.4, 0.3], monitor: values})
    record = (ran := bench.train(training={"monitor": monitor})).record
    assert (record.monitor, record.best_epoch, record.best_value) == (
        monitor,
        best,
        values[best - 1],
    )
    assert record.checkpoint is not None
    assert (record.checkpoint.epoch, record.checkpoint.step) == (best, 2 * best)
    assert record.best_validation_loss == ran.epochs[best - 1]["validation_loss"]
    assert [row[f"validation_{monitor}"] for row in ran.epochs] == values


@pytest.mark.parametrize("monitor", ["loss", "accuracy", "auroc"])
def test_each_monitor_is_scored_on_the_validation_split(bench: Bench, monitor: str) -> None:
    ran = bench.train(training={"monitor": monitor, "steps": 12, "validations": 6})
    values = [row[f"validation_{monitor}"] for row in ran.epochs]
    choose = min if monitor == "loss" else max
    assert ran.record.best_value == choose(values)
    assert ran.record.best_epoch == 1 + values.index(choose(values))
    assert [row["is_best"] for row in ran.epochs] == [
        value == choose(values[: at + 1]) and value not in values[:at]
        for at, value in enumerate(values)
    ]


def test_a_monitor_without_a_value_is_an_error_that_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted(monkeypatch, loss=[1.0], auroc=[None])
    bench.train(training={"monitor": "auroc"}, expected=1)
    error = capsys.readouterr().err
    assert "training.monitor is auroc" in error
    assert "as scripted" in error


STOPPING: dict[str, tuple[dict[str, Any], list[float], int, int]] = {
    # options, validation losses, epochs made, best epoch
    "never": ({}, [3, 4, 5, 6, 7], 5, 1),
    "patience 1": ({"patience": 1}, [3, 2, 2, 1, 0], 3, 2),
    "patience 2": ({"patience": 2}, [3, 4, 2, 4, 4], 5, 3),
    "patience is counted anew": ({"patience": 2}, [3, 4, 2, 4, 1], 5, 5),
    "warm-up": ({"patience": 1, "warmup": 3}, [3, 4, 5, 6, 0], 4, 1),
    "an improvement after warm-up": ({"patience": 1, "warmup": 2}, [3, 4, 2, 5, 0], 4, 3),
    "min_delta": ({"patience": 1, "min_delta": 0.5}, [3, 2.75, 1, 1, 1], 2, 2),
    "least change is one": ({"patience": 1, "min_delta": 0.5}, [3, 2.5, 2, 1.75, 0], 4, 4),
    "small gains add up": ({"patience": 2, "min_delta": 0.5}, [3, 2.75, 2.5, 2.25, 2], 5, 5),
}


@pytest.mark.parametrize("name", STOPPING)
def test_early_stopping(bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    options, losses, epochs, best = STOPPING[name]
    scripted(monkeypatch, loss=losses)
    ran = bench.train(training={"steps": 10, "validations": 5, "early_stopping": options})
    record = ran.record
    assert (record.epochs, record.best_epoch) == (epochs, best)
    assert record.steps == 2 * epochs
    assert len(ran.epochs) == epochs
    early = name not in ("never", "patience is counted anew", "small gains add up", "patience 2")
    assert record.stopped_by == ("early_stopping" if early else "budget")


def test_early_stopping_knows_a_monitor_that_should_rise(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, loss=[1.0] * 5, accuracy=[0.5, 0.75, 0.625, 0.625, 1.0])
    early = {"patience": 2, "min_delta": 0.125}
    ran = bench.train(
        training={"steps": 10, "validations": 5, "monitor": "accuracy", "early_stopping": early}
    )
    assert (ran.record.epochs, ran.record.best_epoch) == (4, 2)
