"""How small a run makes an event: the axis of compression."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from studygrid.named_reports.figures.measures import numbers
from studygrid.named_reports.inputs import ReportInputs

_BITS = ("test_bits_per_event", "bits_per_event")
_PROXY = (
    "No file says how many bits a latent takes, so the axis is latent_dim, which is no measure of "
    "compression: a number is not a code. Tokenizers are not to be compared along it, and there "
    "is no Pareto front."
)


@dataclass(frozen=True)
class Compression:
    """What an event costs in a run's latent.

    Attributes
    ----------
    values
        One a run, in the order of ``runs_df``; NaN where a run does not say.
    label
        For the axis.
    caution
        Why it is no measure of compression, where it is none.
    """

    values: pd.Series[float]
    label: str
    caution: str = ""


def compression_of(inputs: ReportInputs) -> Compression:
    """Return the bits of an event's latent, or else the dimension of the latent, so named."""
    for name in _BITS:
        found = numbers(inputs.runs_df, name)
        if found.notna().any():
            return Compression(found.where(found > 0), "Latent of an event (bits)")
    found = numbers(inputs.runs_df, "latent_dim")
    return Compression(found.where(found > 0), "Latent dimension (not bits)", _PROXY)
