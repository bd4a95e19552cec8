"""Metrics of classification against torchmetrics, and against numbers worked out by hand."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Iterator
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from studygrid.families.base import Undefined, load_reference
from studygrid.families.classification.metrics import METRICS
from studygrid.families.classification.metrics.accuracy import accuracy
from studygrid.families.classification.metrics.auroc import auroc
from studygrid.families.classification.metrics.balanced_accuracy import balanced_accuracy
from studygrid.families.classification.metrics.calibration import expected_calibration_error
from studygrid.families.classification.metrics.confusion import confusion_matrix
from studygrid.families.classification.metrics.cross_entropy import cross_entropy
from studygrid.families.classification.metrics.precision_recall import f1, precision, recall
from studygrid.families.classification.predictions import Predictions

# torchmetrics imports torchvision, which only its image metrics use and which cannot be loaded
# where its build is for CUDA and torch's is for the CPU.
with pytest.MonkeyPatch.context() as patch:
    for module in ("torchvision", "torchvision.models", "torchvision.transforms"):
        patch.setitem(sys.modules, module, MagicMock())
    import torchmetrics.functional.classification as torchmetrics

torch.set_num_threads(1)

COMPUTE = {metric.name: load_reference(metric.compute) for metric in METRICS}
SHARES = [name for name in COMPUTE if name != "loss"]


@pytest.fixture(autouse=True)
def _no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def of_probabilities(labels: ArrayLike, probabilities: ArrayLike) -> Predictions:
    array = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return Predictions(np.asarray(labels, dtype=np.int64), array, np.log(array))


def of_logits(labels: ArrayLike, logits: ArrayLike) -> Predictions:
    tensor = torch.as_tensor(np.asarray(logits, dtype=np.float64))
    return Predictions(
        np.asarray(labels, dtype=np.int64),
        tensor.softmax(1).numpy(),
        tensor.log_softmax(1).numpy(),
    )


def of_classes(labels: ArrayLike, predicted: ArrayLike, classes: int) -> Predictions:
    one_hot = np.eye(classes)[np.asarray(predicted)]
    return of_probabilities(labels, 0.9 * one_hot + 0.1 / classes)


def drawn(classes: int, n: int = 300) -> Predictions:
    generator = np.random.default_rng(classes)
    labels = generator.choice(classes, n, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
    return of_logits(labels, 1.5 * np.eye(classes)[labels] + generator.normal(size=(n, classes)))


def oracle(name: str, predictions: Predictions) -> float:
    scores = torch.from_numpy(predictions.probabilities)
    labels = torch.from_numpy(predictions.labels)
    classes = predictions.classes
    if name == "loss":
        loss = torch.nn.functional.nll_loss(torch.from_numpy(predictions.log_probabilities), labels)
        return loss.item()
    if name == "auroc" and classes == 2:
        return torchmetrics.binary_auroc(scores[:, 1], labels).item()
    if name == "auroc":
        return torchmetrics.multiclass_auroc(scores, labels, classes, average="macro").item()
    if name == "ece":
        return torchmetrics.multiclass_calibration_error(scores, labels, classes, n_bins=15).item()
    if name == "accuracy":
        return torchmetrics.multiclass_accuracy(scores, labels, classes, average="micro").item()
    per_class = {
        "balanced_accuracy": torchmetrics.multiclass_accuracy,
        "precision": torchmetrics.multiclass_precision,
        "recall": torchmetrics.multiclass_recall,
        "f1": torchmetrics.multiclass_f1_score,
    }[name]
    return per_class(scores, labels, classes, average="macro").item()


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("name", COMPUTE)
def test_metric_equals_torchmetrics(name: str, classes: int) -> None:
    predictions = drawn(classes)
    assert COMPUTE[name](predictions) == pytest.approx(oracle(name, predictions), abs=1e-6)


@pytest.mark.parametrize("classes", [2, 5])
def test_confusion_matrix_equals_torchmetrics(classes: int) -> None:
    predictions = drawn(classes)
    expected = torchmetrics.multiclass_confusion_matrix(
        torch.from_numpy(predictions.probabilities), torch.from_numpy(predictions.labels), classes
    )
    assert confusion_matrix(predictions) == expected.tolist()


def test_three_classes_worked_out_by_hand() -> None:
    # class 0: found 1 of 2; class 1: 2 of 3; class 2: 1 of 1.
    predictions = of_classes([0, 0, 1, 1, 1, 2], [0, 1, 1, 1, 2, 2], 3)
    assert confusion_matrix(predictions) == [[1, 1, 0], [0, 2, 1], [0, 0, 1]]
    assert accuracy(predictions) == pytest.approx(4 / 6)
    assert recall(predictions) == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    assert balanced_accuracy(predictions) == recall(predictions)
    assert precision(predictions) == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    assert f1(predictions) == pytest.approx((2 / 3 + 2 / 3 + 2 / 3) / 3)


def test_f1_is_the_mean_of_the_classes_and_not_of_the_means() -> None:
    # Each class has one of precision and recall at 2/3 and the other at 1.
    predictions = of_classes([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], 2)
    assert f1(predictions) == pytest.approx(4 / 5)
    assert precision(predictions) == recall(predictions) == pytest.approx(5 / 6)


def test_auroc_of_fawcetts_twenty_instances() -> None:
    # Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 27 (2006), figure 3;
    # the positives rank 1, 2, 4, 5, 6, 9, 11, 13, 17, 19 from the top.
    truth = [1, 1, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0]
    score = [0.9, 0.8, 0.7, 0.6, 0.55, 0.54, 0.53, 0.52, 0.51, 0.505]
    score += [0.4, 0.39, 0.38, 0.37, 0.36, 0.35, 0.34, 0.33, 0.30, 0.1]
    positives = [place for place, label in enumerate(truth, start=1) if label]
    won = sum(sum(not label for label in truth[place:]) for place in positives)
    predictions = of_probabilities(truth, np.column_stack([1 - np.array(score), score]))
    assert won == 68
    assert auroc(predictions) == pytest.approx(0.68)


def test_auroc_counts_a_tie_as_one_half() -> None:
    scores = np.array([0.2, 0.5, 0.5, 0.7])
    predictions = of_probabilities([0, 0, 1, 1], np.column_stack([1 - scores, scores]))
    assert auroc(predictions) == pytest.approx(3.5 / 4)


def test_auroc_of_many_classes_is_the_mean_of_one_against_the_rest() -> None:
    probabilities = [[0.6, 0.3, 0.1], [0.5, 0.2, 0.3], [0.55, 0.4, 0.05], [0.1, 0.1, 0.8]]
    # class 0 wins 3 of 4 pairs, class 1 all 3, class 2 all 3.
    assert auroc(of_probabilities([0, 0, 1, 2], probabilities)) == pytest.approx(
        (3 / 4 + 1 + 1) / 3
    )


def test_calibration_error_worked_out_by_hand() -> None:
    # (9/15, 10/15]: two at 0.65, one right; (13/15, 14/15]: two at 0.9, both right.
    top = np.array([0.65, 0.65, 0.9, 0.9])
    predictions = of_probabilities([0, 1, 0, 0], np.column_stack([top, 1 - top]))
    assert expected_calibration_error(predictions) == pytest.approx(
        2 / 4 * abs(0.5 - 0.65) + 2 / 4 * abs(1 - 0.9)
    )


def test_a_confidence_on_an_edge_belongs_to_the_lower_bin() -> None:
    # 12/15 and 11.5/15 share a bin, so that their gaps of opposite sign cancel in part.
    top = np.array([12 / 15, 11.5 / 15])
    predictions = of_probabilities([0, 1], np.column_stack([top, 1 - top]))
    assert expected_calibration_error(predictions) == pytest.approx(abs(1 - 23.5 / 15) / 2)


def test_a_calibrated_constant_has_no_calibration_error() -> None:
    predictions = of_probabilities([0, 0, 0, 1], np.tile([0.75, 0.25], (4, 1)))
    assert expected_calibration_error(predictions) == pytest.approx(0)


def test_cross_entropy_worked_out_by_hand() -> None:
    predictions = of_probabilities([0, 1], [[0.5, 0.5], [0.75, 0.25]])
    assert cross_entropy(predictions) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_cross_entropy_is_finite_where_the_probability_rounds_to_zero() -> None:
    predictions = of_logits([1], [[2000.0, 0.0]])
    assert predictions.probabilities[0, 1] == 0
    assert cross_entropy(predictions) == pytest.approx(2000)


def test_cross_entropy_of_an_infinite_loss_is_undefined() -> None:
    with pytest.raises(Undefined, match="log-probability"):
        cross_entropy(of_probabilities([1], [[1.0, 0.0]]))


def test_a_perfect_model_scores_one_and_errs_by_zero() -> None:
    predictions = of_logits([0, 1, 2, 2], 1e4 * np.eye(3)[[0, 1, 2, 2]])
    scores = {name: compute(predictions) for name, compute in COMPUTE.items()}
    assert scores == {name: 0 if name in {"loss", "ece"} else 1 for name in COMPUTE}
    assert math.copysign(1, scores["loss"]) == 1


def test_a_model_that_is_always_wrong_scores_zero() -> None:
    predictions = of_logits([0, 1, 0, 1], 50 * np.eye(2)[[1, 0, 1, 0]])
    for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "auroc"):
        assert COMPUTE[name](predictions) == 0
    assert expected_calibration_error(predictions) == pytest.approx(1)
    assert cross_entropy(predictions) == pytest.approx(50)


def test_constant_probabilities_predict_the_first_class_and_rank_nothing() -> None:
    predictions = of_probabilities([0, 1, 2, 2], np.full((4, 3), 1 / 3))
    assert predictions.predicted.tolist() == [0, 0, 0, 0]
    assert accuracy(predictions) == 1 / 4
    assert balanced_accuracy(predictions) == pytest.approx(1 / 3)
    assert auroc(predictions) == 1 / 2
    assert cross_entropy(predictions) == pytest.approx(math.log(3))


def test_a_class_that_is_never_predicted_counts_as_zero_precision() -> None:
    predictions = of_classes([0, 1, 2, 2], [0, 1, 1, 1], 3)
    assert precision(predictions) == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert f1(predictions) == pytest.approx((1 + 1 / 2 + 0) / 3)


def test_an_absent_class_counts_in_recall_but_not_in_balanced_accuracy() -> None:
    predictions = of_classes([0, 0, 1, 1], [0, 2, 1, 1], 4)
    assert recall(predictions) == pytest.approx((1 / 2 + 1 + 0 + 0) / 4)
    assert balanced_accuracy(predictions) == pytest.approx((1 / 2 + 1) / 2)
    assert precision(predictions) == pytest.approx((1 + 1 + 0 + 0) / 4)
    assert confusion_matrix(predictions) == [
        [1, 0, 1, 0],
        [0, 2, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
    ]


def test_auroc_names_the_absent_classes() -> None:
    with pytest.raises(Undefined, match=r"no sample of class 1$"):
        auroc(of_classes([0, 2], [0, 2], 3))
    with pytest.raises(Undefined, match=r"no sample of classes 2, 3$"):
        auroc(of_classes([0, 1], [0, 1], 4))
    with pytest.raises(Undefined, match=r"no sample of classes 1, 2, 3, 4, 5 and 94 more$"):
        auroc(of_classes([0], [0], 100))


def test_a_single_sample_has_every_score_but_auroc() -> None:
    predictions = of_probabilities([1], [[0.25, 0.75]])
    scores = {name: compute(predictions) for name, compute in COMPUTE.items() if name != "auroc"}
    assert scores == pytest.approx(
        {
            "loss": -math.log(0.75),
            "accuracy": 1,
            "balanced_accuracy": 1,
            "precision": 0.5,
            "recall": 0.5,
            "f1": 0.5,
            "ece": 0.25,
        }
    )
    with pytest.raises(Undefined, match="class 0"):
        auroc(predictions)


def test_a_model_of_one_class_has_every_score_but_auroc() -> None:
    predictions = of_probabilities([0, 0], [[1.0], [1.0]])
    for name, compute in COMPUTE.items():
        if name == "auroc":
            with pytest.raises(Undefined, match="one class alone"):
                compute(predictions)
        else:
            assert compute(predictions) == (0 if name in {"loss", "ece"} else 1)
    assert confusion_matrix(predictions) == [[2]]


@pytest.mark.parametrize("compute", [*COMPUTE.values(), confusion_matrix])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_probabilities_that_are_not_finite_are_undefined(
    compute: Callable[[Predictions], object], bad: float
) -> None:
    predictions = drawn(3, 20)
    predictions.probabilities[[4, 7], 1] = bad
    with pytest.raises(Undefined, match="2 of 20 samples"):
        compute(predictions)


@pytest.mark.parametrize("compute", [*COMPUTE.values(), confusion_matrix])
def test_an_empty_split_is_undefined(compute: Callable[[Predictions], object]) -> None:
    with pytest.raises(Undefined, match="no samples"):
        compute(of_probabilities([], np.empty((0, 3))))


@pytest.mark.parametrize("label", [-1, 3])
@pytest.mark.parametrize("compute", [*COMPUTE.values(), confusion_matrix])
def test_a_label_that_is_no_class_is_refused(
    compute: Callable[[Predictions], object], label: int
) -> None:
    predictions = drawn(3, 20)
    predictions.labels[5] = label
    with pytest.raises(ValueError, match="the model has the classes 0 to 2"):
        compute(predictions)


@st.composite
def any_predictions(draw: st.DrawFn) -> Predictions:
    classes = draw(st.integers(2, 5))
    n = draw(st.integers(1, 12))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))
    row = st.lists(st.integers(-3, 3), min_size=classes, max_size=classes)
    return of_logits(labels, draw(st.lists(row, min_size=n, max_size=n)))


def value(name: str, predictions: Predictions) -> float | None:
    try:
        return float(COMPUTE[name](predictions))
    except Undefined:
        return None


@settings(max_examples=40, deadline=None)
@given(any_predictions())
def test_every_share_lies_between_zero_and_one(predictions: Predictions) -> None:
    for name in SHARES:
        score = value(name, predictions)
        assert score is None or 0 <= score <= 1
        assert (score is None) <= (name == "auroc")
    loss = value("loss", predictions)
    assert loss is not None
    assert loss >= 0


@settings(max_examples=40, deadline=None)
@given(any_predictions(), st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(predictions: Predictions, random: object) -> None:
    order = list(range(len(predictions.labels)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Predictions(
        predictions.labels[order],
        predictions.probabilities[order],
        predictions.log_probabilities[order],
    )
    assert confusion_matrix(shuffled) == confusion_matrix(predictions)
    for name in COMPUTE:
        assert value(name, shuffled) == pytest.approx(value(name, predictions))


@settings(max_examples=40, deadline=None)
@given(any_predictions())
def test_accuracy_is_the_trace_of_the_confusion_matrix(predictions: Predictions) -> None:
    table = np.array(confusion_matrix(predictions))
    assert table.sum() == len(predictions.labels)
    assert accuracy(predictions) == pytest.approx(np.trace(table) / table.sum())
