"""The latent space: which of its units are active, and where rows lie in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import Undefined

Codes = NDArray[np.float32]
Labels = NDArray[np.int64]

ACTIVE_VARIANCE = 0.01
LEAST_ACTIVE_SHARE = 0.1
NO_TAG = -1


def require_finite(codes: Codes) -> None:
    """Refuse codes of which nothing can be told.

    Raises
    ------
    Undefined
        If there are no codes, or some are not finite.
    """
    if codes.size == 0:
        raise Undefined("there are no codes")
    broken = int((~np.isfinite(codes).all(axis=1)).sum())
    if broken:
        raise Undefined(f"{broken} of {len(codes)} rows have a code that is not finite")


def unit_variances(codes: Codes) -> NDArray[np.float64]:
    """Return the variance over the rows of each unit's posterior mean, shape (latent units,).

    Parameters
    ----------
    codes
        Posterior means, shape (n, latent units).

    Raises
    ------
    Undefined
        If there are no codes, or some are not finite.
    """
    require_finite(codes)
    return np.asarray(codes.var(axis=0, dtype=np.float64))


def active_units(codes: Codes) -> int:
    """Return how many units have a posterior mean whose variance is above 0.01.

    Source: Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016. One row
    shows no variance, so it has no active unit.

    Raises
    ------
    Undefined
        If there are no codes, or some are not finite.
    """
    return int((unit_variances(codes) > ACTIVE_VARIANCE).sum())


def is_collapsed(codes: Codes) -> bool:
    """Return whether fewer than one unit in ten is active; False of fewer than two rows.

    Nearly all posteriors are the prior then, and the decoder hardly sees its input. It is a
    warning, as the limit is a convention: idle units cost no KL, and a latent space far larger
    than the data needs can leave nine in ten of them idle and lose nothing.

    Raises
    ------
    Undefined
        If there are no codes, or some are not finite.
    """
    active = active_units(codes)
    return len(codes) > 1 and active < LEAST_ACTIVE_SHARE * codes.shape[1]


def unit_rows(codes: Codes, kl_per_unit: NDArray[np.floating]) -> list[list[float]]:
    """Return a row for each latent unit: variance of its posterior mean, and mean KL in nats.

    Parameters
    ----------
    codes
        Posterior means, shape (n, latent units).
    kl_per_unit
        Mean over the rows of each unit's KL, shape (latent units,).

    Raises
    ------
    Undefined
        If there are no codes, or some are not finite.
    """
    variances = unit_variances(codes)
    if kl_per_unit.shape != variances.shape:
        raise ValueError(f"KL of shape {kl_per_unit.shape}, where {variances.shape} is needed")
    table: list[list[float]] = np.stack([variances, kl_per_unit], axis=1).tolist()
    return table


def first_tags(tags: NDArray[np.uint8]) -> Labels:
    """Return the first present tag of each row by column, `NO_TAG` where none is, shape (n,).

    Columns stand by falling frequency in the training split, so it is the most frequent one.
    """
    first = tags.argmax(axis=1)
    return np.where(tags.any(axis=1), first, NO_TAG).astype(np.int64)


def projection(
    codes: Codes, labels: Labels, most: int = 1000
) -> tuple[NDArray[np.float32], Labels, NDArray[np.float32]]:
    """Return the first rows along the two directions in which their codes vary most.

    Parameters
    ----------
    codes
        Posterior means, shape (n, latent units).
    labels
        Of the rows, shape (n,), as `first_tags` gives them.
    most
        Rows that are projected at most, the first ones.

    Returns
    -------
    points
        Principal components, shape (m, 2); zeros along a direction that does not exist. The
        largest loading of each is positive, so that the signs are the same each time.
    labels
        Of these rows, shape (m,).
    shares
        Of the variance of these rows, shape (2,); zeros where there is none.

    Raises
    ------
    Undefined
        If there are no codes, or some are not finite.
    """
    require_finite(codes)
    centred = codes[:most].astype(np.float64)
    centred -= centred.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    found = min(2, len(sizes))
    largest = np.abs(directions[:found]).argmax(axis=1)
    signs = np.sign(directions[np.arange(found), largest])

    points = np.zeros((len(centred), 2), dtype=np.float32)
    points[:, :found] = centred @ (directions[:found] * signs[:, None]).T
    shares = np.zeros(2, dtype=np.float32)
    if sizes.any():
        shares[:found] = sizes[:found] ** 2 / (sizes**2).sum()
    return points, labels[:most].astype(np.int64), shares
