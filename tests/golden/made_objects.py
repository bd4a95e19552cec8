"""Objects with known content, and reconstructions of them that are wrong in a known way."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from studygrid.families.base import load_reference
from studygrid.families.ptychography.area import Box
from studygrid.families.ptychography.metrics import METRICS
from studygrid.families.ptychography.predictions import Predictions, Reconstruction

Complex = NDArray[np.complex128]
Real = NDArray[np.float64]

COMPUTE = {metric.name: metric.compute for metric in METRICS}
SIDE = 96
BOX: Box = (20, 76, 20, 76)


def value(name: str, predictions: Predictions) -> float:
    """Return a metric of predictions."""
    return float(load_reference(COMPUTE[name])(predictions))


def band_limited(generator: np.random.Generator, shape: tuple[int, int], highest: float) -> Real:
    """Return noise of unit spread without any frequency above `highest`, in 1/px; periodic."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    spectrum = np.fft.fft2(generator.normal(size=shape)) * (frequency <= highest)
    image = np.fft.ifft2(spectrum).real
    return np.asarray((image - image.mean()) / image.std())


def made_object(
    seed: int = 0, shape: tuple[int, int] = (SIDE, SIDE), highest: float = 0.15
) -> Complex:
    """Return an object around 1 whose complex values are band limited and periodic."""
    generator = np.random.default_rng(seed)
    real, imaginary = (band_limited(generator, shape, highest) for _ in range(2))
    return np.asarray(1 + 0.08 * real + 0.15j * imaginary)


def shifted(image: Complex, down: float, right: float) -> Complex:
    """Return a periodic, band limited image moved by parts of a px, by its spectrum."""
    rows, columns = (np.fft.fftfreq(size) for size in image.shape)
    ramp = np.exp(-2j * np.pi * (down * rows[:, None] + right * columns[None, :]))
    return np.asarray(np.fft.ifft2(np.fft.fft2(image) * ramp))


def with_plane(image: Complex, offset: float, down: float, right: float, box: Box = BOX) -> Complex:
    """Add a phase plane: `offset` in the middle of the box, slopes in rad/px."""
    rows = np.arange(image.shape[0]) - (box[0] + box[1] - 1) / 2
    columns = np.arange(image.shape[1]) - (box[2] + box[3] - 1) / 2
    return np.asarray(
        image * np.exp(1j * (offset + down * rows[:, None] + right * columns[None, :]))
    )


def noise(seed: int, shape: tuple[int, int] = (SIDE, SIDE)) -> Complex:
    """Return white complex noise of unit spread in each part."""
    generator = np.random.default_rng(seed)
    return np.asarray(generator.normal(size=shape) + 1j * generator.normal(size=shape))


def predictions_of(
    scans: Mapping[str, tuple[Complex, Complex]],
    box: Box = BOX,
    loss: float = 1.0,
    pattern_error: float = 0.1,
) -> Predictions:
    """Return predictions of scans: by name the reconstruction and the truth."""
    return Predictions(
        tuple(
            Reconstruction(
                name,
                found.astype(np.complex64),
                truth.astype(np.complex64),
                np.ones(truth.shape, np.float32),
                box,
            )
            for name, (found, truth) in scans.items()
        ),
        loss,
        pattern_error,
    )


def of_one(found: Complex, truth: Complex, box: Box = BOX) -> Predictions:
    """Return predictions of one scan called ``one``."""
    return predictions_of({"one": (found, truth)}, box)
