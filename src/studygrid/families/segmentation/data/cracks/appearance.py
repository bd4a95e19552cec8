"""How cracks look on a background, and what looks like a crack and is none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from studygrid.families.segmentation.data.cracks.noise import Grey, fractal, layer
from studygrid.families.segmentation.data.cracks.raster import coverage

GRAIN_CELLS = 512


def add_cracks(
    picture: Grey, covered: Grey, contrast: Sequence[float], random: np.random.Generator
) -> Grey:
    """Darken a picture where cracks cover it, and light their edges from one side.

    Parameters
    ----------
    picture, covered
        Shape (side, side): brightness, and the share of each pixel that cracks cover.
    contrast
        Least and greatest share of the light that a crack takes away.
    """
    side = len(picture)
    depth, opacity = random.uniform(contrast[0], contrast[1]), np.float32(random.uniform(0.8, 1))
    blur, rim = random.uniform(0.0006, 0.0016), random.uniform(0.003, 0.006)
    angle, strength = random.uniform(0, 2 * np.pi), random.uniform(0, 0.3)
    dirt = fractal(random, side, 16, 128, 0.8)
    if not covered.any():
        return picture
    edges = gaussian_filter(covered, rim * side, truncate=3)
    down, right = np.gradient(edges)
    slope = np.float32(np.sin(angle)) * down + np.float32(np.cos(angle)) * right
    lit = picture * (1 + np.float32(strength * rim * side) * slope)
    # A wide crack is darkest in its middle.
    inside = 1 - np.float32(depth) * (np.float32(0.8) + np.float32(0.25) * edges)
    inside = (inside * (1 + np.float32(0.12) * dirt)).clip(0.02, 1) * picture.mean()
    mixed = opacity * gaussian_filter(covered, blur * side, truncate=3)
    cracked: Grey = lit + mixed * (inside - lit)
    return cracked


def add_marks(picture: Grey, probability: float, random: np.random.Generator) -> Grey:
    """Add stains, scratches and joints, each with a probability."""
    for add in (_add_stain, _add_scratches, _add_joints):
        # Each has numbers of its own: one more or less leaves the others as they are.
        (own,) = random.spawn(1)
        if own.random() < probability:
            picture = add(picture, own)
    return picture


def add_shadow(picture: Grey, probability: float, random: np.random.Generator) -> Grey:
    """Darken what lies on one side of a line, with a probability."""
    if random.random() >= probability:
        return picture
    side = len(picture)
    angle, place = random.uniform(0, 2 * np.pi), random.uniform(-0.35, 0.35)
    ramp = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    distance = np.float32(np.sin(angle)) * ramp[:, None] + np.float32(np.cos(angle)) * ramp[None, :]
    soft = np.float32(random.uniform(0.004, 0.04))
    inside = ((distance - np.float32(place)) / soft + np.float32(0.5)).clip(0, 1)
    return picture * (1 - np.float32(random.uniform(0.12, 0.4)) * inside)


def add_light(picture: Grey, random: np.random.Generator) -> Grey:
    """Light a picture unevenly, and add the grain of a camera."""
    side = len(picture)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    across, along = random.uniform(-0.08, 0.08, 2).astype(np.float32)
    picture = picture * (1 + across * ramp[:, None] + along * ramp[None, :])
    grain = layer(random, GRAIN_CELLS, side)
    return picture + np.float32(random.uniform(0.008, 0.035)) * grain


def _add_stain(picture: Grey, random: np.random.Generator) -> Grey:
    """Darken or lighten blots with a soft edge."""
    blots = fractal(random, len(picture), 3, 48, 0.5)
    edge = np.float32(random.uniform(0.5, 1.3))
    inside = ((blots - edge) / np.float32(random.uniform(0.05, 0.4))).clip(0, 1)
    return picture * (1 - np.float32(random.uniform(-0.08, 0.3)) * inside)


def _add_scratches(picture: Grey, random: np.random.Generator) -> Grey:
    """Draw one to four thin straight lines, lighter or darker."""
    count = int(random.integers(1, 5))
    starts, angles = random.uniform(0, 1, (count, 2)), random.uniform(0, 2 * np.pi, count)
    lengths = random.uniform(0.15, 0.9, (count, 1))
    steps = lengths * np.column_stack([np.cos(angles), np.sin(angles)])
    radii = random.uniform(0.0008, 0.0025, (count, 1))
    lines = _lines(starts, starts + steps, radii, len(picture))
    return picture * (1 + np.float32(random.uniform(0.1, 0.35) * random.choice((1, 1, -1))) * lines)


def _add_joints(picture: Grey, random: np.random.Generator) -> Grey:
    """Draw one or two straight dark joints across the picture, of one width, nearly upright."""
    count = int(random.integers(1, 3))
    places, tilts = random.uniform(0.1, 0.9, count), random.normal(0, 0.03, count)
    starts = np.column_stack([places - tilts, np.full(count, -0.1)])
    ends = np.column_stack([places + tilts, np.full(count, 1.1)])
    radii = np.full((count, 1), random.uniform(0.004, 0.014))
    lines = _lines(starts, ends, radii, len(picture))
    if random.random() < 0.5:
        lines = lines.T
    return picture * (1 - np.float32(random.uniform(0.2, 0.55)) * lines)


def _lines(
    starts: NDArray[np.float64], ends: NDArray[np.float64], radii: NDArray[np.float64], side: int
) -> Grey:
    """Return the coverage of straight lines, cut into pieces for the sake of speed."""
    cuts = np.linspace(0, 1, 41)[:, None, None]
    points = starts + cuts * (ends - starts)
    capsules = np.concatenate([points[:-1], points[1:]], axis=2).reshape(-1, 4)
    thickness = np.tile(radii, (len(cuts) - 1, 1))
    return coverage(np.hstack([capsules[:, :2], thickness, capsules[:, 2:], thickness]), side)
