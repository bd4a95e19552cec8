"""An export holds what the records say, once, as each tracker's own reader finds it."""

from __future__ import annotations

import json
import os
import shlex
import struct
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from studygrid import cli
from studygrid.errors import NoRunsError, SelectionError, StudygridError
from studygrid.execution.locks import sole_writer
from studygrid.families.base import load_reference
from studygrid.grid import Run
from studygrid.records import Status
from studygrid.results.study_results import StudyResults, study_results
from studygrid.trackers import TRACKERS
from studygrid.trackers.content import identity, run_id, tracked_run
from studygrid.trackers.exporting import Exported, Tracker, export
from studygrid.trackers.index import FILE, Entry, ExportIndex
from tests.unit.made_records import small_plan, write_run

PLAN = small_plan(
    name="A study: 50 % <of> it/all \\",
    models={"simple_cnn": None},
    grid={"resolution": 32, "n_train": ["all", 64], "seed": 2},
    profiling={"enabled": False},
)
OK, CHANGED, FAILED, MISSING = PLAN.runs
REASON = "the loss was NaN in epoch 2"
DIVERGED: dict[str, Any] = {
    "status": Status.DIVERGED, "reason": REASON, "checkpoint": None,
    "stopped_by": "failure", "best_value": None, "best_epoch": None,
}  # fmt: skip
EPOCHS = [
    {"epoch": 1, "step": 10, "train_loss": 0.75, "epoch_time_sec": 2.0, "validation_loss": 0.5},
    {"epoch": 2, "step": 20, "train_loss": None, "epoch_time_sec": 3.0, "validation_loss": 0.25},
]
STARTED = 1714557600.0  # 2024-05-01T10:00:00 UTC, in the origin of made records


@pytest.fixture
def study(tmp_path: Path) -> StudyResults:
    """Return a study of four runs: two went well, one failed, one is missing."""
    folder = tmp_path / "results"
    for run, score in ((OK, 0.5), (CHANGED, 0.25)):
        write_run(PLAN, folder, run, score)
        write_epochs(folder, run, EPOCHS)
    write_run(PLAN, folder, FAILED, **DIVERGED)
    (folder / "study.yaml").write_text(yaml.safe_dump(PLAN.resolved(), sort_keys=False))
    return study_results(PLAN, folder)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep a home of one's own, and see that an export leaves the environment as it was."""
    monkeypatch.setenv("HOME", str(tmp_path))
    before = dict(os.environ)
    yield
    ours = {name: value for name, value in os.environ.items() if "WANDB" in name or "MLF" in name}
    assert ours == {name: value for name, value in before.items() if name in ours}


def write_epochs(folder: Path, run: Run, epochs: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(epoch) + "\n" for epoch in epochs)
    (folder / "runs" / run.path / "epochs.jsonl").write_text(lines)


def again(study: StudyResults, tracker: str, output: Path, **changed: float) -> Exported:
    """Export after the scores of a run have changed, if they have."""
    for path, score in changed.items():
        write_run(PLAN, study.folder, {"CHANGED": CHANGED, "OK": OK}[path], score)
    return export(study_results(PLAN, study.folder), tracker, output)


def counts(done: Exported) -> tuple[int, int, int]:
    return done.new, done.replaced, done.unchanged


# --- What is exported


def test_a_tracked_run_holds_config_curves_scores_and_tags(study: StudyResults) -> None:
    run = tracked_run(study, OK)
    assert run.parameters["training.learning_rate"] == PLAN.train_spec(OK).training.learning_rate
    assert run.parameters["training.early_stopping.patience"] is None
    assert (run.parameters["n_train"], run.parameters["seed"]) == ("all", 0)
    assert run.metrics["test_accuracy"] == 0.5
    assert run.metrics["train_time_sec"] == 12.5
    assert run.tags["status"] == "ok"
    assert run.tags["git_commit"] == "abc"
    assert [(point.epoch, point.time_sec) for point in run.curve] == [
        (1, STARTED + 2),
        (2, STARTED + 5),
    ]
    assert run.curve[1].values == {"step": 20, "epoch_time_sec": 3.0, "validation_loss": 0.25}


def test_an_epoch_that_was_repeated_after_a_restart_counts_once(study: StudyResults) -> None:
    write_epochs(study.folder, OK, [*EPOCHS, {**EPOCHS[1], "validation_loss": 0.125}])
    values = [point.values["validation_loss"] for point in tracked_run(study, OK).curve]
    assert values == [0.5, 0.125]


def test_the_id_of_a_run_stays_and_its_identity_follows_its_records(study: StudyResults) -> None:
    write_run(PLAN, study.folder, CHANGED, 0.75)
    later = study_results(PLAN, study.folder)
    assert [run_id(later, run) for run in PLAN.runs] == [run_id(study, run) for run in PLAN.runs]
    assert len({run_id(study, run) for run in PLAN.runs}) == 4
    assert identity(later, OK) == identity(study, OK)
    assert identity(later, CHANGED) != identity(study, CHANGED)


# --- All trackers alike


@pytest.mark.parametrize("tracker", sorted(TRACKERS))
def test_an_export_counts_failed_and_missing_runs_and_is_done_once(
    tracker: str, study: StudyResults, tmp_path: Path
) -> None:
    pytest.importorskip(tracker)
    output = tmp_path / "out"
    first = export(study, tracker, output)
    assert counts(first) == (3, 0, 0)
    assert (first.failed, first.missing) == (1, (MISSING,))
    files = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert counts(again(study, tracker, output)) == (0, 0, 3)
    assert files == {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert counts(again(study, tracker, output, CHANGED=0.75)) == (0, 1, 2)
    assert counts(again(study, tracker, output)) == (0, 0, 3)


def test_only_the_selected_runs_are_exported_and_a_wrong_selection_is_refused(
    study: StudyResults, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    done = export(study, "tensorboard", tmp_path / "out", {"seed": ["0"]})
    assert counts(done) == (2, 0, 0)
    assert done.missing == ()
    with pytest.raises(SelectionError, match="no run has seed=9"):
        export(study, "tensorboard", tmp_path / "out", {"seed": ["9"]})


def test_a_study_without_records_has_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(NoRunsError, match="none of the 4 runs that are asked for has usable"):
        export(study_results(PLAN, tmp_path), "tensorboard", tmp_path / "out")


def test_a_package_that_is_not_installed_is_named_with_the_remedy(
    study: StudyResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(StudygridError, match=r"wandb cannot be used here .* 'studygrid\[trackers"):
        export(study, "wandb", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_export_that_was_cut_off_is_begun_anew(study: StudyResults, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    output = tmp_path / "out"
    entry = Entry(id=run_id(study, OK), identity=identity(study, OK), place=None)
    ExportIndex(output).note(entry)
    with (output / FILE).open("a") as file:
        file.write('{"id": "cut o')
    assert counts(export(study, "tensorboard", output)) == (2, 1, 0)
    assert counts(again(study, "tensorboard", output)) == (0, 0, 3)


def test_what_was_deleted_is_exported_again(study: StudyResults, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    export(study, "tensorboard", tmp_path / "out")
    next((tmp_path / "out" / OK.path).iterdir()).unlink()
    assert counts(again(study, "tensorboard", tmp_path / "out")) == (0, 1, 2)


def test_two_exports_at_once_write_each_run_once(study: StudyResults, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    output = tmp_path / "out"
    with ThreadPoolExecutor(1) as pool, sole_writer(output):
        other = pool.submit(export, study, "tensorboard", output)
        with pytest.raises(TimeoutError):
            other.result(timeout=0.5)  # it has seen that nothing is there, and waits
        runs = [run for run in PLAN.runs if run in study.facts]
        index = ExportIndex(output)
        for run in runs:
            (output / run.path).mkdir(parents=True)
            index.note(Entry(id=run_id(study, run), identity=identity(study, run), place=run.path))
    assert counts(other.result()) == (0, 0, 3)


def test_a_place_that_cannot_be_written_to_is_one_message(
    study: StudyResults, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "file").touch()
    arguments = ["export", str(study.folder), "--to", "tensorboard"]
    assert cli.main([*arguments, "--output", str(tmp_path / "file")]) == 1
    assert f"error: {tmp_path / 'file'}: cannot be written to (" in capsys.readouterr().err


@pytest.mark.parametrize("tracker", sorted(TRACKERS))
def test_the_command_that_shows_an_export_is_quoted_for_a_shell(tracker: str) -> None:
    place = "/a b/it's"
    target: Tracker = load_reference(TRACKERS[tracker])(Path(place))
    assert any(word.startswith(place) for word in shlex.split(target.how_to_view()))


# --- MLflow


def test_a_disk_that_mlflow_finds_full_is_one_message(
    study: StudyResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    def full(*_: Any, **__: Any) -> None:
        raise MlflowException("[Errno 28] No space left on device")

    monkeypatch.setattr(MlflowClient, "log_batch", full)
    with pytest.raises(StudygridError, match=r"out: cannot be written to \(.*No space left"):
        export(study, "mlflow", tmp_path / "out")
    monkeypatch.undo()
    assert counts(export(study, "mlflow", tmp_path / "out")) == (2, 1, 0)


def mlflow_runs(output: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=output.as_uri())
    experiment = client.get_experiment_by_name(PLAN.study.name)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert len({run.data.tags["studygrid.id"] for run in found}) == len(found)
    runs = {run.data.tags["mlflow.runName"]: run for run in found}
    history = client.get_metric_history(runs[OK.path].info.run_id, "validation_loss")
    points = [(point.step, point.value, point.timestamp) for point in history]
    assert points == [
        (1, 0.5, 1000 * (STARTED + 2)),
        (2, 0.25, 1000 * (STARTED + 5)),
    ]
    return runs


def test_mlflows_client_reads_the_runs_back(
    study: StudyResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    export(study, "mlflow", tmp_path / "out")
    again(study, "mlflow", tmp_path / "out", CHANGED=0.75)
    with monkeypatch.context() as patch:
        runs = mlflow_runs(tmp_path / "out", patch)
    assert set(runs) == {OK.path, CHANGED.path, FAILED.path}
    good, failed = runs[OK.path], runs[FAILED.path]
    assert good.info.status == "FINISHED"
    assert good.data.params["training.optimizer"] == PLAN.train_spec(OK).training.optimizer
    assert good.data.metrics["test_accuracy"] == 0.5
    assert runs[CHANGED.path].data.metrics["test_accuracy"] == 0.75
    assert failed.info.status == "FAILED"
    assert failed.data.tags["reason"] == REASON
    assert "test_accuracy" not in failed.data.metrics


def test_an_mlflow_run_that_was_cut_off_is_not_there_twice(
    study: StudyResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    output = tmp_path / "out"
    export(study, "mlflow", output)
    entry = Entry(id=run_id(study, OK), identity=identity(study, OK), place=None)
    ExportIndex(output).note(entry)
    assert counts(again(study, "mlflow", output)) == (0, 1, 2)
    with monkeypatch.context() as patch:
        assert len(mlflow_runs(output, patch)) == 3


# --- TensorBoard


def test_tensorboards_reader_finds_curves_scores_and_hyperparameters(
    study: StudyResults, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import api_pb2, metadata

    export(study, "tensorboard", tmp_path / "out")
    found = {}
    for run in (OK, FAILED):
        accumulator = EventAccumulator(str(tmp_path / "out" / run.path))
        accumulator.Reload()
        found[run] = accumulator
    curve = found[OK].Scalars("validation_loss")
    assert [(event.step, event.value, event.wall_time) for event in curve] == [
        (1, 0.5, STARTED + 2),
        (2, 0.25, STARTED + 5),
    ]
    assert found[OK].Scalars("test_accuracy")[0].value == 0.5
    assert "test_accuracy" not in found[FAILED].Tags()["scalars"]
    content = {run: accumulator.summary_metadata for run, accumulator in found.items()}
    start = content[FAILED][metadata.SESSION_START_INFO_TAG].plugin_data.content
    hparams = metadata.parse_session_start_info_plugin_data(start).hparams
    assert hparams["training.learning_rate"].number_value == (
        PLAN.train_spec(OK).training.learning_rate
    )
    assert hparams["reason"].string_value == REASON
    for run, status in ((OK, api_pb2.STATUS_SUCCESS), (FAILED, api_pb2.STATUS_FAILURE)):
        end = content[run][metadata.SESSION_END_INFO_TAG].plugin_data.content
        assert metadata.parse_session_end_info_plugin_data(end).status == status


def test_the_same_runs_give_the_same_event_files(study: StudyResults, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    contents = []
    for name in ("a", "b"):
        export(study, "tensorboard", tmp_path / name)
        files = sorted((tmp_path / name).rglob("*tfevents*"))
        contents.append({file.relative_to(tmp_path / name): file.read_bytes() for file in files})
    assert len(contents[0]) == 3
    assert contents[0] == contents[1]


# --- Weights & Biases


def wandb_records(file: Path) -> Iterator[Any]:
    """Read a .wandb file: a LevelDB log of protobuf records."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, position, whole = file.read_bytes(), 7, b""
    while position + 7 <= len(data):
        if 32768 - position % 32768 < 7:
            position += 32768 - position % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        whole += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(whole)
            whole = b""


def test_an_offline_run_of_wandb_holds_config_curves_and_scores(
    study: StudyResults, tmp_path: Path
) -> None:
    pytest.importorskip("wandb")
    export(study, "wandb", tmp_path / "out")
    again(study, "wandb", tmp_path / "out", CHANGED=0.75)
    files = list((tmp_path / "out" / "wandb").glob("offline-run-*/run-*.wandb"))
    assert {file.stem.removeprefix("run-") for file in files} == {
        run_id(study, run) for run in (OK, CHANGED, FAILED)
    }
    assert len(files) == 3
    by_name = {}
    for file in files:
        records = list(wandb_records(file))
        run = next(record.run for record in records if record.HasField("run"))
        by_name[run.display_name] = (run, records)
    run, records = by_name[OK.path]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["training.learning_rate"] == PLAN.train_spec(OK).training.learning_rate
    assert config["tags"]["status"] == "ok"
    losses = [
        json.loads(item.value_json)
        for record in records
        if record.HasField("history")
        for item in record.history.item
        if "validation_loss" in (item.key, *item.nested_key)
    ]
    assert losses == [0.5, 0.25]
    assert summary_of(records)["test_accuracy"] == 0.5
    assert summary_of(by_name[CHANGED.path][1])["test_accuracy"] == 0.75
    assert by_name[FAILED.path][0].notes == REASON
    assert exit_code(by_name[FAILED.path][1]) == 1
    assert exit_code(records) == 0


def test_an_offline_run_that_wandb_lost_is_an_error_and_written_again(
    study: StudyResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb")
    finish = wandb.sdk.wandb_run.Run.finish

    def lose(run: Any, **options: Any) -> None:
        finish(run, **options)
        next(Path(run.dir).parent.glob("*.wandb")).write_bytes(b"")

    monkeypatch.setattr(wandb.sdk.wandb_run.Run, "finish", lose)
    with pytest.raises(StudygridError, match="wandb wrote nothing"):
        export(study, "wandb", tmp_path / "out")
    monkeypatch.setattr(wandb.sdk.wandb_run.Run, "finish", finish)
    assert counts(export(study, "wandb", tmp_path / "out")) == (2, 1, 0)


def summary_of(records: list[Any]) -> dict[str, Any]:
    found = {}
    for record in records:
        if record.HasField("summary"):
            for item in record.summary.update:
                found[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
    return found


def exit_code(records: list[Any]) -> int:
    return next(record.exit.exit_code for record in records if record.HasField("exit"))


# --- The command


def test_the_command_exports_below_the_results_and_says_what_it_did(
    study: StudyResults, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard")
    arguments = ["export", str(study.folder), "--to", "tensorboard"]
    assert cli.main([*arguments, "--select", "model=simple_cnn", "n_train=64"]) == 0
    said = capsys.readouterr().err
    output = study.folder / "exports" / "tensorboard"
    assert f"{output}: 1 new, 0 replaced, 0 there already; of these runs, 1 failed" in said
    assert f"not exported, since they have no usable records: 1 of the runs: {MISSING.path}" in said
    assert f"tensorboard --logdir {shlex.quote(str(output))}" in said
    assert (output / FAILED.path).is_dir()


def test_the_command_refuses_a_folder_without_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", str(tmp_path / "nothing"), "--to", "mlflow"]) == 1
    assert "is no results folder" in capsys.readouterr().err
