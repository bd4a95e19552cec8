"""The figures of the inference phase, of any family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from studygrid.figures.drawing import Drawing, save
from studygrid.figures.inference_figures import INFERENCE_FIGURES, load_inference_figure
from studygrid.grid import Run
from studygrid.named_reports.figures.inference import INFERENCE_FIGURES as IN_REPORTS
from studygrid.plan import make_plan
from studygrid.records import Status
from studygrid.results.inference import InferenceResults, read_inference_records
from tests.unit.figure_studies import HOSTILE, without_layout
from tests.unit.named_report_scores import (
    event_arrays,
    event_metrics,
    made_plan,
    made_results,
    noise,
)

__all__ = ["without_layout"]

pytestmark = pytest.mark.usefixtures("without_layout")
PLAIN: dict[str, Any] = {"grid": {"resolution": [32], "n_train": [64], "seed": 3}}
FAMILIES: dict[str, dict[str, Any]] = {
    "classification": {
        "family": "classification",
        "dataset": {"name": "elpv"},
        "models": {"tiny_cnn": None},
    },
    "events": {
        "family": "events",
        "dataset": {"name": "generated_events"},
        "models": {"gnn": {"architecture": "gnn"}},
    },
}


def drawn(name: str, results: InferenceResults) -> Drawing:
    return load_inference_figure(name)(results, "A study")


def row(table: pd.DataFrame, **values: object) -> pd.Series[Any]:
    for column, value in values.items():
        table = table.loc[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_reports_and_studies_have_the_same_figures() -> None:
    assert list(IN_REPORTS) == list(INFERENCE_FIGURES)


@pytest.mark.parametrize("name", INFERENCE_FIGURES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_figure_is_drawn_of_a_family(name: str, family: str, tmp_path: Path) -> None:
    plan = make_plan({**FAMILIES[family], **PLAIN})
    primary = plan.family.primary_metric

    def scores(run: Run) -> dict[str, float | None]:
        return {"auroc": 0.9, primary: 0.8 + noise(run, "a")}

    results = made_results(tmp_path, plan, scores)
    drawing = drawn(name, results)
    assert len(drawing.table)
    assert "3 seeds" in drawing.caption
    assert "Of 3 runs: 3 ok." in drawing.caption


@pytest.mark.parametrize("name", INFERENCE_FIGURES)
def test_every_figure_says_that_nothing_was_scored_yet(name: str, tmp_path: Path) -> None:
    results = made_results(tmp_path, made_plan(), missing=lambda run: True)
    drawing = drawn(name, results)
    assert drawing.table.empty
    assert "No run has been scored again yet. Of 12 runs: 12 missing." in drawing.caption


@pytest.mark.parametrize("name", INFERENCE_FIGURES)
def test_every_figure_is_drawn_of_one_run(name: str, tmp_path: Path) -> None:
    plan = made_plan(
        models={"gnn": {"architecture": "gnn"}},
        grid={"resolution": [16], "n_train": [64], "seed": 1},
    )
    drawing = drawn(name, made_results(tmp_path, plan))
    assert "1 seed a cell" in drawing.caption
    ends = [column for column in ("ci_low", "ci_high") if column in drawing.table]
    assert drawing.table[ends].isna().all(axis=None)


@pytest.mark.parametrize("name", INFERENCE_FIGURES)
def test_resolutions_and_sizes_are_not_pooled(name: str, tmp_path: Path) -> None:
    plan = made_plan(grid={"resolution": [16, 32], "n_train": [64, 512], "seed": 3})
    models = len(plan.models)
    table = drawn(name, made_results(tmp_path, plan)).table
    cells = table.groupby("cell")[["model", "resolution", "n_train"]].nunique()
    assert (cells == 1).all(axis=None)
    assert table["n"].max() == 3
    assert len(cells) in (4 * models, 4 * (models - 1))  # a forest has no errors of tokens


@pytest.mark.parametrize("name", INFERENCE_FIGURES)
def test_runs_that_failed_or_are_missing_are_counted(name: str, tmp_path: Path) -> None:
    results = made_results(
        tmp_path,
        made_plan(),
        status=lambda run: Status.OOM if run.seed == 0 else Status.OK,
        missing=lambda run: run.seed == 1,
    )
    drawing = drawn(name, results)
    assert "4 ran out of memory" in drawing.caption
    assert "4 missing" in drawing.caption
    assert drawing.table["n"].max() == 1


@pytest.mark.parametrize("name", INFERENCE_FIGURES)
def test_a_figure_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    results = made_results(tmp_path / "runs", made_plan(), arrays=event_arrays)
    for place in ("a", "b"):
        save(drawn(name, results), tmp_path / place)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("name", INFERENCE_FIGURES)
def test_two_studies_whose_models_have_one_name_are_not_pooled(name: str, tmp_path: Path) -> None:
    files: dict[str, Path] = {}
    for place, width in (("a", 16), ("b", 32)):
        options = {"tokenizer": "none", "width": width}
        plan = made_plan(models={"same": {"architecture": "gnn", "options": options}})
        files |= dict(made_results(tmp_path / place, plan).files)
    drawing = drawn(name, read_inference_records(files))
    assert drawing.table["cell"].nunique() == 2
    assert drawing.table["n"].max() == 3
    labels = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert labels == ["same (1)", "same (2)"]


def test_bars_are_means_with_their_interval(tmp_path: Path) -> None:
    plan = made_plan()
    table = drawn("model_comparison_bars", made_results(tmp_path, plan)).table
    assert list(dict.fromkeys(table["metric"])) == ["token_mse", "globals_mse", "auroc"]
    found = row(table, metric="auroc", kind="mean", model="gnn_vq")
    values = [event_metrics(run)["auroc"] for run in plan.runs if run.model == "gnn_vq"]
    numbers = np.array(values, dtype=float)
    half = stats.t.ppf(0.975, 2) * numbers.std(ddof=1) / np.sqrt(3)
    assert found["value"] == pytest.approx(numbers.mean())
    assert found["ci_high"] == pytest.approx(numbers.mean() + half)


def test_a_model_without_an_error_has_no_bar_of_it(tmp_path: Path) -> None:
    table = drawn("model_comparison_bars", made_results(tmp_path, made_plan())).table
    errors = table.loc[table["metric"] == "token_mse"]
    assert "isolation_forest" not in set(errors["model"])


def test_corrupted_background_stands_apart_from_signals(tmp_path: Path) -> None:
    drawing = drawn("auroc_comparison", made_results(tmp_path, made_plan()))
    panels = drawing.table.groupby("panel")["metric"].unique().apply(set).to_dict()
    assert panels == {
        "Signals": {"auroc", "auroc_xy", "auroc_tt"},
        "Corrupted background": {"auroc_noise", "auroc_token_shuffle"},
    }
    assert "Corrupted background is no signal" in drawing.caption


def test_a_family_without_auroc_has_its_primary_metric_and_the_figure_says_so(
    tmp_path: Path,
) -> None:
    plan = make_plan(
        {
            "family": "segmentation",
            "dataset": {"name": "cracks"},
            "models": {"small_unet": None},
            **PLAIN,
        }
    )
    primary = plan.family.metric(plan.family.primary_metric)
    results = made_results(tmp_path, plan, lambda run: {primary.name: 0.6 + noise(run, "a")})
    drawing = drawn("auroc_comparison", results)
    assert f"has no AUROC: drawn is its primary metric, {primary.label}" in drawing.caption
    assert set(drawing.table["metric"]) == {primary.name}
    errors = drawn("reconstruction_error_distributions", results)
    assert "no run has kept an error of its samples" in errors.caption
    assert set(errors.table["metric"]) == {primary.name}


def test_percentiles_are_those_of_the_arrays_that_were_kept(tmp_path: Path) -> None:
    plan = made_plan()
    results = made_results(tmp_path, plan, arrays=event_arrays)
    drawing = drawn("reconstruction_error_distributions", results)
    assert set(drawing.table["of"]) == {"background", "xy", "tt"}
    of = drawing.table.loc[(drawing.table["of"] == "xy") & (drawing.table["percentile"] == 95)]
    found = row(of, kind="mean", model="gnn_none")
    runs = [event_arrays(run) for run in plan.runs if run.model == "gnn_none"]
    expected = [np.percentile(arrays["token_mse"][arrays["label"] == 1], 95) for arrays in runs]
    assert found["value"] == pytest.approx(np.mean(expected))
    assert "200 of background, 100 of xy, 100 of tt a run" in drawing.caption


def test_without_arrays_percentiles_are_those_of_the_metrics(tmp_path: Path) -> None:
    drawing = drawn("reconstruction_error_distributions", made_results(tmp_path, made_plan()))
    assert set(drawing.table["of"]) == {"background"}
    assert set(drawing.table["percentile"]) == {50, 95, 99}
    assert "persist_raw_scores" in drawing.caption
    assert "3 ok runs have none" in drawing.caption  # the forest


def test_arrays_that_cannot_be_read_are_counted_as_lacking(tmp_path: Path) -> None:
    results = made_results(tmp_path, made_plan(), arrays=event_arrays)
    next(tmp_path.rglob("inference_scores.npz")).write_bytes(b"broken")
    drawing = drawn("reconstruction_error_distributions", results)
    assert "1 ok run has none" in drawing.caption


@pytest.mark.parametrize("name", INFERENCE_FIGURES)
def test_names_are_taken_literally(name: str, tmp_path: Path) -> None:
    results = made_results(tmp_path, made_plan())
    frame = results.frame.assign(model=HOSTILE)
    hostile = InferenceResults(frame, results.records, results.files, results.families)
    assert len(drawn(name, hostile).table)


def test_runs_of_several_families_are_not_drawn_together(tmp_path: Path) -> None:
    files: dict[str, Path] = {}
    for family, config in FAMILIES.items():
        plan = make_plan({**config, **PLAIN})

        def scores(run: Run, name: str = plan.family.primary_metric) -> dict[str, float | None]:
            return {name: 0.5}

        files |= dict(made_results(tmp_path / family, plan, scores).files)
    drawing = drawn("model_comparison_bars", read_inference_records(files))
    assert drawing.table.empty
    assert "several families" in drawing.caption
