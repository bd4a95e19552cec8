"""What re-runs is exact: each test changes one thing in a finished study and looks what is due."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Clone, make_images

pytestmark = pytest.mark.workflow

FIGURES = {"figures", "report.html", "manifest.yaml"}
REPORTS = FIGURES | {
    "tables",
    "test_results",
    "all_results.csv",
    "results_summary.json",
    "detailed_report.txt",
}
TABLES = {"aggregated_metrics.csv", "summary_statistics.csv"} | REPORTS
DOWNSTREAM = TABLES | {"study.yaml"}
FOLDERS = ("figures", "tables", "test_results")


def due(study: Clone, *arguments: str) -> set[str]:
    """Return what is due: each record by its name, figures and the like by their folder."""
    names = study.to_do(*arguments)
    return {next((f for f in FOLDERS if name.startswith(f"{f}/")), name) for name in names}


def records(
    kinds: str = "train evaluate",
    models: str = "tiny_cnn simple_cnn",
    resolutions: tuple[int, ...] = (16,),
    sizes: tuple[int, ...] = (16, 32),
    seeds: tuple[int, ...] = (0, 1),
) -> set[str]:
    return {
        f"runs/{model}/res{resolution}/n{size}/seed{seed}/{kind}.json"
        for kind in kinds.split()
        for model in models.split()
        for resolution in resolutions
        for size in sizes
        for seed in seeds
    }


def test_a_finished_study_has_nothing_to_do(study: Clone) -> None:
    assert due(study) == set()


def test_touching_or_checking_out_every_source_re_runs_nothing(study: Clone) -> None:
    for file in study.folder.rglob("*"):
        inside = file.relative_to(study.folder).parts[0]
        if file.is_file() and inside not in (".snakemake", "results"):
            os.utime(file)
    assert due(study) == set()


def test_adding_a_seed_runs_only_that_seed(study: Clone) -> None:
    study.config["grid"]["seed"] = 3
    assert due(study) == records(seeds=(2,)) | DOWNSTREAM


def test_adding_a_size_runs_only_that_size(study: Clone) -> None:
    study.config["grid"]["n_train"] = [16, 32, 40]
    assert due(study) == records(sizes=(40,)) | DOWNSTREAM


def test_adding_a_resolution_runs_only_that_resolution(study: Clone) -> None:
    study.config["grid"]["resolution"] = [16, 20]
    profiles = {"profiles/tiny_cnn/res20.json", "profiles/simple_cnn/res20.json"}
    expected = records(resolutions=(20,)) | profiles | {"data/res20/data.json"} | DOWNSTREAM
    assert due(study) == expected


def test_adding_a_model_runs_only_that_model(study: Clone) -> None:
    study.config["models"]["wide"] = {"architecture": "tiny_cnn", "options": {"width": 12}}
    assert due(study) == records(models="wide") | {"profiles/wide/res16.json"} | DOWNSTREAM


def test_changing_one_models_learning_rate_re_runs_that_model_alone(study: Clone) -> None:
    study.config["models"]["tiny_cnn"] = {"training": {"learning_rate": 0.02}}
    assert due(study) == records(models="tiny_cnn") | DOWNSTREAM


def test_writing_a_number_another_way_re_runs_nothing(study: Clone) -> None:
    study.config["training"]["learning_rate"] = "1e-2"
    assert due(study) == set()


def test_changing_how_jobs_run_re_runs_no_training(study: Clone) -> None:
    study.config["execution"] = {"device": "cpu", "resume_share": 0.2, "warm_workers": False}
    assert due(study) == DOWNSTREAM


def test_removing_a_seed_re_runs_no_training(study: Clone) -> None:
    study.config["grid"]["seed"] = 1
    assert due(study) == DOWNSTREAM


def test_editing_comments_and_docstrings_of_every_module_re_runs_nothing(study: Clone) -> None:
    for file in (study.folder / "src").rglob("*.py"):
        text = file.read_text("utf-8")
        assert text.startswith('"""'), file
        file.write_text('"""Edited. ' + text[3:] + "\n# a comment at the end\n", "utf-8")
    assert due(study) == set()


def test_editing_an_architecture_re_runs_its_runs_alone(study: Clone) -> None:
    path = "src/studygrid/families/classification/models/tiny_cnn.py"
    text = (study.folder / path).read_text()
    (study.folder / path).write_text(text + "\nEDITED = True\n")
    profiles = {"profiles/tiny_cnn/res16.json"}
    assert due(study) == records(models="tiny_cnn") | profiles | TABLES


@pytest.mark.parametrize("metric", ["auroc", "calibration", "precision_recall"])
def test_editing_a_metric_re_evaluates_without_training(study: Clone, metric: str) -> None:
    path = study.folder / f"src/studygrid/families/classification/metrics/{metric}.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert due(study) == records("evaluate") | TABLES


def test_editing_a_metric_that_epochs_are_scored_by_trains_again(study: Clone) -> None:
    path = study.folder / "src/studygrid/families/classification/metrics/accuracy.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert due(study) == records() | TABLES


def test_editing_a_figure_re_makes_what_shows_it_alone(study: Clone) -> None:
    path = study.folder / "src/studygrid/figures/metric_by_resolution.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert due(study) == FIGURES


def test_editing_the_page_s_template_re_makes_the_page_alone(study: Clone) -> None:
    path = next((study.folder / "src/studygrid/report").glob("*.css"))
    path.write_text(path.read_text() + "\n/* edited */\n")
    assert due(study) == {"report.html", "manifest.yaml"}


def test_choosing_other_figures_draws_them_and_trains_nothing(study: Clone) -> None:
    study.config["report"] = {"figures": ["status_matrix", "cost"]}
    assert study.to_do() >= {"figures/cost.svg", "report.html"}
    assert not any("metric_by" in name for name in study.to_do())
    assert due(study) <= DOWNSTREAM


def test_editing_the_training_loop_trains_again(study: Clone) -> None:
    path = study.folder / "src/studygrid/training/loop.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert due(study) == records() | TABLES


def test_deleting_one_record_remakes_it_and_what_depends_on_it(study: Clone) -> None:
    name = "runs/tiny_cnn/res16/n16/seed1"
    before = study.record(f"{name}/train.json")
    (study.folder / "results" / name / "train.json").unlink()
    assert due(study) == {f"{name}/train.json", f"{name}/evaluate.json"} | TABLES
    study.run("all")
    after = study.record(f"{name}/train.json")
    assert after["checkpoint"] == before["checkpoint"]
    assert after["best_value"] == before["best_value"]
    assert due(study) == set()


def test_deleting_an_evaluate_record_does_not_train(study: Clone) -> None:
    name = "runs/tiny_cnn/res16/n16/seed1/evaluate.json"
    (study.folder / "results" / name).unlink()
    assert due(study) == {name} | TABLES


def test_touching_the_users_images_re_runs_nothing_and_a_new_one_everything(
    study: Clone, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    make_images(images, count=48)
    study.config["dataset"]["root"] = str(images)
    # Another path is another dataset to the spec, though the images are the same.
    study.run("all")
    assert due(study) == set()
    for file in images.rglob("*.png"):
        os.utime(file)
    assert due(study) == set()
    source = images / "dots" / "000.png"
    (images / "dots" / "new.png").write_bytes(source.read_bytes() + b"\0")
    assert {"data/res16/data.json"} | records() <= due(study)
