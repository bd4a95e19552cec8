"""Where the runs of a study lie in the layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from studygrid.grid import Run
from studygrid.interchange.generalization import size_folder
from studygrid.plan import Plan
from studygrid.results.one_setting import models_without_learning

PINN: Final = "pinn_run"
BASELINE: Final = "baseline_run"
ITERATIVE: Final = "iterative_run"
OTHER: Final = "other_run"
# By the loss that the architecture of a model names.
_OF_LOSS: Final[Mapping[str, str]] = {"pattern": PINN, "object": BASELINE}


def arms_of(plan: Plan) -> dict[str, str]:
    """Return the folder of each model: the arm's, or below it where an arm has several models."""
    arms = {name: _arm(plan, name) for name in plan.axis("model")}
    alone = [arm for arm in arms.values() if list(arms.values()).count(arm) == 1]
    return {
        name: arm if arm in alone and arm != OTHER else f"{arm}/{name}"
        for name, arm in arms.items()
    }


def _arm(plan: Plan, name: str) -> str:
    if name in models_without_learning(plan):
        return ITERATIVE
    return _OF_LOSS.get(plan.models[name].architecture.loss, OTHER)


def study_folder(plan: Plan, resolution: int) -> str:
    """Return where the folders of sizes lie: one folder a resolution where there are several."""
    return f"resolution_{resolution}/" if len(plan.axis("resolution")) > 1 else ""


def comparison_folder(plan: Plan, resolution: int, n_train: int | str) -> str:
    """Return the folder of a training-set size, with a slash behind it."""
    return f"{study_folder(plan, resolution)}{size_folder(n_train)}/"


def run_folder(plan: Plan, arms: Mapping[str, str], run: Run) -> str:
    """Return the folder of a run."""
    above = comparison_folder(plan, run.resolution, run.n_train)
    return f"{above}{arms[run.model]}/seed{run.seed}"
