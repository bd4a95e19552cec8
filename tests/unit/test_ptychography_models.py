"""The network of ptychography, its losses and how its patches become an object."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from studygrid.errors import ConfigError
from studygrid.families import load_family
from studygrid.families.ptychography.assembling import assemble_groups
from studygrid.families.ptychography.canvas import canvas_side
from studygrid.families.ptychography.losses import ObjectLoss, PatternLoss, wrapped
from studygrid.families.ptychography.models.network import Network, build
from studygrid.families.ptychography.models.options import NetworkOptions
from studygrid.families.ptychography.models.patches import GroupShape, Patches
from studygrid.families.ptychography.options import AugmentationOptions, LossOptions
from studygrid.families.ptychography.physics import illumination
from studygrid.families.ptychography.samples import Groups

N = 16
PHOTONS = 1e4


def made_probes(count: int = 1) -> torch.Tensor:
    """Return Gaussian beams of unequal width and curvature, complex64 (count, 16, 16)."""
    rows, columns = np.indices((N, N)) - N / 2
    square = (rows**2 + columns**2) / 9
    beams = [np.exp(-square * (0.5 + 0.3j) / (1 + number)) for number in range(count)]
    scaled = [beam * (N / 2) / np.linalg.norm(beam) for beam in beams]
    return torch.from_numpy(np.stack(scaled).astype(np.complex64))


def random_patches(*shape: int, seed: int = 0) -> Patches:
    generator = torch.Generator().manual_seed(seed)
    amplitude = 0.5 + torch.rand(*shape, N, N, generator=generator)
    return Patches(amplitude, 2 * torch.rand(*shape, N, N, generator=generator) - 1)


def random_groups(batch: int, members: int, scans: int = 1) -> Groups:
    generator = torch.Generator().manual_seed(1)
    return Groups(
        torch.rand(batch, members, N, N, generator=generator),
        torch.rand(batch, members, 2, generator=generator) * 4,
        torch.arange(batch) % scans,
    )


# --- The network


@pytest.mark.parametrize(("members", "depth", "side"), [(1, 3, 32), (4, 2, 16), (9, 1, 18)])
def test_it_gives_a_patch_for_each_pattern_within_its_bounds(
    members: int, depth: int, side: int
) -> None:
    options = NetworkOptions(width=3, depth=depth)
    model = build(GroupShape(members, side), options, "pinn")
    found: Patches = model(1e3 * torch.rand(2, members, side, side))
    for part in found:
        assert part.shape == (2, members, side, side)
    assert ((found.amplitude >= 0) & (found.amplitude <= 2)).all()
    assert (found.phase.abs() <= math.pi).all()
    assert found.transmission.dtype == torch.complex64


def test_under_autocast_patches_are_in_float32_all_the_same() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found: Patches = Network(1, 4, 2)(torch.rand(2, 1, N, N))
    assert found.amplitude.dtype == found.phase.dtype == torch.float32
    assert len(torch.unique(found.phase)) > 0.9 * found.phase.numel()


def test_the_parts_of_the_object_come_from_decoders_of_their_own() -> None:
    torch.manual_seed(0)
    model = Network(1, 4, 2)
    found: Patches = model(torch.rand(2, 1, N, N))
    found.amplitude.sum().backward()  # type: ignore[no-untyped-call]
    touched = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert touched == {"encoder", "amplitude"}


def test_a_side_that_cannot_be_halved_so_often_is_refused_without_building() -> None:
    family = load_family("ptychography")
    for name in ("pinn", "baseline"):
        architecture = family.find_architecture(name)
        assert architecture is not None
        assert architecture.check(NetworkOptions(depth=3), 64) is None
        assert "a multiple of 16" in str(architecture.check(NetworkOptions(depth=4), 40))
    with pytest.raises(ConfigError, match="architecture pinn: a pattern of 20 px"):
        build(GroupShape(1, 20), NetworkOptions(depth=3), "pinn")


@pytest.mark.parametrize(
    "options", [{"width": 0}, {"depth": 0}, {"phase_passes": -1}, {"layers": 3}]
)
def test_options_that_are_none_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(options))):
        NetworkOptions.model_validate(options)


# --- The losses


def test_the_pattern_loss_is_half_the_deviance_of_the_counts_behind_the_probe() -> None:
    probes, groups, patches = made_probes(2), random_groups(3, 1, scans=2), random_patches(3, 1)
    loss = PatternLoss(probes, PHOTONS, N + 2)
    field = patches.transmission[:, 0].numpy() * probes.numpy()[[0, 1, 0]]
    far = np.fft.fftshift(np.fft.fft2(field, norm="ortho"), axes=(1, 2))
    expected, counts = (
        np.square(values, dtype=np.float64) * PHOTONS / (N / 2) ** 2
        for values in (np.abs(far), groups.patterns[:, 0].numpy())
    )
    deviance = expected - counts + counts * np.log(counts / expected)
    assert loss(patches, groups).numpy() == pytest.approx(deviance.mean(axis=(1, 2)), rel=1e-4)


def test_the_pattern_loss_of_what_was_measured_is_zero_whatever_its_phase() -> None:
    probes, patches = made_probes(), random_patches(2, 1)
    field = patches.transmission * probes[0]
    measured = torch.fft.fftshift(torch.fft.fft2(field, norm="ortho"), dim=(-2, -1)).abs()
    groups = Groups(measured, torch.zeros(2, 1, 2), torch.zeros(2, dtype=torch.int64))
    loss = PatternLoss(probes, PHOTONS, N + 2)
    turned = patches._replace(phase=patches.phase + 1.234)
    assert loss(patches, groups).abs().max() < 1e-4
    assert loss(turned, groups).abs().max() < 1e-4
    assert loss(random_patches(2, 1, seed=5), groups).min() > 1


def test_patches_of_a_group_must_agree_for_the_pattern_loss() -> None:
    probes, flat = made_probes(), Patches(torch.ones(1, 2, N, N), torch.zeros(1, 2, N, N))
    measured = torch.fft.fftshift(torch.fft.fft2(probes[0], norm="ortho")).abs()
    positions = torch.tensor([[[0.0, 0.0], [0.0, 2.0]]])
    groups = Groups(measured.expand(1, 2, N, N), positions, torch.zeros(1, dtype=torch.int64))
    loss = PatternLoss(probes, PHOTONS, canvas_side(positions, N))
    opposite = flat._replace(phase=torch.tensor([0.0, 2.0]).view(1, 2, 1, 1).expand(1, 2, N, N))
    assert loss(flat, groups).item() < 1e-4
    assert loss(opposite, groups).item() > 1


def test_the_object_loss_is_the_lit_error_of_amplitude_and_wrapped_phase() -> None:
    probes, groups, patches = made_probes(2), random_groups(4, 2, scans=2), random_patches(4, 2)
    groups = groups._replace(positions=groups.positions.round())
    objects = random_patches(2).transmission
    canvas = torch.ones(2, 24, 24, dtype=torch.complex64)
    canvas[:, :N, :N] = objects
    options = LossOptions(amplitude=2.0, phase=0.5, phase_origin="object")
    loss = ObjectLoss(probes, canvas, options)
    weights = illumination(probes).numpy()
    for row, found in enumerate(loss(patches, groups).tolist()):
        scan, parts = row % 2, []
        for member in range(2):
            top, left = groups.positions[row, member].int().tolist()
            true = canvas[scan, top : top + N, left : left + N].numpy()
            ours = patches.transmission[row, member].numpy()
            amplitude = np.abs(np.abs(ours) - np.abs(true))
            phase = np.abs(np.angle(ours * true.conj()))
            parts.append((weights[scan] * (2 * amplitude + 0.5 * phase)).sum())
        assert found == pytest.approx(np.mean(parts), rel=1e-4)


def test_labels_have_no_phase_in_common_unless_they_are_asked_to() -> None:
    probes, groups, patches = made_probes(), random_groups(3, 2), random_patches(3, 2)
    canvas = torch.polar(torch.ones(1, 24, 24), torch.rand(1, 24, 24))
    turned = canvas * torch.polar(torch.tensor(1.0), torch.tensor(2.5))

    def loss(objects: torch.Tensor, **options: Any) -> torch.Tensor:
        return ObjectLoss(probes, objects, LossOptions(**options))(patches, groups)

    assert torch.allclose(loss(canvas), loss(turned), atol=1e-4)
    as_it_is = [loss(objects, phase_origin="object") for objects in (canvas, turned)]
    assert (as_it_is[0] - as_it_is[1]).abs().min() > 0.1
    flat = Patches(torch.ones(3, 2, N, N), torch.zeros(3, 2, N, N))
    right = ObjectLoss(probes, torch.full_like(canvas, 1j), LossOptions())
    assert right(flat, groups).max() < 1e-5


def test_a_phase_that_is_a_turn_off_is_right() -> None:
    angles = torch.tensor([0.1, 6.0, -6.0, 3.2, 12.7], requires_grad=True)
    inside = wrapped(angles)
    assert inside.tolist() == pytest.approx(
        [np.angle(np.exp(1j * angle)) for angle in angles.tolist()], abs=1e-5
    )
    inside.sum().backward()  # type: ignore[no-untyped-call]
    assert angles.grad is not None
    assert angles.grad.tolist() == [1.0] * 5


def test_losses_are_finite_and_have_finite_gradients_in_the_dark() -> None:
    groups = random_groups(2, 1)
    dark = groups._replace(patterns=torch.zeros_like(groups.patterns))
    phase = torch.zeros(2, 1, N, N, requires_grad=True)
    for patterns in (groups, dark):
        for amplitude in (torch.zeros(2, 1, N, N), torch.full((2, 1, N, N), 2.0)):
            amplitude.requires_grad_()
            loss = PatternLoss(made_probes(), 1e6, N + 2)(Patches(amplitude, phase), patterns)
            assert torch.isfinite(loss).all()
            (gradient,) = torch.autograd.grad(loss.sum(), amplitude)
            assert torch.isfinite(gradient).all()


def test_each_loss_says_what_it_is() -> None:
    pattern = PatternLoss(made_probes(), PHOTONS, N).describe()
    assert pattern["class"] == "PatternLoss"
    assert pattern["photons"] == PHOTONS
    objects = torch.ones(1, N, N, dtype=torch.complex64)
    described = ObjectLoss(made_probes(), objects, LossOptions(phase=3.0)).describe()
    assert described["weights"] == {"amplitude": 1.0, "phase": 3.0}
    assert described["phase_origin"] == "group"


@pytest.mark.parametrize("options", [{"amplitude": -1}, {"phase": 0, "amplitude": 0}, {"bce": 1}])
def test_a_loss_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LossOptions.model_validate(options)


def test_there_is_no_augmentation() -> None:
    with pytest.raises(ValidationError):
        AugmentationOptions.model_validate({"flip": 0.5})


# --- Assembling


def patches_of_one_object(
    members: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return true patches at whole positions, the weights, the positions and the object."""
    generator = torch.Generator().manual_seed(3)
    side = 40
    noise = torch.rand(2, side, side, generator=generator)
    whole = torch.polar(0.5 + noise[0], noise[1])
    starts = torch.arange(0, side - N + 1, 4)
    positions = torch.cartesian_prod(starts, starts)
    positions = positions[: len(positions) // members * members].view(-1, members, 2)
    patches = torch.stack(
        [whole[r : r + N, c : c + N] for r, c in positions.view(-1, 2).tolist()]
    ).view(-1, members, N, N)
    return patches, illumination(made_probes()[0]), positions.float(), whole


@pytest.mark.parametrize("members", [1, 4])
def test_groups_that_are_turned_at_random_are_turned_back(members: int) -> None:
    patches, weights, positions, whole = patches_of_one_object(members)
    angles = 6.28 * torch.rand(len(patches), generator=torch.Generator().manual_seed(0))
    turned = patches * torch.polar(torch.ones_like(angles), angles).view(-1, 1, 1, 1)
    shape = (whole.shape[0], whole.shape[1])

    def error(passes: int) -> float:
        found, _ = assemble_groups(turned, weights, positions, shape, passes)
        inside = slice(N // 2, -N // 2)
        ours, true = found[inside, inside], whole[inside, inside]
        overlap = (ours.conj() * true).sum()
        return float((ours * overlap / overlap.abs() - true).abs().mean())

    assert error(200) < 0.01
    assert error(0) > 0.2
    assert error(200) < error(5) < error(0)


def test_groups_that_agree_stay_as_they_are() -> None:
    patches, weights, positions, whole = patches_of_one_object(1)
    shape = (whole.shape[0], whole.shape[1])
    plain, coverage = assemble_groups(patches, weights, positions, shape, 0)
    again, same = assemble_groups(patches, weights, positions, shape, 5)
    assert torch.allclose(plain, again, atol=1e-5)
    assert torch.equal(coverage, same)
    covered = coverage > 0
    assert torch.allclose(plain[covered], whole[covered], atol=1e-4)
    assert (plain[~covered] == 1).all()
