"""A score in units of the loss ranks no models that are trained with different losses."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from studygrid.errors import ConfigError
from studygrid.families.segmentation import FAMILY
from studygrid.families.tagvae.options import LossOptions as TagLossOptions
from studygrid.figures import figures_of, load_figure
from studygrid.figures.drawing import Drawing
from studygrid.grid import Run
from studygrid.interchange.cells import cells_of
from studygrid.interchange.console import print_summary
from studygrid.interchange.results_summary import results_summary
from studygrid.interchange.text_report import detailed_report
from studygrid.losses import differing, loss_of, why_not_comparable
from studygrid.plan import Plan
from studygrid.report.answers import answers
from studygrid.results.study_results import StudyResults
from studygrid.section import Section
from studygrid.tables.contents import study_tables
from studygrid.tables.rankings import ranking
from tests.unit.made_records import small_plan
from tests.unit.made_study import made_study

UNET = {"architecture": "small_unet"}
DIFFERENT: dict[str, Any] = {
    "plain": {**UNET, "loss": {"bce": 1.0}},
    "focal": {**UNET, "loss": {"focal": 1.0}},
}
WHY = "the losses differ (bce is 0 or 1, focal is 0 or 1)"


def config(models: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "family": "segmentation",
        "dataset": {"name": "cracks"},
        "models": models,
        "grid": {"resolution": [64], "n_train": [64, 256], "seed": 3},
        "report": {"metric": "loss"},
        **changes,
    }


def score(run: Run) -> float:
    return 0.2 + 0.3 * (run.model == "focal") + 0.01 * run.seed + 10 / int(run.n_train)


@pytest.fixture
def study(tmp_path: Path) -> StudyResults:
    return made_study(tmp_path, score=score, **config(DIFFERENT))


@pytest.fixture
def like(tmp_path: Path) -> StudyResults:
    """Return a study whose models have one loss."""
    models = {"plain": UNET, "wide": {**UNET, "options": {"width": 32}}}
    return made_study(tmp_path, score=score, **config(models))


def plan_of(models: dict[str, Any], **changes: Any) -> Plan:
    return small_plan(**config(models, **changes))


def why(plan: Plan, name: str, *models: str) -> str | None:
    return why_not_comparable(plan, plan.family.metric(name), models or None)


def test_only_a_metric_of_the_loss_depends_on_it() -> None:
    plan = plan_of(DIFFERENT)
    assert WHY in (why(plan, "loss") or "")
    assert [name for name in plan.family.metric_names if why(plan, name)] == ["loss"]


def test_models_of_one_loss_can_be_ranked_by_it() -> None:
    plan = plan_of({**DIFFERENT, "other": {**UNET, "loss": {"bce": 1.0}}})
    assert why(plan, "loss", "plain", "other") is None
    assert why(plan, "loss", "focal") is None
    assert WHY in (why(plan, "loss", "plain", "focal") or "")


def test_a_model_without_runs_does_not_count() -> None:
    grid = {"model": ["plain"], "resolution": [64], "n_train": [64], "seed": 1}
    assert why(plan_of(DIFFERENT, grid=grid), "loss") is None


def test_options_that_act_in_training_alone_do_not_count() -> None:
    smoothed = {"architecture": "tiny_cnn", "loss": {"label_smoothing": 0.1}}
    balanced = {"architecture": "tiny_cnn", "loss": {"class_weights": "balanced"}}
    plan = small_plan(models={"tiny_cnn": None, "smoothed": smoothed, "balanced": balanced})
    assert why(plan, "loss") is None


def test_beta_counts_and_its_warm_up_does_not() -> None:
    model = plan_of(DIFFERENT).models["plain"]

    def loss(**options: float) -> dict[str, Any]:
        return loss_of(dataclasses.replace(model, loss=TagLossOptions(**options)))

    assert differing({"a": loss(), "b": loss(beta_warmup=0.5)}) is None
    assert differing({"a": loss(), "b": loss(beta=4)}) == "beta is 1 or 4"


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({}, None),
        ({"a": {"beta": 1.0}}, None),
        ({"a": {"beta": 1.0}, "b": {"beta": 1}}, None),
        ({"a": {"beta": 1.0}, "b": {"beta": 4.0}}, "beta is 1 or 4"),
        ({"a": {"beta": 0.1}, "b": {"beta": 0.1000001}}, "beta is 0.1 or 0.1000001"),
        ({"a": {"beta": 1.0}, "b": {}}, "beta is 1 or not given"),
        ({"a": {"kind": "x", "w": [1, 2]}, "b": {"kind": "y", "w": [1, 2]}}, 'kind is "x" or "y"'),
        ({str(n): {"beta": n} for n in range(9)}, "beta is 0, 1, 2, 3, 4, 5 or 3 more"),
        ({"a": {"beta": 10}, "b": {"beta": 0.5}, "c": {"beta": 4}}, "beta is 0.5, 4 or 10"),
    ],
)
def test_what_differs_is_named(losses: dict[str, dict[str, Any]], expected: str | None) -> None:
    assert differing(losses) == expected


def test_the_ranking_has_no_ranks(study: StudyResults) -> None:
    frame = ranking(study)
    assert frame["rank"].isna().all()
    assert set(frame["verdict"]) == {"not comparable"}
    assert list(frame["model"]) == ["plain", "plain", "focal", "focal"]
    assert frame["mean"].notna().all()
    table = next(table for table in study_tables(study) if table.name == "rankings")
    assert WHY in table.note
    assert "best" not in table.note


def test_equal_losses_are_ranked_as_ever(like: StudyResults) -> None:
    assert list(ranking(like)["rank"]) == [1, 1, 3, 3]
    assert results_summary(like)["metric"]["why_not_ranked"] is None
    assert len(results_summary(like)["top_5_results"]) == 4
    assert answers(like)[0].title == "The best cell"


def test_the_report_names_no_best_cell(study: StudyResults) -> None:
    first, *others = answers(study)
    assert first.title == "No best cell"
    assert WHY in first.sentences[0]
    assert [answer.name for answer in others] == ["failures"]


def test_the_summary_has_no_top_and_no_best_across_models(study: StudyResults) -> None:
    summary = results_summary(study)
    assert WHY in summary["metric"]["why_not_ranked"]
    assert summary["top_5_results"] == []
    overall = summary["statistics"]["overall"]
    assert overall["best"] is overall["worst"] is None
    assert overall["metrics"]["loss"]["avg"] is overall["metrics"]["loss"]["best"] is None
    assert not overall["metrics"]["loss"]["comparable_between_models"]
    assert overall["metrics"]["iou"]["best"] is not None
    # Cells of one model have one loss.
    plain = summary["statistics"]["by_model"]["plain"]
    assert plain["best"]["n_train"] == 256
    assert plain["metrics"]["loss"]["avg"] == pytest.approx(0.21 + (10 / 64 + 10 / 256) / 2)


def test_texts_say_why_there_is_no_ranking(study: StudyResults) -> None:
    text = " ".join(detailed_report(study).split())
    assert text.count(WHY) == 2
    assert "Best Loss: 0.2491" in text
    assert "Avg Loss: - (not comparable between these cells)" in text
    console = Console(file=io.StringIO(), width=300)
    print_summary(study, cells_of(study), console)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert WHY in printed
    assert "Top" not in printed


def drawing(study: StudyResults, name: str) -> Drawing:
    found: Drawing = load_figure(study.family, name)(study)
    return found


@pytest.mark.parametrize("name", ["cost", "best_against_throughput", "time_to_threshold"])
def test_figures_that_weigh_models_are_not_drawn(study: StudyResults, name: str) -> None:
    found = drawing(study, name)
    assert WHY in found.caption
    assert found.table.empty


def test_the_heatmap_frames_no_best(study: StudyResults) -> None:
    found = drawing(study, "metric_heatmap")
    assert not found.table["best"].any()
    assert WHY in found.caption
    assert "better" not in found.caption.replace(WHY, "")


def test_the_spread_of_seeds_is_in_axis_order(study: StudyResults) -> None:
    found = drawing(study, "seed_spread")
    assert found.table["rank"].isna().all()
    assert list(dict.fromkeys(found.table["model"])) == ["plain", "focal"]
    assert WHY in found.caption
    assert "best" not in found.caption


def test_no_figure_of_the_family_fails(study: StudyResults) -> None:
    for name in ("metric_by_resolution", "metric_by_n_train", "learning_curves"):
        assert name in figures_of(study.family)
        drawing(study, name)


def test_a_weight_on_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = tuple(
        dataclasses.replace(metric, bounds=(0, 1)) if metric.name == "loss" else metric
        for metric in FAMILY.metrics
    )
    family = dataclasses.replace(FAMILY, metrics=bounded)
    monkeypatch.setattr("studygrid.config_check.load_family", lambda name: family)
    weights = {"ranking": {"weights": {"loss": 1, "iou": 1}}}
    with pytest.raises(ConfigError, match=r"report\.ranking\.weights\.loss") as refused:
        plan_of(DIFFERENT, report=weights)
    assert WHY in str(refused.value)
    assert plan_of({"plain": UNET, "other": UNET}, report=weights)


def test_a_loss_that_nothing_says_is_not_comparable() -> None:
    class Unsaid(Section):
        is_known: ClassVar[bool] = False

    plan = plan_of({"plain": UNET, "other": UNET})
    unsaid = dataclasses.replace(plan.models["other"], loss=Unsaid())
    plan = dataclasses.replace(plan, models={**plan.models, "other": unsaid})
    assert "nothing says what that was (other)" in (why(plan, "loss") or "")
    assert why(plan, "loss", "other") is None
    assert why(plan, "iou") is None
