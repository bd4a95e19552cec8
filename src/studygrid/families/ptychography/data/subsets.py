"""What a reader must know of a training subset: how many different patterns its groups hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.prepared import PreparedData


def subset_facts(data: PreparedData, indices: NDArray[np.int64]) -> dict[str, Any]:
    """Return the number of groups, of different patterns in them, and how they were chosen.

    Parameters
    ----------
    indices
        The sampled patterns, shape (n,); the group of each is the row of ``groups`` of its index.
    """
    return {
        "groups": len(indices),
        "images": len(np.unique(data.array("groups")[indices])),
        "selection": data.record.facts["selection"],
    }
