"""What models made of the same object: one run of each, with its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import StudygridError
from studygrid.figures.example_arrays import read_arrays
from studygrid.figures.largest_place import Place, facts_at, place_beside, run_at
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults

PARTS = ("amplitude", "phase")
_NAMES = tuple(f"{kind}{part}" for part in PARTS for kind in ("truth_", ""))


@dataclass(frozen=True)
class Images:
    """One part of an object, amplitude or phase (rad): as it is, and as it was found.

    Attributes
    ----------
    truth, found
        Shape (height, width), aligned with each other.
    error
        What was found less the truth; of phases wrapped to -pi ... pi, as the metrics have it.
    """

    truth: NDArray[np.float64]
    found: NDArray[np.float64]
    error: NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """What one model made of an object.

    Attributes
    ----------
    name
        What it is called in the figure.
    images
        From the part (``amplitude``, ``phase``) to its images, all of one shape.
    run
        The run, where it is one of a study.
    runs
        Of how many runs it is the median one.
    """

    name: str
    images: Mapping[str, Images]
    run: Run | None = None
    runs: int = 1


def arm_of(
    name: str, arrays: Mapping[str, NDArray[np.floating]], run: Run | None = None, runs: int = 1
) -> Arm | None:
    """Return an arm from the arrays of an ``examples.npz``; None where these are no images.

    Parameters
    ----------
    arrays
        ``truth_amplitude``, ``amplitude``, ``truth_phase`` and ``phase`` (rad), all of one shape
        (height, width) and finite.
    """
    found = {kind: np.asarray(arrays[kind], dtype=np.float64) for kind in _NAMES}
    shape = found[_NAMES[0]].shape
    whole = all(one.shape == shape and bool(np.isfinite(one).all()) for one in found.values())
    if len(shape) != 2 or 0 in shape or not whole:
        return None
    images = {}
    for part in PARTS:
        truth, own = found[f"truth_{part}"], found[part]
        error = own - truth
        if part == "phase":
            error = error - 2 * np.pi * np.round(error / (2 * np.pi))
        images[part] = Images(truth, own, error)
    return Arm(name, images, run, runs)


def arms_at(study: StudyResults, place: Place) -> tuple[list[Arm], int]:
    """Return the median run of each model that keeps what it made, and how many are unusable.

    The median is by the study's metric, of an even count the worse of the middle two; runs
    without a value count only where no run of the model has one. Models stand in the order of
    the config.
    """
    arms, left_out = [], 0
    for model in study.order["model"]:
        kept, broken = _kept(study, place_beside(study, place, model), model)
        left_out += broken
        if kept:
            middle = kept[(len(kept) - 1) // 2]
            arms.append(Arm(model, middle.images, middle.run, len(kept)))
    return arms, left_out


def _kept(study: StudyResults, place: Place, model: str) -> tuple[list[Arm], int]:
    """Return the runs of a model with images, the worst first, and how many have no usable ones."""
    found, broken = [], 0
    for seed, facts in facts_at(study, place, model).items():
        run = run_at(study, place, model, seed)
        try:
            arrays = read_arrays(study, run, _NAMES) if run else None
        except StudygridError:
            broken += 1
            continue
        if arrays is None:
            continue
        arm = arm_of(model, dict(zip(_NAMES, arrays, strict=True)), run)
        if arm is None:
            broken += 1
        else:
            found.append((facts.metrics.get(study.metric.name), arm))
    scored = [(score, arm) for score, arm in found if score is not None]
    sign = 1 if study.metric.higher_is_better else -1
    in_order = [arm for _, arm in sorted(scored, key=lambda pair: sign * pair[0])]
    return in_order or [arm for _, arm in found], broken
