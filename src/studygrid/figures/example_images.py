"""Test images to look at: what a run made of a few of them, beside the images and their masks."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import RecordError
from studygrid.families.prepared import PreparedData
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults

# Which of several of a kind is shown: they stand in the order of their scores.
_KINDS = {"best": 0.0, "median": 0.5, "worst": 1.0}
_AGAIN = "evaluate again (delete the run's evaluate.json and run the study once more)"


@dataclass(frozen=True)
class Example:
    """A test image.

    Attributes
    ----------
    kind
        ``best``, ``median`` or ``worst``.
    index
        Its number in the prepared data.
    image
        Shape (channels, height, width), uint8.
    mask, prediction
        Classes, shape (height, width); 0 is the background.
    iou
        Of the image by itself.
    """

    kind: str
    index: int
    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    prediction: NDArray[np.uint8]
    iou: float


def read_examples(study: StudyResults, run: Run) -> list[Example]:
    """Return the best, the median and the worst of the examples that a run keeps.

    Raises
    ------
    RecordError, DataError
        If it keeps none that can be used, or the prepared data is not there or is other data.
    """
    facts = study.facts[run]
    path = study.folder / "runs" / run.path / (facts.examples_file or "examples.npz")
    index, kinds, ious, predictions = _arrays(path)
    data = PreparedData(study.folder / "data" / f"res{run.resolution}" / "data.json")
    if data.record.sha256 != facts.data_sha256:
        raise RecordError(f"{path}: is of other data than is prepared now; {_AGAIN}")
    images, masks = data.array("images"), data.array("masks")
    if predictions.shape[1:] != masks.shape[1:] or not (index < len(masks)).all():
        raise RecordError(f"{path}: does not fit the prepared data; {_AGAIN}")
    found = []
    for kind, share in _KINDS.items():
        places = np.flatnonzero(kinds == kind)
        if len(places):
            at = places[round(share * (len(places) - 1))]
            number = int(index[at])
            image, mask = np.asarray(images[number]), np.asarray(masks[number])
            found.append(Example(kind, number, image, mask, predictions[at], float(ious[at])))
    if not found:
        raise RecordError(f"{path}: holds no example; {_AGAIN}")
    return found


def _arrays(path: Path) -> list[NDArray[Any]]:
    """Return index, kind, IoU and predicted classes of each example.

    Raises
    ------
    RecordError
        If the file cannot be read, or its arrays do not belong together.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[name] for name in ("index", "kind", "iou", "predictions")]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise RecordError(f"{path}: cannot be read ({error}); {_AGAIN}") from None
    *lists, predictions = arrays
    if predictions.ndim != 3 or {array.shape for array in lists} != {(len(predictions),)}:
        raise RecordError(f"{path}: its arrays do not belong together; {_AGAIN}")
    return arrays
