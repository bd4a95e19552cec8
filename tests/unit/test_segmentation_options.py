"""The loss and augmentation options of segmentation."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from studygrid.families.segmentation.options import AugmentationOptions, LossOptions
from studygrid.plan import make_plan


def weights(**options: float) -> tuple[float, float, float]:
    loss = LossOptions.model_validate(options)
    return loss.bce, loss.dice, loss.focal


def test_the_loss_is_half_cross_entropy_and_half_dice_unless_weights_are_named() -> None:
    assert weights() == (0.5, 0.5, 0)
    assert weights(dice_smooth=2.0) == (0.5, 0.5, 0)


def test_naming_a_weight_sets_those_not_named_to_zero() -> None:
    assert weights(focal=0.6, dice=0.4) == (0, 0.4, 0.6)
    assert weights(bce=1.0) == (1, 0, 0)


def test_resolved_options_read_back_are_the_same() -> None:
    for options in (LossOptions(), LossOptions(focal=0.6, dice=0.4, focal_alpha=0.25)):
        assert LossOptions.model_validate(options.model_dump(mode="json")) == options


@pytest.mark.parametrize(
    "options", [{"bce": 0.0}, {"bce": 0.0, "dice": 0.0, "focal": 0.0}, {"dice": -1.0}]
)
def test_a_loss_of_nothing_or_less_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        LossOptions.model_validate(options)


@pytest.mark.parametrize(
    ("name", "value"),
    [("dice_smooth", 0.0), ("focal_gamma", -1.0), ("focal_alpha", 1.5), ("positive_weight", 0.0)],
)
def test_constants_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        LossOptions.model_validate({name: value})


def test_no_augmentation_is_on_unless_it_is_asked_for() -> None:
    assert not any(AugmentationOptions().model_dump().values())


def test_a_model_s_loss_takes_the_place_of_the_study_s() -> None:
    plan = make_plan(
        {
            "family": "segmentation",
            "dataset": {"name": "cracks", "backgrounds": ["concrete"]},
            "loss": {"focal": 0.6, "dice": 0.4, "focal_gamma": 1.0},
            "models": {
                "small_unet": None,
                "entropy": {"architecture": "small_unet", "loss": {"bce": 1.0}},
                "sharp": {"architecture": "small_unet", "loss": {"focal_gamma": 3.0}},
            },
            "grid": {"resolution": [64]},
        }
    )
    found = {
        name: (model.loss.bce, model.loss.dice, model.loss.focal, model.loss.focal_gamma)  # type: ignore[attr-defined]
        for name, model in plan.models.items()
    }
    assert found == {
        "small_unet": (0, 0.4, 0.6, 1),
        "entropy": (1, 0, 0, 1),
        "sharp": (0, 0.4, 0.6, 3),
    }
