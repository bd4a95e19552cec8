"""Arrays that an evaluation keeps beside its record, read with what can be wrong with them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import RecordError
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults

_AGAIN = "evaluate again (delete the run's evaluate.json and run the study once more)"


def read_arrays(study: StudyResults, run: Run, names: Sequence[str]) -> list[NDArray[Any]] | None:
    """Return arrays of a run's examples, or None where it keeps none of these names.

    Raises
    ------
    RecordError
        If the file is not there or cannot be read.
    """
    facts = study.facts.get(run)
    if facts is None or facts.examples_file is None:
        return None
    path = study.folder / "runs" / run.path / facts.examples_file
    try:
        # Opened here: of a file that is no archive, np.load leaves its own handle open.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            if any(name not in file for name in names):
                return None
            return [file[name] for name in names]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise RecordError(f"{path}: cannot be read ({error}); {_AGAIN}") from None
