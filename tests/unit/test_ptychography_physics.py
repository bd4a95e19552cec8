"""The forward model of ptychography, against numpy, scipy and PyTorch's own loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from studygrid.families.ptychography.assembling import assemble_groups
from studygrid.families.ptychography.canvas import canvas_side, splat, through_canvas
from studygrid.families.ptychography.physics import (
    amplitude,
    counts_of,
    extract,
    half_deviance,
    illumination,
    propagate,
)

SIDE = 16
SHAPE = (40, 35)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def complex_noise(*shape: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=generator)


def positions_within(
    number: int, generator: torch.Generator, *, whole: bool = False
) -> torch.Tensor:
    last = torch.tensor([SHAPE[0] - SIDE, SHAPE[1] - SIDE], dtype=torch.float32)
    positions = torch.rand(number, 2, generator=generator) * last
    return positions.round() if whole else positions


def gaussian_probe(sigma: float = SIDE / 6) -> torch.Tensor:
    steps = torch.arange(SIDE, dtype=torch.float32) - SIDE / 2
    radius = steps.view(-1, 1).square() + steps.square()
    return torch.polar(torch.exp(-radius / (2 * sigma**2)), 0.02 * radius)


def assembled(
    patches: torch.Tensor, weights: torch.Tensor, positions: torch.Tensor, shape: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the object of patches, each a group of its own, with phases as they are."""
    return assemble_groups(patches.unsqueeze(1), weights, positions.unsqueeze(1), shape, 0)


def test_the_far_field_of_a_flat_wave_is_one_pixel_at_half_the_side() -> None:
    field = propagate(torch.ones(SIDE, SIDE, dtype=torch.complex64))
    expected = torch.zeros(SIDE, SIDE)
    expected[SIDE // 2, SIDE // 2] = SIDE
    assert torch.allclose(field.abs(), expected, atol=1e-5)


def test_the_far_field_is_numpys_transform_centred(generator: torch.Generator) -> None:
    wave = complex_noise(3, SIDE, SIDE, generator=generator)
    expected = np.fft.fftshift(np.fft.fft2(wave.numpy(), norm="ortho"), axes=(1, 2))
    np.testing.assert_allclose(propagate(wave).numpy(), expected, atol=1e-5)


def test_the_far_field_has_the_energy_of_the_exit_wave(generator: torch.Generator) -> None:
    patches = complex_noise(4, SIDE, SIDE, generator=generator)
    probe = gaussian_probe()
    energy = amplitude(patches, probe).square().sum(dim=(1, 2))
    assert torch.allclose(energy, (patches * probe).abs().square().sum(dim=(1, 2)), rtol=1e-5)


def test_an_amplitude_of_nothing_has_a_finite_gradient() -> None:
    patches = torch.zeros(1, SIDE, SIDE, dtype=torch.complex64, requires_grad=True)
    amplitude(patches, gaussian_probe()).sum().backward()
    assert patches.grad is not None
    assert bool(torch.view_as_real(patches.grad).isfinite().all())


def test_counts_of_a_pattern_of_mean_brightness_are_the_photons(
    generator: torch.Generator,
) -> None:
    pattern = torch.rand(SIDE, SIDE, generator=generator)
    pattern *= (SIDE / 2) / pattern.square().sum().sqrt()
    assert float(counts_of(pattern, 1e4).sum()) == pytest.approx(1e4, rel=1e-5)


def test_a_patch_at_a_whole_position_is_cut_out_exactly(generator: torch.Generator) -> None:
    image = complex_noise(*SHAPE, generator=generator)
    corners = torch.tensor([[0, 0], [7, 3], [SHAPE[0] - SIDE, SHAPE[1] - SIDE]])
    patches = extract(image, corners.float(), SIDE)
    for patch, (row, column) in zip(patches, corners.tolist(), strict=True):
        assert torch.equal(patch, image[row : row + SIDE, column : column + SIDE])


def test_a_patch_between_pixels_is_scipys_linear_interpolation(
    generator: torch.Generator,
) -> None:
    image = torch.randn(SHAPE, generator=generator)
    positions = positions_within(5, generator)
    patches = extract(image, positions, SIDE)
    for patch, (row, column) in zip(patches, positions.tolist(), strict=True):
        rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
        expected = ndimage.map_coordinates(
            image.numpy(), [rows + row, columns + column], order=1, mode="nearest"
        )
        np.testing.assert_allclose(patch.numpy(), expected, atol=1e-5)


def test_patches_are_of_the_object_that_the_index_names(generator: torch.Generator) -> None:
    images = complex_noise(3, *SHAPE, generator=generator)
    positions = positions_within(6, generator)
    index = torch.tensor([2, 0, 1, 1, 0, 2])
    patches = extract(images, positions, SIDE, index)
    for number, image in enumerate(images):
        mine = index == number
        assert torch.equal(patches[mine], extract(image, positions[mine], SIDE))


def test_splat_is_the_transpose_of_extract(generator: torch.Generator) -> None:
    image = complex_noise(*SHAPE, generator=generator).to(torch.complex128)
    patches = complex_noise(9, SIDE, SIDE, generator=generator).to(torch.complex128)
    positions = positions_within(9, generator).double()
    there = torch.vdot(extract(image, positions, SIDE).flatten(), patches.flatten())
    back = torch.vdot(image.flatten(), splat(patches, positions, SHAPE).flatten())
    assert torch.allclose(there, back, rtol=1e-12)


def test_the_gradient_of_extract_is_splat(generator: torch.Generator) -> None:
    image = complex_noise(*SHAPE, generator=generator).requires_grad_()
    patches = complex_noise(9, SIDE, SIDE, generator=generator)
    positions = positions_within(9, generator)
    (extract(image, positions, SIDE).conj() * patches).real.sum().backward()
    assert image.grad is not None
    assert torch.allclose(image.grad, splat(patches, positions, SHAPE), atol=1e-5)


def test_a_sum_over_many_patches_does_not_depend_on_how_many_are_taken_at_once(
    generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches = complex_noise(9, SIDE, SIDE, generator=generator)
    positions = positions_within(9, generator)
    at_once = splat(patches, positions, SHAPE)
    monkeypatch.setattr("studygrid.families.ptychography.canvas.PX_AT_ONCE", 2 * SIDE**2)
    assert torch.equal(splat(patches, positions, SHAPE), at_once)


def test_sums_are_allowed_where_only_deterministic_operations_are(
    generator: torch.Generator,
) -> None:
    groups = complex_noise(2, 4, SIDE, SIDE, generator=generator).requires_grad_()
    positions = positions_within(8, generator).view(2, 4, 2)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        through_canvas(groups, illumination(gaussian_probe()), positions).abs().sum().backward()
    finally:
        torch.use_deterministic_algorithms(before)
    assert groups.grad is not None


def test_patches_of_an_object_assemble_to_it_where_they_cover_it(
    generator: torch.Generator,
) -> None:
    image = complex_noise(*SHAPE, generator=generator)
    positions = positions_within(12, generator, whole=True)
    weights = torch.rand(SIDE, SIDE, generator=generator) + 0.1
    found, coverage = assembled(extract(image, positions, SIDE), weights, positions, SHAPE)
    covered = coverage > 0
    assert 0 < int(covered.sum()) < covered.numel()
    assert torch.allclose(found[covered], image[covered], atol=1e-5)
    assert bool((found[~covered] == 1).all())


def test_coverage_is_the_sum_of_the_weights(generator: torch.Generator) -> None:
    weights = torch.rand(SIDE, SIDE, generator=generator)
    positions = torch.tensor([[0.0, 0.0], [0.0, 8.0]])
    patches = torch.ones(2, SIDE, SIDE, dtype=torch.complex64)
    _, coverage = assembled(patches, weights, positions, SHAPE)
    expected = torch.zeros(SHAPE)
    expected[:SIDE, :SIDE] += weights
    expected[:SIDE, 8 : 8 + SIDE] += weights
    assert torch.allclose(coverage, expected)


def test_a_constant_is_assembled_as_it_is_between_pixels_too(
    generator: torch.Generator,
) -> None:
    positions = positions_within(6, generator)
    weights = torch.rand(SIDE, SIDE, generator=generator)
    patches = torch.full((6, SIDE, SIDE), 0.5 + 0.5j)
    found, coverage = assembled(patches, weights, positions, SHAPE)
    assert torch.allclose(found[coverage > 0], torch.tensor(0.5 + 0.5j), atol=1e-5)


@pytest.mark.parametrize(
    ("position", "named"),
    [((-0.5, 0.0), "-0.5"), ((0.0, 19.5), "19.5"), ((float("nan"), 0.0), "nan")],
)
def test_a_patch_beyond_its_object_is_refused(
    position: tuple[float, float], named: str, generator: torch.Generator
) -> None:
    positions = torch.tensor([(1.0, 1.0), position])
    image = complex_noise(*SHAPE, generator=generator)
    with pytest.raises(ValueError, match=rf"position 1 of 2.*{named}.*40 x 35 px.*24, 19"):
        extract(image, positions, SIDE)
    with pytest.raises(ValueError, match=named):
        splat(torch.ones(2, SIDE, SIDE), positions, SHAPE)


def test_half_the_deviance_is_scipys_log_likelihood_less_its_best() -> None:
    counts = torch.tensor([0.0, 0.0, 1.0, 4.0, 1000.0])
    expected = torch.tensor([0.0, 2.5, 0.3, 4.0, 900.0])
    best = stats.poisson.logpmf(counts.numpy(), counts.numpy())
    found = stats.poisson.logpmf(counts.numpy(), expected.numpy())
    losses = half_deviance(expected, counts)
    np.testing.assert_allclose(losses.numpy(), best - found, rtol=1e-3, atol=2e-6)
    assert float(losses.min()) >= 0


def test_its_gradient_is_that_of_pytorchs_poisson_loss(generator: torch.Generator) -> None:
    counts = torch.poisson(torch.full((50,), 3.0), generator=generator)
    expected = torch.rand(50, generator=generator) * 6 + 0.1
    ours, theirs = (expected.clone().requires_grad_() for _ in range(2))
    half_deviance(ours, counts).sum().backward()
    loss = torch.nn.PoissonNLLLoss(log_input=False, reduction="sum", eps=0.0)
    loss(theirs, counts).backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.allclose(ours.grad, theirs.grad, rtol=1e-5, atol=1e-6)


def test_a_dark_pixel_and_an_expectation_of_nothing_have_finite_losses_and_gradients() -> None:
    counts = torch.tensor([0.0, 0.0, 5.0, 5.0])
    expected = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    losses = half_deviance(expected, counts)
    losses.sum().backward()
    assert bool(losses.isfinite().all())
    assert expected.grad is not None
    assert torch.allclose(expected.grad, torch.tensor([0.0, 1.0, 0.0, -4.0]))


def test_illumination_sums_to_one_and_lies_where_the_probe_is() -> None:
    weights = illumination(torch.stack([gaussian_probe(), gaussian_probe(SIDE / 4)]))
    assert weights.shape == (2, SIDE, SIDE)
    assert torch.allclose(weights.sum(dim=(1, 2)), torch.ones(2))
    assert float(weights.min()) >= 0
    assert divmod(int(weights[0].argmax()), SIDE) == (SIDE // 2, SIDE // 2)


def test_illumination_is_scipys_gaussian_blur() -> None:
    side = 64
    probe = torch.zeros(side, side, dtype=torch.complex64)
    probe[30, 34] = 2.0j
    expected = ndimage.gaussian_filter(probe.abs().square().numpy() / 4, side / 32, mode="constant")
    np.testing.assert_allclose(illumination(probe).numpy(), expected, atol=1e-6)


def test_patches_that_agree_come_through_their_canvas_unchanged(
    generator: torch.Generator,
) -> None:
    image = complex_noise(*SHAPE, generator=generator)
    positions = positions_within(8, generator, whole=True)
    # All members of a group share the part of a px by which the group is off the grid.
    patches = extract(image, positions, SIDE).view(2, 4, SIDE, SIDE)
    groups = positions.view(2, 4, 2) + 0.25
    weights = illumination(gaussian_probe())
    assert torch.allclose(through_canvas(patches, weights, groups), patches, atol=1e-4)


def test_patches_that_differ_are_made_to_agree(generator: torch.Generator) -> None:
    patches = complex_noise(1, 2, SIDE, SIDE, generator=generator)
    positions = torch.tensor([[[3.0, 0.0], [3.0, 0.0]]])
    weights = torch.rand(SIDE, SIDE, generator=generator) + 0.1
    mean = patches.mean(dim=1, keepdim=True).expand_as(patches)
    assert torch.allclose(through_canvas(patches, weights, positions), mean, atol=1e-5)


def test_each_group_has_a_canvas_and_weights_of_its_own(generator: torch.Generator) -> None:
    patches = complex_noise(3, 4, SIDE, SIDE, generator=generator)
    positions = 30 * torch.rand(3, 4, 2, generator=generator)
    weights = torch.rand(3, 1, SIDE, SIDE, generator=generator)
    side = canvas_side(positions, SIDE)
    together = through_canvas(patches, weights, positions, side)
    for number, weight in enumerate(weights[:, 0]):
        group = slice(number, number + 1)
        alone = through_canvas(patches[group], weight, positions[group])
        assert torch.allclose(together[group], alone, atol=1e-5)


def test_a_group_of_one_patch_is_that_patch(generator: torch.Generator) -> None:
    patches = complex_noise(5, 1, SIDE, SIDE, generator=generator)
    weights = torch.zeros(SIDE, SIDE)
    assert through_canvas(patches, weights, torch.rand(5, 1, 2)) is patches
