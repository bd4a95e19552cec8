"""Metrics of segmentation against scikit-learn and torchmetrics, and worked out by hand."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from sklearn import metrics as sklearn
from torch.utils._python_dispatch import TorchDispatchMode

from studygrid.families.base import Undefined, load_reference
from studygrid.families.networks import torchvision_operators
from studygrid.families.segmentation import counting
from studygrid.families.segmentation.metrics import METRICS
from studygrid.families.segmentation.metrics.confusion import confusion_matrix
from studygrid.families.segmentation.overlap import image_scores
from studygrid.families.segmentation.predictions import Predictions
from tests.golden.made_masks import drawn, line, of_logits, of_masks

torchvision_operators.ensure()  # torchmetrics imports torchvision
import torchmetrics.functional.classification as torchmetrics  # noqa: E402

torch.set_num_threads(1)

COMPUTE: dict[str, Callable[[Predictions], float]] = {
    metric.name: load_reference(metric.compute) for metric in METRICS
}
SKLEARN: dict[str, Callable[..., Any]] = {
    "iou": sklearn.jaccard_score,
    "dice": sklearn.f1_score,
    "f1": sklearn.f1_score,
    "precision": sklearn.precision_score,
    "recall": sklearn.recall_score,
}
TORCHMETRICS = {"iou": "jaccard_index", "f1": "f1_score", "dice": "f1_score"}
SHARES = [name for name in COMPUTE if name != "loss"]
POOLED = [name for name in SHARES if not name.endswith(("_image_mean", "_tuned"))]
IMAGE_MEANS = [name for name in SHARES if name.endswith("_image_mean")]


@pytest.fixture(autouse=True)
def _no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def predicted_of(logits: torch.Tensor, threshold: float = 0.5) -> NDArray[np.int64]:
    """Return predicted classes by NumPy alone."""
    array = logits.numpy()
    if array.shape[1] > 1:
        return np.asarray(array.argmax(axis=1))
    probability = torch.sigmoid(logits[:, 0]).numpy()
    return (probability >= threshold).astype(np.int64)


def by_sklearn(name: str, truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Return a score of flattened pixels over the foreground classes that occur."""
    truth, predicted = truth.ravel(), predicted.ravel()
    if name == "accuracy":
        return float(sklearn.accuracy_score(truth, predicted))
    labels = np.setdiff1d(np.union1d(truth, predicted), [0])
    if len(labels) == 0:
        return 1.0  # our definition of an image that is empty on both sides
    return float(SKLEARN[name](truth, predicted, labels=labels, average="macro", zero_division=0))


class Operators(TorchDispatchMode):
    """Lists the operators that run in its context."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> torch.Tensor:
        self.names.append(str(func))
        found: torch.Tensor = func(*args, **(kwargs or {}))
        return found


@pytest.fixture(params=["cpu", "other devices"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Count pixels as on a CPU, and, on a CPU too, as on other devices."""
    if request.param != "cpu":
        monkeypatch.setattr(counting, "_occurrences", counting._matches)
    return str(request.param)


@pytest.mark.parametrize("classes", [2, 4, 21, 200])
def test_pixels_by_class_equal_scikit_learn_s(classes: int, way: str) -> None:
    logits, masks = drawn(classes)
    predicted = counting.predicted_classes(logits)
    found = counting.confusion(predicted, masks, classes)
    assert (found.dtype, found.shape) == (torch.int64, (len(masks), classes, classes))
    for image, one, truth in zip(found, predicted, masks, strict=True):
        expected = sklearn.confusion_matrix(truth.ravel(), one.ravel(), labels=range(classes))
        np.testing.assert_array_equal(image.numpy(), expected)


def test_many_classes_cost_no_more_operations_than_two(way: str) -> None:
    counts = {}
    for classes in (2, 21):
        predicted, masks = (torch.zeros(2, 8, 8, dtype=torch.uint8) for _ in range(2))
        with Operators() as operators:
            counting.confusion(predicted, masks, classes)
        counts[classes] = operators.names
    assert counts[21] == counts[2]
    # These wait for a device other than the CPU.
    waiting = {"aten.bincount.default", "aten._local_scalar_dense.default", "aten.nonzero.default"}
    assert way == "cpu" or not waiting & set(counts[21])


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", [*SKLEARN, "accuracy"])
def test_pooled_metric_equals_scikit_learn_on_flattened_pixels(name: str, classes: int) -> None:
    logits, masks = drawn(classes)
    expected = by_sklearn(name, masks.numpy(), predicted_of(logits))
    assert 0.1 < expected < 0.95
    assert COMPUTE[name](of_logits(logits, masks)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", [*SKLEARN, "accuracy"])
def test_image_mean_equals_scikit_learn_an_image_at_a_time(name: str, classes: int) -> None:
    logits, masks = drawn(classes)
    logits[1, 0] = -9.0 if classes == 2 else 9.0  # both empty
    predicted = predicted_of(logits)
    each = [by_sklearn(name, *pair) for pair in zip(masks.numpy(), predicted, strict=True)]
    predictions = of_logits(logits, masks)
    assert each[1] == 1
    assert image_scores(name, predictions.confusion) == pytest.approx(each, abs=1e-12)
    found = COMPUTE[f"{name}_image_mean"](predictions)
    assert found == pytest.approx(np.mean(each), abs=1e-12)
    if name != "accuracy":
        assert abs(found - COMPUTE[name](predictions)) > 1e-3


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", [*SKLEARN, "accuracy"])
def test_pooled_metric_equals_torchmetrics(name: str, classes: int) -> None:
    logits, masks = drawn(classes)
    predicted = torch.from_numpy(predicted_of(logits))
    function = TORCHMETRICS.get(name, name)
    if name == "accuracy":
        scores = torchmetrics.multiclass_accuracy(predicted, masks.long(), classes, "micro")
    elif classes == 2:
        scores = getattr(torchmetrics, f"binary_{function}")(predicted, masks.long())
    else:
        every = getattr(torchmetrics, f"multiclass_{function}")(
            predicted, masks.long(), classes, average=None
        )
        scores = every[1:].mean()
    assert COMPUTE[name](of_logits(logits, masks)) == pytest.approx(scores.item(), abs=1e-6)


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 0.99])
@pytest.mark.parametrize("name", ["iou", "f1", "precision", "recall"])
def test_tuned_metric_equals_scikit_learn_at_that_threshold(name: str, threshold: float) -> None:
    logits, masks = drawn(2)
    expected = by_sklearn(name, masks.numpy(), predicted_of(3 * logits, threshold))
    predictions = of_logits(3 * logits, masks, threshold)
    assert COMPUTE[f"{name}_tuned"](predictions) == pytest.approx(expected, abs=1e-12)
    if threshold == 0.5:
        assert COMPUTE[f"{name}_tuned"](predictions) == COMPUTE[name](predictions)


@pytest.mark.parametrize("classes", [2, 4])
def test_confusion_matrix_equals_scikit_learn(classes: int) -> None:
    logits, masks = drawn(classes)
    expected = sklearn.confusion_matrix(
        masks.numpy().ravel(), predicted_of(logits).ravel(), labels=np.arange(classes)
    )
    assert confusion_matrix(of_logits(logits, masks)) == expected.tolist()


def test_two_images_worked_out_by_hand() -> None:
    # One image has 2 of its 4 pixels found and 1 false alarm; the other 1 of 1 and none.
    truth = [[[1, 1, 1, 1, 0, 0]], [[1, 0, 0, 0, 0, 0]]]
    predicted = [[[1, 1, 0, 0, 1, 0]], [[1, 0, 0, 0, 0, 0]]]
    predictions = of_masks(truth, predicted)
    scores = {name: compute(predictions) for name, compute in COMPUTE.items()}
    assert scores["iou"] == scores["iou_tuned"] == 3 / 6
    assert scores["f1"] == scores["dice"] == 6 / 9
    assert scores["precision"] == 3 / 4
    assert scores["recall"] == 3 / 5
    assert scores["accuracy"] == scores["accuracy_image_mean"] == 9 / 12
    assert scores["iou_image_mean"] == (2 / 5 + 1) / 2
    assert scores["f1_image_mean"] == pytest.approx((4 / 7 + 1) / 2)
    assert scores["precision_image_mean"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["recall_image_mean"] == (2 / 4 + 1) / 2
    assert predictions.foreground_px.tolist() == [4, 1]
    assert predictions.predicted_px.tolist() == [3, 1]
    assert predictions.true_positive_px.tolist() == [2, 1]
    assert (predictions.empty_masks, predictions.empty_predictions) == (0, 0)


def test_three_classes_worked_out_by_hand() -> None:
    # Class 1: 1 of 2 found, 1 false; class 2: 2 of 3 found, 1 false; class 3 never occurs.
    predictions = of_masks([[[0, 1, 1, 2, 2, 2]]], [[[0, 1, 2, 2, 2, 1]]], classes=4)
    assert COMPUTE["iou"](predictions) == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert COMPUTE["f1"](predictions) == pytest.approx((2 / 4 + 4 / 6) / 2)
    assert COMPUTE["accuracy"](predictions) == 4 / 6
    assert confusion_matrix(predictions) == [[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 2, 0], [0] * 4]
    assert predictions.foreground_px.tolist() == predictions.predicted_px.tolist() == [5]
    assert predictions.true_positive_px.tolist() == [3]


def test_a_class_that_is_only_predicted_counts_as_zero() -> None:
    predictions = of_masks([[[1, 1, 0, 0]]], [[[1, 1, 2, 0]]], classes=3)
    for name in ("iou", "f1", "precision", "recall", "iou_image_mean"):
        assert COMPUTE[name](predictions) == 1 / 2


def test_a_perfect_model_scores_one_everywhere() -> None:
    masks = np.stack([line(9, 3), np.ones((9, 9)), np.zeros((9, 9))])
    predictions = of_masks(masks, masks)
    assert {name: COMPUTE[name](predictions) for name in SHARES} == dict.fromkeys(SHARES, 1)
    assert (predictions.empty_masks, predictions.empty_predictions) == (1, 1)


def test_an_inverted_model_scores_zero_everywhere() -> None:
    masks = line(9, 0, 4)[None]
    predictions = of_masks(masks, 1 - masks)
    zero = [name for name in SHARES if not name.startswith("boundary")]
    assert {name: COMPUTE[name](predictions) for name in zero} == dict.fromkeys(zero, 0)


def test_without_any_foreground_pooled_scores_are_undefined_and_image_means_one() -> None:
    empty = np.zeros((3, 5, 5))
    predictions = of_masks(empty, empty)
    for name in SHARES:
        if name in ("accuracy", *IMAGE_MEANS):
            assert COMPUTE[name](predictions) == 1
        else:
            with pytest.raises(Undefined, match="no pixel of the split is foreground"):
                COMPUTE[name](predictions)
    assert COMPUTE["loss"](predictions) > 0


@pytest.mark.parametrize("side", ["truth", "prediction"])
def test_foreground_on_one_side_alone_scores_zero(side: str) -> None:
    masks = [np.zeros((1, 6, 6)), np.ones((1, 6, 6))]
    predictions = of_masks(*(masks if side == "prediction" else masks[::-1]))
    zero = list(SHARES)
    assert {name: COMPUTE[name](predictions) for name in zero} == dict.fromkeys(zero, 0)


def test_a_false_alarm_on_an_empty_mask_costs_its_image_all_and_the_pool_a_little() -> None:
    truth = np.stack([np.ones((8, 8)), np.zeros((8, 8))])
    predicted = truth.copy()
    predicted[1, 0, 0] = 1
    predictions = of_masks(truth, predicted)
    assert COMPUTE["iou"](predictions) == 64 / 65
    assert COMPUTE["iou_image_mean"](predictions) == 1 / 2
    assert (predictions.empty_masks, predictions.empty_predictions) == (1, 0)


def test_a_single_pixel_has_every_score() -> None:
    predictions = of_masks([[[1]]], [[[1]]])
    assert {name: COMPUTE[name](predictions) for name in SHARES} == dict.fromkeys(SHARES, 1)


def test_a_constant_output_of_one_half_is_foreground_everywhere() -> None:
    logits, masks = torch.zeros(2, 1, 4, 4), torch.ones(2, 4, 4, dtype=torch.uint8)
    masks[:, :3] = 0
    assert COMPUTE["iou"](of_logits(logits, masks)) == 1 / 4
    assert COMPUTE["recall"](of_logits(logits, masks)) == 1


def test_equal_outputs_of_many_classes_are_background() -> None:
    masks = torch.ones(1, 2, 2, dtype=torch.uint8)
    assert COMPUTE["recall"](of_logits(torch.zeros(1, 3, 2, 2), masks)) == 0


@pytest.mark.parametrize("name", COMPUTE)
def test_no_metric_of_a_split_without_images(name: str) -> None:
    predictions = Predictions(
        np.zeros((0, 2, 2), np.int64),
        np.zeros((0, 2, 2), np.int64),
        0.5,
        np.zeros((0, 1, 4), np.int64),
        np.zeros(0),
    )
    with pytest.raises(Undefined, match="the split has no images"):
        COMPUTE[name](predictions)


@pytest.mark.parametrize("name", COMPUTE)
@pytest.mark.parametrize("classes", [2, 4])
def test_an_output_that_is_no_number_leaves_every_metric_undefined(name: str, classes: int) -> None:
    logits, masks = drawn(classes)
    logits[2, 0, 3, 3] = torch.nan
    with pytest.raises(Undefined, match="1 of 6 images have a loss that is not finite"):
        COMPUTE[name](of_logits(logits, masks, 0.5 if classes == 2 else None))


def test_tuned_scores_are_undefined_where_no_threshold_is_chosen() -> None:
    logits, masks = drawn(4)
    with pytest.raises(Undefined, match="with 4 classes there is no threshold to choose"):
        COMPUTE["iou_tuned"](of_logits(logits, masks))
    logits, masks = drawn(2)
    with pytest.raises(Undefined, match="no threshold was chosen"):
        COMPUTE["iou_tuned"](of_logits(logits, masks))


def test_the_loss_is_the_mean_of_the_images_losses() -> None:
    predictions = dataclasses.replace(of_masks([[[1]]] * 3, [[[1]]] * 3), losses=np.arange(3.0))
    assert COMPUTE["loss"](predictions) == 1


pairs = st.integers(2, 4).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        arrays.arrays(
            np.uint8,
            st.tuples(st.just(2), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)),
            elements=st.integers(0, classes - 1),
        ),
    )
)


@settings(deadline=None, max_examples=15)
@given(pairs)
def test_every_metric_equals_scikit_learn_whatever_the_masks(
    drawn_pairs: tuple[int, NDArray[np.uint8]],
) -> None:
    classes, (truth, predicted) = drawn_pairs
    predictions = of_masks(truth, predicted, classes)
    for name in (*SKLEARN, "accuracy"):
        each = [by_sklearn(name, *pair) for pair in zip(truth, predicted, strict=True)]
        assert COMPUTE[f"{name}_image_mean"](predictions) == pytest.approx(np.mean(each))
        if (truth > 0).any() or (predicted > 0).any():
            expected = by_sklearn(name, truth, predicted)
            assert COMPUTE[name](predictions) == pytest.approx(expected)


def scores_of(predictions: Predictions) -> dict[str, float | None]:
    scores: dict[str, float | None] = {}
    for name, compute in COMPUTE.items():
        try:
            scores[name] = compute(predictions)
        except Undefined:
            scores[name] = None
    return scores


@settings(deadline=None, max_examples=60)
@given(pairs)
def test_every_score_lies_in_its_bounds_and_dice_is_f1(
    drawn_pairs: tuple[int, NDArray[np.uint8]],
) -> None:
    classes, (truth, predicted) = drawn_pairs
    scores = scores_of(of_masks(truth, predicted, classes))
    for metric in METRICS:
        value = scores[metric.name]
        if value is not None and metric.bounds is not None:
            assert metric.bounds[0] <= value <= metric.bounds[1]
        if metric.same_as is not None:
            assert value == pytest.approx(scores[metric.same_as])
    assert scores["dice"] == scores["f1"]
    if scores["iou"] is not None and classes == 2:
        assert scores["f1"] == pytest.approx(2 * scores["iou"] / (1 + scores["iou"]))


@settings(deadline=None, max_examples=40)
@given(pairs, st.sampled_from([(1,), (2,), (1, 2)]))
def test_mirroring_image_and_mask_changes_no_score(
    drawn_pairs: tuple[int, NDArray[np.uint8]], axes: tuple[int, ...]
) -> None:
    classes, (truth, predicted) = drawn_pairs
    mirrored = of_masks(np.flip(truth, axes).copy(), np.flip(predicted, axes).copy(), classes)
    found, expected = scores_of(mirrored), scores_of(of_masks(truth, predicted, classes))
    for name, value in expected.items():
        # Float32 sums of the loss are of another order.
        same = value if value is None else pytest.approx(value, rel=1e-5)
        assert found[name] == same, name


@pytest.mark.parametrize("classes", [2, 4])
def test_how_a_split_is_cut_into_batches_changes_no_count(classes: int) -> None:
    logits, masks = drawn(classes, n=7)
    threshold = 0.4 if classes == 2 else None
    whole = of_logits(logits, masks, threshold)
    for size in (1, 3):
        cuts = zip(logits.split(size), masks.split(size), strict=True)
        parts = [of_logits(*cut, threshold) for cut in cuts]
        for name in ("confusion", "boundary", *(["tuned"] if classes == 2 else [])):
            joined = np.concatenate([getattr(part, name) for part in parts])
            assert np.array_equal(joined, getattr(whole, name))
        assert np.concatenate([part.losses for part in parts]) == pytest.approx(
            whole.losses, rel=1e-5
        )


@pytest.mark.parametrize("classes", [2, 4])
def test_scores_of_training_are_the_pooled_scores_of_all_batches(classes: int) -> None:
    logits, masks = drawn(classes, n=7)
    sums = torch.zeros(classes**2, dtype=torch.float64)
    for part, truth in zip(logits.split(3), masks.split(3), strict=True):
        sums += counting.training_sums(part.clone().requires_grad_(), truth, classes)
    scores = counting.training_scores(sums, classes)
    predictions = of_logits(logits, masks)
    assert list(scores) == ["iou", "dice", "f1", "precision", "recall", "accuracy"]
    assert scores == {name: COMPUTE[name](predictions) for name in scores}


def test_training_scores_without_foreground_have_no_value() -> None:
    logits, masks = torch.full((2, 1, 3, 3), -5.0), torch.zeros(2, 3, 3, dtype=torch.uint8)
    scores = counting.training_scores(counting.training_sums(logits, masks, 2), 2)
    assert scores == {**dict.fromkeys(scores, None), "accuracy": 1.0}


@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.2, 0.8), (0.7, 0.2, 0.1), (0.7, 0.3, 0.0)])
def test_chance_is_the_score_of_marking_everything_as_the_best_class(
    shares: tuple[float, ...],
) -> None:
    counts = (100 * np.array(shares)).round().astype(int)
    truth = np.repeat(np.arange(len(shares)), counts).reshape(1, 10, 10)
    marked = [np.full_like(truth, number) for number in range(1, len(shares))]
    guesses = [of_masks(truth, guess, len(shares)) for guess in marked]
    for metric in METRICS:
        if metric.chance is None or metric.name.endswith(("_tuned", "_image_mean")):
            continue
        expected = max(COMPUTE[metric.name](guess) for guess in guesses)
        if metric.name == "accuracy":
            expected = max(shares)
        assert metric.chance(shares) == pytest.approx(expected), metric.name


def test_every_name_of_the_family_is_declared_once_and_its_twin_exists() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    twins = {name.removesuffix("_image_mean") for name in IMAGE_MEANS}
    assert twins == set(POOLED)
    assert all(metric.same_as in names for metric in METRICS if metric.same_as)
