"""What a job asks a cluster for: memory and time, from its data, its batch and its steps.

The numbers are generous and need not be right. A job that is killed for one of them is tried
again with more, and a run goes on where it was stopped. A cluster's profile may set others. They
re-run nothing: no result depends on them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.spec import ShardSpec
from studygrid.study import Size
from studygrid.training.budget import Budget

SNAKEMAKE_MB = 250  # two processes of Snakemake run around a job on a node
PYTHON_MB = 750  # PyTorch and what it imports; a small run was seen to use 450
CUDA_MB = 3000  # the host's memory that CUDA's libraries take
# Numbers that a network keeps of a sample for its gradient, for each number that goes into it:
# about 170 in a ResNet-50.
ACTIVATIONS = 200
LEAST_MIN = 10  # a node that is slow to start Python and to read the data
LONGEST_MIN = 24 * 60  # of any try; a run that needs longer goes on in the next
# Input numbers that a slow model trains on in a second: a large one on an old GPU, a ResNet-50 on
# one CPU core.
GPU_RATE, CPU_RATE = 10_000_000, 200_000
# A sample of a shard: made by a slow generator, and as it lies in memory.
SHARD_RATE, SHARD_SAMPLE_MB = 5, 0.01
FORWARD = 1 / 3  # what scoring a sample costs of training on it


@dataclass(frozen=True)
class Need:
    """What a job needs on its first try.

    Attributes
    ----------
    mem_mb
        Memory of the host, with Snakemake's own.
    runtime
        Minutes.
    """

    mem_mb: int
    runtime: int


@dataclass(frozen=True)
class DataSize:
    """The size of a dataset at a resolution.

    Attributes
    ----------
    mb
        All arrays together.
    numbers
        Numbers that a model reads of one sample.
    train, validation, test
        Samples of each split.
    """

    mb: float
    numbers: int
    train: int
    validation: int
    test: int


def recorded_size(record: Path) -> DataSize | None:
    """Return the size of prepared data; None before there is a record of it."""
    try:
        return _recorded(record, record.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError):
        return None


@cache
def _recorded(record: Path, changed_at: int) -> DataSize:
    # Read as plain JSON: thousands of jobs ask, and the job itself checks the record.
    content = json.loads(record.read_text("utf-8"))
    arrays = list(content["arrays"].values())
    samples = max(array["shape"][0] for array in arrays)
    # What has other rows, such as the objects of scans, is not read a sample.
    numbers = [math.prod(array["shape"][1:]) for array in arrays if array["shape"][0] == samples]
    values = sum(math.prod(array["shape"]) * _item_bytes(array["dtype"]) for array in arrays)
    splits = content["splits"]
    return DataSize(
        mb=values / 1e6,
        numbers=sum(numbers),
        **{name: splits[name]["count"] for name in ("train", "validation", "test")},
    )


def _item_bytes(dtype: str) -> int:
    bits = int("".join(filter(str.isdigit, dtype)) or 8)
    return max(1, bits // 8)


def guessed_size(plan: Plan, resolution: int) -> DataSize:
    """Return what the config tells of data that is not prepared yet.

    A sample counts as a colour image of a byte a number, or as a row where it is no image.
    """
    try:
        train = plan.dataset.train_size(plan.dataset_options) or 0
    except StudygridError:
        train = 0  # the data is not there yet; `prepare` says so
    other = train // 3
    is_image = plan.family.resolution_unit == "px"
    numbers = 3 * resolution**2 if is_image else resolution
    mb = (train + 2 * other) * numbers / 1e6
    return DataSize(mb, numbers, train, other, other)


class Needs:
    """What the jobs of a study need.

    Parameters
    ----------
    plan
        The study.
    results
        Its results folder.
    """

    def __init__(self, plan: Plan, results: Path) -> None:
        self._plan, self._results = plan, results
        self._on_gpu = plan.study.execution.device != "cpu"
        self._guessed = cache(partial(guessed_size, plan))

    @property
    def gpus(self) -> int:
        """GPUs that a job on a device needs: none where the config says cpu."""
        return int(self._on_gpu)

    def shard(self, spec: ShardSpec) -> Need:
        """Return what making a shard needs."""
        memory = SNAKEMAKE_MB + PYTHON_MB + SHARD_SAMPLE_MB * spec.samples
        return _need(memory, spec.samples / SHARD_RATE)

    def prepare(self, resolution: int) -> Need:
        """Return what preparing the data at a resolution needs."""
        data = self._guessed(resolution)
        shards = SHARD_SAMPLE_MB * sum(spec.samples for spec in self._plan.shards)
        memory = SNAKEMAKE_MB + PYTHON_MB + 3 * data.mb + shards
        return _need(memory, data.mb * 1e6 / CPU_RATE / 10)

    def train(self, run: Run) -> Need:
        """Return what training a run needs."""
        model, data = self._plan.models[run.model], self._data(run.resolution)
        training, fits = model.training, model.architecture.fits
        budget = Budget.of(training, max(1, _count(run.n_train, data.train)), fits=fits)
        trained = budget.steps * budget.batch_size
        scored = budget.epochs * data.validation
        validated = min(budget.scored_at_once(budget.at_once), data.validation)
        validated = self._at_once(run.resolution, validated)
        kept = self._kept(data, run.resolution, budget.at_once, validated)
        return _need(self._memory(data, kept), self._seconds(data, trained + FORWARD * scored))

    def evaluate(self, run: Run) -> Need:
        """Return what scoring a run needs: on the test split, for a threshold on validation too."""
        data = self._data(run.resolution)
        batch = self._plan.study.evaluation.batch_size
        batch = min(batch, max(data.test, data.validation) or batch)
        kept = self._kept(data, run.resolution, 0, self._at_once(run.resolution, batch))
        seconds = self._seconds(data, FORWARD * (data.test + data.validation))
        return _need(self._memory(data, kept), seconds)

    def infer(self, run: Run) -> Need:
        """Return what scoring a run again needs; under autocast it is scored in float32 too."""
        data, inference = self._data(run.resolution), self._plan.study.inference
        samples = getattr(data, inference.dataset_split)
        batch = min(inference.batch_size, max(samples, data.validation) or inference.batch_size)
        kept = self._kept(data, run.resolution, 0, self._at_once(run.resolution, batch))
        passes = 1 if inference.autocast is False else 2
        scored = passes * (samples + data.validation)
        return _need(self._memory(data, kept), self._seconds(data, FORWARD * scored))

    def profile(self, resolution: int) -> Need:
        """Return what a profile needs."""
        data, profiling = self._data(resolution), self._plan.study.profiling
        largest = max(profiling.batch_sizes)
        measured = len(profiling.batch_sizes) * (profiling.measure_sec + profiling.warmup_sec)
        passes = len(profiling.batch_sizes) * profiling.min_repeats * largest
        return _need(
            self._memory(data, self._kept(data, resolution, 0, largest)),
            measured + self._seconds(data, FORWARD * passes),
        )

    def _data(self, resolution: int) -> DataSize:
        record = self._results / "data" / f"res{resolution}" / "data.json"
        return recorded_size(record) or self._guessed(resolution)

    def _kept(self, data: DataSize, resolution: int, trained: int, scored: int) -> float:
        """Return the numbers that a network keeps of so many samples, trained or scored at once."""
        pixels = self._plan.family.pixel_memory
        if pixels is None:
            # A classifier keeps little where it scores: eight times the samples of training fit.
            return ACTIVATIONS * data.numbers * (trained or math.ceil(scored * FORWARD))
        return resolution**2 * max(pixels.trained * trained, pixels.scored * scored)

    def _at_once(self, resolution: int, samples: int) -> int:
        """Return how many of some samples are scored at once."""
        pixels = self._plan.family.pixel_memory
        return samples if pixels is None else min(samples, max(1, pixels.at_once // resolution**2))

    def _memory(self, data: DataSize, kept: float) -> float:
        # The arrays once as they are read, once in the order of the subset.
        base = SNAKEMAKE_MB + 2 * data.mb
        if self._on_gpu:
            return base + CUDA_MB
        return base + PYTHON_MB + 4 * kept / 1e6

    def _seconds(self, data: DataSize, samples: float) -> float:
        return samples * data.numbers / (GPU_RATE if self._on_gpu else CPU_RATE)


def _need(memory_mb: float, seconds: float) -> Need:
    # Round numbers: many schedulers hand out memory in such pieces, and people read them.
    minutes = min(LONGEST_MIN, LEAST_MIN + math.ceil(seconds / 60))
    return Need(mem_mb=math.ceil(memory_mb / 250) * 250, runtime=minutes)


def _count(n_train: Size, available: int) -> int:
    return available if n_train == "all" else int(n_train)
