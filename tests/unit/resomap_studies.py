"""Small studies in a folder, made without running them, for the tests of ResoMap's layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import Status, write_record
from tests.unit.made_records import evaluate_record, small_plan, train_record, write_profiles

DIVERGED: dict[str, Any] = {
    "status": Status.DIVERGED,
    "reason": "the loss was NaN in epoch 2",
    "checkpoint": None,
    "stopped_by": "failure",
    "best_value": None,
}


def plan_of(**changes: Any) -> Plan:
    """Return a plan of two models at 32 and 48 px, one size and two seeds, ranked by accuracy."""
    grid = {"resolution": [32, 48], "n_train": ["all"], "seed": 2, **changes.pop("grid", {})}
    report = {"metric": "accuracy"}
    return small_plan(grid=grid, **{"name": "Cells", "report": report, **changes})


def write_study(plan: Plan, folder: Path, *, profiles: bool = True) -> None:
    """Write study.yaml, and the profiles."""
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(plan.resolved(), sort_keys=False, allow_unicode=True)
    (folder / "study.yaml").write_text(text, "utf-8")
    if profiles:
        write_profiles(plan, folder)


def write_scores(plan: Plan, folder: Path, run: Run, **metrics: float | None) -> None:
    """Write the records of a run that was scored; a metric that is not named is 0.5."""
    train = train_record(plan, run)
    record = evaluate_record(plan, train)
    record.metrics.update(metrics)
    reasons = {name: "has no value" for name, value in metrics.items() if value is None}
    place = folder / "runs" / run.path
    write_record(place / "train.json", train)
    write_record(place / "evaluate.json", record.model_copy(update={"undefined": reasons}))


def write_failure(plan: Plan, folder: Path, run: Run, **changes: Any) -> None:
    """Write the records of a run that diverged."""
    train = train_record(plan, run, **{**DIVERGED, **changes})
    place = folder / "runs" / run.path
    write_record(place / "train.json", train)
    write_record(place / "evaluate.json", evaluate_record(plan, train))


def finished(folder: Path, plan: Plan | None = None) -> Plan:
    """Write a finished study; the accuracies of its runs are 0.5, 0.51, 0.52, … in axis order."""
    plan = plan or plan_of()
    write_study(plan, folder)
    for number, run in enumerate(plan.runs):
        accuracy = 0.5 + number / 100
        write_scores(plan, folder, run, accuracy=accuracy, f1=accuracy - 0.25, loss=1 - accuracy)
    return plan


def strict_json(path: Path) -> Any:
    """Read JSON that has no NaN and no Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{path} holds {name}")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
