"""The parts of some rows of a file, each checked as it is taken."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.events.data.arrays.classes import Lookup
from studygrid.families.events.data.arrays.files import Rows
from studygrid.families.events.data.arrays.headers import global_arrays
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.arrays.violations import Faults

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MOST_PT_GEV = 1e5  # above what any collider gives
_MOST_ETA = 20.0
_MOST_PHI = 2 * math.pi + 1e-3
_MEV = math.log(1000)


class CheckedRows:
    """Rows of a file, whose faults are noted; n events of N tokens.

    Parameters
    ----------
    values
        The columns of the tokens, shape (n, N, columns).
    start
        The first of these events in the file.
    """

    def __init__(
        self, values: Floats, start: int, faults: Faults, options: TokenArraysOptions
    ) -> None:
        self._values, self._start, self._faults = values, start, faults
        self._options = options
        self._columns: list[str] = list(options.token_columns)
        self._key = options.arrays.tokens

    def _note(
        self,
        key: str,
        expected: str,
        found: str,
        remedy: str,
        wrong: Bools | np.bool_,
        values: NDArray[Any] | None = None,
    ) -> None:
        places = np.asarray(wrong)
        self._faults.note(key, expected, found, remedy, places, self._start, values)

    def mask(self, rows: Rows) -> Bools:
        """Return which tokens are there, shape (n, N)."""
        options = self._options
        zero: Bools = (self._values == 0).all(axis=2)
        key = self._key if options.mask_from_zeros else options.arrays.mask
        if options.mask_from_zeros:
            valid: Bools = ~zero
        else:
            given = rows[key]
            valid = given == 1
            remedy = "save it as bool"
            self._note(key, "0 or 1", "another value", remedy, ~valid & (given != 0), given)
            remedy = f"is 1 or true where there is none? save ~{key}; else set it to false there"
            found = "tokens that are there by it and 0 in all columns"
            self._note(key, "tokens that are not 0", found, remedy, valid & zero)
        holes = (valid[:, 1:] & ~valid[:, :-1]).any(axis=1)
        remedy = (
            "is it the mask of another order of the tokens? else pack the tokens of each event, "
            "and their mask, to the front"
        )
        self._note(key, "padding at an event's end alone", "padding before a token", remedy, holes)
        none = ~valid.any(axis=1)
        self._note(key, "a token in each event", "none", "leave these events out", none)
        return valid

    def _column(self, name: str, valid: Bools, most: float, remedy: str) -> Floats:
        """Return a column; what stands where there is no token is 0."""
        values = np.where(valid, self._values[..., self._columns.index(name)], 0)
        wrong = ~np.isfinite(values)
        leave = "leave these tokens out, or mask them"
        self._note(self._key, f"finite {name}", "NaN or infinity", leave, wrong)
        far = np.abs(np.where(wrong, 0, values)) > most
        self._note(self._key, f"{name} within {most:.4g}", "a larger one", remedy, far, values)
        return values

    def log_pt(self, valid: Bools) -> Floats:
        """Return ``log(pT / GeV)``, shape (n, N)."""
        name = "pt" if "pt" in self._columns else "log_pt"
        values = self._column(name, valid, np.inf, "")
        if name == "pt":
            low = valid & (values <= 0)
            remedy = "mask these tokens; if it is the logarithm, name it log_pt in token_columns"
            self._note(self._key, "pt above 0", "0 or less", remedy, low, values)
            values = np.log(np.where(valid & ~low & np.isfinite(values), values, 1))
        if self._options.pt_unit == "MeV":
            values = np.where(valid, values - _MEV, 0)
        far = valid & np.isfinite(values) & (values > math.log(_MOST_PT_GEV))
        remedy = (
            "is it in MeV? set dataset.pt_unit; is it pT and not its logarithm, or another column? "
            "set dataset.token_columns"
        )
        expected = f"{name} of up to {_MOST_PT_GEV:g} GeV"
        shown = self._values[..., self._columns.index(name)]
        self._note(self._key, expected, "more", remedy, far, shown)
        return values

    def angles(self, valid: Bools) -> tuple[Floats, Floats]:
        """Return eta and phi as they are in the file, each of shape (n, N)."""
        absolute = "eta" in self._columns
        eta, phi = ("eta", "phi") if absolute else ("delta_eta", "delta_phi")
        remedy = "is it another column? set dataset.token_columns"
        degrees = f"{remedy}; save radians"
        return (
            self._column(eta, valid, _MOST_ETA, remedy),
            self._column(phi, valid, _MOST_PHI, degrees),
        )

    def axis(self, rows: Rows) -> Floats | None:
        """Return the axis of each event that the file tells, shape (n, 2)."""
        key = self._options.arrays.axis
        if key is None:
            return None
        values = rows[key].astype(np.float64)
        far = ~(np.abs(values) <= np.array([_MOST_ETA, _MOST_PHI]))
        expected, wrong = "eta and phi of the leading jet, rad", far.any(axis=1)
        self._note(key, expected, "NaN, or too large", "leave these events out", wrong)
        return values

    def classes(self, rows: Rows, valid: Bools, lookup: Lookup | None) -> NDArray[np.uint8]:
        """Return the place of each token's class, shape (n, N)."""
        if lookup is None:
            return valid.astype(np.uint8)
        key, options = self._key, self._options
        if options.arrays.classes is not None:
            key = options.arrays.classes
            numbers = rows[key].astype(np.float64)
        else:
            name = "pdg_id" if "pdg_id" in self._columns else "class"
            numbers = self._values[..., self._columns.index(name)]
        numbers = np.where(valid, numbers, 0)
        places = np.where(valid, lookup(numbers), 0).astype(np.uint8)
        if "pdg_id" in self._columns:
            expected = "pdg_id of a photon, electron, muon or hadron"
            remedy = "mask what no detector sees; name other particles in dataset.classes, as class"
        else:
            given = ", ".join(f"{name} {number}" for name, number in options.classes.items())
            expected = f"a class ({given})"
            remedy = "name it in dataset.classes, or mask the token"
        self._note(key, expected, "another number", remedy, valid & (places == 0), numbers)
        return places

    def globals(self, rows: Rows) -> Floats:
        """Return the globals that are in the file, shape (n, G)."""
        found = [np.empty((len(self._values), 0))]
        for key in global_arrays(self._options):
            values = rows[key].astype(np.float64).reshape(len(self._values), -1)
            wrong = ~(np.abs(values) <= np.finfo(np.float32).max)
            for column in range(values.shape[1]):
                place = f", column {column}" if values.shape[1] > 1 else ""
                expected = f"finite numbers{place}"
                remedy = "leave these events out, or the global"
                self._note(key, expected, "NaN or infinity", remedy, wrong[:, column])
            found.append(values)
        return np.hstack(found)
