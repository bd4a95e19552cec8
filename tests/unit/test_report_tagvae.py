"""What the report says tag VAEs have learned: from numbers that these studies are given."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studygrid.families.base import load_reference
from studygrid.families.tagvae import FAMILY
from studygrid.grid import Run
from studygrid.plan import make_plan
from studygrid.report.blocks import Heading, Paragraph, Points, Section
from studygrid.report.learned import learned
from studygrid.report.markdown import markdown_page
from studygrid.report.sections import sections_of
from studygrid.results.one_setting import models_along, settings_of
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table
from tests.unit.tagvae_studies import (
    BASELINES,
    CONFIG,
    MEDIUM,
    MODELS,
    VAE,
    Made,
    facts_of,
    metrics_of,
    tag_study,
    vaes,
)

SEEDS = (0.0, 0.1, 0.2)
T_HALF = 4.302653 * 0.1 / np.sqrt(3)  # half the interval of three values that are 0.1 apart


def grid(seeds: int = 3, resolution: int = 8) -> dict[str, Any]:
    return {"resolution": [resolution], "n_train": ["all"], "seed": seeds}


def given(
    folder: Path,
    models: dict[str, Any],
    metrics: Callable[[Run], dict[str, float]] = lambda run: {},
    facts: Callable[[Run], dict[str, Any]] = lambda run: {},
    **config: Any,
) -> StudyResults:
    """Return a study of which some metrics and facts are given."""

    def scores(run: Run, made: Made) -> dict[str, float | None]:
        return {**metrics_of(made), **metrics(run)}

    def known(run: Run, made: Made) -> dict[str, Any]:
        return {**facts_of(made), **facts(run)}

    return tag_study(
        folder, models=models, metrics=scores, facts=known, **{"grid": grid(), **config}
    )


def section(study: StudyResults) -> Section:
    found = learned(study)
    assert found is not None
    return found


def parts(study: StudyResults) -> dict[str, list[str]]:
    """Return the sentences under each heading; those before the first are under nothing."""
    found: dict[str, list[str]] = {"": []}
    title = ""
    for block in section(study).blocks:
        if isinstance(block, Heading):
            title = block.text
            found[title] = []
        elif isinstance(block, Paragraph):
            found[title].append(f"{'! ' if block.warning else ''}{block.text}")
        elif isinstance(block, Points):
            found[title] += block.items
    return found


def table(study: StudyResults, name: str) -> Any:
    tables = [block for block in section(study).blocks if isinstance(block, Table)]
    return next(one for one in tables if one.name == name).frame


def noise(run: Run) -> float:
    """Return 0, 0.1 or 0.2 by the seed."""
    return SEEDS[run.seed]


# --- The section as a whole


def test_the_family_has_the_section_before_the_tables() -> None:
    names = list(sections_of(FAMILY))
    assert names.index("learned") < names.index("tables")
    assert load_reference(FAMILY.sections["learned"]) is learned


def test_without_a_run_that_ended_well_there_is_none(tmp_path: Path) -> None:
    assert learned(given(tmp_path, vaes(1, 4), fate=lambda run: "diverged")) is None


def test_every_table_has_words_for_its_columns_and_the_section_renders(tmp_path: Path) -> None:
    study = given(tmp_path, {**vaes(1, 4), **BASELINES})
    tables = [block for block in section(study).blocks if isinstance(block, Table)]
    assert [one.name for one in tables] == ["collapse", "samples", "beta", "baselines"]
    for one in tables:
        assert set(one.main) <= set(one.headings)
        assert list(one.frame) == list(one.main)
        assert one.note
    page = markdown_page(study, [section(study)])
    assert "What β did" in page
    assert not re.search(r"\bnan\b|None", page)


def test_it_says_where_models_are_compared(tmp_path: Path) -> None:
    config: dict[str, Any] = {"grid": {"resolution": [8, 12], "n_train": [64, "all"], "seed": 2}}
    study = given(tmp_path, vaes(1, 4), **config)
    (first,) = parts(study)[""]
    assert "at 12 tags, all 1599 samples, the largest vocabulary and training set" in first
    assert "95 % Student-t intervals over seeds" in first


# --- Collapse


def units(active: int, *, collapsed: bool) -> dict[str, Any]:
    return {"active_units": active, "latent_units": 32, "collapsed": collapsed}


def test_collapsed_cells_are_named_with_their_runs_and_units(tmp_path: Path) -> None:
    def facts(run: Run) -> dict[str, Any]:
        if run.model == "vae_b4":
            return units(0 if run.seed else 2, collapsed=True)
        return units(9, collapsed=False)

    study = given(
        tmp_path,
        {**vaes(1, 4), **BASELINES},
        facts=lambda run: facts(run) if run.model.startswith("vae") else {},
        metrics=lambda run: {"kl": 0.25 if run.model == "vae_b4" else 2.0},
    )
    found = parts(study)["Collapse"]
    assert found[0] == (
        "! 1 of 2 cells with a latent space has collapsed runs, 3 runs of 6 in all: vae_b4, 8 "
        "tags, all training samples (3 of 3 runs, in the mean 0.7 of 32 units active and a rate of "
        "0.250 nats)."
    )
    assert not any("No unit is active" in text for text in found)
    rows = table(study, "collapse").set_index("model")
    assert list(rows.index) == ["vae_b1", "vae_b4"]
    assert rows.loc["vae_b4", ["collapsed", "none_active"]].tolist() == [3, 2]
    assert rows.loc["vae_b1", "active_units"] == 9


def test_cells_without_any_active_unit_are_told_apart(tmp_path: Path) -> None:
    study = given(tmp_path, vaes(1), facts=lambda run: units(0, collapsed=True))
    found = parts(study)["Collapse"]
    assert found[-1] == (
        "No unit is active in any run of 1 cell: vae_b1, 8 tags, all training samples."
    )


def test_without_collapse_there_is_no_warning(tmp_path: Path) -> None:
    study = given(tmp_path, vaes(1, 4), facts=lambda run: units(9, collapsed=False))
    found = parts(study)["Collapse"]
    assert found[0] == "No run of the 2 cells with a latent space has collapsed."
    assert not any(text.startswith("!") for text in found)


def test_baselines_have_no_latent_space_to_collapse(tmp_path: Path) -> None:
    assert "Collapse" not in parts(given(tmp_path, BASELINES))


# --- Prior samples against the data


def test_on_which_side_of_the_test_rows_samples_lie(tmp_path: Path) -> None:
    means = {"vae_b1": 5.0, "vae_b2": 7.05, "vae_b4": 9.0}

    def facts(run: Run) -> dict[str, Any]:
        return {"prior_tags_per_row": means[run.model] + noise(run), "data_tags_per_row": 7.15}

    study = given(tmp_path, vaes(1, 2, 4), facts=facts)
    sentence = next(
        text for text in parts(study)["Prior samples against the data"] if "Tags a row" in text
    )
    assert sentence == (
        "Tags a row: 7.15 tags of the test rows. The interval of prior samples lies below it for 1 "
        "model (vae_b1); holds it for 1 model (vae_b2); lies above it for 1 model (vae_b4)."
    )
    rows = table(study, "samples").set_index("model")
    assert rows.loc["(test rows)", "prior_tags_per_row"] == 7.15
    assert rows.loc["vae_b4", "prior_tags_per_row"] == pytest.approx(9.1)


def test_the_nearest_and_farthest_co_occurrence_are_named(tmp_path: Path) -> None:
    js = {"vae_b1": 0.3, "vae_b4": 0.1, "independent": 0.5, "nearest": 0.4}
    study = given(
        tmp_path,
        {**vaes(1, 4), **BASELINES},
        metrics=lambda run: {"prior_cooccurrence_js": js[run.model] + noise(run) / 100},
    )
    last = parts(study)["Prior samples against the data"][-1]
    assert "nearest to the data by" in last
    assert "are the samples of vae_b4 (0.1010 " in last
    assert "farthest those of independent (0.5010 " in last
    low, high = 0.101 - T_HALF / 100, 0.101 + T_HALF / 100
    assert f"{low:.4f} to {high:.4f}" in last


def test_one_run_has_no_interval_and_no_side(tmp_path: Path) -> None:
    study = given(
        tmp_path,
        vaes(1),
        facts=lambda run: {"prior_tags_per_row": 4.5, "data_tags_per_row": 7.0},
        grid=grid(seeds=1),
    )
    found = parts(study)["Prior samples against the data"]
    assert "Tags a row: 7.00 tags of the test rows; of prior samples vae_b1 4.50, from one run" in (
        " ".join(found)
    )
    assert not any("interval" in text for text in found)


# --- What beta did


def test_changes_are_paired_by_seed(tmp_path: Path) -> None:
    # Without the pairing the seeds would drown the change: 1, 11 and 21 against 0, 10 and 20.
    def metrics(run: Run) -> dict[str, float]:
        rate = 100 * noise(run) - (run.model == "vae_b4") * (1 + noise(run))
        return {"kl": 50 + rate, "bce": 3.0 + noise(run), "elbo": -50.0 + noise(run)}

    study = given(tmp_path, vaes(1, 4), metrics)
    (sentence,) = parts(study)["What β did"]
    low, high = -1.1 - T_HALF, -1.1 + T_HALF
    assert sentence.startswith(
        "From β = 1 (vae_b1) to β = 4 (vae_b4), mean changes over 3 pairs of runs: rate (KL) "
        f"−1.10 nats (−{-low:.2f} to −{-high:.2f}); distortion (BCE) 0 nats (0 to 0, which holds "
        "0); "
    )
    rows = table(study, "beta").set_index("metric")
    rate = rows.loc["Rate (nats)"]
    assert rate["difference"] == pytest.approx(-1.1)
    assert rate["difference_ci_low"] == pytest.approx(low)
    assert rate["difference_ci_high"] == pytest.approx(high)
    assert rate["pairs"] == 3


def test_a_change_whose_interval_holds_nothing_says_so(tmp_path: Path) -> None:
    signs = {0: -1.0, 1: 0.5, 2: 1.0}

    def metrics(run: Run) -> dict[str, float]:
        return {"elbo": -20.0 + (signs[run.seed] if run.model == "vae_b4" else 0.0)}

    (sentence,) = parts(given(tmp_path, vaes(1, 4), metrics))["What β did"]
    assert "which holds 0); share of active units" in sentence.split("ELBO ")[1]


def test_steps_go_from_each_beta_to_the_next(tmp_path: Path) -> None:
    found = parts(given(tmp_path, vaes(4, 0.5, 1)))["What β did"]
    starts = [text.split(",")[0] for text in found]
    assert starts == [
        "From β = 0.5 (vae_b0.5) to β = 1 (vae_b1)",
        "From β = 1 (vae_b1) to β = 4 (vae_b4)",
    ]


def test_models_that_differ_in_more_are_not_compared(tmp_path: Path) -> None:
    models = {"small": VAE, "medium": {**MEDIUM, "loss": {"beta": 4.0}}}
    (only,) = parts(given(tmp_path, models))["What β did"]
    assert only.startswith("No two models that differ in β alone share a seed")


def test_of_one_beta_nothing_is_said(tmp_path: Path) -> None:
    assert "What β did" not in parts(given(tmp_path, {"small": VAE, "medium": MEDIUM}))


def test_one_pair_of_runs_has_no_interval(tmp_path: Path) -> None:
    def lacks(run: Run) -> str:
        return "missing" if run.model == "vae_b4" and run.seed else "ok"

    study = given(tmp_path, {**vaes(1, 4), **BASELINES}, fate=lacks)
    (sentence,) = parts(study)["What β did"]
    assert "over 1 pair of runs, without an interval: rate (KL)" in sentence
    assert " to " not in sentence.split("interval:")[1]
    frame = table(study, "baselines").set_index(["metric", "baseline", "model"])
    row = frame.loc[("ELBO (nats)", "nearest", "vae_b4")]
    assert row["pairs"] == 1
    assert np.isnan(row["difference_ci_low"])
    elbo = next(t for t in parts(study)["Against the baselines"] if "against nearest" in t)
    assert "1 model of one pair of runs without interval" in elbo


# --- Baselines


def test_who_beats_a_baseline_is_told_by_the_interval(tmp_path: Path) -> None:
    elbos = {"vae_b1": -5.0, "vae_b2": -10.0, "vae_b4": -14.0, "independent": -10.0}

    def metrics(run: Run) -> dict[str, float]:
        sign = -1 if run.model == "vae_b2" and run.seed == 2 else 1
        own = 0.0 if run.model == "independent" else sign * noise(run)
        return {"elbo": elbos.get(run.model, -30.0) + own}

    study = given(tmp_path, {**vaes(1, 2, 4), **BASELINES}, metrics)
    first = parts(study)["Against the baselines"][0]
    half = f"{5.1 - T_HALF:.2f} to {5.1 + T_HALF:.2f}"
    assert first == (
        "ELBO against independent, by the interval: better: 1 of 3 models (vae_b1); not told "
        "apart: 1 of 3 models (vae_b2); worse: 1 of 3 models (vae_b4); the best difference is that "
        f"of vae_b1, +5.10 nats ({half})."
    )
    rows = table(study, "baselines")
    assert set(rows["baseline"]) == {"independent", "nearest"}
    assert set(rows["model"]) == {"vae_b1", "vae_b2", "vae_b4"}


def test_where_lower_is_better_below_is_better(tmp_path: Path) -> None:
    js = {"vae_b1": 0.1, "vae_b4": 0.9, "independent": 0.5, "nearest": 0.5}

    def metrics(run: Run) -> dict[str, float]:
        of_model = noise(run) / 100 if run.model == "vae_b1" else 0.0
        return {"prior_cooccurrence_js": js[run.model] + of_model}

    found = parts(given(tmp_path, {**vaes(1, 4), **BASELINES}, metrics))["Against the baselines"]
    sentence = next(text for text in found if not text.startswith("ELBO"))
    assert "better: 1 of 2 models (vae_b1); worse: 1 of 2 models (vae_b4)" in sentence
    assert "the best difference is that of vae_b1, −0.3990 " in sentence


def test_without_baselines_the_part_is_left_out(tmp_path: Path) -> None:
    assert "Against the baselines" not in parts(given(tmp_path, vaes(1, 4)))


# --- Models that differ in one setting alone


def plan_of(models: dict[str, Any]) -> Any:
    return make_plan({**CONFIG, "models": models})


def test_the_presets_that_differ_in_beta_alone() -> None:
    assert models_along(plan_of(MODELS), "loss.beta") == [
        {"small": 1.0, "beta_default": 4.0},
        {"beta_low": 0.5, "medium": 1.0, "beta_balanced": 4.0},
        {"large": 1.0, "beta_high": 10.0},
    ]


def test_a_difference_of_training_keeps_models_apart() -> None:
    other = {**VAE, "loss": {"beta": 4.0}, "training": {"learning_rate": 0.01}}
    assert models_along(plan_of({"one": VAE, "other": other}), "loss.beta") == []
    same = plan_of({"one": VAE, "other": {**VAE, "training": {"learning_rate": 0.01}}})
    assert models_along(same, "training.learning_rate") == [{"one": 0.001, "other": 0.01}]


def test_models_that_are_fitted_at_once_have_no_such_setting() -> None:
    models = {"small": VAE, "independent": {**BASELINES["independent"], "loss": {"beta": 3.0}}}
    plan = plan_of(models)
    assert settings_of(plan, "loss.beta") == {"small": 1.0}
    assert settings_of(plan, "no.such") == {}
    assert models_along(plan, "loss.beta") == []


# --- What has no interval worth the name


def test_runs_that_are_all_alike_are_on_no_side(tmp_path: Path) -> None:
    def facts(run: Run) -> dict[str, Any]:
        own = 0.0 if run.model == "nearest" else noise(run)
        return {"prior_tags_per_row": 5.0 + own, "data_tags_per_row": 7.0}

    study = given(tmp_path, {**vaes(1), **BASELINES}, facts=facts)
    found = parts(study)["Prior samples against the data"]
    assert (
        "Tags a row: 7.00 tags of the test rows. The interval of prior samples lies below it for 2 "
        "models (vae_b1 and independent). In every run the same: nearest 5.00."
    ) in found


def test_data_without_duplicates_is_said_to_have_none(tmp_path: Path) -> None:
    for share, is_said in ((100.0, True), (99.0, False)):
        study = given(
            tmp_path / str(share),
            vaes(1),
            facts=lambda run, share=share: {"data_unique_percent": share},  # type: ignore[misc]
        )
        found = parts(study)["Prior samples against the data"]
        assert any("No two test rows are alike" in text for text in found) == is_said
