"""The training loop: one for all families."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import torch
from torch import nn

from studygrid.errors import DataError
from studygrid.families.base import Batch, FittingTask, Task
from studygrid.records import Streams
from studygrid.study import Training
from studygrid.training import optimisation
from studygrid.training.budget import Budget
from studygrid.training.checkpoints import copy_of
from studygrid.training.endings import Diverged, Interrupted, LoneSampleError
from studygrid.training.precision import autocast, resolve_precision
from studygrid.training.randomness import BatchOrder, entropy, generator_at, seed_default_generator

# What PyTorch says where batch normalisation gets one sample of one pixel.
_ONE_VALUE = "Expected more than 1 value per channel when training"


@dataclass
class Progress:
    """Where a run stands; all of it goes into a resume point."""

    step: int = 0
    epoch: int = 0
    best_value: float | None = None
    best_epoch: int = 0
    best_step: int = 0
    best_validation_loss: float | None = None
    best_weights: dict[str, Any] | None = None
    improved_value: float | None = None
    epochs_since_improved: int = 0
    stopped_early: bool = False
    train_loss: float | None = None
    loss_sum: float = 0.0
    norm_sum: float = 0.0
    score_sums: list[float] = field(default_factory=list)
    learning_rate: float = 0.0
    epoch_sec: float = 0.0
    train_sec: float = 0.0


@dataclass(frozen=True)
class Epoch:
    """One line of epochs.jsonl; the learning rate is that of the epoch's last step."""

    epoch: int
    step: int
    passes: float
    train_loss: float
    training: dict[str, float | None]
    validation: dict[str, float | None]
    learning_rate: float
    gradient_norm: float
    epoch_time_sec: float
    samples_per_sec: float
    is_best: bool

    def row(self) -> dict[str, Any]:
        """Return the line with a column for each score."""
        row = asdict(self)
        parts = {"train": row.pop("training"), "validation": row.pop("validation")}
        scores = {
            f"{split}_{name}": value
            for split, values in parts.items()
            for name, value in values.items()
        }
        return {**row, **scores}


@dataclass
class Trainer:
    """A run in training.

    Parameters
    ----------
    higher_is_better
        Whether a higher value of the monitored score is the better one.
    epoch_metrics
        What is scored on the validation split beside the loss and the monitored score.
    fits
        Whether the model is fitted to the whole subset in one step, without gradients.
    halvings
        How often the batches that the device holds at once are cut in two.
    """

    task: Task
    training: Training
    budget: Budget
    streams: Streams
    device: torch.device
    higher_is_better: bool
    epoch_metrics: Sequence[str] = ()
    fits: bool = False
    halvings: int = 0
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        training = self.training
        self.order = BatchOrder(self.budget.count, self.budget.batch_size, self.streams.order)
        self.micro_batch_size = math.ceil(self.budget.at_once / 2**self.halvings)
        self.validation_batch_size = self.budget.scored_at_once(self.micro_batch_size)
        self.gradient_clip = None if self.fits else training.gradient_clip
        self.precision = resolve_precision(training.precision, self.device)
        seed_default_generator(self.streams.initialisation, self.device)
        layout = torch.channels_last if training.channels_last else torch.contiguous_format
        self.model = self.task.build_model().to(self.device)
        self.model.to(memory_format=layout)  # type: ignore[call-overload]
        self.forward: nn.Module = self.model
        if training.compile and not self.fits:
            self.forward = torch.compile(self.model)  # type: ignore[assignment]
        # A fitted model is not optimised.
        if not self.fits:
            self.optimizer = optimisation.make_optimizer(self.model.parameters(), training)
            self.schedule = optimisation.make_schedule(self.optimizer, training, self.budget)

    @property
    def is_done(self) -> bool:
        """Whether the budget is spent, or no more is to be gained."""
        return self.progress.epoch >= self.budget.epochs or self.progress.stopped_early

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "progress": dict(vars(self.progress)),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.progress = Progress(**state["progress"])

    def run(self, on_epoch: Callable[[Epoch], None], on_step: Callable[[], bool]) -> None:
        """Train to the end of the budget, or until no more is to be gained.

        Parameters
        ----------
        on_epoch
            Called after each epoch.
        on_step
            Called after each step; training stops when it returns true.

        Raises
        ------
        Diverged
            If the loss or the gradient is not finite.
        Interrupted
            If `on_step` asked for it.
        LoneSampleError
            If a micro-batch is of one sample, and the model cannot train on one.
        """
        while not self.is_done:
            self._epoch(on_step)
            on_epoch(self._end_epoch())

    def _epoch(self, on_step: Callable[[], bool]) -> None:
        progress = self.progress
        self.model.train()
        end = self.budget.end_of(progress.epoch + 1)
        started = time.perf_counter()
        # Summed on the device: reading a value each step would wait for the device each step.
        loss_sum = torch.full((), progress.loss_sum, dtype=torch.float64, device=self.device)
        norm_sum = torch.full((), progress.norm_sum, dtype=torch.float64, device=self.device)
        score_sums = torch.tensor(progress.score_sums, dtype=torch.float64, device=self.device)
        stop = False
        while progress.step < end and not stop:
            loss, norm, sums = self._fit() if self.fits else self._step(progress.step)
            loss_sum += loss
            norm_sum += norm
            score_sums = score_sums + sums if len(score_sums) else sums
            progress.step += 1
            stop = on_step()
        progress.loss_sum, progress.norm_sum = loss_sum.item(), norm_sum.item()
        progress.score_sums = score_sums.tolist()
        progress.epoch_sec += time.perf_counter() - started
        for name, total in (
            ("training loss", progress.loss_sum),
            ("gradient's norm", progress.norm_sum),
        ):
            if not math.isfinite(total):
                raise Diverged(
                    f"the {name} is {total} in epoch {progress.epoch + 1}, by step {progress.step}"
                )
        if stop and progress.step < self.budget.steps:
            raise Interrupted(f"step {progress.step} of {self.budget.steps}")

    def _step(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Make one optimiser step; return the mean loss, the gradient's norm, the score's sums."""
        self.progress.learning_rate = float(self.optimizer.param_groups[0]["lr"])
        generator = generator_at(self.streams.augmentation, step)
        seed_default_generator(entropy(self.streams.augmentation, step, 1), self.device)
        batch = self.task.training_batch(self.order.batch(step), generator)
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.device)
        sums: list[torch.Tensor] = []
        parts = zip(*(torch.split(part, self.micro_batch_size) for part in batch), strict=True)
        for micro_batch in parts:
            loss, scored = self._loss(micro_batch, step / self.budget.steps)
            share = loss * (len(micro_batch[0]) / self.budget.batch_size)
            share.backward()  # type: ignore[no-untyped-call]
            total += share.detach()
            sums.append(scored.detach().double())
        norm = optimisation.clip_gradients(self.model, self.gradient_clip)
        self.optimizer.step()
        self.schedule.step()
        return total, norm, torch.stack(sums).sum(dim=0)

    def _loss(self, micro_batch: Batch, progress: float) -> tuple[torch.Tensor, torch.Tensor]:
        try:
            with autocast(self.precision, self.device):
                return self.task.training_loss(self.forward, micro_batch, progress)
        except (ValueError, RuntimeError) as error:  # a compiled model raises the latter
            if len(micro_batch[0]) > 1 or _ONE_VALUE not in str(error):
                raise
        batch, size = self.budget.batch_size, self.micro_batch_size
        cut = f"of {batch}, in micro-batches of {size}, leaves one alone"
        raise LoneSampleError(
            "cannot train on one sample at a time (its batch normalisation has one value a channel "
            f"then), and the batch {cut if size < batch else 'has no more'}"
        )

    def _fit(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Fit the model to the subset; return as `_step` does, without a gradient."""
        task = cast("FittingTask", self.task)
        seed_default_generator(entropy(self.streams.augmentation, 0, 1), self.device)
        generator = generator_at(self.streams.augmentation, 0)
        task.fit(self.model)
        self.model.eval()
        total = torch.zeros((), device=self.device)
        sums: list[torch.Tensor] = []
        with torch.inference_mode():
            for positions in torch.split(torch.arange(self.budget.count), self.micro_batch_size):
                batch = task.training_batch(positions, generator)
                loss, scored = task.training_loss(self.model, batch, 0.0)
                total += loss * (len(positions) / self.budget.count)
                sums.append(scored.double())
        return total, torch.zeros_like(total), torch.stack(sums).sum(dim=0)

    def _end_epoch(self) -> Epoch:
        progress = self.progress
        steps = progress.step - self.budget.end_of(progress.epoch)
        validation = self._validate()
        sums = torch.tensor(progress.score_sums, dtype=torch.float64)
        progress.epoch += 1
        progress.train_loss = progress.loss_sum / steps
        is_best = self._keep_best(validation)
        epoch = Epoch(
            epoch=progress.epoch,
            step=progress.step,
            passes=progress.step / self.budget.steps_per_pass,
            train_loss=progress.train_loss,
            training=self.task.training_scores(sums),
            validation=validation,
            learning_rate=progress.learning_rate,
            gradient_norm=progress.norm_sum / steps,
            epoch_time_sec=progress.epoch_sec,
            samples_per_sec=steps * self.budget.batch_size / progress.epoch_sec,
            is_best=is_best,
        )
        progress.train_sec += progress.epoch_sec
        progress.loss_sum = progress.norm_sum = progress.epoch_sec = 0.0
        progress.score_sums = []
        return epoch

    def _validate(self) -> dict[str, float | None]:
        self.model.eval()
        names = list(dict.fromkeys(["loss", self.training.monitor, *self.epoch_metrics]))
        at_once = self.validation_batch_size
        scores = self.task.score(self.model, "validation", names, at_once, details=False)
        loss = scores.values["loss"]
        if loss is None or not math.isfinite(loss):
            why = scores.undefined.get("loss", f"it is {loss}")
            raise Diverged(
                f"the validation loss is no finite number in epoch {self.progress.epoch + 1}: {why}"
            )
        monitor = self.training.monitor
        if scores.values[monitor] is None:
            raise DataError(
                f"training.monitor is {monitor}, which has no value on the validation split "
                f"({scores.undefined.get(monitor)}); monitor loss, or mend the split"
            )
        return scores.values

    def _keep_best(self, validation: dict[str, float | None]) -> bool:
        progress, stopping = self.progress, self.training.early_stopping
        value = validation[self.training.monitor]
        is_best = self._gain(value, progress.best_value) > 0
        if is_best:
            progress.best_value = value
            progress.best_epoch, progress.best_step = progress.epoch, progress.step
            progress.best_validation_loss = validation["loss"]
            progress.best_weights = copy_of(self.model.state_dict())
        # Small gains add up: each is measured from the last that was large enough to count.
        gain = self._gain(value, progress.improved_value)
        if gain > 0 and gain >= stopping.min_delta:
            progress.improved_value, progress.epochs_since_improved = value, 0
        elif progress.epoch > stopping.warmup:
            progress.epochs_since_improved += 1
        if stopping.patience is not None and progress.epochs_since_improved >= stopping.patience:
            progress.stopped_early = progress.epoch < self.budget.epochs
        return is_best

    def _gain(self, value: float | None, before: float | None) -> float:
        assert value is not None
        if before is None:
            return math.inf
        return value - before if self.higher_is_better else before - value
