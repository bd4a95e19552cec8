"""Records: the strict, versioned JSON document that each job writes, atomically."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from studygrid.errors import RecordError
from studygrid.spec import DataSpec, EvaluateSpec, InferSpec, ProfileSpec, ShardSpec, TrainSpec

SCHEMA_VERSION: Final = 1


class Status(StrEnum):
    """How a job ended. All but `ok` carry a reason."""

    OK = "ok"
    DIVERGED = "diverged"
    OOM = "oom"


class Part(BaseModel):
    """A part of a record: strict, and without NaN or Infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Device(Part):
    """The device that a job ran on."""

    type: str
    name: str
    uuid: str | None
    memory_mb: float | None
    driver: str | None


class Hardware(Part):
    """The machine that a job ran on."""

    host: str
    device: Device
    device_count: int
    cpu: str
    cpu_count: int
    threads: int
    memory_mb: float


class Software(Part):
    """What the job's code and libraries were."""

    studygrid: str
    python: str
    torch: str
    numpy: str
    cuda: str | None
    cudnn: str | None
    platform: str
    git_commit: str | None
    git_dirty: bool | None


class Origin(Part):
    """When, where and from which code a record comes."""

    started_at: str
    finished_at: str
    total_time_sec: float
    code: str
    command: list[str]
    hardware: Hardware
    software: Software


class ArrayFile(Part):
    """An array of a prepared dataset; `file` lies beside the record."""

    file: str
    shape: list[int]
    dtype: str
    sha256: str


class SplitFacts(Part):
    """A split: its size, the file of its indices, and its class counts where it has classes."""

    file: str
    sha256: str
    count: int
    class_counts: list[int] | None


class DuplicateSample(Part):
    """Samples of the same content that lie in different splits: a leak."""

    splits: list[str]
    samples: list[str]


class ShardRecord(Part):
    """A shard; `file` lies beside the record. Like `DataRecord` it holds no time and no place."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["shard"] = "shard"
    spec: ShardSpec
    file: str
    sha256: str
    facts: dict[str, Any]


class DataRecord(Part):
    """A dataset at one resolution. It holds no time and no place, so equal data is equal bytes."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["data"] = "data"
    spec: DataSpec
    sha256: str
    arrays: dict[str, ArrayFile]
    splits: dict[str, SplitFacts]
    facts: dict[str, Any]
    duplicates_across_splits: list[DuplicateSample]
    # Whether a training subset is the first samples of the split, and not drawn.
    sequential: bool = False
    licence: str
    citation: str


class Checkpoint(Part):
    """The kept weights; `file` lies beside the record."""

    file: str
    sha256: str
    epoch: int
    step: int


class Subset(Part):
    """The training samples of a run."""

    count: int
    sha256: str
    class_counts: list[int] | None
    facts: dict[str, Any] = Field(default_factory=dict)


class Streams(Part):
    """The run's seed and the entropy that each stream of random numbers starts from."""

    seed: int
    initialisation: int
    order: int
    augmentation: int
    subset: int


class Applied(Part):
    """What training really used, read back from the objects."""

    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    precision: str
    batch_size: int
    micro_batch_size: int
    steps: int
    steps_per_epoch: int
    gradient_clip: float | None
    channels_last: bool
    compiled: bool
    deterministic: bool
    data_on_device: bool
    loss: dict[str, Any]
    augmentation: dict[str, Any]
    parameters: int


class Attempt(Part):
    """A stretch of training that the result rests on: when, where, and from which step on."""

    started_at: str
    host: str
    device: str
    device_uuid: str | None
    slurm_job: str | None
    step: int


class TrainRecord(Part):
    """One training run."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["train"] = "train"
    status: Status
    reason: str | None
    spec: TrainSpec
    applied: Applied | None
    data_sha256: str
    validation_count: int
    subset: Subset
    streams: Streams
    checkpoint: Checkpoint | None
    monitor: str
    best_value: float | None
    best_epoch: int | None
    best_validation_loss: float | None
    final_train_loss: float | None
    epochs: int
    steps: int
    stopped_by: Literal["budget", "early_stopping", "failure"]
    attempts: list[Attempt]
    train_time_sec: float
    samples_per_sec: float | None
    peak_host_memory_mb: float
    peak_device_memory_allocated_mb: float | None
    peak_device_memory_reserved_mb: float | None
    origin: Origin


class EvaluateRecord(Part):
    """The scores of a run's kept weights on the test split."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["evaluate"] = "evaluate"
    status: Status
    reason: str | None
    spec: EvaluateSpec
    run: TrainSpec
    checkpoint_sha256: str | None
    data_sha256: str
    test_count: int
    metrics: dict[str, float | None]
    undefined: dict[str, str]
    chance: dict[str, float]
    facts: dict[str, Any]
    tables: dict[str, list[list[int | float]]]
    scores_file: str | None
    examples_file: str | None
    evaluate_time_sec: float | None
    origin: Origin


class InferenceRecord(Part):
    """The scores of a run's kept weights on one split, scored again.

    `autocast_effect` holds each metric less what it is in float32 (null where either has no
    value), and is null itself where the scores are of float32.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["inference"] = "inference"
    status: Status
    reason: str | None
    spec: InferSpec
    run: TrainSpec
    checkpoint_sha256: str | None
    data_sha256: str
    split: Literal["test", "validation", "train"]
    count: int
    batch_size: int
    precision: str
    autocast_effect: dict[str, float | None] | None
    metrics: dict[str, float | None]
    undefined: dict[str, str]
    chance: dict[str, float]
    facts: dict[str, Any]
    tables: dict[str, list[list[int | float]]]
    scores_file: str | None
    examples_file: str | None
    throughput_samples_per_sec: float | None
    inference_time_sec: float | None
    origin: Origin


class Latency(Part):
    """Time of one forward pass of a batch, over `repeats` passes."""

    batch_size: int
    repeats: int
    warmup_passes: int
    steady: bool
    median_sec_per_batch: float
    iqr_sec_per_batch: float
    p95_sec_per_batch: float
    median_sec_per_sample: float
    p95_sec_per_sample: float
    throughput_samples_per_sec: float
    peak_device_memory_allocated_mb: float | None
    peak_device_memory_reserved_mb: float | None


class ProfileRecord(Part):
    """The cost of inference of one model at one resolution."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["profile"] = "profile"
    status: Status
    reason: str | None
    spec: ProfileSpec
    input_shape: list[int]
    precision: str
    channels_last: bool
    parameters: int
    flops_per_sample: int | None
    latency: list[Latency]
    peak_host_memory_mb: float
    ran_alone: bool
    other_load_cores: float
    origin: Origin


Record = ShardRecord | DataRecord | TrainRecord | EvaluateRecord | ProfileRecord | InferenceRecord
RecordT = TypeVar(
    "RecordT",
    ShardRecord,
    DataRecord,
    TrainRecord,
    EvaluateRecord,
    InferenceRecord,
    ProfileRecord,
)
_AGAIN = "delete it and run `snakemake all` again"
RECORD_KINDS: tuple[type[Record], ...] = (
    ShardRecord,
    DataRecord,
    TrainRecord,
    EvaluateRecord,
    InferenceRecord,
    ProfileRecord,
)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _drop_left_overs(path)
    prefix = f".{path.name}.{socket.gethostname()}.{os.getpid()}."
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _drop_left_overs(path: Path) -> None:
    """Delete what processes that were killed on this machine left of earlier writes."""
    for left in path.parent.glob(f".{path.name}.{socket.gethostname()}.*.part"):
        process = left.name.split(".")[-3]
        if process.isdecimal() and int(process) != os.getpid() and not _is_alive(int(process)):
            left.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_record(path: Path, record: Record) -> None:
    """Write a record as strict JSON, atomically.

    Raises
    ------
    RecordError
        If a number in it is NaN or infinite (such a value belongs in `reason`), or a value is of
        a kind that JSON has not.
    """
    try:
        # model_construct and copies skip validation; a record on disk never did.
        content = type(record).model_validate(record.model_dump()).model_dump()
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        encoded = text.encode()
    except (TypeError, ValueError) as error:
        raise RecordError(f"{path}: not written, it would not be a valid record: {error}") from None
    write_atomically(path, encoded)


def read_record(path: Path, kind: type[RecordT]) -> RecordT:
    """Read a record.

    Raises
    ------
    RecordError
        If the file is missing, is not strict JSON, is of another version or lacks something; the
        message names the file and the first things that are wrong.
    """
    try:
        encoded = path.read_bytes()
    except FileNotFoundError:
        raise RecordError(f"{path}: missing") from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        content = from_json(encoded, allow_inf_nan=False)
    except ValueError as error:
        fault = _constant_in(encoded) or error
        raise RecordError(f"{path}: is not JSON ({fault}); {_AGAIN}") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise RecordError(f"{path}: schema_version is {version!r}, not {SCHEMA_VERSION}; {_AGAIN}")
    try:
        return kind.model_validate_json(encoded, strict=True)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:3]
        )
        raise RecordError(f"{path}: not a valid {kind.__name__} ({faults}); {_AGAIN}") from None


def _constant_in(encoded: bytes) -> str | None:
    """Return what is wrong with JSON that Python's own reader takes: NaN or Infinity."""
    found: list[str] = []
    try:
        json.loads(encoded, parse_constant=found.append)
    except (ValueError, RecursionError):
        return None
    return f"it has {found[0]}" if found else None
