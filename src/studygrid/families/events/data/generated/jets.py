"""The two leading jets of an event."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import fastjet
import numpy as np
from numpy.typing import NDArray

from studygrid.families.events.data.generated.options import SelectionOptions

Floats = NDArray[np.float64]
_MOMENTUM = ("px", "py", "pz", "E")
_LEAST_PARTICLES = 2


@dataclass(frozen=True)
class Dijets:
    """The events that are kept, and their two jets with the most transverse momentum.

    Attributes
    ----------
    events
        Places of the events among those that were clustered, shape (n,).
    momentum
        ``px, py, pz, E`` of the leading and the second jet, GeV, shape (n, 2, 4): the sum of
        their particles'.
    particles
        Of both, in order: lists of lists of particles.
    """

    events: NDArray[np.int64]
    momentum: Floats
    particles: ak.Array


def leading_dijets(particles: ak.Array, selection: SelectionOptions) -> Dijets:
    """Cluster each event by anti-kT and return the events whose two jets pass the selection.

    Parameters
    ----------
    particles
        Lists with `px`, `py`, `pz` and `E`, one an event; an event may have none.
    """
    able = np.flatnonzero(np.asarray(ak.num(particles)) >= _LEAST_PARTICLES)
    if not len(able):
        return Dijets(able, np.empty((0, 2, 4)), ak.unflatten(particles[able], 0))
    chosen = ak.to_packed(particles[able])
    clustered = fastjet.ClusterSequence(
        chosen, fastjet.JetDefinition(fastjet.antikt_algorithm, selection.jet_radius)
    )
    inside = _taken(chosen, clustered.constituent_index(selection.jet_pt_min_gev))
    pt = np.hypot(ak.sum(inside.px, axis=2), ak.sum(inside.py, axis=2))
    order = ak.argsort(pt, ascending=False, stable=True)
    hardest = np.asarray(ak.fill_none(ak.max(pt, axis=1), 0.0))
    passes = (np.asarray(ak.num(pt)) >= 2) & (hardest > selection.leading_jet_pt_min_gev)
    jets = ak.to_packed(inside[order][passes][:, :2])
    summed = [np.asarray(ak.sum(jets[name], axis=2)).reshape(-1, 2) for name in _MOMENTUM]
    return Dijets(able[passes], np.stack(summed, axis=2), jets)


def masses(momentum: Floats) -> Floats:
    """Return the invariant masses of momenta ``px, py, pz, E``, shape (..., 4), GeV."""
    squared = momentum[..., 3] ** 2 - np.square(momentum[..., :3]).sum(axis=-1)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def _taken(particles: ak.Array, places: ak.Array) -> ak.Array:
    """Return the particles at places, lists (an event) of lists (a jet), in the same lists."""
    flat = particles[ak.flatten(places, axis=2)]
    return ak.unflatten(flat, ak.flatten(ak.num(places, axis=2)), axis=1)
