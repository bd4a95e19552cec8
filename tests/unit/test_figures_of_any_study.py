"""What holds for the figures of cost, time, classes, calibration and status in any study."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from studygrid.families.base import load_reference
from studygrid.families.classification import FAMILY
from studygrid.figures import figures_of
from studygrid.figures.drawing import Drawing, save
from studygrid.figures.style import WIDTH_IN
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults
from tests.conftest import ROOT
from tests.unit.made_study import made_study, named_models

NAMES = (
    "cost",
    "best_against_throughput",
    "time_to_threshold",
    "confusion_matrices",
    "calibration",
    "status_matrix",
)
HOSTILE = '<script>alert("x")</script> & $\\frac{1}{2}$ 100% _a|b=c_'
LONG = [f"a_rather_long_model_name_with_number_{number:02d}" for number in range(15)]


def fate(run: Run) -> str:
    return {3: "diverged", 5: "oom", 6: "missing"}.get((len(run.path) + run.seed) % 7, "ok")


STUDIES: dict[str, dict[str, Any]] = {
    "hostile": {"name": HOSTILE, "fate": fate},
    "long": {
        "models": {name: {"architecture": "tiny_cnn"} for name in LONG},
        "grid": {"resolution": [32], "n_train": ["all"], "seed": 2},
        "fate": fate,
    },
    "one_run": {
        "models": {"tiny_cnn": None},
        "grid": {"resolution": [32], "n_train": ["all"], "seed": 1},
    },
    "nothing": {"fate": lambda run: "missing", "profile": lambda model, resolution: None},
}


def figure(name: str) -> Callable[[StudyResults], Drawing]:
    function: Callable[[StudyResults], Drawing] = load_reference(figures_of(FAMILY)[name])
    return function


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Drawing]:
    @cache
    def study(kind: str) -> StudyResults:
        return made_study(tmp_path_factory.mktemp(kind), **STUDIES[kind])

    @cache
    def draw(kind: str, name: str) -> Drawing:
        return figure(name)(study(kind))

    return draw


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", STUDIES)
def test_all_words_are_within_the_figure(
    drawn: Callable[[str, str], Drawing], kind: str, name: str
) -> None:
    figure = drawn(kind, name).figure
    width, height = figure.get_size_inches()
    assert width == WIDTH_IN
    drawn_in = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    assert drawn_in.x0 > -0.02
    assert drawn_in.y0 > -0.02
    assert drawn_in.x1 < width + 0.02
    assert drawn_in.y1 < height + 0.02


@pytest.mark.parametrize("name", NAMES)
def test_the_title_is_the_study_and_what_is_shown(
    drawn: Callable[[str, str], Drawing], name: str
) -> None:
    title = drawn("hostile", name).title
    assert title.startswith(f"{HOSTILE}: ")
    assert len(title) > len(HOSTILE) + 10


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["hostile", "long", "one_run"])
def test_the_caption_counts_the_planned_runs(
    drawn: Callable[[str, str], Drawing], kind: str, name: str
) -> None:
    caption = drawn(kind, name).caption
    assert "planned" in caption
    assert "nan" not in caption.replace("training loss is nan", "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", STUDIES)
def test_the_columns_are_those_that_are_documented(
    drawn: Callable[[str, str], Drawing], kind: str, name: str
) -> None:
    function = figure(name)
    columns = sys.modules[function.__module__].TABLE_COLUMNS
    drawing = drawn(kind, name)
    assert list(drawing.table.columns) == columns
    assert all(f"`{column}`" in (function.__doc__ or "") for column in columns)
    if kind == "nothing" and name != "status_matrix":
        assert drawing.table.empty
    else:
        assert not drawing.table.empty


@pytest.fixture(scope="module")
def files(
    drawn: Callable[[str, str], Drawing], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """Return the files of the hostile study by name."""
    folder = tmp_path_factory.mktemp("files")
    for name in NAMES:
        save(drawn("hostile", name), folder / name)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_the_same_bytes_however_often_they_are_written(
    drawn: Callable[[str, str], Drawing], files: dict[str, bytes], name: str, tmp_path: Path
) -> None:
    save(drawn("hostile", name), tmp_path / name)
    again = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert again == {file: files[file] for file in again}
    assert len(again) == 3


@pytest.mark.parametrize("name", NAMES)
def test_the_files_hold_hostile_names_as_they_are(
    drawn: Callable[[str, str], Drawing], files: dict[str, bytes], name: str
) -> None:
    root = ElementTree.fromstring(files[f"{name}.svg"])
    assert HOSTILE in "".join(root.itertext())
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    table = pd.read_csv(io.BytesIO(files[f"{name}.csv"]), dtype={"n_train": str})
    assert list(table.columns) == list(drawn("hostile", name).table.columns)
    assert len(table) == len(drawn("hostile", name).table)


DRAW = """
import sys
from pathlib import Path
from studygrid.figures.drawing import save
from tests.unit.test_figures_of_any_study import NAMES, STUDIES, figure
from tests.unit.made_study import made_study
folder = Path(sys.argv[1])
study = made_study(folder / "study", **STUDIES["hostile"])
for name in NAMES:
    save(figure(name)(study), folder / name)
"""


def test_the_files_are_the_same_bytes_in_another_process(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    other = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    environment = {**os.environ, "PYTHONHASHSEED": other}
    command = [sys.executable, "-c", DRAW, str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)
    assert files == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert len(files) == 3 * len(NAMES)


def test_fifteen_models_are_told_apart(tmp_path: Path) -> None:
    grid = {"resolution": [32], "n_train": ["all"], "seed": 1}
    study = made_study(tmp_path, models=named_models(15), grid=grid)
    drawing = figure("best_against_throughput")(study)
    (legend,) = drawing.figure.legends
    looks = {(line.get_markerfacecolor(), line.get_marker()) for line in legend.get_lines()}
    assert len(looks) == 15
