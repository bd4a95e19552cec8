"""What a model makes of a whole split: the object of each of its scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from studygrid.families.base import Split
from studygrid.families.prepared import PreparedData
from studygrid.families.ptychography.assembling import assemble_groups, coverage_of
from studygrid.families.ptychography.losses import Loss
from studygrid.families.ptychography.memory import PX_AT_ONCE
from studygrid.families.ptychography.models.patches import Engine, Patches
from studygrid.families.ptychography.physics import amplitude, extract, illumination
from studygrid.families.ptychography.predictions import (
    Predictions,
    Reconstruction,
    SampleLosses,
)
from studygrid.families.ptychography.samples import Groups, GroupSamples


@dataclass(frozen=True)
class Scan:
    """A scan of a split.

    Attributes
    ----------
    number
        Its place in the prepared `probes` and `objects`.
    name
        As the data's facts have it.
    box
        Its scanned part; see `Reconstruction.box`.
    truth
        Its object, complex64 (H, W), without what it was filled up with.
    samples
        All groups of the split that are of this scan.
    """

    number: int
    name: str
    box: tuple[int, int, int, int]
    truth: NDArray[np.complex64]
    samples: GroupSamples


def scans_of(data: PreparedData, split: Split, device: torch.device) -> list[Scan]:
    """Return the scans of a split, in the order of the prepared data."""
    indices = data.indices(split)
    numbers = np.asarray(data.array("scan")[indices])
    return [
        _scan(data.record.facts["scans"][number], number, data, indices[numbers == number], device)
        for number in np.unique(numbers).tolist()
    ]


def _scan(
    facts: dict[str, Any],
    number: int,
    data: PreparedData,
    indices: NDArray[np.int64],
    device: torch.device,
) -> Scan:
    height, width = facts["object_shape"]
    top, bottom, left, right = facts["scanned_box"]
    return Scan(
        number=number,
        name=facts["name"],
        box=(top, bottom, left, right),
        truth=np.array(data.array("objects")[number, :height, :width]),
        samples=GroupSamples(data, indices, device),
    )


@dataclass(frozen=True)
class Found:
    """What a model makes of one scan.

    Attributes
    ----------
    object, coverage
        See `Reconstruction`; on the device.
    losses
        Of each group, shape (n,); of an engine, of each pattern.
    index
        Of these groups or patterns, shape (n,); see `SampleLosses`.
    """

    object: Tensor
    coverage: Tensor
    losses: Tensor
    index: NDArray[np.int64]


def predict(
    model: nn.Module, scans: Sequence[Scan], probes: Tensor, loss: Loss, batch: int, passes: int
) -> Predictions:
    """Reconstruct the object of each scan, in float32.

    Parameters
    ----------
    model
        In evaluation mode.
    probes
        complex64, shape (k, N, N).
    batch
        Groups at once; it changes no result.
    passes
        In which the phases of patches are made to agree; see `assemble_groups`.
    """
    losses: list[NDArray[np.float64]] = []
    index: list[NDArray[np.int64]] = []
    reconstructions: list[Reconstruction] = []
    errors = torch.zeros(2, dtype=torch.float64)
    for scan in scans:
        probe = probes[scan.number]
        if isinstance(model, Engine):
            found = _by_engine(model, scan, probe, loss, batch)
        else:
            found = _by_network(model, scan, probe, loss, batch, passes)
        losses.append(found.losses.double().cpu().numpy())
        index.append(found.index)
        errors += pattern_errors(found.object, scan.samples, probe)
        reconstructions.append(
            Reconstruction(
                name=scan.name,
                object=found.object.cpu().numpy(),
                truth=scan.truth,
                coverage=found.coverage.cpu().numpy(),
                box=scan.box,
            )
        )
    counts = [len(part) for part in losses]
    loss_of_each = np.concatenate(losses)
    return Predictions(
        reconstructions=tuple(reconstructions),
        loss=float(loss_of_each.mean()),
        pattern_error=(errors[0] / errors[1]).item(),
        samples=SampleLosses(
            np.concatenate(index), np.repeat(np.arange(len(counts)), counts), loss_of_each
        ),
    )


def _by_network(
    model: nn.Module, scan: Scan, probe: Tensor, loss: Loss, batch: int, passes: int
) -> Found:
    samples = scan.samples
    patches = torch.empty(
        (*samples.group_positions.shape[:2], *probe.shape), dtype=probe.dtype, device=probe.device
    )
    losses: list[Tensor] = []
    for places in _batches(samples, batch):
        groups = samples.take(places)
        found: Patches = model(groups.patterns)
        patches[places[0] : places[-1] + 1] = found.transmission
        losses.append(loss(found, groups))
    shape = (scan.truth.shape[0], scan.truth.shape[1])
    weights = illumination(probe)
    assembled = assemble_groups(patches, weights, samples.group_positions, shape, passes)
    return Found(*assembled, torch.cat(losses), samples.indices)


def _by_engine(model: Engine, scan: Scan, probe: Tensor, loss: Loss, batch: int) -> Found:
    samples, shape = scan.samples, (scan.truth.shape[0], scan.truth.shape[1])
    patterns = samples.patterns.take(torch.arange(len(samples.patterns)))
    found = model.reconstruct(patterns, probe, samples.positions, shape)
    # Pattern by pattern: patches of one object agree already.
    losses = [
        loss(patches_at(found, singles.positions, len(probe)), singles)
        for singles in _singles(scan, patterns, batch)
    ]
    positions = samples.positions.unsqueeze(1)
    coverage = coverage_of(illumination(probe), positions, shape)
    return Found(found, coverage, torch.cat(losses), samples.pattern_indices)


def _singles(scan: Scan, patterns: Tensor, batch: int) -> Iterator[Groups]:
    """Yield the patterns of a scan as groups of one."""
    size = min(batch, max(1, PX_AT_ONCE // scan.samples.side**2))
    where = torch.split(scan.samples.positions, size)
    for some, there in zip(torch.split(patterns, size), where, strict=True):
        number = torch.full((len(some),), scan.number, device=some.device)
        yield Groups(some.unsqueeze(1), there.unsqueeze(1), number)


def patches_at(found: Tensor, positions: Tensor, side: int) -> Patches:
    """Return an object's patches at groups' positions, (B, C, 2)."""
    patches = extract(found, positions.reshape(-1, 2), side)
    patches = patches.view(*positions.shape[:2], side, side)
    return Patches(patches.abs(), patches.angle())


def pattern_errors(found: Tensor, samples: GroupSamples, probe: Tensor) -> Tensor:
    """Return what the R-factor of an object is made of, float64 (2,).

    Returns
    -------
    torch.Tensor
        Over all pixels of all patterns, the sum of ``|calculated - measured|`` amplitude and the
        sum of the measured amplitude.
    """
    side = len(probe)
    sums = torch.zeros(2, dtype=torch.float64)
    step = max(1, PX_AT_ONCE // side**2)
    for places in torch.split(torch.arange(len(samples.patterns)), step):
        measured = samples.patterns.take(places)
        where = samples.positions[places[0] : places[-1] + 1]
        calculated = amplitude(extract(found, where, side), probe)
        parts = (calculated - measured).abs(), measured
        sums += torch.stack([part.sum(dtype=torch.float64) for part in parts]).cpu()
    return sums


def _batches(samples: GroupSamples, size: int) -> Iterator[Tensor]:
    _, members, _ = samples.group_positions.shape
    most = max(1, PX_AT_ONCE // (members * samples.side**2))
    yield from torch.split(torch.arange(len(samples)), min(size, most))
