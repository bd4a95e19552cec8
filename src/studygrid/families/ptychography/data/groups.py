"""Groups, blocks and boxes of positions. Pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from studygrid.errors import DataError
from studygrid.families.ptychography.data.options import GroupOptions

BLOCKS = 4  # of a scan, along each side

Positions = NDArray[np.float32]


def neighbour_count(options: GroupOptions) -> int:
    """Return how many nearest patterns a group is drawn from; 0 where it is one pattern."""
    if options.gridsize == 1:
        return 0
    return 4 * options.gridsize**2 if options.neighbours is None else options.neighbours


def draw_groups(
    positions: Positions, options: GroupOptions, stream: int, name: str
) -> NDArray[np.int64]:
    """Draw a group around each pattern: the pattern itself, then some of its nearest.

    Parameters
    ----------
    positions
        Of the patterns of one scan and one split, shape (n, 2).
    stream
        Number of the scan: with the group seed it makes up a stream of random numbers of its own.
    name
        Of the scan and the split, for errors.

    Returns
    -------
    numpy.ndarray
        Places in `positions`, int64, shape (n, gridsize^2).

    Raises
    ------
    DataError
        If there are fewer patterns than neighbours are asked for.
    """
    count, neighbours = len(positions), neighbour_count(options)
    themselves = np.arange(count)
    if not neighbours:
        return themselves[:, None]
    if count <= neighbours:
        raise DataError(
            f"{name}: has {count} patterns, but groups of gridsize {options.gridsize} are drawn "
            f"from a pattern's {neighbours} nearest, so {neighbours + 1} are needed; set "
            "dataset.neighbours or dataset.gridsize lower, or give it more patterns"
        )
    _, nearest = cKDTree(positions).query(positions, neighbours + 1)
    # Where several patterns share a place, a pattern need not come first, or come at all.
    is_itself = nearest == themselves[:, None]
    is_itself[~is_itself.any(axis=1), -1] = True
    others = nearest[~is_itself].reshape(count, neighbours)
    random = np.random.default_rng([options.group_seed, stream])
    order = random.random(others.shape).argsort(axis=1)[:, : options.gridsize**2 - 1]
    chosen = np.take_along_axis(others, np.sort(order, axis=1), axis=1)
    return np.hstack([themselves[:, None], chosen]).astype(np.int64)


def blocks_of(positions: Positions) -> NDArray[np.int64]:
    """Return which of the 4 x 4 equal parts of their bounding box positions lie in, shape (n,)."""
    first, span = positions.min(axis=0), np.ptp(positions, axis=0)
    shares = (positions - first) / np.where(span > 0, span, 1)
    cells = np.minimum((shares * BLOCKS).astype(np.int64), BLOCKS - 1)
    parts: NDArray[np.int64] = cells[:, 0] * BLOCKS + cells[:, 1]
    return parts


def central_block(positions: Positions, count: int) -> NDArray[np.int64]:
    """Return the `count` positions nearest to the middle of their bounding box, rising.

    Near in the greater of the two distances along rows and columns, so that they fill a square.
    """
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    distance = np.abs(positions - middle).max(axis=1)
    return np.sort(np.argsort(distance, kind="stable")[:count])


def scanned_box(positions: Positions, side: int) -> tuple[int, int, int, int]:
    """Return the px between the outermost centres of patches: first row, end row, columns.

    Parameters
    ----------
    side
        N, px: the centre of a patch is N/2 px after its first px.
    """
    first = np.ceil(positions.min(axis=0) + side / 2).astype(int)
    end = np.floor(positions.max(axis=0) + side / 2).astype(int) + 1
    return int(first[0]), int(end[0]), int(first[1]), int(end[1])


def mean_step(positions: Positions) -> float | None:
    """Return the step of the square raster with as many positions in the same box, px.

    A raster of step s has ``(h/s + 1)(w/s + 1)`` positions in a box of h x w px; this is solved
    for s. None where there is one position, or all are the same.
    """
    height, width = np.ptp(positions, axis=0).astype(float).tolist()
    around, more = height + width, len(positions) - 1
    if not around or not more:
        return None
    if not height * width:
        return float(around / more)
    root = np.sqrt(around**2 + 4 * height * width * more)
    return float(2 * height * width / (root - around))


def probe_diameter(probe: NDArray[np.complex64]) -> float:
    """Return the second-moment diameter of a probe's intensity, px.

    ``2 sqrt(2 <r^2>)``, r from the centre of mass: for a disk its diameter, for a Gaussian its
    width at 1/e^2. Source: D4 sigma of ISO 11146-1.
    """
    intensity = np.square(np.abs(probe), dtype=np.float64)
    shares = intensity / intensity.sum()
    rows, columns = np.indices(probe.shape)
    variance = sum((shares * (at - (shares * at).sum()) ** 2).sum() for at in (rows, columns))
    return float(2 * np.sqrt(2 * variance))


def overlap_of(positions: Positions, probe: NDArray[np.complex64]) -> float | None:
    """Return ``1 - step / diameter``: the share of the probe's diameter that neighbours share.

    Below 0 where there are gaps between neighbours; None where there is no step.
    """
    step = mean_step(positions)
    return None if step is None else 1 - step / probe_diameter(probe)
