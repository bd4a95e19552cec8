"""Configurations side by side: who is best, who may be as good, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import scipy.stats

from studygrid.comparison import Best, Comparison, compare_runs, losses_of
from studygrid.errors import DataError
from studygrid.families.base import Metric
from studygrid.results.loading import load_runs
from studygrid.results.rows import Row
from tests.unit.made_records import small_plan, write_run
from tests.unit.made_study import made_study

SCORES = Mapping[str, Sequence[float | None]]


def metric(name: str = "score", *, higher: bool = True, **more: Any) -> Metric:
    return Metric(name, name.title(), higher, "", "", "", "", "", **more)


SCORE = metric()
LOSS = metric("loss", higher=False, of_loss=True)
NOISE = (0.0, 0.02, -0.02, 0.01, -0.01)


def row(model: str, seed: int, value: float | None, **more: Any) -> Row:
    return {
        "model": model,
        "resolution": 32,
        "n_train": "all",
        "seed": seed,
        "status": "ok",
        "reason": None,
        "train_device": "CPU",
        "data_sha256": "d",
        "test_score": value,
        "test_loss": value,
        **more,
    }


def rows_of(scores: SCORES, **more: Any) -> list[Row]:
    return [
        row(model, seed, value, **more)
        for model, values in scores.items()
        for seed, value in enumerate(values)
    ]


def compared(rows: Sequence[Row], *metrics: Metric, **more: Any) -> Comparison:
    return compare_runs(pd.DataFrame(rows), metrics or (SCORE,), **more)


def best(scores: SCORES, of: Metric = SCORE) -> Best:
    (found,) = compared(rows_of(scores), of).best(of.name)
    return found


def said(found: Best) -> str:
    return "; ".join(found.words())


def spread(mean: float, seeds: int = 5) -> list[float]:
    """Return scores that differ from seed to seed as those of every other model do."""
    return [mean + noise for noise in NOISE[:seeds]]


# --- Who is best


def test_best_is_the_best_mean_in_the_direction_of_the_metric() -> None:
    scores = {"a": spread(0.5), "b": spread(0.7)}
    assert best(scores).name == "b"
    assert best(scores).value == pytest.approx(0.7)
    assert best(scores, metric(higher=False)).name == "a"


def test_a_clear_lead_is_said_to_be_one() -> None:
    scores = {"a": spread(0.7), "b": [0.5, 0.51, 0.49, 0.5, 0.52], "c": [0.4, 0.41, 0.4, 0.4, 0.41]}
    found = best(scores)
    assert (found.within_noise, found.told_apart) == ((), ("b", "c"))
    assert said(found) == "told apart from: b, c"


def test_what_is_within_seed_noise_is_named_and_left_to_the_corrected_test() -> None:
    a, b, c = [0.7, 0.72, 0.69, 0.71, 0.7], [0.69, 0.7, 0.7, 0.69, 0.69], [0.5, 0.52, 0.5, 0.5, 0.5]
    p = scipy.stats.ttest_rel(a, b).pvalue
    assert p > 0.05
    found = best({"a": a, "b": b, "c": c})
    assert (found.within_noise, found.told_apart) == (("b",), ("c",))
    assert said(found) == "within seed noise: b; told apart from: c"


def test_holm_counts_the_comparisons_of_a_metric() -> None:
    """Alone b is told apart (p below 0.05); as one of three comparisons it is not."""
    a = [0.70, 0.72, 0.69, 0.71, 0.73]
    b = [0.67, 0.72, 0.67, 0.69, 0.70]
    p = scipy.stats.ttest_rel(a, b).pvalue
    assert 0.05 / 3 < p < 0.05
    assert best({"a": a, "b": b}).told_apart == ("b",)
    # Two more of which neither can be told from a for certain.
    like = {name: [0.69, 0.73, 0.70, 0.70, 0.72 - at / 100] for at, name in enumerate("cd")}
    assert best({"a": a, "b": b, **like}).within_noise == ("c", "d", "b")


def test_an_exact_tie_is_a_tie() -> None:
    found = best({"a": [0.5, 0.7], "b": [0.7, 0.5], "c": [0.6, 0.6], "d": [0.1, 0.2]})
    assert (found.name, found.tied) == ("a", ("b", "c"))
    assert said(found).startswith("exact tie with: b, c; ")


def test_of_one_seed_nothing_is_said_about_noise() -> None:
    found = best({"a": [0.5], "b": [0.7], "c": [0.7]})
    assert (found.name, found.tied, found.too_few_seeds) == ("b", ("c",), ("a",))
    assert (found.within_noise, found.told_apart) == ((), ())
    assert said(found) == "exact tie with: c; one seed: nothing can be said about noise"


def test_seeds_that_are_not_shared_are_not_paired() -> None:
    rows = [row("a", seed, value) for seed, value in enumerate(spread(0.9))]
    rows += [row("b", seed + 3, value) for seed, value in enumerate(spread(0.5))]
    rows += [row("c", seed + 4, value) for seed, value in enumerate(spread(0.4))]
    (found,) = compared(rows).best("score")
    assert found.told_apart == ("b",)  # two seeds are shared
    assert found.too_few_seeds == ("c",)
    assert "fewer than two shared seeds, so nothing can be said of: c" in found.words()


def test_seeds_that_stand_for_unknown_ones_are_not_paired() -> None:
    known = rows_of({"a": spread(0.9), "b": [0.5, 0.52, 0.5, 0.51, 0.5]})
    unknown = [one | {"numbered": one["model"] == "b"} for one in known]
    assert compared(known).best("score")[0].told_apart == ("b",)
    assert compared(unknown).best("score")[0].too_few_seeds == ("b",)


def test_a_configuration_alone_is_no_winner() -> None:
    assert said(best({"a": spread(0.5)})) == "the only one that has a value"


# --- Runs without a value


def test_failed_and_missing_runs_are_counted_and_leave_no_bare_winner() -> None:
    rows = rows_of({"a": spread(0.5, 3), "b": spread(0.7, 3)})
    rows[4] |= {"status": "diverged", "reason": "the loss is nan", "test_score": None}
    rows[5] |= {"status": "missing", "reason": "train.json: missing", "test_score": None}
    rows[5] |= {"train_device": None, "data_sha256": None}
    found = compared(rows)
    table = found.table.set_index("configuration")
    counts = table[["planned", "ok", "failed", "missing", "test_score_n"]]
    assert list(counts.loc["a"]) == [3, 3, 0, 0, 3]
    assert list(counts.loc["b"]) == [3, 1, 1, 1, 1]
    (one,) = found.best("score")
    assert one.name == "b"
    assert said(one) == "one seed: nothing can be said about noise; over 1 of its 3 planned runs"


def test_an_undefined_metric_is_named_with_its_reason() -> None:
    rows = rows_of({"a": spread(0.5), "b": [None, None]})
    for one in rows:
        one["undefined"] = "auroc: one class; score: the model has no latent space; loss: other"
    (found,) = compared(rows).best("score")
    assert found.without_value == {"b": "the model has no latent space"}
    assert "no value: b (the model has no latent space)" in found.words()


def test_a_metric_without_any_value_has_no_best() -> None:
    found = best({"a": [None], "b": [None]})
    assert (found.name, found.value) == (None, None)
    assert said(found) == "no run has a value; no value: a, b"
    (absent,) = compared(rows_of({"a": [0.5]}), metric("nowhere")).best("nowhere")
    assert absent.name is None


def test_a_configuration_of_which_no_run_ended_is_in_the_table_alone() -> None:
    rows = rows_of({"a": spread(0.5), "b": [None]})
    rows[-1] |= {"status": "missing", "train_device": None, "data_sha256": None}
    found = compared(rows)
    assert found.table["configuration"].tolist() == ["a", "b"]
    assert [peers.names for peers in found.peers] == [["a"]]
    assert found.table["peers"].tolist() == [1, pd.NA]


# --- The table


def test_the_interval_is_that_of_scipy() -> None:
    values = [0.5, 0.7, 0.8, 0.6]
    table = compared(rows_of({"a": values})).table.iloc[0]
    low, high = scipy.stats.t.interval(
        0.95, len(values) - 1, sum(values) / 4, scipy.stats.sem(values)
    )
    assert table["test_score_mean"] == pytest.approx(0.65)
    assert table["test_score_sd"] == pytest.approx(scipy.stats.tstd(values))
    assert [table["test_score_ci_low"], table["test_score_ci_high"]] == pytest.approx([low, high])
    assert table["test_score_n"] == 4


def test_one_run_has_no_interval() -> None:
    table = compared(rows_of({"a": [0.5]})).table.iloc[0]
    assert table["test_score_mean"] == 0.5
    assert table[["test_score_sd", "test_score_ci_low", "test_score_ci_high"]].isna().all()


# --- Names


def names(rows: Sequence[Row]) -> list[str]:
    return list(compared(rows).table["configuration"])


def test_a_configuration_is_called_after_its_model() -> None:
    assert names(rows_of({"a": [0.5, 0.6], "b": [0.5]})) == ["a", "b"]


def test_axes_that_differ_are_in_the_name() -> None:
    sizes = [row("a", 0, 0.5, n_train=size) for size in (64, "all")]
    assert names(sizes) == ["a_n64", "a_nall"]
    both = [row("a", 0, 0.5, n_train=64, resolution=side) for side in (32, 64)]
    assert names([*both, row("b", 0, 0.5)]) == ["a_res32_n64", "a_res64_n64", "b_res32_nall"]


def test_what_is_not_said_is_a_question_mark() -> None:
    rows = [row("a", 0, 0.5), row("a", 0, 0.5, resolution=0, n_train="not said")]
    assert names(rows) == ["a_res32_nall", "a_res?_n?"]


def test_studies_are_named_where_names_clash() -> None:
    rows = [row("a", 0, 0.5, study="x/one"), row("a", 0, 0.5, study="x/two")]
    rows.append(row("b", 0, 0.5, study="x/two"))
    assert names(rows) == ["a [one]", "a [two]", "b"]
    same = [row("a", 0, 0.5, study="x/results"), row("a", 0, 0.5, study="y/results")]
    assert names(same) == ["a [x/results]", "a [y/results]"]


def test_a_run_that_is_there_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"model a.*seed 0.* twice"):
        compared([row("a", 0, 0.5), row("a", 0, 0.6)])


@pytest.mark.parametrize("column", ["model", "seed", "status"])
def test_a_frame_without_an_axis_is_refused(column: str) -> None:
    with pytest.raises(DataError, match=column):
        compare_runs(pd.DataFrame(rows_of({"a": [0.5]})).drop(columns=column), [SCORE])
    with pytest.raises(DataError, match=column):
        compared([row("a", 0, 0.5), row("a", 1, 0.5) | {column: None}])


def test_no_run_is_nothing_to_compare() -> None:
    with pytest.raises(DataError, match="no run"):
        compare_runs(pd.DataFrame(columns=list(row("a", 0, 0.5))), [SCORE])


# --- What is not ranked against each other


def groups(rows: Sequence[Row]) -> list[list[str]]:
    return [peers.names for peers in compared(rows).peers]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("resolution", (32, 64)),
        ("data_sha256", ("d", "e")),
        ("train_device", ("CPU", "GPU")),
        ("train_device", ("CPU", None)),
    ],
)
def test_numbers_of_other_conditions_are_not_ranked_together(
    column: str, values: tuple[Any, Any]
) -> None:
    first, second = ({column: value} for value in values)
    rows = rows_of({"a": spread(0.5), "b": spread(0.4)}, **first)
    rows += rows_of({"c": spread(0.9), "d": spread(0.8)}, **second)
    found = compared(rows)
    assert [[name[0] for name in peers.names] for peers in found.peers] == [["a", "b"], ["c", "d"]]
    assert [(one.name or "")[0] for one in found.best("score")] == ["a", "c"]
    for one in found.best("score"):
        assert len(one.tied + one.within_noise + one.told_apart + one.without_noise) == 1


def test_runs_of_a_cell_on_two_devices_are_not_pooled() -> None:
    rows = [row("a", seed, value) for seed, value in enumerate([0.5, 0.6, 0.9, 0.7])]
    rows[2] |= {"train_device": "GPU"}
    rows[3] |= {"status": "missing", "train_device": None, "data_sha256": None, "test_score": None}
    found = compared(rows).table.set_index("configuration")
    assert list(found.index) == ["a [CPU]", "a [GPU]"]
    assert found["test_score_mean"].tolist() == pytest.approx([0.55, 0.9])
    assert found["planned"].tolist() == [3, 1]
    assert found["missing"].tolist() == [1, 0]


def test_several_versions_of_the_data_are_not_pooled() -> None:
    rows = [row("a", 0, 0.5), row("a", 1, 0.6, data_sha256="0123456789ab")]
    assert names(rows) == ["a [data d]", "a [data 01234567]"]
    assert groups(rows) == [["a [data d]"], ["a [data 01234567]"]]


# --- Losses


def losses(**betas: float) -> dict[tuple[str, str], dict[str, Any]]:
    return {("", model): {"beta": beta} for model, beta in betas.items()}


def test_different_losses_are_not_ranked_by_the_loss() -> None:
    rows = rows_of({"a": spread(0.5), "b": spread(0.7)})
    found = compared(rows, LOSS, SCORE, losses=losses(a=1, b=4))
    (loss,), (score,) = found.best("loss"), found.best("score")
    assert (loss.name, loss.value) == (None, None)
    assert "beta is 1 or 4" in (loss.not_comparable or "")
    assert loss.words() == [loss.not_comparable]
    assert score.name == "b"


def test_equal_losses_are_ranked_by_it() -> None:
    rows = rows_of({"a": spread(0.5), "b": spread(0.7)})
    assert compared(rows, LOSS, losses=losses(a=4, b=4.0)).best("loss")[0].name == "a"


def test_a_loss_that_is_not_known_ranks_nobody() -> None:
    rows = rows_of({"a": spread(0.5), "b": spread(0.7)})
    for known in (None, losses(a=1)):
        (found,) = compared(rows, LOSS, losses=known).best("loss")
        assert found.name is None
        assert "nothing says what that was (" in (found.not_comparable or "")
    (alone,) = compared(rows[:5], LOSS).best("loss")
    assert alone.name == "a"


def test_only_losses_of_peers_with_a_value_count() -> None:
    rows = rows_of({"a": spread(0.5), "b": spread(0.7)})
    rows += rows_of({"c": [None]})
    rows += rows_of({"d": spread(0.5)}, train_device="GPU")
    found = compared(rows, LOSS, losses=losses(a=1, b=1, c=4, d=9)).best("loss")
    assert [one.name for one in found] == ["a", "d"]


# --- Of studies


def test_the_runs_of_a_study(tmp_path: Path) -> None:
    study = made_study(tmp_path, grid={"resolution": [32], "n_train": [64], "seed": 3})
    found = compare_runs(study.frame, study.family.metrics, losses=losses_of(study.plan))
    assert found.table["configuration"].tolist() == ["simple_cnn", "tiny_cnn"]
    summary = study.summary.loc[study.summary["metric"] == "test_accuracy"]
    for name in ("mean", "sd", "ci_low", "ci_high", "n"):
        assert found.table[f"test_accuracy_{name}"].tolist() == summary[name].tolist()
    assert found.best("loss")[0].name is not None


def test_the_runs_of_two_studies(tmp_path: Path) -> None:
    plans = {}
    for at, name in enumerate(("one", "two")):
        plan = plans[name] = small_plan(grid={"resolution": [32], "n_train": [64], "seed": 2})
        for run in plan.runs:
            write_run(plan, tmp_path / name, run, 0.5 + at / 10 + run.seed / 100)
    runs = load_runs([tmp_path / name for name in plans])
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for name, plan in plans.items():
        known |= losses_of(plan, str(tmp_path / name))
    family = next(iter(plans.values())).family
    found = compare_runs(runs.frame, family.metrics, losses=known)
    assert found.table["configuration"].tolist() == [
        "simple_cnn [one]",
        "tiny_cnn [one]",
        "simple_cnn [two]",
        "tiny_cnn [two]",
    ]
    (accuracy,) = found.best("accuracy")
    assert (accuracy.name, accuracy.tied) == ("simple_cnn [two]", ("tiny_cnn [two]",))
    assert set(accuracy.without_noise) == {"simple_cnn [one]", "tiny_cnn [one]"}
