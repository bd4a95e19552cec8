"""Optimiser, schedule, gradients: made from the config, and described from the objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from studygrid.study import Training
from studygrid.training.budget import Budget


def make_optimizer(parameters: Iterable[nn.Parameter], training: Training) -> Optimizer:
    """Return the optimiser that the config names."""
    rate, decay = training.learning_rate, training.weight_decay
    if training.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=training.momentum, weight_decay=decay)
    if training.optimizer == "adam":
        return torch.optim.Adam(parameters, rate, weight_decay=decay)
    return torch.optim.AdamW(parameters, rate, weight_decay=decay)


def make_schedule(
    optimizer: Optimizer, training: Training, budget: Budget
) -> lr_scheduler.LRScheduler:
    """Return the schedule, to be stepped after each optimiser step."""
    warm = round(training.warmup * budget.steps)
    main: lr_scheduler.LRScheduler
    if training.schedule == "cosine":
        main = lr_scheduler.CosineAnnealingLR(optimizer, max(1, budget.steps - warm))
    elif training.schedule == "step":
        length = round(training.step_epochs * budget.steps / budget.epochs)
        main = lr_scheduler.StepLR(optimizer, length, training.step_factor)
    else:
        main = lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)
    if warm == 0:
        return main
    rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / (warm + 1), total_iters=warm)
    return lr_scheduler.SequentialLR(optimizer, [rise, main], milestones=[warm])


def clip_gradients(model: nn.Module, largest: float | None) -> torch.Tensor:
    """Clip the gradients in place and return their norm before it, on the device."""
    parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if largest is not None:
        nn.utils.clip_grads_with_norm_(parameters, largest, norm)
    return norm


def describe(thing: object) -> dict[str, Any]:
    """Return the class of an optimiser or schedule and its settings, read from the object."""
    facts: dict[str, Any] = {"class": type(thing).__name__}
    if isinstance(thing, Optimizer):
        facts |= _plain(thing.param_groups[0])
    elif isinstance(thing, lr_scheduler.SequentialLR):
        # torch keeps the parts of a chain in a private list, and has no other way to read them.
        facts["milestones"] = list(thing._milestones)
        facts["parts"] = [describe(part) for part in thing._schedulers]
    else:
        facts |= _plain(vars(thing))
    return facts


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    # `lr` moves with the schedule; `initial_lr` is the setting.
    kept = {"lr", "last_epoch", "verbose", "_step_count"}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in settings.items()
        if key not in kept
        and not key.startswith("_")
        and (
            value is None
            or isinstance(value, bool | int | float | str)
            or (isinstance(value, tuple) and all(isinstance(x, int | float) for x in value))
        )
    }
