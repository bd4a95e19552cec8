"""Runs whose record is of other settings than the plan's: Snakemake will train them again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from studygrid.grid import Run
from studygrid.plan import Plan

Signature = tuple[int, int, int]
_NONE = object()


class Outdated:
    """Compares train records with a plan; each record is read once."""

    def __init__(self, folder: Path) -> None:
        self._runs = str(folder / "runs")
        self._plan: Plan | None = None
        self._specs: dict[Run, str] = {}
        self._read: dict[Run, tuple[Signature, str | None]] = {}

    def among(self, runs: Iterable[Run], plan: Plan) -> dict[Run, str]:
        """Return what differs, of those runs whose record is of other settings than the plan's."""
        if plan is not self._plan:
            specs = zip(plan.runs, plan.train_spec_texts(), strict=True)
            self._plan, self._specs, self._read = plan, dict(specs), {}
        found = ((run, self._difference(run)) for run in runs if run in self._specs)
        return {run: why for run, why in found if why is not None}

    def _difference(self, run: Run) -> str | None:
        path = f"{self._runs}/{run.path}/train.json"
        try:
            stat = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        signature = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        before = self._read.get(run)
        if before is None or before[0] != signature:
            before = self._read[run] = (signature, _compared(path, self._specs[run]))
        return before[1]


def _compared(path: str, planned: str) -> str | None:
    try:
        record = from_json(Path(path).read_bytes())
        have: Any = record["spec"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # what cannot be read is not known to be of other settings
    want = json.loads(planned)
    if have == want or not isinstance(have, dict):
        return None
    return f"done before with other settings ({', '.join(_differing(have, want))}): due again"


def _differing(have: dict[str, Any], want: dict[str, Any]) -> list[str]:
    """Return the names of the settings that differ, such as ``training.epochs``."""
    names: list[str] = []
    for name, value in want.items():
        mine = have.get(name)
        if isinstance(mine, dict) and isinstance(value, dict):
            inner = (
                key for key in (*value, *mine) if mine.get(key, _NONE) != value.get(key, _NONE)
            )
            names += [f"{name}.{key}" for key in dict.fromkeys(inner)]
        elif mine != value:
            names.append(name)
    return names
