"""Rows of a file to events: checked, in the family's features, the hardest token first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studygrid.families.events.data.arrays.checking import Bools, CheckedRows, Floats
from studygrid.families.events.data.arrays.classes import Lookup, class_lookup, has_classes
from studygrid.families.events.data.arrays.files import Rows
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.arrays.violations import Faults
from studygrid.families.events.data.parts import EventBlock

Places = NDArray[np.int64]

DERIVED = (("particles", "1"), ("ht", "GeV"))


@dataclass(frozen=True)
class Converted:
    """Events, and how many of them were not in order of transverse momentum."""

    events: EventBlock
    reordered: int


class EventReader:
    """Makes events of the rows of a file, and notes what is wrong with them.

    Parameters
    ----------
    resolution
        R, the tokens of an event that are kept.
    """

    def __init__(self, options: TokenArraysOptions, resolution: int) -> None:
        self._options, self._resolution = options, resolution
        self._lookup: Lookup | None = class_lookup(options) if has_classes(options) else None

    def read(self, rows: Rows, start: int, faults: Faults) -> Converted | None:
        """Return the events of some rows; None where anything is wrong with the file.

        Parameters
        ----------
        rows
            The file's arrays by their names.
        start
            The first of these events in the file.
        """
        options = self._options
        values = rows[options.arrays.tokens].astype(np.float64)
        checked = CheckedRows(values, start, faults, options)
        valid = checked.mask(rows)
        log_pt = checked.log_pt(valid)
        eta, phi = checked.angles(valid)
        axis = checked.axis(rows)
        classes = checked.classes(rows, valid, self._lookup)
        globals_ = checked.globals(rows)
        if faults:
            return None
        if options.globals_from_tokens:
            globals_ = np.column_stack([globals_, valid.sum(axis=1), _sum_pt(log_pt, valid)])
        key = np.where(valid, -log_pt, np.inf)
        order: Places = np.argsort(key, axis=1, kind="stable")
        if axis is None and "eta" in options.token_columns:
            hardest = order[:, :1]
            axis = np.hstack([np.take_along_axis(part, hardest, axis=1) for part in (eta, phi)])
        if axis is not None:
            eta, phi = eta - axis[:, :1], phi - axis[:, 1:]
        features = np.stack([log_pt, eta, wrapped(phi)], axis=-1)
        order = order[:, : self._resolution]
        block = EventBlock(
            tokens=np.take_along_axis(
                np.where(valid[..., None], features, 0), order[..., None], axis=1
            ).astype(np.float32),
            classes=np.take_along_axis(classes, order, axis=1),
            globals=globals_.astype(np.float32),
        )
        return Converted(block, int((key[:, 1:] < key[:, :-1]).any(axis=1).sum()))


def wrapped(angle: Floats) -> Floats:
    """Return angles, rad, in [-pi/2, 3 pi/2): what is opposite is in one piece about pi."""
    return np.asarray(np.mod(angle + np.pi / 2, 2 * np.pi) - np.pi / 2)


def _sum_pt(log_pt: Floats, valid: Bools) -> Floats:
    """Return the sum of the transverse momenta of each event's tokens, GeV."""
    found: Floats = np.where(valid, np.exp(log_pt), 0).sum(axis=1)
    return found
