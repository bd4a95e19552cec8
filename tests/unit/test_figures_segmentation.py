"""The figures of segmentation: what is drawn is what the records say, and nothing else."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray

from studygrid.families.base import load_reference
from studygrid.families.segmentation import FAMILY
from studygrid.figures import figures_of
from studygrid.figures.confusion_matrices import confusion_matrices
from studygrid.figures.drawing import Drawing, save
from studygrid.figures.error_map import OUTCOMES, outcomes, painted, pale, shown
from studygrid.figures.overlays import overlays
from studygrid.figures.precision_recall_curves import points_of, precision_recall_curve
from studygrid.figures.score_by_width import score_by_width
from studygrid.figures.style import WIDTH_IN
from studygrid.grid import Run
from studygrid.records import DataRecord, read_record, write_record
from studygrid.results.study_results import StudyResults
from tests.unit.segmentation_studies import (
    by_width,
    crack_study,
    examples,
    precision_recall,
    quality,
    tables_of,
)

NAMES = ("overlays", "precision_recall_curve", "score_by_width")
HOSTILE = '<script>alert("x")</script> & $\\frac{1}{2}$ 100% _a|b=c_'
ONE: dict[str, Any] = {
    "models": {"small_unet": None},
    "grid": {"resolution": [64], "n_train": ["all"], "seed": 3},
}


def many(count: int) -> dict[str, dict[str, str]]:
    return {f"model_{number}": {"architecture": "small_unet"} for number in range(count)}


def fate(run: Run) -> str:
    return {3: "diverged", 5: "oom", 6: "missing"}.get((len(run.path) + run.seed) % 7, "ok")


STUDIES: dict[str, dict[str, Any]] = {
    "hostile": {"name": HOSTILE, "fate": fate},
    "eight": {
        "models": many(8),
        "grid": {"resolution": [64, 32], "n_train": ["all"], "seed": 1},
    },
    "nothing": {"fate": lambda run: "missing"},
}


def figure(name: str) -> Callable[[StudyResults], Drawing]:
    function: Callable[[StudyResults], Drawing] = load_reference(figures_of(FAMILY)[name])
    return function


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Drawing]:
    @cache
    def study(kind: str) -> StudyResults:
        return crack_study(tmp_path_factory.mktemp(kind), **STUDIES[kind])

    @cache
    def draw(kind: str, name: str) -> Drawing:
        return figure(name)(study(kind))

    return draw


# --- Every figure


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", STUDIES)
def test_all_words_are_within_the_figure(
    drawn: Callable[[str, str], Drawing], kind: str, name: str
) -> None:
    figure = drawn(kind, name).figure
    width, height = figure.get_size_inches()
    assert width == WIDTH_IN
    assert height < 11
    there = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert min(there.x0, there.y0) > -0.02
    assert there.x1 < width + 0.02
    assert there.y1 < height + 0.02


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", STUDIES)
def test_the_columns_are_those_that_are_documented(
    drawn: Callable[[str, str], Drawing], kind: str, name: str
) -> None:
    function, drawing = figure(name), drawn(kind, name)
    columns = sys.modules[function.__module__].TABLE_COLUMNS
    assert list(drawing.table.columns) == columns
    assert all(f"`{column}`" in (function.__doc__ or "") for column in columns)
    assert drawing.table.empty == (kind == "nothing")
    if kind != "nothing":
        assert "planned" in drawing.caption


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_the_same_bytes_twice_and_hold_names_as_they_are(
    drawn: Callable[[str, str], Drawing], name: str, tmp_path: Path
) -> None:
    for folder in ("first", "second"):
        save(drawn("hostile", name), tmp_path / folder / name)
    for suffix in (".svg", ".png", ".csv"):
        one, other = ((tmp_path / at / name).with_suffix(suffix) for at in ("first", "second"))
        assert one.read_bytes() == other.read_bytes()
    root = ElementTree.fromstring((tmp_path / "first" / f"{name}.svg").read_bytes())
    assert HOSTILE in "".join(root.itertext())
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", ["diverged", "missing"])
def test_without_a_run_that_ended_well_the_reason_is_drawn(
    tmp_path: Path, name: str, status: str
) -> None:
    drawing = figure(name)(crack_study(tmp_path, fate=lambda run: status, **ONE))
    assert drawing.table.empty
    assert "No run has ended well yet" in drawing.caption


def test_at_most_six_models_are_drawn_and_it_is_said(
    drawn: Callable[[str, str], Drawing],
) -> None:
    for name in ("precision_recall_curve", "score_by_width"):
        drawing = drawn("eight", name)
        assert drawing.table["model"].nunique() == 6
        assert "the best 6 of 8 models" in drawing.caption


# --- Overlays


def test_every_pixel_has_what_became_of_it() -> None:
    mask = np.array([[0, 1, 1], [0, 2, 2]], np.uint8)
    prediction = np.array([[0, 1, 0], [1, 1, 2]], np.uint8)
    assert outcomes(mask, prediction).tolist() == [[-1, 0, 2], [1, 3, 0]]


def test_colours_stand_where_something_became_of_a_pixel_and_nowhere_else() -> None:
    image = np.full((1, 1, 3), 100, np.uint8)
    ground = pale(image)
    result = painted(ground, np.array([[-1, 0, 2]]), list(OUTCOMES.values()))
    np.testing.assert_array_equal(result[0, 0], ground[0, 0])
    np.testing.assert_allclose(255 * result[0, 1], [0x56, 0xB4, 0xE9])
    np.testing.assert_allclose(result[0, 2], 0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_images_of_any_number_of_channels_are_shown(channels: int) -> None:
    image = np.arange(channels * 4, dtype=np.uint8).reshape(channels, 2, 2) * 10
    colours = shown(image)
    assert colours.shape == (2, 2, 3)
    if channels == 3:
        np.testing.assert_allclose(255 * colours[0, 1], image[:, 0, 1])
    else:
        np.testing.assert_allclose(255 * colours[0, 1], image[:, 0, 1].mean())


def test_the_run_is_the_median_one_of_the_best_cell(tmp_path: Path) -> None:
    values = {0: 0.9, 1: 0.5, 2: 0.7}

    def score(run: Run) -> float:
        return values[run.seed] - 0.1 * (run.n_train == 64) - 0.2 * (run.model == "wide")

    drawing = overlays(crack_study(tmp_path, score=score))
    axes = drawing.table[["model", "resolution", "n_train", "seed"]].drop_duplicates()
    assert axes.to_numpy().tolist() == [["small_unet", 64, "256", 2]]
    assert "seed 2: the median one of its 3 runs." in drawing.caption
    assert "among 10 test images (2 more have an empty mask)" in drawing.caption


@pytest.mark.parametrize(
    ("seeds", "words"), [(1, "the only one that"), (2, "the worse of its 2"), (4, "lower median")]
)
def test_which_run_is_shown_is_said_whatever_their_number(
    tmp_path: Path, seeds: int, words: str
) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": seeds}
    study = crack_study(tmp_path, score=lambda run: 0.5 + run.seed / 10, **{**ONE, "grid": grid})
    drawing = overlays(study)
    assert words in drawing.caption
    assert set(drawing.table["seed"]) == {(seeds - 1) // 2}


def test_the_rows_are_the_best_the_median_and_the_worst_with_their_pixels(tmp_path: Path) -> None:
    study = crack_study(tmp_path, **ONE)
    drawing = overlays(study)
    table = drawing.table
    assert table["kind"].tolist() == ["best", "median", "worst"]
    assert table["iou"].is_monotonic_decreasing
    run = next(run for run in study.plan.runs if run.seed == table["seed"].iloc[0])
    kept = examples(run)
    assert table["index"].tolist() == kept["index"][[0, 4, 8]].tolist()
    assert table["iou"].tolist() == kept["iou"][[0, 4, 8]].tolist()
    for row in table.to_dict("records"):
        union = row["true_positive_px"] + row["false_positive_px"] + row["missed_px"]
        assert row["true_positive_px"] / union == pytest.approx(row["iou"])
        assert row["wrong_class_px"] == 0
    labels = [axes.get_ylabel() for axes in drawing.figure.axes if axes.get_ylabel()]
    assert labels[0] == f"best, IoU {table['iou'].iloc[0]:.2f}\nimage {table['index'].iloc[0]}"


def test_files_of_the_data_are_named_and_so_are_classes(tmp_path: Path) -> None:
    names = [f"wall_{number}.png" for number in range(12)]
    study = crack_study(tmp_path, data={"names": names, "classes": ["ground", "$rut_1$"]}, **ONE)
    drawing = overlays(study)
    assert drawing.table["name"].tolist() == [names[index] for index in drawing.table["index"]]
    (legend,) = drawing.figure.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["truth: $rut_1$", "true positive", "false positive", "missed"]


def test_with_more_classes_one_taken_for_another_is_told(tmp_path: Path) -> None:
    def kept(run: Run) -> Mapping[str, NDArray[Any]]:
        found = examples(run)
        return {**found, "predictions": found["predictions"] * 2}

    drawing = overlays(crack_study(tmp_path, kept=kept, data={"classes": ["a", "b", "c"]}, **ONE))
    assert (drawing.table["wrong_class_px"] > 0).all()
    (legend,) = drawing.figure.legends
    assert [text.get_text() for text in legend.get_texts()][-1] == "wrong class"


def test_runs_that_keep_no_images_are_passed_over_and_it_is_said(tmp_path: Path) -> None:
    def kept(run: Run) -> Mapping[str, NDArray[Any]] | None:
        return examples(run) if run.model == "wide" and run.seed == 1 else None

    def score(run: Run) -> float:
        return quality(run) - 0.3 * (run.model == "wide")

    drawing = overlays(crack_study(tmp_path, kept=kept, score=score))
    assert set(drawing.table["model"]) == {"wide"}
    assert "the best cell that keeps test images" in drawing.caption
    assert "its seed 1, the only one that keeps them" in drawing.caption


def test_without_examples_it_is_said(tmp_path: Path) -> None:
    drawing = overlays(crack_study(tmp_path, kept=lambda run: None, **ONE))
    assert drawing.table.empty
    assert "No run keeps test images" in drawing.caption


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iou": np.zeros(2)}, "its arrays do not belong together"),
        ({"predictions": np.zeros((9, 3, 3), np.uint8)}, "does not fit the prepared data"),
        ({"index": np.arange(9) + 99}, "does not fit the prepared data"),
        ({"kind": np.repeat("odd", 9)}, "holds no example"),
    ],
)
def test_arrays_that_do_not_fit_are_not_drawn(
    tmp_path: Path, change: Mapping[str, NDArray[Any]], said: str
) -> None:
    drawing = overlays(crack_study(tmp_path, kept=lambda run: {**examples(run), **change}, **ONE))
    assert drawing.table.empty
    assert drawing.caption.startswith("runs/small_unet/res64/nall/seed")
    assert said in drawing.caption
    assert "evaluate again" in drawing.caption


def test_a_file_that_is_no_archive_is_not_drawn(tmp_path: Path) -> None:
    study = crack_study(tmp_path, **ONE)
    for run in study.plan.runs:
        (tmp_path / "runs" / run.path / "examples.npz").write_bytes(b"no archive")
    assert "cannot be read" in overlays(study).caption


def test_data_that_was_deleted_or_prepared_anew_is_named(tmp_path: Path) -> None:
    study = crack_study(tmp_path, **ONE)
    path = tmp_path / "data" / "res64" / "data.json"
    record = read_record(path, DataRecord)
    write_record(path, record.model_copy(update={"sha256": "other"}))
    assert "is of other data than is prepared now" in overlays(study).caption
    write_record(path, record)
    (path.parent / "images.npy").unlink()
    assert "data/res64/images.npy: cannot be read" in overlays(study).caption
    path.unlink()
    assert "data/res64/data.json: missing" in overlays(study).caption


# --- Precision and recall


def test_the_points_of_a_curve_are_precision_recall_and_iou() -> None:
    points = points_of(np.array([[0.0, 10, 90, 0], [0.5, 8, 2, 2], [1.0, 0, 0, 10]]))
    assert points["threshold"].tolist() == [0.0, 0.5]  # at 1 nothing is predicted
    assert points["precision"].tolist() == [0.1, 0.8]
    assert points["recall"].tolist() == [1.0, 0.8]
    assert points["iou"].tolist() == [0.1, 8 / 12]


def test_the_pooled_curve_is_of_the_counts_of_all_seeds(tmp_path: Path) -> None:
    study = crack_study(tmp_path, **ONE)
    table = precision_recall_curve(study).table
    pooled = table.loc[table["kind"] == "pooled"].set_index("threshold").loc[0.5]
    at = [precision_recall(quality(run))[50] for run in study.plan.runs]
    hits, wrong, missed = (sum(row[place] for row in at) for place in (1, 2, 3))
    assert pooled["precision"] == pytest.approx(hits / (hits + wrong))
    assert pooled["recall"] == pytest.approx(hits / (hits + missed))
    assert pooled["n"] == 3
    seeds = table.loc[table["kind"] == "seed"]
    assert sorted(seeds["seed"].unique()) == [0, 1, 2]


def test_each_seed_is_marked_at_its_own_threshold(tmp_path: Path) -> None:
    table = precision_recall_curve(crack_study(tmp_path, **ONE)).table
    marked = table.loc[table["chosen"]]
    assert dict(zip(marked["seed"], marked["threshold"], strict=True)) == {0: 0.4, 1: 0.45, 2: 0.5}


@pytest.mark.parametrize(("seeds", "kinds"), [(1, 2), (2, 2), (10, 1)])
def test_seeds_are_lines_below_ten(tmp_path: Path, seeds: int, kinds: int) -> None:
    grid = {"resolution": [64], "n_train": ["all"], "seed": seeds}
    study = crack_study(tmp_path, kept=lambda run: None, **{**ONE, "grid": grid})
    drawing = precision_recall_curve(study)
    assert drawing.table["kind"].nunique() == kinds
    assert ("are not drawn: there are 10 or more" in drawing.caption) == (seeds == 10)


@pytest.mark.parametrize(
    "table", [None, [[0.5, 1, 2]], [[0.0, 0, 9, 0], [1.0, 0, 0, 0]], [[0.5, -1, 1, 1]]]
)
def test_what_is_no_curve_is_not_drawn(tmp_path: Path, table: Any) -> None:
    def tables(run: Run) -> Mapping[str, Any]:
        return {} if table is None else {"precision_recall": table}

    drawing = precision_recall_curve(crack_study(tmp_path, tables=tables, **ONE))
    assert drawing.table.empty
    assert "two classes" in drawing.caption


# --- Width


def test_the_iou_of_a_bin_is_pooled_over_pixels_and_seeds(tmp_path: Path) -> None:
    study = crack_study(tmp_path, **ONE)
    drawing = score_by_width(study)
    table = drawing.table
    pooled = table.loc[table["kind"] == "pooled"]
    assert pooled["images"].tolist() == [6, 21, 34, 30, 22, 9, 1]  # bins without images are not
    rows = [by_width(quality(run))[2] for run in study.plan.runs]
    hits, wrong, missed = (sum(row[place] for row in rows) for place in (3, 4, 5))
    assert pooled["iou"].iloc[1] == pytest.approx(hits / (hits + wrong + missed))
    assert pooled["width_low_percent"].iloc[1] == 1.0
    bars = [bar.get_height() for bar in drawing.figure.axes[1].patches]  # type: ignore[attr-defined]
    assert bars == pooled["images"].tolist()


def test_what_is_measured_has_the_name_of_its_class(tmp_path: Path) -> None:
    assert score_by_width(crack_study(tmp_path / "a", **ONE)).title == (
        "Cracks: IoU against crack width"
    )
    several = {"classes": ["a", "b", "c"]}
    assert (
        "width of the foreground"
        in score_by_width(crack_study(tmp_path / "b", data=several, **ONE)).title
    )


def test_widths_are_in_px_too_where_there_is_one_resolution(tmp_path: Path) -> None:
    labels = [
        label.get_text()
        for label in score_by_width(crack_study(tmp_path, **ONE)).figure.axes[1].get_xticklabels()
    ]
    assert labels[1] == "1–1.5\n0.6–1 px"


def test_a_table_of_other_bins_is_left_out(tmp_path: Path) -> None:
    def tables(run: Run) -> Mapping[str, Any]:
        found = dict(tables_of(run))
        if run.model == "wide":
            found["iou_by_width"] = [[0.0, 1.0, 5, 10, 10, 10]]
        return found

    table = score_by_width(crack_study(tmp_path, tables=tables)).table
    assert set(table["model"]) == {"small_unet"}


# --- Pixels by class


def test_the_confusion_matrix_of_pixels_is_drawn_with_the_names_of_classes(tmp_path: Path) -> None:
    matrix: list[list[int | float]] = [[390_000, 1000], [300, 700]]
    study = crack_study(tmp_path, tables=lambda run: {"confusion_matrix": matrix}, **ONE)
    drawing = confusion_matrices(study)
    table = drawing.table
    written = [text.get_text() for text in drawing.figure.axes[0].texts]
    assert written == [">99\n(1,170,000)", "<1\n(3,000)", "30\n(900)", "70\n(2,100)"]
    assert table["true_name"].unique().tolist() == ["background", "crack"]
    assert table["n"].unique().tolist() == [3]
