"""Which scores say nothing between models, because these are trained with different losses."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from studygrid.config_models import Model
from studygrid.families.base import Metric

if TYPE_CHECKING:
    from studygrid.config_check import Checked

Losses = Mapping[str, Mapping[str, Any]]
_MOST_VALUES = 6


def loss_of(model: Model) -> dict[str, Any]:
    """Return the options of a model's loss that its value depends on."""
    options = model.loss.model_dump(mode="json", exclude=set(model.loss.training_alone))
    kind = model.architecture.loss
    return {"loss": kind, **options} if kind else options


def differing(losses: Losses) -> str | None:
    """Return in which options losses differ, such as ``beta is 1 or 4``; None if in none.

    Parameters
    ----------
    losses
        The options of each model's loss; one that a loss does not name is said to be none.
    """
    keys = dict.fromkeys(key for loss in losses.values() for key in loss)
    values = {
        key: sorted({_shown(loss.get(key)) for loss in losses.values()}, key=_in_order)
        for key in keys
    }
    parts = [f"{key} is {_listed(found)}" for key, found in values.items() if len(found) > 1]
    return ", ".join(parts) or None


def why_not_comparable(
    plan: Checked, metric: Metric, models: Iterable[str] | None = None
) -> str | None:
    """Return why models cannot be ranked by a metric, as a sentence; None if they can.

    Parameters
    ----------
    models
        Names of the models; all that have runs if left out.
    """
    if not metric.of_loss:
        return None
    named = dict.fromkeys(models if models is not None else (run.model for run in plan.runs))
    unknown = [name for name in named if not plan.models[name].loss.is_known]
    if unknown and len(named) > 1:
        return unknown_words(metric, unknown)
    found = differing({name: loss_of(plan.models[name]) for name in named})
    return found and words(metric, found)


def words(metric: Metric, differing: str) -> str:
    """Return what it means for a metric that losses differ."""
    return (
        f"{metric.label} is not comparable between these models: it is a value of the loss that "
        f"each is trained with, and the losses differ ({differing})."
    )


def unknown_words(metric: Metric, names: Sequence[str]) -> str:
    """Return what it means for a metric that nothing says what some losses were."""
    return (
        f"{metric.label} is not comparable between these models: it is a value of the loss that "
        f"each is trained with, and nothing says what that was ({_few(names)})."
    )


def _few(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _MOST_VALUES} more"] if len(names) > _MOST_VALUES else []
    return ", ".join([*names[:_MOST_VALUES], *more])


def _shown(value: Any) -> str:
    # A whole number may be written with a point or without.
    is_whole = isinstance(value, float) and value.is_integer()
    return "not given" if value is None else json.dumps(int(value) if is_whole else value)


def _in_order(text: str) -> tuple[float, str]:
    try:
        return float(text), ""
    except ValueError:
        return math.inf, text


def _listed(values: list[str]) -> str:
    shown = values[:_MOST_VALUES]
    more = len(values) - len(shown)
    last = f"{more} more" if more else shown.pop()
    return f"{', '.join(shown)} or {last}"
