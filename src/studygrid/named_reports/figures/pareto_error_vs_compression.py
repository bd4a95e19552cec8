"""The validation error against how small the latent of an event is."""

from __future__ import annotations

from studygrid.figures.drawing import Drawing
from studygrid.named_reports.figures.compression import compression_of
from studygrid.named_reports.figures.error_against import Against, error_against
from studygrid.named_reports.inputs import ReportInputs

_BITS = (
    "Bits are those of an event's latent: 32 a number, log2(codes) a token with a codebook, "
    "whether all codes are used or not."
)


def pareto_error_vs_compression(inputs: ReportInputs) -> Drawing:
    """Draw the validation error of each cell against the bits of an event's latent.

    With bits, the Pareto front of the means is drawn: the cells that no other beats in both.
    Where no run says its bits, the axis is the dimension of the latent, said to be no measure of
    compression, and there is no front. Nor is there one where a cell has a single run.

    Returns
    -------
    See `error_against`; the column is ``bits`` or ``latent_dim_value``.
    """
    found = compression_of(inputs)
    return error_against(
        inputs,
        Against(
            values=found.values,
            column="latent_dim_value" if found.caution else "bits",
            label=found.label,
            title="against the size of the latent",
            lacks="size of the latent",
            words=(found.caution or _BITS,),
            front=not found.caution,
            ticks_at_values=True,
        ),
    )
