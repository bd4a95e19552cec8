"""Which patterns the network cannot take, told without building it."""

from __future__ import annotations

from studygrid.families.ptychography.models.options import NetworkOptions


def network_fault(options: NetworkOptions, resolution: int) -> str | None:
    """Return why a pattern of that side cannot be halved as often as the options say."""
    factor = 2**options.depth
    if resolution % factor == 0:
        return None
    return (
        f"a pattern of {resolution} px cannot be halved {options.depth} times: the side must be "
        f"a multiple of {factor}, or options.depth lower"
    )
