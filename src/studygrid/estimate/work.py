"""What decides how long a run takes: the same work takes the same time whatever it is called."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studygrid.execution.resources import guessed_size, recorded_size
from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.spec import TrainSpec
from studygrid.training.budget import Budget

# Of a run's training options, those that cost time at each step.
_COSTLY = (
    "accumulation",
    "optimizer",
    "precision",
    "channels_last",
    "compile",
    "deterministic",
    "monitor",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of work: its steps take the same time.

    Attributes
    ----------
    code
        A hash of what is trained and how; the same for two models of the same architecture and
        options that differ in their learning rate, say.
    batch
        Samples a step, which the size of the training set may limit.
    """

    code: str
    resolution: int
    batch: int


@dataclass(frozen=True, slots=True)
class Work:
    """How much of a kind of work a run is: its whole budget.

    Attributes
    ----------
    may_stop_early
        Whether early stopping may end it sooner.
    """

    kind: Kind
    steps: int
    epochs: int
    may_stop_early: bool = False


def code_of(spec: TrainSpec) -> str:
    """Return the hash of what is trained and how, at any resolution and for any budget."""
    content: dict[str, Any] = {
        "family": spec.family,
        "architecture": spec.architecture,
        "options": {key: value for key, value in spec.options.items() if key != "weights"},
        "loss": spec.loss,
        "augmentation": spec.augmentation,
        "training": spec.training.model_dump(mode="json", include=set(_COSTLY)),
        "clips": spec.training.gradient_clip is not None,
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def codes_of(plan: Plan) -> dict[str, str]:
    """Return the hash of each model of a plan that has a run."""
    first = {run.model: run for run in reversed(plan.runs)}
    return {model: code_of(plan.train_spec(run)) for model, run in first.items()}


def work_of(plan: Plan, model: str, code: str, resolution: int, count: int) -> Work:
    """Return the work that a run of a model with `count` training samples is."""
    training, fits = plan.models[model].training, plan.models[model].architecture.fits
    budget = Budget.of(training, count, fits=fits)
    may_stop = training.early_stopping.patience is not None and not fits
    return Work(Kind(code, resolution, budget.batch_size), budget.steps, budget.epochs, may_stop)


class Works:
    """The work of each run of a plan."""

    def __init__(self, plan: Plan, results: Path) -> None:
        self._plan, self._results = plan, results
        self._codes = codes_of(plan)
        self._found: dict[tuple[str, int, int | str], Work | None] = {}
        self._sizes: dict[int, int | None] = {}

    def of(self, run: Run) -> Work | None:
        """Return the work of a run; None where the size of its training set is not known."""
        key = (run.model, run.resolution, run.n_train)
        if key not in self._found:
            count = self._size(run.resolution) if run.n_train == "all" else int(run.n_train)
            code = self._codes[run.model]
            self._found[key] = (
                work_of(self._plan, run.model, code, run.resolution, count) if count else None
            )
        return self._found[key]

    def _size(self, side: int) -> int | None:
        if side not in self._sizes:
            recorded = recorded_size(self._results / "data" / f"res{side}" / "data.json")
            found = recorded or guessed_size(self._plan, side)
            self._sizes[side] = found.train or None
        return self._sizes[side]
