"""Widths of masks, and counts by them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from studygrid.families.segmentation.widths import WIDTH_BINS, iou_by_width_rows, mask_width_px


def line(width: float, degrees: float, side: int = 96) -> NDArray[np.uint8]:
    """Return the mask of a line through the middle of a square."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angle = np.radians(degrees)
    return (np.abs(x * np.sin(angle) - y * np.cos(angle)) <= width / 2).astype(np.uint8)


@pytest.mark.parametrize(("width", "measured"), [(1, 2), (2, 2), (3, 4), (4, 4), (5, 6), (8, 8)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_line_along_an_axis_measures_its_width_or_one_more_where_it_is_odd(
    width: int, measured: int, turned: bool
) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[20 : 20 + width] = 1
    # The skeleton of a wide line is a pixel off at its ends.
    assert mask_width_px(mask.T if turned else mask) == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 8])
def test_a_slanted_line_is_measured_to_one_and_a_half_pixels(width: int) -> None:
    for degrees in (5, 10, 22, 30, 45, 80, 120, 135):
        assert mask_width_px(line(width, degrees)) == pytest.approx(width, abs=1.5)


def test_wider_lines_measure_more_at_every_angle() -> None:
    for degrees in (0, 20, 45, 90, 130):
        widths = [mask_width_px(line(width, degrees)) for width in (1, 2.5, 4.5, 7, 11)]
        assert widths == sorted(widths)


def test_several_parts_and_other_classes_count_together() -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[10:14], mask[40:48] = 1, 2
    # Half of the skeleton has a width of 4 px and half of 8 px.
    assert mask_width_px(mask) == pytest.approx(6, rel=0.02)


def test_a_disk_measures_about_its_inner_width() -> None:
    y, x = np.mgrid[:41, :41] - 20
    assert mask_width_px((x * x + y * y <= 100).astype(np.uint8)) == pytest.approx(21, abs=1.5)


def test_an_empty_mask_has_no_width_and_a_full_one_its_side() -> None:
    assert np.isnan(mask_width_px(np.zeros((8, 8), np.uint8)))
    assert mask_width_px(np.ones((8, 12), np.uint8)) == 8


def test_a_single_pixel_measures_two() -> None:
    mask = np.zeros((5, 5), np.uint8)
    mask[2, 2] = 1
    assert mask_width_px(mask) == 2


def test_rows_add_up_the_images_of_a_bin_and_leave_out_empty_masks() -> None:
    widths = np.array([0.004, 0.01, 0.012, np.nan, 0.1, 1.0])
    confusion = np.array([[[9, 2], [3, number + 1]] for number in range(6)])
    rows = iou_by_width_rows(widths, confusion)
    assert [tuple(row[:2]) for row in rows] == list(pairwise(WIDTH_BINS))
    filled = {row[0]: row[2:] for row in rows if row[2]}
    assert filled == {0.0: [1, 1, 2, 3], 0.01: [2, 5, 4, 6], 0.1: [2, 11, 4, 6]}
    assert all(isinstance(value, (int, float)) for row in rows for value in row)


def test_with_many_classes_a_pixel_of_another_one_is_both_false_and_missed() -> None:
    confusion = np.array([[[5, 1, 0], [0, 3, 2], [1, 0, 4]]])
    row = iou_by_width_rows(np.array([0.5]), confusion)[-1]
    # Found 3 + 4; predicted 4 + 6, true 5 + 5.
    assert row == [0.1, 1.0, 1, 7, 3, 3]


def test_no_width_is_more_than_the_image_s_side() -> None:
    mask = np.ones((32, 32), np.uint8)
    mask[0, 0] = 0
    assert mask_width_px(mask) <= 32
