"""The shape of cracks: fractal paths of varying width with branches, in units of the side.

A path is bent by random midpoint displacement (Fournier, Fussell, Carpenter, Computer rendering
of stochastic models, CACM 25 (1982)), whose roughness falls with the scale by a Hurst exponent.
A crack is the union of capsules along its path: all points nearer to a piece of it than the
radius there, which changes evenly from one end of the piece to the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PIECES_PER_SIDE = 256
_OUTSIDE = 0.04
_COUNTS, _COUNT_SHARES = (1, 2, 3), (0.6, 0.28, 0.12)
_MOST_LEVELS = 2
# Where the strands of a crack lie across it, as shares of its half width.
_STRANDS = (-0.35, 0.35)
# Pieces on either side that tell where a crack goes at large.
_TREND = 10


def draw_cracks(random: np.random.Generator, width: Sequence[float]) -> Floats:
    """Draw one to three cracks with their branches.

    Parameters
    ----------
    width
        Least and greatest width of a crack where it starts, as share of the side.

    Returns
    -------
    numpy.ndarray
        Capsules, shape (n, 6): x (to the right), y (downwards) and radius of both ends; the
        image is [0, 1] x [0, 1].
    """
    count = random.choice(_COUNTS, p=_COUNT_SHARES)
    return np.concatenate([capsule for _ in range(count) for capsule in _crack(random, width)])


def capsules_of(points: Floats, radii: Floats) -> Floats:
    """Return the capsules along a path, from points (n, 2) and the radii there (n,)."""
    ends = np.column_stack([points, radii])
    return np.hstack([ends[:-1], ends[1:]])


def length_within(capsules: Floats) -> float:
    """Return the length of the cracks that capsules make up, as far as they lie in the image."""
    middles = (capsules[:, :2] + capsules[:, 3:5]) / 2
    inside = ((middles >= 0) & (middles <= 1)).all(axis=1)
    lengths = np.linalg.norm(capsules[:, 3:5] - capsules[:, :2], axis=1)
    return float(lengths[inside].sum()) / len(_STRANDS)


def _crack(random: np.random.Generator, width: Sequence[float]) -> list[Floats]:
    """Draw a crack that starts on a border, with its branches."""
    start, heading, reach = _entry(random)
    is_through = random.random() < 0.6
    length = reach if is_through else reach * random.uniform(0.5, 0.9)
    start_width = np.exp(random.uniform(*np.log(width)))
    end_share = random.uniform(0.45, 1.0) if is_through else 0.12
    points = _fractal_path(random, start, start + length * heading)
    radii = start_width / 2 * _width_profile(random, len(points), end_share)
    return [*_strands(random, points, radii), *_branches(random, points, radii, level=1)]


def _entry(random: np.random.Generator) -> tuple[Floats, Floats, float]:
    """Draw where a crack enters, its heading, and how far it is to where it leaves."""
    border, along = int(random.integers(4)), random.uniform(0.08, 0.92)
    start = np.array(
        [(along, -_OUTSIDE), (along, 1 + _OUTSIDE), (-_OUTSIDE, along), (1 + _OUTSIDE, along)][
            border
        ]
    )
    towards = random.uniform(0.25, 0.75, 2)
    heading = (towards - start) / np.hypot(*(towards - start))
    with np.errstate(divide="ignore"):
        exits = np.where(heading > 0, 1 + _OUTSIDE - start, -_OUTSIDE - start) / heading
    return start, heading, float(exits.min())


def _branches(
    random: np.random.Generator, points: Floats, radii: Floats, level: int
) -> list[Floats]:
    """Draw the branches of a path, and theirs."""
    pieces = len(points) - 1
    rate = 1.2 if level == 1 else 0.8
    found = []
    for _ in range(random.poisson(rate * pieces / _PIECES_PER_SIDE)):
        position = int(random.integers(pieces // 8, pieces))
        before, after = max(0, position - _TREND), min(pieces, position + _TREND)
        trend = points[after] - points[before]
        angle = np.arctan2(trend[1], trend[0])
        angle += random.choice((-1, 1)) * random.uniform(0.35, 1.15)
        length = random.uniform(0.08, 0.38) / level
        radius = radii[position] * random.uniform(0.35, 0.7)
        end = points[position] + length * np.array([np.cos(angle), np.sin(angle)])
        branch = _fractal_path(random, points[position], end)
        branch_radii = radius * _width_profile(random, len(branch), 0.12)
        found += _strands(random, branch, branch_radii)
        if level < _MOST_LEVELS:
            found += _branches(random, branch, branch_radii, level + 1)
    return found


def _strands(random: np.random.Generator, points: Floats, radii: Floats) -> list[Floats]:
    """Return strands that wind about a path; their union has two edges that are rough apart."""
    steps = np.gradient(points, axis=0)
    across = np.column_stack([-steps[:, 1], steps[:, 0]])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    found = []
    for middle in _STRANDS:
        shift = middle + 0.3 * _wobble(random, len(points), hurst=0.3)
        strand = points + (shift.clip(-0.6, 0.6) * radii)[:, None] * across
        found.append(capsules_of(strand, (1 - _STRANDS[-1]) * radii))
    return found


def _fractal_path(random: np.random.Generator, start: Floats, end: Floats) -> Floats:
    """Return points of a rough path between two points, by midpoint displacement."""
    length = float(np.hypot(*(end - start)))
    levels = max(2, round(np.log2(max(length * _PIECES_PER_SIDE, 1))))
    scale, hurst = length * random.uniform(0.05, 0.11), random.uniform(0.7, 0.85)
    points = np.array([start, end])
    for level in range(levels):
        steps = np.diff(points, axis=0)
        across = np.column_stack([-steps[:, 1], steps[:, 0]])
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
        shifts = scale * 2.0 ** (-level * hurst) * random.laplace(0, np.sqrt(0.5), (len(steps), 1))
        middles = points[:-1] + steps / 2 + shifts * across
        points = _interleaved(points, middles)
    return points


def _width_profile(random: np.random.Generator, count: int, end_share: float) -> Floats:
    """Return the width along a path of `count` points as share of its start; it ends narrower."""
    spread = random.uniform(0.25, 0.5)
    position = np.linspace(0, 1, count)
    taper = end_share + (1 - end_share) * (1 - position) ** 0.7
    profile: Floats = taper * np.exp(spread * _wobble(random, count, hurst=0.5)).clip(0.4, 1.8)
    return profile


def _wobble(random: np.random.Generator, count: int, hurst: float) -> Floats:
    """Return a rough line of `count` values about 0, by midpoint displacement."""
    line, strength = np.zeros((2, 1)), 1.0
    while len(line) < count:
        shifts = strength * random.standard_normal((len(line) - 1, 1))
        line = _interleaved(line, (line[:-1] + line[1:]) / 2 + shifts)
        strength *= 2.0**-hurst
    return line[:count, 0]


def _interleaved(points: Floats, middles: Floats) -> Floats:
    result = np.empty((len(points) + len(middles), points.shape[1]))
    result[::2], result[1::2] = points, middles
    return result
