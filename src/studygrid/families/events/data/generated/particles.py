"""Which particles of an event are seen, and of what class they are."""

from __future__ import annotations

from collections.abc import Callable

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from studygrid.families.events.data.generated.features import CLASSES
from studygrid.families.events.data.generated.options import SelectionOptions

_OF_IDENTITY = {22: "photon", 11: "electron", 13: "muon"}

Asked = Callable[[int], bool]


def seen_particles(
    particles: ak.Array, selection: SelectionOptions, is_visible: Asked, is_charged: Asked
) -> ak.Array:
    """Return the stable, visible particles within the cuts, the hardest first.

    Parameters
    ----------
    particles
        As Pythia gives them: lists with `id`, `status` and `p`.
    is_visible, is_charged
        From the number of a kind of particle, as the Particle Data Group gives it.

    Returns
    -------
    awkward.Array
        Lists, one an event, with `px`, `py`, `pz`, `E`, `pt` (GeV), `eta`, `phi` (rad) and
        `category`, place in `CLASSES`.
    """
    stable = particles[particles.status > 0]
    category = ak.unflatten(
        _categories(np.asarray(ak.flatten(stable.id)), is_visible, is_charged), ak.num(stable)
    )
    momentum = stable.p
    pt = np.hypot(momentum.px, momentum.py)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Along the beam, where nothing is seen, it is infinite.
        eta = np.arcsinh(momentum.pz / pt)
    seen = ak.zip(
        {
            "px": momentum.px,
            "py": momentum.py,
            "pz": momentum.pz,
            "E": momentum.e,
            "pt": pt,
            "eta": eta,
            "phi": np.arctan2(momentum.py, momentum.px),
            "category": category,
        },
        with_name="Momentum4D",
    )
    kept = seen[
        (category > 0)
        & (pt > selection.particle_pt_min_gev)
        & (np.abs(eta) < selection.particle_eta_max)
    ]
    return kept[ak.argsort(kept.pt, ascending=False, stable=True)]


def _categories(
    identities: NDArray[np.int32], is_visible: Asked, is_charged: Asked
) -> NDArray[np.uint8]:
    """Return the place in `CLASSES` of each particle; 0 for one that is not visible."""
    kinds, places = np.unique(np.abs(identities), return_inverse=True)
    found = [_category(kind, is_visible, is_charged) for kind in kinds.tolist()]
    return np.array(found, np.uint8)[places]


def _category(identity: int, is_visible: Asked, is_charged: Asked) -> int:
    if not is_visible(identity):
        return 0
    hadron = "charged_hadron" if is_charged(identity) else "neutral_hadron"
    return CLASSES.index(_OF_IDENTITY.get(identity, hadron))
