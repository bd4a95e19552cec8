"""Inference within a report: of runs of ours, and of runs that were exported and moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from studygrid.errors import DataError
from studygrid.interchange.thesis import export_facts
from studygrid.named_reports import Drawing, NamedReport, ReportInputs, drawing
from studygrid.named_reports.discovery import FoundReport
from studygrid.named_reports.running import MadeReport, make_report
from studygrid.results.study_results import read_study
from tests.unit.conftest import SIDE, Bench
from tests.unit.trained_results import train_results

SEEN: list[ReportInputs] = []
SCORES: list[Any] = []


def losses(inputs: ReportInputs) -> Drawing:
    from matplotlib.figure import Figure

    SEEN.append(inputs)
    if inputs.inference is not None:  # its arrays lie in the folder of a report on its way
        SCORES.append(inputs.inference.scores(inputs.order[0]))
    figure = Figure(figsize=(7, 2))
    figure.subplots().plot([0, 1])
    return drawing(figure, inputs.runs_df[["run_dir"]], title="Losses")


REPORT = NamedReport(
    title="Scored", figures={"losses": losses}, inference_figures={"scores": losses}
)


@pytest.fixture
def results(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(bench.folder)
    SEEN.clear()
    SCORES.clear()
    return train_results(bench)


def make(*words: str) -> MadeReport:
    found = FoundReport("scored", REPORT, None, "here")
    return make_report(found, ["inference.enabled=true", "inference.batch_size=16", *words])


def summary_of(made: MadeReport) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((made.folder / "inference/summary.json").read_text())
    return content


def test_runs_are_scored_and_nothing_of_theirs_is_changed_but_the_pointer(results: Path) -> None:
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    made = make("inputs.sweep_dir=results", "inference.persist_raw_scores=true")
    after = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert {path.name for path in set(after) - set(before)} == {"report_pointer.txt"}
    assert {path: after[path] for path in before} == before
    assert (made.failed, made.not_scored) == ((), {})

    evaluated = json.loads((results / "runs/wide/res16/n32/seed1/evaluate.json").read_text())
    (row,) = (run for run in summary_of(made)["runs"] if (run["model"], run["seed"]) == ("wide", 1))
    assert row["accuracy"] == pytest.approx(evaluated["metrics"]["accuracy"])
    assert summary_of(made)["models"]["wide"]["values"]["accuracy"] == 2
    assert (made.folder / "inference/figures/figure-scores.png").is_file()


def test_figures_of_training_see_no_inference_and_those_of_inference_all(results: Path) -> None:
    make("inputs.sweep_dir=results", "inference.persist_raw_scores=true")
    training, inference = SEEN
    assert training.inference is None
    assert inference.inference is not None
    assert list(inference.inference.frame["run_dir"]) == list(inference.order)
    (scores,) = SCORES
    assert scores is not None
    assert len(next(iter(scores.values()))) == inference.inference.frame["count"][0]


def test_the_manifest_names_weights_and_data_by_hash(results: Path) -> None:
    made = make("inputs.sweep_dir=results", "inference.dataset_split=val")
    content = yaml.safe_load((made.folder / "manifest.yaml").read_text())
    train = json.loads((results / "runs/narrow/res16/n32/seed0/train.json").read_text())
    first = content["models"][0]
    assert first["checkpoint_sha256"] == train["checkpoint"]["sha256"]
    assert (made.folder / first["checkpoint"]).is_file()
    splits = {found["split"]: found["size"] for found in content["datasets"]}
    data = json.loads((results / f"data/res{SIDE}/data.json").read_text())
    assert splits == {split: data["splits"][split]["count"] for split in ("train", "validation")}
    assert {found["sha256"] for found in content["datasets"]} == {data["sha256"]}
    assert content["inference"]["dataset_split"] == "validation"


def test_exported_runs_are_scored_by_the_weights_beside_them(results: Path) -> None:
    export_facts(read_study(results), Path("facts"))
    ours = summary_of(make("inputs.sweep_dir=results"))["runs"]
    shutil.rmtree(results / "runs")  # the export stands for itself
    made = make("inputs.sweep_dir=facts/multiruns/exp_*")
    rows = summary_of(made)["runs"]
    assert made.not_scored == {}
    accuracies = [
        {(row["model"], row["seed"]): row["accuracy"] for row in found} for found in (ours, rows)
    ]
    assert accuracies[0] == accuracies[1]
    content = yaml.safe_load((made.folder / "manifest.yaml").read_text())
    assert content["models"][0]["checkpoint"].endswith("best_val.pt")


def test_the_key_data_is_checked_in_any_case_and_may_not_contradict_the_runs(
    results: Path,
) -> None:
    here = results / f"data/res{SIDE}/data.json"
    assert make("inputs.sweep_dir=results", f"data={here}").not_scored == {}
    for on in ("true", "false"):
        with pytest.raises(DataError, match=r"data=h5_tokens: should be the record of prepared"):
            make_report(
                FoundReport("scored", REPORT, None, "here"),
                ["inputs.sweep_dir=results", "data=h5_tokens", f"inference.enabled={on}"],
            )
    other = Path("other.json")
    content = json.loads(here.read_text())
    other.write_text(json.dumps({**content, "sha256": "0" * 64}))
    with pytest.raises(DataError, match=r"4 of the runs name other data") as error:
        make("inputs.sweep_dir=results", "data=other.json")
    assert f"seed0: {here}" in str(error.value)


def test_a_list_of_one_phase_leaves_the_other_all_of_its_figures(results: Path) -> None:
    for name, folder in (("losses", "inference"), ("scores", "training")):
        made = make("inputs.sweep_dir=results", f"outputs.which_figures=[{name}]")
        assert len(list((made.folder / folder / "figures").glob("*.png"))) == 1


def test_runs_without_their_data_are_refused_at_once_and_scored_once_it_is_named(
    results: Path,
) -> None:
    shutil.move(results / "data", "moved")
    with pytest.raises(DataError) as error:
        make("inputs.sweep_dir=results")
    assert "4 of 4 runs cannot be scored; nothing was written" in str(error.value)
    assert str(error.value).count("nothing names the record of its data") == 4
    assert not Path("outputs").exists()
    made = make("inputs.sweep_dir=results", f"data=moved/res{SIDE}/data.json")
    assert made.not_scored == {}
    with pytest.raises(DataError, match=r"nowhere\.json: missing"):
        make("inputs.sweep_dir=results", "data=nowhere.json")


def test_a_run_whose_weights_are_damaged_is_named_and_the_others_are_scored(
    results: Path,
) -> None:
    damaged = results / "runs/wide/res16/n32/seed0"
    (damaged / "best_model.pth").write_bytes(b"nothing of the kind")
    made = make("inputs.sweep_dir=results")
    ((run_dir, why),) = made.not_scored.items()
    assert Path(run_dir).resolve() == damaged.resolve()
    assert "best_model.pth" in why
    summary = summary_of(made)
    assert (summary["models"]["wide"]["ok"], summary["models"]["wide"]["missing"]) == (1, 1)
    assert [one["run_dir"] for one in summary["not_scored"]] == [run_dir]


def test_models_of_one_name_and_other_settings_are_not_averaged(
    results: Path, bench: Bench
) -> None:
    other = bench.train("other/runs/wide/res16/n32/seed0", model="wide", options={"width": 5})
    data = f"data=results/data/res{SIDE}/data.json"
    made = make(f'inputs.run_dirs=["results/runs/wide/*/*/*", "{other.folder}"]', data)
    models = summary_of(made)["models"]
    assert sorted(models) == ["wide", "wide (2)"]
    assert [models[name]["planned"] for name in sorted(models)] == [2, 1]
    assert np.isfinite(models["wide (2)"]["accuracy"])
