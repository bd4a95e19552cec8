"""The figures of the built-in reports: what they draw, and what they refuse to draw."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from studygrid.figures.drawing import Drawing, save
from studygrid.named_reports.compare_globals_heads import REPORT as GLOBALS_HEADS
from studygrid.named_reports.compare_tokenizers import REPORT as TOKENIZERS
from studygrid.named_reports.config import ReportConfig
from studygrid.named_reports.inputs import NamedReport, ReportInputs
from studygrid.named_reports.reading import read_config
from studygrid.report.blocks import Figure as Placed
from studygrid.report.blocks import Paragraph, Points, Section
from studygrid.section import Section as ConfigSection
from studygrid.tables.contents import Table
from tests.conftest import ROOT
from tests.unit.figure_studies import HOSTILE, without_layout
from tests.unit.named_report_runs import Run, made_epochs, made_grid, made_inputs, made_run

__all__ = ["without_layout"]

SEEDS = [0, 1, 2]
REPORTS = {"compare_tokenizers": TOKENIZERS, "compare_globals_heads": GLOBALS_HEADS}
FIGURES = {**TOKENIZERS.figures, **GLOBALS_HEADS.figures}
TOKENS = ["none", "linear", "vq"]
pytestmark = pytest.mark.usefixtures("without_layout")


def drawn(name: str, inputs: ReportInputs) -> Drawing:
    return FIGURES[name](inputs)


def texts(drawing: Drawing) -> list[str]:
    return [text.get_text() for text in drawing.figure.findobj(Text)]


def means(drawing: Drawing) -> pd.DataFrame:
    return drawing.table.loc[drawing.table["kind"] == "mean"]


def test_the_reports_have_the_figures_of_the_guide() -> None:
    assert set(TOKENIZERS.figures) == {
        "val_mse_vs_time",
        "pareto_error_vs_compression",
        "vq_perplexity_boxplot",
        "throughput_vs_best_val",
        "time_to_threshold",
    }
    assert set(GLOBALS_HEADS.figures) == {
        "grid_best_val_loss",
        "grid_best_rec_globals",
        "grid_best_rec_tokens",
        "tradeoff_scatter",
        "all_val_curves",
        "all_train_curves",
    }
    scored = {"reconstruction_error_distributions", "model_comparison_bars", "auroc_comparison"}
    for report in REPORTS.values():
        assert set(report.inference_figures) == scored


@pytest.mark.parametrize("name", REPORTS)
def test_the_yaml_of_a_report_can_be_used(name: str) -> None:
    report = REPORTS[name]
    module = __import__(f"studygrid.named_reports.{name}", fromlist=["REPORT"])
    file = Path(str(module.__file__)).with_suffix(".yaml")
    config = read_config(name, report, file, ["inputs.sweep_dir=somewhere"])
    assert config.outputs.which_figures is None
    assert not config.inference.enabled
    listed = file.read_text()
    assert all(figure in listed for figure in report.figure_names)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_of_a_sweep(name: str) -> None:
    runs = made_grid(tokenizer=["none", "vq"], globals_weight=[0.1, 1], seed=SEEDS)
    runs += made_grid(encoder=["mlp"], seed=SEEDS)
    drawing = drawn(name, made_inputs(runs))
    assert len(drawing.table)
    assert "3 seeds" in drawing.caption
    assert "run_dir" in drawing.table or "mean" in drawing.table


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_of_one_run(name: str) -> None:
    drawing = drawn(name, made_inputs([made_run()]))
    assert len(drawing.table)
    assert "1 seed" in drawing.caption
    ends = [column for column in ("ci_low", "ci_high") if column in drawing.table]
    assert drawing.table[ends].isna().all(axis=None)


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_why_there_is_nothing(name: str) -> None:
    inputs = made_inputs(
        [made_run()], lambda run: made_epochs(run, 0), incomplete=[("a", "killed")]
    )
    drawing = drawn(name, inputs)
    assert drawing.table.empty
    assert "No run" in drawing.caption
    assert "1 run that was found is left out" in drawing.caption


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_is_left_out(name: str) -> None:
    runs = made_grid(tokenizer=["vq"], globals_weight=[0.1, 1], seed=SEEDS)
    drawing = drawn(name, made_inputs(runs, incomplete=[("a", "killed"), ("b", "no end")]))
    assert "2 runs that were found are left out" in drawing.caption


@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_pools_resolutions_sizes_or_overrides(name: str) -> None:
    runs = made_grid(tokenizer=["vq"], resolution=[16, 32], n_train=[512, 4096], seed=SEEDS)
    runs += [run | {"learning_rate": 0.01} for run in made_grid(seed=SEEDS)]
    drawing = drawn(name, made_inputs(runs))
    cells = drawing.table.groupby("cell").first()
    assert len(cells) == 5
    assert {"resolution", "n_train", "learning_rate"} <= set(cells)
    if "n" in drawing.table:
        assert drawing.table["n"].max() <= 3


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_takes_any_name_literally(name: str) -> None:
    runs = made_grid(encoder=[HOSTILE, "gnn"], tokenizer=["none", "vq"], seed=SEEDS)
    drawing = drawn(name, made_inputs(runs))
    assert len(drawing.table)


@pytest.mark.parametrize("name", FIGURES)
def test_a_run_without_a_value_is_counted(name: str) -> None:
    runs = made_grid(tokenizer=["vq"], globals_weight=[0.1, 1], seed=SEEDS)
    bare = {"metric_rec_tokens", "metric_rec_globals", "metric_perplex", "val_loss", "train_loss"}

    def epochs(run: Run) -> pd.DataFrame:
        made = made_epochs(run)
        if run["seed"] or run["globals_weight"] == 1:
            return made
        return made.assign(**dict.fromkeys(bare, math.nan))

    inputs = made_inputs(runs, epochs)
    inputs.runs_df.loc[0, "metric_perplex_final"] = math.nan
    drawing = drawn(name, inputs)
    assert "1 run has no" in drawing.caption or "1 of the 6 runs ha" in drawing.caption


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_each_time(name: str, tmp_path: Path) -> None:
    runs = made_grid(encoder=["mlp", "gnn"], tokenizer=["none", "vq"], seed=SEEDS)
    for place in ("a", "b"):
        save(drawn(name, made_inputs(runs)), tmp_path / place)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def steady(errors: dict[str, list[float]], seconds: float = 10.0) -> Callable[[Run], pd.DataFrame]:
    """Return epochs whose token MSE is as given, by tokenizer, each of so many seconds."""

    def epochs(run: Run) -> pd.DataFrame:
        found = errors[run["tokenizer"]]
        return pd.DataFrame(
            {
                "epoch": range(len(found)),
                "split": "val",
                "val_loss": found,
                "metric_rec_tokens": found,
                "epoch_time_s": seconds + run["seed"],
                "throughput": 100.0,
            }
        )

    return epochs


def test_a_mean_curve_goes_as_far_as_all_runs_of_its_cell() -> None:
    runs = [made_run(seed=0), made_run(seed=1)]

    def epochs(run: Run) -> pd.DataFrame:
        return steady({"vq": [0.9, 0.5, 0.4][: 3 - run["seed"]]})(run)

    found = means(drawn("val_mse_vs_time", made_inputs(runs, epochs)))
    assert found["epoch"].tolist() == [0, 1]
    assert found["seconds"].tolist() == [10.5, 21.0]
    assert found["error"].tolist() == pytest.approx([0.9, 0.5])


def test_curves_of_another_device_are_left_out_and_counted() -> None:
    runs = made_grid(seed=SEEDS)
    drawing = drawn("val_mse_vs_time", made_inputs(runs, device=["A", "A", "B"]))
    assert set(drawing.table["seed"].dropna()) == {0, 1}
    assert "Seconds are of A alone: 1 run on another device is not drawn." in drawing.caption


def test_without_the_error_of_tokens_the_loss_is_drawn_with_a_caution() -> None:
    def epochs(run: Run) -> pd.DataFrame:
        return made_epochs(run).drop(columns="metric_rec_tokens")

    drawing = drawn("val_mse_vs_time", made_inputs([made_run()], epochs))
    assert "Loss (validation)" in drawing.title
    assert "the whole loss" in drawing.caption


def test_the_front_is_what_no_other_cell_beats_in_bits_and_error() -> None:
    runs = made_grid(encoder=["mlp", "gnn"], tokenizer=TOKENS, latent_dim=[8, 16], seed=SEEDS)
    found = means(drawn("pareto_error_vs_compression", made_inputs(runs)))
    points = found[["bits", "error"]].to_numpy(float)
    beaten = [
        any(np.all(other <= own) and np.any(other < own) for other in points) for own in points
    ]
    assert found["on_front"].tolist() == [not lost for lost in beaten]
    assert 0 < found["on_front"].sum() < len(found)


def test_there_is_no_front_where_a_cell_is_a_single_run() -> None:
    runs = [*made_grid(tokenizer=["none", "linear"], seed=SEEDS), made_run()]
    drawing = drawn("pareto_error_vs_compression", made_inputs(runs))
    assert not drawing.table["on_front"].any()
    assert "no Pareto front of single runs" in drawing.caption
    assert "1 of the 3 are single runs" in drawing.caption


def test_the_dimension_of_the_latent_is_not_sold_as_compression() -> None:
    inputs = made_inputs(made_grid(tokenizer=TOKENS, seed=SEEDS), measured=lambda run: {})
    drawing = drawn("pareto_error_vs_compression", inputs)
    assert "no measure of compression" in drawing.caption
    assert "on_front" not in drawing.table
    assert "Latent dimension (not bits)" in texts(drawing)


def test_every_resolution_has_a_front_of_its_own() -> None:
    runs = made_grid(tokenizer=TOKENS, resolution=[16, 32], seed=SEEDS)
    found = means(drawn("pareto_error_vs_compression", made_inputs(runs)))
    assert found.groupby("resolution")["on_front"].any().all()


def test_perplexity_is_of_the_kept_epoch() -> None:
    inputs = made_inputs(made_grid(seed=SEEDS), kept_epoch=2)
    found = means(drawn("vq_perplexity_boxplot", inputs))
    at_kept = [
        frame.loc[(frame["split"] == "val") & (frame["epoch"] == 2), "metric_perplex"].iloc[0]
        for frame in inputs.per_epoch.values()
    ]
    assert found["perplexity"].tolist() == pytest.approx([np.mean(at_kept)])


def test_a_perplexity_that_is_of_the_last_epoch_is_said_to_be() -> None:
    def epochs(run: Run) -> pd.DataFrame:
        return made_epochs(run).drop(columns="metric_perplex")

    inputs = made_inputs(made_grid(seed=SEEDS), epochs, metric_perplex_final=[10.0, 11.0, 12.0])
    drawing = drawn("vq_perplexity_boxplot", inputs)
    assert "Of 3 runs it is that of the last epoch" in drawing.caption
    assert means(drawing)["perplexity"].tolist() == [11.0]


def test_without_a_codebook_perplexity_says_so() -> None:
    runs = made_grid(tokenizer=["none", "linear"], seed=SEEDS)
    drawing = drawn("vq_perplexity_boxplot", made_inputs(runs))
    assert drawing.table.empty
    assert "No run has a codebook" in drawing.caption


def test_from_ten_seeds_on_there_is_a_box_in_place_of_dots() -> None:
    table = drawn("vq_perplexity_boxplot", made_inputs(made_grid(seed=list(range(10))))).table
    assert table["kind"].tolist() == ["mean", "box"]
    box = table.iloc[1]
    assert box["quartile_low"] < box["median"] < box["quartile_high"]
    few = drawn("vq_perplexity_boxplot", made_inputs(made_grid(seed=list(range(9))))).table
    assert few["kind"].value_counts().to_dict() == {"seed": 9, "mean": 1}


def test_throughputs_are_of_one_device() -> None:
    inputs = made_inputs(made_grid(seed=SEEDS), device=["A", "B", "B"])
    inputs.runs_df["throughput_mean"] = [9999.0, 100.0, 300.0]
    drawing = drawn("throughput_vs_best_val", inputs)
    assert means(drawing)["throughput_samples_per_sec"].tolist() == [200.0]
    assert "1 of the 3 runs has no" in drawing.caption


CURVES = {"none": [0.9, 0.4, 0.3], "vq": [0.9, 0.8, 0.7]}


def test_the_time_to_a_threshold_is_that_of_the_first_epoch_below_it() -> None:
    runs = made_grid(tokenizer=["none", "vq"], seed=[0, 1])
    inputs = made_inputs(runs, steady(CURVES), thresholds={"val_mse": 0.4})
    drawing = drawn("time_to_threshold", inputs)
    seeds = drawing.table.loc[drawing.table["kind"] == "seed"]
    found = seeds.set_index(["panel", "tokenizer", "seed"])
    assert found.loc["seconds"]["value"].tolist() == [20.0, 22.0, 30.0, 33.0]
    assert found.loc["epochs"]["value"].tolist() == [2, 2, 3, 3]
    assert found.loc["epochs"]["reached"].tolist() == [1, 1, 0, 0]
    assert "2 of 4 runs reach it" in drawing.caption
    assert "0.4 (thresholds.val_mse of the report)" in drawing.caption


def test_a_cell_of_which_half_never_gets_there_has_no_median() -> None:
    runs = made_grid(tokenizer=["none", "vq"], seed=[0, 1])
    inputs = made_inputs(runs, steady(CURVES), thresholds={"val_mse": 0.4})
    table = drawn("time_to_threshold", inputs).table
    medians = table.loc[table["kind"] == "median"]
    assert set(medians["tokenizer"]) == {"none"}
    assert medians.set_index("panel")["value"].to_dict() == {"seconds": 21.0, "epochs": 2.0}


def test_without_a_threshold_three_quarters_of_the_runs_reach_it() -> None:
    runs = made_grid(tokenizer=["none", "vq"], seed=[0, 1])
    drawing = drawn("time_to_threshold", made_inputs(runs, steady(CURVES)))
    assert set(drawing.table["threshold"]) == {0.7}
    assert "three quarters of the runs reach" in drawing.caption


def test_each_resolution_has_a_threshold_of_its_own() -> None:
    runs = made_grid(tokenizer=["none", "vq"], resolution=[16, 32], seed=[0, 1])

    def epochs(run: Run) -> pd.DataFrame:
        scale = 2.0 if run["resolution"] == 32 else 1.0
        return steady({key: [scale * e for e in errors] for key, errors in CURVES.items()})(run)

    drawing = drawn("time_to_threshold", made_inputs(runs, epochs))
    found = drawing.table.groupby("resolution")["threshold"].unique().apply(list).to_dict()
    assert found == {"16": [0.7], "32": [1.4]}
    assert "0.7 at resolution 16, 1.4 at resolution 32" in drawing.caption


def test_without_times_the_epochs_alone_are_drawn() -> None:
    def epochs(run: Run) -> pd.DataFrame:
        return made_epochs(run).drop(columns="epoch_time_s").assign(epoch_time_s=math.nan)

    drawing = drawn("time_to_threshold", made_inputs(made_grid(seed=SEEDS), epochs))
    assert set(drawing.table["panel"]) == {"epochs"}
    assert "No file says the time of the epochs" in drawing.caption


def test_a_grid_has_a_field_for_each_tokenizer_and_weight() -> None:
    runs = made_grid(tokenizer=TOKENS, globals_weight=[0, 1, 10], seed=SEEDS)
    inputs = made_inputs(runs)
    table = drawn("grid_best_rec_tokens", inputs).table
    assert len(table) == 9
    first = inputs.epochs(inputs.order[0])
    kept = inputs.runs_df["best_epoch"]
    own = [
        inputs.epochs(run_dir).set_index("epoch")["metric_rec_tokens"][epoch]
        for run_dir, epoch in zip(inputs.order[:3], kept[:3], strict=True)
    ]
    field = table.loc[(table["tokenizer"] == "none") & (table["globals_weight"] == "0")]
    assert field["mean"].tolist() == pytest.approx([np.mean(own)])
    assert len(first)
    least = table.groupby("tokenizer")["mean"].transform("min")
    assert table["best"].tolist() == (table["mean"] == least).tolist()


def test_tokenizers_of_one_weight_are_not_framed() -> None:
    drawing = drawn("grid_best_rec_tokens", made_inputs(made_grid(tokenizer=TOKENS, seed=SEEDS)))
    assert not drawing.table["best"].any()
    assert "framed" not in drawing.caption


FITTED = {"tokenizer": None, "latent_dim": None, "globals_weight": None, "codebook_size": None}


def with_fitted_models() -> ReportInputs:
    """Return a sweep with two fitted models, as the readers give it: losses null, epochs not."""
    runs = made_grid(tokenizer=["none", "vq"], globals_weight=[0, 1], seed=SEEDS)
    runs = [run | {"codebook_size": 64} for run in runs]
    runs += [made_run(encoder="forest", seed=seed, **FITTED) for seed in SEEDS]
    runs += [made_run(encoder="boosting", seed=seed, **FITTED) for seed in SEEDS]

    def epochs(run: Run) -> pd.DataFrame:
        if run["tokenizer"]:
            return made_epochs(run)
        losses = {"val_loss": [math.nan, 7.0], "train_loss": [7.0, math.nan]}
        said = {"split": ["train", "val"], **losses, "epoch_time_s": 3.0, "throughput": math.nan}
        return pd.DataFrame({"epoch": 0, **said})

    inputs = made_inputs(runs, epochs)
    fitted = inputs.runs_df["tokenizer"].isna()
    inputs.runs_df.loc[fitted, ["loss.total_best", "loss.total_final", "throughput_mean"]] = None
    return inputs


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_copes_with_fitted_models(name: str) -> None:
    drawing = drawn(name, with_fitted_models())
    table = drawing.table
    shown = table.loc[table["drawn"].astype(bool)] if "drawn" in table else table
    assert len(shown)
    assert not shown["encoder"].isin(["forest", "boosting"]).any()
    if "loss" in name or "curves" in name:
        assert "loss of their own that is no other's: forest and boosting (6 runs)" in (
            drawing.caption
        )
        assert "have no" not in drawing.caption


def test_a_grid_has_no_row_or_column_of_fitted_models() -> None:
    drawing = drawn("grid_best_rec_tokens", with_fitted_models())
    first = drawing.figure.axes[0]
    assert [text.get_text() for text in first.get_xticklabels()] == ["0", "1"]
    assert len(first.get_yticks()) == 2


def test_an_interval_of_perplexities_ends_at_the_codes() -> None:
    def epochs(run: Run) -> pd.DataFrame:
        return made_epochs(run).assign(metric_perplex=[2.0, 60.0, 64.0][run["seed"]])

    runs = [run | {"codebook_size": 64} for run in made_grid(seed=SEEDS)]
    drawing = drawn("vq_perplexity_boxplot", made_inputs(runs, epochs))
    mean = means(drawing)
    assert mean["ci_low"].iloc[0] < 1
    assert mean["ci_high"].iloc[0] > 64
    ends = [
        np.asarray(line.get_xdata(), dtype=float).tolist() for line in drawing.figure.axes[0].lines
    ]
    assert [1.0, 64.0] in ends
    assert "Intervals are drawn from 1 to the number of codes at most" in drawing.caption
    steady_runs = made_inputs(runs, lambda run: made_epochs(run).assign(metric_perplex=30.0))
    assert "at most" not in drawn("vq_perplexity_boxplot", steady_runs).caption


def test_marks_of_one_size_stay_near_it_and_sizes_are_ticks() -> None:
    runs = made_grid(encoder=["mlp", "gnn", "transformer"], tokenizer=TOKENS, seed=SEEDS)
    drawing = drawn("pareto_error_vs_compression", made_inputs(runs))
    axes = drawing.figure.axes[0]
    assert set(axes.get_xticks()) == {72.0, 2048.0, 12288.0}
    drawing.figure.draw_without_rendering()
    for line in axes.lines:
        x = np.asarray(line.get_xdata(), dtype=float)
        if line.get_marker() in ("o", "s", "^") and line.get_markersize() > 4:
            at = line.get_transform().transform([[x[0], 0.3]])[0]
            shown = axes.transData.inverted().transform(at)[0]
            assert abs(math.log10(shown / x[0])) < 0.05


def test_no_loss_is_the_best_between_weights() -> None:
    runs = made_grid(tokenizer=TOKENS, globals_weight=[0, 1, 10], seed=SEEDS)
    drawing = drawn("grid_best_val_loss", made_inputs(runs))
    assert not drawing.table["best"].any()
    assert "says nothing between columns" in drawing.caption


def test_globals_that_nothing_trains_are_not_ranked() -> None:
    runs = made_grid(globals_weight=[0, 1], seed=SEEDS)

    def epochs(run: Run) -> pd.DataFrame:
        made = made_epochs(run)
        made["metric_rec_globals"] *= 1 if run["globals_weight"] else 1e-3
        return made

    table = drawn("grid_best_rec_globals", made_inputs(runs, epochs)).table
    by_weight = table.set_index("globals_weight")
    assert by_weight["trained"].to_dict() == {"0": False, "1": True}
    assert by_weight["mean"]["0"] < by_weight["mean"]["1"]
    assert not by_weight["best"]["0"]


def test_no_field_is_framed_where_one_is_a_single_run() -> None:
    runs = [*made_grid(globals_weight=[0.1, 1], seed=SEEDS), made_run(globals_weight=10)]
    drawing = drawn("grid_best_rec_tokens", made_inputs(runs))
    assert not drawing.table["best"].any()
    assert "None is framed where a field is a single run" in drawing.caption


def test_the_tradeoff_has_both_errors_of_the_same_runs() -> None:
    runs = made_grid(globals_weight=[0.1, 1], seed=SEEDS)
    drawing = drawn("tradeoff_scatter", made_inputs(runs))
    seeds = drawing.table.loc[drawing.table["kind"] == "seed"]
    for _, own in drawing.table.groupby("cell"):
        dots = seeds.loc[seeds["cell"] == own["cell"].iloc[0]]
        mean = own.loc[own["kind"] == "mean"].iloc[0]
        assert mean["token_mse"] == pytest.approx(dots["token_mse"].mean())
        assert mean["globals_mse"] == pytest.approx(dots["globals_mse"].mean())
        assert mean["token_mse_low"] < mean["token_mse"] < mean["token_mse_high"]


def test_curves_of_training_are_the_training_losses() -> None:
    inputs = made_inputs([made_run()])
    table = drawn("all_train_curves", inputs).table
    expected = inputs.epochs(inputs.order[0], "train")["train_loss"]
    assert table.loc[table["kind"] == "seed", "loss"].tolist() == pytest.approx(list(expected))


def sections(report: NamedReport, inputs: ReportInputs) -> list[Section]:
    assert report.sections is not None
    return list(report.sections(inputs))


def said(found: list[Section]) -> str:
    parts: list[str] = []
    for block in (block for section in found for block in section.blocks):
        parts += block.items if isinstance(block, Points) else []
        parts += [block.text] if isinstance(block, Paragraph) else []
    return " ".join(parts)


@pytest.mark.parametrize("report", REPORTS.values(), ids=list(REPORTS))
def test_the_sections_place_every_figure_of_training_once(report: NamedReport) -> None:
    found = sections(report, made_inputs(made_grid(globals_weight=[0.1, 1], seed=SEEDS)))
    placed = [b.name for section in found for b in section.blocks if isinstance(b, Placed)]
    assert sorted(placed) == sorted(report.figures)
    assert all(section.id for section in found)


def test_the_answer_names_the_lowest_mean_and_what_is_told_apart() -> None:
    runs = made_grid(tokenizer=TOKENS, seed=SEEDS)
    found = sections(TOKENIZERS, made_inputs(runs))
    assert "The lowest mean of Token MSE (validation) is that of no tokenizer" in said(found)
    tables = [block for block in found[0].blocks if isinstance(block, Table)]
    assert tables[0].frame["cell"].tolist()[0] == "no tokenizer"
    assert len(tables[0].frame) == 3


def test_the_answer_names_no_winner_of_single_runs() -> None:
    found = said(sections(TOKENIZERS, made_inputs(made_grid(tokenizer=TOKENS, seed=[0]))))
    assert "none is called the best" in found
    assert "lowest" not in found


def test_losses_of_other_weights_are_not_ranked_together() -> None:
    def epochs(run: Run) -> pd.DataFrame:
        return made_epochs(run).drop(columns="metric_rec_tokens")

    runs = made_grid(tokenizer=["none", "vq"], globals_weight=[0.1, 1], seed=SEEDS)
    found = sections(TOKENIZERS, made_inputs(runs, epochs))
    table = next(block for block in found[0].blocks if isinstance(block, Table))
    assert set(table.frame["task"]) == {"globals weight 0.1", "globals weight 1"}


def test_one_weight_alone_has_no_effect_to_see() -> None:
    found = said(sections(GLOBALS_HEADS, made_inputs(made_grid(tokenizer=TOKENS, seed=SEEDS))))
    assert "there is no effect of it to see" in found


def test_the_page_on_reports_names_every_figure_and_key() -> None:
    page = (ROOT / "docs" / "named-reports.md").read_text("utf-8")
    for name, report in REPORTS.items():
        assert f"`{name}`" in page
        assert all(f"`{figure}`" in page for figure in report.figure_names)
    sections = {name: field.annotation for name, field in ReportConfig.model_fields.items()}
    for name in ("inputs", "outputs", "inference", "env"):
        kind = sections[name]
        assert isinstance(kind, type)
        assert issubclass(kind, ConfigSection)
        assert all(f"`{name}.{key}" in page for key in kind.model_fields)
