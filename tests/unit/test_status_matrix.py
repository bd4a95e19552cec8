"""Every planned run is in the matrix, and every run that is not ok in the caption."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Rectangle

from studygrid.figures.drawing import Drawing
from studygrid.figures.status_matrix import status_matrix
from studygrid.grid import Run
from tests.unit.made_study import made_study, named_models


def states(drawing: Drawing) -> dict[tuple[Any, ...], str]:
    return drawing.table.set_index(["model", "resolution", "n_train"])["state"].to_dict()


def texts(drawing: Drawing) -> list[str]:
    return [text.get_text() for text in drawing.figure.axes[0].texts]


def fate(run: Run) -> str:
    """Let each cell of tiny_cnn end in another way."""
    if run.model == "simple_cnn":
        return "ok"
    ways = {
        (48, "all"): ["ok", "diverged", "oom"],
        (48, 64): ["ok", "ok", "missing"],
        (32, "all"): ["diverged", "missing", "oom"],
        (32, 64): ["missing", "missing", "missing"],
    }
    return ways[run.resolution, run.n_train][run.seed]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Drawing:
    return status_matrix(made_study(tmp_path_factory.mktemp("mixed"), fate=fate))


def test_a_complete_study_says_that_all_is_well(tmp_path: Path) -> None:
    drawing = status_matrix(made_study(tmp_path))
    assert set(states(drawing).values()) == {"all ok"}
    assert "All 24 planned runs are ok." in drawing.caption
    assert texts(drawing).count("3/3") == 8


def test_each_cell_has_its_state_and_its_counts(mixed: Drawing) -> None:
    assert {cell[1:]: state for cell, state in states(mixed).items() if cell[0] == "tiny_cnn"} == {
        (48, "all"): "some failed",
        (48, "64"): "some missing",
        (32, "all"): "none ok",
        (32, "64"): "none there",
    }
    table = mixed.table
    assert (table["ok"] + table["failed"] + table["missing"]).eq(table["planned"]).all()
    assert table["planned"].sum() == 24
    assert {"1/3 (2 failed)", "2/3 (1 missing)", "0/3", "0/3 (3 missing)"} <= set(texts(mixed))


def test_reasons_are_grouped_and_counted(mixed: Drawing) -> None:
    assert "15 ok, 2 diverged, 2 ran out of memory, 5 missing" in mixed.caption
    assert "5 missing (train.json: missing)" in mixed.caption
    assert "2 ran out of memory (CUDA out of memory: tried to allocate 2.00 GiB)" in mixed.caption
    # They differ in a number alone.
    assert re.search(r"2 diverged \(such as the training loss is nan in epoch \d", mixed.caption)


def test_states_are_told_apart_in_grey(mixed: Drawing) -> None:
    (legend,) = mixed.figure.legends
    looks = set()
    for patch in legend.get_patches():
        assert isinstance(patch, Rectangle)
        red, green, blue = to_rgb(patch.get_facecolor())
        grey = 0.299 * red + 0.587 * green + 0.114 * blue
        looks.add((round(5 * grey), patch.get_hatch() or ""))
    assert len(looks) == len(legend.get_patches()) == 5


def test_cells_that_are_not_planned_are_empty_places(tmp_path: Path) -> None:
    grid = {
        "resolution": [32, 48],
        "n_train": ["all", 64],
        "seed": 1,
        "exclude": [{"model": ["tiny_cnn"], "resolution": [48], "n_train": [64]}],
    }
    drawing = status_matrix(made_study(tmp_path, grid=grid))
    assert len(drawing.table) == 7
    assert "An empty place is not planned." in drawing.caption
    assert len(drawing.figure.axes[0].patches) == 7


def test_many_columns_turn_to_rows_of_models_and_resolutions(tmp_path: Path) -> None:
    grid = {
        "resolution": [16, 24, 32, 48, 64, 96, 128],
        "n_train": [64, 128, 256, "all"],
        "seed": 10,
    }
    study = made_study(tmp_path, fate=lambda run: "missing", grid=grid)
    drawing = status_matrix(study)
    names = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert names[:2] == ["simple_cnn, 16 px", "simple_cnn, 24 px"]
    assert len(names) == 14
    assert len(drawing.table) == 56


@pytest.mark.parametrize("models", [1, 15])
def test_rows_are_models_in_the_order_of_the_config(tmp_path: Path, models: int) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": 1}
    study = made_study(tmp_path, models=named_models(models), grid=grid, fate=lambda run: "missing")
    names = [label.get_text() for label in status_matrix(study).figure.axes[0].get_yticklabels()]
    assert names == [f"model_{number}" for number in range(models)]


def test_more_reasons_than_fit_are_counted(tmp_path: Path) -> None:
    study = made_study(tmp_path)
    frame = study.frame.assign(
        status="diverged", reason=[f"reason {chr(97 + k)}" for k in range(24)]
    )
    caption = status_matrix(replace(study, frame=frame)).caption
    assert caption.count("1 diverged (reason ") == 6
    assert "18 more for other reasons" in caption


def test_a_long_reason_is_cut(tmp_path: Path) -> None:
    study = made_study(tmp_path)
    frame = study.frame.assign(status="oom", reason="x" * 400)
    caption = status_matrix(replace(study, frame=frame)).caption
    assert "x" * 100 not in caption
    assert "…" in caption


def test_the_colours_of_cells_are_those_of_the_legend(mixed: Drawing) -> None:
    cells = {to_hex(patch.get_facecolor()) for patch in mixed.figure.axes[0].patches}
    entries = {to_hex(patch.get_facecolor()) for patch in mixed.figure.legends[0].get_patches()}
    assert cells == entries
