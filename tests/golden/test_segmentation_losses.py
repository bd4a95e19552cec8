"""Losses of segmentation against PyTorch, torchvision and segmentation_models_pytorch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from studygrid.errors import DataError
from studygrid.families.networks import torchvision_operators
from studygrid.families.segmentation.losses import SegmentationLoss
from studygrid.families.segmentation.options import LossOptions
from tests.golden.made_masks import drawn

torchvision_operators.ensure()  # segmentation_models_pytorch imports torchvision
from segmentation_models_pytorch.losses import DiceLoss, FocalLoss  # noqa: E402
from torchvision.ops import sigmoid_focal_loss  # noqa: E402

torch.set_num_threads(1)


def losses(
    logits: torch.Tensor, masks: torch.Tensor, classes: int = 2, **options: Any
) -> torch.Tensor:
    return SegmentationLoss(LossOptions(**options), classes)(logits, masks)


def an_image_at_a_time(logits: torch.Tensor, masks: torch.Tensor) -> list[tuple[Any, Any]]:
    return list(zip(logits.split(1), masks.long().split(1), strict=True))


@pytest.mark.parametrize("weight", [None, 3.0])
def test_binary_cross_entropy_of_each_image_equals_pytorchs(weight: float | None) -> None:
    logits, masks = drawn(2)
    expected = [
        functional.binary_cross_entropy_with_logits(
            one[:, 0], mask.float(), pos_weight=None if weight is None else torch.tensor(weight)
        ).item()
        for one, mask in an_image_at_a_time(logits, masks)
    ]
    found = losses(logits, masks, bce=1.0, positive_weight=weight)
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_over_many_classes_equals_pytorchs() -> None:
    logits, masks = drawn(4)
    expected = [
        functional.cross_entropy(one, mask).item()
        for one, mask in an_image_at_a_time(logits, masks)
    ]
    assert losses(logits, masks, 4, bce=1.0).tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("alpha", [None, 0.25, 0.8])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_binary_focal_loss_of_each_image_equals_torchvisions(
    alpha: float | None, gamma: float
) -> None:
    logits, masks = drawn(2)
    expected = [
        sigmoid_focal_loss(
            one[:, 0], mask.float(), -1 if alpha is None else alpha, gamma, reduction="mean"
        ).item()
        for one, mask in an_image_at_a_time(logits, masks)
    ]
    found = losses(logits, masks, focal=1.0, focal_gamma=gamma, focal_alpha=alpha)
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_binary_focal_loss_equals_that_of_segmentation_models() -> None:
    logits, masks = drawn(2)
    expected = [
        FocalLoss("binary", gamma=2.0)(one, mask.unsqueeze(1).float()).item()
        for one, mask in an_image_at_a_time(logits, masks)
    ]
    assert losses(logits, masks, focal=1.0).tolist() == pytest.approx(expected, rel=1e-4)


def test_focal_loss_over_many_classes_equals_its_formula() -> None:
    logits, masks = drawn(4)
    p = torch.softmax(logits.double(), dim=1).gather(1, masks.long().unsqueeze(1)).squeeze(1)
    weights = torch.where(masks > 0, 0.7, 0.3)
    expected = (-weights * (1 - p) ** 1.5 * p.log()).mean(dim=(1, 2))
    found = losses(logits, masks, 4, focal=1.0, focal_gamma=1.5, focal_alpha=0.7)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize("smooth", [1.0, 0.1, 30.0])
def test_binary_dice_loss_of_each_image_equals_that_of_segmentation_models(smooth: float) -> None:
    logits, masks = drawn(2)
    reference = DiceLoss("binary", smooth=smooth / 2)  # they add it to the halves
    found = losses(logits, masks, dice=1.0, dice_smooth=smooth)
    for number, (one, mask) in enumerate(an_image_at_a_time(logits, masks)):
        if mask.any():  # theirs is 0 by decree where the mask is empty
            assert found[number].item() == pytest.approx(reference(one, mask).item(), rel=1e-5)


def test_dice_loss_over_many_classes_equals_that_of_segmentation_models() -> None:
    logits, masks = drawn(4)
    reference = DiceLoss("multiclass", classes=[1, 2, 3], smooth=1 / 2)
    found = losses(logits, masks, 4, dice=1.0)
    for number, (one, mask) in enumerate(an_image_at_a_time(logits, masks)):
        if mask.any():
            assert found[number].item() == pytest.approx(reference(one, mask).item(), rel=1e-5)


def test_dice_loss_worked_out_by_hand() -> None:
    # Probabilities 1/2 on 4 pixels, 2 of them foreground: (2 x 1 + 1) / (2 + 2 + 1).
    masks = torch.tensor([[[1, 1], [0, 0]]], dtype=torch.uint8)
    assert losses(torch.zeros(1, 1, 2, 2), masks, dice=1.0).item() == pytest.approx(1 - 3 / 5)


@pytest.mark.parametrize("classes", [2, 4])
def test_a_class_in_neither_mask_nor_prediction_has_no_dice_loss(classes: int) -> None:
    masks = torch.zeros(1, 5, 5, dtype=torch.uint8)
    logits = torch.full((1, 1 if classes == 2 else classes, 5, 5), -40.0)
    if classes > 2:
        logits[:, 0] = 40.0
    assert losses(logits, masks, classes, dice=1.0).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_sum_takes_its_weights_as_they_are_given(classes: int) -> None:
    logits, masks = drawn(classes)
    parts = {name: losses(logits, masks, classes, **{name: 1.0}) for name in _NAMES}
    weights = {"bce": 0.2, "dice": 3.0, "focal": 0.6}
    expected = sum(weight * parts[name] for name, weight in weights.items())
    found = losses(logits, masks, classes, **weights)
    assert torch.allclose(found, torch.as_tensor(expected))


_NAMES = ("bce", "dice", "focal")
EVERY = {"bce": 0.5, "dice": 0.5, "focal": 0.5}


@settings(deadline=None, max_examples=15)
@given(st.sampled_from([2, 3]), st.integers(1, 5), st.integers(0, 2**31))
def test_the_mean_over_a_batch_is_the_mean_of_its_parts(classes: int, size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(5, 1 if classes == 2 else classes, 6, 6, generator=generator)
    masks = torch.randint(0, classes, (5, 6, 6), generator=generator).to(torch.uint8)
    whole = losses(logits, masks, classes, **EVERY)
    assert whole.shape == (5,)
    assert whole.dtype == torch.float32
    cuts = zip(logits.split(size), masks.split(size), strict=True)
    parts = torch.cat([losses(*cut, classes, **EVERY) for cut in cuts])
    assert torch.allclose(parts, whole, rtol=1e-5)
    mirrored = losses(logits.flip(-1), masks.flip(-1), classes, **EVERY)
    assert torch.allclose(mirrored, whole, rtol=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
def test_gradients_of_parts_add_up_to_the_gradient_of_the_batch(classes: int) -> None:
    logits, masks = drawn(classes)
    whole, cut = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    losses(whole, masks, classes, **EVERY).mean().backward()
    for part, truth in zip(cut.split(4), masks.split(4), strict=True):
        (losses(part, truth, classes, **EVERY).mean() * len(part) / len(cut)).backward()
    assert whole.grad is not None
    assert cut.grad is not None
    assert torch.allclose(whole.grad, cut.grad, atol=1e-7)


@pytest.mark.parametrize("scale", [1e3, 1e30])
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("classes", [2, 3])
def test_sure_outputs_have_finite_losses_and_gradients(
    classes: int, gamma: float, right: bool, scale: float
) -> None:
    masks = torch.tensor([[[0, 1], [classes - 1, 0]]], dtype=torch.uint8)
    if classes == 2:
        towards = (2.0 * masks - 1).unsqueeze(1)
    else:
        towards = functional.one_hot(masks.long(), classes).permute(0, 3, 1, 2).float()
    logits = (scale * towards * (1 if right else -1)).requires_grad_()
    found = losses(logits, masks, classes, **EVERY, focal_gamma=gamma)
    found.sum().backward()
    assert torch.isfinite(found).all()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    if right:
        assert found.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("options", [{"bce": 1.0}, {"dice": 1.0}, {"focal": 1.0}])
@pytest.mark.parametrize("classes", [2, 4])
def test_an_output_that_is_no_number_makes_its_image_alone_lose_its_loss(
    options: Mapping[str, float], classes: int
) -> None:
    logits, masks = drawn(classes)
    logits[3, 0, 2, 2] = math.nan
    finite = torch.isfinite(losses(logits, masks, classes, **options))
    assert finite.tolist() == [True, True, True, False, True, True]


def test_under_autocast_the_loss_is_that_of_the_same_outputs_in_float32() -> None:
    logits, masks = drawn(2, side=64)
    logits = logits.bfloat16()
    expected = losses(logits.float(), masks, **EVERY)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = losses(logits, masks, **EVERY)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_masks_may_be_of_any_whole_number_type(dtype: torch.dtype) -> None:
    logits, masks = drawn(2)
    assert torch.equal(losses(logits, masks.to(dtype), **EVERY), losses(logits, masks, **EVERY))


def test_a_model_with_another_number_of_outputs_is_refused() -> None:
    masks = torch.zeros(1, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match="2 output channels, not 1"):
        losses(torch.zeros(1, 2, 2, 2), masks)
    with pytest.raises(ValueError, match="1 output channels, not 3"):
        losses(torch.zeros(1, 1, 2, 2), masks, 3)


def test_a_positive_weight_goes_with_two_classes_alone() -> None:
    with pytest.raises(DataError, match=r"positive_weight is 2.0.*the data has 2"):
        SegmentationLoss(LossOptions(positive_weight=2.0), 3)


def test_it_describes_the_terms_in_force() -> None:
    assert SegmentationLoss(LossOptions(focal=0.6, dice=0.4), 2).describe() == {
        "class": "SegmentationLoss",
        "weights": {"dice": 0.4, "focal": 0.6},
        "focal_gamma": 2.0,
        "focal_alpha": None,
        "dice_smooth": 1.0,
    }
    assert SegmentationLoss(LossOptions(), 3).describe() == {
        "class": "SegmentationLoss",
        "weights": {"cross_entropy": 0.5, "dice": 0.5},
        "dice_smooth": 1.0,
    }
    assert SegmentationLoss(LossOptions(bce=1.0), 2).describe() == {
        "class": "SegmentationLoss",
        "weights": {"binary_cross_entropy": 1.0},
        "positive_weight": None,
    }
