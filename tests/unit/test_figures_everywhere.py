"""What every figure of curves and cells must bear: any study, any name, the same bytes twice."""

from __future__ import annotations

import hashlib
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image

from studygrid.figures import FIGURES, load_figure
from studygrid.figures.drawing import Drawing, save
from studygrid.figures.style import PNG_DPI, WIDTH_IN, house_style
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults
from tests.conftest import ROOT
from tests.unit.figure_studies import HOSTILE, Outcome, csv_rows, made_study, score

pytestmark = pytest.mark.filterwarnings("error")
NAMES = [
    "metric_by_resolution",
    "metric_by_n_train",
    "metric_heatmap",
    "seed_spread",
    "learning_curves",
]
MANY = [f"mobilenet_v{number:02d}_small" for number in range(15)]


def some_fail(run: Run) -> Outcome:
    """Return a score, or what became of the run: another thing for each seed and model."""
    endings: list[Outcome] = ["diverged", score(run), "oom", None, "missing"]
    return endings[(run.seed + len(run.model) + run.resolution // 32) % 5]


STUDIES: dict[str, dict[str, Any]] = {
    "hostile name": {"name": HOSTILE, "sizes": ["all"]},
    "one run": {"models": ["a"], "resolutions": [32], "sizes": ["all"], "seeds": 1},
    "15 models": {"models": MANY, "resolutions": [32], "sizes": [64, "all"], "seeds": 2},
    "12 seeds": {"models": ["a"], "resolutions": [32], "sizes": ["all"], "seeds": 12},
    "some fail": {"outcome": some_fail, "sizes": ["all"]},
    "negative": {"metric": "loss", "sizes": ["all"], "outcome": lambda run: -40 * score(run)},
}
EMPTY: dict[str, Callable[[Run], Outcome]] = {
    "all missing": lambda run: "missing",
    "all out of memory": lambda run: "oom",
}


def draw(name: str, study: StudyResults) -> Drawing:
    return load_figure(study.family, name)(study)


@pytest.fixture(scope="module", params=list(STUDIES))
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    return made_study(tmp_path_factory.mktemp("study"), **STUDIES[request.param])


@pytest.mark.parametrize("name", NAMES)
def test_any_study_is_drawn_whole_and_saved(name: str, study: StudyResults, tmp_path: Path) -> None:
    drawing = draw(name, study)
    with house_style():
        assert_readable(drawing)
    if study.name == HOSTILE:
        save(drawing, tmp_path / name)
        assert_saved(drawing, tmp_path / name)
    assert drawing.title.startswith(f"{study.name}: ")
    assert re.search(r"Of the \d+ runs? planned", drawing.caption)
    assert len(csv_rows(drawing)) == len(drawing.table) > 0


def assert_readable(drawing: Drawing) -> None:
    """Nothing is small, leaves the page, or lies on something else."""
    figure, page = drawing.figure, drawing.figure.bbox
    assert figure.get_figwidth() == WIDTH_IN
    assert figure.get_figheight() < 11
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) >= 8
    title, caption = (text.get_window_extent() for text in drawing.words)
    assert title.width > 0
    panels = [axes.get_tightbbox() for axes in figure.axes if axes.axison]
    legends = [legend.get_window_extent() for legend in figure.legends]
    for box in (title, caption, *legends, *panels):
        assert page.x0 <= box.x0 <= box.x1 <= page.x1
        assert page.y0 <= box.y0 <= box.y1 <= page.y1
    for above in (title, *legends):
        assert all(above.y0 >= panel.y1 - 2 for panel in panels)
    assert all(panel.y0 >= caption.y1 for panel in panels)
    places = [axes.get_window_extent() for axes in figure.axes]
    assert not any(one.overlaps(other) for one, other in combinations(places, 2))


def assert_saved(drawing: Drawing, stem: Path) -> None:
    svg = stem.with_suffix(".svg").read_text("utf-8")
    ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert "<dc:date>" not in svg
    with Image.open(stem.with_suffix(".png")) as png:
        assert png.width == round(WIDTH_IN * PNG_DPI)
    columns = list(drawing.table.columns)
    table = pd.read_csv(stem.with_suffix(".csv"), keep_default_na=False)
    assert list(table.columns) == columns
    for name in ("value", "mean", "train_loss"):
        if name in columns:
            written = [float(text) if text != "" else math.nan for text in map(str, table[name])]
            pd.testing.assert_series_equal(
                pd.Series(written, dtype=float),
                drawing.table[name].astype(float),
                check_names=False,
            )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("outcome", list(EMPTY))
def test_a_study_without_results_says_so(name: str, outcome: str, tmp_path: Path) -> None:
    study = made_study(
        tmp_path, sizes=["all"], outcome=EMPTY[outcome], epochs=lambda run: [], name=HOSTILE
    )
    drawing = draw(name, study)
    assert drawing.table.empty
    assert len(drawing.table.columns) > 4
    assert "Of the 18 runs planned in the study: " in drawing.caption
    assert drawing.title.startswith(HOSTILE)
    with house_style():
        assert_readable(drawing)


@pytest.mark.parametrize("name", NAMES[:-1])
def test_a_metric_that_is_undefined_everywhere_says_so(name: str, tmp_path: Path) -> None:
    drawing = draw(name, made_study(tmp_path, sizes=["all"], outcome=lambda run: None))
    assert drawing.table.empty
    assert "No run has a value of the test Accuracy yet." in drawing.caption
    assert "18 of the ok ones without a value." in drawing.caption


def save_all(folder: Path) -> list[str]:
    """Draw and save every figure; return the names and hashes of the files."""
    study = made_study(folder, models=["a", "b"], sizes=["all"], outcome=some_fail)
    for name in NAMES:
        save(draw(name, study), folder / name)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]


def test_another_process_and_other_settings_give_the_same_bytes(tmp_path: Path) -> None:
    code = "import pathlib, sys; from tests.unit.test_figures_everywhere import save_all; "
    code += "print(*save_all(pathlib.Path(sys.argv[1])), sep='\\n')"
    (tmp_path / "other").mkdir()
    (tmp_path / "this").mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "other")],
        env={**os.environ, "PYTHONHASHSEED": "3", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9, "svg.hashsalt": "other"}):
        written = save_all(tmp_path / "this")
    output, _ = other.communicate()
    assert other.returncode == 0
    assert output.splitlines() == written
    assert len(written) == 3 * len(NAMES)


@pytest.mark.parametrize("name", ["metric_by_n_train", "metric_heatmap"])
def test_saved_twice_the_files_are_the_same_bytes(name: str, tmp_path: Path) -> None:
    drawing = draw(name, made_study(tmp_path, models=["a"], sizes=["all"]))
    for folder in ("first", "second"):
        save(drawing, tmp_path / folder / name)
    for suffix in (".svg", ".png", ".csv"):
        first, second = ((tmp_path / at / name).with_suffix(suffix) for at in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_each_figure_has_a_title_of_its_own(tmp_path: Path) -> None:
    study = made_study(tmp_path, outcome=lambda run: "missing")
    assert len({draw(name, study).title for name in NAMES}) == len(NAMES)


def test_figures_are_found_by_name_and_every_one_can_be_loaded(tmp_path: Path) -> None:
    study = made_study(tmp_path, models=["a"], sizes=["all"], seeds=1)
    assert set(NAMES) <= set(FIGURES)
    assert all(load_figure(study.family, name).__name__ == name for name in FIGURES)
