"""Reading epochs.jsonl: the curves of runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic_core import from_json

from studygrid.axes import AXES
from studygrid.grid import Run


def read_epochs(folders: Mapping[Run, Path]) -> tuple[pd.DataFrame, dict[Path, str]]:
    """Read the epochs of runs.

    Parameters
    ----------
    folders
        The folder of each run; one that has no epochs.jsonl yet has no rows.

    Returns
    -------
    frame, problems
        One row an epoch: the run's axes (`n_train` as text) and what the line holds, `epoch`,
        `step`, `passes`, `train_loss`, ``validation_<metric>`` and so on. Of a file that cannot
        be read or has a line that is no JSON, what is wrong; its other lines are in the frame.
    """
    rows: list[dict[str, Any]] = []
    problems: dict[Path, str] = {}
    for run, folder in folders.items():
        path = folder / "epochs.jsonl"
        axes = {axis: getattr(run, axis) for axis in AXES} | {"n_train": str(run.n_train)}
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            continue
        except OSError as error:
            problems[path] = f"cannot be read ({error.strerror})"
            continue
        for number, line in enumerate(lines, 1):
            row = _row(line)
            if row is None:
                problems[path] = f"line {number} is not the JSON of an epoch"
            else:
                rows.append(axes | row)
    return pd.DataFrame(rows, columns=None if rows else [*AXES, "epoch"]), problems


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = from_json(line, allow_inf_nan=False)
    except ValueError:
        return None
    return row if isinstance(row, dict) and "epoch" in row else None
