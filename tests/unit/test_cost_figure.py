"""What inference costs: the numbers, the front, one device alone, and round ticks."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from studygrid.figures.best_against_throughput import best_against_throughput
from studygrid.figures.chosen_cells import shown_range
from studygrid.figures.cost import cost
from studygrid.figures.cost_axis import round_ticks
from studygrid.figures.drawing import Drawing
from studygrid.figures.point_labels import label_points
from studygrid.grid import Run
from studygrid.statistics import summarise
from tests.unit.made_study import made_study, named_models, ok, score_of

SMALL: dict[str, Any] = {"grid": {"resolution": [32, 48], "n_train": ["all", 64], "seed": 3}}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Drawing:
    return cost(made_study(tmp_path_factory.mktemp("plain"), **SMALL))


def means(drawing: Drawing, panel: str = "latency") -> pd.DataFrame:
    table = drawing.table
    return table.loc[(table["panel"] == panel) & (table["kind"] == "mean")]


def axis_labels(figure: Figure) -> list[str]:
    return [axes.get_xlabel() for axes in figure.axes]


# --- cost


def test_each_pair_of_model_and_resolution_is_a_mark_in_each_panel(plain: Drawing) -> None:
    counts = plain.table.groupby(["panel", "kind"]).size()
    assert set(counts.index.get_level_values("panel")) == {
        "latency",
        "memory",
        "parameters",
        "flops",
    }
    assert set(counts.xs("mean", level="kind")) == {4}
    assert set(counts.xs("seed", level="kind")) == {12}


def test_the_numbers_are_those_of_the_runs_and_of_the_profile(plain: Drawing) -> None:
    rows = means(plain).set_index(["model", "resolution"])
    row = rows.loc[("tiny_cnn", 48)]
    expected = summarise([score_of(Run("tiny_cnn", 48, "all", seed)) for seed in range(3)])
    assert (row["value"], row["ci_low"], row["ci_high"], row["n"]) == pytest.approx(
        (expected.mean, expected.ci_low, expected.ci_high, 3)
    )
    seconds = 0.001 * 2 * (48 / 32) ** 2
    assert row["cost"] == pytest.approx(seconds)
    assert (row["cost_low"], row["cost_high"]) == pytest.approx((0.95 * seconds, 1.05 * seconds))
    assert means(plain, "memory")["cost"].tolist() == pytest.approx([260e6, 260e6, 270e6, 270e6])


def test_the_largest_size_is_shown_and_named(plain: Drawing) -> None:
    assert set(plain.table["n_train"]) == {"all"}
    assert plain.caption.startswith("Trained on all 1599 samples")


def test_what_is_drawn_is_what_the_table_holds(plain: Drawing) -> None:
    axes = plain.figure.axes[0]
    drawn = {
        (line.get_xdata()[0], line.get_ydata()[0])  # type: ignore[index]
        for line in axes.lines
        if line.get_marker() not in ("None", None, "")
    }
    rows = plain.table.loc[plain.table["panel"] == "latency"]
    assert drawn == set(zip(rows["cost"], rows["value"], strict=True))


def test_the_front_is_what_nothing_cheaper_beats(plain: Drawing) -> None:
    for panel in ("latency", "memory", "parameters", "flops"):
        rows = means(plain, panel)
        for row in rows.to_dict("records"):
            cheaper = rows.loc[rows["cost"] <= row["cost"]]
            best = cheaper["value"].max() <= row["value"]
            tied = rows.loc[rows["cost"].eq(row["cost"]) & rows["value"].gt(row["value"])].empty
            assert row["on_front"] == (best and tied)


def test_where_less_is_better_the_front_is_of_the_least(tmp_path: Path) -> None:
    drawing = cost(made_study(tmp_path, report={"metric": "loss"}, **SMALL))
    rows = means(drawing, "latency")
    least = rows.loc[rows["value"].idxmin()]
    assert least["on_front"]
    assert not rows.loc[rows["value"].idxmax(), "on_front"]
    assert "Lower is better." in drawing.caption


def test_a_mark_off_the_front_is_open_and_one_on_it_filled(plain: Drawing) -> None:
    faces = {
        (line.get_xdata()[0], line.get_ydata()[0]): line.get_markerfacecolor()  # type: ignore[index]
        for line in plain.figure.axes[0].lines
        if line.get_markersize() > 4 and line.get_marker() != "None"
    }
    for row in means(plain).to_dict("records"):
        assert (faces[row["cost"], row["value"]] == "white") == (not row["on_front"])


def test_profiles_of_another_device_are_left_out_and_counted(tmp_path: Path) -> None:
    def profile(model: str, resolution: int) -> dict[str, Any]:
        return {"device": "V100" if (model, resolution) == ("tiny_cnn", 48) else "A100"}

    drawing = cost(made_study(tmp_path, profile=profile, **SMALL))
    assert len(means(drawing)) == 3
    assert "Costs are of A100" in drawing.caption
    assert "Left out: 1 of V100" in drawing.caption


def test_memory_is_the_devices_where_it_was_measured(tmp_path: Path, plain: Drawing) -> None:
    on_device = cost(
        made_study(tmp_path, profile=lambda model, side: {"device_memory_mb": 7.0}, **SMALL)
    )
    assert set(means(on_device, "memory")["cost"]) == {7e6}
    assert any("device" in label for label in axis_labels(on_device.figure))
    assert any("host" in label for label in axis_labels(plain.figure))


def test_a_cost_that_was_not_measured_is_said(tmp_path: Path) -> None:
    drawing = cost(
        made_study(tmp_path, profile=lambda model, side: {"flops_per_sample": None}, **SMALL)
    )
    assert "Not measured there: flops." in drawing.caption
    assert "flops" not in set(drawing.table["panel"])


def test_a_missing_profile_is_counted(tmp_path: Path) -> None:
    def profile(model: str, resolution: int) -> dict[str, Any] | None:
        return None if resolution == 48 else {}

    drawing = cost(made_study(tmp_path, profile=profile, **SMALL))
    assert "Without a profile: 2 of 4 pairs" in drawing.caption
    assert len(means(drawing)) == 2


@pytest.mark.parametrize(("seeds", "dots"), [(1, 0), (9, 9 * 4), (10, 0)])
def test_seeds_are_dots_below_ten(tmp_path: Path, seeds: int, dots: int) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": seeds}
    drawing = cost(made_study(tmp_path, models={"tiny_cnn": None}, grid=grid))
    assert (drawing.table["kind"] == "seed").sum() == dots
    assert ("so there is no interval" in drawing.caption) == (seeds == 1)
    assert ("dots the runs" in drawing.caption) == (dots > 0)


def test_failed_runs_are_counted_in_the_caption(tmp_path: Path) -> None:
    def fate(run: Run) -> str:
        return {0: "diverged", 1: "oom"}.get(run.seed, "ok") if run.model == "tiny_cnn" else "ok"

    drawing = cost(made_study(tmp_path, fate=fate, **SMALL))
    assert (
        "Of the 12 runs planned at this size: 8 ok, 2 diverged, 2 ran out of memory."
        in drawing.caption
    )
    assert "n = 1 to 3 seeds" in drawing.caption


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"profiling": {"enabled": False}}, "switched off"),
        ({"profile": lambda model, side: None}, "No profile could be read"),
        ({"fate": lambda run: "missing"}, "No run has a value"),
        ({"score": lambda run: None}, "No run has a value"),
    ],
)
@pytest.mark.parametrize("figure", [cost, best_against_throughput])
def test_without_numbers_the_reason_is_drawn(
    tmp_path: Path,
    figure: Callable[[Any], Drawing],
    changes: dict[str, Any],
    reason: str,
) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": 1}
    drawing = figure(made_study(tmp_path, grid=grid, **changes))
    assert drawing.table.empty
    assert reason in drawing.figure.axes[0].texts[0].get_text()


# --- best_against_throughput


def test_a_model_is_drawn_at_the_cell_whose_mean_is_best(tmp_path: Path) -> None:
    def score(run: Run) -> float:
        best = {"simple_cnn": (48, 64), "tiny_cnn": (32, "all")}[run.model]
        return 0.9 if (run.resolution, run.n_train) == best else 0.5 + run.seed / 100

    drawing = best_against_throughput(made_study(tmp_path, score=score, **SMALL))
    rows = drawing.table.loc[drawing.table["kind"] == "mean"].set_index("model")
    assert rows[["resolution", "n_train", "value"]].to_dict("index") == {
        "simple_cnn": {"resolution": 48, "n_train": "64", "value": 0.9},
        "tiny_cnn": {"resolution": 32, "n_train": "all", "value": 0.9},
    }
    assert rows.loc["tiny_cnn", "throughput_samples_per_sec"] == pytest.approx(1 / 0.002)
    assert "flatters" in drawing.caption
    assert "batch of 8" in drawing.figure.axes[0].get_xlabel()


def test_where_less_is_better_the_best_is_the_least(tmp_path: Path) -> None:
    drawing = best_against_throughput(made_study(tmp_path, report={"metric": "loss"}, **SMALL))
    rows = drawing.table.loc[drawing.table["kind"] == "mean"]
    assert set(rows["n_train"]) == {"64"}
    assert set(rows["resolution"]) == {32}


def test_a_model_without_a_result_is_named(tmp_path: Path) -> None:
    def fate(run: Run) -> str:
        return "diverged" if run.model == "tiny_cnn" else "ok"

    drawing = best_against_throughput(made_study(tmp_path, fate=fate, **SMALL))
    assert "No result: tiny_cnn." in drawing.caption
    assert set(drawing.table["model"]) == {"simple_cnn"}


# --- Ticks, limits and names


@given(st.floats(1e-9, 1e9), st.floats(1.08, 1e12))
@settings(max_examples=80, deadline=None)
def test_ticks_are_few_round_and_within(low: float, ratio: float) -> None:
    ticks = round_ticks(low, low * ratio)
    assert len(ticks) <= 6
    assert all(low <= tick <= low * ratio for tick in ticks)
    assert ticks == sorted(set(ticks))
    for tick in ticks:
        digits = f"{tick:.12e}".partition("e")[0].replace(".", "").rstrip("0")
        assert len(digits) <= 4
    if ratio > 2.6:
        assert ticks


def test_a_huge_interval_does_not_press_the_marks_into_a_line() -> None:
    values = pd.Series([0.5, 0.6])
    bottom, top, cut = shown_range(values, pd.Series([-50.0, math.nan]), pd.Series([50.0, np.nan]))
    assert cut
    assert top - bottom < 0.4
    bottom, top, cut = shown_range(values, pd.Series([0.45]), pd.Series([0.65]))
    assert not cut
    assert bottom < 0.45 < 0.65 < top


def test_names_keep_clear_of_marks_and_of_each_other() -> None:
    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    places = [(5, 5), (5.3, 5.2), (1, 1), (9.7, 9.7), (5, 5.6)]
    marks = [axes.plot(x, y, "o")[0] for x, y in places]
    label_points(axes, [f"name {number}" for number in range(5)], marks, marks, [], [])
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = []
    for text in axes.texts:
        assert isinstance(text, Annotation)
        text.update_positions(renderer)
        boxes.append(Text.get_window_extent(text, renderer))
    frame = axes.get_window_extent()
    assert len(boxes) >= 4
    for position, box in enumerate(boxes):
        assert not box.count_overlaps([*boxes[:position], *boxes[position + 1 :]])
        assert not box.count_overlaps([mark.get_window_extent(renderer) for mark in marks])
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert frame.y0 <= box.y0 < box.y1 <= frame.y1


def test_a_name_for_which_there_is_no_room_is_left_out() -> None:
    figure = Figure(figsize=(1, 1))
    axes = figure.subplots()
    mark = axes.plot(0.5, 0.5, "o")[0]
    label_points(axes, ["a name that is much too long for this"], [mark], [mark], [], [])
    assert not axes.texts


def test_one_model_of_one_run_is_drawn(tmp_path: Path) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": 1}
    study = made_study(tmp_path, models=named_models(1), grid=grid, fate=ok)
    assert len(cost(study).table) == 4
    assert len(best_against_throughput(study).table) == 1
