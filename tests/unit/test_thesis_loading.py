"""Which runs are found: sweeps, lists, globs, pointer files, our own studies; and selected."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from studygrid.errors import ConfigError, NoRunsError, SelectionError
from studygrid.interchange.thesis import export_facts, load_runs, read_runs, select_runs
from studygrid.interchange.thesis_rows import COLUMNS
from studygrid.records import TrainRecord, read_record
from studygrid.results.study_results import StudyResults
from tests.unit.thesis_files import config_of, foreign_run
from tests.unit.thesis_studies import classification_study, study_of

SWEEP = "multiruns/exp_20251103-140953_experiment"


@pytest.fixture
def study(tmp_path: Path) -> StudyResults:
    return classification_study(tmp_path / "study")


def names(order: list[str]) -> list[str]:
    return [Path(name).name for name in order]


# --- Where runs are


def test_the_runs_of_a_sweep_lie_in_it_beside_it_and_where_pointers_point(tmp_path: Path) -> None:
    sweep = tmp_path / SWEEP
    foreign_run(sweep / "0")
    foreign_run(tmp_path / "runs" / "run_20251103-140953_experiment_job1")
    foreign_run(tmp_path / "runs" / "run_20251103-140953_other_job1")
    foreign_run(tmp_path / "runs" / "run_20251104-140953_experiment_job1")
    foreign_run(tmp_path / "far" / "away")
    (sweep / "far.pointer.json").write_text(json.dumps({"path": "../../far/away"}))
    (sweep / "runs").mkdir()
    absolute = json.dumps({"path": str(tmp_path / "far" / "away")})
    (sweep / "runs" / "again.pointer.json").write_text(absolute)
    facts = read_runs(sweep)
    assert names(facts.order) == ["run_20251103-140953_experiment_job1", "away", "0"]
    assert facts.problems == []


def test_pointers_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    sweep = tmp_path / SWEEP
    foreign_run(sweep / "0")
    for name, content in {
        "a": {"path": "../nowhere"},
        "b": {"path": ""},
        "c": [1],
        "d": {"path": "."},
    }.items():
        (sweep / f"{name}.pointer.json").write_text(json.dumps(content))
    (sweep / "e.pointer.json").write_text("{")
    found = {Path(path).name[0]: reason for path, reason in read_runs(sweep).problems}
    assert found["a"] == "points to ../nowhere, which is no run folder"
    assert found["b"] == found["c"] == "names no folder: it should have the key `path`"
    assert found["d"] == "points to ., which is no run folder"
    assert found["e"].startswith("is not JSON")


def test_globs_and_lists_name_each_run_once(tmp_path: Path) -> None:
    for name in ("run_a", "run_b"):
        foreign_run(tmp_path / "runs" / name)
    (tmp_path / "runs" / "link").symlink_to(tmp_path / "runs" / "run_a")
    facts = read_runs(run_dirs=[tmp_path / "runs" / "run_*", f"{tmp_path}/runs/../runs/run_a"])
    assert names(facts.order) == ["run_a", "run_b"]
    assert len(read_runs(f"{tmp_path}/run?").order) == 2
    assert names(read_runs(tmp_path / "runs").order) == ["link", "run_b"]


def test_links_that_go_in_circles_come_to_an_end(tmp_path: Path) -> None:
    foreign_run(tmp_path / "a" / "run")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert len(read_runs(tmp_path).order) == 1


def test_a_config_alone_is_a_run_unless_runs_lie_below_it(tmp_path: Path) -> None:
    foreign_run(tmp_path / "sweep" / "0")
    (tmp_path / "sweep" / "cfg.yaml").write_text("a: 1")
    (tmp_path / "sweep" / "1" / ".hydra").mkdir(parents=True)
    (tmp_path / "sweep" / "1" / ".hydra" / "config.yaml").write_text("a: 1")
    facts = read_runs(tmp_path / "sweep")
    assert names(facts.order) == ["0"]
    assert facts.incomplete == [(str(tmp_path / "sweep" / "1"), "has no facts/events.jsonl")]
    with pytest.raises(NoRunsError, match=r"1: has no facts/events\.jsonl"):
        read_runs(run_dirs=tmp_path / "sweep" / "1")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "none of both is given"),
        ({"run_dirs": []}, "none of both is given"),
        ({"sweep_dir": "a", "run_dirs": ["b"]}, "both are given"),
    ],
)
def test_exactly_one_of_sweep_and_list_is_given(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=r"exactly one of inputs\.sweep_dir"):
        load_runs(**given)
    with pytest.raises(ConfigError, match=said):
        load_runs(**given)


def test_folders_that_are_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for given, said in {
        "nowhere": "inputs.sweep_dir: .*nowhere does not exist",
        "no*": "inputs.sweep_dir: no folder matches .*no\\*",
        "file": "inputs.sweep_dir: .*file is a file, not a folder",
    }.items():
        with pytest.raises(NoRunsError, match=said):
            read_runs(tmp_path / given)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoRunsError, match="holds no run: none of the folders in it has facts/"):
        read_runs(tmp_path / "empty")


# --- Our own


def test_a_results_folder_is_read_with_what_is_missing(study: StudyResults) -> None:
    runs = study.plan.runs
    shutil.rmtree(study.folder / "runs" / runs[0].path)
    (study.folder / "runs" / runs[1].path / "train.json").unlink()
    facts = read_runs(study.folder)
    assert [Path(name).relative_to(study.folder / "runs").as_posix() for name in facts.order] == [
        run.path for run in runs[2:]
    ]
    assert [reason for _, reason in facts.incomplete] == [
        "has not been started: the folder is not there",
        "has no train.json: training has not ended",
    ]


def test_run_folders_of_ours_are_read_one_by_one(study: StudyResults) -> None:
    folder = study.folder / "runs" / study.plan.runs[0].path
    record = read_record(folder / "train.json", TrainRecord)
    row = read_runs(run_dirs=[folder]).runs_df.iloc[0]
    assert (row["model"], row["resolution"], row["n_train"]) == ("simple_cnn", 32, "64")
    assert row["encoder"] == "simple_cnn"
    assert row["kept_epoch"] == row["best_epoch"] == (record.best_epoch or 0) - 1
    assert row["train_record"] == str(folder / "train.json")


def test_a_record_of_other_settings_is_not_mixed_in(study: StudyResults) -> None:
    path = study.folder / "runs" / study.plan.runs[0].path / "train.json"
    record = read_record(path, TrainRecord)
    training = record.spec.training.model_copy(update={"weight_decay": 0.5})
    spec = record.spec.model_copy(update={"training": training})
    path.write_text(record.model_copy(update={"spec": spec}).model_dump_json())
    ((_, reason),) = read_runs(study.folder).incomplete
    assert "is of other settings than the study's" in reason


def test_a_run_that_is_trained_and_not_scored_has_ended(study: StudyResults) -> None:
    for path in study.folder.rglob("evaluate.json"):
        path.unlink()
    facts = read_runs(study.folder)
    assert len(facts.order) == 4
    assert not [name for name in facts.runs_df if str(name).startswith("test_")]


def test_a_run_without_curves_keeps_what_its_record_says(study: StudyResults) -> None:
    path = study.folder / "runs" / study.plan.runs[0].path / "epochs.jsonl"
    path.unlink()
    facts = read_runs(study.folder)
    row = facts.runs_df.iloc[0]
    assert row["loss.total_best"] > 0
    assert facts.per_epoch[facts.order[0]].empty
    assert [reason for place, reason in facts.problems if place == str(path)] == [
        "cannot be read (No such file or directory): the run has no curves"
    ]


def test_options_are_columns_and_settings_are_where_runs_differ(tmp_path: Path) -> None:
    runs_df = read_runs(study_of("tagvae", tmp_path).folder).runs_df
    assert set(runs_df["latent_dim"].dropna()) == {32, 64, 128}
    assert set(runs_df["beta"]) == {0.5, 1.0, 4.0, 10.0}
    assert "training.learning_rate" not in runs_df
    assert "learning_rate" not in runs_df


def test_a_study_and_its_export_count_once(study: StudyResults, tmp_path: Path) -> None:
    export_facts(study, tmp_path / "out")
    facts = read_runs(run_dirs=[study.folder, tmp_path / "out"])
    assert len(facts.order) == 4
    assert all(name.startswith(str(study.folder)) for name in facts.order)
    assert len(facts.problems) == 4
    assert "is the same run as" in facts.problems[0][1]


def test_runs_of_several_programs_make_one_table(study: StudyResults, tmp_path: Path) -> None:
    foreign = foreign_run(tmp_path / "foreign" / "run", overrides=["+note=x"])
    facts = read_runs(run_dirs=[study.folder, foreign])
    assert len(facts.order) == 5
    assert list(facts.runs_df)[: len(COLUMNS)] == list(COLUMNS)
    last = facts.runs_df.iloc[-1]
    assert (last["note"], last["encoder"]) == ("x", "mlp")
    assert facts.runs_df["note"].isna().tolist() == [True] * 4 + [False]


# --- Selecting


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for encoder in ("mlp", "gnn"):
        for seed in (42, 43):
            config = config_of(encoder, seed=seed)
            foreign_run(tmp_path / f"run_{encoder}_{seed}", config=config)
    return tmp_path


@pytest.mark.parametrize(
    ("select", "count"),
    [
        (None, 4),
        ({}, 4),
        ({"encoder": ["mlp", "gnn"]}, 4),
        ({"encoder": "mlp"}, 2),
        ({"encoder": ["mlp"], "seed": [43]}, 1),
        ({"seed": ["42"]}, 2),
        ({"seed": 42.0}, 2),
        ({"globals_weight": ["0.10"]}, 4),
        ({"seed": None, "encoder": ["gnn"]}, 2),
        ({"model": [None]}, 4),
    ],
)
def test_runs_are_selected_by_columns(
    sweep: Path, select: dict[str, Any] | None, count: int
) -> None:
    runs_df, per_epoch, order = load_runs(sweep, select=select)
    assert len(runs_df) == len(per_epoch) == len(order) == count
    assert list(runs_df["run_dir"]) == order == list(per_epoch)


@pytest.mark.parametrize(
    ("select", "said"),
    [
        (
            {"encodr": ["mlp"]},
            r"no column 'encodr'; did you mean 'encoder'\? there are run_dir, encoder",
        ),
        ({"colour": ["red"]}, r"no column 'colour'; there are run_dir, encoder, tokenizer, seed"),
        ({"encoder": ["mpl"]}, r"no run has encoder=mpl; there are gnn, mlp$"),
        ({"seed": [44]}, r"no run has seed=44; there are 42, 43$"),
        ({"encoder": []}, "encoder names no value; .* choose of gnn, mlp"),
        (["encoder"], "should be columns with their values"),
    ],
)
def test_a_wrong_selection_is_refused_with_the_choices(sweep: Path, select: Any, said: str) -> None:
    with pytest.raises(SelectionError, match=said):
        load_runs(sweep, select=select)


def test_a_selection_that_leaves_no_run_is_refused(sweep: Path) -> None:
    shutil.rmtree(sweep / "run_gnn_42")
    with pytest.raises(
        SelectionError, match="no run has all of that at once: encoder=gnn, seed=42"
    ):
        load_runs(sweep, select={"encoder": ["gnn"], "seed": [42]})
    frame = read_runs(sweep).runs_df
    assert select_runs(frame, {"seed": [43]})["encoder"].tolist() == ["gnn", "mlp"]
