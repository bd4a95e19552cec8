"""Paired augmentation: the mask goes where its image goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from studygrid.families.segmentation.augmentation import Augmentation
from studygrid.families.segmentation.options import AugmentationOptions

torch.set_num_threads(1)

GEOMETRY = {
    "horizontal_flip": 0.5,
    "vertical_flip": 0.5,
    "quarter_turns": True,
    "crop_padding": 3,
}
LIGHT = {"brightness": 0.5, "contrast": 0.4, "noise": 0.1}


def augmentation(**options: Any) -> Augmentation:
    return Augmentation(AugmentationOptions.model_validate(options))


def samples(count: int, side: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images no two pixels of which are equal, and masks whose classes tell of them."""
    images = torch.arange(1.0, count * 2 * side * side + 1).view(count, 2, side, side)
    return images, classes_of(images)


def classes_of(images: torch.Tensor) -> torch.Tensor:
    """Return a class of 0 ... 6 for each pixel, from its value in the first channel."""
    return (images[:, 0] % 7).to(torch.uint8)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "options", [{name: value} for name, value in GEOMETRY.items()] + [GEOMETRY]
)
def test_each_pixel_keeps_its_class_wherever_it_goes(options: dict[str, Any]) -> None:
    before, masks = samples(200)
    images, moved = augmentation(**options)(before, masks, generator())
    assert moved.dtype == masks.dtype
    assert moved.shape == masks.shape
    # Padding has the value 0 and the class 0.
    assert torch.equal(moved, classes_of(images))
    assert not torch.equal(images, before)
    assert images.is_contiguous()
    assert moved.is_contiguous()


@pytest.mark.parametrize(("axis", "name"), [(-1, "horizontal_flip"), (-2, "vertical_flip")])
def test_a_sure_flip_mirrors_every_image_along_its_axis(axis: int, name: str) -> None:
    before, masks = samples(6)
    images, moved = augmentation(**{name: 1.0})(before, masks, generator())
    assert np.array_equal(images.numpy(), np.flip(before.numpy(), axis))
    assert np.array_equal(moved.numpy(), np.flip(masks.numpy(), axis))


def test_each_image_is_flipped_by_itself_with_the_probability_given() -> None:
    before, masks = samples(2000, 2)
    images, _ = augmentation(horizontal_flip=0.25)(before, masks, generator())
    flipped = (images == before.flip(-1)).flatten(1).all(dim=1)
    kept = (images == before).flatten(1).all(dim=1)
    assert torch.equal(flipped, ~kept)
    # 5 standard deviations.
    assert abs(flipped.sum().item() - 500) < 5 * (2000 * 0.25 * 0.75) ** 0.5


def test_quarter_turns_are_the_four_turns_each_as_often() -> None:
    before, masks = samples(2000, 2)
    images, _ = augmentation(quarter_turns=True)(before, masks, generator())
    turns = [np.rot90(before.numpy(), k, (2, 3)) for k in range(4)]
    shares = [(images.numpy() == one).reshape(2000, -1).all(axis=1).mean() for one in turns]
    assert sum(shares) == pytest.approx(1)
    assert shares == pytest.approx([0.25] * 4, abs=5 * (0.25 * 0.75 / 2000) ** 0.5)


def test_a_crop_is_a_window_of_the_padded_image_and_every_place_is_drawn() -> None:
    before, masks = samples(300)
    images, _ = augmentation(crop_padding=2)(before, masks, generator())
    padded = np.pad(before.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)))
    places = set()
    for number, image in enumerate(images.numpy()):
        found = [
            (top, left)
            for top in range(5)
            for left in range(5)
            if np.array_equal(image, padded[number, :, top : top + 5, left : left + 5])
        ]
        assert len(found) == 1
        places.update(found)
    assert len(places) == 25


@pytest.mark.parametrize("options", [{name: value} for name, value in LIGHT.items()] + [LIGHT])
def test_changes_of_light_leave_the_mask_as_it_is(options: dict[str, Any]) -> None:
    before, masks = samples(50)
    images, moved = augmentation(**options)(before, masks, generator())
    assert torch.equal(moved, masks)
    assert not torch.equal(images, before)


def test_brightness_shifts_each_image_by_one_number_within_its_range() -> None:
    before, masks = torch.zeros(2000, 3, 2, 2), torch.zeros(2000, 2, 2, dtype=torch.uint8)
    images, _ = augmentation(brightness=0.5)(before, masks, generator())
    shifts = images[:, 0, 0, 0]
    assert torch.equal(images, shifts.view(-1, 1, 1, 1).expand_as(images))
    assert shifts.abs().max() <= 0.5
    assert shifts.min() < -0.49
    assert shifts.max() > 0.49
    assert shifts.mean().item() == pytest.approx(0, abs=5 * 0.5 / (3 * 2000) ** 0.5)


def test_contrast_changes_the_spread_about_each_channels_own_mean() -> None:
    before = torch.randn(500, 2, 8, 8, generator=generator(9)) + 3
    masks = torch.zeros(500, 8, 8, dtype=torch.uint8)
    images, _ = augmentation(contrast=0.4)(before, masks, generator())
    assert torch.allclose(images.mean(dim=(2, 3)), before.mean(dim=(2, 3)), atol=1e-5)
    factors = images.std(dim=(2, 3)) / before.std(dim=(2, 3))
    assert torch.allclose(factors[:, 0], factors[:, 1], atol=1e-4)
    assert 0.6 - 1e-4 <= factors.min() < 0.62
    assert 1.38 < factors.max() <= 1.4 + 1e-4


def test_noise_is_normal_and_its_own_for_each_value() -> None:
    before, masks = torch.zeros(40, 3, 32, 32), torch.zeros(40, 32, 32, dtype=torch.uint8)
    images, _ = augmentation(noise=0.25)(before, masks, generator())
    assert images.std().item() == pytest.approx(0.25, rel=0.01)
    assert images.mean().item() == pytest.approx(0, abs=0.005)
    assert len(images.unique()) > 0.9 * images.numel()


def test_padding_is_not_lit() -> None:
    before, masks = torch.full((400, 1, 4, 4), 2.0), torch.ones(400, 4, 4, dtype=torch.uint8)
    images, moved = augmentation(crop_padding=2, brightness=0.5)(before, masks, generator())
    assert (images[:, 0][moved == 0] == 0).all()
    assert (images[:, 0][moved == 1] > 1).all()
    assert (moved == 0).any()


def test_the_same_generator_gives_the_same_samples_and_another_one_others() -> None:
    change, before = augmentation(**GEOMETRY, **LIGHT), samples(50)
    first, again, other = (change(*before, generator(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert not any(torch.equal(*pair) for pair in zip(first, other, strict=True))


def test_without_augmentation_nothing_is_drawn_and_nothing_changed() -> None:
    stream, (before, masks) = generator(), samples(3)
    state = stream.get_state()
    images, moved = augmentation()(before, masks, stream)
    assert torch.equal(images, samples(3)[0])
    assert torch.equal(moved, samples(3)[1])
    assert torch.equal(stream.get_state(), state)


def test_the_samples_given_are_left_as_they_are() -> None:
    before, masks = samples(20)
    augmentation(**GEOMETRY, **LIGHT)(before, masks, generator())
    assert torch.equal(before, samples(20)[0])
    assert torch.equal(masks, samples(20)[1])


def test_it_describes_what_it_does() -> None:
    assert augmentation(**GEOMETRY, noise=0.2).describe() == {
        **GEOMETRY,
        "brightness": 0.0,
        "contrast": 0.0,
        "noise": 0.2,
    }


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_draws_the_same_changes_as_the_cpu() -> None:
    change, (before, masks) = augmentation(**GEOMETRY, **LIGHT), samples(50)
    images, moved = change(before.cuda(), masks.cuda(), generator())
    expected = change(before, masks, generator())
    assert images.device.type == moved.device.type == "cuda"
    assert torch.equal(moved.cpu(), expected[1])
    assert torch.allclose(images.cpu(), expected[0], rtol=1e-5)
