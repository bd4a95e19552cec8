"""The iterative engine on small scans of real pictures, whose object is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from skimage.transform import resize

from studygrid.errors import DataError
from studygrid.families.ptychography.models.engine import reconstruct
from studygrid.families.ptychography.models.options import EngineOptions
from studygrid.families.ptychography.physics import amplitude, counts_of, extract

SIDE = 32
OBJECT_PX = 96


def picture(name: str) -> torch.Tensor:
    grey = resize(getattr(data, name)().astype(float), (OBJECT_PX, OBJECT_PX), anti_aliasing=True)
    return torch.from_numpy((grey - grey.min()) / np.ptp(grey)).float()


def true_object() -> torch.Tensor:
    return torch.polar(0.75 + 0.25 * picture("coins"), np.pi / 2 * (picture("camera") - 0.5))


def soft_disk() -> torch.Tensor:
    steps = torch.arange(SIDE, dtype=torch.float32) - SIDE / 2
    radius = (steps.view(-1, 1).square() + steps.square()).sqrt()
    probe = torch.polar(torch.sigmoid((7 - radius) / 1.5), 2 * (radius / 7).square())
    return probe * (SIDE / 2) / probe.abs().square().sum().sqrt()


def raster(first: float = 0.0) -> torch.Tensor:
    """Positions with parts of a px, 5 px apart: two thirds of the disk's diameter overlap."""
    steps = torch.arange(first, OBJECT_PX - SIDE - first, 5.0)
    grid = torch.cartesian_prod(steps, steps)
    jitter = torch.rand(grid.shape, generator=torch.Generator().manual_seed(1))
    return grid + 0.9 * jitter


def scan_of(positions: torch.Tensor, photons: float) -> torch.Tensor:
    """Return measured amplitudes: Poisson counts, back in the units of the probe."""
    found = amplitude(extract(true_object(), positions, SIDE), soft_disk())
    counts = torch.poisson(counts_of(found, photons), generator=torch.Generator().manual_seed(2))
    return (counts * ((SIDE / 2) ** 2 / photons)).sqrt()


def found_object(
    patterns: torch.Tensor, positions: torch.Tensor, iterations: int = 60
) -> torch.Tensor:
    return reconstruct(
        patterns,
        soft_disk(),
        positions,
        (OBJECT_PX, OBJECT_PX),
        EngineOptions(iterations=iterations),
    )


def phase_error(found: torch.Tensor) -> float:
    """Return the mean absolute error of the phase inside, one constant removed, in rad."""
    inside = slice(SIDE // 2 + 2, OBJECT_PX - SIDE // 2 - 8)
    ratio = (true_object() * found.conj())[inside, inside]
    return float((ratio * ratio.sum().conj()).angle().abs().mean())


def amplitude_error(found: torch.Tensor) -> float:
    inside = slice(SIDE // 2 + 2, OBJECT_PX - SIDE // 2 - 8)
    return float((true_object().abs() - found.abs())[inside, inside].abs().mean())


FLAT = torch.ones(OBJECT_PX, OBJECT_PX, dtype=torch.complex64)


def test_it_recovers_a_known_object_at_a_million_photons() -> None:
    positions = raster()
    found = found_object(scan_of(positions, 1e6), positions)
    assert phase_error(FLAT) > 0.2
    assert phase_error(found) < 0.1 * phase_error(FLAT)
    assert amplitude_error(found) < 0.1 * amplitude_error(FLAT)


def test_few_photons_and_dark_pixels_still_tell_of_the_object() -> None:
    positions = raster()
    patterns = scan_of(positions, 3e3)
    assert float((patterns == 0).float().mean()) > 0.5
    found = found_object(patterns, positions)
    assert phase_error(found) < 0.5 * phase_error(FLAT)


def test_more_steps_explain_the_patterns_better() -> None:
    positions = raster()
    patterns, probe = scan_of(positions, 1e6), soft_disk()

    def misfit(iterations: int) -> float:
        found = found_object(patterns, positions, iterations)
        calculated = amplitude(extract(found, positions, SIDE), probe)
        return float((calculated - patterns).square().sum())

    assert misfit(60) < 0.5 * misfit(10) < 0.25 * misfit(1)


def test_the_object_stays_flat_where_no_light_falls() -> None:
    positions = raster(first=20.0)
    found = found_object(scan_of(positions, 1e6), positions)
    assert torch.equal(found[:20], FLAT[:20])
    assert torch.equal(found[:, -18:], FLAT[:, -18:])
    assert bool(torch.view_as_real(found).isfinite().all())


def test_the_same_scan_gives_the_same_object() -> None:
    positions = raster()
    patterns = scan_of(positions, 1e4)
    assert torch.equal(
        found_object(patterns, positions, iterations=5),
        found_object(patterns, positions, iterations=5),
    )


def test_the_object_does_not_depend_on_how_many_patterns_are_taken_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    positions = raster()
    patterns = scan_of(positions, 1e6)
    at_once = found_object(patterns, positions, iterations=5)
    monkeypatch.setattr("studygrid.families.ptychography.models.engine.PX_AT_ONCE", 10 * SIDE**2)
    assert torch.allclose(found_object(patterns, positions, iterations=5), at_once, atol=1e-4)


def test_dark_patterns_give_no_number_that_is_none() -> None:
    positions = raster()
    found = found_object(torch.zeros(len(positions), SIDE, SIDE), positions, iterations=3)
    assert bool(torch.view_as_real(found).isfinite().all())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_patterns_that_are_no_amplitudes_are_refused(value: float) -> None:
    positions = raster()
    patterns = scan_of(positions, 1e6)
    patterns[7, 3, 4] = value
    with pytest.raises(DataError, match=rf"1 of the {len(positions)} patterns.*first at place 7"):
        found_object(patterns, positions)


def test_a_position_outside_of_the_object_is_refused() -> None:
    positions = raster()
    patterns = scan_of(positions, 1e6)
    positions[3, 0] = OBJECT_PX
    with pytest.raises(ValueError, match="position 3"):
        found_object(patterns, positions)
