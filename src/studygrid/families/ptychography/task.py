"""Ptychography as the training loop sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from studygrid.errors import DataError
from studygrid.families.base import (
    AppliedTask,
    Batch,
    Family,
    Scores,
    Split,
    load_reference,
)
from studygrid.families.prepared import PreparedData
from studygrid.families.ptychography import scoring
from studygrid.families.ptychography.canvas import canvas_side
from studygrid.families.ptychography.losses import Loss, ObjectLoss, PatternLoss
from studygrid.families.ptychography.models.options import NetworkOptions
from studygrid.families.ptychography.models.patches import Engine, GroupShape, Patches
from studygrid.families.ptychography.options import LossOptions
from studygrid.families.ptychography.predictions import Predictions
from studygrid.families.ptychography.samples import Groups, GroupSamples
from studygrid.families.scoring import metric_values, tables_of
from studygrid.spec import ModelSpec, TrainSpec

# By reference: no training depends on it. That of an evaluation does so by the family's tables,
# which are of the same module.
_FINDINGS = "studygrid.families.ptychography.findings"
_OF_THE_OBJECT = "object"


class PtychographyTask:
    """Groups of patterns to patches; see `studygrid.families.base.FittingTask`.

    Parameters
    ----------
    family
        The declaration of this family: its architectures and metrics by name.
    spec
        The model and its resolution, the side of a pattern.
    data
        As `studygrid.families.ptychography.data.parts` writes it.
    device
        Where the model runs.
    """

    def __init__(
        self, family: Family, spec: ModelSpec, data: PreparedData, device: torch.device
    ) -> None:
        architecture = family.find_architecture(spec.architecture)
        assert architecture is not None
        self._family, self._spec, self._architecture = family, spec, architecture
        self._data, self._device = data, device
        self._options = architecture.options.model_validate(spec.options)
        self._probes = torch.from_numpy(np.array(data.array("probes"))).to(device)
        self._scans: dict[str, list[scoring.Scan]] = {}
        self._loss_in_force: Loss | None = None

    @property
    def _shape(self) -> GroupShape:
        return GroupShape(self._data.array("groups").shape[1], self._spec.resolution)

    def build_model(self) -> nn.Module:
        """Return a freshly initialised model, on the CPU."""
        build = load_reference(self._architecture.build)
        model: nn.Module = build(self._shape, self._options, self._architecture.name)
        return model

    def start_training(self, spec: TrainSpec, subset: np.ndarray[Any, Any]) -> None:
        """Load the training subset.

        Raises
        ------
        DataError
            If the model is trained on objects, and one of them is not known.
        """
        if self._architecture.loss == _OF_THE_OBJECT:
            self._require_objects()
        self._train = GroupSamples(self._data, subset, self._device)

    def _require_objects(self) -> None:
        """Refuse data whose object a label would have to be cut from, and is not there."""
        facts = self._data.record.facts["scans"]
        for split in ("train", "validation"):
            indices = self._data.indices(split)
            for number in np.unique(self._data.array("scan")[indices]).tolist():
                if np.isnan(self._data.array("objects")[number]).all():
                    raise DataError(_no_object(self._spec, split, facts[number]))

    def fit(self, model: nn.Module) -> None:
        """Do nothing: an engine works on the patterns that are scored."""
        assert isinstance(model, Engine)

    def training_batch(self, positions: torch.Tensor, generator: torch.Generator) -> Batch:
        """Return groups of patterns; they are not augmented."""
        return tuple(self._train.take(positions))

    def training_loss(
        self, model: nn.Module, batch: Batch, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss of the groups; that of an engine is of the flat object."""
        groups = Groups(*batch)
        patches: Patches = _flat(groups) if self._architecture.fits else model(groups.patterns)
        loss = self._loss(patches, groups)
        return loss.mean(), loss.new_zeros(0)

    def training_scores(self, sums: torch.Tensor) -> dict[str, float | None]:
        """Return nothing: patches of a batch are no object that could be scored."""
        return {}

    @torch.no_grad()
    def score(
        self,
        model: nn.Module,
        split: Split,
        metrics: Sequence[str],
        batch_size: int,
        *,
        details: bool = True,
    ) -> Scores:
        """Score the objects that a model makes of a whole split, in float32."""
        if split not in self._scans:
            self._scans[split] = scoring.scans_of(self._data, split, self._device)
        passes = self._options.phase_passes if isinstance(self._options, NetworkOptions) else 0
        predictions = scoring.predict(
            model, self._scans[split], self._probes, self._loss, batch_size, passes
        )
        values, undefined = metric_values(self._family, metrics, predictions)
        if not details:
            return Scores(values, undefined)
        return Scores(
            values,
            undefined,
            chance=_finding("flat_scores", predictions),
            facts={"phase_passes": passes, **_finding("facts", predictions)},
            tables=tables_of(self._family, predictions),
            per_sample=_finding("per_sample", predictions),
            examples=_finding("examples", predictions),
        )

    @property
    def _loss(self) -> Loss:
        if self._loss_in_force is None:
            self._loss_in_force = self._make_loss()
        return self._loss_in_force

    def _make_loss(self) -> Loss:
        if self._architecture.loss == _OF_THE_OBJECT:
            options = self._spec.loss if isinstance(self._spec, TrainSpec) else {}
            objects = torch.from_numpy(np.array(self._data.array("objects"))).to(self._device)
            return ObjectLoss(self._probes, objects, LossOptions.model_validate(options))
        positions = torch.from_numpy(np.array(self._data.array("positions")))
        groups = torch.from_numpy(np.array(self._data.array("groups")))
        side = canvas_side(positions[groups], self._spec.resolution)
        return PatternLoss(self._probes, float(self._data.record.facts["photons"]), side)

    def example(self, batch_size: int) -> Batch:
        """Return patterns of the test split; of an engine with what else it needs."""
        indices = self._data.indices("test")
        scan = np.asarray(self._data.array("scan")[indices])
        of_one = np.resize(indices[scan == scan[0]], batch_size)
        groups = GroupSamples(self._data, of_one, self._device).take(torch.arange(batch_size))
        if not self._architecture.fits:
            return (groups.patterns,)
        # The smallest object that holds them.
        positions = groups.positions - groups.positions.amin(dim=(0, 1)).floor()
        return groups.patterns, positions, self._probes[int(scan[0])]

    def applied(self) -> AppliedTask:
        """Return the loss in force, and where the training patterns lie."""
        return AppliedTask(
            loss=self._loss.describe(),
            augmentation={},
            data_on_device=self._train.patterns.on_device,
        )


def _flat(groups: Groups) -> Patches:
    """Return the patches of an object that does nothing."""
    return Patches(torch.ones_like(groups.patterns), torch.zeros_like(groups.patterns))


def _finding(name: str, predictions: Predictions) -> Any:
    return load_reference(f"{_FINDINGS}:{name}")(predictions)


def _no_object(spec: ModelSpec, split: str, scan: dict[str, Any]) -> str:
    file = f" ({scan['file']})" if "file" in scan else ""
    return (
        f"model {spec.model} ({spec.architecture}) is trained on patches of the object, but the "
        f"object of the {split} scan {scan['name']}{file} is not known: give it in that file as "
        "objectGuess, or leave the model out of grid.model; pinn needs none"
    )
