"""What preparation writes of scans: units, splits, the test block, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS, Split
from studygrid.families.prepared import PreparedParts
from studygrid.families.ptychography.area import BORDER_PX, LEAST_BOX_PX
from studygrid.families.ptychography.data.options import GroupOptions
from studygrid.families.ptychography.data.parts import write_parts
from studygrid.families.ptychography.data.scaling import expected_amplitudes
from studygrid.families.ptychography.data.scans import Scan, check_pattern_px
from studygrid.families.ptychography.data.shared import shared_patterns
from studygrid.families.ptychography.metrics.multi_scale import WINDOW_PX

SIDE, ROWS = 16, 6


def _scan(name: str, split: Split, seed: int = 0, scale: float = 1.0, margin: int = 0) -> Scan:
    """Return a scan without noise; `scale` is that of the patterns' unit."""
    random = np.random.default_rng([seed, *name.encode()])
    extent = SIDE + 4 * (ROWS - 1) + margin
    parts = random.uniform(0.5, 1, (extent, extent)), random.uniform(-1, 1, (extent, extent))
    object_ = (parts[0] * np.exp(1j * parts[1])).astype(np.complex64)
    rows, columns = np.indices((SIDE, SIDE)) - SIDE / 2
    probe = (7 * np.exp(-(rows**2 + columns**2) / 18)).astype(np.complex64)
    positions = 4 * np.indices((ROWS, ROWS), np.float32).reshape(2, -1).T
    patterns = np.float32(scale) * expected_amplitudes(object_, probe, positions)
    return Scan(name, split, patterns, positions, object_, probe, {"file": f"{name}.npz"})


def _scans() -> list[Scan]:
    return [_scan("a", "train"), _scan("b", "validation"), _scan("c", "test")]


def _written(folder: Path, scans: list[Scan], **values: Any) -> PreparedParts:
    return write_parts(folder, scans, GroupOptions.model_validate(values), SIDE, 1e5, {"seed": 3})


def _array(folder: Path, name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(folder / f"{name}.npy")
    return array


def test_patterns_and_probe_have_the_energy_of_the_contract_and_the_object_fits(
    tmp_path: Path,
) -> None:
    scans = [_scan("a", "train", scale=0.01), _scan("b", "validation"), _scan("c", "test", 0, 50)]
    parts = _written(tmp_path, scans)
    patterns, scan = _array(tmp_path, "patterns"), _array(tmp_path, "scan")
    energies = np.square(patterns, dtype=np.float64).sum(axis=(1, 2))
    for number in range(3):
        assert energies[scan == number].mean() == pytest.approx((SIDE / 2) ** 2, rel=1e-5)
    probes, objects = _array(tmp_path, "probes"), _array(tmp_path, "objects")
    assert np.square(np.abs(probes)).sum(axis=(1, 2)) == pytest.approx((SIDE / 2) ** 2, rel=1e-5)
    positions = _array(tmp_path, "positions")
    for number in range(3):
        of = scan == number
        expected = expected_amplitudes(objects[number], probes[number], positions[of])
        np.testing.assert_allclose(patterns[of], expected, atol=1e-4)
    facts = parts.facts["scans"]
    assert [fact["model_error"] < 1e-5 for fact in facts] == [True] * 3
    # The unit of the patterns goes into the object's factor.
    np.testing.assert_allclose(
        [np.abs(objects[n]).mean() for n in range(3)],
        [np.abs(s.object).mean() * f["object_scale"] for s, f in zip(scans, facts, strict=True)],
        rtol=1e-5,
    )


def test_what_is_written_has_the_shapes_and_types_of_the_contract(tmp_path: Path) -> None:
    scans = [_scan("a", "train", margin=5), _scan("b", "validation"), _scan("c", "test")]
    parts = _written(tmp_path, scans, gridsize=2)
    count, side = 3 * ROWS**2, SIDE + 4 * (ROWS - 1)
    found = {name: (facts.dtype, facts.shape) for name, facts in parts.arrays.items()}
    assert found == {
        "patterns": ("float32", [count, SIDE, SIDE]),
        "positions": ("float32", [count, 2]),
        "scan": ("int64", [count]),
        "objects": ("complex64", [3, side + 5, side + 5]),
        "probes": ("complex64", [3, SIDE, SIDE]),
        "groups": ("int64", [count, 4]),
        "block": ("int64", [count]),
    }
    objects = _array(tmp_path, "objects")
    assert (objects[1, side:] == 1).all()
    assert (objects[1, :, side:] == 1).all()
    assert [fact["object_shape"] for fact in parts.facts["scans"]] == [
        [side + 5] * 2,
        [side] * 2,
        [side] * 2,
    ]
    assert parts.facts["neighbours"] == 16
    assert parts.facts["seed"] == 3
    assert parts.facts["scans"][0]["file"] == "a.npz"
    blocks = _array(tmp_path, "block")
    assert blocks.max() == 47
    assert np.array_equal(blocks // 16, _array(tmp_path, "scan"))


def test_splits_are_in_scan_order(tmp_path: Path) -> None:
    scans = [_scan("a", "train"), _scan("t", "test"), _scan("b", "train"), _scan("v", "validation")]
    parts = _written(tmp_path, scans, selection="sequential")
    assert parts.sequential
    np.testing.assert_array_equal(_array(tmp_path, "train"), [*range(36), *range(72, 108)])
    np.testing.assert_array_equal(_array(tmp_path, "test"), range(36, 72))
    assert {split: facts.count for split, facts in parts.splits.items()} == {
        "train": 72,
        "validation": 36,
        "test": 36,
    }


def test_a_scan_may_be_cut_into_splits(tmp_path: Path) -> None:
    whole = _scan("a", "train", scale=3)
    splits = np.full(36, SPLITS.index("train"), np.int8)
    splits[30:] = SPLITS.index("validation")
    parts = _written(
        tmp_path, [dataclasses.replace(whole, pattern_splits=splits), _scan("c", "test")]
    )
    train, strip, test = parts.facts["scans"]
    assert [(f["name"], f["split"], f["patterns"]) for f in (train, strip, test)] == [
        ("a", "train", 30),
        ("a", "validation", 6),
        ("c", "test", 36),
    ]
    assert train["scanned_box"] == [8, 25, 8, 29]
    assert strip["scanned_box"] == [28, 29, 8, 29]
    # One factor for the scan, whichever split a pattern is in.
    assert train["pattern_scale"] == strip["pattern_scale"]
    objects = _array(tmp_path, "objects")
    np.testing.assert_array_equal(objects[0], objects[1])
    np.testing.assert_allclose(
        _array(tmp_path, "patterns")[30:36], whole.patterns[30:] * train["pattern_scale"]
    )
    assert _array(tmp_path, "scan").tolist() == [0] * 30 + [1] * 6 + [2] * 36


def test_the_test_block_is_compact_and_shared_out_among_test_scans(tmp_path: Path) -> None:
    scans = [*_scans(), _scan("d", "test")]
    scans = [dataclasses.replace(scan, **_wide(scan)) for scan in scans]
    parts = _written(tmp_path, scans, test_patterns=20)
    counts = [fact["patterns"] for fact in parts.facts["scans"]]
    assert counts == [36, 36, 10, 10]
    assert parts.splits["test"].count == 20
    positions, scan = _array(tmp_path, "positions"), _array(tmp_path, "scan")
    for number in (2, 3):
        assert positions[scan == number].min() >= 8
        assert positions[scan == number].max() <= 32
    assert parts.facts["scans"][2]["scanned_box"] != parts.facts["scans"][0]["scanned_box"]
    with pytest.raises(DataError, match=r"test_patterns is 90, of which 45 fall to c.*2 and 72"):
        _written(tmp_path, scans, test_patterns=90)
    with pytest.raises(DataError, match=r"test_patterns is 1, of which 0 fall to d"):
        _written(tmp_path, scans, test_patterns=1)


def _wide(scan: Scan) -> dict[str, Any]:
    """Return a scan's positions at twice the step, and an object that holds them."""
    return {"positions": 2 * scan.positions, "object": np.tile(scan.object, (2, 2))}


def test_a_test_scan_that_is_too_small_for_ssim_is_refused_before_any_training(
    tmp_path: Path,
) -> None:
    message = (
        r"c, test split: its 9 patterns .* within 9 x 13 px, and SSIM needs 15 x 15; give more .*"
        r"dataset\.test_patterns, --n-test-images"
    )
    with pytest.raises(DataError, match=message):
        _written(tmp_path, _scans(), test_patterns=9)
    assert list(tmp_path.iterdir()) == []
    _written(tmp_path, _scans())
    assert LEAST_BOX_PX == WINDOW_PX + 2 * BORDER_PX


def test_an_object_that_is_not_known_stays_so(tmp_path: Path) -> None:
    first = _scan("a", "train")
    unknown = dataclasses.replace(first, object=np.full_like(first.object, np.nan))
    parts = _written(tmp_path, [unknown, *_scans()[1:]])
    assert np.isnan(_array(tmp_path, "objects")[0]).all()
    assert np.isfinite(_array(tmp_path, "objects")[1:]).all()
    fact = parts.facts["scans"][0]
    assert fact["object_scale"] is None
    assert fact["model_error"] is None
    assert fact["photons_mean"] == pytest.approx(1e5)


def test_the_model_error_tells_an_object_at_the_wrong_place(tmp_path: Path) -> None:
    scans = _scans()
    swapped = dataclasses.replace(scans[0], positions=scans[0].positions[:, ::-1].copy())
    parts = _written(tmp_path, [swapped, *scans[1:]])
    wrong, right, _ = (fact["model_error"] for fact in parts.facts["scans"])
    assert wrong > 0.1 > 1e-4 > right


def test_a_test_scan_that_shares_a_pattern_is_refused(tmp_path: Path) -> None:
    train, validation, test = _scans()
    patterns = test.patterns.copy()
    patterns[7] = 0.5 * train.patterns[3]
    shared = dataclasses.replace(test, patterns=patterns)
    with pytest.raises(DataError, match=r"a, train split, and c, test split, share 1.*3 and 7"):
        _written(tmp_path, [train, validation, shared])
    same = dataclasses.replace(test, patterns=validation.patterns)
    with pytest.raises(DataError, match="b, validation split, and c, test split, share 36"):
        _written(tmp_path, [train, validation, same])


def test_what_training_and_validation_share_is_told(tmp_path: Path) -> None:
    train, validation, test = _scans()
    patterns = validation.patterns.copy()
    patterns[5] = train.patterns[9]
    parts = _written(tmp_path, [train, dataclasses.replace(validation, patterns=patterns), test])
    [duplicate] = parts.duplicates
    assert duplicate.splits == ["train", "validation"]
    assert duplicate.samples == ["a pattern 9", "b pattern 5"]
    assert parts.facts["duplicates"] == 1


def test_equal_patterns_are_found_in_any_unit_and_similar_ones_are_not() -> None:
    random = np.random.default_rng(0)
    first = random.uniform(0, 1, (50, 16, 16)).astype(np.float32)
    second = random.uniform(0, 1, (40, 16, 16)).astype(np.float32)
    second[11], second[30] = np.float32(0.37) * first[4], first[49] / np.float32(3)
    second[12] = first[5] + np.float32(1e-3)
    assert shared_patterns(first, second).tolist() == [[4, 11], [49, 30]]
    # Ten px tell a pattern from others, nine may be lit by chance.
    faint = np.zeros((2, 16, 16), np.float32)
    faint[0, 3, :9], faint[1, 3, :10] = 1, 1
    assert shared_patterns(faint, 2 * faint).tolist() == [[1, 1]]
    dark = np.zeros((3, 16, 16), np.float32)
    assert len(shared_patterns(dark, dark)) == 0
    assert len(shared_patterns(first, np.zeros((2, 32, 32), np.float32))) == 0


def test_another_side_than_the_studys_is_refused(tmp_path: Path) -> None:
    options = GroupOptions.model_validate({})
    with pytest.raises(DataError, match=r"a: its patterns are 16 x 16.*set grid.resolution to"):
        write_parts(tmp_path, _scans(), options, 32, 1e5, {})
    for side in (14, 17):
        with pytest.raises(DataError, match="must be even and at least 16 px"):
            check_pattern_px(side, side, "a file")


def _changed(scan: Scan, **arrays: Any) -> Scan:
    return dataclasses.replace(scan, **arrays)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"positions": np.zeros((35, 2), np.float32)}, r"a: positions has the shape \(35, 2\)"),
        ({"probe": np.ones((8, 8), np.complex64)}, r"a: probe has the shape \(8, 8\)"),
        ({"probe": np.zeros((16, 16), np.complex64)}, "a: the probe hold no light"),
        ({"patterns": np.zeros((36, 16, 16), np.float32)}, "a: the patterns hold no light"),
        ({"object": np.zeros((36, 36), np.complex64)}, "a: the object is 0"),
        (
            {"object": np.ones((35, 36), np.complex64)},
            r"a: 6 of 36 patches .* 35 x 36 px; the first, pattern 30, starts at row 20, column "
            "0, expected 0 to 19 and 0 to 20",
        ),
        ({"pattern_splits": np.full(36, 1, np.int8)}, "the train split has no pattern"),
        ({"name": "b"}, "two scans have the name 'b'"),
    ],
)
def test_scans_that_do_not_fit_together_are_refused(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    first, *others = _scans()
    with pytest.raises(DataError, match=message):
        _written(tmp_path, [_changed(first, **arrays), *others])


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(DataError, match="0 MiB left; make room, or give fewer patterns"):
        _written(tmp_path, _scans())
    assert list(tmp_path.iterdir()) == []


def test_positions_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    first, *others = _scans()
    positions = first.positions.copy()
    positions[4, 1] = np.nan
    with pytest.raises(DataError, match=r"a: 1 of 36 patches.*pattern 4"):
        _written(tmp_path, [_changed(first, positions=positions), *others])
