"""Ptychography in training, by the train job's own `main`."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studygrid.families import load_family
from studygrid.families.prepared import PreparedData
from studygrid.families.ptychography.canvas import canvas_side
from studygrid.families.ptychography.losses import PatternLoss
from studygrid.families.ptychography.models.network import Network
from studygrid.families.ptychography.models.patches import Patches
from studygrid.families.ptychography.samples import GroupSamples
from studygrid.families.ptychography.task import PtychographyTask
from tests.unit.conftest import Bench
from tests.unit.ptychography_bench import BASE, ENGINE, PHOTONS, SIDE, write_scans

FAMILY = load_family("ptychography")
PAIR = ("pinn", "baseline")
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Return a function that writes prepared data, once for each choice of options."""
    written: dict[str, Path] = {}

    def made(**options: Any) -> Path:
        key = repr(sorted(options.items()))
        if key not in written:
            written[key] = write_scans(tmp_path_factory.mktemp("scans") / "data", **options)
        return written[key]

    return made


@pytest.fixture
def bench(tmp_path: Path, write: Write) -> Bench:
    return Bench(tmp_path, write(), BASE)


def test_pinn_uses_no_object(bench: Bench, write: Write) -> None:
    known = bench.train("known")
    unknown = bench.train("unknown", data=write(unknown=("train", "validation")))
    assert unknown.weights.keys() == known.weights.keys()
    for name, values in known.weights.items():
        assert torch.equal(values, unknown.weights[name]), name
    for one, other in zip(known.curve, unknown.curve, strict=True):
        assert one["train_loss"] == other["train_loss"]
        assert one["validation_loss"] == other["validation_loss"]
        assert isinstance(one["validation_phase_mae"], float)
        assert other["validation_phase_mae"] is None


def test_baseline_without_the_object_names_the_model_the_file_and_what_to_do(
    bench: Bench, write: Write
) -> None:
    for split in ("train", "validation"):
        data = write(unknown=(split,))
        ran = bench.train(split, architecture="baseline", data=data, expected=1)
        log = (ran.folder / "training.log").read_text()
        assert "DataError" in log or "model tiny (baseline) is trained on patches" in log
        assert f"the {split} scan {split} scan ({split}.npz) is not known" in log
        assert "objectGuess" in log
        assert "grid.model" in log


def test_the_pair_has_the_same_network_and_starts_from_the_same_weights(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, torch.Tensor]] = []
    build = PtychographyTask.build_model

    def spy(self: PtychographyTask) -> torch.nn.Module:
        model = build(self)
        started.append({name: values.clone() for name, values in model.state_dict().items()})
        return model

    monkeypatch.setattr(PtychographyTask, "build_model", spy)
    pinn, baseline = (bench.train(name, architecture=name) for name in PAIR)
    assert pinn.applied["parameters"] == baseline.applied["parameters"]
    assert pinn.record.subset == baseline.record.subset
    assert started[0].keys() == started[1].keys()
    for name, values in started[0].items():
        assert torch.equal(values, started[1][name]), name
    assert pinn.applied["loss"]["class"] == "PatternLoss"
    assert baseline.applied["loss"]["class"] == "ObjectLoss"
    assert pinn.sha256 != baseline.sha256


@pytest.mark.parametrize("architecture", PAIR)
def test_it_learns_an_object_that_it_never_saw(bench: Bench, architecture: str) -> None:
    training = {"steps": 150, "batch_size": 16, "gradient_clip": 1.0, "learning_rate": 0.002}
    ran = bench.train(
        architecture=architecture,
        n_train="all",
        options={"width": 8},
        training={**training, "schedule": "cosine"},
    )
    record = bench.evaluate(ran, "phase_mae")
    assert record.metrics["phase_mae"] is not None
    assert record.metrics["phase_mae"] < 0.7 * record.chance["phase_mae"]


def test_the_loss_of_an_epoch_is_the_mean_over_its_groups(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    call = PatternLoss.__call__

    def spy(self: PatternLoss, patches: Any, groups: Any) -> torch.Tensor:
        losses = call(self, patches, groups)
        if losses.requires_grad:
            seen.extend(losses.tolist())
        return losses

    monkeypatch.setattr(PatternLoss, "__call__", spy)
    (first, second) = bench.train(training={"accumulation": 3}).epochs
    assert len(seen) == 48
    assert first["train_loss"] == pytest.approx(np.mean(seen[:24]), rel=1e-5)
    assert second["train_loss"] == pytest.approx(np.mean(seen[24:]), rel=1e-5)


@pytest.mark.parametrize("architecture", PAIR)
@pytest.mark.parametrize("gridsize", [1, 2])
def test_two_attempts_are_the_same_run_and_seeds_differ(
    bench: Bench, write: Write, architecture: str, gridsize: int
) -> None:
    data = write(gridsize=gridsize)
    first, again = (bench.train(name, architecture=architecture, data=data) for name in "ab")
    assert first.outcome == again.outcome
    other = bench.train("c", architecture=architecture, data=data, seed=1)
    assert first.curve != other.curve


@pytest.mark.parametrize("architecture", PAIR)
def test_groups_of_four_are_counted_as_groups(
    bench: Bench, write: Write, architecture: str
) -> None:
    data = write(gridsize=2)
    ran = bench.train(architecture=architecture, n_train=10, data=data)
    subset = ran.record.subset
    assert subset.count == subset.facts["groups"] == 10
    assert 10 < subset.facts["images"] <= 40
    assert ran.weights["encoder.0.0.weight"].shape[1] == 4 * 4
    record = bench.evaluate(ran, *FAMILY.metric_names, data=data)
    assert record.metrics["phase_mae"] is not None


def test_a_resumed_run_ends_as_one_that_was_not_stopped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bench.train("whole")
    step = PtychographyTask.training_batch
    calls: list[int] = []

    def stop(self: PtychographyTask, positions: torch.Tensor, generator: torch.Generator) -> Any:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return step(self, positions, generator)

    monkeypatch.setattr(PtychographyTask, "training_batch", stop)
    with pytest.raises(KeyboardInterrupt):
        bench.train("stopped", extra=("--resume-share", "0.99"))
    monkeypatch.setattr(PtychographyTask, "training_batch", step)
    resumed = bench.train("stopped")
    assert resumed.resumed == 1
    assert resumed.outcome == whole.outcome


@pytest.mark.parametrize("architecture", PAIR)
def test_bfloat16_trains_and_scores_finite_numbers(bench: Bench, architecture: str) -> None:
    ran = bench.train(architecture=architecture, training={"precision": "bfloat16"})
    plain = bench.train("plain", architecture=architecture)
    for one, other in zip(ran.epochs, plain.epochs, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=0.3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("gridsize", [1, 2])
@pytest.mark.parametrize("architecture", PAIR)
def test_it_trains_on_cuda_and_does_so_again(
    bench: Bench, write: Write, architecture: str, gridsize: int
) -> None:
    changes: dict[str, Any] = {"data": write(gridsize=gridsize), "architecture": architecture}
    ran = bench.train("a", device="cuda", **changes)
    assert all(math.isfinite(row["validation_loss"]) for row in ran.epochs)
    assert bench.train("b", device="cuda", **changes).outcome == ran.outcome


def test_a_run_that_diverges_is_a_result(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Network.forward

    def broken(self: Network, patterns: torch.Tensor) -> Patches:
        found = forward(self, patterns)
        return found._replace(phase=found.phase * math.nan)

    monkeypatch.setattr(Network, "forward", broken)
    ran = bench.train()
    assert ran.record.status.value == "diverged"
    assert "training loss is nan" in str(ran.record.reason)


# --- The engine


def test_the_engine_is_the_same_for_every_training_subset(tmp_path: Path, bench: Bench) -> None:
    engine = Bench(tmp_path, bench.data, ENGINE)
    ran = [engine.train(f"n{n}", n_train=n) for n in (8, "all")]
    first, second = (engine.evaluate(one, *FAMILY.metric_names) for one in ran)
    assert first.metrics == second.metrics
    assert first.metrics["phase_mae"] is not None
    assert first.metrics["phase_mae"] < 0.5 * first.chance["phase_mae"]
    assert [one.record.epochs for one in ran] == [1, 1]
    assert ran[0].applied["parameters"] == 0
    assert ran[0].applied["loss"]["class"] == "PatternLoss"
    assert FAMILY.find_architecture("iterative").learns is False  # type: ignore[union-attr]


def test_the_engine_starts_from_the_flat_object(tmp_path: Path, bench: Bench) -> None:
    engine = Bench(tmp_path, bench.data, ENGINE)
    ran = engine.train(n_train="all")
    data = PreparedData(bench.data)
    samples = GroupSamples(data, data.indices("train"), torch.device("cpu"))
    groups = samples.take(torch.arange(len(samples)))
    flat = Patches(torch.ones_like(groups.patterns), torch.zeros_like(groups.patterns))
    probes = torch.from_numpy(np.array(data.array("probes")))
    loss = PatternLoss(probes, PHOTONS, canvas_side(groups.positions, SIDE))
    (row,) = ran.epochs
    assert row["train_loss"] == pytest.approx(loss(flat, groups).mean().item(), rel=1e-4)
    # What it makes of the scan explains the patterns better than what it starts from.
    assert row["validation_loss"] < 0.5 * row["train_loss"]
