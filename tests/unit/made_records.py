"""Records made up for a plan: as a study would leave them, without running it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from studygrid.grid import Run
from studygrid.plan import Plan, make_plan
from studygrid.records import (
    Applied,
    ArrayFile,
    Attempt,
    Checkpoint,
    DataRecord,
    Device,
    DuplicateSample,
    EvaluateRecord,
    Hardware,
    InferenceRecord,
    Latency,
    Origin,
    ProfileRecord,
    Record,
    ShardRecord,
    Software,
    SplitFacts,
    Status,
    Streams,
    Subset,
    TrainRecord,
    write_record,
)
from studygrid.spec import ShardSpec

ORIGIN = Origin(
    started_at="2024-05-01T10:00:00+00:00",
    finished_at="2024-05-01T10:01:00+00:00",
    total_time_sec=60.0,
    code="0123456789abcdef",
    command=["train.py", "--spec", "{}"],
    hardware=Hardware(
        host="here",
        device=Device(type="cuda", name="Some GPU", uuid=None, memory_mb=16384.0, driver="550.1"),
        device_count=1,
        cpu="Some CPU",
        cpu_count=2,
        threads=1,
        memory_mb=8192.0,
    ),
    software=Software(
        studygrid="0.1.0",
        python="3.11.7",
        torch="2.11.0",
        numpy="2.1.0",
        cuda=None,
        cudnn=None,
        platform="Linux",
        git_commit="abc",
        git_dirty=False,
    ),
)


def small_plan(**changes: Any) -> Plan:
    """Return a plan of two models, two resolutions, two sizes and three seeds."""
    config: dict[str, Any] = {
        "family": "classification",
        "dataset": {"name": "elpv"},
        "models": {"simple_cnn": None, "tiny_cnn": None},
        "grid": {"resolution": [48, 32], "n_train": ["all", 64], "seed": 3},
        "profiling": {"batch_sizes": [1, 8]},
    }
    return make_plan({**config, **changes})


def shard_record() -> ShardRecord:
    """Return the record of a shard."""
    return ShardRecord(
        spec=ShardSpec(
            family="events",
            dataset="generated_events",
            name="background-000",
            options={"seed": 1},
            samples=10,
            code="0123456789abcdef",
        ),
        file="background-000.npz",
        sha256="s",
        facts={"events": 10},
    )


def data_record(plan: Plan) -> DataRecord:
    """Return a data record of two arrays."""
    array = ArrayFile(file="images.npy", shape=[4, 1, 32, 32], dtype="uint8", sha256="a")
    split = SplitFacts(file="train.npy", sha256="b", count=2, class_counts=[1, 1])
    return DataRecord(
        spec=plan.data_spec(32, Path(tempfile.gettempdir()) / "cache"),
        sha256="d",
        arrays={"images": array, "labels": array},
        splits={"train": split, "test": split},
        facts={"classes": ["good", "bad"], "mean": 0.5},
        duplicates_across_splits=[DuplicateSample(splits=["train", "test"], samples=["a", "b"])],
        licence="free",
        citation="Somebody, Ünïcode (2024)",
    )


def train_record(plan: Plan, run: Run, **changes: Any) -> TrainRecord:
    """Return the train record of a run that went well, unless changed."""
    made = TrainRecord(
        status=Status.OK,
        reason=None,
        spec=plan.train_spec(run),
        applied=Applied(
            optimizer={"class": "AdamW", "lr": 1e-3, "betas": [0.9, 0.999]},
            schedule={"class": "cosine"},
            precision="float32",
            batch_size=32,
            micro_batch_size=32,
            steps=100,
            steps_per_epoch=10,
            gradient_clip=None,
            channels_last=False,
            compiled=False,
            deterministic=True,
            data_on_device=True,
            loss={},
            augmentation={},
            parameters=1234,
        ),
        data_sha256="d",
        validation_count=10,
        subset=Subset(
            count=1599 if run.n_train == "all" else int(run.n_train),
            sha256="s",
            class_counts=[1, 2],
        ),
        streams=Streams(seed=run.seed, initialisation=1, order=2, augmentation=3, subset=4),
        checkpoint=Checkpoint(file="best_model.pth", sha256=f"of {run.path}", epoch=3, step=30),
        monitor="loss",
        best_value=0.25,
        best_epoch=3,
        best_validation_loss=0.25,
        final_train_loss=0.125,
        epochs=10,
        steps=100,
        stopped_by="budget",
        attempts=[
            Attempt(
                started_at="2026-01-01T00:00:00.000+00:00",
                host="made",
                device="made",
                device_uuid=None,
                slurm_job=None,
                step=0,
            )
        ],
        train_time_sec=12.5,
        samples_per_sec=256.0,
        peak_host_memory_mb=512.0,
        peak_device_memory_allocated_mb=None,
        peak_device_memory_reserved_mb=None,
        origin=ORIGIN,
    )
    return made.model_copy(update=changes)


def evaluate_record(
    plan: Plan, train: TrainRecord, score: float = 0.5, **changes: Any
) -> EvaluateRecord:
    """Return the evaluate record of a train record: every metric is `score`, unless it failed."""
    value = score if train.status is Status.OK else None
    made = EvaluateRecord(
        status=train.status,
        reason=train.reason,
        spec=plan.evaluate_spec(),
        run=train.spec,
        checkpoint_sha256=train.checkpoint.sha256 if train.checkpoint else None,
        data_sha256="d",
        test_count=20,
        metrics=dict.fromkeys(plan.family.metric_names, value),
        undefined={},
        chance={"accuracy": 0.5},
        facts={},
        tables={"confusion_matrix": [[1, 2], [3, 4]]},
        scores_file=None,
        examples_file=None,
        evaluate_time_sec=1.5,
        origin=ORIGIN,
    )
    return made.model_copy(update=changes)


def inference_record(
    plan: Plan, train: TrainRecord, score: float = 0.5, **changes: Any
) -> InferenceRecord:
    """Return the inference record of a train record: every metric is `score`, unless it failed."""
    spec, value = plan.infer_spec(), score if train.status is Status.OK else None
    made = InferenceRecord(
        status=train.status,
        reason=train.reason,
        spec=spec,
        run=train.spec,
        checkpoint_sha256=train.checkpoint.sha256 if train.checkpoint else None,
        data_sha256="d",
        split=spec.split,
        count=20,
        batch_size=spec.batch_size,
        precision="float32",
        autocast_effect=None,
        metrics=dict.fromkeys(plan.family.metric_names, value),
        undefined={},
        chance={"accuracy": 0.5},
        facts={},
        tables={"confusion_matrix": [[1, 2], [3, 4]]},
        scores_file=None,
        examples_file=None,
        throughput_samples_per_sec=1000.0,
        inference_time_sec=1.5,
        origin=ORIGIN,
    )
    return made.model_copy(update=changes)


def profile_record(plan: Plan, model: str, resolution: int, **changes: Any) -> ProfileRecord:
    """Return the profile of a model at a resolution."""
    latencies = [
        Latency(
            batch_size=size,
            repeats=20,
            warmup_passes=5,
            steady=True,
            median_sec_per_batch=0.01 * size,
            iqr_sec_per_batch=0.001,
            p95_sec_per_batch=0.02 * size,
            median_sec_per_sample=0.01,
            p95_sec_per_sample=0.02,
            throughput_samples_per_sec=100.0,
            peak_device_memory_allocated_mb=None,
            peak_device_memory_reserved_mb=None,
        )
        for size in plan.study.profiling.batch_sizes
    ]
    made = ProfileRecord(
        status=Status.OK,
        reason=None,
        spec=plan.profile_spec(model, resolution),
        input_shape=[1, 1, resolution, resolution],
        precision="float32",
        channels_last=False,
        parameters=1234,
        flops_per_sample=10**6,
        latency=latencies,
        peak_host_memory_mb=256.0,
        ran_alone=True,
        other_load_cores=0.0,
        origin=ORIGIN,
    )
    return made.model_copy(update=changes)


def write_run(plan: Plan, results: Path, run: Run, score: float = 0.5, **changes: Any) -> None:
    """Write both records of a run; `changes` are of its train record."""
    train = train_record(plan, run, **changes)
    folder = results / "runs" / run.path
    write_record(folder / "train.json", train)
    write_record(folder / "evaluate.json", evaluate_record(plan, train, score))


def write_profiles(plan: Plan, results: Path) -> None:
    """Write every profile of a plan."""
    for model, resolution in plan.profiled:
        path = results / "profiles" / model / f"res{resolution}.json"
        write_record(path, profile_record(plan, model, resolution))


def one_of_each(plan: Plan) -> list[Record]:
    """Return a record of each kind."""
    train = train_record(plan, plan.runs[0])
    return [
        shard_record(),
        data_record(plan),
        train,
        evaluate_record(plan, train),
        inference_record(plan, train),
        profile_record(plan, plan.runs[0].model, plan.runs[0].resolution),
    ]
