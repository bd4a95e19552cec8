"""How many prongs a jet has."""

from __future__ import annotations

import awkward as ak
import fastjet
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def subjettiness(jets: ak.Array, radius: float) -> Floats:
    r"""Return tau_1, tau_2 and tau_3 of each jet, shape (n, 3), by FastJet's contrib.

    tau_N = (sum_i pT_i min_k dR(i, k)) / (sum_i pT_i R0), with the N axes that kT clustering of
    the jet with the winner-take-all scheme ends at (beta = 1).

    Parameters
    ----------
    jets
        Lists of particles with `px`, `py`, `pz` and `E`, one a jet.
    radius
        R0.

    Notes
    -----
    J. Thaler and K. Van Tilburg, Identifying boosted objects with N-subjettiness, JHEP 03 (2011)
    015; the axes: A. J. Larkoski, D. Neill and J. Thaler, Jet shapes with the broadening axis,
    JHEP 04 (2014) 017.
    """
    if not len(jets):
        return np.empty((0, 3))
    # The clustering is there to hold the jets: njettiness clusters each of them anew.
    held = fastjet.ClusterSequence(
        ak.to_packed(jets), fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    )
    found = held.njettiness(
        measure_definition="NormalizedMeasure",
        axes_definition="WTA_KT_Axes",
        njets=[1, 2, 3],
        beta=1.0,
        R0=radius,
    )
    return np.asarray(found, dtype=np.float64).reshape(-1, 3)


def ratio(above: Floats, below: Floats) -> Floats:
    """Return ``above / below``, and 0 where `below` is 0: a jet that lies on its axes."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
