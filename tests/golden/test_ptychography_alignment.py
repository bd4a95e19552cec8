"""Known shifts, ramps and scales are found and taken off; broken reconstructions say why not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studygrid.families.base import Undefined
from studygrid.families.ptychography.aligned import Aligned
from studygrid.families.ptychography.alignment import align
from studygrid.families.ptychography.area import Box
from studygrid.families.ptychography.phase_plane import fit_plane
from tests.golden.made_objects import (
    BOX,
    SIDE,
    Complex,
    made_object,
    noise,
    of_one,
    shifted,
    value,
    with_plane,
)


def aligned(found: Complex, truth: Complex, box: Box = BOX) -> Aligned:
    return align("one", found.astype(np.complex64), truth.astype(np.complex64), box)


def worst_error(scan: Aligned) -> float:
    return float(np.abs(scan.found - scan.truth).max())


def test_what_is_alike_stays_as_it_is() -> None:
    truth = made_object()
    scan = aligned(truth, truth)
    assert worst_error(scan) < 1e-6
    assert scan.facts["shift_px"] == [0, 0]
    assert scan.facts["amplitude_scale"] == pytest.approx(1, abs=1e-7)
    assert scan.facts["phase_offset_rad"] == pytest.approx(0, abs=1e-7)
    assert scan.facts["ramp_rad_px"] == pytest.approx([0, 0], abs=1e-9)


def test_area_is_the_box_less_two_px_at_each_edge() -> None:
    truth = made_object()
    scan = aligned(truth, truth, (20, 75, 30, 90))
    assert np.array_equal(scan.truth, truth[22:73, 32:88].astype(np.complex64))
    assert scan.facts["box"] == [20, 75, 30, 90]
    assert scan.facts["border_px"] == 2
    assert scan.facts["area_px"] == [51, 56]
    amplitude = np.abs(scan.truth)
    assert scan.facts["amplitude_range"] == [amplitude.min(), amplitude.max()]


@pytest.mark.parametrize("shift", [(1.34, -0.72), (-2.5, 3.1), (0.06, 0.0), (0.357, 3.0)])
def test_known_shift_of_parts_of_a_px_is_found(shift: tuple[float, float]) -> None:
    truth = made_object()
    scan = aligned(shifted(truth, *shift), truth)
    assert scan.facts["registered"]
    assert scan.facts["shift_px"] == pytest.approx([-shift[0], -shift[1]], abs=0.02)
    # A hundredth of a px is left of the steps; so much differs there.
    steepest = max(np.abs(np.gradient(truth, axis=axis)).max() for axis in (0, 1))
    assert worst_error(scan) < 0.02 * steepest + 1e-3


def test_shift_brings_in_what_lies_around_the_box_and_nothing_else() -> None:
    truth = made_object()
    found = shifted(truth, 2, -2)
    found[:, :10] = found[:, -10:] = found[:10] = found[-10:] = 50  # beyond the margin, at 4
    inner = aligned(found, truth, (27, 69, 27, 69))
    assert inner.facts["shift_px"] == [-2, 2]
    assert worst_error(inner) < 1e-3


@pytest.mark.parametrize(
    ("offset", "down", "right"),
    [(0.3, 0.0, 0.0), (-3.0, 0.01, -0.02), (0.0, 0.9, -0.6), (1.0, -2.2, 1.7), (2.0, 3.0, 3.1)],
)
def test_known_phase_plane_is_taken_off_however_often_it_wraps(
    offset: float, down: float, right: float
) -> None:
    truth = made_object()
    scan = aligned(2.5 * with_plane(truth, offset, down, right), truth)
    assert worst_error(scan) < 1e-6
    assert scan.facts["phase_offset_rad"] == pytest.approx(offset, abs=1e-6)
    assert scan.facts["ramp_rad_px"] == pytest.approx([down, right], abs=1e-7)
    assert scan.facts["amplitude_scale"] == pytest.approx(0.4, abs=1e-7)


def test_shift_and_ramp_together_are_both_found() -> None:
    truth = made_object()
    found = 0.2 * with_plane(shifted(truth, 1.34, -0.72), 0.5, 0.4, -0.3)
    scan = aligned(found, truth)
    assert scan.facts["shift_px"] == [-1.34, 0.72]
    assert scan.facts["ramp_rad_px"] == pytest.approx([0.4, -0.3], abs=1e-4)
    assert scan.facts["amplitude_scale"] == pytest.approx(5, abs=1e-3)
    # The plane moves with the object, so its offset in the middle does too.
    moved_offset = 0.5 + 0.4 * 1.34 + 0.3 * 0.72
    assert scan.facts["phase_offset_rad"] == pytest.approx(moved_offset, abs=1e-3)
    assert worst_error(scan) < 2e-3


def test_the_truths_own_ramp_does_not_hinder() -> None:
    truth = with_plane(made_object(), 1.0, 0.8, -0.5)
    scan = aligned(with_plane(shifted(made_object(), 1.34, -0.72), 0, 0, 0.2), truth)
    assert scan.facts["shift_px"] == [-1.34, 0.72]
    assert worst_error(scan) < 2e-3


def test_plane_is_that_of_weighted_least_squares() -> None:
    truth = made_object(shape=(12, 17))
    found = truth * (1 + 0.2 * noise(1, (12, 17)))
    product = found * truth.conj()
    rows, columns = np.mgrid[:12, :17].astype(float)
    design = np.stack([np.ones(204), (rows - 5.5).ravel(), (columns - 8).ravel()], axis=1)
    root = np.sqrt(np.abs(product)).ravel()
    expected = np.linalg.lstsq(
        design * root[:, None], np.angle(product).ravel() * root, rcond=None
    )[0]
    plane = fit_plane(found, truth)
    assert (plane.offset, *plane.ramp) == pytest.approx(tuple(expected), abs=1e-9)


def test_noise_does_not_bend_the_plane() -> None:
    truth = made_object()
    found = with_plane(truth, 0.7, 1.1, -0.4, (0, SIDE, 0, SIDE)) + 0.5 * noise(3)
    plane = fit_plane(found, truth)
    # Standard errors of a plane through SIDE x SIDE phases of spread 0.5 rad.
    assert plane.offset == pytest.approx(0.7, abs=4 * 0.5 / SIDE)
    slope = 0.5 / (SIDE * SIDE / math.sqrt(12))
    assert plane.ramp == pytest.approx((1.1, -0.4), abs=4 * slope)


def test_amplitude_scale_is_that_of_least_squared_error() -> None:
    truth = made_object()
    scan = aligned(0.5 * (truth + 0.4 * noise(2)), truth)
    scale = scan.facts["amplitude_scale"]
    ours, true = scan.amplitude.found / scale, scan.amplitude.truth
    expected = np.linalg.lstsq(ours.reshape(-1, 1), true.ravel(), rcond=None)[0]
    assert scale == pytest.approx(float(expected[0]))
    assert scale < 0.98 * true.mean() / ours.mean()  # noise shrinks it, unlike a ratio of means


def test_shift_beyond_the_limit_is_refused_and_said() -> None:
    truth = made_object()
    scan = aligned(shifted(truth, 0, 6), truth)
    assert scan.facts["shift_limit_px"] == 56 / 16
    assert scan.facts["shift_found_px"][1] < -56 / 16
    assert not scan.facts["registered"]
    assert scan.facts["shift_px"] == [0, 0]


def test_flat_object_gets_the_plane_that_fits_the_truth_best() -> None:
    truth = with_plane(made_object(), 0.4, 0.03, -0.02)
    scan = aligned(np.ones_like(truth), truth)
    assert scan.facts["shift_found_px"] is None
    assert not scan.facts["registered"]
    assert np.ptp(np.abs(scan.found)) < 1e-12
    assert np.abs(scan.found).mean() == pytest.approx(np.abs(scan.truth).mean())
    assert scan.facts["ramp_rad_px"] == pytest.approx([-0.03, 0.02], abs=2e-3)
    # Its phase may not come nearer to the truth than the truth's own fluctuation.
    assert np.abs(scan.phase.error).mean() > 0.08


def test_reconstruction_of_zeros_has_an_amplitude_and_no_phase() -> None:
    truth = made_object()
    scan = aligned(np.zeros_like(truth), truth)
    assert scan.facts["amplitude_scale"] == 1
    assert np.array_equal(scan.amplitude.found, np.zeros((52, 52)))
    with pytest.raises(Undefined, match="scan one is 0 everywhere"):
        _ = scan.phase


def test_one_px_without_phase_gets_that_of_the_truths_mean() -> None:
    truth = made_object() * np.exp(2j)
    found = truth.copy()
    found[40, 50] = 0
    phase = aligned(found, truth).phase
    at = (40 - 22, 50 - 22)
    assert phase.found[at] == pytest.approx(0, abs=1e-9)
    assert np.abs(np.delete(phase.error.ravel(), at[0] * 52 + at[1])).max() < 1e-2


@pytest.mark.parametrize("broken", [np.nan, np.inf, complex(0, np.nan)])
def test_reconstruction_that_is_not_finite_is_refused(broken: complex) -> None:
    truth = made_object()
    found = truth.copy()
    found[50, 50:53] = broken
    with pytest.raises(Undefined, match=r"3 of 7744 px .* scan one are not finite"):
        aligned(found, truth)


def test_px_far_from_the_scan_may_be_anything() -> None:
    truth = made_object()
    found = truth.copy()
    found[:3] = np.nan
    assert worst_error(aligned(found, truth)) < 1e-6


def test_truth_that_is_not_known_is_said() -> None:
    with pytest.raises(Undefined, match="true object of scan one is not known"):
        aligned(made_object(), np.full((SIDE, SIDE), np.nan + 0j))


@pytest.mark.parametrize("box", [(20, 24, 20, 60), (20, 60, 30, 34), (30, 20, 20, 60)])
def test_box_without_an_area_is_refused(box: Box) -> None:
    with pytest.raises(Undefined, match=r"scan one is too small: .* at least 5 x 5"):
        aligned(made_object(), made_object(), box)


@pytest.mark.parametrize("box", [(-1, 50, 20, 60), (20, 60, 50, 97)])
def test_box_outside_the_object_is_refused(box: Box) -> None:
    with pytest.raises(Undefined, match="leaves its object"):
        aligned(made_object(), made_object(), box)


@pytest.mark.parametrize("box", [(20, 25, 20, 60), (20, 60, 20, 25), (20, 25, 20, 25)])
def test_area_of_one_px_rows_is_aligned(box: Box) -> None:
    truth = made_object()
    scan = aligned(3 * with_plane(truth, 0.5, 0, 0, box), truth, box)
    assert worst_error(scan) < 1e-6


@pytest.mark.parametrize("box", [(0, SIDE, 0, SIDE), (0, 40, 50, SIDE)])
def test_box_without_a_margin_is_aligned(box: Box) -> None:
    truth = made_object()
    scan = aligned(shifted(truth, 1.34, -0.72), truth, box)
    assert scan.facts["shift_px"] == pytest.approx([-1.34, 0.72], abs=0.02)


def test_phase_that_wraps_in_the_truth_is_unwrapped_in_both() -> None:
    bump = 5 * np.exp(-(((np.mgrid[:SIDE, :SIDE] - 48) / 12.0) ** 2).sum(axis=0))
    truth = np.exp(1j * bump)
    phase = aligned(np.exp(1j * (bump + 0.1 * np.sin(bump))), truth).phase
    assert np.ptp(phase.truth) == pytest.approx(np.ptp(bump[22:74, 22:74]), abs=1e-5)
    for part in (phase.truth, phase.found):
        assert max(np.abs(np.diff(part, axis=axis)).max() for axis in (0, 1)) < 1


def test_phase_of_noise_does_not_follow_the_truth() -> None:
    truth = made_object(highest=0.05)
    correlations = []
    for seed in range(10):
        phase = aligned(noise(seed), truth).phase
        correlations.append(np.corrcoef(phase.truth.ravel(), phase.found.ravel())[0, 1])
    # Taken px by px from the truth they would correlate by about 0.08.
    assert abs(np.mean(correlations)) < 0.03


INVARIANT = ["amplitude_mae", "amplitude_ssim", "amplitude_frc50_frequency"]
INVARIANT += ["phase_mae", "phase_mse", "phase_ssim", "phase_frc17_resolution"]


@settings(deadline=None, max_examples=10)
@given(
    offset=st.floats(-10, 10),
    down=st.floats(-3, 3),
    right=st.floats(-3, 3),
    scale=st.floats(1e-3, 1e3),
)
def test_global_phase_ramp_and_scale_change_no_metric(
    offset: float, down: float, right: float, scale: float
) -> None:
    truth = made_object()
    found = shifted(truth, 0.3, 0.1) + 0.1 * noise(5)
    plain = of_one(found, truth)
    changed = of_one(scale * with_plane(found, offset, down, right), truth)
    for name in INVARIANT:
        assert value(name, changed) == pytest.approx(value(name, plain), rel=1e-4), name
