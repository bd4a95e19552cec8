"""Files of scans: what is read, refused with which words, and written."""

from __future__ import annotations

import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from studygrid.errors import ConfigError, DataError
from studygrid.families.base import SPLITS
from studygrid.families.prepared import PreparedParts
from studygrid.families.ptychography.data.files.options import ScanFilesOptions
from studygrid.families.ptychography.data.files.prepare import prepare
from studygrid.families.ptychography.data.files.quanta import counts_whole
from studygrid.families.ptychography.data.files.reading import ScanFile, read_scan
from studygrid.families.ptychography.data.files.simulate import main, options_for, simulate_files
from studygrid.families.ptychography.data.files.sources import (
    check_scan_files,
    scan_files_source,
    scan_files_train_size,
)
from studygrid.families.ptychography.data.files.writing import write_scan
from studygrid.families.ptychography.data.scans import Scan
from studygrid.families.ptychography.data.simulated.prepare import prepare as prepare_simulated
from studygrid.plan import make_plan
from studygrid.preparation import prepare_data
from studygrid.spec import DataSpec
from tests.unit.scan_files_made import (
    SIDE,
    Arrays,
    made_arrays,
    made_object,
    made_pair,
    write_npz,
)

Change = Callable[[Arrays], None]


def read(path: Path, *, side: int = SIDE, needs_object: bool = True) -> ScanFile:
    return read_scan(path, side, path.with_suffix(".copy.npy"), needs_object=needs_object)


def error_of(path: Path, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    return str(caught.value)


def set_to(**arrays: NDArray[Any]) -> Change:
    return lambda found: found.update(arrays)


def changed(key: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Change:
    return lambda found: found.update({key: change(found[key])})


def renamed(old: str, new: str) -> Change:
    return lambda found: found.update({new: found.pop(old)})


def without(key: str) -> Change:
    def drop(found: Arrays) -> None:
        del found[key]

    return drop


def put(place: Any, value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def change(array: NDArray[Any]) -> NDArray[Any]:
        array = array.copy()
        array[place] = value
        return array

    return change


def counts_of(amplitudes: NDArray[Any]) -> NDArray[Any]:
    """Return the counts, whole numbers, that normalised amplitudes were made of."""
    squares = np.square(amplitudes.astype(np.float64))
    counts: NDArray[Any] = np.rint(squares / squares[squares > 0].min())
    return counts


def swap_coordinates(found: Arrays) -> None:
    found["xcoords"], found["ycoords"] = found["ycoords"], found["xcoords"]


def to_corners(found: Arrays) -> None:
    found["xcoords"], found["ycoords"] = found["xcoords"] - SIDE / 2, found["ycoords"] - SIDE / 2


def keep_both(found: Arrays) -> None:
    found["diff3d"] = found["diffraction"]


BROKEN: dict[str, tuple[Change, list[str]]] = {
    "no patterns": (
        without("diffraction"),
        ["`diffraction`: expected an array; found none (the file holds Y, objectGuess, "],
    ),
    "a misspelt key": (
        renamed("probeGuess", "probeguess"),
        ["`probeGuess`", "rename `probeguess`"],
    ),
    "no object in a test file": (
        without("objectGuess"),
        ["`objectGuess`", "without it no object can be scored; `Y` are patches, and not the obj"],
    ),
    "both names of the patterns": (
        keep_both,
        ["`diff3d`: expected one of `diffraction` and `diff3d`; found both; delete one"],
    ),
    "raw counts": (
        lambda a: a.update(diff3d=counts_of(a.pop("diffraction")).astype(np.uint16)),
        [
            "`diff3d`: expected float32 (n, N, N); found uint16 (81, 16, 16); they are counts, "
            "which are intensity: save np.sqrt of them, divided by one number"
        ],
    ),
    "counts as float32": (
        changed("diffraction", lambda a: counts_of(a).astype(np.float32)),
        [
            "expected amplitude, the square root of counts; found whole multiples of 1 (up to ",
            "as counts are; it is intensity: save np.sqrt(diffraction), divided by its largest",
        ],
    ),
    "counts divided by their maximum": (
        changed("diffraction", lambda a: (counts_of(a) / counts_of(a).max()).astype("f4")),
        ["found whole multiples of ", "it is intensity"],
    ),
    "roots of counts": (
        changed("diffraction", lambda a: np.sqrt(counts_of(a)).astype(np.float32)),
        [
            "expected normalised amplitude: a maximum below 10, or a mean sum of squares of "
            "(N/2)^2 = 64; found ",
            "it is the square root of counts: save diffraction / diffraction.max",
        ],
    ),
    "not normalised": (
        changed("diffraction", lambda a: (a * 50 + 1e-3).astype(np.float32)),
        ["found 50.001, and ", "save diffraction / diffraction.max(); if it is intensity, take"],
    ),
    "intensity without noise": (
        changed("diffraction", lambda a: np.square(a + 1e-4)),
        [
            "`diffraction`: expected patterns that `objectGuess` and the probe at xcoords, ycoords "
            "explain; found an error of ",
            " if it is intensity, of which np.sqrt is the amplitude",
        ],
    ),
    "complex patterns": (
        changed("diffraction", lambda a: a.astype(np.complex64)),
        ["`diffraction`: expected float32 (n, N, N); found complex64 (81, 16, 16)"],
    ),
    "a channel axis": (
        changed("diffraction", lambda a: a[..., None]),
        ["found float32 (81, 16, 16, 1); save it without its axes of length 1, np.squeeze"],
    ),
    "patterns last": (
        changed("diffraction", lambda a: np.moveaxis(a, 0, -1)),
        ["`diffraction`: expected (n, N, N); found (16, 16, 81); the patterns are last: np.movea"],
    ),
    "not square": (
        changed("diffraction", lambda a: a[:, :, :14]),
        ["expected square patterns of an even side N >= 16; found 16 x 14 px"],
    ),
    "an odd side": (
        lambda a: a.update(
            diffraction=np.pad(a["diffraction"], ((0, 0), (0, 1), (0, 1))),
            probeGuess=np.pad(a["probeGuess"], (0, 1)),
            Y=np.pad(a["Y"], ((0, 0), (0, 1), (0, 1))),
        ),
        ["expected square patterns of an even side N >= 16; found 17 x 17 px; crop or bin"],
    ),
    "another number of coordinates": (
        changed("ycoords", lambda a: a[:-1]),
        ["`ycoords`: expected 81 values, as many as `diffraction`; found 80"],
    ),
    "no patterns at all": (
        changed("diffraction", lambda a: a[:0]),
        ["found float32 (0, 16, 16); it is empty"],
    ),
    "NaN in a pattern": (
        changed("diffraction", put((4, 0, 0), np.nan)),
        [
            "`diffraction`: expected finite float32 (n, N, N); found NaN or infinity in 1 of 81 "
            "patterns (4)"
        ],
    ),
    "negative values": (
        changed("diffraction", put((slice(2, 7), 3, 3), -0.25)),
        ["expected values of 0 or more; found values down to -0.25 in 5 of 81 patterns (2, 3, "],
    ),
    "a dark pattern": (
        changed("diffraction", put(80, 0)),
        ["expected some light in each pattern; found only 0 in 1 of 81 patterns (80)"],
    ),
    "a real object": (
        changed("objectGuess", np.abs),
        ["`objectGuess`: expected complex64 (M, M'); found float32 (48, 54); it is real; save amp"],
    ),
    "NaN in the object": (
        changed("objectGuess", put((0, 0), np.nan)),
        ["`objectGuess`: expected finite complex64 (M, M'); found NaN or infinity in 1 of 2592 px"],
    ),
    "a probe of another shape": (
        changed("probeGuess", lambda a: a[:12, :12]),
        ["`probeGuess`: expected 16 x 16 px, as the patterns; found 12 x 12 px"],
    ),
    "probe modes": (
        changed("probeGuess", lambda a: np.stack([a, a])),
        ["`probeGuess`: expected complex64 (N, N); found complex64 (2, 16, 16); save one coherent"],
    ),
    "a probe without light": (
        changed("probeGuess", np.zeros_like),
        ["that is not 0; found only 0"],
    ),
    "infinite coordinates": (
        changed("xcoords", put(7, np.inf)),
        ["`xcoords`: expected finite float64 (n,); found NaN or infinity at 1 of 81 patterns (7)"],
    ),
    "positions outside": (
        changed("xcoords", lambda a: a + 20),
        [
            "`xcoords, ycoords`: expected centres of patches within `objectGuess`: x from 8 to 46, "
            "y from 8 to 40 px; found x from 28 to 55",
            "leave it, by up to 9 px; give the object a",
        ],
    ),
    "positions from the middle": (
        lambda a: a.update(xcoords=a["xcoords"] - 27, ycoords=a["ycoords"] - 24),
        ["all are inside if they count from the middle of the object: add half its sides"],
    ),
    "positions of corners": (
        to_corners,
        ["leave it, by up to 8 px; all are inside if they are of the patches' first px: add N/2"],
    ),
    "swapped coordinates": (
        swap_coordinates,
        ["`xcoords, ycoords`: expected patterns that", " if x and y were swapped; save it so that"],
    ),
    "patterns with their centre in a corner": (
        changed("diffraction", lambda a: np.fft.ifftshift(a, axes=(1, 2))),
        [
            "`diffraction`: expected patterns that",
            " if its centre were moved to px N/2, np.fft.fft",
        ],
    ),
    "patches of other places": (
        changed("Y", lambda a: np.roll(a, 9, axis=0)),
        ["`Y`: expected the patches of `objectGuess` around xcoords, ycoords; found a "],
    ),
    "scan index of another length": (
        set_to(scan_index=np.arange(3)),
        ["`scan_index`: expected 81 values"],
    ),
    "scan index that is not whole": (
        set_to(scan_index=np.arange(81.0)),
        ["`scan_index`: expected int64 (n,); found float64 (8"],
    ),
    "None as object": (
        set_to(objectGuess=np.array(None)),
        [
            "`objectGuess`: expected complex64 (M, M'); found pickled Python objects (); "
            "numpy.savez pickles None"
        ],
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_refused_with_key_expected_and_found(kind: str, tmp_path: Path) -> None:
    arrays = made_arrays()
    change, parts = BROKEN[kind]
    change(arrays)
    message = error_of(write_npz(tmp_path / "scan.npz", arrays))
    assert message.startswith(f"{tmp_path / 'scan.npz'}: 1 thing is wrong"), message
    for part in parts:
        assert part in message


def test_all_violations_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    arrays = made_arrays()
    for kind in ("a real object", "negative values", "probe modes", "infinite coordinates"):
        BROKEN[kind][0](arrays)
    message = error_of(write_npz(tmp_path / "scan.npz", arrays))
    assert "4 things are wrong" in message
    for key in ("`diffraction`", "`objectGuess`", "`probeGuess`", "`xcoords`"):
        assert f"\n  {key}: expected " in message


def test_another_resolution_is_refused_and_the_one_that_fits_named(tmp_path: Path) -> None:
    message = error_of(write_npz(tmp_path / "scan.npz", made_arrays()), side=64)
    assert "expected 64 x 64 px, the config's resolution; found 16 x 16 px" in message
    assert "set grid.resolution to [16]" in message


def not_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """Return paths that are no .npz file, and what must be said of them."""
    whole = write_npz(folder / "whole.npz", made_arrays()).read_bytes()
    paths = {
        "empty": b"",
        "text": b"xcoords,ycoords\n1,2\n",
        "truncated": whole[: len(whole) // 2],
        "hdf": b"\x89HDF\r\n\x1a\n" + bytes(99),
    }
    for name, content in paths.items():
        (folder / f"{name}.npz").write_bytes(content)
    np.save(folder / "array.npy", np.zeros(3))
    (folder / "folder.npz").mkdir()
    with zipfile.ZipFile(folder / "zip.npz", "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    says = {
        "empty.npz": "it is empty",
        "text.npz": "it is no zip archive",
        "truncated.npz": "it is a zip archive that ends too early, or is damaged",
        "hdf.npz": "it is an HDF5 file",
        "array.npy": "it is an .npy file of one array",
        "folder.npz": "is not a file",
        "missing.npz": "does not exist",
        "zip.npz": "`diffraction`: expected an array; found none (the file holds no array)",
    }
    return {name: (folder / name, text) for name, text in says.items()}


def test_what_is_no_npz_is_refused_by_what_it_is(tmp_path: Path) -> None:
    for path, text in not_files(tmp_path).values():
        assert text in error_of(path)


def test_a_pickled_array_that_is_not_asked_for_is_passed_over(tmp_path: Path) -> None:
    metadata = np.array('{"nphotons": 1e6}', dtype=object)
    arrays = {**made_arrays(), "_metadata": metadata}
    scan = read(write_npz(tmp_path / "scan.npz", arrays))
    assert scan.facts["passed_over"] == ["_metadata"]


def test_a_key_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "scan.npz", made_arrays())
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("Y.npy", archive.read("Y.npy"))
    assert "it holds Y.npy 2 times" in error_of(path)


def test_damaged_bytes_are_refused_or_read_and_never_crash(tmp_path: Path) -> None:
    arrays = made_arrays(rows=3)
    np.savez(tmp_path / "plain.npz", **arrays)  # uncompressed: flips reach headers and values
    plain = (tmp_path / "plain.npz").read_bytes()
    packed = write_npz(tmp_path / "packed.npz", arrays).read_bytes()
    chance, broken = random.Random(0), tmp_path / "broken.npz"
    messages = []
    for number in range(240):
        content = bytearray(plain if number % 2 else packed)
        if number % 3 == 0:
            del content[chance.randrange(len(content)) :]
        else:
            for _ in range(chance.randrange(1, 9)):
                content[chance.randrange(len(content))] = chance.randrange(256)
        broken.write_bytes(content)
        try:
            read(broken)
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 200
    assert all(str(broken) in message for message in messages)


@pytest.mark.parametrize("wrong", [b"(9, 16, 16[", b"(9, 16, 99)", b"(9, 16, -6)", b"9, 16), 16)"])
def test_a_damaged_header_is_refused(wrong: bytes, tmp_path: Path) -> None:
    np.savez(tmp_path / "scan.npz", **made_arrays(rows=3))
    content = (tmp_path / "scan.npz").read_bytes()
    assert b"(9, 16, 16)" in content
    (tmp_path / "scan.npz").write_bytes(content.replace(b"(9, 16, 16)", wrong, 1))
    assert "cannot be read as .npz (" in error_of(tmp_path / "scan.npz")


def test_types_that_hold_the_same_values_are_converted_and_recorded(tmp_path: Path) -> None:
    arrays = made_arrays()
    usual = read(write_npz(tmp_path / "usual.npz", arrays))
    arrays["diffraction"] = arrays["diffraction"].astype(">f8")
    arrays["objectGuess"] = np.asfortranarray(arrays["objectGuess"].astype(np.complex128))
    arrays["xcoords"] = arrays["xcoords"].astype(np.int32)
    arrays["diff3d"] = np.asfortranarray(arrays.pop("diffraction"))
    other = read(write_npz(tmp_path / "other.npz", arrays))
    assert other.facts["read_as_patterns"] == "diff3d"
    assert other.facts["converted"] == {
        "diff3d": "float64 read as float32",
        "objectGuess": "complex128 read as complex64",
        "xcoords": "int32 read as float64",
    }
    assert usual.facts["converted"] == {}
    for name in ("patterns", "positions", "object", "probe"):
        np.testing.assert_array_equal(getattr(other, name), getattr(usual, name))


def test_positions_are_corners_and_rows_come_first(tmp_path: Path) -> None:
    arrays = made_arrays()
    scan = read(write_npz(tmp_path / "scan.npz", arrays))
    row, column = scan.positions[5].astype(int)
    patch = scan.object[row : row + SIDE, column : column + SIDE]
    np.testing.assert_array_equal(patch, arrays["Y"][5])


def test_patterns_come_in_the_order_of_a_scan_index_that_tells_one(tmp_path: Path) -> None:
    arrays = made_arrays()
    straight = read(write_npz(tmp_path / "straight.npz", arrays))
    mixed = np.random.default_rng(0).permutation(81)
    shuffled = arrays | {
        key: arrays[key][mixed] for key in ("diffraction", "Y", "xcoords", "ycoords", "scan_index")
    }
    again = read(write_npz(tmp_path / "shuffled.npz", shuffled))
    np.testing.assert_array_equal(again.patterns, straight.patterns)
    np.testing.assert_array_equal(again.positions, straight.positions)
    assert (straight.facts["scan_order"], again.facts["scan_order"]) == (
        "of the file",
        "scan_index",
    )
    zeros = shuffled | {"scan_index": np.zeros(81, int)}
    assert read(write_npz(tmp_path / "z.npz", zeros)).facts["scan_order"] == "of the file"


def test_counts_are_told_from_their_roots_and_from_what_has_no_quantum() -> None:
    chance = np.random.default_rng(0)
    counts = chance.poisson(3, (4, 16, 16)).astype(float)
    assert counts_whole(counts)
    assert counts_whole(0.037 * counts)
    assert not counts_whole(np.sqrt(counts))
    assert not counts_whole(chance.random((4, 16, 16)))
    assert not counts_whole(np.ones((4, 16, 16)))


def test_the_guides_own_normalisation_may_pass_10_in_a_bright_centre(tmp_path: Path) -> None:
    arrays, side = made_arrays(side=32, rows=3), 32
    plane = np.ones((side, side), np.complex64)
    far = np.abs(np.fft.fftshift(np.fft.fft2(plane, norm="ortho"))) + 1e-3
    far *= (side / 2) / np.sqrt(np.square(far).sum())
    arrays["diffraction"] = np.repeat(far[None].astype(np.float32), 9, axis=0)
    arrays["objectGuess"] = np.ones_like(arrays["objectGuess"])
    arrays["probeGuess"], arrays["Y"] = plane, np.ones((9, side, side), np.complex64)
    assert read(write_npz(tmp_path / "scan.npz", arrays), side=side).patterns.max() > 10
    arrays["diffraction"] *= 1.1
    message = error_of(write_npz(tmp_path / "scan.npz", arrays), side=side)
    assert "a mean sum of squares of (N/2)^2 = 256; found 17.6, and 309.76" in message


def prepared(folder: Path, train: Path, test: Path, **options: Any) -> PreparedParts:
    (folder / "out").mkdir(exist_ok=True)
    given = ScanFilesOptions(train=str(train), test=str(test), **options)
    return prepare(given, SIDE, folder / "out")


def test_a_broken_file_is_refused_by_the_prepare_job(tmp_path: Path) -> None:
    train, test = made_pair(tmp_path)
    arrays = made_arrays(1)
    BROKEN["raw counts"][0](arrays)
    write_npz(train, arrays)
    spec = DataSpec(
        family="ptychography",
        dataset="scan_files",
        options=ScanFilesOptions(train=str(train), test=str(test)).model_dump(mode="json"),
        resolution=SIDE,
        source="any",
    )
    with pytest.raises(
        DataError, match=re.escape(f"{train}: 1 thing is wrong") + "[^`]*\n  `diff3d`"
    ):
        prepare_data(spec, tmp_path)
    write_npz(train, made_arrays(1))
    record = prepare_data(spec, tmp_path)
    assert {name: split.count for name, split in record.splits.items()} == {
        "train": 73,
        "validation": 8,
        "test": 81,
    }
    assert not list(tmp_path.glob(".scans-*"))


def test_the_validation_strip_is_one_end_of_each_training_scan(tmp_path: Path) -> None:
    train, test = made_pair(tmp_path)
    parts = prepared(tmp_path, train, test, validation_fraction=0.25)
    positions = np.load(tmp_path / "out/positions.npy")
    inside = np.load(tmp_path / "out/validation.npy")
    outside = np.load(tmp_path / "out/train.npy")
    axis = int(np.ptp(positions[:81], axis=0).argmax())
    assert len(inside) == 20
    assert positions[inside, axis].min() >= positions[outside, axis].max()
    facts = parts.facts["scans"][0]["validation_strip"]
    assert facts["patterns"] == 20
    assert 0 < facts["training_patterns_that_overlap_it"] < 61


def test_a_validation_file_leaves_the_training_scan_whole(tmp_path: Path) -> None:
    train, test = made_pair(tmp_path)
    validation = write_npz(tmp_path / "validation.npz", made_arrays(3))
    parts = prepared(tmp_path, train, test, validation=str(validation))
    assert [scan["name"] for scan in parts.facts["scans"]] == ["train", "validation", "test"]
    assert parts.splits["train"].count == 81


def test_several_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    train = [
        write_npz(tmp_path / f"{at}/scan.npz", made_arrays(n)) for n, at in ((1, "one"), (3, "two"))
    ]
    test = [write_npz(tmp_path / f"test{n}.npz", made_arrays(n)) for n in (2, 4)]
    options = ScanFilesOptions(train=[str(p) for p in train], test=[str(p) for p in test])
    (tmp_path / "out").mkdir()
    parts = prepare(options, SIDE, tmp_path / "out")
    assert [(scan["split"], scan["name"]) for scan in parts.facts["scans"]] == [
        ("train", str(train[0])),
        ("validation", str(train[0])),
        ("train", str(train[1])),
        ("validation", str(train[1])),
        ("test", "test2"),
        ("test", "test4"),
    ]
    assert parts.splits["train"].count == scan_files_train_size(options) == 146


def test_training_without_an_object_is_possible_and_its_object_is_nan(tmp_path: Path) -> None:
    train, test = made_pair(tmp_path)
    arrays = made_arrays(1)
    for key in ("objectGuess", "Y"):
        del arrays[key]
    arrays["xcoords"] -= 1000  # only differences count
    write_npz(train, arrays)
    parts = prepared(tmp_path, train, test)
    objects = np.load(tmp_path / "out/objects.npy")
    assert parts.facts["scans"][0]["has_object"] is False
    assert parts.facts["scans"][0]["object_scale"] is None
    assert np.isnan(objects[0, :16, :16]).all()
    assert np.isfinite(objects[2]).all()


def test_a_model_that_learns_from_objects_is_refused_before_any_job_where_one_lacks(
    tmp_path: Path,
) -> None:
    train, test = made_pair(tmp_path)
    strip = write_npz(tmp_path / "strip.npz", made_arrays(3))
    config: dict[str, Any] = {
        "name": "Unknown",
        "family": "ptychography",
        "dataset": {
            "name": "scan_files",
            "train": str(train),
            "validation": str(strip),
            "test": str(test),
        },
        "models": {"mine": {"architecture": "baseline"}, "pinn": None, "iterative": None},
        "grid": {"resolution": [SIDE], "n_train": [8]},
        "results": str(tmp_path / "results"),
    }
    assert len(make_plan(config).runs) > 0
    for path in (train, strip):
        arrays = made_arrays(1)
        del arrays["objectGuess"]
        write_npz(path, arrays)
    with pytest.raises(ConfigError) as caught:
        make_plan(config)
    assert str(caught.value).count("`objectGuess`") == 1
    expected = (
        "models.mine: cannot be trained on this data: baseline learns from the object, and "
        f"{train}, {strip} hold no `objectGuess`; save the object there under that name, or leave "
        "the model out of grid.model"
    )
    assert expected in " ".join(str(caught.value).split())
    # The others need no object, and a model without runs is not asked for one.
    config["grid"]["model"] = ["pinn", "iterative"]
    assert len(make_plan(config).runs) > 0


def test_a_test_scan_with_training_patterns_is_refused(tmp_path: Path) -> None:
    train, test = made_pair(tmp_path)
    arrays, trained = made_arrays(2), made_arrays(1)
    arrays["diffraction"][[4, 9]] = trained["diffraction"][[7, 30]] * np.float32(0.5)
    write_npz(test, arrays)
    with pytest.raises(DataError, match=r"share 2 patterns \(the first: \d+ and \d+\)"):
        prepared(tmp_path, train, test)


@pytest.mark.parametrize("how", ["the same", "times a number", "a crop", "a larger one"])
def test_a_test_object_that_is_trained_on_is_refused(how: str, tmp_path: Path) -> None:
    train, test = made_pair(tmp_path)
    arrays = made_arrays(1)
    other = made_arrays(1)  # other photons of the same object
    other["diffraction"] = made_arrays(1, photons=3e5)["diffraction"]
    if how == "times a number":
        other["objectGuess"] = (other["objectGuess"] * (0.4 - 0.7j)).astype(np.complex64)
    elif how == "a crop":
        other["objectGuess"] = other["objectGuess"][:47, :49]
    elif how == "a larger one":
        other["objectGuess"] = np.pad(other["objectGuess"], ((0, 40), (0, 30)), constant_values=1)
    write_npz(train, arrays)
    write_npz(test, other)
    with pytest.raises(
        DataError, match=r"its `objectGuess` is the object of .*train.npz, or a part"
    ):
        prepared(tmp_path, train, test)


def test_flat_objects_are_not_taken_for_one() -> None:
    from studygrid.families.ptychography.data.files.leaks import likeness_of

    one, other = made_object(1), made_object(2)
    assert likeness_of(one[4:40, 6:40], one) == pytest.approx(1, abs=1e-6)
    assert likeness_of(one[4:40, 6:40], other) < 0.9
    assert likeness_of(np.ones((8, 8), np.complex64), np.ones((20, 20), np.complex64)) == 0


def test_a_config_is_checked_by_the_headers(tmp_path: Path) -> None:
    train, test = made_pair(tmp_path)
    good = ScanFilesOptions(train=str(train), test=str(test))
    assert check_scan_files(good) == []
    assert scan_files_train_size(good) == 73
    (tmp_path / "cache").mkdir()
    before = scan_files_source(good, tmp_path / "cache")
    arrays = made_arrays(2)
    del arrays["objectGuess"]
    write_npz(test, arrays)
    assert scan_files_source(good, tmp_path / "cache") != before
    near = ScanFilesOptions(train=str(tmp_path / "trian.npz"), test=str(test))
    problems = dict(check_scan_files(near))
    assert "did you mean" in problems["train"]
    assert "`objectGuess`: expected an array; found none" in problems["test"]
    assert scan_files_train_size(near) is None


def test_one_file_cannot_be_of_two_splits(tmp_path: Path) -> None:
    train, _ = made_pair(tmp_path)
    with pytest.raises(ValidationError, match="is named twice among `train`, `validation` and"):
        ScanFilesOptions(train=str(train), test=str(train))
    (tmp_path / "link.npz").symlink_to(train)
    linked = ScanFilesOptions(train=str(train), test=str(tmp_path / "link.npz"))
    assert check_scan_files(linked) == [
        ("test", f"{tmp_path / 'link.npz'} is the same file as {train}")
    ]
    with pytest.raises(ValidationError, match="the list is empty; name a file"):
        ScanFilesOptions(train=[], test=str(train))


def test_simulated_scans_survive_the_way_through_files(tmp_path: Path) -> None:
    options = options_for(
        25, probe="disk", photons=1e5, train=[["astronaut", "gravel"]], gridsize=2
    )
    paths = {split: tmp_path / f"{split}.npz" for split in SPLITS}
    counts = simulate_files(paths, options, 32, patches=True)
    assert counts == {"train": 25, "validation": 25, "test": 25}
    given = {split: str(path) for split, path in paths.items()}
    for name in ("direct", "files"):
        (tmp_path / name).mkdir()
    direct = prepare_simulated(options, 32, tmp_path / "direct")
    files = ScanFilesOptions.model_validate({**given, "photons": 1e5, "gridsize": 2})
    parts = prepare(files, 32, tmp_path / "files")
    assert parts.splits == direct.splits
    for name in ("patterns", "positions", "scan", "objects", "probes", "groups", "block"):
        expected = np.load(tmp_path / f"direct/{name}.npy")
        np.testing.assert_allclose(
            np.load(tmp_path / f"files/{name}.npy"), expected, rtol=2e-5, atol=1e-5, err_msg=name
        )
    for one, other in zip(parts.facts["scans"], direct.facts["scans"], strict=True):
        assert one["model_error"] == pytest.approx(other["model_error"], rel=1e-4)


def test_a_scan_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    read_back = read(write_npz(tmp_path / "scan.npz", made_arrays()))
    scan = Scan(
        "s", "train", read_back.patterns, read_back.positions, read_back.object, read_back.probe
    )
    write_scan(tmp_path / "new/copy.npz", scan)
    write_scan(tmp_path / "new/copy.npz", scan)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["copy.npz"]
    again = read(tmp_path / "new/copy.npz")
    np.testing.assert_allclose(again.patterns, read_back.patterns, rtol=1e-6)
    with pytest.raises(DataError, match=r"should end in \.npz"):
        write_scan(tmp_path / "copy.h5", scan)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_scan(tmp_path / "file/copy.npz", scan)
    unknown = np.full_like(read_back.object, np.nan)
    blind = Scan("s", "train", read_back.patterns, read_back.positions, unknown, read_back.probe)
    with pytest.raises(DataError, match="has no object"):
        write_scan(tmp_path / "blind.npz", blind, patches=True)
    write_scan(tmp_path / "blind.npz", blind)
    assert "`objectGuess`" in error_of(tmp_path / "blind.npz")
    assert not read(tmp_path / "blind.npz", needs_object=False).facts["has_object"]


def test_the_command_writes_files_that_a_study_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = tmp_path / "train.npz", tmp_path / "test.npz"
    more = ["--resolution", "32", "--patterns", "20", "--probe", "disk", "--photons", "1e4"]
    assert main([str(train), str(test), *more]) == 0
    assert f"{train}: 25 patterns of 32 px, train split" in capsys.readouterr().out
    options = ScanFilesOptions(train=str(train), test=str(test), photons=1e4)
    assert check_scan_files(options) == []
    (tmp_path / "out").mkdir()
    assert prepare(options, 32, tmp_path / "out").splits["test"].count == 25
    assert main([str(train), str(test), "--resolution", "16", "--patterns", "9"]) == 1
    assert "error: " in capsys.readouterr().err
    wrong = [["--seed", "-1"], ["--step", "0.5"], ["--photons", "nan"], ["--resolution", "17"]]
    for arguments in (*([str(train), str(test), *one] for one in wrong), [str(train), str(train)]):
        with pytest.raises(SystemExit):
            main(arguments)
