"""The events that pass the selection: their hardest particles and their globals."""

from __future__ import annotations

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from studygrid.families.events.data.generated.features import GLOBAL_NAMES
from studygrid.families.events.data.generated.jets import Dijets, leading_dijets, masses
from studygrid.families.events.data.generated.options import SelectionOptions
from studygrid.families.events.data.generated.shard_events import ShardEvents
from studygrid.families.events.data.generated.substructure import ratio, subjettiness

Floats = NDArray[np.float64]


def select_events(
    particles: ak.Array, selection: SelectionOptions, max_particles: int
) -> ShardEvents:
    """Return the events that pass the selection, in order.

    Parameters
    ----------
    particles
        What is seen of each event, the hardest first; see `seen_particles`.
    max_particles
        The hardest particles of an event that are kept.
    """
    dijets = leading_dijets(particles, selection)
    chosen = particles[dijets.events]
    kept = ak.to_packed(chosen[:, :max_particles])
    counts = np.asarray(ak.num(kept)).astype(np.int64)
    return ShardEvents(
        tokens=_tokens(kept, counts, dijets.momentum[:, 0]),
        classes=np.asarray(ak.flatten(kept.category)).astype(np.uint8),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        globals=_globals(dijets, np.asarray(ak.num(chosen)), selection.jet_radius),
    )


def wrapped(angle: Floats) -> Floats:
    """Return angles, rad, in [-pi/2, 3 pi/2): what is opposite is in one piece about pi."""
    return np.asarray(np.mod(angle + np.pi / 2, 2 * np.pi) - np.pi / 2)


def _tokens(kept: ak.Array, counts: NDArray[np.int64], axis: Floats) -> NDArray[np.float32]:
    """Return the tokens of all events' particles; `axis` is each event's leading jet."""
    eta = np.arcsinh(axis[:, 2] / np.hypot(axis[:, 0], axis[:, 1]))
    phi = np.arctan2(axis[:, 1], axis[:, 0])
    flat = ak.flatten(kept)
    columns = (
        np.log(np.asarray(flat.pt)),
        np.asarray(flat.eta) - np.repeat(eta, counts),
        wrapped(np.asarray(flat.phi) - np.repeat(phi, counts)),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _globals(dijets: Dijets, particles: NDArray[np.int64], radius: float) -> NDArray[np.float32]:
    momentum = dijets.momentum
    rows = np.arange(len(momentum))
    mass = masses(momentum)
    heavy = mass.argmax(axis=1) if len(mass) else np.empty(0, np.int64)
    pt = np.hypot(momentum[..., 0], momentum[..., 1])
    tau = subjettiness(ak.flatten(dijets.particles, axis=1), radius).reshape(-1, 2, 3)
    inside = np.asarray(ak.num(dijets.particles, axis=2)).reshape(-1, 2)
    found: dict[str, NDArray[np.generic]] = {
        "mjj": masses(momentum.sum(axis=1)),
        "particles": particles,
    }
    for name, jet in (("heavy", heavy), ("light", 1 - heavy)):
        found[f"{name}_mass"] = mass[rows, jet]
        found[f"{name}_pt"] = pt[rows, jet]
        found[f"{name}_tau21"] = ratio(tau[rows, jet, 1], tau[rows, jet, 0])
        found[f"{name}_tau32"] = ratio(tau[rows, jet, 2], tau[rows, jet, 1])
        found[f"{name}_particles"] = inside[rows, jet]
    return np.stack([found[name] for name in GLOBAL_NAMES], axis=1).astype(np.float32)
