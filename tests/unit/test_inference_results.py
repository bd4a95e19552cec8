"""What inference left, as a frame, a summary and files; and what the commands say of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from studygrid import inference_summary as job
from studygrid.commands.run import targets
from studygrid.errors import RecordError
from studygrid.estimate.measured import read_measured
from studygrid.estimate.todo import to_do
from studygrid.execution import fingerprints
from studygrid.execution.resources import Needs
from studygrid.execution.session import describe
from studygrid.families import BUILT_IN, load_family
from studygrid.figures.drawing import Drawing
from studygrid.figures.inference_figures import INFERENCE_FIGURES
from studygrid.plan import Plan
from studygrid.records import InferenceRecord, Status, TrainRecord, write_record
from studygrid.results.inference import (
    InferenceResults,
    planned_inference,
    read_inference,
    read_inference_records,
)
from studygrid.results.inference_summary import inference_summary
from studygrid.retry import failed_results, reopen
from studygrid.status import StudyReader
from tests.unit.made_records import (
    ORIGIN,
    evaluate_record,
    inference_record,
    small_plan,
    train_record,
    write_profiles,
)

ON = {"inference": {"enabled": True, "autocast": False}}


def write(plan: Plan, results: Path, number: int, score: float = 0.5, **changes: Any) -> Path:
    """Write all records of a run; return its folder."""
    run = plan.runs[number]
    folder = results / "runs" / run.path
    train = train_record(plan, run)
    write_record(folder / "train.json", train)
    write_record(folder / "evaluate.json", evaluate_record(plan, train, score))
    record = inference_record(plan, train, score, **changes)
    write_record(folder / "inference.json", record)
    return folder


@pytest.fixture
def plan() -> Plan:
    return small_plan(**ON)


@pytest.fixture
def results(tmp_path: Path, plan: Plan) -> Path:
    """Write a results folder, of each run a record with another score."""
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(plan.resolved()))
    for number in range(len(plan.runs)):
        write(plan, tmp_path, number, score=number / 10)
    return tmp_path


# --- The frame


def test_the_frame_has_a_row_a_run_with_its_axes_settings_and_metrics(
    results: Path, plan: Plan
) -> None:
    found = read_inference(results)
    frame = found.frame
    assert frame["run_dir"].tolist() == [str(results / "runs" / run.path) for run in plan.runs]
    assert list(zip(frame["model"], frame["resolution"], frame["seed"], strict=True)) == [
        (run.model, run.resolution, run.seed) for run in plan.runs
    ]
    assert frame["n_train"].tolist() == [str(run.n_train) for run in plan.runs]
    assert set(frame["status"]) == {"ok"}
    assert set(frame["split"]) == {"test"}
    assert frame["accuracy"].tolist() == [number / 10 for number in range(len(plan.runs))]
    assert found.split == "test"
    assert [metric.name for metric in found.metrics] == list(plan.family.metric_names)
    assert found.table(frame["run_dir"][0], "confusion_matrix") == [[1, 2], [3, 4]]
    assert found.table(frame["run_dir"][0], "roc") is None


def test_a_run_without_a_record_is_missing_with_the_reason(results: Path, plan: Plan) -> None:
    folder = results / "runs" / plan.runs[1].path
    (folder / "inference.json").unlink()
    found = read_inference(results)
    row = found.frame.iloc[1]
    assert row["status"] == "missing"
    assert row["reason"] == f"{folder / 'inference.json'}: missing"
    assert np.isnan(row["accuracy"])
    assert row["seed"] == plan.runs[1].seed
    assert str(folder) not in found.records
    assert found.scores(str(folder)) is None


def test_a_failed_run_keeps_its_status_and_reason(results: Path, plan: Plan) -> None:
    write(plan, results, 0, status=Status.OOM, reason="in inference: no room", metrics={})
    row = read_inference(results).frame.iloc[0]
    assert (row["status"], row["reason"]) == ("oom", "in inference: no room")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": "validation"}, r"is of other settings than the study's \(split\)"),
        ({"batch_size": 3}, r"is of other settings than the study's \(batch_size\)"),
    ],
)
def test_a_record_of_other_settings_is_not_used(
    results: Path, plan: Plan, change: dict[str, Any], words: str
) -> None:
    write(plan, results, 0, spec=plan.infer_spec().model_copy(update=change))
    reason = read_inference(results).frame["reason"][0]
    assert pd.Series([reason]).str.contains(words).all(), reason
    assert reason.endswith("delete it and run `snakemake all` again")


def test_a_record_of_other_weights_or_another_run_is_not_used(results: Path, plan: Plan) -> None:
    write(plan, results, 0, checkpoint_sha256="other")
    write(plan, results, 1, run=plan.train_spec(plan.runs[0]))
    reasons = read_inference(results).frame["reason"]
    assert "scores other weights than train.json names" in reasons[0]
    assert "is of other settings than the study's (" in reasons[1]


def test_a_folder_that_holds_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is no results folder, or nothing has run in it yet"):
        read_inference(tmp_path)


def test_records_may_lie_anywhere_and_be_of_runs_that_failed_to_start(
    tmp_path: Path, plan: Plan
) -> None:
    train = train_record(plan, plan.runs[0])
    write_record(tmp_path / "0" / "inference.json", inference_record(plan, train, 0.25))
    files = {name: tmp_path / name / "inference.json" for name in ("0", "1", "2")}
    found = read_inference_records(files, {"1": "its data is gone"})
    assert found.frame["run_dir"].tolist() == ["0", "1", "2"]
    assert found.frame["accuracy"].tolist()[0] == 0.25
    assert found.frame["status"].tolist() == ["ok", "missing", "missing"]
    assert found.frame["reason"][1] == "its data is gone"
    assert str(files["2"]) in found.frame["reason"][2]


def test_no_record_at_all_gives_a_frame_of_reasons(tmp_path: Path) -> None:
    found = read_inference_records({"a": tmp_path / "inference.json"})
    assert found.frame["status"].tolist() == ["missing"]
    assert (found.metrics, found.split) == ((), None)
    summary = inference_summary(found)["models"]
    assert list(summary) == ["a"]
    assert (summary["a"]["missing"], summary["a"]["model"], summary["a"]["n_train"]) == (
        1,
        None,
        None,
    )


def test_scores_of_samples_are_read_where_they_were_kept(results: Path, plan: Plan) -> None:
    folder = write(plan, results, 0, scores_file="inference_scores.npz")
    np.savez(folder / "inference_scores.npz", score=np.arange(3.0))
    found = read_inference(results)
    scores = found.scores(str(folder))
    assert scores is not None
    assert scores["score"].tolist() == [0, 1, 2]
    assert found.examples(str(folder)) is None
    (folder / "inference_scores.npz").write_bytes(b"PK no archive")
    with pytest.raises(RecordError, match=r"inference_scores\.npz: cannot be read"):
        found.scores(str(folder))
    (folder / "inference_scores.npz").unlink()
    with pytest.raises(RecordError, match=r"delete .*inference\.json and score again"):
        found.scores(str(folder))


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_metric_has_the_name_of_another_column(name: str, tmp_path: Path) -> None:
    family = load_family(name)
    columns = read_inference_records({"a": tmp_path / "inference.json"}).frame
    assert not set(columns) & set(family.metric_names)
    entry = inference_summary(read_inference_records({"a": tmp_path / "none"}))["models"]["a"]
    assert not set(entry) & set(family.metric_names)


# --- The summary


def test_means_are_over_the_seeds_of_a_cell_that_have_a_value(results: Path, plan: Plan) -> None:
    write(plan, results, 0, status=Status.OOM, reason="no room", metrics={})
    summary = inference_summary(read_inference(results))
    cells = {
        (entry["model"], entry["resolution"], entry["n_train"]): entry
        for entry in summary["models"].values()
    }
    assert len(cells) == len(plan.cells) == len(summary["models"])
    for cell in plan.cells:
        entry = cells[cell.model, cell.resolution, str(cell.n_train)]
        numbers = [number for number, run in enumerate(plan.runs) if run.cell == cell]
        values = [number / 10 for number in numbers if number]
        assert entry["accuracy"] == pytest.approx(np.mean(values))
        assert entry["values"]["accuracy"] == len(values) == entry["ok"]
        spread = np.std(values, ddof=1) if len(values) > 1 else None
        assert entry["sd"]["accuracy"] == (spread if spread is None else pytest.approx(spread))
        assert (entry["planned"], entry["missing"]) == (len(numbers), 0)
        assert entry["failed"] == len(numbers) - len(values)
        assert entry["runs"] == [str(results / "runs" / plan.runs[n].path) for n in numbers]
    assert (summary["split"], summary["count"], summary["batch_size"]) == ("test", 20, 512)
    assert summary["metrics"]["accuracy"]["higher_is_better"] is True
    assert summary["autocast_effect"] is None
    json.dumps(summary, allow_nan=False)


def test_models_are_called_by_what_varies_or_as_the_caller_says(tmp_path: Path) -> None:
    plan = small_plan(**ON, grid={"resolution": [16], "n_train": [16], "seed": 2})
    for number in range(len(plan.runs)):
        write(plan, tmp_path, number)
    found = planned_inference(plan, tmp_path)
    assert list(inference_summary(found)["models"]) == plan.axis("model")
    labels = {name: f"seed {at}" for at, name in enumerate(found.frame["run_dir"])}
    assert list(inference_summary(found, labels)["models"]) == list(labels.values())


def test_the_effect_of_autocast_is_told_by_its_mean_and_its_largest(
    results: Path, plan: Plan
) -> None:
    for number, effect in enumerate((0.01, -0.03)):
        effects = dict.fromkeys(plan.family.metric_names, effect)
        write(plan, results, number, precision="bfloat16", autocast_effect=effects)
    found = read_inference(results)
    assert found.frame["autocast_effect_accuracy"].tolist()[:2] == [0.01, -0.03]
    effect = inference_summary(found)["autocast_effect"]["accuracy"]
    assert effect == {"mean": pytest.approx(-0.01), "largest": 0.03, "runs": 2}
    assert inference_summary(found)["precision"] is None  # it differs from run to run


# --- The job


def test_the_job_writes_summary_table_and_figures(
    results: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn: list[tuple[str, InferenceResults, str]] = []
    saved: list[Path] = []

    def load(name: str) -> Callable[[InferenceResults, str], Drawing]:
        def draw(found: InferenceResults, study: str) -> Any:
            drawn.append((name, found, study))

        return draw

    monkeypatch.setattr(job, "load_inference_figure", load)
    monkeypatch.setattr(job, "save", lambda drawing, stem: saved.append(stem))
    arguments = [
        *("--study", str(results / "study.yaml")),
        *("--figures", *plan.inference_figures),
        *("--output", str(results / "inference" / "summary.json")),
        *("--log", str(results / "logs" / "inference_summary.log")),
    ]
    assert job.main(arguments) == 0
    summary = json.loads((results / "inference" / "summary.json").read_text())
    assert len(summary["runs"]) == len(plan.runs)
    table = pd.read_csv(results / "inference" / "runs.csv")
    assert table["accuracy"].tolist() == [row["accuracy"] for row in summary["runs"]]
    assert [name for name, _, _ in drawn] == plan.inference_figures == list(INFERENCE_FIGURES)
    assert saved == [results / "inference" / "figures" / name for name in INFERENCE_FIGURES]
    assert drawn[0][2] == plan.study.name
    log = (results / "logs" / "inference_summary.log").read_text()
    assert log == f"{len(plan.runs)} runs: {len(plan.runs)} ok\n"
    (results / "study.yaml").unlink()
    assert job.main(arguments) == 1
    assert "error: " in capsys.readouterr().err


def test_a_family_without_auroc_is_not_drawn_by_it() -> None:
    config = {
        "family": "tagvae",
        "dataset": {"name": "tag_mixture"},
        "models": {"vae": {"architecture": "mlp_vae"}},
        "grid": {"resolution": [32]},
    }
    from studygrid.plan import make_plan

    assert "auroc_comparison" not in make_plan(config).inference_figures


# --- Settings


@pytest.mark.parametrize(
    ("given", "expected"), [("val", "validation"), ("test", "test"), ("train", "train")]
)
def test_the_split_may_be_called_val(given: str, expected: str) -> None:
    plan = small_plan(inference={"dataset_split": given})
    assert plan.infer_spec().split == expected
    assert plan.resolved()["inference"]["dataset_split"] == expected


def test_enabling_inference_changes_no_other_spec(plan: Plan) -> None:
    without = small_plan()
    assert without.infer_spec().model_copy(update={"autocast": False}) == plan.infer_spec()
    assert without.train_spec_texts() == plan.train_spec_texts()
    assert without.evaluate_spec() == plan.evaluate_spec()
    model, side = plan.profiled[0]
    assert without.profile_spec(model, side) == plan.profile_spec(model, side)


def test_the_job_has_a_fingerprint_of_its_own() -> None:
    plan = small_plan()
    name = plan.models["tiny_cnn"].architecture.name
    codes = {
        fingerprints.train_code(plan.family, name, "loss"),
        fingerprints.evaluate_code(plan.family, name),
        fingerprints.infer_code(plan.family, name),
    }
    assert len(codes) == 3


# --- What the commands say


def test_a_study_says_how_many_inferences_it_makes(plan: Plan) -> None:
    assert f"  {len(plan.runs)} inferences, on the test split" in describe(plan)
    assert "inferences" not in describe(small_plan())


def test_a_part_of_a_study_is_inferred_with_its_runs(plan: Plan) -> None:
    wanted = [name for name in targets(plan) if name.endswith("/inference.json")]
    assert len(wanted) == len(plan.runs)
    assert not [name for name in targets(small_plan()) if "inference" in name]


def test_inference_needs_no_more_than_it_scores(tmp_path: Path, plan: Plan) -> None:
    needs = Needs(plan, tmp_path)
    assert needs.infer(plan.runs[0]) == Needs(
        small_plan(evaluation={"batch_size": 512}), tmp_path
    ).evaluate(plan.runs[0])


def test_status_counts_inferences_and_names_one_that_failed(
    results: Path, plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    write_profiles(plan, results)
    broken = results / "runs" / plan.runs[0].path
    (broken / "inference.json").unlink()
    (broken / "inference.log").write_text(
        f"2024-05-01 10:00:00,000 ERROR error: {broken}/best_model.pth: missing\n"
    )
    jobs = [job for job in StudyReader(results).read().jobs if job.rule == "infer"]
    assert len(jobs) == len(plan.runs)
    states = {job.run: (str(job.state), job.reason) for job in jobs}
    assert states.pop(plan.runs[0]) == ("failed", f"error: {broken}/best_model.pth: missing")
    assert set(states.values()) == {("done", None)}
    failed = next(job for job in jobs if job.run == plan.runs[0])
    assert failed.name == f"infer {plan.runs[0].path}"
    assert (results / failed.log).is_file()


def test_status_of_a_study_without_inference_says_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(small_plan().resolved()))
    assert not [job for job in StudyReader(tmp_path).read().jobs if job.rule == "infer"]


def test_retry_re_opens_an_inference_and_leaves_the_run(results: Path, plan: Plan) -> None:
    folder = write(plan, results, 0, status=Status.OOM, reason="in inference: no room")
    (failed,) = failed_results(plan, results)
    assert (failed.job, failed.path) == ("infer", folder / "inference.json")
    before = str(StudyReader(results).read().runs[0].state)
    reopen(failed)
    assert not (folder / "inference.json").exists()
    assert (folder / "train.json").exists()
    assert (folder / "evaluate.json").exists()
    assert str(StudyReader(results).read().runs[0].state) == before
    assert failed_results(small_plan(), results) == []


def test_retry_of_a_training_takes_its_inference_along(results: Path, plan: Plan) -> None:
    folder = results / "runs" / plan.runs[0].path
    train = train_record(plan, plan.runs[0], status=Status.DIVERGED, reason="the loss is nan")
    write_record(folder / "train.json", train)
    (failed,) = failed_results(plan, results)
    assert failed.job == "train"
    reopen(failed)
    assert not list(folder.glob("*.json"))


def of_this_code(plan: Plan, record: Any, code: str) -> Any:
    return record.model_copy(update={"origin": ORIGIN.model_copy(update={"code": code})})


def test_an_estimate_counts_the_inferences_that_are_due(results: Path, plan: Plan) -> None:
    for run in plan.runs:
        name = plan.models[run.model].architecture.name
        folder = results / "runs" / run.path
        train: TrainRecord = of_this_code(
            plan, train_record(plan, run), fingerprints.train_code(plan.family, name, "loss")
        )
        write_record(folder / "train.json", train)
        evaluated = evaluate_record(plan, train)
        code = fingerprints.evaluate_code(plan.family, name)
        write_record(folder / "evaluate.json", of_this_code(plan, evaluated, code))
        record: InferenceRecord = inference_record(plan, train)
        code = fingerprints.infer_code(plan.family, name)
        write_record(folder / "inference.json", of_this_code(plan, record, code))
    jobs = to_do(plan, results, read_measured(results))
    assert "infer" not in jobs.jobs
    (results / "runs" / plan.runs[0].path / "inference.json").unlink()
    jobs = to_do(plan, results, read_measured(results))
    assert (jobs.infer, jobs.train, jobs.evaluate) == ([plan.runs[0]], [], [])
    other = small_plan(inference={"enabled": True, "batch_size": 7})
    jobs = to_do(other, results, read_measured(results))
    assert (jobs.jobs["infer"], jobs.train, jobs.evaluate) == (len(plan.runs), [], [])
    assert to_do(small_plan(), results, read_measured(results)).infer == []
