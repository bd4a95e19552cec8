"""Streams of random numbers: the same spec gives the same bits, and streams don't touch."""

from __future__ import annotations

import itertools
import random
import subprocess
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from studygrid.families import resident
from studygrid.families.base import Batch
from studygrid.families.classification.task import ClassificationTask
from studygrid.study import FixedStreams
from studygrid.training.randomness import BatchOrder, entropy, spawn_streams
from studygrid.training.subsets import nested_subset
from tests.unit.conftest import Bench, Ran, script

STREAMS = ("initialisation", "order", "augmentation", "subset")
# Everything that draws a number.
BUSY: dict[str, Any] = {
    "options": {"dropout": 0.5},
    "augmentation": {"horizontal_flip": 0.5, "vertical_flip": 0.5, "crop_padding": 2},
}


def test_the_same_spec_gives_the_same_bits_whatever_ran_before(bench: Bench) -> None:
    first = bench.train("first", **BUSY)
    torch.manual_seed(1234)
    np.random.seed(99)  # noqa: NPY002 (the global generator is what must not matter)
    random.seed(7)
    torch.rand(100)
    again = bench.train("again", **BUSY)
    assert again.outcome == first.outcome
    metrics = ("loss", "accuracy", "auroc")
    assert bench.evaluate(again, *metrics).metrics == bench.evaluate(first, *metrics).metrics


def test_processes_beside_each_other_give_the_bits_of_this_one(bench: Bench) -> None:
    here = bench.train("here", **BUSY)
    there = []
    for name in ("one", "other"):
        (bench.folder / name).mkdir()
        command, environment = script("train.py", *bench.arguments(name, bench.spec(**BUSY)))
        there.append(subprocess.Popen(command, env=environment))
    assert [process.wait(120) for process in there] == [0, 0]
    for name in ("one", "other"):
        assert Ran(bench.folder / name).outcome == here.outcome


def test_another_seed_gives_another_run(bench: Bench) -> None:
    runs = [bench.train(f"seed{seed}", seed=seed) for seed in (0, 1)]
    assert runs[0].sha256 != runs[1].sha256
    assert [ran.record.streams.seed for ran in runs] == [0, 1]


# --- Streams


@dataclass
class Draws:
    """What each stream decided in a run."""

    initialisation: list[bytes] = field(default_factory=list)
    order: list[list[int]] = field(default_factory=list)
    augmentation: list[tuple[int, int]] = field(default_factory=list)
    subset: list[list[int]] = field(default_factory=list)


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[Draws]:
    """Return a list that gets the draws of each run."""
    runs: list[Draws] = []
    start, build = ClassificationTask.start_training, ClassificationTask.build_model
    batch = ClassificationTask.training_batch

    def started(self: ClassificationTask, spec: Any, subset: np.ndarray[Any, Any]) -> None:
        runs.append(Draws())
        runs[-1].subset.append(subset.tolist())
        start(self, spec, subset)

    def built(self: ClassificationTask) -> nn.Module:
        model = build(self)
        runs[-1].initialisation += [
            value.detach().numpy().tobytes() for value in model.parameters()
        ]
        return model

    def drawn(
        self: ClassificationTask, positions: torch.Tensor, generator: torch.Generator
    ) -> Batch:
        runs[-1].order.append(positions.tolist())
        # Augmentation draws from the one generator, dropout from the other.
        runs[-1].augmentation.append((generator.initial_seed(), torch.initial_seed()))
        return batch(self, positions, generator)

    monkeypatch.setattr(ClassificationTask, "start_training", started)
    monkeypatch.setattr(ClassificationTask, "build_model", built)
    monkeypatch.setattr(ClassificationTask, "training_batch", drawn)
    return runs


@pytest.mark.parametrize("stream", STREAMS)
def test_fixing_a_stream_changes_that_stream_alone(
    bench: Bench, draws: list[Draws], stream: str
) -> None:
    base = bench.train("base", **BUSY)
    fixed = bench.train("fixed", training={"fixed_streams": {stream: 77}}, **BUSY)
    changed = [name for name in STREAMS if getattr(draws[0], name) != getattr(draws[1], name)]
    assert changed == [stream]
    assert fixed.sha256 != base.sha256
    recorded = [run.record.streams.model_dump() for run in (base, fixed)]
    assert [name for name in recorded[0] if recorded[0][name] != recorded[1][name]] == [stream]


@pytest.mark.parametrize("stream", STREAMS)
def test_a_fixed_stream_is_the_same_in_every_seed(
    bench: Bench, draws: list[Draws], stream: str
) -> None:
    fixed = {"fixed_streams": {stream: 5}}
    runs = [bench.train(f"seed{seed}", seed=seed, training=fixed, **BUSY) for seed in (0, 1)]
    same = [name for name in STREAMS if getattr(draws[0], name) == getattr(draws[1], name)]
    assert same == [stream]
    assert runs[0].sha256 != runs[1].sha256


def test_with_all_streams_fixed_the_seed_decides_nothing(bench: Bench) -> None:
    fixed = {"fixed_streams": dict.fromkeys(STREAMS, 3)}
    runs = [bench.train(f"seed{seed}", seed=seed, training=fixed, **BUSY) for seed in (0, 1)]
    assert runs[0].sha256 == runs[1].sha256


def test_a_stream_fixed_at_the_runs_own_seed_changes_nothing(bench: Bench) -> None:
    base = bench.train("base", seed=4)
    fixed = bench.train("fixed", seed=4, training={"fixed_streams": dict.fromkeys(STREAMS, 4)})
    assert fixed.sha256 == base.sha256


def test_augmentation_and_dropout_draw_anew_at_each_step(bench: Bench, draws: list[Draws]) -> None:
    bench.train()
    seeds = [seed for pair in draws[0].augmentation for seed in pair]
    assert len(set(seeds)) == 12


def test_training_options_do_not_touch_the_streams(bench: Bench, draws: list[Draws]) -> None:
    bench.train("base")
    bench.train("other", training={"optimizer": "sgd", "accumulation": 2}, **BUSY)
    assert draws[0] == draws[1]


@given(seed=st.integers(0, 2**32), other=st.integers(0, 2**32))
def test_streams_are_as_many_numbers_as_names_and_fit_into_json(seed: int, other: int) -> None:
    values = spawn_streams(seed, FixedStreams()).model_dump()
    assert values.pop("seed") == seed
    assert len(set(values.values())) == 4
    assert all(0 <= value < 2**53 for value in values.values())
    if seed != other:
        others = spawn_streams(other, FixedStreams()).model_dump()
        assert not set(values.values()) & set(list(others.values())[1:])


def test_entropy_is_that_of_numpys_seed_sequence() -> None:
    child = np.random.SeedSequence(3).spawn(2)[1]
    assert entropy(3, 1) == int(child.generate_state(1, np.uint64)[0]) >> 11


# --- Order


@given(
    count=st.integers(1, 40),
    size=st.integers(1, 40),
    stream=st.integers(0, 2**53 - 1),
    data=st.data(),
)
def test_each_pass_uses_each_sample_once_at_most_and_any_step_can_be_had_first(
    count: int, size: int, stream: int, data: st.DataObject
) -> None:
    size = min(size, count)
    order = BatchOrder(count, size, stream)
    per_pass = count // size
    batches = [order.batch(step).tolist() for step in range(3 * per_pass)]
    for start in range(0, 3 * per_pass, per_pass):
        used = list(itertools.chain.from_iterable(batches[start : start + per_pass]))
        assert len(used) == len(set(used)) == per_pass * size
        assert set(used) <= set(range(count))
    step = data.draw(st.integers(0, 3 * per_pass - 1))
    assert BatchOrder(count, size, stream).batch(step).tolist() == batches[step]


def test_each_pass_has_an_order_of_its_own() -> None:
    order = BatchOrder(20, 20, stream=1)
    passes = [order.batch(number).tolist() for number in range(4)]
    assert len({tuple(one) for one in passes}) == 4


def test_an_order_is_not_that_of_the_subset() -> None:
    # The same number as entropy of both streams: the draws still differ in use.
    drawn = nested_subset(20, 10, None, 1).tolist()
    assert BatchOrder(20, 10, 1).batch(0).tolist() != drawn


# --- Where the data lies


def test_data_too_large_for_memory_gives_the_same_bits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident_run = bench.train("resident", **BUSY)
    resident_scores = bench.evaluate(resident_run, "loss", "auroc", batch_size=7)
    monkeypatch.setattr(resident, "_SHARE_OF_FREE_MEMORY", 0.0)
    streamed = bench.train("streamed", **BUSY)
    streamed_scores = bench.evaluate(streamed, "loss", "auroc", batch_size=7)
    assert resident_run.applied["data_on_device"] is True
    assert streamed.applied["data_on_device"] is False
    assert streamed.sha256 == resident_run.sha256
    assert streamed.curve == resident_run.curve
    assert streamed_scores.metrics == resident_scores.metrics
    assert streamed_scores.tables == resident_scores.tables


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_samples_are_those_of_the_array_in_the_order_asked_for(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(resident, "_SHARE_OF_FREE_MEMORY", share)
    array = np.arange(60, dtype=np.uint8).reshape(20, 3)
    indices = np.asarray([17, 2, 9, 2, 0])
    samples = resident.Samples(array, indices, torch.device("cpu"))
    assert samples.on_device is (share > 0)
    assert len(samples) == 5
    positions = torch.tensor([3, 0, 4, 0])
    assert samples.take(positions).tolist() == array[indices[positions.numpy()]].tolist()
