"""The table of reliability bins against torchmetrics' binning, and by hand at the edges."""

from __future__ import annotations

import json
import sys
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from studygrid.families.base import Undefined
from studygrid.families.classification.metrics.calibration import (
    error_of_bins,
    expected_calibration_error,
)
from studygrid.families.classification.metrics.reliability import BINS, reliability
from studygrid.families.classification.predictions import Predictions

# torchmetrics imports torchvision, which only its image metrics use.
with pytest.MonkeyPatch.context() as patch:
    for module in ("torchvision", "torchvision.models", "torchvision.transforms"):
        patch.setitem(sys.modules, module, MagicMock())
    from torchmetrics.functional.classification.calibration_error import _binning_bucketize

torch.set_num_threads(1)


def of_probabilities(labels: ArrayLike, probabilities: ArrayLike) -> Predictions:
    array = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return Predictions(np.asarray(labels, dtype=np.int64), array, np.log(array))


def binary(confidences: ArrayLike, right: ArrayLike) -> Predictions:
    """Return predictions of class 0 (of two) with these confidences, all 1/2 or more."""
    first = np.asarray(confidences, dtype=np.float64)
    labels = np.where(np.asarray(right, dtype=bool), 0, 1)
    return of_probabilities(labels, np.column_stack([first, 1 - first]))


def drawn(classes: int, n: int) -> Predictions:
    generator = np.random.default_rng(classes)
    logits = torch.from_numpy(2 * generator.normal(size=(n, classes)))
    labels = generator.integers(0, classes, n)
    return Predictions(labels, logits.softmax(1).numpy(), logits.log_softmax(1).numpy())


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_bins_are_those_of_torchmetrics(classes: int) -> None:
    predictions = drawn(classes, 500)
    table = np.array(reliability(predictions))
    confidence = torch.from_numpy(predictions.probabilities.max(1))
    right = torch.from_numpy((predictions.predicted == predictions.labels).astype(np.float64))
    bounds = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)
    accuracy, mean_confidence, share = (
        part[:BINS].numpy() for part in _binning_bucketize(confidence, right, bounds)
    )
    filled = table[:, 0] > 0
    assert filled.sum() > 3
    np.testing.assert_allclose(table[:, 0] / 500, share, atol=1e-12)
    np.testing.assert_allclose(table[filled, 1] / table[filled, 0], mean_confidence[filled])
    np.testing.assert_allclose(table[filled, 2] / table[filled, 0], accuracy[filled])


@pytest.mark.parametrize("classes", [2, 7])
def test_the_error_of_the_table_is_the_metric_to_the_last_bit(classes: int) -> None:
    predictions = drawn(classes, 333)
    assert error_of_bins(reliability(predictions)) == expected_calibration_error(predictions)


def test_a_record_keeps_the_table_to_the_last_bit() -> None:
    predictions = drawn(5, 100)
    table = json.loads(json.dumps(reliability(predictions)))
    assert error_of_bins(table) == expected_calibration_error(predictions)
    assert {type(row[0]) for row in table} == {type(row[2]) for row in table} == {int}


def test_one_sample_lies_in_one_bin() -> None:
    table = reliability(binary([0.8], [True]))
    assert [row for row in table if row[0]] == [[1, 0.8, 1]]
    assert table.index([1, 0.8, 1]) == 11  # (11/15, 12/15] holds 0.8


def test_confidence_of_exactly_one_lies_in_the_last_bin() -> None:
    assert reliability(binary([1.0, 1.0], [True, False]))[-1] == [2, 2.0, 1]


@pytest.mark.parametrize("edge", range(8, BINS))
def test_a_confidence_on_an_edge_lies_in_the_lower_bin(edge: int) -> None:
    above = np.nextafter(edge / BINS, 1)
    counts = [row[0] for row in reliability(binary([edge / BINS, above], [True, True]))]
    assert (counts[edge - 1], counts[edge]) == (1, 1)


def test_an_even_choice_of_many_classes_lies_in_the_lowest_bin() -> None:
    even = of_probabilities([0, 99], np.full((2, 100), 0.01))
    assert reliability(even)[0] == [2, 0.02, 1]


def test_an_empty_split_has_no_table() -> None:
    with pytest.raises(Undefined, match="no samples"):
        reliability(of_probabilities([], np.empty((0, 3))))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_probability_that_is_not_finite_has_no_table(value: float) -> None:
    with pytest.raises(Undefined, match="1 of 2 samples"):
        reliability(of_probabilities([0, 1], [[0.5, 0.5], [value, 0.5]]))


@given(st.lists(st.tuples(st.floats(0.5, 1), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_sample_is_lost_and_seeds_add_up(samples: list[tuple[float, bool]]) -> None:
    confidences, right = zip(*samples, strict=True)
    table = np.array(reliability(binary(confidences, right)))
    assert table[:, 0].sum() == len(samples)
    assert table[:, 2].sum() == sum(right)
    assert table[:, 1].sum() == pytest.approx(sum(confidences))
    half = len(samples) // 2
    if half:
        parts = [binary(confidences[cut], right[cut]) for cut in (slice(half), slice(half, None))]
        summed = sum(np.array(reliability(part)) for part in parts)
        np.testing.assert_allclose(summed, table, atol=1e-9)
