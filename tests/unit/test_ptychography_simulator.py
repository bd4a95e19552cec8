"""Simulated scans: what is drawn, that it is the forward model's, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from studygrid.errors import DataError
from studygrid.families.prepared import PreparedParts
from studygrid.families.ptychography import physics
from studygrid.families.ptychography.data.groups import probe_diameter
from studygrid.families.ptychography.data.scaling import expected_amplitudes
from studygrid.families.ptychography.data.simulated.objects import make_object, picture
from studygrid.families.ptychography.data.simulated.options import (
    SimulatedScansOptions,
    ZonePlateOptions,
)
from studygrid.families.ptychography.data.simulated.pictures import PHOTOGRAPHS
from studygrid.families.ptychography.data.simulated.prepare import (
    measured_amplitudes,
    prepare,
    simulated_scans,
)
from studygrid.families.ptychography.data.simulated.probes import make_probe
from studygrid.families.ptychography.data.simulated.raster import raster_positions
from studygrid.families.ptychography.data.simulated.sampling import defocus_m, distance_m
from studygrid.families.ptychography.data.simulated.sources import (
    DEFAULT_STEP_PX,
    check_simulated_scans,
    simulated_scans_source,
    simulated_scans_train_size,
)

SMALL: dict[str, Any] = {
    "train": [["lines:0", "blobs:0"], ["lines:1", "blobs:1"]],
    "validation": [["lines:2", "blobs:2"]],
    "test": [["lines:3", "blobs:3"]],
    "scan_px": 24,
    "step_px": 4,
    "probe": "disk",
}


def _options(**changes: Any) -> SimulatedScansOptions:
    return SimulatedScansOptions.model_validate({**SMALL, **changes})


def _prepared(folder: Path, resolution: int = 16, **changes: Any) -> PreparedParts:
    folder.mkdir()
    return prepare(_options(**changes), resolution, folder)


def _hashes(parts: PreparedParts) -> dict[str, str]:
    return {name: facts.sha256 for name, facts in parts.arrays.items()}


def test_the_same_seed_makes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first, second = (_hashes(_prepared(tmp_path / name)) for name in ("a", "b"))
    other = _hashes(_prepared(tmp_path / "c", seed=1))
    assert first == second
    assert {"patterns", "positions", "objects"} <= {n for n in first if first[n] != other[n]}
    assert first["probes"] == other["probes"]


def test_a_scan_does_not_depend_on_the_others() -> None:
    few, more = _options(), _options(train=[*SMALL["train"], ["lines:7", "blobs:7"]])
    probe = make_probe(few, 16)
    scans = {scan.name: scan for scan in simulated_scans(few, 16, probe)}
    again = {scan.name: scan for scan in simulated_scans(more, 16, probe)}
    assert len(scans) == 4
    assert set(scans) < set(again)
    for name, scan in scans.items():
        np.testing.assert_array_equal(scan.patterns, again[name].patterns)
    first, second = (scans[f"train_{n}_lines{n}_blobs{n}"] for n in (0, 1))
    assert not np.array_equal(first.positions, second.positions)


def test_without_noise_the_patterns_are_the_forward_models(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    parts = _prepared(folder, photons=1e12)
    arrays = {name: torch.from_numpy(np.load(folder / f"{name}.npy")) for name in parts.arrays}
    patches = physics.extract(arrays["objects"], arrays["positions"], 16, arrays["scan"])
    expected = physics.amplitude(patches, arrays["probes"][arrays["scan"]])
    torch.testing.assert_close(arrays["patterns"], expected, rtol=0, atol=2e-4)
    assert max(scan["model_error"] for scan in parts.facts["scans"]) < 1e-4


def test_expected_amplitudes_are_those_of_a_plain_fourier_transform() -> None:
    drawn = make_object(["lines:0", "blobs:0"], 40, [0.5, 1.0], [-1.0, 1.0], seed=0)
    probe = make_probe(_options(), 16)
    positions = np.array([[3, 5], [24, 0], [11, 24]], np.float32)
    found = expected_amplitudes(drawn, probe, positions)
    for (row, column), pattern in zip(positions.astype(int), found, strict=True):
        wave = drawn[row : row + 16, column : column + 16] * probe
        by_numpy = np.abs(np.fft.fftshift(np.fft.fft2(wave))) / 16
        np.testing.assert_allclose(pattern, by_numpy, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("photons", [1e2, 1e4])
def test_counts_are_poisson_numbers_of_the_asked_mean(photons: float) -> None:
    drawn = make_object(["lines:0", "blobs:0"], 24, [0.75, 1.0], [-0.8, 0.8], seed=0)
    positions = np.full((4000, 2), 4, np.float32)
    probe, random = make_probe(_options(), 16), np.random.default_rng(0)
    amplitudes = measured_amplitudes(drawn, probe, positions, photons, random)
    counts = np.square(amplitudes, dtype=np.float64)
    np.testing.assert_allclose(counts, np.round(counts), rtol=1e-6, atol=1e-6)
    totals = counts.sum(axis=(1, 2))
    # Means and variances of 4000 draws, to five standard errors.
    assert totals.mean() == pytest.approx(photons, abs=5 * math.sqrt(photons / 4000))
    assert totals.var() == pytest.approx(photons, rel=5 * math.sqrt((2 + 1 / photons) / 4000))
    mean = counts.mean(axis=0)
    bright = mean > 1
    ratios = counts.var(axis=0)[bright] / mean[bright]
    assert bright.sum() > 10
    assert np.abs(ratios - 1).max() < 5 * math.sqrt(3 / 4000)


def test_the_mean_counts_are_those_of_the_scan_and_darker_parts_have_fewer() -> None:
    dark, bright = np.full((16, 16), 0.5), np.full((16, 16), 1.0)
    object_ = np.hstack([dark, bright]).astype(np.complex64)
    positions = np.array([[0, 0], [0, 16]] * 500, np.float32)
    probe, random = make_probe(_options(), 16), np.random.default_rng(1)
    amplitudes = measured_amplitudes(object_, probe, positions, 1e4, random)
    totals = np.square(amplitudes, dtype=np.float64).sum(axis=(1, 2))
    assert totals[::2].mean() == pytest.approx(4e3, rel=0.02)
    assert totals[1::2].mean() == pytest.approx(1.6e4, rel=0.02)


def test_positions_are_whole_lie_inside_and_near_their_raster() -> None:
    random = np.random.default_rng(0)
    positions = raster_positions(50, 8, 0.3, random)
    raster = raster_positions(50, 8, 0, np.random.default_rng(0))
    assert positions.shape == (49, 2)
    assert positions.dtype == np.float32
    assert np.array_equal(positions, np.round(positions))
    assert positions.min() >= 0
    assert positions.max() <= 50
    assert raster.min() == 1
    assert raster.max() == 49
    moved = np.abs(positions - raster)
    assert 0 < moved.max() <= 0.3 * 8 + 0.5
    assert np.array_equal(raster[:3], [[1, 1], [1, 9], [1, 17]])


def test_the_asked_overlap_is_the_one_that_is_measured(tmp_path: Path) -> None:
    parts = _prepared(tmp_path / "data", 32, step_px=None, overlap=0.7, scan_px=64)
    for scan in parts.facts["scans"]:
        assert scan["overlap"] == pytest.approx(0.7, abs=0.02)
    assert simulated_scans_train_size(_options(step_px=None, overlap=0.7)) is None


def test_single_counts_that_are_equal_by_chance_are_no_leak(tmp_path: Path) -> None:
    parts = _prepared(tmp_path / "data", photons=1)
    assert parts.splits["test"].count == 49
    patterns = np.load(tmp_path / "data" / "patterns.npy")
    assert np.count_nonzero(patterns, axis=(1, 2)).max() < 10


def test_what_null_means_is_said_where_the_option_is(tmp_path: Path) -> None:
    step, plate = SimulatedScansOptions.model_fields["step_px"], ZonePlateOptions.model_fields
    assert f"or {DEFAULT_STEP_PX:g} where" in str(step.description)
    bare = ZonePlateOptions.model_validate({})
    assert f"resolution / {32 / distance_m(bare, 32):g}" in str(plate["distance_m"].description)
    assert f"{defocus_m(bare, 32) / 32e-6:g} resolution" in str(plate["defocus_um"].description)


def test_the_training_size_is_known_before_anything_is_drawn(tmp_path: Path) -> None:
    options = _options(step_px=2.4)
    parts = _prepared(tmp_path / "data", step_px=2.4)
    assert parts.splits["train"].count == simulated_scans_train_size(options) == 2 * 11**2
    # 33 / 1.1 is 30, and as a float less.
    assert simulated_scans_train_size(_options(scan_px=33, step_px=1.1)) == 2 * 31**2
    assert simulated_scans_train_size(SimulatedScansOptions.model_validate({})) == 2500


@pytest.mark.parametrize(("defocus_um", "rms_px"), [(300.0, 10.58), (600.0, 17.46)])
def test_the_zone_plates_probe_has_the_size_that_was_found_by_other_code(
    defocus_um: float, rms_px: float
) -> None:
    # The project's first prototype, measured: twice the standard deviation along an axis.
    options = _options(probe="zone_plate", zone_plate={"defocus_um": defocus_um})
    assert probe_diameter(make_probe(options, 64)) / 2 == pytest.approx(rms_px, rel=0.002)


def test_a_defocused_zone_plate_lights_the_ring_of_geometric_optics() -> None:
    # Far out of focus the light is a ring between the stop's and the plate's shadow: diameters
    # defocus * 80 um / f and defocus * 180 um / f, here 107 and 240 px of 19.9 nm.
    plate = {"defocus_um": 2400.0, "distance_m": 4.0}
    probe = make_probe(_options(probe="zone_plate", zone_plate=plate), 512)
    pixel_um = 0.14e-3 * 4e6 / (512 * 55)
    outer, inner = (2400 * width / 9e4 / pixel_um for width in (180, 80))
    rows, columns = np.indices(probe.shape) - 256
    distance, intensity = np.hypot(rows, columns), np.square(np.abs(probe))
    ring = (distance < outer / 2) & (distance > inner / 2)
    assert intensity[ring].sum() > 0.9 * intensity.sum()
    assert outer == pytest.approx(4.8 / pixel_um)
    assert inner == pytest.approx(2.1333 / pixel_um, 1e-3)


@pytest.mark.parametrize("kind", ["disk", "gaussian"])
def test_the_diameter_of_a_probe_is_the_asked_one(kind: str) -> None:
    options = _options(probe=kind, **{kind: {"diameter": 0.5}})
    probe = make_probe(options, 64)
    assert probe_diameter(probe) == pytest.approx(32, rel=0.05)
    assert np.abs(probe[32, 32]) > 0.9 * np.abs(probe).max()
    assert np.square(np.abs(probe)).sum() == pytest.approx(1, rel=1e-5)
    curved = np.angle(probe[32, 48] / probe[32, 32])
    assert curved == pytest.approx(2.0, abs=0.01)


def test_a_detector_too_small_for_the_cone_of_light_is_refused_with_the_way_out() -> None:
    far = _options(probe="zone_plate", zone_plate={"distance_m": 2.0, "defocus_um": 300.0})
    with pytest.raises(DataError, match=r"4 mm wide.*64 px only 3\.52 mm.*distance_m` below 1\.76"):
        make_probe(far, 64)
    nearer = _options(probe="zone_plate", zone_plate={"distance_m": 1.7, "defocus_um": 300.0})
    # What the message asks for passes this check, and fails the one of the detector's border.
    with pytest.raises(DataError, match="outermost 4 px of the detector"):
        make_probe(nearer, 64)
    make_probe(far, 128)


def test_the_sampling_is_checked_before_the_study_starts_where_it_can_be() -> None:
    fine_zones = _options(probe="zone_plate", zone_plate={"outer_zone_nm": 30.0})
    [(key, message)] = check_simulated_scans(fine_zones)
    assert key == "zone_plate.outer_zone_nm"
    assert "`zone_plate.outer_zone_nm` above 39.77" in message
    assert check_simulated_scans(SimulatedScansOptions.model_validate({})) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probe": "zone_plate", "zone_plate": {"defocus_um": 1500.0}}, "defocus_um. nearer to 0"),
        ({"probe": "gaussian", "gaussian": {"curvature_rad": 40.0}}, "curvature_rad. nearer to 0"),
        ({"step_px": None, "overlap": 0.95}, "overlap 0.95: the probe is .* set it to 0.8"),
    ],
)
def test_a_probe_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        prepare(_options(**changes), 16 if "overlap" in changes else 64, tmp_path)


def test_a_picture_in_two_splits_is_refused(tmp_path: Path) -> None:
    options = _options(test=[["lines:9", "blobs:1"]])
    [(key, message)] = check_simulated_scans(options)
    assert key == "test"
    assert message.startswith("'blobs:1' is in train and test")
    with pytest.raises(DataError, match=r"dataset\.test: 'blobs:1' is in train and test"):
        prepare(options, 16, tmp_path)


def test_options_of_a_probe_that_is_not_used_are_refused() -> None:
    [(key, message)] = check_simulated_scans(_options(gaussian={"diameter": 0.3}))
    assert key == "gaussian"
    assert "`probe` is disk" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": [["astronut", "coins"]]}, "did you mean 'astronaut'"),
        ({"train": [["lines:01", "coins"]]}, "'lines:01' is no picture"),
        ({"train": [["coins", "coins"]]}, "two different pictures"),
        ({"train": [["coins"]]}, "two different pictures"),
        ({"overlap": 0.5}, "in place of `step_px`"),
        ({"amplitude": [1.0, 0.5]}, "must not be greater"),
        ({"amplitude": [0.0, 0.0]}, "above 0"),
        ({"zone_plate": {"central_stop_um": 180.0}}, "no light passes"),
        ({"jitter": 0.6}, "0.5"),
        ({"step_px": 0.5}, "1"),
    ],
)
def test_options_without_a_meaning_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _options(**changes)


def test_an_object_takes_amplitude_and_phase_from_its_two_pictures() -> None:
    drawn = make_object(["camera", "coins"], 64, [0.6, 0.9], [-1.5, 0.5], seed=0)
    assert drawn.dtype == np.complex64
    assert drawn.shape == (64, 64)
    assert np.abs(drawn).min() == pytest.approx(0.6)
    assert np.abs(drawn).max() == pytest.approx(0.9)
    assert np.angle(drawn).min() == pytest.approx(-1.5)
    assert np.angle(drawn).max() == pytest.approx(0.5)
    darkness = (np.abs(drawn) - 0.6) / 0.3
    np.testing.assert_allclose(darkness, picture("camera", 64, 0), atol=1e-5)


def test_drawn_pictures_differ_by_number_and_seed() -> None:
    pictures = [picture("lines:0", 48, 0), picture("lines:1", 48, 0), picture("lines:0", 48, 1)]
    pictures += [picture("blobs:0", 48, 0), picture("blobs:1", 48, 0)]
    for number, one in enumerate(pictures):
        assert one.min() == 0
        assert one.max() == 1
        for other in pictures[number + 1 :]:
            assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.5


@pytest.mark.parametrize("name", sorted(PHOTOGRAPHS))
def test_every_photograph_is_there_and_has_something_in_it(name: str) -> None:
    assert picture(name, 32, 0).std() > 0.05


def test_the_source_changes_with_the_photographs_that_are_used(tmp_path: Path) -> None:
    drawn = simulated_scans_source(_options(), tmp_path)
    camera = simulated_scans_source(_options(test=[["camera", "coins"]]), tmp_path)
    horse = simulated_scans_source(_options(test=[["camera", "brick"]]), tmp_path)
    assert len({drawn, camera, horse}) == 3
    assert "sha256" not in drawn


def test_the_record_tells_what_the_pixels_are_in_metres(tmp_path: Path) -> None:
    changes = {"probe": "zone_plate", "train": SMALL["train"][:1], "scan_px": 20}
    facts = _prepared(tmp_path / "data", 64, **changes).facts
    # wavelength * distance / (N * detector pixel), with 1 m for 64 px.
    assert facts["sampling"]["object_pixel_m"] == pytest.approx(1.4e-10 / (64 * 55e-6))
    assert facts["sampling"]["focal_length_m"] == pytest.approx(0.09)
    assert facts["probe"]["kind"] == "zone_plate"
    assert facts["photons"] == 1e6
    assert next(scan["object"] for scan in facts["scans"]) == ["lines:0", "blobs:0"]
    counts = [scan["counts_mean"] for scan in facts["scans"]]
    assert counts == pytest.approx([1e6] * 3, rel=0.002)
    assert len(set(counts)) == 3
