"""A study in the facts layout: a reader of the guide reads it, and ours gives back the records."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from studygrid.cli import main
from studygrid.errors import NoRunsError, SelectionError, StudygridError
from studygrid.interchange.thesis import TRAIN_RECORD, export_facts, read_runs
from studygrid.interchange.thesis_documents import scalars_bytes
from studygrid.interchange.thesis_epochs import facts_epochs
from studygrid.records import EvaluateRecord, TrainRecord, read_record, write_record
from studygrid.results.study_results import StudyResults, study_results
from studygrid.training.loop import Trainer
from tests.unit import thesis_guide_reader
from tests.unit.conftest import Bench
from tests.unit.thesis_files import read_rows
from tests.unit.thesis_studies import (
    PEAK_MB,
    classification_study,
    one_of_two_diverged,
    study_of,
)

FAMILIES = ["classification", "segmentation", "ptychography", "tagvae", "events"]
# What an export says of a run that its own folder says otherwise.
PLACES = ["run_dir", "train_record", "config_sha1"]


@pytest.fixture
def study(tmp_path: Path) -> StudyResults:
    return classification_study(tmp_path / "study")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def folders(output: Path) -> list[Path]:
    return sorted((output / "runs").iterdir())


def files(output: Path) -> dict[str, bytes]:
    found = (path for path in output.rglob("*") if path.is_file())
    return {str(path.relative_to(output)): path.read_bytes() for path in found}


def times(output: Path) -> dict[Path, int]:
    """Return when each file was written, but the lock of writers."""
    found = (path for path in output.rglob("*") if path.is_file() and path.name != ".writer")
    return {path: path.stat().st_mtime_ns for path in found}


# --- What is written


@pytest.mark.parametrize("family", FAMILIES)
def test_a_reader_of_the_guide_and_ours_find_the_same(family: str, tmp_path: Path) -> None:
    study = study_of(family, tmp_path / "study")
    done = export_facts(study, tmp_path / "out")
    assert done.new == len(study.facts)
    assert not done.problems
    facts = read_runs(tmp_path / "out")
    assert (facts.incomplete, facts.problems) == ([], [])
    for row in facts.runs_df.to_dict("records"):
        found = thesis_guide_reader.read(Path(str(row["run_dir"])))
        for name in ("encoder", "seed", "epochs", "best_epoch"):
            assert found[name] == row[name], name
        if row["encoder"] not in ("isolation_forest", "supervised"):
            assert found["loss.total_best"] == row["loss.total_best"]
            assert found["tokenizer"] == row["tokenizer"]
            assert (row["tokenizer"] == "none") != row["model"].endswith(("_vq", "_linear"))
        assert found["total_time_s"] == pytest.approx(row["total_time_s"], rel=1e-12)
        assert found["overrides"]["model"] == row["model"]
        assert found["meta"]["run_id"] == row["run_id"]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_export_and_the_study_itself_are_read_as_the_same_runs(
    family: str, tmp_path: Path
) -> None:
    study = study_of(family, tmp_path / "study")
    export_facts(study, tmp_path / "out")
    own, exported = read_runs(study.folder), read_runs(tmp_path / "out")
    left, right = (
        one.runs_df.set_index("run_id").sort_index().drop(columns=PLACES) for one in (own, exported)
    )
    pd.testing.assert_frame_equal(left, right, check_dtype=False, check_like=True)
    names = dict(zip(own.runs_df["run_id"], own.order, strict=True))
    for name, key in zip(exported.order, exported.runs_df["run_id"], strict=True):
        pd.testing.assert_frame_equal(
            own.per_epoch[names[key]], exported.per_epoch[name], check_like=True
        )


def test_every_event_says_what_the_records_say(study: StudyResults, output: Path) -> None:
    export_facts(study, output)
    run = study.plan.runs[0]
    train = read_record(study.folder / "runs" / run.path / "train.json", TrainRecord)
    folder = next(
        path for path in folders(output) if path.name.endswith("simple_cnn-res32-n64-seed0")
    )
    events = thesis_guide_reader.read_events(folder)
    assert [event["moment"] for event in events] == [
        "on_start", *["on_epoch_end"] * 5, "on_train_end", "on_test_end",
    ]  # fmt: skip
    assert {event["meta"]["run_id"] for event in events} == {events[0]["meta"]["run_id"]}
    assert {event["run_dir"] for event in events} == {folder.name}
    epochs = events[1:6]
    assert [event["epoch"] for event in epochs] == [0, 1, 2, 3, 4]
    assert [event["throughput"] for event in epochs] == [1000.0, 1001.0, 1002.0, 1003.0, 1004.0]
    assert all(list(event["metrics"]) == ["accuracy"] for event in epochs)
    end, test = events[6], events[7]
    assert end["total_time_s"] == train.train_time_sec
    assert end["kept_epoch"] == (train.best_epoch or 0) - 1
    assert end["max_memory_mib"] == pytest.approx(PEAK_MB * 1e6 / 2**20)
    assert end["histories"]["val_loss"] == [event["val_loss"] for event in epochs]
    assert [bool(event["histories"]) for event in events] == [*[False] * 5, True, True, False]
    assert end["meta"]["timestamp"] == train.origin.finished_at
    assert end["meta"]["git_commit"] == "abc"
    assert end["meta"]["hostname"] == "here"
    assert end["meta"]["cuda_info"]["name"] == "Some GPU"
    assert test["metrics"] == dict(study.facts[run].metrics)
    assert test["split"] == "test"


def test_epochs_have_the_times_of_the_runs_own_log(study: StudyResults, output: Path) -> None:
    folder = study.folder / "runs" / study.plan.runs[0].path
    rows = [
        {
            "moment": "on_epoch_end",
            "epoch": 1,
            "time_utc": "2026-01-01T00:00:00+00:00",
            "host": "a",
        },
        {
            "moment": "on_epoch_end",
            "epoch": 1,
            "time_utc": "2026-01-02T00:00:00+00:00",
            "host": "b",
        },
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "{torn")
    export_facts(study, output, {"seed": [0], "model": ["simple_cnn"]})
    first, second = (row["meta"] for row in read_rows(folders(output)[0])[1:3])
    assert (first["timestamp"], first["hostname"]) == ("2026-01-02T00:00:00+00:00", "b")
    assert (second["timestamp"], second["hostname"]) == (None, "here")


def test_the_peak_of_memory_stands_in_the_last_epoch(study: StudyResults, output: Path) -> None:
    export_facts(study, output)
    frame = thesis_guide_reader.read_scalars(folders(output)[0])
    known = frame.loc[frame["max_memory_mib"].notna()]
    assert known["epoch"].unique().tolist() == [4]
    assert known["max_memory_mib"].max() == pytest.approx(1953.125)


def test_the_header_is_that_of_the_whole_run() -> None:
    lines: list[dict[str, Any]] = [
        {"epoch": 1, "train_loss": 1.0, "validation_loss": 1.0},
        {"epoch": 2, "train_loss": 0.5, "validation_loss": 0.5, "validation_perplexity": 7.0},
        {"epoch": 3, "train_loss": 0.4, "validation_loss": None, "train_f1": 0.25},
    ]
    text = scalars_bytes(facts_epochs(lines)).decode().splitlines()
    assert text[0].split(",")[-2:] == ["metric_f1", "metric_perplex"]
    assert {line.count(",") for line in text} == {8}
    assert [line.split(",")[-1] for line in text[1:]] == ["", "", "", "7.0", "", ""]
    assert text[5].startswith("2,train,0.4,,")
    assert text[6].startswith("2,val,,,")


def test_a_run_that_diverged_has_no_end_and_is_named_with_its_reason(
    tmp_path: Path, output: Path
) -> None:
    study = classification_study(tmp_path / "study", one_of_two_diverged)
    done = export_facts(study, output)
    assert "without on_train_end, as they ended without a result: 2 diverged" in done.more
    bad = next(path for path in folders(output) if path.name.endswith("seed1"))
    assert thesis_guide_reader.read(bad) == {}
    assert not (bad / "best_val.pt").exists()
    for facts in (read_runs(output), read_runs(study.folder)):
        assert set(facts.runs_df["seed"]) == {0}
        assert len(facts.incomplete) == 2
        assert all("diverged: the training loss is nan" in why for _, why in facts.incomplete)


def test_a_run_can_be_scored_again_from_its_folder(study: StudyResults, output: Path) -> None:
    data = study.folder / "data" / "res32" / "data.json"
    data.parent.mkdir(parents=True)
    data.write_text("{}")
    export_facts(study, output)
    row = read_runs(output).runs_df.iloc[0]
    record = read_record(Path(row["train_record"]), TrainRecord)
    assert Path(row["train_record"]).name == TRAIN_RECORD
    assert record.checkpoint is not None
    weights = Path(row["train_record"]).with_name(record.checkpoint.file)
    assert weights.name == "best_val.pt"
    assert weights.read_bytes().startswith(b"weights of ")
    assert Path(row["data_record"]).samefile(data)
    # The folder of exports and that of results move together.
    moved = output.parent / "elsewhere"
    moved.mkdir()
    shutil.move(study.folder, moved / "study")
    shutil.move(output, moved / "out")
    row = read_runs(moved / "out").runs_df.iloc[0]
    assert Path(row["data_record"]).samefile(moved / "study/data/res32/data.json")


# --- Throughput


def test_throughput_is_samples_a_second_of_a_counted_loop(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    step, slept = Trainer._step, 0.05

    def counted(self: Trainer, number: int) -> Any:
        time.sleep(slept)
        seen.append(len(self.order.batch(number)))
        return step(self, number)

    monkeypatch.setattr(Trainer, "_step", counted)
    started = time.perf_counter()
    ran = bench.train("counted", training={"steps": 6, "validations": 3})
    wall = time.perf_counter() - started
    facts = read_runs(run_dirs=[ran.folder])
    val = facts.per_epoch[facts.order[0]].query("split == 'val'")
    samples = (val["throughput"] * val["epoch_time_s"]).tolist()
    assert samples == pytest.approx([sum(seen[at : at + 2]) for at in (0, 2, 4)])
    # A second clock: no step is faster than its sleep, nor the whole slower than the wall's.
    mean = facts.runs_df.iloc[0]["throughput_mean"]
    assert sum(seen) / wall < mean <= sum(seen) / (6 * slept)
    assert mean * facts.runs_df.iloc[0]["total_time_s"] == pytest.approx(sum(seen))


# --- Again


def test_exporting_again_touches_nothing(study: StudyResults, output: Path) -> None:
    export_facts(study, output)
    before = times(output)
    again = export_facts(study, output)
    assert (again.new, again.replaced, again.unchanged, again.removed) == (0, 0, 4, 0)
    assert times(output) == before


def test_a_run_that_was_scored_again_is_written_anew(study: StudyResults, output: Path) -> None:
    export_facts(study, output)
    path = study.folder / "runs" / study.plan.runs[0].path / "evaluate.json"
    record = read_record(path, EvaluateRecord)
    write_record(path, record.model_copy(update={"metrics": {**record.metrics, "accuracy": 0.125}}))
    done = export_facts(study_results(study.plan, study.folder), output)
    assert (done.replaced, done.unchanged) == (1, 3)
    assert 0.125 in read_runs(output).runs_df["test_accuracy"].tolist()


def test_what_was_not_asked_for_goes_and_what_others_wrote_stays(
    study: StudyResults, output: Path
) -> None:
    export_facts(study, output)
    gone = next(path for path in folders(output) if path.name.endswith("seed1"))
    (gone / "report_pointer.txt").write_text("report_1 ../../x\n")
    done = export_facts(study, output, {"seed": [0]})
    assert done.removed == 2 * 7
    assert [path.name for path in gone.iterdir()] == ["report_pointer.txt"]
    assert set(read_runs(output).runs_df["seed"]) == {0}
    assert len(list((output / "multiruns").rglob("*.pointer.json"))) == 2


def test_a_file_that_somebody_changed_is_named_and_stays(study: StudyResults, output: Path) -> None:
    export_facts(study, output)
    mine = folders(output)[0] / "facts" / "scalars.csv"
    mine.write_text("mine")
    (reason,) = export_facts(study, output).problems.values()
    assert "was changed since it was written; move it elsewhere" in reason
    assert mine.read_text() == "mine"


def test_another_study_has_its_own_folder(
    study: StudyResults, output: Path, tmp_path: Path
) -> None:
    export_facts(study, output)
    before = files(output)
    with pytest.raises(StudygridError, match="holds an export of the study"):
        export_facts(study_of("segmentation", tmp_path / "other"), output)
    assert files(output) == before


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("gone", "cannot be read"),
        ("torn", "line 5 is not the JSON of an epoch"),
        ("gap", "lacks epochs"),
        ("short", "has no line of the kept epoch"),
        ("other", "is of another training than train.json"),
        ("weights", "best_model.pth: is not there; delete"),
    ],
)
def test_epochs_that_do_not_fit_the_record_are_refused(
    study: StudyResults, output: Path, spoil: str, said: str
) -> None:
    folder = study.folder / "runs" / study.plan.runs[0].path
    path = folder / "epochs.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    if spoil == "gone":
        path.unlink()
    elif spoil == "weights":
        (folder / "best_model.pth").unlink()
    else:
        changed = {
            "torn": [*lines[:4], lines[4][:20]],
            "gap": [lines[0], *lines[2:]],
            "short": lines[:2],
            "other": [*lines[:4], lines[4].replace('"validation_loss": ', '"validation_loss": 1')],
        }
        path.write_text("".join(changed[spoil]))
    done = export_facts(study, output)
    (problem,) = done.problems.items()
    assert problem[0] == study.plan.runs[0]
    assert said in problem[1]
    assert done.new == 3


def test_nothing_to_export_is_said(tmp_path: Path, output: Path, study: StudyResults) -> None:
    with pytest.raises(SelectionError, match="model=nobody"):
        export_facts(study, output, {"model": ["nobody"]})
    empty = study_results(study.plan, tmp_path / "empty")
    with pytest.raises(NoRunsError, match="none of the 4 runs that are asked for ended"):
        export_facts(empty, output)
    assert not output.exists()


def test_the_command(study: StudyResults, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(study.folder), "--to", "thesis", "--select", "seed=0"]) == 0
    said = capsys.readouterr().err
    output = study.folder / "exports" / "thesis"
    assert "2 new, 0 replaced, 0 unchanged" in said
    assert f"the sweep: {output / 'multiruns' / 'exp_study'}" in said
    assert len(read_runs(output / "multiruns" / "exp_study").runs_df) == 2
