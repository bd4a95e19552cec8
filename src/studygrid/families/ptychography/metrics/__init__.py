"""Metrics of ptychography: what each is. Their code stands one subject a module beside this."""

from __future__ import annotations

from typing import Literal

from studygrid.families.base import Metric

Part = Literal["amplitude", "phase"]

_HERE = "studygrid.families.ptychography.metrics"
_UNIT: dict[Part, str] = {"amplitude": "", "phase": "rad"}
_SQUARE: dict[Part, str] = {"amplitude": "", "phase": "rad²"}
_AREA = "in the scanned area, after alignment; mean over the scans"
_BROKEN = (
    "the scanned area is too small, the truth is not known, or the reconstruction is not finite"
)
_NO_PHASE: dict[Part, str] = {"amplitude": "", "phase": ", or 0 everywhere (it has no phase)"}
_WANG = "Wang, Bovik, Sheikh and Simoncelli, Image Quality Assessment, IEEE TIP 13 (2004)"
_WANG_SCALES = (
    "Wang, Simoncelli and Bovik, Multi-scale structural similarity, Asilomar 2003, equation 7"
)
_SAXTON = "Saxton and Baumeister, J. Microscopy 127 (1982)"
_ROSENTHAL = "Rosenthal and Henderson, J. Mol. Biol. 333 (2003); against it, {}".format(
    "van Heel and Schatz, J. Struct. Biol. 151 (2005)"
)


def _null(part: Part, *cases: str) -> str:
    """Return when a metric is null."""
    return f"null where {_BROKEN}{_NO_PHASE[part]}" + "".join(f"; or {case}" for case in cases)


def _errors(part: Part) -> tuple[Metric, ...]:
    label = part.capitalize()
    return (
        Metric(
            name=f"{part}_mae",
            label=f"{label} MAE",
            higher_is_better=False,
            unit=_UNIT[part],
            definition=f"Mean absolute error of the {part} {_AREA}.",
            source="docs/ptychography-metrics.md",
            undefined=_null(part),
            compute=f"{_HERE}.pixel_errors:{part}_mae",
            group=label,
        ),
        Metric(
            name=f"{part}_mse",
            label=f"{label} MSE",
            higher_is_better=False,
            unit=_SQUARE[part],
            definition=f"Mean squared error of the {part} {_AREA}.",
            source="scikit-image mean_squared_error",
            undefined=_null(part),
            compute=f"{_HERE}.pixel_errors:{part}_mse",
            group=label,
        ),
        Metric(
            name=f"{part}_psnr",
            label=f"{label} PSNR",
            higher_is_better=True,
            unit="dB",
            definition=f"10 log10(range² / MSE) of the {part} {_AREA}. The range is the largest "
            f"less the smallest {part} of the truth in that area, so values of different objects "
            "are of different ranges.",
            source="scikit-image peak_signal_noise_ratio with data_range",
            undefined=_null(part, "the truth is constant", "the two are equal (it is infinite)"),
            compute=f"{_HERE}.pixel_errors:{part}_psnr",
            group=label,
        ),
    )


def _similarities(part: Part) -> tuple[Metric, ...]:
    label = part.capitalize()
    range_ = f"its data range is that of the truth's {part}"
    return (
        Metric(
            name=f"{part}_ssim",
            label=f"{label} SSIM",
            higher_is_better=True,
            unit="",
            definition=f"Structural similarity of the {part} {_AREA}; Gaussian window of 11 px "
            f"and sigma 1.5 px; {range_}.",
            source=f"{_WANG}; scikit-image structural_similarity",
            undefined=_null(part, "a side of the area is below 11 px", "the truth is constant"),
            compute=f"{_HERE}.similarity:{part}_ssim",
            bounds=(-1, 1),
            group=label,
        ),
        Metric(
            name=f"{part}_ms_ssim",
            label=f"{label} MS-SSIM",
            higher_is_better=True,
            unit="",
            definition=f"Structural similarity of the {part} over five scales {_AREA}; windows as "
            f"for SSIM, {range_}. A scale without any similarity counts 0.",
            source=_WANG_SCALES,
            undefined=_null(part, "a side of the area is below 176 px", "the truth is constant"),
            compute=f"{_HERE}.similarity:{part}_ms_ssim",
            bounds=(0, 1),
            group=label,
        ),
    )


def _resolutions(part: Part) -> tuple[Metric, ...]:
    return (
        *_crossing(part, "frc50", "0.5", _SAXTON, ""),
        *_crossing(
            part,
            "frc17",
            "1/7",
            f"{_SAXTON}; {_ROSENTHAL}",
            "a reconstruction with 48 times as much noise as signal just reaches 1/7 against a "
            "known truth",
        ),
    )


def _crossing(
    part: Part, name: str, threshold: str, source: str, caution: str
) -> tuple[Metric, ...]:
    label = part.capitalize()
    what = (
        f"the Fourier ring correlation of the reconstructed {part} with the true one first falls "
        f"below {threshold}, interpolated between rings"
    )
    below = "that of the first ring where it is below from there on, as that of a constant is"
    cases = ("the truth is constant",)
    return (
        Metric(
            name=f"{part}_{name}_frequency",
            label=f"{label} FRC {threshold} frequency",
            higher_is_better=True,
            unit="1/px",
            definition=f"Spatial frequency where {what}; 0.5 (Nyquist), at least, where it "
            f"never does; {below}, at most; mean over the scans.",
            source=source,
            undefined=_null(part, *cases),
            compute=f"{_HERE}.resolution:{part}_{name}_frequency",
            bounds=(0, 0.5),
            group=label,
            caution=caution,
        ),
        Metric(
            name=f"{part}_{name}_resolution",
            label=f"{label} FRC {threshold} resolution",
            higher_is_better=False,
            unit="px",
            definition=f"Full period, 1 / frequency, where {what}; 2 px (Nyquist), at most, where "
            f"it never does; {below}, at least; mean over the scans.",
            source=source,
            undefined=_null(part, *cases),
            compute=f"{_HERE}.resolution:{part}_{name}_resolution",
            group=label,
            caution=caution,
        ),
    )


def _of(part: Part) -> tuple[Metric, ...]:
    return (*_errors(part), *_similarities(part), *_resolutions(part))


METRICS = (
    Metric(
        name="loss",
        label="Loss",
        higher_is_better=False,
        unit="",
        definition="Mean over the groups of the loss that the model is trained with.",
        source="the loss in `applied.loss` of the record of training",
        undefined="null where it is not finite",
        compute=f"{_HERE}.loss:loss",
        group="Loss",
        of_loss=True,
    ),
    Metric(
        name="pattern_error",
        label="Pattern error",
        higher_is_better=False,
        unit="",
        definition="R-factor: sum of |calculated - measured| amplitude over the sum of the "
        "measured amplitudes, over all patterns of the split; the calculated ones are of the "
        "assembled object. Nothing is aligned for it.",
        source="docs/ptychography-metrics.md",
        undefined="null where it is not finite",
        compute=f"{_HERE}.loss:pattern_error",
        group="Patterns",
        caution="an object that explains its patterns can be wrong where the patterns say little",
    ),
    *_of("amplitude"),
    *_of("phase"),
)
