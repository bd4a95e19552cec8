"""ROC and precision-recall curves: against scikit-learn, and thinned to the same area."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sklearn

from studygrid.families.events import curves
from studygrid.families.events.curves import Curve, thinned

Floats = NDArray[np.float64]

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40).map(np.array)
KINDS = [curves.roc_curve, curves.precision_recall_curve]


def two(seed: int, background: int, signal: int, gap: float = 1.0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=background), rng.normal(gap, 1.5, size=signal)


def labelled(background: Floats, signal: Floats) -> tuple[NDArray[np.int64], Floats]:
    labels = np.repeat([0, 1], [len(background), len(signal)])
    return labels, np.concatenate([background, signal])


@settings(max_examples=100, deadline=None)
@given(background=SCORES, signal=SCORES)
def test_the_roc_curve_is_that_of_scikit_learn(background: Floats, signal: Floats) -> None:
    found = curves.roc_curve(background, signal)
    false, true, _ = sklearn.roc_curve(*labelled(background, signal), drop_intermediate=False)
    np.testing.assert_allclose(found.x, false)
    np.testing.assert_allclose(found.y, true)
    assert found.area == pytest.approx(sklearn.roc_auc_score(*labelled(background, signal)))


@settings(max_examples=100, deadline=None)
@given(background=SCORES, signal=SCORES)
def test_the_precision_recall_curve_is_that_of_scikit_learn(
    background: Floats, signal: Floats
) -> None:
    found = curves.precision_recall_curve(background, signal)
    precision, recall, _ = sklearn.precision_recall_curve(*labelled(background, signal))
    # Scikit-learn's last point, recall 0 and precision 1, is of no threshold.
    np.testing.assert_allclose(found.x[1:], recall[:-1][::-1])
    np.testing.assert_allclose(found.y[1:], precision[:-1][::-1])
    assert found.x[0] == 0
    assert found.y[0] == found.y[1]
    assert curves.average_precision(background, signal) == pytest.approx(
        sklearn.average_precision_score(*labelled(background, signal))
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("background", "signal", "gap"),
    [(3000, 1000, 0.1), (3000, 1000, 1.5), (6000, 300, 1.0), (700, 900, 4.0)],
)
def test_thinning_leaves_few_points_and_the_same_area(
    kind: object, background: int, signal: int, gap: float
) -> None:
    assert callable(kind)
    full: Curve = kind(*two(background + signal, background, signal, gap))
    found = thinned(full)
    assert len(found.x) <= curves.MOST_POINTS < len(full.x)
    assert found.area == pytest.approx(full.area, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_thinned_curve_has_points_of_the_curve_and_both_ends(kind: object) -> None:
    assert callable(kind)
    full: Curve = kind(*two(2, 2000, 700))
    found = thinned(full)
    points = set(zip(full.x.tolist(), full.y.tolist(), strict=True))
    assert set(zip(found.x.tolist(), found.y.tolist(), strict=True)) <= points
    for end in (0, -1):
        assert (found.x[end], found.y[end]) == (full.x[end], full.y[end])
    assert (np.diff(found.x) >= 0).all()


def test_a_thinned_roc_curve_lies_where_the_curve_lies() -> None:
    full = curves.roc_curve(*two(8, 20_000, 5_000, 1.5))
    found = thinned(full)
    up = np.abs(np.interp(full.x, found.x, found.y) - full.y)
    across = np.interp(full.y, found.y, found.x)
    assert np.minimum(up, np.abs(across - full.x)).max() < 0.01
    # Where little background passes, on a logarithmic axis too.
    few = (full.x > 0) & (full.x < 0.01)
    near = np.abs(np.log(across[few] / full.x[few])) < 0.05
    assert (near | (up[few] < 0.01)).all()


@settings(max_examples=100, deadline=None)
@given(background=SCORES, signal=SCORES)
def test_few_points_lose_only_what_lies_on_straight_lines(
    background: Floats, signal: Floats
) -> None:
    full = curves.roc_curve(background, signal)
    found = thinned(full)
    assert found.area == pytest.approx(full.area, abs=1e-12)
    # What is left is no point on the line between its neighbours.
    step_x, step_y = np.diff(found.x), np.diff(found.y)
    turns = step_x[:-1] * step_y[1:] - step_x[1:] * step_y[:-1]
    assert (np.abs(turns) > 1e-12).all()


def test_a_straight_line_is_two_points() -> None:
    line = Curve(np.array([0, 0.1, 0.5, 1.0]), np.array([0, 0.2, 1.0, 2.0]))
    assert thinned(line).x.tolist() == [0, 1]


def test_a_point_at_which_a_line_turns_back_is_kept() -> None:
    spike = Curve(np.array([0, 0, 0, 1.0]), np.array([0, 2.0, 1.0, 1.0]))
    assert thinned(spike).y.tolist() == [0, 2, 1, 1]


def test_an_area_that_cannot_be_kept_keeps_its_points() -> None:
    # A curve that bends one way alone: each line across points takes some of its area.
    x = np.linspace(0, 1, 1001)
    full = Curve(x, np.sqrt(x))
    found = thinned(full, most=50)
    assert found.area == pytest.approx(full.area, abs=1e-6)
    assert len(found.x) > 50
    loose = thinned(full, most=50, area_tolerance=1e-3)
    assert len(loose.x) <= 50
