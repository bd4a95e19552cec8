"""The first figure: what it shows, what it says, and that its files are the same bytes."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from studygrid.families.base import Metric
from studygrid.figures import FIGURES, load_figure
from studygrid.figures.metric_by_axis import metric_by_axis
from studygrid.figures.style import PNG_DPI, WIDTH_IN, looks, save
from studygrid.statistics import summarise

ALL = 1599
ACCURACY = Metric("accuracy", "Accuracy", True, "", "", "", "", "")
LOSS = Metric("loss", "Loss", False, "nats", "", "", "", "")


def study(
    models: Iterable[str] = ("tiny_cnn", "resnet18", "vgg11"),
    resolutions: Iterable[int] = (32, 64),
    sizes: Iterable[str] = ("128", "512", "all"),
    seeds: int = 3,
) -> pd.DataFrame:
    generator = np.random.default_rng(7)
    rows = [
        {
            "model": model,
            "resolution": resolution,
            "n_train": size,
            "train_samples": ALL if size == "all" else int(size),
            "seed": seed,
            "status": "ok",
            "test_accuracy": 0.7 + 0.05 * position + generator.normal(0, 0.01),
        }
        for position, model in enumerate(models)
        for resolution in resolutions
        for size in sizes
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def without(frame: pd.DataFrame, runs: pd.Series, status: str) -> pd.DataFrame:
    frame = frame.copy()
    frame.loc[runs, "status"] = status
    frame.loc[runs, "test_accuracy"] = np.nan
    if status == "missing":
        frame.loc[runs, "train_samples"] = np.nan
    return frame


def summary_of(frame: pd.DataFrame, column: str = "test_accuracy") -> pd.DataFrame:
    rows = []
    axes = ["model", "resolution", "n_train"]
    for cell, runs in frame.groupby(axes, sort=False):
        statistics = summarise(runs[column].dropna().to_numpy(float))
        numbers = {
            "n": statistics.n,
            "mean": statistics.mean,
            "ci_low": statistics.ci_low,
            "ci_high": statistics.ci_high,
        }
        rows.append({**dict(zip(axes, cell, strict=True)), "metric": column, **numbers})
    return pd.DataFrame(rows).astype({"mean": float, "ci_low": float, "ci_high": float})


def drawn(frame: pd.DataFrame, **changes: Any) -> tuple[Figure, pd.DataFrame]:
    metric = changes.pop("metric", ACCURACY)
    options: dict[str, Any] = {
        "resolution_label": "Image side",
        "resolution_unit": "px",
        "title": "A study",
        "chance": None,
        **changes,
    }
    column = f"test_{metric.name}"
    return metric_by_axis(frame, summary_of(frame, column), metric, **options)


@cache
def plain() -> tuple[Figure, pd.DataFrame]:
    return drawn(study())


def words(figure: Figure) -> str:
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def tick_labels(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def bars(axes: Axes) -> int:
    return sum(len(collection.get_segments()) for collection in axes.collections)


def legend_names(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_the_panels_say_at_which_size_and_resolution_they_are() -> None:
    figure, _ = plain()
    assert titles(figure) == ["Trained on all 1599 samples", "Image side 64 px"]
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "Image side (px)",
        "Training-set size (samples)",
    ]


def test_only_tested_values_are_ticked_on_logarithmic_axes() -> None:
    figure, _ = drawn(study(resolutions=[32, 48, 128]))
    by_resolution, by_size = figure.axes
    assert tick_labels(by_resolution) == ["32", "48", "128"]
    assert tick_labels(by_size) == ["128", "512", "1599 (all)"]
    assert by_size.get_xticks().tolist() == [128, 512, ALL]
    for axes in figure.axes:
        assert axes.get_xscale() == "log"
        assert len(axes.get_xticks(minor=True)) == 0


def test_the_table_holds_every_run_and_every_mean_of_the_panels() -> None:
    frame = study()
    _, table = plain()
    assert list(table.columns) == [
        *("panel", "model", "x", "kind", "seed", "value", "ci_low", "ci_high", "n")
    ]
    counts = table.groupby(["panel", "kind"]).size().to_dict()
    assert counts == {
        ("resolution", "seed"): 3 * 2 * 3,
        ("resolution", "mean"): 3 * 2,
        ("n_train", "seed"): 3 * 3 * 3,
        ("n_train", "mean"): 3 * 3,
    }
    cell = frame[(frame.model == "vgg11") & (frame.resolution == 64) & (frame.n_train == "all")]
    expected = summarise(cell["test_accuracy"].to_numpy())
    for panel, x in (("resolution", 64), ("n_train", ALL)):
        rows = table[(table.panel == panel) & (table.model == "vgg11") & (table.x == x)]
        dots = rows[rows.kind == "seed"]
        assert dict(zip(dots.seed, dots.value, strict=True)) == dict(
            zip(cell.seed, cell.test_accuracy, strict=True)
        )
        (mean,) = rows[rows.kind == "mean"].itertuples()
        assert (mean.value, mean.ci_low, mean.ci_high, mean.n) == (
            *(expected.mean, expected.ci_low, expected.ci_high, 3),
        )


def test_what_is_drawn_is_what_the_table_holds() -> None:
    figure, table = plain()
    for axes, panel in zip(figure.axes, ("resolution", "n_train"), strict=True):
        rows = table[table.panel == panel]
        drawn_values = np.concatenate([np.asarray(line.get_ydata()) for line in axes.lines])
        assert sorted(drawn_values) == sorted(rows["value"])
        segments = np.concatenate([c.get_segments() for c in axes.collections])
        means = rows[rows.kind == "mean"]
        assert sorted(segments[:, 0, 1]) == pytest.approx(sorted(means["ci_low"]))
        assert sorted(segments[:, 1, 1]) == pytest.approx(sorted(means["ci_high"]))


def test_a_cell_of_one_run_has_no_bar() -> None:
    figure, table = drawn(study(seeds=1))
    assert [bars(axes) for axes in figure.axes] == [0, 0]
    assert table["ci_low"].isna().all()
    assert "1 seed a cell, so there is no interval" in words(figure)


def test_the_first_panel_is_at_the_largest_size_that_all_models_have() -> None:
    frame = study()
    figure, _ = drawn(frame[~((frame.model == "vgg11") & (frame.n_train == "all"))])
    assert titles(figure)[0] == "Trained on 512 samples"


def test_the_second_panel_is_at_the_largest_resolution_that_all_models_have() -> None:
    frame = study(resolutions=[32, 64, 128])
    figure, _ = drawn(frame[~((frame.model == "vgg11") & (frame.resolution == 128))])
    assert titles(figure)[1] == "Image side 64 px"


def test_where_models_share_no_size_the_panel_names_who_is_absent() -> None:
    frame = study()
    own = {"tiny_cnn": ["128", "512"], "resnet18": ["512", "all"], "vgg11": ["all"]}
    kept = [size in own[model] for model, size in zip(frame.model, frame.n_train, strict=True)]
    figure, _ = drawn(frame[kept])
    assert titles(figure)[0] == "Trained on all 1599 samples"
    assert "No result in the panel “Trained on all 1599 samples”: tiny_cnn." in words(figure)


@pytest.mark.parametrize(
    ("axes", "title"),
    [({"resolutions": [64]}, "Image side 64 px"), ({"sizes": ["512"]}, "Trained on 512 samples")],
)
def test_a_panel_with_one_value_on_its_axis_is_left_out(axes: dict[str, Any], title: str) -> None:
    figure, table = drawn(study(**axes))
    assert titles(figure) == [title]
    assert table["panel"].nunique() == 1


def test_one_resolution_and_one_size_still_show_the_models() -> None:
    figure, table = drawn(study(resolutions=[64], sizes=["all"]))
    assert titles(figure) == ["Trained on all 1599 samples"]
    assert tick_labels(figure.axes[0]) == ["64"]
    assert len(table) == 3 * (3 + 1)


def test_the_caption_counts_what_failed_and_names_models_without_a_result() -> None:
    frame = study()
    frame = without(frame, frame.model == "vgg11", "oom")
    last = (frame.resolution == 64) & (frame.n_train == "all")
    frame = without(frame, last & (frame.model == "resnet18") & (frame.seed == 2), "missing")
    frame = without(frame, last & (frame.model == "tiny_cnn") & (frame.seed == 0), "diverged")
    figure, table = drawn(frame)
    # Of 2 x 3 + 3 x 3 planned cells and runs, the cell at (64, all) stands in both panels.
    assert "Of the 36 runs in these panels: 12 ran out of memory" in words(figure)
    assert "1 missing" in words(figure)
    assert "1 diverged" in words(figure)
    assert "No result in these panels: vgg11." in words(figure)
    assert "means over 2 to 3 seeds" in words(figure)
    assert legend_names(figure) == ["tiny_cnn", "resnet18"]
    assert set(table.model) == {"tiny_cnn", "resnet18"}


def test_a_run_whose_metric_is_undefined_is_counted() -> None:
    frame = study()
    frame.loc[frame.index[-1], "test_accuracy"] = np.nan
    figure, _ = drawn(frame)
    assert "Of the 36 runs in these panels: 1 finished without a value." in words(figure)


def test_nothing_is_said_of_failures_where_there_are_none() -> None:
    assert "Of the" not in words(plain()[0])


def test_a_line_breaks_at_a_cell_without_results() -> None:
    frame = study()
    gap = (frame.model == "resnet18") & (frame.resolution == 64) & (frame.n_train == "512")
    figure, _ = drawn(without(frame, gap, "diverged"))
    colour = looks(["tiny_cnn", "resnet18"])["resnet18"].colour
    (line,) = (
        line
        for line in figure.axes[1].lines
        if line.get_linestyle() == "-" and to_hex(line.get_color()) == colour.lower()
    )
    assert np.isnan(np.asarray(line.get_ydata())).tolist() == [False, True, False]


def test_missing_runs_do_not_hide_how_large_all_is() -> None:
    frame = study()
    frame["train_samples"] = frame["train_samples"].astype(float)
    figure, _ = drawn(without(frame, (frame.seed == 0), "missing"))
    assert tick_labels(figure.axes[1])[-1] == "1599 (all)"


def test_a_study_without_results_says_so() -> None:
    frame = study()
    figure, table = drawn(without(frame, frame.seed >= 0, "missing"), chance=0.5)
    assert table.empty
    assert [text.get_text() for text in figure.axes[0].texts] == ["No run has a result yet."]
    assert "Of the 54 runs of the study: 54 missing." in words(figure)


def test_a_metric_that_no_run_has_is_no_error() -> None:
    frame = study()
    summary = summary_of(frame)
    _, table = metric_by_axis(frame, summary, LOSS, "Image side", "px", "A study", None)
    assert table.empty


def test_the_metric_is_named_with_its_unit_and_its_better_direction() -> None:
    higher, _ = plain()
    assert higher.axes[0].get_ylabel() == "Accuracy (test)"
    assert "Higher is better" in words(higher)
    lower, _ = drawn(study().rename(columns={"test_accuracy": "test_loss"}), metric=LOSS)
    assert lower.axes[0].get_ylabel() == "Loss (test, nats)"
    assert "Lower is better" in words(lower)


def test_a_resolution_without_a_unit_has_no_brackets() -> None:
    figure, _ = drawn(study(), resolution_label="Tokens", resolution_unit="")
    assert figure.axes[0].get_xlabel() == "Tokens"
    assert titles(figure)[1] == "Tokens 64"


def test_chance_is_a_labelled_line_in_every_panel() -> None:
    figure, _ = drawn(study(), chance=0.65)
    for axes in figure.axes:
        assert any(list(line.get_ydata()) == [0.65, 0.65] for line in axes.lines)
    assert [text.get_text() for text in figure.axes[-1].texts] == ["chance\n0.65"]


def test_chance_far_away_is_told_in_words_and_does_not_flatten_the_data() -> None:
    figure, _ = drawn(study(), chance=0.1)
    assert "Chance (0.1) lies below what is shown." in words(figure)
    assert figure.axes[0].get_ylim()[0] > 0.5


def test_long_bars_of_two_seeds_do_not_flatten_the_data() -> None:
    frame = study(seeds=2)
    wild = (frame.model == "tiny_cnn") & (frame.resolution == 64) & (frame.n_train == "all")
    frame.loc[wild, "test_accuracy"] = [0.7, 0.8]
    figure, table = drawn(frame)
    low, high = figure.axes[0].get_ylim()
    values = table["value"]
    assert (values.max() - values.min()) / (high - low) > 0.3
    assert low < values.min() < values.max() < high
    assert "Bars that leave a panel are cut." in words(figure)


def test_every_model_has_a_look_of_its_own_also_in_grey() -> None:
    names = [f"model_{number}" for number in range(88)]
    assert len(set(looks(names).values())) == 88
    first = list(looks(names[:8]).values())
    assert len({look.colour for look in first}) == 8
    assert len({look.marker for look in first}) == 8


def test_a_model_keeps_its_look_when_another_has_no_result() -> None:
    frame = study()
    everything, _ = drawn(frame)
    figure, _ = drawn(without(frame, frame.model == "tiny_cnn", "oom"))
    colour = {
        name: handle.get_color()
        for name, handle in zip(
            legend_names(everything), everything.legends[0].legend_handles, strict=True
        )
    }
    handles = figure.legends[0].legend_handles
    assert legend_names(figure) == ["resnet18", "vgg11"]
    assert [handle.get_color() for handle in handles] == [colour["resnet18"], colour["vgg11"]]


def test_labels_too_close_stand_upright_and_never_overlap() -> None:
    figure, _ = drawn(study(sizes=["50", "100", "1000", "1400", "1500", "all"], models=["a"]))
    axes = figure.axes[1]
    assert axes.get_xticks().tolist() == [50, 100, 1000, 1400, 1500, ALL]
    assert tick_labels(axes) == ["50", "100", "1000", "", "", "1599 (all)"]
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


@pytest.mark.parametrize("models", [3, 14])
def test_nothing_leaves_the_page_or_covers_something_else(models: int) -> None:
    frame = study(models=[f"mobilenet_v{number}_small" for number in range(models)])
    figure, _ = drawn(frame, title="A title that goes on " * 8, chance=0.6)
    page = figure.bbox
    title, caption = (text.get_window_extent() for text in figure.texts)
    legend = figure.legends[0].get_window_extent()
    panels = [axes.get_tightbbox() for axes in figure.axes]
    assert figure.get_figwidth() == WIDTH_IN
    for box in (title, caption, legend, *panels):
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
    assert title.y0 >= legend.y1
    for panel in panels:
        assert legend.y0 >= panel.y1
        assert panel.y0 >= caption.y1


def test_no_letter_is_smaller_than_eight_points() -> None:
    figure, _ = drawn(study(), chance=0.65)
    texts = figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
    assert min(text.get_fontsize() for text in texts if text.get_text()) >= 8


def test_the_title_is_taken_literally(tmp_path: Path) -> None:
    figure, table = drawn(study(), title="costs $5 & <b>10$</b> -- \\alpha")
    save(figure, table, tmp_path / "figure")
    assert figure.texts[0].get_text() == "costs $5 & <b>10$</b> -- \\alpha"
    ElementTree.parse(tmp_path / "figure.svg")


def test_the_users_own_settings_change_nothing(tmp_path: Path) -> None:
    frame = study()
    save(*drawn(frame), tmp_path / "plain")
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9, "svg.hashsalt": "other"}):
        save(*drawn(frame), tmp_path / "odd")
    for suffix in (".svg", ".png"):
        plain, odd = ((tmp_path / name).with_suffix(suffix) for name in ("plain", "odd"))
        assert plain.read_bytes() == odd.read_bytes()


def test_drawn_twice_the_files_are_the_same_bytes(tmp_path: Path) -> None:
    frame = study()
    figure, table = drawn(frame, chance=0.5)
    save(figure, table, tmp_path / "a" / "figure")
    save(figure, table, tmp_path / "b" / "figure")
    save(*drawn(frame, chance=0.5), tmp_path / "c" / "figure")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["figure.csv", "figure.png", "figure.svg"]
    for name in files:
        contents = {(tmp_path / folder / name).read_bytes() for folder in "abc"}
        assert len(contents) == 1


def test_the_files_hold_no_date_and_the_png_is_sharp(tmp_path: Path) -> None:
    figure, table = plain()
    save(figure, table, tmp_path / "figure.with.dots")
    svg = (tmp_path / "figure.with.dots.svg").read_text("utf-8")
    assert "<dc:date>" not in svg
    with Image.open(tmp_path / "figure.with.dots.png") as png:
        assert "Software" not in png.info
        assert png.width == round(WIDTH_IN * PNG_DPI)


def test_the_csv_holds_the_numbers_exactly(tmp_path: Path) -> None:
    figure, table = plain()
    save(figure, table, tmp_path / "figure")
    with (tmp_path / "figure.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(table.columns)
    assert [float(row["value"]) for row in rows] == table["value"].tolist()
    assert [row["seed"] for row in rows[:3]] == ["0", "1", "2"]


def test_figures_are_found_by_name() -> None:
    assert load_figure("metric_by_axis") is metric_by_axis
    assert all(callable(load_figure(name)) for name in FIGURES)
