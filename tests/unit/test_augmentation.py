"""Random flips and crops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from studygrid.families.classification.augmentation import Augmentation


def images(count: int, height: int = 5, width: int = 7) -> torch.Tensor:
    """Return images no two pixels of which are equal, and none of which is 0."""
    size = count * 2 * height * width
    return torch.arange(1.0, size + 1).view(count, 2, height, width)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("axis", "name"), [(-1, "horizontal_flip"), (-2, "vertical_flip")])
def test_a_sure_flip_mirrors_every_image_along_its_axis(axis: int, name: str) -> None:
    options = {"horizontal_flip": 0.0, "vertical_flip": 0.0, "crop_padding": 0, name: 1.0}
    before = images(6)
    after = Augmentation(**options)(before, generator())  # type: ignore[arg-type]
    assert np.array_equal(after.numpy(), np.flip(before.numpy(), axis))


@pytest.mark.parametrize(("axis", "options"), [(-1, (0.25, 0.0, 0)), (-2, (0.0, 0.25, 0))])
def test_each_image_is_flipped_by_itself_with_the_probability_given(
    axis: int, options: tuple[float, float, int]
) -> None:
    before = images(2000, 2, 3)
    after = Augmentation(*options)(before, generator())
    flipped = (after == before.flip(axis)).flatten(1).all(dim=1)
    kept = (after == before).flatten(1).all(dim=1)
    assert torch.equal(flipped, ~kept)
    # 5 standard deviations.
    assert abs(flipped.sum().item() - 500) < 5 * (2000 * 0.25 * 0.75) ** 0.5


def test_the_two_flips_are_drawn_apart() -> None:
    before = images(2000, 2, 3)
    after = Augmentation(0.5, 0.5, 0)(before, generator())
    outcomes = [before, before.flip(-1), before.flip(-2), before.flip(-1, -2)]
    shares = [(after == one).flatten(1).all(dim=1).float().mean().item() for one in outcomes]
    assert sum(shares) == pytest.approx(1)
    assert shares == pytest.approx([0.25] * 4, abs=5 * (0.25 * 0.75 / 2000) ** 0.5)


@pytest.mark.parametrize("padding", [1, 3])
def test_a_crop_is_a_window_of_the_zero_padded_image(padding: int) -> None:
    before = images(400)
    after = Augmentation(0.0, 0.0, padding)(before, generator())
    assert after.shape == before.shape
    assert after.is_contiguous()
    edges = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    padded = np.pad(before.numpy(), edges)
    places: set[tuple[int, int]] = set()
    reach = range(2 * padding + 1)
    for number, image in enumerate(after.numpy()):
        found = [
            (top, left)
            for top in reach
            for left in reach
            if np.array_equal(image, padded[number, :, top : top + 5, left : left + 7])
        ]
        assert len(found) == 1
        places.update(found)
    # Every place is drawn, the corners too.
    assert places == {(top, left) for top in reach for left in reach}


def test_the_same_generator_gives_the_same_images_and_another_one_others() -> None:
    change = Augmentation(0.5, 0.5, 2)
    before = images(50)
    first, again, other = (change(before, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_without_augmentation_nothing_is_drawn_and_nothing_changed() -> None:
    stream, before = generator(), images(3)
    state = stream.get_state()
    assert torch.equal(Augmentation(0.0, 0.0, 0)(before, stream), images(3))
    assert torch.equal(stream.get_state(), state)


def test_the_images_given_are_left_as_they_are() -> None:
    before = images(20)
    Augmentation(1.0, 1.0, 2)(before, generator())
    assert torch.equal(before, images(20))


def test_it_describes_what_it_does() -> None:
    assert Augmentation(0.25, 0.5, 3).describe() == {
        "horizontal_flip": 0.25,
        "vertical_flip": 0.5,
        "crop_padding": 3,
    }


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_draws_the_same_changes_as_the_cpu() -> None:
    change = Augmentation(0.5, 0.5, 2)
    before = images(50)
    there = change(before.cuda(), generator())
    assert there.device.type == "cuda"
    assert torch.equal(there.cpu(), change(before, generator()))
