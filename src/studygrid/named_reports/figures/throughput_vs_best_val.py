"""The validation error against the speed of training."""

from __future__ import annotations

from studygrid.figures.drawing import Drawing
from studygrid.named_reports.figures.devices import one_device
from studygrid.named_reports.figures.error_against import Against, error_against
from studygrid.named_reports.figures.measures import numbers
from studygrid.named_reports.inputs import ReportInputs


def throughput_vs_best_val(inputs: ReportInputs) -> Drawing:
    """Draw the validation error of each cell's kept epochs against its throughput in training.

    The throughput is ``throughput_mean``, samples a second over all epochs, of one device alone.

    Returns
    -------
    See `error_against`; the column is ``throughput_samples_per_sec``.
    """
    device = one_device(inputs.runs_df)
    speed = numbers(inputs.runs_df, "throughput_mean")
    return error_against(
        inputs,
        Against(
            values=speed.where((speed > 0) & device.is_own),
            column="throughput_samples_per_sec",
            label="Throughput in training (samples/s)",
            title="against throughput in training",
            lacks="throughput",
            words=(
                "The error is that of the kept epoch, the throughput a mean over all epochs.",
                device.words("throughputs"),
            ),
        ),
    )
