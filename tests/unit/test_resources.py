"""What jobs ask a cluster for."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from studygrid.execution.resources import LEAST_MIN, LONGEST_MIN, SNAKEMAKE_MB, Need, Needs
from studygrid.grid import Run
from studygrid.plan import Plan, make_plan


def plan_of(config: dict[str, Any], **changes: dict[str, Any]) -> Plan:
    config = copy.deepcopy(config)
    for section, values in changes.items():
        config[section] = config.get(section, {}) | values
    return make_plan(config)


def record_data(
    results: Path, *, samples: int, side: int = 16, channels: int = 3, shared: int = 0
) -> None:
    """Write what the needs read of a record of prepared data, `shared` numbers of no sample."""
    folder = results / "data" / "res16"
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "images": {"shape": [samples, channels, side, side], "dtype": "uint8"},
        "labels": {"shape": [samples], "dtype": "int64"},
    }
    if shared:
        arrays["objects"] = {"shape": [1, shared], "dtype": "uint8"}
    fifth = samples // 5
    counts = {"train": samples - 2 * fifth, "validation": fifth, "test": fifth}
    splits = {name: {"count": count} for name, count in counts.items()}
    (folder / "data.json").write_text(json.dumps({"arrays": arrays, "splits": splits}))


def all_needs(plan: Plan, results: Path) -> dict[str, Need]:
    needs, run = Needs(plan, results), plan.runs[-1]
    return {
        "prepare": needs.prepare(16),
        "train": needs.train(run),
        "evaluate": needs.evaluate(run),
        "profile": needs.profile(16),
    }


@pytest.mark.parametrize("device", ["cpu", "auto", "cuda"])
def test_every_job_has_room_for_python_and_time_to_start_before_there_is_data(
    config: dict[str, Any], tmp_path: Path, device: str
) -> None:
    for need in all_needs(plan_of(config, execution={"device": device}), tmp_path).values():
        assert need.mem_mb >= 1000
        assert need.runtime >= LEAST_MIN


def test_a_job_on_a_gpu_has_room_for_the_libraries_of_cuda(
    config: dict[str, Any], tmp_path: Path
) -> None:
    needs = all_needs(plan_of(config, execution={"device": "cuda"}), tmp_path)
    assert all(needs[job].mem_mb >= 3250 for job in ("train", "evaluate", "profile"))
    assert needs["prepare"].mem_mb < 3000


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("auto", 1), ("cuda", 1)])
def test_a_study_on_the_cpu_asks_for_no_gpu(
    config: dict[str, Any], tmp_path: Path, device: str, gpus: int
) -> None:
    assert Needs(plan_of(config, execution={"device": device}), tmp_path).gpus == gpus


def test_memory_grows_with_the_prepared_data(config: dict[str, Any], tmp_path: Path) -> None:
    plan = plan_of(config)
    record_data(tmp_path / "small", samples=1000)
    record_data(tmp_path / "large", samples=5_000_000)
    small, large = (all_needs(plan, tmp_path / name) for name in ("small", "large"))
    megabytes = 5_000_000 * 3 * 16 * 16 / 1e6
    for job in ("train", "evaluate", "profile"):
        assert large[job].mem_mb - small[job].mem_mb >= megabytes


def test_memory_on_the_cpu_grows_with_the_batch_but_not_with_one_cut_into_parts(
    config: dict[str, Any], tmp_path: Path
) -> None:
    record_data(tmp_path, samples=10_000, side=224)

    def train_mb(**training: int) -> int:
        sizes = {"grid": {"n_train": ["all"]}, "execution": {"device": "cpu"}}
        plan = plan_of(config, training=training, **sizes)
        return Needs(plan, tmp_path).train(plan.runs[0]).mem_mb

    assert train_mb(batch_size=64) > train_mb(batch_size=8)
    assert train_mb(batch_size=64, accumulation=8) == train_mb(batch_size=8)


def test_time_grows_with_steps_with_epochs_and_with_the_training_set(
    config: dict[str, Any], tmp_path: Path
) -> None:
    record_data(tmp_path, samples=100_000, side=64)

    def minutes(n_train: int | str = "all", **budget: int) -> int:
        training = {"steps": None, "epochs": None, "batch_size": 32} | budget
        changes = {"grid": {"n_train": [n_train]}, "execution": {"device": "cpu"}}
        changed = {**config, "training": training, "dataset": config["dataset"]}
        plan = plan_of(changed, **changes)
        return Needs(plan, tmp_path).train(plan.runs[0]).runtime

    assert minutes(steps=400) < minutes(steps=4000)
    assert minutes(epochs=1) < minutes(epochs=2)
    assert minutes(n_train=16, epochs=50) < minutes(epochs=50)


def test_what_samples_share_is_not_counted_for_each_of_them(
    config: dict[str, Any], tmp_path: Path
) -> None:
    plan = plan_of(config, training={"steps": 4000}, execution={"device": "cpu"})
    record_data(tmp_path / "alone", samples=10_000)
    record_data(tmp_path / "beside", samples=10_000, shared=1_000_000)
    alone, beside = (all_needs(plan, tmp_path / name) for name in ("alone", "beside"))
    assert beside["train"].runtime == alone["train"].runtime
    assert beside["train"].mem_mb - alone["train"].mem_mb <= 250


def test_no_job_asks_for_more_than_a_day(config: dict[str, Any], tmp_path: Path) -> None:
    record_data(tmp_path, samples=1_000_000, side=512)
    plan = plan_of(config, training={"steps": 10_000_000, "validations": 1})
    assert Needs(plan, tmp_path).train(plan.runs[0]).runtime == LONGEST_MIN


def test_a_broken_record_counts_as_none(config: dict[str, Any], tmp_path: Path) -> None:
    plan = plan_of(config)
    before = all_needs(plan, tmp_path)
    record_data(tmp_path, samples=1_000_000)
    (tmp_path / "data" / "res16" / "data.json").write_text('{"arrays": {"ima')
    assert all_needs(plan, tmp_path) == before


def test_a_record_that_changes_is_read_anew(config: dict[str, Any], tmp_path: Path) -> None:
    needs, run = Needs(plan_of(config), tmp_path), plan_of(config).runs[0]
    before = needs.train(run)
    record_data(tmp_path, samples=5_000_000)
    assert needs.train(run).mem_mb > before.mem_mb


def segmentation(tmp_path: Path, side: int, **training: int) -> tuple[Needs, Run]:
    """Return the needs of a study of grey images on a CPU, and its run."""
    plan = make_plan(
        {
            "family": "segmentation",
            "dataset": {"name": "cracks"},
            "models": {"unetpp": {"architecture": "unetplusplus/resnet18"}},
            "grid": {"resolution": [side]},
            "training": {"epochs": 1, "batch_size": 8, **training},
            "evaluation": {"batch_size": 64},
            "execution": {"device": "cpu"},
        }
    )
    folder = tmp_path / "data" / f"res{side}"
    folder.mkdir(parents=True)
    arrays = {
        "images": {"shape": [144, 1, side, side], "dtype": "uint8"},
        "masks": {"shape": [144, side, side], "dtype": "uint8"},
    }
    splits = {name: {"count": count} for name, count in (("train", 16), ("test", 64))}
    content = {"arrays": arrays, "splits": splits | {"validation": {"count": 64}}}
    (folder / "data.json").write_text(json.dumps(content))
    return Needs(plan, tmp_path), plan.runs[0]


def test_a_segmenter_on_the_cpu_has_room_for_what_was_measured(tmp_path: Path) -> None:
    needs, run = segmentation(tmp_path, 128)
    # Peaks of the two jobs at these settings, in MB; training's is that of its validation.
    train, evaluate = 2370, 2020
    assert train + SNAKEMAKE_MB <= needs.train(run).mem_mb <= 2 * train
    assert evaluate + SNAKEMAKE_MB <= needs.evaluate(run).mem_mb <= 2 * evaluate


def test_what_is_scored_at_once_bounds_the_memory_of_large_images(tmp_path: Path) -> None:
    small, run = segmentation(tmp_path / "256", 256)
    large, large_run = segmentation(tmp_path / "512", 512)
    # 2^22 pixels at once at either side.
    assert large.evaluate(large_run).mem_mb - small.evaluate(run).mem_mb <= 500
    assert large.train(large_run).mem_mb > small.train(run).mem_mb
