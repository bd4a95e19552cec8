"""Runs of other programs become one frame: what files say is there, and nothing else."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import studygrid
from studygrid.cli import main
from studygrid.errors import ConfigError, NoRunsError, RecordError
from studygrid.interchange.foreign.layouts import LAYOUTS, Item, layouts
from studygrid.interchange.foreign.runs import ForeignRun
from tests.unit import crackseg_studies, resomap_studies
from tests.unit.foreign_files import (
    draw_little,
    resomap_cell,
    write_cell,
    write_experiment,
    write_json,
    write_vae,
)
from tests.unit.vae_studies import vae_study

AXES = ["model", "resolution", "n_train", "seed"]


def same_scores(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare the test metrics of two frames, run by run."""
    expected = expected.loc[expected["status"] == "ok"]
    left, right = (frame.set_index(AXES).sort_index() for frame in (found, expected))
    left = left.loc[left["status"] == "ok"]
    assert list(left.index) == list(right.index)
    scores = [name for name in right if str(name).startswith("test_")]
    assert scores
    pd.testing.assert_frame_equal(
        left[scores], right[scores], check_dtype=False, rtol=1e-12, atol=0
    )


# --- What we write comes back


def test_cells_of_a_study_come_back_as_its_runs(tmp_path: Path) -> None:
    resomap_studies.finished(tmp_path)
    assert main(["aggregate", str(tmp_path), "--no-console"]) == 0
    found = studygrid.collect(tmp_path / "test_results")
    assert found.problems == []
    assert found.frame["layout"].unique().tolist() == ["resomap"]
    assert not found.frame["numbered"].any()
    same_scores(found.frame, studygrid.load_runs(tmp_path).frame)


def test_failed_and_missing_runs_of_a_cell_come_back_with_their_reasons(tmp_path: Path) -> None:
    plan = resomap_studies.finished(tmp_path)
    resomap_studies.write_failure(plan, tmp_path, plan.runs[0])
    shutil.rmtree(tmp_path / "runs" / plan.runs[1].path)
    assert main(["aggregate", str(tmp_path), "--no-console"]) == 0
    frame = studygrid.collect(tmp_path / "test_results").frame
    assert frame["status"].value_counts().to_dict() == {"ok": 6, "diverged": 1, "missing": 1}
    failed = frame.loc[frame["status"] == "diverged"].iloc[0]
    assert (failed["reason"], failed["seed"]) == ("the loss was NaN in epoch 2", 0)
    assert math.isnan(failed["test_accuracy"])


def test_the_cost_of_inference_comes_back_where_the_files_say_how_it_was_measured(
    tmp_path: Path,
) -> None:
    resomap_studies.finished(tmp_path)
    assert main(["aggregate", str(tmp_path), "--no-console"]) == 0
    (study,) = studygrid.collect(tmp_path / "test_results").studies.values()
    ours = studygrid.load_runs(tmp_path).frame
    for name in ("profile_device", "profile_b1_median_sec_per_sample", "profile_threads"):
        assert study.frame[name].tolist() == ours[name].tolist()
    assert study.plan.study.profiling.batch_sizes == [1, 8]


def test_experiments_of_a_study_come_back_as_its_runs_with_their_epochs(tmp_path: Path) -> None:
    folder = crackseg_studies.write_study(tmp_path / "results")
    assert main(["export", str(folder), "--to", "crackseg", "--output", str(tmp_path / "x")]) == 0
    found, ours = studygrid.collect(tmp_path / "x"), studygrid.load_runs(folder)
    assert found.problems == []
    same_scores(found.frame, ours.frame)
    columns = ["best_epoch", "epochs", "train_time_sec", "parameters", "checkpoint_sha256"]
    ok = ours.frame.loc[ours.frame["status"] == "ok"].sort_values("n_train")
    both = [frame[columns].to_dict("records") for frame in (found.frame, ok)]
    by_weights = [sorted(rows, key=lambda row: row["checkpoint_sha256"]) for rows in both]
    assert by_weights[0] == by_weights[1]
    keys = [*AXES, "epoch", "step", "train_loss", "validation_loss", "validation_iou"]
    mine, theirs = (
        frame[keys].sort_values([*AXES, "epoch"]).reset_index(drop=True)
        for frame in (found.epochs, ours.epochs)
    )
    pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)


def test_metrics_of_vaes_come_back_as_the_runs_of_the_study(tmp_path: Path) -> None:
    study = vae_study(tmp_path / "results")
    text = yaml.safe_dump(study.plan.resolved(), sort_keys=False)
    (tmp_path / "results" / "study.yaml").write_text(text)
    there = str(tmp_path / "results")
    assert main(["export", there, "--to", "vae", "--output", str(tmp_path / "vae")]) == 0
    found = studygrid.collect(tmp_path / "vae")
    assert found.problems == []
    same_scores(found.frame, studygrid.load_runs(there).frame)
    # Each run is there four times: metrics and summary, and copies of both.
    assert found.frame["paths"].str.count(";").unique().tolist() == [3]
    assert any("it counts once" in note for note in found.notes)


def test_results_of_ours_keep_all_they_have(tmp_path: Path) -> None:
    plan = resomap_studies.finished(tmp_path)
    (study,) = studygrid.collect(tmp_path).studies.values()
    ours = studygrid.load_runs(tmp_path).frame.drop(columns=["study", "folder"])
    mine, theirs = (frame.set_index(AXES).sort_index() for frame in (study.frame[list(ours)], ours))
    pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)
    assert len(study.facts) == len(plan.runs)
    assert len(study.tables("confusion_matrix")) == len(plan.runs)
    assert study.plan.resolved()["models"]["tiny_cnn"]["training"]["optimizer"] == "adamw"
    # What lies in a results folder is made from its runs.
    assert set(study.frame["status"]) == {"ok"}
    assert len(study.frame) == len(plan.runs)


# --- What the guides document


def test_a_documented_cell_of_resomap_is_a_run(tmp_path: Path) -> None:
    write_cell(tmp_path, "vgg11", 224)
    frame = studygrid.collect(tmp_path).frame
    row = frame.iloc[0].to_dict()
    assert (row["family"], row["layout"]) == ("classification", "resomap")
    assert (row["model"], row["resolution"], row["n_train"]) == ("vgg11", 224, "not said")
    assert (row["test_accuracy"], row["test_f1"], row["test_loss"]) == (0.89, 0.86, 0.55)
    assert row["best_validation_loss"] == 0.54
    # The guide says neither the device nor the batch: such a time is no profile of ours.
    assert row["profile_avg_time_sec"] == 0.023
    assert not [name for name in frame if str(name).startswith("profile_b")]


def test_a_documented_experiment_of_crackseg_has_scores_of_the_validation_split(
    tmp_path: Path,
) -> None:
    write_experiment(tmp_path, "swin", iou=0.7)
    found = studygrid.collect(tmp_path)
    row = found.frame.iloc[0].to_dict()
    assert (row["model"], row["resolution"], row["n_train"]) == ("swin", 0, "not said")
    assert row["validation_iou"] == pytest.approx(0.71)  # of the best epoch
    assert not [name for name in found.frame if str(name).startswith("test_")]
    assert row["train_device"] == "Some GPU"
    assert found.epochs["validation_loss"].tolist()[-1] == pytest.approx(0.2 + 0.5 / 6)
    assert (found.studies["segmentation"].split, found.studies["segmentation"].metric.name) == (
        "validation",
        "iou",
    )


def test_documented_metrics_of_a_vae_are_a_run_with_its_config(tmp_path: Path) -> None:
    write_vae(tmp_path, "vae_small", beta=4.0)
    found = studygrid.collect(tmp_path)
    row = found.frame.iloc[0].to_dict()
    assert (len(found.frame), row["model"], row["family"]) == (1, "vae_small", "tagvae")
    assert (row["test_loss"], row["test_bce"], row["test_kl"]) == (1195.8, 865.2, 330.6)
    assert row["test_elbo"] == pytest.approx(-(865.2 + 330.6))
    assert row["test_reconstruction_entropy_nats"] == 8.3
    assert row["validation_jaccard_index"] == 0.68
    assert row["train_bce"] == 890.3
    (study,) = found.studies.values()
    settings = study.plan.resolved()["models"]["vae_small"]
    assert settings["options"] == {"latent_dim": 32, "hidden_dim": 128, "dropout_p": 0.3}
    assert settings["loss"] == {"beta": 4.0}


def test_an_epoch_that_nobody_trained_is_no_epoch(tmp_path: Path) -> None:
    place = write_experiment(tmp_path, "swin")
    keys = ("train_loss", "val_loss", "val_iou", "val_f1", "val_precision", "val_recall")
    made_up = dict.fromkeys((*keys, "val_dice", "val_accuracy"), 0.0)
    with (place / "metrics" / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": 7, **made_up}) + "\n")
    found = studygrid.collect(tmp_path)
    assert found.epochs["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert "all scores and losses are 0 in epoch 7" in found.problems[0].reason


# --- Copies, seeds, names


def test_a_copy_of_a_run_counts_once_and_is_said(tmp_path: Path) -> None:
    write_cell(tmp_path / "a")
    write_cell(tmp_path / "b")
    found = studygrid.collect(tmp_path)
    assert len(found.frame) == 1
    assert found.frame["paths"][0].count("vgg11_224.json") == 2
    assert [note for note in found.notes if "is a copy of" in note]


def test_runs_without_a_seed_are_numbered_in_the_order_of_their_paths(tmp_path: Path) -> None:
    for at, accuracy in enumerate((0.7, 0.8, 0.9)):
        write_cell(tmp_path / f"try_{at}", accuracy=accuracy)
    found = studygrid.collect(tmp_path)
    assert found.frame[["seed", "test_accuracy"]].to_numpy().tolist() == [
        [0, 0.7], [1, 0.8], [2, 0.9],
    ]  # fmt: skip
    assert found.frame["numbered"].all()
    assert any(note.startswith("3 of 3 runs name no seed") for note in found.notes)


def test_runs_that_are_numbered_are_paired_with_none(tmp_path: Path) -> None:
    from studygrid.tables.rankings import ranking

    for model, best in (("a", 0.7), ("b", 0.9)):
        for at in range(5):
            write_json(
                tmp_path / model / f"{at}.json", resomap_cell(model, accuracy=best + at / 99)
            )
    (study,) = studygrid.collect(tmp_path).studies.values()
    frame = ranking(study)
    assert frame["n"].tolist() == [5, 5]
    assert frame["verdict"].tolist() == ["best", "too few seeds"]


def test_a_number_that_stands_for_a_seed_is_not_one_that_a_file_names(tmp_path: Path) -> None:
    for at, more in enumerate(({"seeds": [0]}, {}, {"seeds": [2]})):
        cell = {**resomap_cell(accuracy=0.5 + at / 10), **more}
        write_json(tmp_path / f"{at}.json", cell)
    frame = studygrid.collect(tmp_path).frame
    assert frame[["seed", "numbered"]].to_numpy().tolist() == [[0, False], [1, True], [2, False]]


def test_two_runs_of_one_place_with_other_scores_are_not_mixed(tmp_path: Path) -> None:
    for at in (0, 1):
        cell = {**resomap_cell(accuracy=0.5 + at / 10), "seeds": [3]}
        write_json(tmp_path / str(at) / "vgg11_224.json", cell)
    found = studygrid.collect(tmp_path)
    assert found.frame["test_accuracy"].tolist() == [0.5]
    (problem,) = found.problems
    assert problem.path == tmp_path / "1" / "vgg11_224.json"
    assert "is of the run vgg11, seed 3" in problem.reason


def test_a_run_and_its_own_export_are_one(tmp_path: Path) -> None:
    folder = crackseg_studies.write_study(tmp_path / "results")
    assert main(["export", str(folder), "--to", "crackseg", "--output", str(tmp_path / "x")]) == 0
    (study,) = studygrid.collect([tmp_path / "x", folder]).studies.values()
    assert (study.frame["status"] == "ok").sum() == 2
    # The records say more than the export.
    assert len(study.facts) == 3
    assert study.collected is not None
    assert any("holds the same run as" in note for note in study.collected.notes)


def test_a_run_that_is_named_beside_its_study_is_one(tmp_path: Path) -> None:
    plan = resomap_studies.finished(tmp_path)
    found = studygrid.collect([tmp_path / "runs" / plan.runs[0].path, tmp_path])
    assert (len(found.frame), found.problems) == (len(plan.runs), [])
    assert not [note for note in found.notes if "counts once" in note]


def test_metrics_of_one_content_under_two_names_are_two_runs(tmp_path: Path) -> None:
    content = {"test": {"test_bce": 1.0, "test_kld": 2.0}}
    for name in ("small", "large"):
        write_json(tmp_path / "models" / "metrics" / f"{name}_metrics.json", content)
    write_json(tmp_path / "outputs" / "vae_training" / "run1" / "metrics.json", content)
    found = studygrid.collect(tmp_path)
    assert sorted(found.frame["model"]) == ["large", "small"]
    assert "has the very metrics of" in found.problems[0].reason


def test_seeds_with_equal_scores_stay_two_runs_where_their_summaries_name_them(
    tmp_path: Path,
) -> None:
    for seed in (0, 1):
        write_vae(tmp_path / f"seed{seed}", "nearest", seed=seed)
    assert studygrid.collect(tmp_path).frame["seed"].tolist() == [0, 1]


def test_a_name_that_no_figure_can_hold_is_changed_and_said(tmp_path: Path) -> None:
    given = ["_hidden", "$x^2$", "a\nb\x1b[31m", "=SUM(A1)", "x" * 300, "../up", "_hidden_"]
    for at, name in enumerate(given):
        write_json(tmp_path / f"{at}.json", resomap_cell(name, accuracy=0.1 * at))
    found = studygrid.collect(tmp_path)
    names = found.frame["model"].tolist()
    assert names == ["hidden", "x_2", "a_b__31m", "=SUM(A1)", "x" * 64, "up", "hidden (2)"]
    assert len([note for note in found.notes if "is called" in note]) == 6


# --- Filling in, families, places


def test_what_files_do_not_say_can_be_given(tmp_path: Path) -> None:
    write_experiment(tmp_path, "swin")
    found = studygrid.collect(tmp_path, resolution=360, n_train=1200)
    assert found.frame[["resolution", "n_train"]].to_numpy().tolist() == [[360, "1200"]]
    assert "The files of 1 of 1 runs do not say resolution: it was given as 360." in found.notes


def test_what_files_say_is_not_overwritten(tmp_path: Path) -> None:
    write_cell(tmp_path, resolution=224)
    found = studygrid.collect(tmp_path, family="segmentation", resolution=512, n_train="all")
    row = found.frame.iloc[0]
    assert (row["family"], row["resolution"], row["n_train"]) == ("segmentation", 224, "all")


def test_families_are_kept_apart(tmp_path: Path) -> None:
    write_cell(tmp_path)
    write_experiment(tmp_path, "swin")
    write_vae(tmp_path, "vae_small")
    found = studygrid.collect(tmp_path)
    assert sorted(found.studies) == ["classification", "segmentation", "tagvae"]
    assert sorted(found.frame["layout"]) == ["crackseg", "resomap", "vae"]


def test_a_family_that_is_code_is_not_run_because_a_file_names_it(tmp_path: Path) -> None:
    code = tmp_path / "evil.py"
    code.write_text("raise SystemExit('run')")
    write_json(tmp_path / "a.json", {**resomap_cell(), "family": f"{code}:FAMILY"})
    study = tmp_path / "study"
    resomap_studies.finished(study)
    config = yaml.safe_load((study / "study.yaml").read_text())
    (study / "study.yaml").write_text(yaml.safe_dump({**config, "family": f"{code}:FAMILY"}))
    with pytest.raises(NoRunsError) as caught:
        studygrid.collect(tmp_path)
    assert "which is none of the installed ones" in str(caught.value)


def test_an_unknown_family_is_named_with_the_nearest(tmp_path: Path) -> None:
    write_cell(tmp_path)
    with pytest.raises(ConfigError, match="classification"):
        studygrid.collect(tmp_path, family="clasification")


def test_a_metric_that_no_file_has_gives_way_to_one_that_some_has(tmp_path: Path) -> None:
    write_cell(tmp_path)
    (study,) = studygrid.collect(tmp_path).studies.values()
    assert study.metric.name == "accuracy"
    (study,) = studygrid.collect(tmp_path, metric="f1").studies.values()
    assert study.metric.name == "f1"


def test_a_folder_is_looked_into_once_and_links_in_a_circle_end(tmp_path: Path) -> None:
    write_cell(tmp_path / "a")
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
    found = studygrid.collect([tmp_path, tmp_path / "a", str(tmp_path / "*")])
    assert (len(found.frame), found.problems) == (1, [])
    assert found.frame["paths"][0].count("vgg11") == 1


def test_what_was_written_before_is_not_collected_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_little(monkeypatch)
    write_cell(tmp_path)
    for _ in range(2):
        assert main(["collect", "."]) == 0
    assert len(pd.read_csv("collected/aggregated_metrics.csv")) == 1
    assert pd.read_csv("collected/problems.csv").empty
    # Elsewhere a summary is known for what it is.
    assert studygrid.collect(tmp_path).problems == []


def test_a_place_that_no_run_can_have_is_refused(tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {"resolution": 0}, {"resolution": -5}, {"seeds": [-1]}, {"n_train": 0}, {"model": " "},
    ]  # fmt: skip
    for at, more in enumerate(wrong):
        write_json(tmp_path / f"{at}.json", {**resomap_cell(accuracy=at / 10), **more})
    write_cell(tmp_path)
    found = studygrid.collect(tmp_path)
    assert len(found.frame) == 1
    assert len(found.problems) == 5
    with pytest.raises(RecordError, match=r"seed is 9\.01e"):
        ForeignRun("resomap", "a", (), seed=2**53 + 1)


def test_every_layout_knows_its_name_and_reads_nothing_of_nothing() -> None:
    assert [layout.name for layout in layouts()] == list(LAYOUTS)
    for layout in layouts():
        assert layout.read([]).runs == []
        assert Item(Path()).content is None


@pytest.mark.parametrize("name", ["collect", "compare"])
def test_the_functions_are_there_without_being_loaded(name: str) -> None:
    assert name in studygrid.__all__
    function: Any = getattr(studygrid, name)
    assert function.__doc__
