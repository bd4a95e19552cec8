"""Runs that are exported in CrackSeg's layout: all of what their records say, once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from studygrid import cli
from studygrid.errors import NoRunsError, SelectionError, StudygridError
from studygrid.interchange.crackseg import read_experiment, read_experiments
from studygrid.interchange.crackseg_export import ExportedExperiments, export_experiments
from studygrid.results.study_results import StudyResults, study_results
from tests.unit import crackseg_guide_reader
from tests.unit.crackseg_studies import (
    FAILED,
    METRICS,
    MISSING,
    PLAN,
    STOPPED,
    epoch,
    write,
    write_lines,
    write_study,
)
from tests.unit.made_records import ORIGIN, small_plan, train_record

STOPPED_NAME = "Cracks-50-of-it-all-small_unet-res32-nall-seed0"
FOLDER = f"20260101-000000-{STOPPED_NAME}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_study(tmp_path / "results")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def read(folder: Path) -> StudyResults:
    return study_results(PLAN, folder)


def export(folder: Path, output: Path) -> ExportedExperiments:
    return export_experiments(read(folder), output)


def counts(done: ExportedExperiments) -> tuple[int, int, int]:
    return done.new, done.replaced, done.unchanged


def state(output: Path) -> dict[str, tuple[int, int]]:
    stats = {str(path): path.stat() for path in output.rglob("*") if path.name != ".writer"}
    return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in stats.items()}


def left_overs(output: Path) -> list[Path]:
    return [path for path in output.iterdir() if path.name.endswith((".part", ".old"))]


# --- What is written


def test_each_run_that_ended_well_is_an_experiment_and_the_others_are_counted(
    folder: Path, output: Path
) -> None:
    done = export(folder, output)
    assert counts(done) == (2, 0, 0)
    assert (done.failed, done.missing, done.problems) == ((FAILED,), (MISSING,), {})
    found = read_experiments(output)
    assert found.problems == []
    assert [experiment.folder.name for experiment in found.experiments] == [
        FOLDER,
        FOLDER.replace("seed0", "seed1"),
    ]
    files = {str(path.relative_to(output / FOLDER)) for path in (output / FOLDER).rglob("*.*")}
    assert files == {
        "metrics/complete_summary.json",
        "metrics/metrics.jsonl",
        "metrics/validation_metrics.json",
        "logs/training.log",
        "checkpoints/best_model.pth",
        "final_results.yaml",
        "best_model.pth",
    }


def test_a_run_that_stopped_early_has_its_own_epochs_and_says_what_was_configured(
    folder: Path, output: Path
) -> None:
    export(folder, output)
    stopped = read_experiment(output / FOLDER)
    assert [row.epoch for row in stopped.epochs] == [1, 2, 3, 4]
    summary = stopped.summary
    assert (summary.training_epochs, summary.epochs_trained, summary.final_epoch) == (8, 4, 4)
    assert (summary.stopped_by, summary.best_epoch) == ("early_stopping", 2)
    whole = read_experiment(output / FOLDER.replace("seed0", "seed1")).summary
    assert (whole.training_epochs, whole.epochs_trained, whole.stopped_by) == (8, 8, "budget")


def test_the_final_scores_are_of_the_last_epoch_and_the_best_of_the_kept_one(
    folder: Path, output: Path
) -> None:
    export(folder, output)
    found = read_experiment(output / FOLDER)
    last, kept = epoch(4, 0.4375), epoch(2, 0.25)
    for name in METRICS:
        key = f"validation_{name}"
        assert getattr(found.summary.final_metrics, f"val_{name}") == last[key]
        assert getattr(found.validation.final_validation, f"val_{name}") == last[key]
        assert getattr(found.final_results, f"val_{name}") == last[key]
        assert getattr(found.validation.best_validation, name) == kept[key]
        assert found.curve(f"val_{name}")[2] == kept[key]
    assert found.validation.best_validation.epoch == 2
    assert found.problems == ()


def test_an_epoch_holds_all_that_its_line_in_the_study_holds(folder: Path, output: Path) -> None:
    export(folder, output)
    row = read_experiment(output / FOLDER).epochs[2].content()
    line = epoch(3, 0.375)
    assert row == {name.replace("validation_", "val_"): value for name, value in line.items()}
    assert list(row)[:9] == [
        "epoch", "train_loss", "val_loss", "val_iou", "val_f1", "val_precision", "val_recall",
        "val_dice", "val_accuracy",
    ]  # fmt: skip


def test_the_summary_says_what_the_guide_wants_and_which_run_it_is(
    folder: Path, output: Path
) -> None:
    export(folder, output)
    content = json.loads((output / FOLDER / "metrics" / "complete_summary.json").read_text())
    assert list(content)[:12] == [
        "experiment_name", "project_name", "model_type", "dataset", "training_epochs",
        "batch_size", "learning_rate", "final_metrics", "best_epoch", "total_training_time",
        "timestamp", "hardware_info",
    ]  # fmt: skip
    assert content["experiment_name"] == STOPPED_NAME
    assert content["project_name"] == PLAN.study.name
    assert (content["model_type"], content["dataset"]) == ("small_unet", "cracks")
    assert (content["batch_size"], content["learning_rate"]) == (32, 0.001)
    assert content["total_training_time"] == 12.5
    assert content["timestamp"] == "2026-01-01T00:00:00+00:00"
    hardware = content["hardware_info"]
    assert (hardware["device"], hardware["cuda_available"]) == ("cuda", True)
    assert hardware["gpu_name"] == "Some GPU"
    assert content["run"] == vars(STOPPED)
    assert content["test_metrics"]["iou"] == 0.5


def test_a_script_written_from_the_guide_alone_reads_an_export(
    folder: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(folder, output)
    found = crackseg_guide_reader.read(output / FOLDER)
    assert len(found["epochs"]) == 4
    assert found["final"] == found["final_of_curve"]
    assert found["best"] == found["best_of_curve"]
    assert found["best"] != found["final"]
    assert found["log"] == f"log of {STOPPED.path}\n"
    assert (
        found["best_model"] == found["root_model"] == f"weights of {STOPPED.path} at 0.5".encode()
    )
    assert "small_unet on cracks" in capsys.readouterr().out


def test_that_script_needs_no_studygrid(folder: Path, output: Path) -> None:
    export(folder, output)
    code = (
        "import runpy, sys; sys.modules['studygrid'] = None; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    script = crackseg_guide_reader.__file__
    done = subprocess.run(
        [sys.executable, "-c", code, script, str(output / FOLDER)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "epoch 4: train_loss=0.25" in done.stdout


def test_a_score_without_a_value_is_null_with_its_reason_in_every_document(
    folder: Path, output: Path
) -> None:
    rows = [epoch(number, loss) for number, loss in enumerate([0.5, 0.25, 0.375, 0.4375], 1)]
    rows[1]["validation_f1"] = rows[3]["validation_iou"] = rows[3]["train_iou"] = None
    write_lines(folder, STOPPED, rows)
    export(folder, output)
    found = read_experiment(output / FOLDER)
    assert found.curve("val_iou")[4] is None
    assert found.epochs[3].reasons.keys() == {"val_iou", "train_iou"}
    assert "on the validation split" in found.epochs[3].reasons["val_iou"]
    assert "training batches" in found.epochs[3].reasons["train_iou"]
    assert found.summary.final_metrics.val_iou is None
    assert "final_metrics.val_iou" in found.summary.reasons
    assert found.validation.best_validation.f1 is None
    assert found.validation.reasons.keys() == {"final_validation.val_iou", "best_validation.f1"}
    assert found.problems == ()


def test_two_names_of_the_weights_take_the_room_of_one(folder: Path, output: Path) -> None:
    export(folder, output)
    place = output / FOLDER
    assert (place / "best_model.pth").samefile(place / "checkpoints" / "best_model.pth")
    original = folder / "runs" / STOPPED.path / "best_model.pth"
    assert not (place / "best_model.pth").samefile(original)


def test_a_file_system_without_links_gets_two_copies(
    folder: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", no_links)
    export(folder, output)
    place = output / FOLDER
    assert not (place / "best_model.pth").samefile(place / "checkpoints" / "best_model.pth")
    assert crackseg_guide_reader.read(place)["root_model"].startswith(b"weights of")


# --- Once


def test_a_second_export_changes_nothing(folder: Path, output: Path) -> None:
    export(folder, output)
    before = state(output)
    assert counts(export(folder, output)) == (0, 0, 2)
    assert state(output) == before


def test_a_run_that_changed_is_replaced_and_the_others_are_left(folder: Path, output: Path) -> None:
    export(folder, output)
    before = state(output / FOLDER.replace("seed0", "seed1"))
    write(folder, STOPPED, [0.5, 0.25, 0.125, 0.375, 0.4375], score=0.75)
    assert counts(export(folder, output)) == (0, 1, 1)
    found = read_experiment(output / FOLDER)
    assert (found.summary.epochs_trained, found.summary.best_epoch) == (5, 3)
    assert found.summary.test_metrics == dict.fromkeys(PLAN.family.metric_names, 0.75)
    assert state(output / FOLDER.replace("seed0", "seed1")) == before
    assert left_overs(output) == []


def test_a_run_that_was_trained_again_later_is_there_once(folder: Path, output: Path) -> None:
    export(folder, output)
    later = "2026-03-04T05:06:07.890+01:00"
    attempt = train_record(PLAN, STOPPED).attempts[0].model_copy(update={"started_at": later})
    origin = ORIGIN.model_copy(update={"started_at": later})
    losses = [0.5, 0.25, 0.375, 0.4375]
    write(folder, STOPPED, losses, attempts=[attempt], origin=origin)
    assert counts(export(folder, output)) == (0, 1, 1)
    assert not (output / FOLDER).exists()
    assert read_experiment(output / f"20260304-040607-{STOPPED_NAME}").problems == ()


def test_what_was_deleted_is_exported_again(folder: Path, output: Path) -> None:
    export(folder, output)
    (output / FOLDER / "logs" / "training.log").unlink()
    assert counts(export(folder, output)) == (0, 1, 1)
    assert (output / FOLDER / "logs" / "training.log").is_file()


def test_a_folder_of_somebody_else_in_a_runs_place_is_left_and_named(
    folder: Path, output: Path
) -> None:
    (output / FOLDER).mkdir(parents=True)
    (output / FOLDER / "mine.txt").write_text("mine")
    done = export(folder, output)
    assert counts(done) == (1, 0, 0)
    assert "is there, and is no export of this run" in done.problems[STOPPED]
    assert [path.name for path in (output / FOLDER).iterdir()] == ["mine.txt"]
    assert left_overs(output) == []


def test_a_disk_that_fills_up_leaves_whole_experiments_and_the_next_export_goes_on(
    folder: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(folder, output)
    write(folder, STOPPED, [0.5, 0.25, 0.375, 0.4375], score=0.75)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", full)
        with pytest.raises(StudygridError, match=r"out: cannot be written to \(No space left"):
            export(folder, output)
    found = read_experiment(output / FOLDER)
    assert found.summary.test_metrics == dict.fromkeys(PLAN.family.metric_names, 0.5)
    assert left_overs(output) == []
    assert counts(export(folder, output)) == (0, 1, 1)


def test_an_export_that_was_killed_is_begun_anew(folder: Path, output: Path) -> None:
    export(folder, output)
    (output / FOLDER).rename(output / f".{FOLDER}.old")
    (output / f".{FOLDER}.part" / "metrics").mkdir(parents=True)
    assert [found.name for found in read_experiments(output).experiments] == [
        STOPPED_NAME.replace("seed0", "seed1")
    ]
    assert counts(export(folder, output)) == (1, 0, 1)
    assert left_overs(output) == []


# --- What cannot be exported


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([1, 2, 3], "has 1, 2, 3, not all of 1 to 4"),
        ([1, 2, 4], "has 1, 2, 4, not all of 1 to 4"),
        ([], "has no epoch, not all of 1 to 4"),
    ],
)
def test_a_run_whose_epochs_are_not_all_there_is_named_and_the_others_are_exported(
    lines: list[int], why: str, folder: Path, output: Path
) -> None:
    write_lines(folder, STOPPED, [epoch(number, 0.25) for number in lines])
    done = export(folder, output)
    assert counts(done) == (1, 0, 0)
    assert f"epochs.jsonl: {why}; delete " in done.problems[STOPPED]
    assert not (output / FOLDER).exists()


def test_epochs_of_another_training_are_refused(folder: Path, output: Path) -> None:
    write_lines(folder, STOPPED, [epoch(number, 0.125) for number in (1, 2, 3, 4)])
    assert "is of another training than train.json" in export(folder, output).problems[STOPPED]


def test_epochs_without_a_score_of_the_guide_are_refused(folder: Path, output: Path) -> None:
    rows = [epoch(number, loss) for number, loss in enumerate([0.5, 0.25, 0.375, 0.4375], 1)]
    for row in rows:
        del row["validation_dice"]
    write_lines(folder, STOPPED, rows)
    assert "has no validation_dice; delete" in export(folder, output).problems[STOPPED]


def test_a_line_that_was_cut_off_is_named(folder: Path, output: Path) -> None:
    with (folder / "runs" / STOPPED.path / "epochs.jsonl").open("a") as file:
        file.write('{"epoch": 5, "train_lo')
    assert "has a line that is no epoch" in export(folder, output).problems[STOPPED]


def test_an_epoch_that_is_there_twice_after_a_restart_counts_as_the_later_one(
    folder: Path, output: Path
) -> None:
    rows = [epoch(number, loss) for number, loss in enumerate([0.5, 0.25, 0.375, 0.4375], 1)]
    write_lines(folder, STOPPED, [rows[0], epoch(2, 0.75), rows[1], rows[2], rows[3]])
    assert export(folder, output).problems == {}
    assert read_experiment(output / FOLDER).curve("val_loss")[2] == 0.25


@pytest.mark.parametrize("what", ["gone", "another"])
def test_weights_that_are_not_those_of_the_record_are_not_handed_on(
    what: str, folder: Path, output: Path
) -> None:
    path = folder / "runs" / STOPPED.path / "best_model.pth"
    path.unlink()
    if what == "another":
        path.write_bytes(b"other weights")
    problem = export(folder, output).problems[STOPPED]
    assert f"{path}: {'missing' if what == 'gone' else 'is not what'}" in problem


def test_a_run_without_a_log_is_exported_and_says_so(folder: Path, output: Path) -> None:
    (folder / "runs" / STOPPED.path / "training.log").unlink()
    assert export(folder, output).problems == {}
    found = read_experiment(output / FOLDER)
    assert found.log is None
    assert "is not there" in found.summary.reasons["logs/training.log"]
    assert counts(export(folder, output)) == (0, 0, 2)


def test_another_family_is_refused_before_anything_is_written(folder: Path, output: Path) -> None:
    study = read(folder)
    other = replace(study, plan=small_plan(profiling={"enabled": False}))
    with pytest.raises(StudygridError, match=r"the family classification does not score .*iou"):
        export_experiments(other, output)
    assert not output.exists()


def test_only_the_selected_runs_are_exported(folder: Path, output: Path) -> None:
    study = read(folder)
    assert counts(export_experiments(study, output, {"seed": ["1"]})) == (1, 0, 0)
    with pytest.raises(SelectionError, match="no run has seed=9"):
        export_experiments(study, output, {"seed": ["9"]})
    with pytest.raises(NoRunsError, match="none of the 2 runs that are asked for has ended well"):
        export_experiments(study, output, {"n_train": ["64"]})


# --- The command


def test_the_command_exports_below_the_results_and_says_what_it_did(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", str(folder), "--to", "crackseg"]) == 0
    said = capsys.readouterr().err
    output = folder / "exports" / "crackseg"
    assert f"{output}: 2 new, 0 replaced, 0 unchanged" in said
    assert f"since they ended without a result: 1 of the runs: {FAILED.path}" in said
    assert f"since they have no usable records: 1 of the runs: {MISSING.path}" in said
    assert (output / FOLDER / "best_model.pth").is_file()


def test_the_command_fails_if_a_run_that_is_there_could_not_be_exported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "runs" / STOPPED.path / "best_model.pth").unlink()
    assert cli.main(["export", str(folder), "--to", "crackseg"]) == 1
    said = capsys.readouterr().err
    assert "1 new, 0 replaced, 0 unchanged" in said
    assert f"not exported: {STOPPED.path}: " in said
