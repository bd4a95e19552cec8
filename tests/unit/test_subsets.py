"""Training subsets: nested, stratified, of the training split alone."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studygrid.families.classification.task import ClassificationTask
from studygrid.training.subsets import nested_subset
from tests.unit.conftest import Bench

STREAMS = st.integers(0, 2**53 - 1)
LABELS = st.lists(st.integers(0, 9), min_size=1, max_size=80).map(np.asarray)


def class_counts(labels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.bincount(labels[chosen], minlength=10)


@settings(max_examples=60, deadline=None)
@given(labels=LABELS, stream=STREAMS)
def test_each_size_lies_within_the_next_and_holds_every_class_in_proportion(
    labels: np.ndarray, stream: int
) -> None:
    count = len(labels)
    totals = np.bincount(labels, minlength=10)
    smaller: set[int] = set()
    for size in range(1, count + 1):
        chosen = nested_subset(count, size, labels, stream)
        assert chosen.dtype == np.int64
        assert len(chosen) == size
        assert (np.diff(chosen) > 0).all()
        assert smaller < set(chosen.tolist()) <= set(range(count))
        shares = totals * size / count
        assert (np.abs(class_counts(labels, chosen) - shares) < 1).all()
        smaller = set(chosen.tolist())


def test_one_large_class_among_many_small_ones_does_not_crowd_them_out() -> None:
    labels = np.concatenate([np.zeros(10, int), np.arange(1, 10)])
    for size in range(1, 20):
        counts = class_counts(labels, nested_subset(19, size, labels, 0))
        assert abs(counts[0] - 10 * size / 19) < 1


@given(count=st.integers(1, 60), stream=STREAMS)
def test_without_classes_each_size_lies_within_the_next(count: int, stream: int) -> None:
    parts = [set(nested_subset(count, n, None, stream).tolist()) for n in range(1, count + 1)]
    assert [len(part) for part in parts] == list(range(1, count + 1))
    assert all(one < other for one, other in itertools.pairwise(parts))
    assert parts[-1] == set(range(count))


@given(labels=LABELS, stream=STREAMS)
def test_all_is_the_whole_split(labels: np.ndarray, stream: int) -> None:
    count = len(labels)
    assert nested_subset(count, count, labels, stream).tolist() == list(range(count))


@pytest.mark.parametrize("labels", [None, np.repeat([0, 1, 2, 3], 25)])
def test_every_sample_and_every_class_has_the_same_chance(labels: np.ndarray | None) -> None:
    drawn = np.concatenate([nested_subset(100, 10, labels, stream) for stream in range(600)])
    expected = 600 * 10 / 100
    # 5 standard deviations of a binomial count.
    assert np.abs(np.bincount(drawn, minlength=100) - expected).max() < 5 * np.sqrt(expected)


def test_the_first_class_of_equal_ones_is_drawn_at_random() -> None:
    labels = np.repeat([0, 1, 2, 3], 5)
    first = [int(labels[nested_subset(20, 1, labels, stream)][0]) for stream in range(400)]
    assert np.abs(np.bincount(first, minlength=4) - 100).max() < 5 * np.sqrt(75)


# --- Of a run


@pytest.mark.parametrize("size", [1, 10, 32, 55, 56, "all"])
def test_a_run_trains_on_samples_of_the_training_split_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, size: int | str
) -> None:
    trained_on: list[np.ndarray] = []
    start = ClassificationTask.start_training

    def spy(self: ClassificationTask, spec: object, subset: np.ndarray) -> None:
        trained_on.append(subset)
        start(self, spec, subset)  # type: ignore[arg-type]

    monkeypatch.setattr(ClassificationTask, "start_training", spy)
    subset = bench.train(n_train=size, training={"steps": 1, "validations": 1}).record.subset
    split = bench.prepared().indices("train")
    (chosen,) = trained_on
    assert set(chosen.tolist()) <= set(split.tolist())
    assert len(set(chosen.tolist())) == subset.count == (56 if size == "all" else size)
    assert subset.sha256 == hashlib.sha256(chosen.astype("<i8").tobytes()).hexdigest()
    assert subset.class_counts == np.bincount(bench.labels(chosen), minlength=3).tolist()


def test_all_and_the_number_of_all_are_the_same_subset(bench: Bench) -> None:
    short = {"steps": 1, "validations": 1}
    every, number = (bench.train(f"{n}", n_train=n, training=short) for n in ("all", 56))
    assert every.record.subset == number.record.subset


def test_another_seed_draws_another_subset_of_the_same_make_up(bench: Bench) -> None:
    short = {"steps": 1, "validations": 1}
    subsets = [bench.train(f"{n}", seed=n, training=short).record.subset for n in range(3)]
    assert len({subset.sha256 for subset in subsets}) == 3
    counts = np.asarray([subset.class_counts for subset in subsets])
    assert (np.abs(counts - 32 * np.asarray([28, 14, 14]) / 56) < 1).all()


def test_a_subset_larger_than_the_split_is_refused_in_words(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = bench.train(n_train=57, expected=1)
    assert not (ran.folder / "train.json").exists()
    error = capsys.readouterr().err
    assert error.startswith("error: n_train is 57, but the training split of arrays has 56 samples")
    assert "lower grid.n_train or write all" in error
