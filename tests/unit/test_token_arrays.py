"""The user's own events: what is read of NPZ and HDF5 files, and what is refused."""

from __future__ import annotations

import builtins
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from studygrid.errors import DataError
from studygrid.families.base import Architecture
from studygrid.families.events import FAMILY
from studygrid.families.events.data.arrays import prepare as preparing
from studygrid.families.events.data.arrays.classes import pdg_class
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.arrays.prepare import prepare
from studygrid.families.events.data.arrays.sources import (
    check_token_arrays,
    most_tokens,
    supervised_lacks_events,
    token_arrays_source,
    token_arrays_train_size,
)
from studygrid.families.prepared import PreparedParts
from studygrid.section import Section

Arrays = dict[str, NDArray[Any]]
TOKENS = 6


def _arrays(events: int = 40, seed: int = 0) -> Arrays:
    """Return good arrays by the default names; the last quarter are signals of two kinds."""
    random = np.random.default_rng(seed)
    mask = np.arange(TOKENS) < random.integers(2, TOKENS + 1, (events, 1))
    log_pt = -np.sort(-random.normal(4, 1, (events, TOKENS)), axis=1)
    angles = random.uniform((-2, -1.5), (2, 4.7), (events, TOKENS, 2))
    classes = random.integers(1, 6, (events, TOKENS, 1))
    tokens = np.concatenate([log_pt[..., None], angles, classes], axis=2) * mask[..., None]
    signals = events // 4
    return {
        "tokens": tokens.astype(np.float32),
        "mask": mask,
        "globals": random.normal(100, 10, (events, 2)).astype(np.float32),
        "labels": np.repeat([0, 1, 2], [events - signals, signals // 2, signals - signals // 2]),
    }


def _npz(path: Path, arrays: Arrays) -> Path:
    np.savez_compressed(path, allow_pickle=True, **arrays)
    return path


def _hdf5(path: Path, arrays: Arrays) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def _options(path: Path, **given: Any) -> TokenArraysOptions:
    files = {} if "background" in given else {"file": str(path)}
    return TokenArraysOptions.model_validate({**files, **given})


def _prepared(
    folder: Path, given: Arrays, resolution: int = TOKENS, /, **options: Any
) -> tuple[PreparedParts, Arrays]:
    path = _npz(folder / "events.npz", given)
    return _read(folder, _options(path, **options), resolution)


def _read(
    folder: Path, options: TokenArraysOptions, resolution: int = TOKENS
) -> tuple[PreparedParts, Arrays]:
    target = folder / "prepared"
    target.mkdir(exist_ok=True)
    parts = prepare(options, resolution, target)
    return parts, {name: np.load(target / f"{name}.npy") for name in parts.arrays}


def _message(folder: Path, given: Arrays, resolution: int = TOKENS, /, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        _prepared(folder, given, resolution, **options)
    return str(caught.value)


def test_a_good_file_is_kept_as_it_is(tmp_path: Path) -> None:
    given = _arrays()
    parts, found = _prepared(tmp_path, given)
    assert np.allclose(found["tokens"], given["tokens"][..., :3], atol=1e-6)
    assert np.array_equal(found["classes"], given["tokens"][..., 3])
    assert np.array_equal(found["mask"], given["mask"])
    assert np.array_equal(found["globals"], given["globals"])
    assert np.array_equal(found["label"], given["labels"])
    facts = parts.facts
    assert facts["signals"] == ["signal_1", "signal_2"]
    assert [each["name"] for each in facts["globals"]] == ["global_0", "global_1"]
    assert facts["left_out"] == []
    assert facts["files"][0]["events_put_in_order"] == 0
    assert parts.splits["train"].count + parts.splits["validation"].count < 30


def test_hdf5_gives_what_npz_gives(tmp_path: Path) -> None:
    given = _arrays()
    _, expected = _prepared(tmp_path, given)
    nested = {f"events/{name}": array for name, array in given.items()}
    names = {name: f"events/{name}" for name in given}
    path = _hdf5(tmp_path / "events.h5", nested)
    _, found = _read(tmp_path, _options(path, arrays=names))
    for name, array in expected.items():
        assert np.array_equal(found[name], array), name


def test_the_size_of_blocks_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = _arrays()
    _, expected = _prepared(tmp_path, given)
    monkeypatch.setattr(preparing, "_NUMBERS_AT_ONCE", 7 * TOKENS * 4)
    for path in (tmp_path / "events.npz", _hdf5(tmp_path / "events.h5", given)):
        _, found = _read(tmp_path, _options(path))
        assert all(np.array_equal(found[name], array) for name, array in expected.items())


def test_the_hardest_tokens_are_kept_and_come_first(tmp_path: Path) -> None:
    given = _arrays()
    _, expected = _prepared(tmp_path, given, 3)
    mixed = {name: array.copy() for name, array in given.items()}
    for event in range(len(mixed["tokens"])):
        count = int(mixed["mask"][event].sum())
        mixed["tokens"][event, :count] = mixed["tokens"][event, :count][::-1]
    parts, found = _prepared(tmp_path, mixed, 3)
    assert np.array_equal(found["tokens"], expected["tokens"])
    assert np.array_equal(found["classes"], expected["classes"])
    assert found["tokens"].shape[1] == 3
    assert parts.facts["files"][0]["events_put_in_order"] == len(given["tokens"])


def test_what_stands_in_padding_is_nobodys(tmp_path: Path) -> None:
    given = _arrays()
    _, expected = _prepared(tmp_path, given)
    given["tokens"][~given["mask"]] = np.nan
    _, found = _prepared(tmp_path, given)
    assert np.array_equal(found["tokens"], expected["tokens"])


def test_pt_in_mev_and_absolute_angles(tmp_path: Path) -> None:
    given = _arrays()
    _, expected = _prepared(tmp_path, given)
    axis = np.tile([[0.7, 3.0]], (len(given["tokens"]), 1))
    tokens = given["tokens"].astype(np.float64)
    phi = np.mod(tokens[..., 2] + axis[:, 1:] + np.pi, 2 * np.pi) - np.pi
    columns = [tokens[..., 3], tokens[..., 1] + axis[:, :1], phi, 1000 * np.exp(tokens[..., 0])]
    given["tokens"] = np.stack(columns, axis=2) * given["mask"][..., None]
    given["jet"] = axis
    options: dict[str, Any] = {"token_columns": ["class", "eta", "phi", "pt"], "pt_unit": "MeV"}
    parts, found = _prepared(tmp_path, given, arrays={"axis": "jet"}, **options)
    assert np.allclose(found["tokens"], expected["tokens"], atol=1e-5)
    assert parts.facts["axis"] == "the file's array `jet`"
    # Without an axis the hardest token is at 0, and differences are as they were.
    parts, found = _prepared(tmp_path, given, **options)
    assert np.allclose(found["tokens"][:, 0, 1:], 0, atol=1e-6)
    first, second = found["tokens"][:, :2, 1].T
    assert np.allclose(second - first, np.diff(expected["tokens"][:, :2, 1])[:, 0], atol=1e-5)
    assert parts.facts["axis"] == "the token with the most transverse momentum"


def test_delta_phi_is_wrapped(tmp_path: Path) -> None:
    given = _arrays()
    given["tokens"][:, 0, 2] = -3.0
    _, found = _prepared(tmp_path, given)
    assert np.allclose(found["tokens"][:, 0, 2], 2 * np.pi - 3, atol=1e-5)


def test_classes_by_name_by_pdg_id_in_an_array_and_none(tmp_path: Path) -> None:
    given = _arrays()
    classes = given["tokens"][..., 3].astype(int)
    ids = np.array([0, -211, 130, 22, -11, 13])
    given["tokens"][..., 3] = ids[classes]
    columns = ["log_pt", "delta_eta", "delta_phi"]
    parts, found = _prepared(tmp_path, given, token_columns=[*columns, "pdg_id"])
    assert np.array_equal(found["classes"], classes)
    assert parts.facts["classes"][:3] == ["padding", "charged_hadron", "neutral_hadron"]
    named = {"jet": [-211, 130], "other": [22, -11, 13]}
    parts, found = _prepared(tmp_path, given, classes=named)
    assert np.array_equal(found["classes"], np.array([0, 1, 1, 2, 2, 2])[classes])
    assert parts.facts["classes"] == ["padding", "jet", "other"]
    given["kind"] = classes.astype(np.uint8)
    _, found = _prepared(
        tmp_path, given, token_columns=[*columns, "ignored"], arrays={"classes": "kind"}
    )
    assert np.array_equal(found["classes"], classes)
    parts, found = _prepared(tmp_path, given, token_columns=[*columns, "ignored"])
    assert np.array_equal(found["classes"], given["mask"])
    assert parts.facts["classes"] == ["padding", "particle"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (22, "photon"),
        (-11, "electron"),
        (13, "muon"),
        (211, "charged_hadron"),
        (-321, "charged_hadron"),
        (2212, "charged_hadron"),
        (3112, "charged_hadron"),
        (-3334, "charged_hadron"),
        (4122, "charged_hadron"),
        (130, "neutral_hadron"),
        (310, "neutral_hadron"),
        (111, "neutral_hadron"),
        (-2112, "neutral_hadron"),
        (3122, "neutral_hadron"),
        (3322, "neutral_hadron"),
        (421, "neutral_hadron"),
        (12, None),
        (15, None),
        (5, None),
        (21, None),
        (0, None),
        (1000010020, None),
    ],
)
def test_pdg_ids(number: int, expected: str | None) -> None:
    assert pdg_class(number) == expected


def test_no_mask_only_where_zeros_are_said_to_be_padding(tmp_path: Path) -> None:
    given = _arrays()
    mask = given.pop("mask")
    assert "`mask`" in (message := _message(tmp_path, given))
    assert "mask_from_zeros" in message
    _, found = _prepared(tmp_path, given, mask_from_zeros=True)
    assert np.array_equal(found["mask"], mask)
    message = _message(tmp_path, {**given, "mask": mask}, mask_from_zeros=True)
    assert "beside mask_from_zeros" in message


def test_globals_have_names_and_units_and_mjj_is_left_out(tmp_path: Path) -> None:
    names = {"global_names": ["mjj", "met"], "global_units": {"met": "GeV"}}
    parts, _ = _prepared(tmp_path, _arrays(), **names)
    assert parts.facts["globals"] == [{"name": "mjj", "unit": "1"}, {"name": "met", "unit": "GeV"}]
    assert parts.facts["left_out"] == ["mjj"]


def test_globals_of_their_own_arrays(tmp_path: Path) -> None:
    given = _arrays()
    given["met"], given["njets"] = given.pop("globals").T
    parts, found = _prepared(tmp_path, given, arrays={"globals": ["njets", "met"]})
    assert np.array_equal(found["globals"], np.stack([given["njets"], given["met"]], axis=1))
    assert [each["name"] for each in parts.facts["globals"]] == ["njets", "met"]


def test_without_globals_there_are_those_of_the_tokens_or_a_remedy(tmp_path: Path) -> None:
    given = _arrays()
    del given["globals"]
    assert "globals_from_tokens" in _message(tmp_path, given)
    assert "globals_from_tokens" in _message(tmp_path, given, arrays={"globals": None})
    parts, found = _prepared(tmp_path, given, 2, arrays={"globals": None}, globals_from_tokens=True)
    assert [each["name"] for each in parts.facts["globals"]] == ["particles", "ht"]
    assert np.array_equal(found["globals"][:, 0], given["mask"].sum(axis=1))
    ht = (np.exp(given["tokens"][..., 0]) * given["mask"]).sum(axis=1)
    assert np.allclose(found["globals"][:, 1], ht, rtol=1e-5)


def test_files_of_their_own_for_background_and_signals(tmp_path: Path) -> None:
    given = _arrays()
    parts_of = {
        name: {key: array[given["labels"] == number] for key, array in given.items()}
        for number, name in enumerate(("background", "xy", "tt"))
    }
    for name, arrays in parts_of.items():
        arrays.pop("labels")
        (_hdf5 if name == "xy" else _npz)(tmp_path / f"{name}.npz", arrays)
    options = _options(
        tmp_path,
        background=str(tmp_path / "background.npz"),
        signals={"xy": [str(tmp_path / "xy.npz")], "tt": str(tmp_path / "tt.npz")},
    )
    assert check_token_arrays(options) == []
    parts, found = _read(tmp_path, options)
    assert np.array_equal(found["label"], given["labels"])
    assert parts.facts["signals"] == ["xy", "tt"]
    assert [each["key"] for each in parts.facts["files"]] == [
        "background",
        "signals.xy",
        "signals.tt",
    ]
    assert token_arrays_train_size(options) == parts.splits["train"].count


def test_signals_in_a_file_of_background_are_refused(tmp_path: Path) -> None:
    path = _npz(tmp_path / "all.npz", _arrays())
    with pytest.raises(DataError, match="take the signals out of it") as caught:
        _read(tmp_path, _options(path, background=str(path)))
    assert "10 events of the file; first event 30, 1" in str(caught.value)


@pytest.mark.parametrize("kind", ["text", "bytes", "numbers"])
def test_splits_of_the_file(tmp_path: Path, kind: str) -> None:
    given = _arrays()
    numbers = np.repeat([0, 1, 2, 3, 2], [20, 4, 6, 4, 6])
    words = np.array(["train", "validation", "test", "reference"])[numbers]
    given["split"] = {"text": words, "bytes": words.astype("S"), "numbers": numbers}[kind]
    options: dict[str, Any] = {"arrays": {"split": "split"}}
    parts, found = _prepared(tmp_path, given, **options)
    assert {name: split.count for name, split in parts.splits.items()} == {
        "train": 20,
        "validation": 4,
        "test": 12,
    }
    assert found["reference"].tolist() == [30, 31, 32, 33]
    assert parts.facts["split"] == "as the files' array `split` tells"
    chosen = _options(tmp_path / "events.npz", **options)
    assert token_arrays_train_size(chosen) == 20
    assert supervised_lacks_events(chosen, _architecture("supervised")) is None


def test_text_of_hdf5_is_a_split(tmp_path: Path) -> None:
    given = _arrays()
    words = ["train"] * 20 + ["val"] * 4 + ["test"] * 16
    path = _hdf5(tmp_path / "events.h5", {**given, "split": np.array(words, object)})
    parts, _ = _read(tmp_path, _options(path, arrays={"split": "split"}))
    assert parts.splits["validation"].count == 4


def test_signals_are_not_trained_on(tmp_path: Path) -> None:
    given = {**_arrays(), "split": np.repeat([0, 1, 2, 0, 7], [20, 4, 6, 5, 5])}
    message = _message(tmp_path, given, arrays={"split": "split"})
    assert "signals in train or validation" in message
    assert "first event 30" in message
    assert "expected train, validation, test, reference; found another value (5 events" in message


def _architecture(name: str) -> Architecture:
    return Architecture(name=name, build="", options=Section)


def test_supervised_is_refused_without_signals_to_learn_from(tmp_path: Path) -> None:
    path = _npz(tmp_path / "events.npz", _arrays())
    few = _options(path, reference_fraction=0.0)
    assert supervised_lacks_events(_options(path), _architecture("supervised")) is None
    assert supervised_lacks_events(few, _architecture("mlp")) is None
    assert "reference_fraction" in str(supervised_lacks_events(few, _architecture("supervised")))


def test_train_size_is_what_prepare_gives(tmp_path: Path) -> None:
    parts, _ = _prepared(tmp_path, _arrays())
    options = _options(tmp_path / "events.npz")
    assert token_arrays_train_size(options) == parts.splits["train"].count == 19
    assert token_arrays_train_size(_options(tmp_path / "none.npz")) is None


def test_the_source_is_of_the_content(tmp_path: Path) -> None:
    path = _npz(tmp_path / "events.npz", _arrays())
    before = token_arrays_source(_options(path), tmp_path)
    assert token_arrays_source(_options(path), tmp_path) == before
    _npz(path, _arrays(seed=1))
    assert token_arrays_source(_options(path), tmp_path) != before


def _with(name: str, value: Callable[[Arrays], NDArray[Any]]) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name] = value(arrays)

    return change


def _at(name: str, place: Any, value: float) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name] = arrays[name].astype(np.float64)
        arrays[name][place] = value

    return change


def _pickled(arrays: Arrays) -> NDArray[Any]:
    found = np.empty(len(arrays["tokens"]), object)
    for event, tokens in enumerate(arrays["tokens"]):
        found[event] = tokens.tolist()
    return found


def _structured(arrays: Arrays) -> NDArray[Any]:
    return arrays["tokens"].view([(name, "f4") for name in ("pt", "eta", "phi", "id")])[..., 0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_at("tokens", (3, 1, 0), np.nan), ["`tokens`", "NaN", "(1 event of", "event 3, token 1)"]),
        (_at("tokens", (3, 0, 1), np.inf), ["finite delta_eta"]),
        (_at("tokens", (3, 0, 0), 250.0), ["MeV", "not its logarithm"]),
        (_at("tokens", (3, 0, 2), 180.0), ["delta_phi within", "radians", ", 180"]),
        (_at("tokens", (3, 0, 3), 9), ["charged_hadron 1", ", 9)", "dataset.classes"]),
        (_at("tokens", (3, 0, 3), 1.5), ["dataset.classes"]),
        (_at("mask", (5, 0), 0), ["`mask`", "padding before a token", "first event 5"]),
        (_at("mask", (5, 1), 2), ["`mask`", "expected 0 or 1", ", 2)"]),
        (_at("mask", 5, 0), ["a token in each event", "first event 5"]),
        (_with("mask", lambda arrays: ~arrays["mask"]), ["save ~mask"]),
        (_at("globals", (7, 1), np.nan), ["`globals`", "column 1", "first event 7"]),
        (_at("globals", (7, 1), 1e300), ["`globals`", "column 1"]),
        (_at("labels", 2, -1), ["`labels`", "first event 2, -1"]),
        (_at("labels", 2, 0.5), ["`labels`", "first event 2, 0.5"]),
        (_with("labels", lambda arrays: arrays["labels"] * 2), ["signal_1, label 1", "gaps"]),
        (_with("labels", lambda arrays: np.eye(3)[arrays["labels"]]), ["argmax"]),
        (_with("labels", lambda arrays: arrays["labels"][:-1]), ["(39,)", "40 events"]),
        (_with("labels", lambda arrays: arrays["labels"].astype(str)), ["`labels`", "numbers"]),
        (_with("mask", lambda arrays: arrays["mask"][..., None]), ["np.squeeze"]),
        (_with("globals", lambda arrays: arrays["globals"][1:]), ["`globals`", "(39, 2)"]),
        (_with("tokens", _pickled), ["Python objects", "pad them"]),
        (_with("labels", lambda arrays: arrays["labels"].astype(object)), ["Python objects"]),
        (_with("tokens", lambda arrays: arrays["tokens"].astype(int)), ["float32", "int64"]),
        (_with("tokens", lambda arrays: arrays["tokens"].reshape(40, -1)), ["reshape"]),
        (_with("tokens", lambda arrays: arrays["tokens"].swapaxes(1, 2)), ["moveaxis"]),
        (_with("tokens", lambda arrays: arrays["tokens"][..., :3]), ["dataset.token_columns"]),
        (_with("tokens", lambda arrays: arrays["tokens"][:, :4]), ["resolution", "4 tokens"]),
        (_with("tokens", lambda arrays: arrays["tokens"][:0]), ["it is empty"]),
        (_with("tokens", _structured), ["fields pt, eta, phi, id"]),
    ],
)  # fmt: skip
def test_one_clear_error(
    tmp_path: Path, change: Callable[[Arrays], None], expected: list[str]
) -> None:
    arrays = _arrays()
    change(arrays)
    message = _message(tmp_path, arrays)
    assert "events.npz" in message
    for text in expected:
        assert text in message


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "_NUMBERS_AT_ONCE", 7 * TOKENS * 4)
    arrays = _arrays()
    arrays["tokens"][[3, 20], 0, 0] = np.nan
    arrays["tokens"][30, 0, 1] = 50
    message = _message(tmp_path, arrays)
    assert message.count("\n  `") == 2
    assert "2 events of the file; first event 3, token 0" in message
    assert "1 event of the file; first event 30, token 0, 50" in message


def test_a_near_name_is_suggested(tmp_path: Path) -> None:
    arrays = _arrays()
    arrays["label"] = arrays.pop("labels")
    assert "is it `label`?" in _message(tmp_path, arrays)


def test_pt_of_0_is_refused(tmp_path: Path) -> None:
    arrays = _arrays()
    columns = ["pt", "delta_eta", "delta_phi", "class"]
    arrays["tokens"][..., 0] = np.where(arrays["mask"], 5, 0)
    arrays["tokens"][4, 1, 0] = -1
    message = _message(tmp_path, arrays, token_columns=columns)
    assert "pt above 0" in message
    assert "first event 4, token 1, -1" in message


def test_names_of_globals_are_checked_before_a_study_starts(tmp_path: Path) -> None:
    path = _npz(tmp_path / "events.npz", _arrays())
    assert check_token_arrays(_options(path)) == []
    wrong = _options(path, global_names=["met", "ht"], left_out=["meet"], global_units={"x": "m"})
    problems = dict(check_token_arrays(wrong))
    assert "met" in problems["left_out"]
    assert "'x' is no global" in problems["global_units"]
    both = _options(path, left_out=["global_0", "global_1"])
    assert "leaves no global" in dict(check_token_arrays(both))["left_out"]
    with pytest.raises(DataError, match="leaves no global"):
        _read(tmp_path, both)
    same = _options(path, global_names=["ht", "met"], globals_from_tokens=True)
    assert "globals_from_tokens makes" in check_token_arrays(same)[0][1]
    few = _options(path, global_names=["met"])
    assert "`globals`: expected numbers (40, 1); found 2 columns" in check_token_arrays(few)[0][1]


def test_the_tokens_of_the_file_that_has_fewest_are_known_before_a_study_starts(
    tmp_path: Path,
) -> None:
    first = _npz(tmp_path / "a.npz", _arrays())
    assert most_tokens(_options(first)) == (TOKENS, f"`tokens` of {first}")
    per_token = {"tokens", "mask", "classes"}
    short = {
        name: array[:, :4] if name in per_token else array for name, array in _arrays().items()
    }
    second = _npz(tmp_path / "b.npz", short)
    assert most_tokens(_options(second)) == (4, f"`tokens` of {second}")
    assert most_tokens(_options(tmp_path / "none.npz")) is None


def test_files_differ_in_globals(tmp_path: Path) -> None:
    first = _npz(tmp_path / "a.npz", _arrays())
    other = _arrays()
    second = _npz(tmp_path / "b.npz", {**other, "globals": other["globals"][:, :1]})
    options = _options(tmp_path, file=[str(first), str(second)])
    assert "b.npz: `globals`: expected 2 columns" in check_token_arrays(options)[0][1]
    (tmp_path / "x").mkdir()
    twice = _options(tmp_path, file=[str(first), str(tmp_path / "x" / ".." / "a.npz")])
    assert "same file" in check_token_arrays(twice)[0][1]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "found empty"),
        (b"pt,eta\n1,2\n", "expected an .npz or HDF5 file"),
        (b"\x93NUMPY\x01\x00", "an .npy file of one array"),
        (b"PK\x03\x04 cut off", "ends too early"),
        (b"\x89HDF\r\n\x1a\n cut off", "cannot be read as HDF5"),
    ],
)
def test_what_is_no_file_of_arrays(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "events.npz"
    path.write_bytes(content)
    [(key, message)] = check_token_arrays(_options(path))
    assert key == "file"
    assert str(path) in message
    assert expected in message


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert "does not exist" in check_token_arrays(_options(tmp_path / "none.npz"))[0][1]
    assert "is not a file" in check_token_arrays(_options(tmp_path / "folder"))[0][1]


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = tmp_path / "events.npz"
    np.savez(path, allow_pickle=False, **_arrays())
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as"):
        _read(tmp_path, _options(path))


def test_a_shape_that_lies_about_its_bytes(tmp_path: Path) -> None:
    path = _npz(tmp_path / "events.npz", {k: v for k, v in _arrays().items() if k != "tokens"})
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 6, 4), }".ljust(117)
    with zipfile.ZipFile(path, "a") as archive:
        start = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
        archive.writestr("tokens.npy", start + header.encode() + b"\n")
    with pytest.raises(DataError, match="has 128 bytes"):
        _read(tmp_path, _options(path))


def test_events_of_more_bytes_than_fit_are_refused_by_their_shape(tmp_path: Path) -> None:
    path = tmp_path / "events.h5"
    with h5py.File(_hdf5(path, _arrays()), "a") as file:
        del file["tokens"]
        # Nothing is stored of it: a small file that says it is huge.
        file.create_dataset("tokens", shape=(40, 1 << 20, 4), dtype="f4", chunks=(1, 1024, 4))
    with pytest.raises(DataError, match="16384 tokens"):
        _read(tmp_path, _options(path))


def test_hdf5_kept_elsewhere_is_refused(tmp_path: Path) -> None:
    arrays = _arrays()
    other = _hdf5(tmp_path / "other.h5", arrays)
    path = tmp_path / "events.h5"
    tokens = arrays.pop("tokens")
    with h5py.File(_hdf5(path, arrays), "a") as file:
        file["tokens"] = h5py.ExternalLink(str(other), "/tokens")
        file["elsewhere"] = h5py.ExternalLink(str(other), "/")
        file["soft"] = h5py.SoftLink("/elsewhere/tokens")
        file["nowhere"] = h5py.SoftLink("/nothing")
        file["circle"] = h5py.SoftLink("/circle")
        file["group/tokens"] = tokens
        file["good"] = h5py.SoftLink("group/tokens")
        layout = h5py.VirtualLayout(shape=tokens.shape, dtype=tokens.dtype)
        layout[:] = h5py.VirtualSource(str(other), "tokens", shape=tokens.shape)
        file.create_virtual_dataset("virtual", layout)
    for name, expected in {
        "tokens": "an external link to",
        "soft": "an external link to",
        "virtual": "values are in other files",
        "nowhere": "expected an array; found none",
        "circle": "expected an array; found none",
        "group": "expected an array; found none",
    }.items():
        with pytest.raises(DataError) as caught:
            _read(tmp_path, _options(path, arrays={"tokens": name}))
        assert f"`{name}`" in str(caught.value)
        assert expected in str(caught.value)
    _, found = _read(tmp_path, _options(path, arrays={"tokens": "good"}))
    assert np.allclose(found["tokens"], tokens[..., :3], atol=1e-6)


def test_hdf5_that_is_cut_off(tmp_path: Path) -> None:
    path = _hdf5(tmp_path / "events.h5", _arrays())
    path.write_bytes(path.read_bytes()[:-500])
    assert "cannot be read as HDF5" in check_token_arrays(_options(path))[0][1]


def test_hdf5_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _hdf5(tmp_path / "events.h5", _arrays())
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "h5py":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "needs h5py" in check_token_arrays(_options(path))[0][1]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "name either"),
        ({"file": "a", "background": "b"}, "name either"),
        ({"file": "a", "signals": {"xy": "b"}}, "signal_names"),
        ({"background": "a", "signal_names": ["xy"]}, "signals"),
        ({"file": "a", "signal_names": ["xy", "xy"]}, "twice"),
        ({"file": "a", "signal_names": ["background"]}, "background"),
        ({"file": "a", "token_columns": ["pt", "log_pt", "eta", "phi"]}, "one of pt and log_pt"),
        ({"file": "a", "token_columns": ["pt", "eta", "delta_phi"]}, "eta and phi, or"),
        ({"file": "a", "token_columns": ["pt", "eta", "phi", "px"]}, "ignored"),
        ({"file": "a", "arrays": {"classes": "c"}}, "classes once"),
        ({"file": "a", "arrays": {"axis": "c"}}, "columns eta and phi"),
        ({"file": "a", "classes": {"a": 1, "b": [1, 2]}}, "names 1 twice"),
        ({"file": "a", "classes": {}}, "1 to 255"),
        ({"file": "a", "global_names": ["x"], "arrays": {"globals": ["x"]}}, "one array"),
        ({"file": []}, "at least 1"),
    ],
)
def test_options_that_do_not_go_together(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        TokenArraysOptions.model_validate(given)


def test_the_family_has_the_dataset() -> None:
    assert FAMILY.datasets["token_arrays"].prepare.endswith("arrays.prepare:prepare")
