"""The disk that the jobs to do will fill."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from studygrid.estimate.measured import Measured
from studygrid.estimate.shard_times import shard_bytes
from studygrid.estimate.todo import ToDo
from studygrid.estimate.work import code_of
from studygrid.execution.resources import SHARD_SAMPLE_MB, guessed_size, recorded_size
from studygrid.plan import Plan
from studygrid.spec import ShardSpec, TrainSpec

_FLOAT_BYTES = 4
# A resume point holds the weights, two moments of each, and the best weights so far; while it is
# written, the one before is there too.
_RESUME_COPIES = 4
_RESUME_FILES = 2


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes on the file system of the results.

    Attributes
    ----------
    weights, other, data
        Kept weights, records and logs, and prepared arrays with their shards: what stays.
    resume
        Resume points of the runs at once, for a time; each is counted while it is replaced.
    free
        Free now.
    runs_unknown
        Runs whose weights have a size that nothing tells.
    is_data_guessed
        Whether the size of the prepared data is told by the config alone.
    """

    weights: float
    other: float
    data: float
    resume: float
    free: int
    runs_unknown: int
    is_data_guessed: bool

    @property
    def stays(self) -> float:
        """What is there in the end that is not there now."""
        return self.weights + self.other + self.data

    @property
    def most(self) -> float:
        """The most that is there at once."""
        return self.stays + self.resume

    @property
    def fits(self) -> bool:
        """Whether the free space suffices."""
        return self.most <= self.free


def disk_of(
    plan: Plan,
    results: Path,
    jobs: ToDo,
    measured: Measured,
    workers: int,
    parameters: Mapping[str, int],
) -> Disk:
    """Return the disk that jobs need.

    Parameters
    ----------
    parameters
        Numbers of parameters that a pilot counted, by the code of `code_of`.
    """
    sizes = _weights(plan, measured, parameters)
    train = [sizes.get((run.model, run.resolution)) for run in jobs.train]
    # A run that is trained again replaces its own weights.
    before = [measured.trained[run].weights_bytes for run in jobs.train if run in measured.trained]
    known = [size for size in train if size is not None]
    files = [run.other_bytes for run in measured.trained.values() if run.scored]
    new = sum(run not in measured.trained for run in jobs.train)
    data, is_guessed = _data(plan, results, jobs.prepare)
    shards, are_guessed = _shards(plan, results, jobs.shard)
    largest = sorted(known, reverse=True)[:workers]
    return Disk(
        weights=max(sum(known) - sum(before), 0.0),
        other=new * median(files) if files else 0.0,
        data=data + shards,
        resume=_RESUME_COPIES * _RESUME_FILES * sum(largest),
        free=free_bytes(results),
        runs_unknown=len(train) - len(known),
        is_data_guessed=is_guessed or are_guessed,
    )


def free_bytes(folder: Path) -> int:
    """Return the free bytes where a folder is or will be."""
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _weights(
    plan: Plan, measured: Measured, parameters: Mapping[str, int]
) -> dict[tuple[str, int], float]:
    """Return the bytes of the kept weights of a model at a resolution, where they are known."""
    kept: dict[tuple[str, int], list[int]] = {}
    for done in measured.trained.values():
        if done.weights_bytes and done.kind:
            kept.setdefault((done.kind.code, done.kind.resolution), []).append(done.weights_bytes)
    counted = {pair: profile.parameters for pair, profile in measured.profiled.items()}
    sizes: dict[tuple[str, int], float] = {}
    for run in {(run.model, run.resolution): run for run in plan.runs}.values():
        spec: TrainSpec = plan.train_spec(run)
        pair, code = (run.model, run.resolution), code_of(spec)
        here = kept.get((code, run.resolution))
        elsewhere = [max(found) for (other, _), found in kept.items() if other == code]
        count = counted.get(pair, parameters.get(code))
        if here:
            sizes[pair] = median(here)
        elif count is not None:
            sizes[pair] = _FLOAT_BYTES * count
        elif elsewhere:
            sizes[pair] = max(elsewhere)
    return sizes


def _shards(plan: Plan, results: Path, missing: Sequence[ShardSpec]) -> tuple[float, bool]:
    """Return the bytes of shards to make, where they come to lie beside the results."""
    if not missing or not _on_same_disk(results, plan.shard_records[0].parent):
        return 0.0, False
    each, is_known = shard_bytes(plan)
    samples = sum(spec.samples for spec in missing)
    return samples * (each if is_known else SHARD_SAMPLE_MB * 1e6), not is_known


def _on_same_disk(*folders: Path) -> bool:
    return len({_existing(folder).stat().st_dev for folder in folders}) == 1


def _data(plan: Plan, results: Path, sides: Sequence[int]) -> tuple[float, bool]:
    total, guessed = 0.0, False
    power = 2 if plan.family.resolution_unit == "px" else 1
    folder = results / "data"
    there = {
        side: found
        for side in plan.axis("resolution")
        if (found := recorded_size(folder / f"res{side}" / "data.json")) is not None
    }
    for side in sides:
        if there:
            nearest = min(there, key=lambda other: abs(other - side))
            total += there[nearest].mb * 1e6 * (side / nearest) ** power
        else:
            total += guessed_size(plan, side).mb * 1e6
            guessed = True
    return total, guessed
