"""Metrics of ptychography against scikit-image and torchmetrics, by hand, and at the edge."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage import metrics as skimage
from torch.nn import functional

from studygrid.families.base import Undefined
from studygrid.families.networks import torchvision_operators
from studygrid.families.ptychography import FAMILY
from studygrid.families.ptychography.aligned import Part
from studygrid.families.ptychography.area import Box
from studygrid.families.ptychography.metrics import METRICS
from studygrid.families.ptychography.metrics.multi_scale import multi_scale_similarity
from studygrid.families.ptychography.metrics.pixel_errors import mae, mse, psnr
from studygrid.families.ptychography.metrics.similarity import ms_ssim, ssim
from studygrid.families.ptychography.predictions import Predictions
from studygrid.families.scoring import metric_values
from tests.golden.made_objects import (
    SIDE,
    Complex,
    Real,
    band_limited,
    made_object,
    noise,
    of_one,
    predictions_of,
    shifted,
    value,
)

torchvision_operators.ensure()  # torchmetrics imports torchvision
import torchmetrics.functional.image as torchmetrics  # noqa: E402

torch.set_num_threads(1)

NAMES = [metric.name for metric in METRICS]
PARTS = ["amplitude", "phase"]
OF_OBJECTS = [name for name in NAMES if name not in ("loss", "pattern_error")]
LARGE: Box = (8, 192, 8, 192)  # 180 px of area: enough for MS-SSIM


def part_of(truth: Real, found: Real) -> Part:
    return Part("one", truth, found, found - truth)


def images(seed: int, shape: tuple[int, int] = (60, 47), spread: float = 0.1) -> tuple[Real, Real]:
    """Return an image between 0 and 1, and the same with noise."""
    generator = np.random.default_rng(seed)
    truth = band_limited(generator, shape, 0.2)
    truth = (truth - truth.min()) / np.ptp(truth)
    return truth, truth + spread * generator.normal(size=shape)


@pytest.mark.parametrize("seed", range(3))
def test_errors_equal_those_of_scikit_image(seed: int) -> None:
    truth, found = images(seed)
    part = part_of(truth, found)
    assert mse(part) == pytest.approx(skimage.mean_squared_error(truth, found))
    assert mae(part) == pytest.approx(np.abs(truth - found).mean())
    expected = skimage.peak_signal_noise_ratio(truth, found, data_range=np.ptp(truth))
    assert psnr(part) == pytest.approx(expected)
    expected = skimage.structural_similarity(
        truth,
        found,
        data_range=np.ptp(truth),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(part) == pytest.approx(expected)


def as_tensor(image: Real) -> torch.Tensor:
    return torch.from_numpy(image)[None, None]


def ssim_by_torchmetrics(ours: torch.Tensor, true: torch.Tensor, data_range: float) -> float:
    """Return its mean where the window fits whole; its own mean is of padded edges too."""
    _, image = torchmetrics.structural_similarity_index_measure(
        ours, true, data_range=data_range, return_full_image=True
    )
    return float(image[..., 5:-5, 5:-5].mean())


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_those_of_torchmetrics(seed: int) -> None:
    truth, found = images(seed)
    part = part_of(truth, found)
    ours, true = as_tensor(found), as_tensor(truth)
    by_torch = torchmetrics.peak_signal_noise_ratio(ours, true, data_range=1.0)
    assert psnr(part) == pytest.approx(float(by_torch), rel=1e-6)
    assert ssim(part) == pytest.approx(ssim_by_torchmetrics(ours, true, 1.0), abs=1e-6)


@pytest.mark.parametrize("shape", [(176, 176), (183, 240)])
@pytest.mark.parametrize("spread", [0.02, 0.2, 1.0])
def test_ms_ssim_equals_that_of_torchmetrics(shape: tuple[int, int], spread: float) -> None:
    truth, found = images(1, shape, spread)
    score, data_range = ms_ssim(part_of(truth, found)), float(np.ptp(truth))
    ours, true = as_tensor(found), as_tensor(truth)
    whole = torchmetrics.multiscale_structural_similarity_index_measure(
        ours, true, data_range=data_range, normalize="relu"
    )
    assert score == pytest.approx(float(whole), abs=0.01)  # it has padded edges at the last scale
    product = 1.0
    for weight in (0.0448, 0.2856, 0.3001, 0.2363):
        _, contrast = torchmetrics.structural_similarity_index_measure(
            ours, true, data_range=data_range, return_contrast_sensitivity=True
        )
        product *= float(contrast) ** weight
        ours, true = (functional.avg_pool2d(image, 2) for image in (ours, true))
    product *= ssim_by_torchmetrics(ours, true, data_range) ** 0.1333
    assert score == pytest.approx(product, abs=1e-6)


def test_ms_ssim_of_a_negative_counts_zero() -> None:
    truth, _ = images(1, (176, 176))
    assert multi_scale_similarity(truth, 1 - truth, 1.0) == 0


def test_psnr_is_of_the_truths_range_and_not_of_255() -> None:
    truth, found = images(0)
    part = part_of(truth, found)
    expected = skimage.peak_signal_noise_ratio(truth, found, data_range=1.0)
    assert psnr(part) == pytest.approx(expected)
    of_bytes = skimage.peak_signal_noise_ratio(truth, found, data_range=255)
    assert of_bytes - psnr(part) == pytest.approx(48.13, abs=0.005)
    narrow = part_of(0.75 + 0.25 * truth, 0.75 + 0.25 * found)
    assert psnr(narrow) == pytest.approx(expected)


def test_errors_of_a_known_reconstruction() -> None:
    """A truth of two steps, on which the amplitude alternates by 0.1 and the phase by 0.2."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    checks = np.where((rows + columns) % 2, 1.0, -1.0)
    steps = np.where(columns < SIDE // 2, 0.0, 0.5)
    truth = (1 + steps) * np.exp(1j * steps)
    found = (1 + steps + 0.1 * checks) * np.exp(1j * (steps + 0.2 * checks))
    predictions = of_one(found, truth)
    assert value("phase_mae", predictions) == pytest.approx(0.2, abs=1e-3)
    assert value("phase_mse", predictions) == pytest.approx(0.04, abs=1e-3)
    expected = 10 * math.log10(0.5**2 / 0.04)
    assert value("phase_psnr", predictions) == pytest.approx(expected, abs=0.1)
    # Least squares shrink a noisy amplitude: by 1 + its noise over its mean square.
    square = (1 + 1.5**2) / 2
    scale = square / (square + 0.01)
    expected = ((scale - 1) ** 2) * square + scale**2 * 0.01
    assert value("amplitude_mse", predictions) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("part", PARTS)
def test_identical_objects(part: str) -> None:
    truth = made_object(shape=(200, 200))
    predictions = of_one(truth, truth, LARGE)
    assert value(f"{part}_mae", predictions) == pytest.approx(0, abs=1e-7)
    assert value(f"{part}_mse", predictions) == pytest.approx(0, abs=1e-14)
    assert value(f"{part}_ssim", predictions) == pytest.approx(1)
    assert value(f"{part}_ms_ssim", predictions) == pytest.approx(1)
    for threshold in ("frc50", "frc17"):
        assert value(f"{part}_{threshold}_frequency", predictions) == 0.5
        assert value(f"{part}_{threshold}_resolution", predictions) == 2
    curve = getattr(predictions.aligned[0], part).frc
    assert curve.correlation == pytest.approx(np.ones(90), abs=1e-6)
    with pytest.raises(Undefined, match=r"scan one equals the truth .* infinite"):
        value(f"{part}_psnr", predictions)


def test_identical_but_for_rounding_is_infinite_too() -> None:
    truth = made_object()
    found = (0.3 * truth * np.exp(2.5j)).astype(np.complex64).astype(complex)
    for part in PARTS:
        with pytest.raises(Undefined, match="infinite"):
            value(f"{part}_psnr", of_one(found, truth))


@pytest.fixture(scope="module")
def noisier() -> list[Predictions]:
    """Return reconstructions of one object with more and more noise."""
    truth = made_object(shape=(200, 200), highest=0.3)
    return [
        of_one(truth + spread * noise(1, (200, 200)), truth, LARGE) for spread in (0.02, 0.06, 0.2)
    ]


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_more_noise_is_worse(name: str, noisier: list[Predictions]) -> None:
    scores = [value(name, predictions) for predictions in noisier]
    better = next(metric for metric in METRICS if metric.name == name).higher_is_better
    assert scores == sorted(scores, reverse=better)
    assert len(set(scores)) > 1


@pytest.fixture(scope="module")
def two_scans(noisier: list[Predictions]) -> Predictions:
    first, second = noisier[1:]
    return Predictions(first.reconstructions + second.reconstructions, 1.0, 0.1)


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_score_of_two_scans_is_their_mean(
    name: str, noisier: list[Predictions], two_scans: Predictions
) -> None:
    alone = [value(name, scan) for scan in noisier[1:]]
    assert value(name, two_scans) == pytest.approx(sum(alone) / 2)
    assert alone[0] != alone[1]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("name", "threshold"), [("frc50", 1 / 2), ("frc17", 1 / 7)])
def test_crossing_lies_on_the_drawn_curve_at_its_threshold(
    name: str, threshold: float, part: str
) -> None:
    truth = made_object(highest=0.15)
    predictions = of_one(truth + 0.1 * noise(1), truth)
    curve = getattr(predictions.aligned[0], part).frc
    frequency = value(f"{part}_{name}_frequency", predictions)
    assert np.interp(frequency, curve.frequency, curve.correlation) == pytest.approx(threshold)
    assert value(f"{part}_{name}_resolution", predictions) == pytest.approx(1 / frequency)


def test_ssim_of_the_phase_does_not_hang_on_the_truths_global_phase() -> None:
    truth = made_object()
    found = truth + 0.1 * noise(1)
    turned = np.exp(1.3j)
    expected = value("phase_ssim", of_one(found, truth))
    assert value("phase_ssim", of_one(found, truth * turned)) == pytest.approx(expected, rel=1e-5)
    phase = of_one(found, truth).aligned[0].phase
    least = phase.truth.min()
    from_zero = part_of(phase.truth - least, phase.found - least)
    assert expected == pytest.approx(ssim(from_zero))


def test_phase_error_is_the_way_round_the_circle() -> None:
    """Phases at +3 and -3 rad are 0.28 rad apart, not 6."""
    generator = np.random.default_rng(0)
    truth = np.exp(1j * np.where(generator.random((SIDE, SIDE)) < 0.5, 2.9, -2.9))
    found = np.exp(1j * np.where(truth.imag > 0, -3.0, 3.0))
    assert value("phase_mae", of_one(found, truth)) == pytest.approx(2 * np.pi - 5.9, abs=0.01)


def test_loss_and_pattern_error_are_handed_through() -> None:
    truth = made_object()
    predictions = predictions_of({"one": (truth, truth)}, loss=2.5, pattern_error=0.125)
    assert value("loss", predictions) == 2.5
    assert value("pattern_error", predictions) == 0.125


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["loss", "pattern_error"])
def test_loss_that_is_not_finite_is_undefined(name: str, broken: float) -> None:
    truth = made_object()
    predictions = predictions_of({"one": (truth, truth)}, loss=broken, pattern_error=broken)
    with pytest.raises(Undefined, match=f"the {name.replace('_', ' ')} is not finite"):
        value(name, predictions)


def undefined(name: str, predictions: Predictions) -> str:
    with pytest.raises(Undefined) as found:
        value(name, predictions)
    return str(found.value)


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_one_broken_scan_leaves_no_score_and_is_named(name: str) -> None:
    truth = made_object()
    broken = truth.copy()
    broken[48, 48] = np.nan
    predictions = predictions_of({"good": (truth + 0.1 * noise(1), truth), "bad": (broken, truth)})
    assert "scan bad are not finite" in undefined(name, predictions)


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_split_without_scans_has_no_score(name: str) -> None:
    assert undefined(name, predictions_of({})) == "the split has no scans"


CONSTANT_TRUTH = ["psnr", "ssim", "frc50_frequency", "frc17_resolution"]


@pytest.mark.parametrize("name", [f"{part}_{kind}" for part in PARTS for kind in CONSTANT_TRUTH])
def test_constant_truth_has_no_range_and_no_rings(name: str) -> None:
    predictions = of_one(1 + 0.1 * noise(1), np.full((SIDE, SIDE), 0.5 + 0.2j))
    assert "truth of scan one is constant" in undefined(name, predictions)


@pytest.mark.parametrize("name", ["amplitude_frc50_frequency", "amplitude_frc17_resolution"])
@pytest.mark.parametrize("constant", [0, 1])
def test_constant_amplitude_is_below_the_threshold_from_the_first_ring_on(
    name: str, constant: float
) -> None:
    """It counts: were it left out, means would be of the runs that did not collapse."""
    truth = made_object()
    first = 1 / 52  # of an area of 52 px
    expected = first if name.endswith("frequency") else 1 / first
    assert value(name, of_one(np.full_like(truth, constant), truth)) == pytest.approx(expected)


@pytest.mark.parametrize("part", PARTS)
def test_reconstruction_that_is_wrong_from_the_first_ring_on_lowers_a_mean(part: str) -> None:
    truth = made_object()
    scans = {"good": (truth, truth), "opposite": (2 - truth, truth)}
    frequency = value(f"{part}_frc50_frequency", predictions_of(scans))
    assert frequency == pytest.approx((0.5 + 1 / 52) / 2, rel=0.2)
    assert value(f"{part}_frc50_resolution", predictions_of({"one": scans["opposite"]})) == 52


@pytest.mark.parametrize("name", [name for name in OF_OBJECTS if name.startswith("phase")])
def test_reconstruction_of_zeros_has_no_phase_scores(name: str) -> None:
    truth = made_object()
    assert "0 everywhere" in undefined(name, of_one(np.zeros_like(truth), truth))


@pytest.mark.parametrize("part", PARTS)
def test_area_too_small_for_a_metric_says_the_size_needed(part: str) -> None:
    truth = made_object()
    found = truth + 0.05 * noise(1)
    small = of_one(found, truth, (20, 34, 20, 80))
    assert undefined(f"{part}_ssim", small).endswith("is 10 x 56 px; SSIM needs 11 x 11")
    assert math.isfinite(value(f"{part}_ssim", of_one(found, truth, (20, 35, 20, 80))))
    reason = undefined(f"{part}_ms_ssim", of_one(found, truth))
    assert reason.endswith("is 52 x 52 px; MS-SSIM of five scales needs 176 x 176")


@pytest.mark.parametrize("side", [179, 180])
def test_ms_ssim_is_there_from_176_px_on(side: int) -> None:
    truth = made_object(shape=(200, 200))
    predictions = of_one(truth + 0.05 * noise(1, (200, 200)), truth, (5, 5 + side, 5, 190))
    if side == 180:
        assert 0 < value("phase_ms_ssim", predictions) < 1
    else:
        assert "175 x 181 px" in undefined("phase_ms_ssim", predictions)


@pytest.mark.parametrize("box", [(20, 25, 20, 60), (20, 60, 20, 25), (20, 25, 20, 25)])
@pytest.mark.parametrize("part", PARTS)
def test_areas_of_one_px_have_errors(box: Box, part: str) -> None:
    truth = made_object()
    predictions = of_one(truth + 0.05 * noise(1), truth, box)
    assert 0 <= value(f"{part}_mae", predictions) < 0.2
    values, reasons = metric_values(FAMILY, OF_OBJECTS, predictions)
    assert all(math.isfinite(score) for score in values.values() if score is not None)
    assert all("scan one" in reason for reason in reasons.values())


def test_metrics_are_declared_once_each_and_say_what_they_are() -> None:
    assert len(set(NAMES)) == len(NAMES)
    kinds = ["mae", "mse", "psnr", "ssim", "ms_ssim"]
    kinds += [f"{frc}_{what}" for frc in ("frc50", "frc17") for what in ("frequency", "resolution")]
    assert [f"{part}_{kind}" for part in PARTS for kind in kinds] == OF_OBJECTS
    for metric in METRICS:
        assert metric.definition.endswith(".")
        assert metric.source
        assert metric.undefined.startswith("null where")
    by_name = {metric.name: metric for metric in METRICS}
    units = {"phase_mae": "rad", "phase_mse": "rad²", "amplitude_mae": "", "phase_psnr": "dB"}
    units |= {"phase_frc50_frequency": "1/px", "phase_frc17_resolution": "px"}
    assert {name: by_name[name].unit for name in units} == units


Distort = Callable[[Complex], Complex]


@pytest.mark.parametrize(
    "distort",
    [lambda found: 7 * found, lambda found: found * np.exp(2j), lambda found: -found],
    ids=["scale", "phase", "sign"],
)
def test_what_alignment_takes_off_costs_nothing(distort: Distort) -> None:
    truth = made_object()
    found = shifted(truth, 0.2, 0.4) + 0.05 * noise(1)
    plain, changed = of_one(found, truth), of_one(distort(found), truth)
    for name in OF_OBJECTS:
        if not name.endswith("ms_ssim"):
            assert value(name, changed) == pytest.approx(value(name, plain), rel=1e-5), name
