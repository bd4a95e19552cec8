"""The latent space of tag VAEs against scikit-learn and worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import decomposition
from sklearn import metrics as sklearn

from studygrid.families.base import Undefined
from studygrid.families.tagvae import latent
from studygrid.families.tagvae import silhouette as silhouettes
from studygrid.families.tagvae.silhouette import silhouette
from tests.golden.made_tags import COMPUTE, drawn, predictions_of, rows_of

Codes = NDArray[np.float32]


def codes_with(*deviations: float) -> Codes:
    """Return codes of 100 rows whose units have these standard deviations, to rounding."""
    half = np.repeat([-1.0, 1.0], 50)
    return np.stack([half * deviation + 7 for deviation in deviations], axis=1).astype(np.float32)


def blobs(n: int = 120, units: int = 4, seed: int = 1) -> tuple[Codes, NDArray[np.int64]]:
    """Return codes that lie around a point for each label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, n)
    codes = random.normal(size=(n, units)) + 3 * np.eye(3, units)[labels]
    return codes.astype(np.float32), labels


# Active units


def test_a_unit_is_active_above_a_variance_of_one_hundredth() -> None:
    codes = codes_with(0.11, 0.09, 2.0, 0.0)
    assert latent.active_units(codes) == 2
    assert latent.unit_variances(codes) == pytest.approx([0.0121, 0.0081, 4, 0], abs=1e-5)
    made = predictions_of(np.ones((100, 2)), np.ones((100, 2)), codes=codes)
    assert COMPUTE["active_units_percent"](made) == 50


def test_units_that_only_tremble_are_idle() -> None:
    """The guide's program calls each unit active whose deviation is above 0."""
    codes = np.random.default_rng(0).normal(0, 1e-3, (500, 8)).astype(np.float32)
    assert (codes.std(axis=0) > 0).all()
    assert latent.active_units(codes) == 0
    assert latent.is_collapsed(codes)


def test_variances_are_summed_in_double_precision() -> None:
    codes = (np.random.default_rng(0).normal(size=(1000, 3)) + 4096).astype(np.float32)
    expected = [np.var([float(value) for value in unit]) for unit in codes.T]
    assert latent.unit_variances(codes) == pytest.approx(expected, rel=1e-12)


def test_few_active_units_are_a_collapse_and_a_tenth_is_none() -> None:
    assert latent.is_collapsed(codes_with(*[1.0] * 1, *[0.0] * 19))
    assert not latent.is_collapsed(codes_with(*[1.0] * 2, *[0.0] * 18))
    assert not latent.is_collapsed(codes_with(1.0))
    assert latent.is_collapsed(codes_with(0.0))


def test_one_row_tells_nothing_of_a_collapse() -> None:
    one = np.ones((1, 4), dtype=np.float32)
    assert latent.active_units(one) == 0
    assert not latent.is_collapsed(one)


def test_the_table_of_units_holds_variance_and_kl() -> None:
    table = latent.unit_rows(codes_with(1.0, 0.0), np.array([1.5, 0.25], dtype=np.float32))
    assert table == [[pytest.approx(1), 1.5], [pytest.approx(0), 0.25]]
    assert {type(number) for row in table for number in row} == {float}
    with pytest.raises(ValueError, match="shape"):
        latent.unit_rows(codes_with(1.0, 0.0), np.zeros((100, 2)))


@pytest.mark.parametrize(
    ("codes", "why"),
    [
        (np.zeros((0, 3)), "there are no codes"),
        (np.zeros((3, 0)), "there are no codes"),
        (np.array([[1.0, math.nan], [1.0, 2.0]]), "1 of 2 rows have a code that is not finite"),
        (np.array([[1.0, math.inf], [math.nan, 2.0]]), "2 of 2 rows"),
    ],
)
def test_codes_of_which_nothing_can_be_told_are_refused(codes: Codes, why: str) -> None:
    labels = np.arange(len(codes))
    with pytest.raises(Undefined, match=why):
        latent.active_units(codes)
    with pytest.raises(Undefined, match=why):
        latent.is_collapsed(codes)
    with pytest.raises(Undefined, match=why):
        latent.projection(codes, labels)
    with pytest.raises(Undefined, match=why):
        silhouette(codes, labels)


# Labels and silhouette


def test_the_label_of_a_row_is_its_first_present_tag() -> None:
    labels = latent.first_tags(rows_of([[0, 1, 1], [1, 0, 1], [0, 0, 0], [0, 0, 1]]))
    assert labels.tolist() == [1, 0, latent.NO_TAG, 2]
    assert labels.dtype == np.int64


def by_definition(codes: Codes, labels: NDArray[np.int64]) -> float:
    """Return the mean silhouette, row after row, as Rousseeuw writes it."""
    points = codes.astype(np.float64)
    values = []
    for at, label in enumerate(labels):
        distances = np.sqrt(((points - points[at]) ** 2).sum(axis=1))
        own = (labels == label) & (np.arange(len(labels)) != at)
        if not own.any():
            values.append(0.0)
            continue
        within = distances[own].mean()
        others = set(labels.tolist()) - {int(label)}
        nearest = min(distances[labels == other].mean() for other in others)
        values.append((nearest - within) / max(nearest, within))
    return float(np.mean(values))


@pytest.mark.parametrize("seed", range(3))
def test_silhouette_equals_scikit_learn_and_its_definition(seed: int) -> None:
    codes, labels = blobs(seed=seed)
    labels[0] = 9  # a label of one row alone counts 0
    found = silhouette(codes, labels)
    assert found == pytest.approx(sklearn.silhouette_score(codes, labels), abs=1e-5)
    assert found == pytest.approx(by_definition(codes, labels), abs=1e-9)


def test_the_metric_labels_rows_by_their_first_tag() -> None:
    made = drawn()
    assert made.codes is not None
    some = made.tags.any(axis=1)
    labels = made.tags.argmax(axis=1)
    assert not some.all()  # rows without a tag are left out
    expected = sklearn.silhouette_score(made.codes[some], labels[some])
    assert COMPUTE["silhouette"](made) == pytest.approx(expected, abs=1e-5)


def test_well_parted_labels_score_near_one_and_mixed_ones_near_zero() -> None:
    codes, labels = blobs()
    apart = np.eye(3, dtype=np.float32)[labels]
    assert silhouette(apart, labels) == pytest.approx(1)
    mixed = np.random.default_rng(5).permutation(labels)
    assert silhouette(codes, mixed) < 0.05 < silhouette(codes, labels)


def test_equal_codes_have_no_silhouette() -> None:
    codes, labels = np.full((10, 3), 0.1, dtype=np.float32), np.arange(10) % 2
    assert sklearn.silhouette_score(codes, labels) == 0
    with pytest.raises(Undefined, match="all codes are equal"):
        silhouette(codes, labels)


@pytest.mark.parametrize("labels", [[1, 1, 1, 1], [0, 1, 2, 3], [5, -1, -1, -1], [-1] * 4])
def test_one_label_or_each_its_own_has_no_silhouette(labels: list[int]) -> None:
    with pytest.raises(Undefined, match="a silhouette needs two labels or more"):
        silhouette(np.eye(4, dtype=np.float32), np.array(labels))


def test_of_many_rows_the_same_are_drawn_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, labels = blobs(400)
    whole = silhouette(codes, labels)
    monkeypatch.setattr(silhouettes, "MOST_ROWS", 100)
    first, again = silhouette(codes, labels), silhouette(codes, labels)
    assert first == again != whole
    assert first == pytest.approx(whole, abs=0.1)
    # Labels are counted among the drawn rows: one that is none of theirs does not help.
    rare = np.zeros(400, dtype=np.int64)
    drawn_rows = set(np.random.default_rng(0).choice(400, 100, replace=False).tolist())
    rare[next(at for at in range(400) if at not in drawn_rows)] = 1
    with pytest.raises(Undefined, match="100 rows with a tag have 1 labels"):
        silhouette(codes, rare)


def test_5000_rows_are_the_most() -> None:
    assert silhouettes.MOST_ROWS == 5000  # as the definition says


# Projection


def test_projection_equals_principal_components_of_scikit_learn() -> None:
    codes, labels = blobs(200, units=6)
    points, kept, shares = latent.projection(codes, labels)
    by_sklearn = decomposition.PCA(2, svd_solver="full").fit(codes.astype(np.float64))
    expected = by_sklearn.transform(codes.astype(np.float64))
    expected *= np.sign((expected * points).sum(axis=0))
    assert points == pytest.approx(expected, abs=1e-4)
    assert shares == pytest.approx(by_sklearn.explained_variance_ratio_, abs=1e-6)
    assert (kept == labels).all()
    assert [str(each.dtype) for each in (points, kept, shares)] == ["float32", "int64", "float32"]


def test_the_largest_loading_of_a_component_is_positive() -> None:
    random = np.random.default_rng(3)
    codes = (random.normal(size=(50, 3)) * [5, 1, 0.1]).astype(np.float32)
    points, *_ = latent.projection(codes, np.zeros(50, dtype=np.int64))
    assert np.corrcoef(points[:, 0], codes[:, 0])[0, 1] > 0.9
    assert np.corrcoef(points[:, 1], codes[:, 1])[0, 1] > 0.9
    turned, *_ = latent.projection(codes[::-1], np.zeros(50, dtype=np.int64))
    assert turned[::-1] == pytest.approx(points, abs=1e-5)


def test_the_first_rows_alone_are_projected() -> None:
    codes, labels = blobs(60)
    points, kept, shares = latent.projection(codes, labels, most=25)
    alone, _, alone_shares = latent.projection(codes[:25], labels[:25])
    assert points.shape == (25, 2)
    assert (points == alone).all()
    assert (shares == alone_shares).all()
    assert (kept == labels[:25]).all()


def test_equal_codes_lie_on_one_point_and_have_no_shares() -> None:
    codes = np.full((7, 3), 0.1, dtype=np.float32)
    points, _, shares = latent.projection(codes, np.zeros(7, dtype=np.int64))
    assert (points == 0).all()
    assert (shares == 0).all()


def test_one_unit_is_one_direction() -> None:
    codes = np.array([[1.0], [3.0], [5.0]], dtype=np.float32)
    points, _, shares = latent.projection(codes, np.zeros(3, dtype=np.int64))
    assert points.tolist() == [[-2, 0], [0, 0], [2, 0]]
    assert shares.tolist() == [1, 0]


def test_one_row_is_one_point() -> None:
    points, kept, shares = latent.projection(np.ones((1, 4), dtype=np.float32), np.array([3]))
    assert points.tolist() == [[0, 0]]
    assert kept.tolist() == [3]
    assert shares.tolist() == [0, 0]
