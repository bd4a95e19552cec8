"""The report's section of the inference phase, and its part of the manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from studygrid.manifest import manifest
from studygrid.plan import Plan
from studygrid.records import Status, write_record
from studygrid.report.blocks import Drawn, Paragraph, Section
from studygrid.report.drawn import placed, study_figures
from studygrid.report.inference_section import inference
from studygrid.results.study_results import study_results
from studygrid.tables.contents import Table
from tests.unit.made_records import inference_record, small_plan, train_record, write_run

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt"></svg>'
ON = {"enabled": True, "autocast": True, "batch_size": 64, "dataset_split": "validation"}


@pytest.fixture
def plan() -> Plan:
    return small_plan(inference=ON, report={"metric": "accuracy"})


def write(plan: Plan, folder: Path, number: int, score: float, **changes: Any) -> None:
    run = plan.runs[number]
    write_run(plan, folder, run, score)
    record = inference_record(plan, train_record(plan, run), score, **changes)
    write_record(folder / "runs" / run.path / "inference.json", record)


@pytest.fixture
def folder(plan: Plan, tmp_path: Path) -> Path:
    """Return results in which autocast changes the accuracy of run k by k / 1000."""
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    for number in range(len(plan.runs)):
        effect = dict.fromkeys(plan.family.metric_names, 0.0) | {"accuracy": number / 1000}
        write(
            plan, tmp_path, number, 0.5, precision="bfloat16", batch_size=64, autocast_effect=effect
        )
    return tmp_path


def section_of(plan: Plan, folder: Path) -> Section:
    section = inference(study_results(plan, folder))
    assert section is not None
    return section


def texts(section: Section) -> list[str]:
    return [block.text for block in section.blocks if isinstance(block, Paragraph)]


def table(section: Section) -> Table:
    return next(block for block in section.blocks if isinstance(block, Table))


def test_a_study_without_inference_has_no_section(tmp_path: Path) -> None:
    assert inference(study_results(small_plan(), tmp_path)) is None


def test_it_says_what_was_scored_and_what_autocast_changed(plan: Plan, folder: Path) -> None:
    assert len(plan.runs) == 24
    assert texts(section_of(plan, folder)) == [
        "Inference scored the kept weights of 24 runs of 24 once more, on the validation split, in "
        "bfloat16, 64 samples at once. Against float32 autocast changes Accuracy by +0.0115 in the "
        "mean and by +0.0230 in the run where it does most (24 runs)."
    ]


def test_the_table_has_a_row_a_cell(plan: Plan, folder: Path) -> None:
    frame = table(section_of(plan, folder)).frame
    seeds = len(plan.axis("seed"))
    assert len(frame) == len(plan.runs) // seeds
    assert frame["n"].tolist() == frame["planned"].tolist() == [seeds] * len(frame)
    assert frame["mean"].tolist() == pytest.approx([0.5] * len(frame))
    # The median over the runs of a cell, which the plan lists one after the other.
    numbers = [[k for k, run in enumerate(plan.runs) if key(run) == cell] for cell in cells(plan)]
    expected = [sum(own) / len(own) / 1000 for own in numbers]
    assert frame["autocast_effect"].tolist() == pytest.approx(expected)


def key(run: Any) -> tuple[Any, ...]:
    return run.model, run.resolution, run.n_train


def cells(plan: Plan) -> list[tuple[Any, ...]]:
    return list(dict.fromkeys(map(key, plan.runs)))


def test_runs_without_scores_are_counted_with_their_reasons(plan: Plan, folder: Path) -> None:
    write(plan, folder, 0, 0.5, status=Status.OOM, reason="no memory", metrics={})
    (folder / "runs" / plan.runs[1].path / "inference.json").unlink()
    said = texts(section_of(plan, folder))[1]
    assert said.startswith("Without scores: 1 failed and 1 missing (no memory and ")
    frame = table(section_of(plan, folder)).frame
    assert frame["n"].sum() == len(plan.runs) - 2


def test_where_the_study_s_metric_has_no_value_another_is_shown(plan: Plan, folder: Path) -> None:
    for number in range(len(plan.runs)):
        values = dict.fromkeys(plan.family.metric_names, 0.25) | {"accuracy": None}
        write(plan, folder, number, 0.5, metrics=values, undefined={"accuracy": "none"})
    found = section_of(plan, folder)
    first = next(m for m in plan.family.metrics if not m.of_loss and m.name != "accuracy")
    assert (
        f"No run has a value of Accuracy there; {first.label} is shown instead." in texts(found)[0]
    )
    assert table(found).frame["mean"].tolist() == pytest.approx([0.25] * 8)
    assert first.label in table(found).headings["mean"]


def test_nothing_scored_yet_is_said(plan: Plan, tmp_path: Path) -> None:
    (said,) = texts(section_of(plan, tmp_path))
    assert said.startswith("No run has been scored again yet.")


def test_its_figures_are_read_from_the_folder_of_inference(plan: Plan, folder: Path) -> None:
    figures = folder / "inference" / "figures"
    figures.mkdir(parents=True)
    (figures / "model_comparison_bars.svg").write_bytes(SVG)
    (figures / "model_comparison_bars.csv").write_text("model,value\na,1\n")
    study = study_results(plan, folder)
    found = placed(section_of(plan, folder), study_figures(study, (), folder / "elsewhere"))
    (drawn,) = [block for block in found.blocks if isinstance(block, Drawn)]
    assert drawn.table_file == "../inference/figures/model_comparison_bars.csv"
    assert "inference/figures/auroc_comparison.svg does not exist" in str(found.blocks[-1])


def test_the_manifest_names_settings_and_files(plan: Plan, folder: Path) -> None:
    (folder / "inference").mkdir()
    (folder / "inference" / "runs.csv").write_text("run_dir\n")
    found = manifest(study_results(plan, folder), [])["inference"]
    settings = {name: found[name] for name in ("split", "batch_size", "autocast")}
    assert settings == {"split": "validation", "batch_size": 64, "autocast": True}
    assert [file["sha256"] for file in found["files"]] == [
        None,
        hashlib.sha256(b"run_dir\n").hexdigest(),
    ]
    assert [figure["name"] for figure in found["figures"]] == plan.inference_figures
    assert len(found["records"]) == len(plan.runs)
    assert None not in [record["sha256"] for record in found["records"]]


def test_the_manifest_of_a_study_without_inference_says_so(tmp_path: Path) -> None:
    plan = small_plan()
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    assert manifest(study_results(plan, tmp_path), [])["inference"] is None
