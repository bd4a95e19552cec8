"""A results folder of a few tiny trained runs, for what scores them again."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from studygrid.plan import Plan, make_plan
from tests.unit.conftest import SIDE, Bench, Ran


def trained_plan(bench: Bench, **grid: object) -> Plan:
    """Return a plan of two models and two seeds on the bench's data; `grid` changes its grid."""
    data = bench.prepared().record.spec
    return make_plan(
        {
            "name": "Patterns",
            "family": data.family,
            "dataset": {"name": data.dataset, **data.options},
            "models": {
                "narrow": {"architecture": "tiny_cnn", "options": {"width": 2}},
                "wide": {"architecture": "tiny_cnn", "options": {"width": 3}},
            },
            "grid": {"resolution": [SIDE], "n_train": [32], "seed": 2, **grid},
            "training": {"steps": 6, "validations": 3, "batch_size": 8, "precision": "float32"},
        }
    )


def train_results(bench: Bench, plan: Plan | None = None) -> Path:
    """Train and evaluate each run of a plan; return the results folder, as a study leaves it."""
    plan = plan or trained_plan(bench)
    results = bench.folder / "results"
    shutil.copytree(bench.data.parent, results / "data" / f"res{SIDE}")
    content = yaml.safe_dump(plan.resolved(), sort_keys=False)
    (results / "study.yaml").write_text(content)
    for run in plan.runs:
        changes = plan.train_spec(run).model_dump()
        ran: Ran = bench.train(f"results/runs/{run.path}", **changes)
        bench.evaluate(ran, *plan.family.metric_names)
    return results
