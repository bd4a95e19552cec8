"""Which runs of a report are pooled, and what each is measured by."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from studygrid.named_reports.figures.cell_numbers import cell_numbers, dots_of
from studygrid.named_reports.figures.cells import as_text, cells_of, common_words, in_order
from studygrid.named_reports.figures.devices import one_device
from studygrid.named_reports.figures.measures import (
    LOSS,
    TOKENS,
    error_of,
    left_out_words,
    validation_epochs,
    values_of,
)
from studygrid.named_reports.figures.panels import panels_of
from studygrid.named_reports.figures.ranking import SINGLE_RUNS, answer_words, ranking_of
from studygrid.named_reports.figures.weight_effects import effect_words, weight_effects
from tests.unit.named_report_runs import Run, made_epochs, made_grid, made_inputs, made_run

SEEDS = [0, 1, 2]
ALIKE = [0.5, 0.4, 0.6, 0.6, 0.5, 0.4, 0.4, 0.6, 0.5]  # of three weights: no effect


def frame(*runs: Run) -> pd.DataFrame:
    return pd.DataFrame([{"run_dir": f"r{place}", **run} for place, run in enumerate(runs)])


def test_runs_that_differ_in_their_seed_alone_are_one_cell() -> None:
    cells = cells_of(frame(*made_grid(seed=SEEDS)))
    assert len(cells.table) == 1
    assert cells.words(0) == ""
    assert common_words(cells) == "gnn, vq, latent 8, globals weight 0.1, resolution 16, n 4096"


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("encoder", ["mlp", "gnn"]),
        ("tokenizer", ["none", "vq"]),
        ("latent_dim", [8, 16]),
        ("codebook_size", [64, 512]),
        ("globals_weight", [0, 0.1]),
        ("resolution", [16, 32]),
        ("n_train", [1024, "all"]),
        ("learning_rate", [1e-3, 3e-4]),
        ("phase1.trainer.epochs", [20, 40]),
    ],
)
def test_no_setting_is_pooled_over(setting: str, values: list[object]) -> None:
    axes: dict[str, Any] = {setting: values, "seed": SEEDS}
    cells = cells_of(frame(*made_grid(**axes)))
    assert len(cells.table) == len(values)
    assert cells.told_by == (setting,)
    assert cells.runs["cell"].value_counts().tolist() == [3, 3]
    assert len({cells.words(cell) for cell in cells.table["cell"]}) == 2


@pytest.mark.parametrize("column", ["trainer.seed", "data_seed", "run_id", "git_commit", "test_f1"])
def test_what_is_no_setting_does_not_split_a_cell(column: str) -> None:
    runs = [run | {column: place} for place, run in enumerate(made_grid(seed=SEEDS))]
    assert len(cells_of(frame(*runs)).table) == 1


def test_an_override_that_only_some_runs_have_tells_them_apart() -> None:
    runs = [made_run(seed=0), made_run(seed=0, learning_rate=0.01)]
    assert len(cells_of(frame(*runs)).table) == 2


def test_names_of_models_count_only_where_nothing_else_tells_runs_apart() -> None:
    named = [run | {"model": f"{run['encoder']}_a"} for run in made_grid(encoder=["mlp", "gnn"])]
    assert cells_of(frame(*named)).told_by == ("encoder",)
    unlike = [made_run(model="a", seed=0), made_run(model="b", seed=0)]
    assert cells_of(frame(*unlike)).told_by == ("model",)


def test_a_setting_that_changes_in_step_with_another_is_named() -> None:
    rates = {"mlp": 1e-3, "gnn": 1e-4}
    runs = [run | {"rate": rates[run["encoder"]]} for run in made_grid(encoder=list(rates))]
    assert cells_of(frame(*runs)).along == ("rate",)


def test_an_option_that_one_encoder_alone_has_is_no_such_setting() -> None:
    runs = [made_run(encoder="mlp"), made_run(encoder="gnn", neighbours=8)]
    assert cells_of(frame(*runs)).along == ()


def test_an_override_that_repeats_a_column_is_not_named() -> None:
    runs = [run | {"latent_space": run["tokenizer"]} for run in made_grid(tokenizer=["none", "vq"])]
    cells = cells_of(frame(*runs))
    assert (cells.told_by, cells.along) == (("tokenizer",), ())


@pytest.mark.parametrize(
    ("value", "text"),
    [(8, "8"), (8.0, "8"), ("8", "8"), (0.1, "0.1"), (None, ""), (math.nan, ""), ("all", "all")],
)
def test_settings_are_compared_as_they_are_written(value: object, text: str) -> None:
    assert as_text(value) == text


def test_values_stand_in_their_order() -> None:
    assert in_order("n_train", ["all", "512", "64"]) == ["64", "512", "all"]
    assert in_order("tokenizer", ["vq", "mine", "none"]) == ["none", "vq", "mine"]


def test_codes_are_not_said_of_a_tokenizer_without_any() -> None:
    cells = cells_of(frame(*made_grid(tokenizer=["none", "vq"], codebook_size=[64])))
    assert [cells.words(cell) for cell in cells.table["cell"]] == ["no tokenizer", "vq"]
    runs = [made_run(tokenizer="none", codebook_size=64), made_run(codebook_size=512)]
    cells = cells_of(frame(*runs))
    assert [cells.words(cell) for cell in cells.table["cell"]] == ["no tokenizer", "vq, 512 codes"]


def test_an_interval_is_students_over_the_seeds() -> None:
    cells = cells_of(frame(*made_grid(seed=SEEDS)))
    values = pd.Series([0.1, 0.2, 0.4])
    found = cell_numbers(cells, values).iloc[0]
    half = stats.t.ppf(0.975, 2) * values.std() / math.sqrt(3)
    assert (found["n"], found["runs"]) == (3, 3)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(
        (values.mean() - half, values.mean() + half)
    )


def test_a_single_run_has_no_interval_and_no_dot() -> None:
    cells = cells_of(frame(made_run()))
    values = pd.Series([0.5])
    found = cell_numbers(cells, values)
    assert found.iloc[0][["ci_low", "ci_high"]].isna().all()
    assert dots_of(cells, values, found).empty


def test_runs_without_a_value_are_counted() -> None:
    cells = cells_of(frame(*made_grid(seed=SEEDS)))
    found = cell_numbers(cells, pd.Series([0.1, math.nan, 0.3])).iloc[0]
    assert (found["n"], found["runs"], found["mean"]) == (2, 3, pytest.approx(0.2))


def test_a_seed_that_stands_twice_makes_no_interval() -> None:
    cells = cells_of(frame(*made_grid(seed=[0, 0, 1])))
    found = cell_numbers(cells, pd.Series([0.1, 0.1, 0.3])).iloc[0]
    assert found["repeated"]
    assert math.isnan(found["ci_low"])


def test_ten_runs_are_no_dots() -> None:
    cells = cells_of(frame(*made_grid(seed=list(range(10)))))
    values = pd.Series([0.1] * 10)
    assert dots_of(cells, values, cell_numbers(cells, values)).empty


def epochs_of(errors: list[float], **changes: list[object]) -> pd.DataFrame:
    count = len(errors)
    columns = {
        "epoch": list(range(count)),
        "split": ["val"] * count,
        "val_loss": errors,
        "metric_rec_tokens": [10 * error for error in errors],
        "epoch_time_s": [2.0] * count,
        "throughput": [100.0] * count,
    }
    return pd.DataFrame(columns | changes)


def test_a_run_is_measured_at_the_epoch_that_was_kept() -> None:
    made = epochs_of([0.5, 0.3, 0.4])
    inputs = made_inputs([made_run()], lambda run: made)
    assert values_of(inputs, TOKENS).tolist() == [3.0]
    kept = made_inputs([made_run()], lambda run: made, kept_epoch=2)
    assert values_of(kept, TOKENS).tolist() == [4.0]


def test_without_it_in_the_epochs_the_runs_own_number_counts() -> None:
    bare = epochs_of([0.5, 0.3]).drop(columns="metric_rec_tokens")
    columns: dict[str, Any] = {"loss.recon_best": 0.25}
    inputs = made_inputs([made_run()], lambda run: bare, **columns)
    assert values_of(inputs, TOKENS).tolist() == [0.25]


def test_the_error_is_that_of_the_tokens_or_else_the_loss_with_a_caution() -> None:
    assert error_of(made_inputs([made_run()])) == TOKENS
    bare = epochs_of([0.5]).drop(columns="metric_rec_tokens")
    found = error_of(made_inputs([made_run()], lambda run: bare))
    assert found == LOSS
    assert found.caution


def test_the_time_of_an_epoch_counts_once_though_both_splits_have_it() -> None:
    made = pd.concat(
        [epochs_of([0.5, 0.3]), epochs_of([0.5, 0.3], split=["train", "train"])], ignore_index=True
    )
    inputs = made_inputs([made_run()], lambda run: made)
    assert validation_epochs(inputs, "outputs/runs/0")["seconds"].tolist() == [2.0, 4.0]


def test_a_time_that_only_the_training_rows_have_is_used() -> None:
    val = epochs_of([0.5, 0.3], epoch_time_s=[None, None])
    train = epochs_of([0.5, 0.3], split=["train", "train"])
    inputs = made_inputs([made_run()], lambda run: pd.concat([val, train], ignore_index=True))
    assert validation_epochs(inputs, "outputs/runs/0")["seconds"].tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("epochs", "known"),
    [([0, 1, 2], 3), ([1, 2, 3], 3), ([0, 1, 3], 2), ([4, 5, 6], 0)],
)
def test_seconds_are_unknown_from_a_missing_epoch_on(epochs: list[int], known: int) -> None:
    made = epochs_of([0.5, 0.4, 0.3], epoch=list(epochs))
    inputs = made_inputs([made_run()], lambda run: made)
    assert validation_epochs(inputs, "outputs/runs/0")["seconds"].notna().sum() == known


def test_an_epoch_that_stands_twice_counts_as_it_was_written_last() -> None:
    made = epochs_of([0.5, 0.4, 0.2], epoch=[0, 1, 1])
    inputs = made_inputs([made_run()], lambda run: made)
    found = validation_epochs(inputs, "outputs/runs/0")
    assert found["val_loss"].tolist() == [0.5, 0.2]
    assert found["seconds"].tolist() == [2.0, 4.0]


def test_a_run_without_epochs_has_none() -> None:
    inputs = made_inputs([made_run()], lambda run: epochs_of([]))
    assert validation_epochs(inputs, "outputs/runs/0").empty
    assert validation_epochs(inputs, "elsewhere").empty


def test_times_are_of_the_device_of_most_runs() -> None:
    found = one_device(pd.DataFrame({"device": ["A", "B", "B"]}))
    assert (found.name, found.is_own.tolist()) == ("B", [False, True, True])
    assert "1 run on another device" in found.words("seconds")
    unknown = one_device(pd.DataFrame({"device": [None, None]}))
    assert (unknown.name, unknown.is_own.tolist()) == (None, [True, True])


def test_panels_part_what_no_colour_shows_and_say_what_is_left_out() -> None:
    runs = made_grid(tokenizer=["none", "vq"], resolution=[16, 32], n_train=[64, 512], seed=SEEDS)
    cells = cells_of(frame(*runs))
    numbers = cells.table.assign(n=3)
    every, note = panels_of(cells, numbers, ("tokenizer",), 6)
    assert [panel.title for panel in every] == [
        "resolution 16, n 64",
        "resolution 16, n 512",
        "resolution 32, n 64",
        "resolution 32, n 512",
    ]
    assert (note, {len(panel.cells) for panel in every}) == ("", {2})
    some, note = panels_of(cells, numbers, ("tokenizer",), 2)
    assert [panel.title for panel in some] == ["resolution 16", "resolution 32"]
    assert "Drawn are 2 of 4 panels, n 512 alone" in note


def test_left_out_runs_are_counted() -> None:
    inputs = made_inputs([made_run()], incomplete=[("a", "no on_train_end"), ("b", "diverged")])
    assert left_out_words(inputs) == (
        "2 runs that were found are left out: they have not ended, or not well."
    )


def ranked(runs: list[Run], values: list[float]) -> pd.DataFrame:
    by = ("resolution", "n_train")
    return ranking_of(cells_of(frame(*runs)), pd.Series(values), by=by)


def test_the_ranking_compares_over_shared_seeds() -> None:
    runs = made_grid(tokenizer=["none", "vq"], seed=SEEDS)
    found = ranked(runs, [0.30, 0.31, 0.32, 0.50, 0.52, 0.54])
    assert found["cell"].tolist() == ["no tokenizer", "vq"]
    assert found["verdict"].tolist() == ["best", "told apart"]
    assert found["difference"].iloc[1] == pytest.approx(0.21)
    words = answer_words(found, "the error")
    assert words[0].startswith("The lowest mean of the error is that of no tokenizer: 0.31")
    assert "1 are told apart from it" in words[0]


@pytest.mark.parametrize("seeds", [[0], [0, 0]])
def test_no_winner_comes_of_single_runs_or_of_one_seed_twice(seeds: list[int]) -> None:
    runs = made_grid(tokenizer=["none", "vq"], seed=seeds)
    found = ranked(runs, [0.3] * len(seeds) + [0.5] * len(seeds))
    assert set(found["verdict"]) == {SINGLE_RUNS}
    assert found["rank"].isna().all()
    assert "none is called the best" in answer_words(found, "the error")[0]


def test_a_single_run_stands_behind_those_that_are_ranked() -> None:
    runs = [*made_grid(tokenizer=["none", "vq"], seed=SEEDS), made_run(tokenizer="linear")]
    found = ranked(runs, [0.30, 0.31, 0.32, 0.50, 0.52, 0.54, 0.01])
    assert found["cell"].tolist() == ["no tokenizer", "vq", "linear"]
    assert found["verdict"].tolist() == ["best", "told apart", SINGLE_RUNS]
    assert found["mean"].iloc[2] == 0.01
    assert pd.isna(found["rank"].iloc[2])
    words = answer_words(found, "the error")[0]
    assert "1 cell of a single run, or with one seed twice, is not ranked" in words


def test_resolutions_and_sizes_are_ranked_by_themselves() -> None:
    runs = made_grid(tokenizer=["none", "vq"], resolution=[16, 32], seed=SEEDS)
    found = ranked(runs, [place / 100 + 0.001 * (place % 2) for place in range(len(runs))])
    assert found.groupby("task")["rank"].apply(list).to_dict() == {
        "resolution 16": [1, 2],
        "resolution 32": [1, 2],
    }
    assert len(answer_words(found, "the error")) == 2


def test_a_weight_is_compared_with_the_least_above_zero() -> None:
    runs = made_grid(globals_weight=[0, 0.1, 1], seed=SEEDS)
    values = [0.50, 0.51, 0.56, 0.30, 0.31, 0.33, 0.20, 0.22, 0.23]
    found = weight_effects(cells_of(frame(*runs)), pd.Series(values))
    assert found["reference"].unique().tolist() == ["0.1"]
    assert found["weight"].tolist() == ["0", "1"]
    assert found["pairs"].tolist() == [3, 3]
    assert found["difference"].tolist() == pytest.approx([0.21, -0.29 / 3])
    words = effect_words(found.assign(measure="Error"))
    assert "2 of 2 differences from the least weight above zero" in words[0]
    alike = weight_effects(cells_of(frame(*runs)), pd.Series(ALIKE))
    assert effect_words(alike.assign(measure="Error")) == [
        "Error: none of 2 differences from the least weight above zero, all else alike, is told "
        "from zero by the seeds."
    ]


def test_no_effect_is_told_of_single_runs() -> None:
    runs = made_grid(globals_weight=[0.1, 1], seed=[0])
    found = weight_effects(cells_of(frame(*runs)), pd.Series([0.5, 0.1]))
    assert found["p_holm"].isna().all()
    assert "nothing tells an effect" in effect_words(found.assign(measure="Error"))[0]


def test_made_epochs_are_as_the_readers_return_them() -> None:
    assert {"epoch", "split", "train_loss", "val_loss", "metric_rec_tokens"} <= set(
        made_epochs(made_run())
    )


def test_a_cell_without_codes_stands_in_the_panel_of_each_codebook() -> None:
    runs = [made_run(tokenizer="none", codebook_size=None)]
    runs += made_grid(codebook_size=[64, 512])
    cells = cells_of(frame(*runs))
    shown, _ = panels_of(cells, cells.table.assign(n=1), ("tokenizer",), 6)
    assert [panel.title for panel in shown] == ["64 codes", "512 codes"]
    first = cells.table["cell"].iloc[0]
    assert cells.words(first) == "no tokenizer"
    assert all(first in panel.cells and len(panel.cells) == 2 for panel in shown)


WITHIN = ("tokenizer", "globals_weight")


def test_the_width_of_a_latent_without_a_tokenizer_parts_no_panel() -> None:
    runs = made_grid(tokenizer=["none"], latent_dim=[32], globals_weight=[0.1, 1])
    runs += made_grid(tokenizer=["linear", "vq"], latent_dim=[8, 16])
    cells = cells_of(frame(*runs))
    shown, note = panels_of(cells, cells.table.assign(n=1), WITHIN, 6)
    assert [panel.title for panel in shown] == ["latent 8", "latent 16"]
    plain = set(cells.table.loc[cells.table["tokenizer"] == "none", "cell"])
    assert len(plain) == 2
    assert all(plain <= set(panel.cells) and len(panel.cells) == 4 for panel in shown)
    assert note.startswith("Without a tokenizer the latent is as wide as the network")


def test_several_widths_without_a_tokenizer_never_share_a_panel() -> None:
    cells = cells_of(frame(*made_grid(tokenizer=["none", "vq"], latent_dim=[8, 16])))
    shown, note = panels_of(cells, cells.table.assign(n=1), WITHIN, 6)
    assert ([len(panel.cells) for panel in shown], note) == ([2, 2], "")


def test_panels_with_several_weights_come_first() -> None:
    runs = made_grid(encoder=["mlp", "transformer"], tokenizer=["none", "linear", "vq"])
    runs += made_grid(encoder=["gnn"], globals_weight=[0.1, 1])
    cells = cells_of(frame(*runs))
    numbers = cells.table.assign(n=1)
    shown, _ = panels_of(cells, numbers, WITHIN, 6)
    assert shown[0].title == "gnn"
    assert "gnn" in [panel.title for panel in panels_of(cells, numbers, WITHIN, 2)[0]]
    alone, _ = panels_of(cells, numbers, ("tokenizer",), 6)
    assert alone[0].title != "gnn, globals weight 0.1"


def test_the_kind_of_a_loss_is_no_setting_but_is_never_pooled() -> None:
    runs = [made_run(loss_kind="a"), made_run(encoder="forest", loss_kind="b")]
    assert cells_of(frame(*runs)).told_by == ("encoder",)
    assert cells_of(frame(*runs)).along == ()
    assert len(cells_of(frame(made_run(loss_kind="a"), made_run(loss_kind="b"))).table) == 2


def test_every_cell_stands_in_a_panel() -> None:
    runs = [made_run(codebook_size=None, latent_dim=8), made_run(codebook_size=64, latent_dim=None)]
    runs += [made_run(codebook_size=512, latent_dim=16), made_run(codebook_size=64, latent_dim=16)]
    cells = cells_of(frame(*runs))
    shown, _ = panels_of(cells, cells.table.assign(n=1), (), 9)
    assert {cell for panel in shown for cell in panel.cells} == set(cells.table["cell"])


def test_a_setting_that_some_models_do_not_have_parts_nothing() -> None:
    runs = [made_run(encoder="forest", tokenizer="none", codebook_size=None, latent_dim=None)]
    runs += made_grid(tokenizer=["none", "vq"], codebook_size=[256])
    cells = cells_of(frame(*runs))
    assert cells.told_by == ("encoder", "tokenizer")
    assert [cells.words(cell) for cell in cells.table["cell"]] == [
        "forest, no tokenizer",
        "gnn, no tokenizer",
        "gnn, vq",
    ]
    assert "codes" not in common_words(cells)
