"""What an evaluation keeps of reconstructions beside their metrics."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from studygrid.families.base import Undefined
from studygrid.families.ptychography import findings
from studygrid.families.ptychography.predictions import Predictions
from tests.golden.made_objects import (
    SIDE,
    made_object,
    noise,
    of_one,
    predictions_of,
    value,
)


@pytest.fixture
def two_scans() -> Predictions:
    first, second = made_object(0, highest=0.3), made_object(1, highest=0.3)
    return predictions_of({"first": (first + 0.1 * noise(2), first), "second": (second, second)})


def test_facts_tell_of_each_scan_how_it_was_aligned(two_scans: Predictions) -> None:
    facts = findings.facts(two_scans)
    assert [scan["scan"] for scan in facts["alignment"]] == ["first", "second"]
    for scan in facts["alignment"]:
        assert set(scan) == {
            "scan",
            "box",
            "border_px",
            "area_px",
            "registered",
            "shift_found_px",
            "shift_limit_px",
            "shift_px",
            "phase_offset_rad",
            "ramp_rad_px",
            "amplitude_scale",
            "amplitude_range",
            "phase_range_rad",
            "uncovered_px",
            "beyond_nyquist",
            "below_first_ring",
        }
    json.dumps(facts, allow_nan=False)


def test_metrics_beyond_nyquist_are_named_if_one_scan_is(two_scans: Predictions) -> None:
    facts = findings.facts(two_scans)
    names = [
        f"{part}_{frc}_{what}"
        for part in ("amplitude", "phase")
        for frc in ("frc50", "frc17")
        for what in ("frequency", "resolution")
    ]
    assert facts["alignment"][1]["beyond_nyquist"] == names
    assert facts["beyond_nyquist"] == names
    truth = made_object(highest=0.1)
    blurred = of_one(truth + 0.3 * noise(1), truth)
    assert findings.facts(blurred)["beyond_nyquist"] == []


def test_metrics_below_from_the_first_ring_on_are_named_if_one_scan_is() -> None:
    truth = made_object()
    scans = {"good": (truth, truth), "opposite": (2 - truth, truth), "flat": (0 * truth + 1, truth)}
    facts = findings.facts(predictions_of(scans))
    good, opposite, flat = (scan["below_first_ring"] for scan in facts["alignment"])
    names = [
        f"{part}_{frc}_{what}"
        for part in ("amplitude", "phase")
        for frc in ("frc50", "frc17")
        for what in ("frequency", "resolution")
    ]
    assert good == []
    assert opposite == names
    assert set(names[:4]) <= set(flat)
    assert facts["below_first_ring"] == names
    assert not set(names[:4]) & set(facts["alignment"][2]["beyond_nyquist"])


def test_px_that_no_pattern_covers_are_counted_in_the_area_alone() -> None:
    truth = made_object()
    predictions = of_one(truth, truth)
    coverage = predictions.reconstructions[0].coverage
    coverage[:22] = 0
    assert findings.facts(predictions)["alignment"][0]["uncovered_px"] == 0
    coverage[22, 30:40] = 0
    assert findings.facts(predictions)["alignment"][0]["uncovered_px"] == 10


def test_facts_say_why_a_scan_cannot_be_aligned() -> None:
    truth = made_object()
    scans = {"bad": (np.full_like(truth, np.nan), truth), "good": (truth, truth)}
    facts = findings.facts(predictions_of(scans))
    bad, good = facts["alignment"]
    assert bad["scan"] == "bad"
    assert "7744 of 7744 px" in bad["undefined"]
    assert good["shift_px"] == [0, 0]
    json.dumps(facts, allow_nan=False)


@pytest.mark.parametrize("part", ["amplitude", "phase"])
def test_tables_hold_the_curves_of_all_scans(two_scans: Predictions, part: str) -> None:
    rows = getattr(findings, f"frc_{part}")(two_scans)
    assert [row[0] for row in rows] == [0] * 26 + [1] * 26
    curve = getattr(two_scans.aligned[0], part).frc
    assert [row[1] for row in rows[:26]] == pytest.approx(np.arange(1, 27) / 52)
    assert [row[2] for row in rows[:26]] == curve.correlation.tolist()
    assert [row[2] for row in rows[26:]] == pytest.approx([1] * 26)
    assert [row[3] for row in rows[:26]] == curve.pixels.tolist()
    assert {type(cell) for row in rows for cell in row} == {int, float}
    # The crossing that is scored is the one of the curve that is drawn.
    first = next(at for at, row in enumerate(rows[:26]) if row[2] < 0.5)
    frequency = value(f"{part}_frc50_frequency", Predictions(two_scans.reconstructions[:1], 1, 1))
    assert rows[first - 1][1] <= frequency <= rows[first][1]


def test_scans_without_a_curve_are_left_out_of_the_table() -> None:
    truth = made_object()
    flat = np.ones_like(truth)
    scans = {"flat": (truth, flat), "good": (truth, truth)}
    assert {row[0] for row in findings.frc_amplitude(predictions_of(scans))} == {1}
    with pytest.raises(Undefined, match="no scan has a Fourier ring correlation of its amplitude"):
        findings.frc_amplitude(of_one(truth, flat))


def test_the_curve_of_a_constant_reconstruction_is_0() -> None:
    truth = made_object()
    rows = findings.frc_amplitude(of_one(np.ones_like(truth), truth))
    assert [row[2] for row in rows] == [0] * 26


def test_examples_are_the_first_scan_aligned(two_scans: Predictions) -> None:
    examples = findings.examples(two_scans)
    assert list(examples) == ["truth_amplitude", "truth_phase", "amplitude", "phase"]
    assert {(one.shape, one.dtype) for one in examples.values()} == {((52, 52), np.dtype("f4"))}
    difference = np.abs(examples["amplitude"] - examples["truth_amplitude"]).mean()
    alone = Predictions(two_scans.reconstructions[:1], 1, 1)
    assert difference == pytest.approx(value("amplitude_mae", alone), rel=1e-5)
    difference = np.abs(examples["phase"] - examples["truth_phase"]).mean()
    assert difference == pytest.approx(value("phase_mae", alone), rel=1e-5)


@pytest.mark.parametrize("found", [np.nan, 0])
def test_no_examples_of_what_cannot_be_compared(found: float) -> None:
    truth = made_object()
    assert findings.examples(of_one(np.full_like(truth, found), truth)) == {}
    assert findings.examples(predictions_of({})) == {}


def test_flat_scores_are_those_of_a_flat_object() -> None:
    truth = made_object()
    found = findings.flat_scores(of_one(truth + 0.1 * noise(1), truth))
    flat = of_one(np.ones_like(truth), truth)
    assert found["amplitude_mae"] == value("amplitude_mae", flat)
    assert found["phase_ssim"] == value("phase_ssim", flat)
    amplitude = np.abs(truth[22:74, 22:74])
    expected = np.abs(amplitude - amplitude.mean()).mean()
    assert found["amplitude_mae"] == pytest.approx(expected, rel=1e-5)
    assert not {"loss", "pattern_error"} & set(found)
    # Of an area of 52 px: it is constant, and so below the threshold from the first ring on.
    assert found["amplitude_frc50_frequency"] == 1 / 52
    assert all(math.isfinite(score) for score in found.values())


def test_flat_scores_do_not_hang_on_the_reconstruction() -> None:
    truth = made_object()
    one, other = of_one(truth, truth), of_one(np.full((SIDE, SIDE), np.nan + 0j), truth)
    assert findings.flat_scores(one) == findings.flat_scores(other)


def test_no_flat_scores_where_the_truth_is_not_known() -> None:
    truth = np.full((SIDE, SIDE), np.nan + 0j)
    assert findings.flat_scores(of_one(made_object(), truth)) == {}
