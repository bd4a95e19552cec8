"""The boundary F1 against a count of every pair of pixels, and by hand at the edges."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy import ndimage

from studygrid.families.base import Undefined
from studygrid.families.segmentation.boundary import boundary, boundary_counts, near
from studygrid.families.segmentation.metrics.boundary_f1 import (
    boundary_f1,
    boundary_f1_image_mean,
    boundary_scores,
)
from tests.golden.made_masks import line, of_masks

torch.set_num_threads(1)


def outline(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the region's pixels that have a neighbour outside it, or outside the image."""
    height, width = mask.shape
    found = []
    for y, x in product(range(height), range(width)):
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        inner = all(0 <= v < height and 0 <= u < width and mask[v, u] for v, u in around)
        if mask[y, x] and not inner:
            found.append((y, x))
    return found


def counted(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> list[int]:
    """Return the four counts by measuring every pair of pixels."""
    ours, true = outline(predicted), outline(truth)

    def reached(one: tuple[int, int], others: list[tuple[int, int]]) -> bool:
        return any(math.dist(one, other) <= 2 for other in others)

    return [
        sum(reached(one, true) for one in ours),
        len(ours),
        sum(reached(one, ours) for one in true),
        len(true),
    ]


pairs = arrays.arrays(
    np.uint8,
    st.tuples(st.just(2), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    elements=st.integers(0, 2),
)


@settings(deadline=None, max_examples=60)
@given(pairs)
def test_counts_equal_those_of_every_pair_of_pixels(masks: NDArray[np.uint8]) -> None:
    predicted, truth = masks
    found = boundary_counts(torch.from_numpy(predicted), torch.from_numpy(truth), 3).numpy()
    for image, number in product(range(len(truth)), (1, 2)):
        expected = counted(predicted[image] == number, truth[image] == number)
        assert found[image, number - 1].tolist() == expected


@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_those_of_scipys_distances(seed: int) -> None:
    generator = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(generator.normal(size=(2, 40, 40)), (0, 2, 2))
    predicted, truth = smooth > np.quantile(smooth, 0.8)
    outlines = [mask & ~ndimage.binary_erosion(mask) for mask in (predicted, truth)]
    distances = [ndimage.distance_transform_edt(~mask) for mask in outlines]
    expected = [
        (outlines[0] & (distances[1] <= 2)).sum(),
        outlines[0].sum(),
        (outlines[1] & (distances[0] <= 2)).sum(),
        outlines[1].sum(),
    ]
    assert 0 < expected[0] < expected[1]
    found = boundary_counts(torch.from_numpy(predicted)[None], torch.from_numpy(truth)[None], 2)
    assert found[0, 0].tolist() == expected


@pytest.mark.parametrize(("shift", "expected"), [(0, 1), (1, 1), (2, 1), (3, 0)])
def test_a_line_may_lie_two_pixels_off_and_not_three(shift: int, expected: int) -> None:
    predictions = of_masks(line(16, 6 + shift)[None], line(16, 6)[None])
    assert boundary_f1(predictions) == boundary_f1_image_mean(predictions) == expected


def test_what_is_near_is_a_disk_and_no_square() -> None:
    point = torch.zeros(1, 7, 7, dtype=torch.bool)
    point[0, 3, 3] = True
    expected = [[0, 0, 1, 0, 0], [0, 1, 1, 1, 0], [1, 1, 1, 1, 1], [0, 1, 1, 1, 0], [0, 0, 1, 0, 0]]
    assert near(point)[0, 1:6, 1:6].int().tolist() == expected
    assert near(point).sum() == 13


def test_near_does_not_go_around_the_edge_of_the_image() -> None:
    corner = torch.zeros(2, 5, 5, dtype=torch.bool)
    corner[0, 0, 0] = True
    assert near(corner).sum(dim=(1, 2)).tolist() == [6, 0]


def test_the_boundary_of_a_square_is_its_ring_also_at_the_edge_of_the_image() -> None:
    region = torch.zeros(2, 6, 6, dtype=torch.bool)
    region[0, 1:5, 1:5] = True
    region[1] = True
    assert boundary(region).sum(dim=(1, 2)).tolist() == [12, 20]
    assert not boundary(region)[0, 2:4, 2:4].any()


def test_one_side_alone_scores_zero_and_both_empty_is_no_score_but_one_an_image() -> None:
    empty, full = np.zeros((1, 8, 8)), np.ones((1, 8, 8))
    assert boundary_f1(of_masks(empty, full)) == boundary_f1(of_masks(full, empty)) == 0
    assert boundary_f1(of_masks(full, full)) == 1
    assert boundary_f1_image_mean(of_masks(empty, empty)) == 1
    with pytest.raises(Undefined, match="foreground"):
        boundary_f1(of_masks(empty, empty))


def test_pooled_and_mean_worked_out_by_hand() -> None:
    # The first image's line is found, with a second one of the same length 8 px off; the
    # second image's line is missed.
    truth = np.stack([line(16, 3), line(16, 3)])
    predicted = np.stack([line(16, 3) | line(16, 11), np.zeros((16, 16))])
    predictions = of_masks(truth, predicted)
    assert predictions.boundary[:, 0].tolist() == [[16, 32, 16, 16], [0, 0, 0, 16]]
    # Precision 1/2, recall 1/2 of all; precision 1/2 and recall 1 of the first.
    assert boundary_f1(predictions) == 1 / 2
    assert boundary_f1_image_mean(predictions) == pytest.approx((2 / 3 + 0) / 2)


def test_the_score_is_the_harmonic_mean_of_precision_and_recall() -> None:
    # Precision 2/4, recall 3/9.
    assert boundary_scores(np.array([[2, 4, 3, 9]])) == pytest.approx(2 / (4 / 2 + 9 / 3))


def test_the_score_is_the_mean_of_the_classes_that_occur() -> None:
    counts = np.array([[4, 4, 4, 4], [0, 3, 0, 5], [0, 0, 0, 0]])
    assert boundary_scores(counts) == pytest.approx(1 / 2)
    assert np.isnan(boundary_scores(np.zeros((2, 4), np.int64)))
