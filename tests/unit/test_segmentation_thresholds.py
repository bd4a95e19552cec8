"""Counts at every threshold, and the threshold chosen on validation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import ArrayLike, NDArray

from studygrid.families.segmentation import counting
from studygrid.families.segmentation.thresholds import (
    THRESHOLDS,
    choose_threshold,
    confusion_at,
    precision_recall_rows,
)

torch.set_num_threads(1)


def histograms_of(probability: ArrayLike, mask: ArrayLike) -> NDArray[np.int64]:
    """Return the histograms of one image from the probabilities of its pixels."""
    return counting.histograms(
        torch.as_tensor(np.asarray(probability, np.float32)).view(1, 1, -1),
        torch.as_tensor(np.asarray(mask, np.uint8)).view(1, 1, -1),
    ).numpy()


# What lies on a threshold, or next to one in float32, is where counts may go wrong.
on_the_grid = st.sampled_from(THRESHOLDS).map(np.float32)
probabilities = st.one_of(
    st.floats(0, 1, width=32),
    on_the_grid,
    on_the_grid.map(lambda t: np.nextafter(t, np.float32(0))),
    on_the_grid.map(lambda t: min(np.nextafter(t, np.float32(2)), np.float32(1))),
)


@settings(deadline=None, max_examples=25)
@given(arrays.arrays(np.float32, (3, 2, 4), elements=probabilities), st.integers(0, 2**24 - 1))
def test_counts_are_exact_at_every_threshold(drawn: NDArray[np.float32], bits: int) -> None:
    masks = np.array([bits >> place & 1 for place in range(24)], np.uint8).reshape(3, 2, 4)
    histograms = counting.histograms(torch.from_numpy(drawn), torch.from_numpy(masks)).numpy()
    assert histograms.shape == (3, 2, 101)
    for threshold in THRESHOLDS:
        predicted = drawn >= np.float32(threshold)
        expected = np.stack(
            [
                [((masks == true) & (predicted == says)).sum((1, 2)) for says in (0, 1)]
                for true in (0, 1)
            ]
        )
        assert np.array_equal(confusion_at(histograms, threshold), np.moveaxis(expected, -1, 0))


def test_counts_at_one_half_are_those_of_the_predicted_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 1, 9, 9, generator=generator)
    logits[0, 0, 0, :3] = torch.tensor([0.0, -1e-9, 1e-9])
    masks = torch.randint(0, 2, (5, 9, 9), generator=generator)
    expected = counting.confusion(counting.predicted_classes(logits), masks, 2)
    histograms = counting.histograms(counting.foreground_probability(logits), masks)
    assert confusion_at(histograms.numpy(), 0.5).tolist() == expected.tolist()


def test_large_batches_are_counted_in_parts_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = torch.Generator().manual_seed(0)
    probability = torch.rand(7, 4, 4, generator=generator)
    masks = torch.randint(0, 2, (7, 4, 4), generator=generator)
    whole = counting.histograms(probability, masks)
    for pixels in (1, 40):
        monkeypatch.setattr(counting, "_CHUNK_PX", pixels)
        assert torch.equal(counting.histograms(probability, masks), whole)
    assert whole.sum() == 7 * 16


def test_a_probability_that_is_no_number_is_foreground_at_no_threshold_above_zero() -> None:
    rows = precision_recall_rows(histograms_of([np.nan, 0.7], [1, 1]))
    assert [row[1] for row in rows[1:71]] == [1] * 70
    assert [row[1] for row in rows[71:]] == [0] * 30


def test_no_threshold_off_the_grid_is_counted_at() -> None:
    with pytest.raises(ValueError, match=r"0\.505 is not one"):
        confusion_at(histograms_of([0.5], [1]), 0.505)


def test_rows_of_the_curve_run_from_everything_to_almost_nothing() -> None:
    rows = precision_recall_rows(histograms_of([0.2, 0.6, 0.6, 1.0], [0, 0, 1, 1]))
    assert [row[0] for row in rows] == [step / 100 for step in range(101)]
    assert rows[0] == [0.0, 2, 2, 0]
    assert rows[20] == [0.2, 2, 2, 0]
    assert rows[21] == [0.21, 2, 1, 0]
    assert rows[60] == [0.6, 2, 1, 0]
    assert rows[61] == [0.61, 1, 0, 1]
    assert rows[100] == [1.0, 1, 0, 1]


def test_rows_pool_the_images() -> None:
    parts = [histograms_of([0.2, 0.9], [0, 1]), histograms_of([0.9, 0.9], [0, 1])]
    assert precision_recall_rows(np.concatenate(parts))[50] == [0.5, 2, 1, 0]


def test_the_threshold_has_the_largest_pooled_iou() -> None:
    # From 0.31 to 0.7 the false alarm is gone and all is found.
    chosen = choose_threshold(histograms_of([0.3, 0.7, 0.9], [0, 1, 1]))
    assert (chosen.threshold, chosen.iou) == (0.5, 1.0)
    chosen = choose_threshold(histograms_of([0.6, 0.7, 0.9], [0, 1, 1]))
    assert (chosen.threshold, chosen.iou) == (0.61, 1.0)
    chosen = choose_threshold(histograms_of([0.1, 0.3, 0.9], [0, 1, 1]))
    assert (chosen.threshold, chosen.iou) == (0.3, 1.0)
    assert chosen.facts() == {"threshold": 0.3, "threshold_iou_validation": 1.0}


def test_of_two_thresholds_as_near_to_one_half_the_lower_is_chosen() -> None:
    # IoU 1/2 up to 0.49 (both found, two false) and from 0.51 (one found), less at 0.5.
    histograms = histograms_of([0.495, 0.505, 0.495, 0.9], [1, 0, 0, 1])
    ious = [row[1] / sum(row[1:]) for row in precision_recall_rows(histograms)]
    assert ious[49] == ious[51] == 1 / 2
    assert ious[50] < 1 / 2
    assert choose_threshold(histograms).threshold == 0.49


@settings(deadline=None, max_examples=40)
@given(arrays.arrays(np.float32, 8, elements=probabilities), st.integers(1, 255))
def test_f1_would_choose_the_same_threshold(drawn: NDArray[np.float32], bits: int) -> None:
    mask = [bits >> place & 1 for place in range(8)]
    histograms = histograms_of(drawn, mask)
    rows = precision_recall_rows(histograms)[1:100]
    f1 = [2 * found / (2 * found + false + missed) for _, found, false, missed in rows]
    best = max(range(99), key=lambda step: (f1[step], -abs(step + 1 - 50), -step))
    assert choose_threshold(histograms).threshold == rows[best][0]


def test_where_nothing_is_found_at_any_threshold_one_half_stays() -> None:
    chosen = choose_threshold(histograms_of([0.0, 0.0], [1, 0]))
    assert (chosen.threshold, chosen.iou) == (0.5, 0.0)


def test_without_foreground_in_validation_the_threshold_is_one_half_and_says_so() -> None:
    chosen = choose_threshold(histograms_of([0.2, 0.9], [0, 0]))
    assert (chosen.threshold, chosen.iou) == (0.5, None)
    facts = chosen.facts()
    assert facts["threshold_iou_validation"] is None
    assert "no foreground" in facts["threshold_reason"]
