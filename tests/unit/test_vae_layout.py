"""The export of tag VAEs: what the guide says is there, and nothing of anybody else is touched."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from studygrid.cli import main
from studygrid.errors import NoRunsError, SelectionError, StudygridError
from studygrid.grid import Run
from studygrid.interchange.vae import INDEX, export_runs, read_vae_metrics
from studygrid.interchange.vae_documents import COLUMNS, GUIDE_NAMES
from studygrid.interchange.vae_runs import run_id, run_names
from studygrid.plan import make_plan
from studygrid.records import EvaluateRecord, read_record, write_atomically, write_record
from studygrid.results.study_results import StudyResults, study_results
from studygrid.statistics import summarise
from tests.unit import vae_guide_reader
from tests.unit.made_study import made_study
from tests.unit.tagvae_studies import CONFIG, MODELS, vaes
from tests.unit.vae_studies import vae_study

FEW = {name: MODELS[name] for name in ("small", "beta_high", "nearest")}


@pytest.fixture
def study(tmp_path: Path) -> StudyResults:
    return vae_study(tmp_path / "results", models=FEW)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def files(output: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.name != ".writer"
    }


def times(output: Path) -> dict[str, int]:
    return {name: (output / name).stat().st_mtime_ns for name in files(output)}


def value(found: dict[str, Any], phase: str, key: str) -> Any:
    return found[phase][f"{phase}_{key}"]


# --- What is written


def test_a_reader_made_from_the_guide_reads_all_of_it(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    found = vae_guide_reader.read(output)
    assert sorted(found["models"]) == sorted(run_names(study.plan).values())
    for run, name in run_names(study.plan).items():
        own, facts = found["models"][name], study.facts[run]
        for metric, score in facts.metrics.items():
            assert value(own, "test", GUIDE_NAMES.get(metric, metric)) == score
        assert own["config"]["trainer"]["max_epochs"] == 12
        assert own["config"]["seed"] == run.seed
        assert own["config"]["loss"]["beta"] == (10.0 if run.model == "beta_high" else 1.0)
    config = found["models"]["small_seed1"]["config"]
    model = {key: config["model"][key] for key in ("latent_dim", "hidden_dim", "dropout_p")}
    assert model == {"latent_dim": 32, "hidden_dim": 128, "dropout_p": 0.3}


def test_a_budget_of_steps_has_no_epochs(tmp_path: Path, output: Path) -> None:
    training = {"steps": 40, "validations": 4}
    study = vae_study(tmp_path / "results", models=vaes(1.0), training=training)
    export_runs(study, output)
    (name, *_) = run_names(study.plan).values()
    trainer = vae_guide_reader.read(output)["models"][name]["config"]["trainer"]
    assert "max_epochs" not in trainer
    assert trainer["steps"] == 40


def test_the_reader_works_on_its_own(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    script = Path(vae_guide_reader.__file__)
    clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-I", str(script), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, env=clean, check=True)
    assert "small_seed0: {'name': 'small'" in done.stdout


def test_train_and_val_are_of_the_kept_epoch(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    found = vae_guide_reader.read(output)["models"]["small_seed0"]
    lines = (study.folder / "runs/small/res32/nall/seed0/epochs.jsonl").read_text().splitlines()
    row = json.loads(lines[2])
    assert row["epoch"] == found["all"]["kept_epoch"] == 3
    assert value(found, "train", "loss") == row["train_loss"]
    assert value(found, "train", "kld") == row["train_kl"]
    for key, name in (("loss", "loss"), ("bce", "bce"), ("kld", "kl"), ("jaccard_index",) * 2):
        assert value(found, "val", key) == row[f"validation_{name}"]


def test_reconstructions_have_the_keys_of_the_guide_and_the_prior_its_own(
    study: StudyResults, output: Path
) -> None:
    export_runs(study, output)
    own = vae_guide_reader.read(output)["models"]["small_seed0"]
    metrics = study.facts[study.plan.runs[0]].metrics
    assert value(own, "test", "diversity_entropy") == metrics["reconstruction_entropy_nats"]
    assert value(own, "test", "prior_diversity_entropy") == metrics["prior_entropy_nats"]
    assert metrics["prior_entropy_nats"] != metrics["reconstruction_entropy_nats"]
    assert (
        value(own, "test", "cooccurrence_kl_divergence")
        == (metrics["reconstruction_cooccurrence_kl"])
    )


def test_what_has_no_value_is_null_with_its_reason(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    own = vae_guide_reader.read(output)["models"]["nearest_seed0"]
    assert value(own, "test", "silhouette_score") is None
    assert own["all"]["reasons"]["test.test_silhouette_score"] == "made without"
    for content in files(output).values():
        assert b"NaN" not in content


def test_an_undefined_score_of_an_epoch_has_a_reason(tmp_path: Path, output: Path) -> None:
    def epochs(run: Run, made: Any) -> list[dict[str, Any]]:
        return [{"epoch": 1, "train_loss": 2.0, "train_micro_f1": None, "validation_loss": 0.25}]

    study = vae_study(tmp_path / "results", models=vaes(1.0), epochs=epochs)
    export_runs(study, output)
    content = json.loads(files(output)["models/metrics/vae_b1_seed0_metrics.json"])
    assert content["train"] == {"train_loss": 2.0, "train_micro_f1": None}
    assert content["val"] == {"val_loss": 0.25}
    assert "no value on the train split" in content["reasons"]["train.train_micro_f1"]


# --- Names


def plan_runs(grid: dict[str, Any], models: dict[str, Any]) -> dict[Run, str]:
    return run_names(make_plan({**CONFIG, "models": models, "grid": grid}))


@pytest.mark.parametrize(
    ("grid", "name"),
    [
        ({"resolution": [32], "n_train": ["all"], "seed": 1}, "small"),
        ({"resolution": [32], "n_train": ["all"], "seed": [7]}, "small"),
        ({"resolution": [32], "n_train": ["all"], "seed": 2}, "small_seed0"),
        ({"resolution": [32, 64], "n_train": ["all"], "seed": 1}, "small_res32"),
        ({"resolution": [32, 64], "n_train": [500, "all"], "seed": 2}, "small_res32_n500_seed0"),
    ],
)
def test_a_name_has_the_axes_that_are_not_constant(grid: dict[str, Any], name: str) -> None:
    assert next(iter(plan_runs(grid, {"small": MODELS["small"]}).values())) == name


def test_no_two_runs_share_a_name_or_a_folder() -> None:
    names = ["a", "a_n500", "a_seed1", "a_res32", "a_res32_n500", "a_metrics", "a-res32-n500", "b"]
    models = dict.fromkeys(names, MODELS["small"])
    for grid in (
        {"resolution": [32], "n_train": [500], "seed": 2},
        {"resolution": [32, 64], "n_train": [500], "seed": 1},
        {"resolution": [32, 64], "n_train": [500, "all"], "seed": 3},
        {"resolution": [32], "n_train": [500], "seed": 1, "include": [{"model": "a", "seed": [9]}]},
    ):
        found = plan_runs(grid, models)
        assert len(set(found.values())) == len(found)
        assert len({run_id(run) for run in found}) == len(found)


# --- The comparison


def test_a_row_of_the_comparison_is_the_mean_over_the_seeds(
    study: StudyResults, output: Path
) -> None:
    export_runs(study, output)
    table = vae_guide_reader.read(output)["table"]
    assert list(table) == ["small", "beta_high", "nearest"]
    for model, row in table.items():
        own = [facts.metrics for run, facts in study.facts.items() if run.model == model]
        for column, name in COLUMNS.items():
            values = [found for metrics in own if (found := metrics[name]) is not None]
            expected = summarise(values).mean
            assert row[column] == ("" if expected is None else repr(expected))


def test_of_one_seed_a_row_is_a_run(tmp_path: Path, output: Path) -> None:
    grid = {"resolution": [32, 20], "n_train": ["all"], "seed": 1}
    study = vae_study(tmp_path / "results", models=FEW, grid=grid)
    export_runs(study, output)
    found = vae_guide_reader.read
    with pytest.raises(ValueError, match="longer"):  # two vocabularies have two parts
        found(output)
    with (output / "outputs/vae_experiments/comparison.csv").open() as file:
        names = [row["configuration"] for row in csv.DictReader(file)]
    assert sorted(names) == sorted(run_names(study.plan).values())
    report = (output / "outputs/vae_experiments/comparison_report.txt").read_text()
    assert "Vocabulary 32: small_res32, beta_high_res32, nearest_res32" in report
    assert "one seed: nothing can be said about noise" in report


def test_the_report_ranks_nothing_by_a_loss_that_differs(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    found = vae_guide_reader.read(output)
    best = found["best"]
    assert "test_loss" not in best
    assert "test_loss                           : not comparable" in found["report"]
    table = found["table"]
    assert best["test_bce"][0] == min(table, key=lambda name: float(table[name]["test_bce"]))
    assert best["jaccard_index"][1] == pytest.approx(
        max(float(row["jaccard_index"]) for row in table.values()), abs=1e-4
    )


def test_the_report_warns_of_collapse(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    report = " ".join(vae_guide_reader.read(output)["report"].split())
    assert "no latent unit codes anything: beta_high (2 of 2 runs). Their low KL is no" in report


def test_the_detailed_table_has_intervals_and_counts(tmp_path: Path, output: Path) -> None:
    study = vae_study(tmp_path / "results", models=FEW, fate=fate)
    export_runs(study, output)
    with (output / "outputs/vae_experiments/comparison_detailed.csv").open() as file:
        rows = {row["configuration"]: row for row in csv.DictReader(file)}
    counts = ("planned", "ok", "failed", "missing", "test_elbo_n")
    assert [rows["small"][name] for name in counts] == ["2", "1", "1", "0", "1"]
    assert [rows["nearest"][name] for name in counts] == ["2", "1", "0", "1", "1"]
    assert rows["small"]["test_elbo_ci_low"] == ""
    assert float(rows["beta_high"]["test_elbo_ci_low"]) < float(rows["beta_high"]["test_elbo_mean"])
    assert "loss: Loss is not comparable" in rows["small"]["not_ranked_by"]


# --- Failed runs


def fate(run: Run) -> str:
    broken = {"small": "diverged", "nearest": "missing"}
    return broken.get(run.model, "ok") if run.seed else "ok"


def test_failed_and_missing_runs_are_listed_and_not_written(tmp_path: Path, output: Path) -> None:
    study = vae_study(tmp_path / "results", models=FEW, fate=fate)
    done = export_runs(study, output)
    assert [run.model for run in done.failed] == ["small"]
    assert [run.model for run in done.missing] == ["nearest"]
    assert done.new == 4
    found = vae_guide_reader.read(output)
    assert sorted(found["models"]) == [
        "beta_high_seed0", "beta_high_seed1", "nearest_seed0", "small_seed0",
    ]  # fmt: skip
    assert "small, seed 1: diverged: the training loss is nan" in found["report"]
    assert "nearest, seed 1: missing: train.json: missing" in found["report"]


def test_without_any_run_nothing_is_written(tmp_path: Path, output: Path) -> None:
    study = vae_study(tmp_path / "results", models=FEW, fate=lambda run: "diverged")
    with pytest.raises(NoRunsError, match="none of the 6 runs"):
        export_runs(study, output)
    assert not output.exists()


def test_another_family_is_refused(tmp_path: Path, output: Path) -> None:
    study = made_study(tmp_path / "results", grid={"resolution": [32], "n_train": [64], "seed": 1})
    with pytest.raises(StudygridError, match="for tag VAEs: the family classification has no bce"):
        export_runs(study, output)
    assert not output.exists()


@pytest.mark.parametrize("name", ["epochs.jsonl", "train.json"])
def test_a_run_that_changed_is_a_problem_and_the_others_are_written(
    study: StudyResults, output: Path, name: str
) -> None:
    (study.folder / "runs/small/res32/nall/seed0" / name).unlink()
    done = export_runs(study, output)
    (reason,) = done.problems.values()
    assert name in reason
    assert done.new == 5


def test_epochs_of_another_training_are_refused(study: StudyResults, output: Path) -> None:
    path = study.folder / "runs/small/res32/nall/seed0/epochs.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[2]["validation_loss"] += 1
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (reason,) = export_runs(study, output).problems.values()
    assert "is of another training than train.json; delete" in reason


# --- Again


def test_exporting_again_touches_nothing(study: StudyResults, output: Path) -> None:
    first = export_runs(study, output)
    assert (first.new, first.replaced, first.unchanged) == (6, 0, 0)
    before, written = times(output), files(output)
    again = export_runs(study, output)
    assert (again.new, again.replaced, again.unchanged, again.removed) == (0, 0, 6, 0)
    assert times(output) == before
    assert files(output) == written


def changed(study: StudyResults, run: Run) -> StudyResults:
    """Score a run anew, with another result."""
    path = study.folder / "runs" / run.path / "evaluate.json"
    record = read_record(path, EvaluateRecord)
    origin = record.origin.model_copy(update={"finished_at": "2025-01-01T00:00:00+00:00"})
    metrics = {**record.metrics, "bce": 0.5}
    write_record(path, record.model_copy(update={"origin": origin, "metrics": metrics}))
    return study_results(study.plan, study.folder)


def test_a_run_that_changed_is_written_anew_and_no_other(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    before = times(output)
    done = export_runs(changed(study, study.plan.runs[0]), output)
    assert (done.new, done.replaced, done.unchanged) == (0, 1, 5)
    touched = {name for name, time in times(output).items() if time != before[name]}
    assert {Path(name).name for name in touched if "small" in name} == {
        "metrics.json", "summary.json", "small_seed0_metrics.json", "small_seed0_summary.json",
    }  # fmt: skip
    assert not [name for name in touched if "nearest" in name]


def test_a_file_that_somebody_changed_is_named_and_stays(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    run = study.plan.runs[0]
    mine = output / "models/metrics/small_seed0_metrics.json"
    mine.write_text('{"mine": 1}')
    (problem,) = export_runs(changed(study, run), output).problems.items()
    assert problem[0] == run
    assert "was changed since it was written; move it elsewhere" in problem[1]
    assert mine.read_text() == '{"mine": 1}'
    mine.unlink()
    assert not export_runs(changed(study, run), output).problems


def test_files_of_runs_that_are_gone_are_removed(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    done = export_runs(study, output, {"model": ["small"]})
    assert (done.unchanged, done.removed) == (2, 16)
    assert sorted(vae_guide_reader.read(output)["models"]) == ["small_seed0", "small_seed1"]
    assert sorted(path.name for path in (output / "outputs/vae_training").iterdir()) == [
        "small-res32-nall-seed0", "small-res32-nall-seed1",
    ]  # fmt: skip


def test_nothing_that_we_did_not_write_is_removed_or_overwritten(
    study: StudyResults, output: Path
) -> None:
    export_runs(study, output)
    mine = output / "models/metrics/vae_mine_metrics.json"
    beside = output / "outputs/vae_training/nearest-res32-nall-seed0/model.pth"
    edited = output / "models/metrics/nearest_seed1_metrics.json"
    for path in (mine, beside, edited):
        path.write_text("{}")
    done = export_runs(study, output, {"model": ["small"]})
    assert done.kept == ("models/metrics/nearest_seed1_metrics.json",)
    assert mine.read_text() == beside.read_text() == edited.read_text() == "{}"
    assert not beside.with_name("metrics.json").exists()
    done = export_runs(study, output)
    (reason,) = done.problems.values()
    assert f"{edited}: is there, and no export wrote it" in reason
    assert edited.read_text() == "{}"


def test_a_comparison_of_somebody_else_stays(study: StudyResults, output: Path) -> None:
    path = output / "outputs/vae_experiments/comparison.csv"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(StudygridError, match="no export wrote it"):
        export_runs(study, output)
    assert list(files(output)) == ["outputs/vae_experiments/comparison.csv"]


def test_another_study_has_its_own_folder(
    study: StudyResults, tmp_path: Path, output: Path
) -> None:
    export_runs(study, output)
    before = files(output)
    other = vae_study(tmp_path / "other", models=FEW, name="Other")
    with pytest.raises(StudygridError, match="holds an export of the study 'Tags'"):
        export_runs(other, output)
    assert files(output) == before


def test_an_export_that_was_cut_off_goes_on(
    study: StudyResults, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = write_atomically, 0

    def dies(path: Path, content: bytes) -> None:
        nonlocal count
        count += 1
        if count == 7:
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr("studygrid.interchange.exported_files.write_atomically", dies)
    with pytest.raises(KeyboardInterrupt):
        export_runs(study, output)
    monkeypatch.undo()
    # Since then a run was scored again: what was written of it is known for ours.
    done = export_runs(changed(study, study.plan.runs[0]), output)
    assert not done.problems
    assert len(vae_guide_reader.read(output)["models"]) == 6


def test_a_lost_file_is_written_again(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    written = files(output)
    shutil.rmtree(output / "models")
    export_runs(study, output)
    assert files(output) == written


def test_a_spoilt_list_is_refused(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    (output / INDEX).write_text("{}")
    with pytest.raises(StudygridError, match="no list of exported files"):
        export_runs(study, output)


def test_a_wrong_selection_is_refused(study: StudyResults, output: Path) -> None:
    with pytest.raises(SelectionError, match="model=smal"):
        export_runs(study, output, {"model": ["smal"]})


# --- Round trip and command


def test_what_was_written_is_read_back(study: StudyResults, output: Path) -> None:
    export_runs(study, output)
    for run, name in run_names(study.plan).items():
        folder = output / "outputs/vae_training" / run_id(run)
        paths = [
            folder / "metrics.json",
            folder / "summary.json",
            output / f"models/metrics/{name}_metrics.json",
            output / f"models/metrics/{name}_summary.json",
        ]
        for found in map(read_vae_metrics, paths):
            assert found.name == name
            assert found.metrics["test"] == study.facts[run].metrics
            assert found.kept_epoch == study.facts[run].training["best_epoch"]
            assert found.written_here
            assert found.loss == {"beta": 10.0 if run.model == "beta_high" else 1.0}
            assert found.problems == ()
            assert found.summary is not None
            assert found.summary.run is not None
            assert Run(**found.summary.run.model_dump()) == run
            undefined = {key for key, score in found.metrics["test"].items() if score is None}
            assert {f"test.{key}" for key in undefined} == set(found.reasons)


def test_the_command(study: StudyResults, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = str(study.folder)
    assert main(["export", results, "--to", "vae"]) == 0
    assert "6 new, 0 replaced, 0 unchanged" in capsys.readouterr().err
    assert vae_guide_reader.read(study.folder / "exports" / "vae")
    (study.folder / "runs/small/res32/nall/seed0/epochs.jsonl").unlink()
    chosen = ["--select", "model=small", "--output", str(study.folder / "exports" / "vae")]
    assert main(["export", results, "--to", "vae", *chosen]) == 1
    said = capsys.readouterr().err
    assert "not exported: small/res32/nall/seed0: " in said
    assert "removed: 16 files of runs that are not exported any more" in said
    # What could not be made again is not taken away.
    assert (study.folder / "exports/vae/models/metrics/small_seed0_metrics.json").is_file()
