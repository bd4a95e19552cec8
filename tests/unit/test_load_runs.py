"""load_runs reads studies, folders and globs, says what it could not use, and reads once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import studygrid
from studygrid.errors import NoRunsError, RecordError, SelectionError, StudygridError
from studygrid.records import Status
from studygrid.results.loading import load_runs
from studygrid.results.reading import CACHE_NAME, RunReader, read_all
from studygrid.results.selection import parse_selection
from studygrid.results.study_results import read_study
from tests.unit.made_records import small_plan, write_profiles, write_run

PLAN = small_plan()
RUN = PLAN.runs[0]
LINES = [{"epoch": 1, "step": 10, "train_loss": 0.5}, {"epoch": 2, "step": 20, "train_loss": 0.25}]


def make_study(folder: Path) -> Path:
    for run in PLAN.runs:
        write_run(PLAN, folder, run, score=run.seed / 8)
        path = folder / "runs" / run.path / "epochs.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    write_profiles(PLAN, folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(PLAN.resolved(), sort_keys=False))
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return make_study(tmp_path / "results")


def run_folder(study: Path) -> Path:
    return study / "runs" / RUN.path


def axes(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(frame[["model", "resolution", "n_train", "seed"]].itertuples(index=False))


# --- Where it reads


def test_a_study_has_a_row_a_planned_run_in_the_order_of_the_config(study: Path) -> None:
    runs = studygrid.load_runs(study)
    assert [tuple(row) for row in axes(runs.frame)] == [
        (run.model, run.resolution, str(run.n_train), run.seed) for run in PLAN.runs
    ]
    assert runs.order["resolution"] == [48, 32]
    assert runs.order["n_train"] == ["all", "64"]
    assert runs.problems == []
    assert set(runs.frame["study"]) == {str(study)}
    assert runs.frame["test_accuracy"].tolist() == [run.seed / 8 for run in PLAN.runs]


def test_text_and_a_file_of_the_study_name_it_too(study: Path) -> None:
    assert len(load_runs(str(study)).frame) == len(PLAN.runs)
    assert len(load_runs(study / "study.yaml").frame) == len(PLAN.runs)


def test_several_studies_are_told_apart(study: Path, tmp_path: Path) -> None:
    other = make_study(tmp_path / "other")
    runs = load_runs([study, other])
    assert len(runs.frame) == 2 * len(PLAN.runs)
    assert runs.frame["study"].value_counts().to_dict() == {str(study): 24, str(other): 24}
    assert len(runs.epochs) == 2 * 2 * len(PLAN.runs)
    assert set(runs.epochs["study"]) == {str(study), str(other)}


def test_run_folders_need_no_study_file(study: Path) -> None:
    (study / "study.yaml").unlink()
    runs = load_runs([run_folder(study), study / "runs" / PLAN.runs[1].path])
    assert [row[3] for row in axes(runs.frame)] == [0, 1]
    assert runs.frame["profile_b8_median_sec_per_batch"].tolist() == [0.08, 0.08]


def test_a_glob_names_folders(study: Path) -> None:
    runs = load_runs(f"{study}/runs/*/res32/n64/seed[01]")
    assert len(runs.frame) == 4
    assert set(runs.frame["resolution"]) == {32}


def test_a_folder_named_twice_is_read_once(study: Path) -> None:
    assert len(load_runs([run_folder(study), run_folder(study)]).frame) == 1


@pytest.mark.parametrize("planned", [True, False])
def test_a_run_that_is_named_in_several_ways_counts_once(
    planned: bool, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(study)
    if not planned:
        (study / "study.yaml").unlink()
    named = [f"results/runs/{RUN.path}", "results", study, "link", run_folder(study)]
    runs = load_runs(named)
    assert len(runs.frame) == len(PLAN.runs)
    assert set(runs.frame["study"]) == {"results"}


def test_a_results_folder_without_its_study_file_has_the_runs_that_are_there(study: Path) -> None:
    (study / "study.yaml").unlink()
    runs = load_runs(study)
    assert len(runs.frame) == len(PLAN.runs)
    assert runs.order["n_train"] == ["64", "all"]


def test_a_run_folder_may_lie_anywhere_under_any_name(study: Path, tmp_path: Path) -> None:
    moved = tmp_path / "kept" / "my best run"
    shutil.copytree(run_folder(study), moved)
    runs = load_runs(moved)
    assert runs.frame.loc[0, "model"] == RUN.model
    assert not (tmp_path / "kept" / CACHE_NAME).exists()


def test_a_relative_path_is_of_the_working_folder(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study.parent)
    assert len(load_runs("results").frame) == len(PLAN.runs)
    assert len(load_runs(f"results/runs/{RUN.path}").frame) == 1


def test_epochs_have_the_columns_of_their_run(study: Path) -> None:
    epochs = load_runs(study, {"seed": [2]}).epochs
    assert len(epochs) == 2 * len(PLAN.runs) // 3
    assert set(epochs["seed"]) == {2}
    first = epochs.iloc[0]
    assert (first["model"], first["n_train"], first["epoch"]) == (RUN.model, "all", 1)
    assert first["train_loss"] == 0.5


# --- What it selects


def test_a_selection_keeps_the_runs_with_one_of_the_values_of_each_axis(study: Path) -> None:
    runs = load_runs(study, {"model": ["tiny_cnn"], "seed": [0, 2]})
    assert len(runs.frame) == 8
    assert runs.order["seed"] == [0, 2]
    assert runs.order["model"] == ["tiny_cnn"]


def test_the_command_line_selects_like_the_code(study: Path) -> None:
    selection = parse_selection(["model=tiny_cnn,simple_cnn", "seed=0", "seed=1", "n_train=all"])
    assert selection == {
        "model": ["tiny_cnn", "simple_cnn"],
        "seed": ["0", "1"],
        "n_train": ["all"],
    }
    assert len(load_runs(study, selection).frame) == 8


@pytest.mark.parametrize("argument", ["model", "model=", "model=,", "=3", "modle=tiny_cnn"])
def test_a_selection_that_means_nothing_is_refused(argument: str) -> None:
    with pytest.raises(SelectionError):
        parse_selection([argument])


def test_a_value_that_no_run_has_is_refused_with_the_nearest(study: Path) -> None:
    with pytest.raises(SelectionError, match="model=tiny_cn; did you mean 'tiny_cnn'"):
        load_runs(study, {"model": ["tiny_cn"]})
    with pytest.raises(SelectionError, match=r"seed=7 \(there are 0, 1, 2\)"):
        load_runs(study, {"seed": [7]})
    with pytest.raises(SelectionError, match="did you mean 'model'"):
        load_runs(study, {"modle": ["tiny_cnn"]})


def test_one_value_may_stand_alone_and_text_is_not_taken_apart(study: Path) -> None:
    assert len(load_runs(study, {"model": "tiny_cnn", "seed": 0}).frame) == 4  # type: ignore[dict-item]
    with pytest.raises(SelectionError, match="no run has seed=12"):
        load_runs(study, {"seed": "12"})


@pytest.mark.parametrize(
    ("selection", "message"),
    [({"model": []}, "model names no value"), ("model=tiny_cnn", "should be axes with")],
)
def test_a_selection_of_nothing_or_of_another_kind_is_refused(
    selection: Any, message: str, study: Path
) -> None:
    with pytest.raises(SelectionError, match=message):
        load_runs(study, selection)


# --- What it cannot use


def test_a_profile_that_cannot_be_used_is_listed(study: Path) -> None:
    profile = next(study.glob("profiles/*/*.json"))
    profile.write_text("{")
    assert [found.path for found in load_runs(study).problems] == [profile]


def cut(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return spoil


def change(name: str, key: str, value: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        content[key] = value
        (folder / name).write_text(json.dumps(content))

    return spoil


SPOILT: list[tuple[Callable[[Path], None], str]] = [
    (lambda folder: (folder / "evaluate.json").unlink(), "evaluate.json: missing"),
    (lambda folder: shutil.rmtree(folder), "train.json: missing"),
    (cut("train.json"), "train.json: is not JSON"),
    (cut("evaluate.json"), "evaluate.json: is not JSON"),
    (change("train.json", "schema_version", 7), "schema_version is 7"),
    (change("train.json", "kind", "evaluate"), "not a valid TrainRecord (kind"),
    (change("evaluate.json", "checkpoint_sha256", "other"), "scores other weights"),
]


@pytest.mark.parametrize(("spoil", "reason"), SPOILT)
@pytest.mark.parametrize("with_study", [True, False])
def test_what_cannot_be_used_is_listed_and_stops_nothing(
    spoil: Callable[[Path], None], reason: str, with_study: bool, study: Path
) -> None:
    spoil(run_folder(study))
    if not with_study:
        (study / "study.yaml").unlink()
    runs = load_runs(study)
    gone = not run_folder(study).exists() and not with_study
    assert (runs.frame["status"] == "ok").sum() == len(PLAN.runs) - 1
    assert len(runs.frame) == len(PLAN.runs) - gone
    if not gone:
        (problem,) = runs.problems
        assert problem.path == run_folder(study)
        assert reason in problem.reason
        row = runs.frame[runs.frame["folder"] == str(run_folder(study))].iloc[0]
        assert (row["status"], row["reason"]) == ("missing", problem.reason)


def test_a_run_of_another_spec_is_not_used(study: Path) -> None:
    other = small_plan(training={"epochs": 3})
    write_run(other, study, RUN)
    (problem,) = load_runs(study).problems
    assert "other settings than the study's (training)" in problem.reason


def test_a_run_in_the_folder_of_another_is_not_used(study: Path) -> None:
    (study / "study.yaml").unlink()
    shutil.rmtree(run_folder(study))
    shutil.copytree(study / "runs" / PLAN.runs[1].path, run_folder(study))
    (problem,) = load_runs(study).problems
    assert problem.path == run_folder(study)
    assert "not of its folder's" in problem.reason


def test_a_run_that_the_grid_does_not_name_is_listed(study: Path) -> None:
    smaller = small_plan(grid={"resolution": [48, 32], "n_train": ["all", 64], "seed": [1, 2]})
    (study / "study.yaml").write_text(yaml.safe_dump(smaller.resolved()))
    runs = load_runs(study)
    assert len(runs.frame) == 16
    assert len(runs.problems) == 8
    assert {problem.path.name for problem in runs.problems} == {"seed0"}
    assert "is not in the grid" in runs.problems[0].reason


def test_a_study_file_that_is_broken_is_listed_and_the_runs_are_read(study: Path) -> None:
    (study / "study.yaml").write_text("family: nonsense\n")
    runs = load_runs(study)
    assert len(runs.frame) == len(PLAN.runs)
    assert [problem.path.name for problem in runs.problems] == ["study.yaml"]


def test_a_torn_line_of_epochs_is_listed_and_the_others_are_kept(study: Path) -> None:
    path = run_folder(study) / "epochs.jsonl"
    path.write_text(path.read_text() + '{"epoch": 3, "st')
    runs = load_runs(study)
    assert len(runs.epochs) == 2 * len(PLAN.runs)
    (problem,) = runs.problems
    assert (problem.path, problem.reason) == (path, "line 3 is not the JSON of an epoch")


def test_a_failed_run_is_a_valid_one(study: Path) -> None:
    for run in PLAN.runs:
        write_run(
            PLAN,
            study,
            run,
            status=Status.DIVERGED,
            reason="NaN in epoch 2",
            checkpoint=None,
            stopped_by="failure",
        )
    runs = load_runs(study)
    assert set(runs.frame["status"]) == {"diverged"}
    assert set(runs.frame["reason"]) == {"NaN in epoch 2"}
    assert runs.frame["test_accuracy"].isna().all()


def test_no_valid_run_is_an_error_that_says_where_it_looked(study: Path, tmp_path: Path) -> None:
    shutil.rmtree(study / "runs")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NoRunsError) as error:
        load_runs([study, empty, tmp_path / "nowhere"])
    message = str(error.value)
    assert message.startswith(f"No valid runs found in {study}, {empty}, {tmp_path / 'nowhere'}.")
    assert f"{tmp_path / 'nowhere'}: does not exist" in message
    assert f"{empty}: has no study.yaml, no runs/ and no train.json" in message
    assert "train.json: missing" in message
    assert f"and {len(PLAN.runs) + 2 - 8} more" in message


def test_no_path_is_no_run() -> None:
    with pytest.raises(NoRunsError, match="no path at all"):
        load_runs([])


def test_a_results_folder_without_a_run_says_so(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(NoRunsError, match=r"has no study\.yaml, and no run in runs/"):
        load_runs(tmp_path)


def test_a_folder_that_is_no_study_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="nothing has run in it yet"):
        read_study(tmp_path)


# --- Reading once


def reads(study: Path) -> int:
    reader = RunReader(study)
    for run in PLAN.runs:
        try:
            reader.facts(f"runs/{run.path}")
        except StudygridError:
            continue
    reader.close()
    return reader.read


def test_a_second_reading_reads_nothing_and_says_the_same(study: Path) -> None:
    first = load_runs(study).frame
    assert reads(study) == 0
    pd.testing.assert_frame_equal(load_runs(study).frame, first)


def test_only_what_changed_is_read_again(study: Path) -> None:
    load_runs(study)
    write_run(PLAN, study, RUN, score=0.75)
    assert load_runs(study).frame.loc[0, "test_accuracy"] == 0.75
    write_run(PLAN, study, RUN, score=0.5)
    assert reads(study) == 1
    assert reads(study) == 0


def test_a_change_in_place_of_the_same_size_and_time_is_seen(study: Path) -> None:
    load_runs(study)
    path = run_folder(study) / "evaluate.json"
    before = path.stat()
    path.write_text(path.read_text().replace('"test_count": 20', '"test_count": 30'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert reads(study) == 1


def test_a_deleted_record_is_gone(study: Path) -> None:
    load_runs(study)
    (run_folder(study) / "evaluate.json").unlink()
    assert load_runs(study).frame.loc[0, "status"] == "missing"


@pytest.mark.parametrize("content", [b"", b"{}", b"\0" * 64, b'{"code": "other", "runs": {}}'])
def test_a_broken_file_of_what_was_read_is_not_used(content: bytes, study: Path) -> None:
    frame = load_runs(study).frame
    (study / CACHE_NAME).write_bytes(content)
    pd.testing.assert_frame_equal(load_runs(study).frame, frame)
    assert reads(study) == 0


def test_what_other_code_read_is_not_used(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_runs(study)
    monkeypatch.setattr("studygrid.results.reading.fingerprint", lambda modules: "other code")
    assert reads(study) == len(PLAN.runs)


def test_reading_a_part_forgets_nothing(study: Path) -> None:
    load_runs(study)
    write_run(PLAN, study, RUN, score=0.75)
    read_all(study, [f"runs/{RUN.path}"])
    assert reads(study) == 0


def test_results_that_cannot_be_written_are_read_all_the_same(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("studygrid.results.reading.write_atomically", refuse)
    assert len(load_runs(study).frame) == len(PLAN.runs)
    assert not (study / CACHE_NAME).exists()


def test_the_package_itself_stays_cheap_to_import() -> None:
    import subprocess
    import sys

    code = "import sys, studygrid; print([m for m in ('pandas', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
