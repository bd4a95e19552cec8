"""One JSON file and one CSV row a cell: the guide's keys, our counts, and nothing made up."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import scipy.stats

from studygrid.errors import RecordError
from studygrid.interchange.cells import cells_of
from studygrid.interchange.resomap import Layout, layout_files, read_layout, write_layout
from studygrid.interchange.resomap_job import main as job
from studygrid.interchange.resomap_writing import write_cells
from studygrid.records import Status, write_record
from studygrid.results.reading import CACHE_NAME
from studygrid.results.study_results import StudyResults, read_study
from tests.unit.made_records import profile_record
from tests.unit.resomap_studies import (
    contents,
    finished,
    plan_of,
    strict_json,
    write_failure,
    write_scores,
    write_study,
)

# The guide's example, key by key, typed from its text.
GUIDE_KEYS = {
    "": ["model", "resolution", "timestamp", "best_val_loss", "test_metrics", "profiling"],
    "test_metrics": ["loss", "accuracy", "precision", "recall", "f1_score"],
    "profiling": [
        "avg_time_sec",
        "throughput_samples_sec",
        "peak_cpu_memory_mb",
        "gpu_memory_peak_mb",
    ],
}
GUIDE_COLUMNS = [
    "model",
    "resolution",
    "timestamp",
    "best_val_loss",
    "test_loss",
    "test_accuracy",
    "test_precision",
    "test_recall",
    "test_f1_score",
    "profile_avg_time_sec",
    "profile_throughput_samples_sec",
    "profile_peak_cpu_memory_mb",
    "profile_gpu_memory_peak_mb",
]


def written(folder: Path, **options: Any) -> StudyResults:
    study = read_study(folder)
    write_layout(study, folder, **options)
    return study


def document(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = strict_json(folder / "test_results" / f"{name}.json")
    return found


def rows(folder: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    with (folder / "all_results.csv").open(newline="", encoding="utf-8") as file:
        return {
            (row["model"], row["resolution"], row["n_train"]): row for row in csv.DictReader(file)
        }


# --- What stands in the files


def test_a_file_has_the_keys_of_the_guide_first_and_in_its_order(tmp_path: Path) -> None:
    finished(tmp_path)
    written(tmp_path)
    found = document(tmp_path, "tiny_cnn_48")
    assert list(found)[:6] == GUIDE_KEYS[""]
    for part in ("test_metrics", "profiling"):
        assert list(found[part])[: len(GUIDE_KEYS[part])] == GUIDE_KEYS[part]
    assert list(rows(tmp_path)["tiny_cnn", "48", "all"])[:13] == GUIDE_COLUMNS


def test_the_keys_of_a_single_run_hold_the_mean_of_the_cell_with_its_count(tmp_path: Path) -> None:
    plan = plan_of(grid={"seed": 3})
    write_study(plan, tmp_path)
    values = [0.5, 0.75, 0.625]
    for run in plan.runs:
        write_scores(plan, tmp_path, run, accuracy=values[run.seed], f1=values[run.seed] / 2)
    written(tmp_path)
    found = document(tmp_path, "simple_cnn_32")
    assert found["test_metrics"]["accuracy"] == 0.625
    assert found["test_metrics"]["f1_score"] == 0.3125
    assert (found["num_runs"], found["planned"], found["failed"], found["missing"]) == (3, 3, 0, 0)
    assert found["seeds"] == [0, 1, 2]
    assert found["best_val_loss"] == 0.25
    assert found["timestamp"] == "2024-05-01T10:01:00+00:00"
    low, high = scipy.stats.t.interval(0.95, 2, 0.625, 0.125 / math.sqrt(3))
    spread = found["spread"]["accuracy"]
    assert spread == {
        "n": 3,
        "sd": pytest.approx(0.125),
        "ci_low": pytest.approx(low),
        "ci_high": pytest.approx(high),
    }
    assert [run["test_metrics"]["accuracy"] for run in found["runs"]] == values
    row = rows(tmp_path)["simple_cnn", "32", "all"]
    assert float(row["test_accuracy"]) == 0.625
    assert float(row["test_accuracy_ci_low"]) == spread["ci_low"]
    assert (row["num_runs"], row["seeds"]) == ("3", "0 1 2")


def test_one_seed_has_its_value_and_no_spread(tmp_path: Path) -> None:
    finished(tmp_path, plan_of(grid={"seed": [7]}))
    written(tmp_path)
    found = document(tmp_path, "simple_cnn_32")
    assert (found["num_runs"], found["seeds"]) == (1, [7])
    assert found["test_metrics"]["accuracy"] == 0.5
    assert found["spread"]["accuracy"] == {"n": 1, "sd": None, "ci_low": None, "ci_high": None}


def test_the_time_is_of_one_sample_at_the_smallest_batch_and_the_speed_of_the_largest(
    tmp_path: Path,
) -> None:
    plan = plan_of(profiling={"batch_sizes": [16, 2, 8]})
    finished(tmp_path, plan)
    record = profile_record(plan, "tiny_cnn", 32)
    latencies = [
        latency.model_copy(
            update={
                "median_sec_per_sample": 1 / latency.batch_size,
                "throughput_samples_per_sec": 100.0 * latency.batch_size,
                "peak_device_memory_allocated_mb": 10.0 * latency.batch_size,
            }
        )
        for latency in record.latency
    ]
    path = tmp_path / "profiles" / "tiny_cnn" / "res32.json"
    write_record(path, record.model_copy(update={"latency": latencies}))
    written(tmp_path)
    found = document(tmp_path, "tiny_cnn_32")["profiling"]
    assert (found["avg_time_sec"], found["batch_size_time"]) == (0.5, 2)
    assert (found["throughput_samples_sec"], found["batch_size_throughput"]) == (1600.0, 16)
    assert (found["peak_cpu_memory_mb"], found["gpu_memory_peak_mb"]) == (256.0, 160.0)
    assert (found["device"], found["status"]) == ("Some GPU", "ok")


def test_what_was_not_measured_is_null_and_says_why(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "profiles" / "tiny_cnn" / "res32.json").unlink()
    written(tmp_path)
    found = document(tmp_path, "tiny_cnn_32")["profiling"]
    assert [found[key] for key in GUIDE_KEYS["profiling"]] == [None] * 4
    assert (found["status"], found["reason"]) == (
        "missing",
        "profiles/tiny_cnn/res32.json: missing",
    )
    row = rows(tmp_path)["tiny_cnn", "32", "all"]
    assert row["profile_avg_time_sec"] == ""
    assert row["test_accuracy"] != ""


def test_a_study_without_profiles_has_null_for_all_of_it(tmp_path: Path) -> None:
    plan = plan_of(profiling={"enabled": False})
    finished(tmp_path, plan)
    written(tmp_path)
    assert set(document(tmp_path, "tiny_cnn_32")["profiling"].values()) == {None}


def test_several_sizes_are_told_by_the_name_and_the_row(tmp_path: Path) -> None:
    finished(tmp_path, plan_of(grid={"n_train": [64, "all"]}))
    written(tmp_path)
    names = {path.name for path in (tmp_path / "test_results").iterdir()}
    assert {"tiny_cnn_32_n64.json", "tiny_cnn_32_nall.json"} < names
    assert len(names) == len(rows(tmp_path)) == 8
    assert document(tmp_path, "tiny_cnn_32_n64")["n_train"] == 64
    assert document(tmp_path, "tiny_cnn_32_nall")["n_train"] == "all"


def test_a_metric_without_a_value_is_null_and_counted(tmp_path: Path) -> None:
    plan = finished(tmp_path)
    write_scores(plan, tmp_path, plan.runs[0], accuracy=0.5, auroc=None)
    write_scores(plan, tmp_path, plan.runs[1], accuracy=0.5, auroc=None)
    write_scores(plan, tmp_path, plan.runs[2], accuracy=0.5, auroc=None)
    written(tmp_path)
    first, second = (document(tmp_path, f"simple_cnn_{side}") for side in (32, 48))
    assert first["test_metrics"]["auroc"] is None
    assert first["spread"]["auroc"]["n"] == 0
    assert first["runs"][0]["undefined"] == "auroc: has no value"
    assert (second["test_metrics"]["auroc"], second["spread"]["auroc"]["n"]) == (0.5, 1)
    assert (first["num_runs"], second["num_runs"]) == (2, 2)


# --- Failures


def test_a_failed_run_is_left_out_of_the_mean_and_counted_with_its_reason(tmp_path: Path) -> None:
    plan = finished(tmp_path)
    write_failure(plan, tmp_path, plan.runs[0])
    written(tmp_path)
    found = document(tmp_path, "simple_cnn_32")
    assert (found["num_runs"], found["failed"], found["status"]) == (1, 1, "partial")
    assert found["test_metrics"]["accuracy"] == 0.51
    assert found["runs"][0]["reason"] == "the loss was NaN in epoch 2"
    row = rows(tmp_path)["simple_cnn", "32", "all"]
    assert row["reason"] == "seed 0: diverged: the loss was NaN in epoch 2"
    assert (row["num_runs"], row["failed"], row["status"]) == ("1", "1", "partial")


def test_a_cell_whose_runs_all_failed_has_a_file_without_numbers(tmp_path: Path) -> None:
    plan = finished(tmp_path)
    write_failure(plan, tmp_path, plan.runs[0])
    write_failure(plan, tmp_path, plan.runs[1], status=Status.OOM, reason="out of memory")
    written(tmp_path)
    found = document(tmp_path, "simple_cnn_32")
    assert found["status"] == "failed"
    assert set(found["test_metrics"].values()) == {None}
    assert found["best_val_loss"] is None
    assert [run["status"] for run in found["runs"]] == ["diverged", "oom"]
    assert rows(tmp_path)["simple_cnn", "32", "all"]["reason"] == (
        "seed 0: diverged: the loss was NaN in epoch 2; seed 1: oom: out of memory"
    )


def test_a_cell_that_has_not_run_is_a_row_and_no_file_unless_all_are_asked_for(
    tmp_path: Path,
) -> None:
    plan = plan_of()
    write_study(plan, tmp_path)
    write_scores(plan, tmp_path, plan.runs[0])
    written(tmp_path)
    assert [path.name for path in (tmp_path / "test_results").iterdir()] == ["simple_cnn_32.json"]
    table = rows(tmp_path)
    assert len(table) == len(plan.cells)
    assert table["tiny_cnn", "48", "all"]["status"] == "missing"
    assert "seeds 0, 1: missing: there is no train.json" in table["tiny_cnn", "48", "all"]["reason"]
    written(tmp_path, every_cell=True)
    found = document(tmp_path, "tiny_cnn_48")
    assert (found["status"], found["missing"], found["timestamp"]) == ("missing", 2, None)


def test_a_corrupt_record_is_a_missing_run_that_says_what_is_wrong(tmp_path: Path) -> None:
    plan = finished(tmp_path)
    (tmp_path / "runs" / plan.runs[0].path / "evaluate.json").write_text('{"metrics": NaN}')
    written(tmp_path)
    found = document(tmp_path, "simple_cnn_32")
    assert (found["num_runs"], found["missing"], found["failed"]) == (1, 1, 0)
    assert found["runs"][0]["reason"].startswith("evaluate.json: is not JSON")


# --- Files


def test_the_files_are_those_that_the_plan_names(tmp_path: Path) -> None:
    plan = plan_of(grid={"n_train": [64, "all"]})
    results = tmp_path / "results"
    write_study(plan, results)
    write_failure(plan, results, plan.runs[0])
    before = set(contents(results))
    study = str(results / "study.yaml")
    assert job(["--study", study, "--log", str(tmp_path / "log")]) == 0
    written = set(contents(results)) - before - {CACHE_NAME}
    assert sorted(written) == sorted(layout_files(plan))
    for name in written:
        if name.endswith(".json"):
            strict_json(results / name)


def test_the_names_are_asked_for_without_pandas() -> None:
    code = (
        "import sys, studygrid.interchange.resomap\n"
        "print([name for name in ('pandas', 'numpy', 'scipy') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"


def test_the_same_records_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("one", "other/place"):
        plan = finished(tmp_path / name)
        write_failure(plan, tmp_path / name, plan.runs[3])
        (tmp_path / name / "runs" / plan.runs[0].path / "train.json").unlink()
        written(tmp_path / name)
    first, second = (contents(tmp_path / name) for name in ("one", "other/place"))
    ours = [name for name in first if name.startswith(("test_results", "all_results"))]
    assert len(ours) == 5
    assert {name: first[name] for name in ours} == {name: second[name] for name in ours}


def test_a_name_that_a_spreadsheet_would_run_is_text(tmp_path: Path) -> None:
    plan = finished(tmp_path)
    record = profile_record(plan, "tiny_cnn", 32).model_dump()
    record["origin"]["hardware"]["device"]["name"] = '=HYPERLINK("x")'
    path = tmp_path / "profiles" / "tiny_cnn" / "res32.json"
    path.write_text(json.dumps(record))
    written(tmp_path)
    assert rows(tmp_path)["tiny_cnn", "32", "all"]["profile_device"] == '\'=HYPERLINK("x")'
    assert document(tmp_path, "tiny_cnn_32")["profiling"]["device"] == '=HYPERLINK("x")'


def test_the_name_of_a_study_is_kept_as_it_is(tmp_path: Path) -> None:
    name = '<script>alert("ä")</script> = $x_1$ | 50 % \\ &'
    finished(tmp_path, plan_of(name=name))
    written(tmp_path)
    assert document(tmp_path, "tiny_cnn_32")["study"] == name


def test_files_of_cells_that_are_gone_are_removed_if_they_are_ours(tmp_path: Path) -> None:
    finished(tmp_path)
    written(tmp_path)
    results = tmp_path / "test_results"
    foreign = {
        "vgg11_224.json": '{"model": "vgg11", "resolution": 224}',
        "notes.json": "not even JSON",
        "mine.txt": "a note",
    }
    for name, text in foreign.items():
        (results / name).write_text(text)
    other_study = json.loads((results / "tiny_cnn_48.json").read_text())
    other_study |= {"study": "Another", "model": "resnet18"}
    (results / "resnet18_48.json").write_text(json.dumps(other_study))
    renamed = (results / "tiny_cnn_48.json").read_text()
    (results / "kept_for_later.json").write_text(renamed)
    smaller = plan_of(models={"simple_cnn": None}, grid={"resolution": [32]})
    write_study(smaller, tmp_path)
    study = read_study(tmp_path)
    done = write_cells(study, cells_of(study), tmp_path)
    assert [path.name for path in done.files] == ["simple_cnn_32.json"]
    assert sorted(path.name for path in done.removed) == [
        "simple_cnn_48.json",
        "tiny_cnn_32.json",
        "tiny_cnn_48.json",
    ]
    left = {"kept_for_later.json", "notes.json", "resnet18_48.json", "vgg11_224.json"}
    assert {path.name for path in done.left} == left
    assert {path.name for path in results.iterdir()} == left | {"mine.txt", "simple_cnn_32.json"}


def test_a_file_of_another_program_is_not_overwritten(tmp_path: Path) -> None:
    finished(tmp_path)
    path = tmp_path / "test_results" / "tiny_cnn_48.json"
    path.parent.mkdir()
    path.write_text(json.dumps(RESOMAP_RESULT | {"model": "tiny_cnn", "resolution": 48}))
    with pytest.raises(RecordError, match=r"tiny_cnn_48\.json: is a file of another program"):
        written(tmp_path)
    assert [found.name for found in path.parent.iterdir()] == [path.name]


# --- Reading back

RESOMAP_RESULT: dict[str, Any] = {
    "model": "vgg11",
    "resolution": 224,
    "timestamp": "2026-01-18T14:30:45.123456",
    "best_val_loss": 0.5441,
    "test_metrics": {
        "loss": 0.5519,
        "accuracy": 0.8934,
        "precision": 0.8901,
        "recall": 0.8834,
        "f1_score": 0.8867,
    },
    "profiling": {
        "avg_time_sec": 0.0231,
        "std_time_sec": 0.001,
        "throughput_samples_sec": 1234.56,
        "peak_cpu_memory_mb": 2048,
        "gpu_memory_peak_mb": 4096,
    },
}


def resomap_file(folder: Path, name: str, **changes: Any) -> None:
    path = folder / "test_results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(RESOMAP_RESULT | changes))


def reasons(layout: Layout) -> dict[str, str]:
    return {problem.path.name: problem.reason for problem in layout.problems}


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    plan = finished(tmp_path, plan_of(grid={"n_train": [64, "all"]}))
    write_failure(plan, tmp_path, plan.runs[0])
    written(tmp_path)
    layout = read_layout(tmp_path)
    assert layout.problems == []
    assert len(layout.cells) == 8
    for found in layout.cells:
        name = f"{found.model}_{found.resolution}_n{found.n_train}"
        assert found.model_dump(mode="json") == document(tmp_path, name)
    assert layout.cells[0].runs is not None
    assert layout.cells[0].runs[0].status == "diverged"


def test_files_of_resomap_itself_are_read(tmp_path: Path) -> None:
    resomap_file(tmp_path, "vgg11_224")
    resomap_file(tmp_path, "simple_cnn_224", model="simple_cnn", best_val_loss=float("inf"))
    assert "Infinity" in (tmp_path / "test_results" / "simple_cnn_224.json").read_text()
    layout = read_layout(tmp_path)
    first, second = layout.cells
    assert (first.model, first.best_val_loss) == ("simple_cnn", None)
    assert reasons(layout) == {
        "simple_cnn_224.json": "best_val_loss is Infinity, which is no number: left out"
    }
    assert second.test_metrics.f1_score == 0.8867
    assert second.profiling.gpu_memory_peak_mb == 4096
    assert second.profiling.model_extra == {"std_time_sec": 0.001}
    assert (second.num_runs, second.written_by) == (None, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[" * 990 + "]" * 990, "is not JSON"),
        ("[1, 2]", "is no result of ResoMap's layout (the document: Input should be"),
        ('{"model": "a"}', "is no result of ResoMap's layout (resolution: Field required"),
        (
            json.dumps(RESOMAP_RESULT | {"resolution": "224"}),
            "is no result of ResoMap's layout (resolution: Input should be a valid integer",
        ),
        (
            json.dumps(RESOMAP_RESULT | {"test_metrics": {"accuracy": True}}),
            "is no result of ResoMap's layout (test_metrics.loss: Field required",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem_and_the_rest_is_read(
    text: str, reason: str, tmp_path: Path
) -> None:
    resomap_file(tmp_path, "vgg11_224")
    (tmp_path / "test_results" / "bad_1.json").write_text(text)
    layout = read_layout(tmp_path)
    assert [cell.model for cell in layout.cells] == ["vgg11"]
    assert reasons(layout)["bad_1.json"].startswith(reason)


def test_a_name_that_does_not_fit_and_a_second_file_of_a_cell_are_problems(tmp_path: Path) -> None:
    resomap_file(tmp_path, "a_wrong_name")
    resomap_file(tmp_path, "vgg11_224", best_val_loss=9.0)
    layout = read_layout(tmp_path)
    assert [cell.best_val_loss for cell in layout.cells] == [9.0]
    assert [(problem.path.name, problem.reason) for problem in layout.problems] == [
        ("a_wrong_name.json", "holds vgg11 at 224, unlike its name"),
        ("a_wrong_name.json", "is of a cell that another file is of; not used"),
    ]


def test_a_folder_without_test_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not in ResoMap's layout"):
        read_layout(tmp_path)
