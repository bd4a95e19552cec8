"""Events as arrays: their splits, their scaling, and what is refused."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.events.data import scaling
from studygrid.families.events.data.copies import event_digests, find_copies
from studygrid.families.events.data.drawing import EventSplits, draw_splits
from studygrid.families.events.data.options import EventOptions
from studygrid.families.events.data.parts import EventBlock, EventNames, write_parts
from studygrid.families.events.data.splits import reference_count
from studygrid.families.prepared import PreparedParts

NAMES = EventNames(
    signals=("xy", "wz"),
    classes=("padding", "charged_hadron", "photon"),
    globals=(("mjj", "GeV"), ("mass", "GeV")),
)
OPTIONS = EventOptions.model_validate({"test_fraction": 0.3})
LABEL = np.repeat(np.array([0, 1, 2], np.int8), (20, 6, 4))


def _block(count: int, tokens: int = 5, seed: int = 0) -> EventBlock:
    random = np.random.default_rng(seed)
    valid = np.arange(tokens) < random.integers(1, tokens + 1, (count, 1))
    values = random.normal((3.0, 0.5, 1.0), (1.0, 2.0, 0.1), (count, tokens, 3)) * valid[..., None]
    classes = random.integers(1, 3, (count, tokens)) * valid
    return EventBlock(
        values.astype(np.float32),
        classes.astype(np.uint8),
        random.normal((3000, 100), (300, 20), (count, 2)).astype(np.float32),
    )


def _part(block: EventBlock, start: int, end: int) -> EventBlock:
    return EventBlock(block.tokens[start:end], block.classes[start:end], block.globals[start:end])


def _write(
    folder: Path,
    blocks: Sequence[EventBlock],
    label: NDArray[np.int8] = LABEL,
    splits: EventSplits | None = None,
    **options: Any,
) -> PreparedParts:
    chosen = OPTIONS.model_copy(update=options)
    drawn = draw_splits(label, chosen) if splits is None else splits
    return write_parts(folder, iter(blocks), label, drawn, NAMES, chosen, 5, {"split": "drawn"})


def test_splits_have_exact_sizes_and_share_no_event() -> None:
    splits = draw_splits(LABEL, OPTIONS)
    assert [len(splits.train), len(splits.validation)] == [12, 2]
    assert np.bincount(LABEL[splits.test]).tolist() == [6, 3, 2]
    assert np.bincount(LABEL[splits.reference]).tolist() == [0, 3, 2]
    everything = np.concatenate(dataclasses.astuple(splits))
    assert sorted(everything.tolist()) == list(range(len(LABEL)))


def test_training_and_validation_are_background_alone() -> None:
    splits = draw_splits(LABEL, OPTIONS)
    assert not LABEL[splits.train].any()
    assert not LABEL[splits.validation].any()


def test_another_split_seed_draws_other_events() -> None:
    first = draw_splits(LABEL, OPTIONS)
    again = draw_splits(LABEL, OPTIONS)
    other = draw_splits(LABEL, OPTIONS.model_copy(update={"split_seed": 1}))
    assert first.train.tolist() == again.train.tolist() != other.train.tolist()


def test_more_events_of_one_signal_leave_the_background_and_other_signals_as_they_are() -> None:
    more = np.concatenate([LABEL, np.full(10, 2, np.int8)])
    before, after = draw_splits(LABEL, OPTIONS), draw_splits(more, OPTIONS)
    assert before.train.tolist() == after.train.tolist()
    of_first = [index for index in after.reference.tolist() if more[index] == 1]
    assert of_first == [index for index in before.reference.tolist() if LABEL[index] == 1]


@pytest.mark.parametrize(
    ("signal", "fraction", "expected"), [(10, 0.5, 5), (1, 0.5, 0), (1, 0.99, 0), (0, 0.5, 0)]
)
def test_a_signal_keeps_an_event_for_testing(signal: int, fraction: float, expected: int) -> None:
    assert reference_count(signal, fraction) == expected


def test_arrays_hold_the_events_in_order(tmp_path: Path) -> None:
    block = _block(30)
    parts = _write(tmp_path, [block])
    assert np.array_equal(np.load(tmp_path / "tokens.npy"), block.tokens)
    assert np.array_equal(np.load(tmp_path / "classes.npy"), block.classes)
    assert np.array_equal(np.load(tmp_path / "mask.npy"), block.classes > 0)
    assert np.array_equal(np.load(tmp_path / "globals.npy"), block.globals)
    assert np.array_equal(np.load(tmp_path / "label.npy"), LABEL)
    shapes = {name: (array.dtype, array.shape) for name, array in parts.arrays.items()}
    assert shapes == {
        "tokens": ("float32", [30, 5, 3]),
        "classes": ("uint8", [30, 5]),
        "mask": ("bool", [30, 5]),
        "globals": ("float32", [30, 2]),
        "label": ("int8", [30]),
        "reference": ("int64", [5]),
    }


def test_how_events_come_in_blocks_changes_nothing(tmp_path: Path) -> None:
    block = _block(30)
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    one = _write(tmp_path / "one", [block])
    many = _write(tmp_path / "many", [_part(block, 0, 7), _part(block, 7, 8), _part(block, 8, 30)])
    assert one == many


def test_facts_count_each_label_in_each_split(tmp_path: Path) -> None:
    facts = _write(tmp_path, [_block(30)]).facts
    assert facts["counts"] == {
        "background": {"train": 12, "validation": 2, "test": 6, "reference": 0},
        "xy": {"train": 0, "validation": 0, "test": 3, "reference": 3},
        "wz": {"train": 0, "validation": 0, "test": 2, "reference": 2},
    }
    assert facts["reference_count"] == 5
    assert facts["signals"] == ["xy", "wz"]
    assert facts["left_out"] == ["mjj"]
    assert facts["globals"][1] == {"name": "mass", "unit": "GeV"}


def test_scaling_is_of_the_valid_tokens_of_the_training_split(tmp_path: Path) -> None:
    block = _block(30)
    facts = _write(tmp_path, [block]).facts
    train = draw_splits(LABEL, OPTIONS).train
    valid = block.tokens[train][block.classes[train] > 0].astype(np.float64)
    tokens, values = facts["scaling"]["tokens"], facts["scaling"]["globals"]
    assert tokens["mean"] == pytest.approx(valid.mean(axis=0).tolist())
    assert tokens["sd"] == pytest.approx(valid.std(axis=0).tolist())
    assert values["sd"] == pytest.approx(block.globals[train].astype(np.float64).std(0).tolist())


def test_scaling_in_small_pieces_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    block, indices = _block(30), np.arange(1, 30, 2)
    whole = scaling.token_scaling(block.tokens, block.classes > 0, indices)
    monkeypatch.setattr(scaling, "_EVENTS_AT_ONCE", 4)
    pieces = scaling.token_scaling(block.tokens, block.classes > 0, indices)
    assert pieces["mean"] == pytest.approx(whole["mean"])
    assert pieces["sd"] == pytest.approx(whole["sd"])


def test_what_never_varies_is_divided_by_one() -> None:
    values = np.full((7, 2), 91.1876, np.float32)
    values[:, 1] = 0
    assert scaling.global_scaling(values, np.arange(7))["sd"] == [1.0, 1.0]


def test_a_narrow_global_far_from_0_keeps_its_spread() -> None:
    values = np.array([[1e6 - 8], [1e6 + 8]] * 50, np.float32)
    found = scaling.global_scaling(values, np.arange(100))
    assert found == {"mean": [1e6], "sd": [8.0]}


def test_equal_events_in_two_splits_are_told(tmp_path: Path) -> None:
    block, splits = _block(30), draw_splits(LABEL, OPTIONS)
    train, test = int(splits.train[0]), int(splits.test[0])
    _copy(block, train, test)
    parts = _write(tmp_path, [block])
    assert parts.facts["copies_across_splits"] == 1
    assert parts.duplicates[0].splits == ["train", "test"]
    assert parts.duplicates[0].samples == [f"event {train}", f"event {test}"]


def test_equal_events_in_one_split_are_no_leak() -> None:
    block, splits = _block(30), draw_splits(LABEL, OPTIONS)
    _copy(block, int(splits.train[0]), int(splits.train[1]))
    found = find_copies(event_digests(block.tokens, block.classes, block.globals), splits)
    assert found.count == 0
    assert found.listed == []


def test_a_reference_event_that_is_tested_on_is_left_out(tmp_path: Path) -> None:
    block, splits = _block(30), draw_splits(LABEL, OPTIONS)
    signal = next(index for index in splits.test.tolist() if LABEL[index] == 1)
    _copy(block, signal, int(splits.reference[0]))
    parts = _write(tmp_path, [block])
    assert np.load(tmp_path / "reference.npy").tolist() == splits.reference[1:].tolist()
    assert parts.facts["reference_copies_left_out"] == 1
    assert parts.facts["reference_count"] == 4


def _copy(block: EventBlock, source: int, target: int) -> None:
    for array in (block.tokens, block.classes, block.globals):
        array[target] = array[source]


def _with_nan_token(block: EventBlock) -> None:
    block.tokens[8, 0, 1] = np.nan


def _with_infinite_global(block: EventBlock) -> None:
    block.globals[8, 1] = np.inf


def _without_particle(block: EventBlock) -> None:
    block.classes[8] = 0


def _with_a_gap(block: EventBlock) -> None:
    block.classes[8] = [1, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("break_it", "fault"),
    [
        (_with_nan_token, "a token that is not finite"),
        (_with_infinite_global, "a global that is not finite"),
        (_without_particle, "no particle"),
        (_with_a_gap, "a particle after padding"),
    ],
)
def test_a_broken_event_is_named(break_it: Any, fault: str, tmp_path: Path) -> None:
    block = _block(30)
    break_it(block)
    with pytest.raises(DataError, match=f"^event 8 .* has {fault}, and 0 more of 23"):
        _write(tmp_path, [_part(block, 0, 7), _part(block, 7, 30)])


@pytest.mark.parametrize("count", [0, 29, 31])
def test_another_number_of_events_than_labels_is_refused(count: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds another number of events than its labels"):
        _write(tmp_path, [_block(count)])


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    label = np.zeros(30, np.int8)
    none = np.empty(0, np.int64)
    splits = dataclasses.replace(draw_splits(label, OPTIONS), validation=none)
    with pytest.raises(DataError, match="validation split has no event"):
        _write(tmp_path, [_block(30)], label, splits)


def test_without_signals_there_is_no_reference(tmp_path: Path) -> None:
    facts = _write(tmp_path, [_block(30)], np.zeros(30, np.int8)).facts
    assert facts["reference_count"] == 0
    assert facts["tokens_per_event"]["xy"] is None


@pytest.mark.parametrize(
    ("left_out", "fault"), [(["mass2"], "mass2: no such global"), (["mjj", "mass"], "no global")]
)
def test_globals_that_cannot_be_left_out_are_refused(
    left_out: list[str], fault: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=fault):
        _write(tmp_path, [_block(30)], left_out=left_out)


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100))
    with pytest.raises(DataError, match="make room, or take fewer events or tokens"):
        _write(tmp_path, [_block(30)])
    assert not list(tmp_path.iterdir())
