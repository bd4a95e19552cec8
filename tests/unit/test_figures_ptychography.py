"""The figures of ptychography: what is drawn is what the records say, and nothing else."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from scipy import stats

from studygrid.families.ptychography import FAMILY
from studygrid.figures import load_figure
from studygrid.figures.drawing import Drawing, save
from studygrid.figures.largest_place import largest_place
from studygrid.figures.reconstruction_arms import PARTS, Arm, arm_of, arms_at
from studygrid.figures.reconstructions import draw_reconstructions
from studygrid.figures.style import WIDTH_IN, looks
from studygrid.grid import Run
from studygrid.results.one_setting import models_without_learning
from studygrid.results.study_results import StudyResults
from tests.unit import figure_studies
from tests.unit.figure_studies import without_layout, words  # noqa: F401 (a fixture)
from tests.unit.ptychography_studies import (
    CONFIG,
    EPOCHS,
    MODELS,
    POOR,
    SIZES,
    crossing,
    examples_of,
    facts_of,
    frc_rows,
    metrics_of,
    ptychography_study,
    tables_of,
)

pytestmark = pytest.mark.filterwarnings("error")
NAMES = ["size_trends", "frc_curves", "reconstructions"]
HOSTILE = '<script>alert("x")</script> & $\\frac{1}{2}$ 100% _a|b=c_'
LONG = {
    f"a_rather_long_model_name_with_number_{number}": {"architecture": architecture}
    for number, architecture in enumerate(["pinn", "baseline", "pinn", "baseline", "pinn"])
}
GRID = CONFIG["grid"]
Draw = Callable[[str, str], Drawing]


def some_fail(run: Run) -> str:
    return {3: "diverged", 5: "oom", 6: "missing"}.get((len(run.path) + run.seed) % 7, "ok")


def grid(**changes: Any) -> dict[str, Any]:
    return {"grid": {**GRID, **changes}}


STUDIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "hostile": {"name": HOSTILE, "fate": some_fail, **grid(seed=4)},
    "long names": {
        "models": {**LONG, "iterative": MODELS["iterative"]},
        "grid": {
            "model": list(LONG),
            "resolution": [64],
            "n_train": [64, "all", 512, 128],
            "seed": 2,
            "include": [{"model": ["iterative"], "n_train": [64]}],
        },
    },
    "ten seeds": grid(seed=10, n_train=[64, 512, 1024]),
    "one run": {
        "models": {"pinn": MODELS["pinn"]},
        "grid": {"resolution": [64], "n_train": ["all"], "seed": 1},
    },
    "one seed": grid(seed=1),
    "nothing learns": {
        "models": {"iterative": MODELS["iterative"]},
        "grid": {"resolution": [64], "n_train": [128, 512], "seed": 3},
    },
    "an arm fails": {"fate": lambda run: "oom" if run.model == "baseline" else "ok"},
    "two patterns": grid(resolution=[32, 64], n_train=[64, 1024], seed=2),
    "nothing kept": {"tables": lambda run: {}, "examples": lambda run: None},
}


def draw(study: StudyResults, name: str) -> Drawing:
    return load_figure(FAMILY, name)(study)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], StudyResults]:
    @cache
    def study(kind: str) -> StudyResults:
        return ptychography_study(tmp_path_factory.mktemp("study") / "made", **STUDIES[kind])

    return study


@pytest.fixture(scope="module")
def drawn(studies: Callable[[str], StudyResults]) -> Draw:
    return cache(lambda kind, name: draw(studies(kind), name))


def small(**changes: Any) -> dict[str, Any]:
    """Return a config of two sizes."""
    return {**grid(n_train=[128, 1024]), **changes}


def values_of(model: str, size: int, metric: str, seeds: int = 3) -> list[float]:
    """Return what the runs of a cell of the plain study score, those that failed left out."""
    runs = [Run(model, 64, size, seed) for seed in range(seeds)]
    values = [metrics_of(run)[metric] for run in runs if run.path != "pinn/res64/n128/seed2"]
    return [value for value in values if value is not None]


def of(table: pd.DataFrame, **axes: Any) -> pd.DataFrame:
    for name, value in axes.items():
        table = table.loc[table[name] == value]
    return table


def panels(drawing: Drawing) -> list[Axes]:
    return [axes for axes in drawing.figure.axes if axes.axison]


# --- Every figure


@pytest.mark.parametrize("name", [*NAMES, "metric_by_n_train"])
@pytest.mark.parametrize("kind", STUDIES)
def test_odd_studies_are_drawn_whole(drawn: Draw, kind: str, name: str) -> None:
    drawing = drawn(kind, name)
    width, height = drawing.figure.get_size_inches()
    assert width == WIDTH_IN
    assert height < 11
    canvas = FigureCanvasAgg(drawing.figure)
    there = drawing.figure.get_tightbbox(canvas.get_renderer())  # type: ignore[no-untyped-call]
    assert min(there.x0, there.y0) > -0.02
    assert there.x1 < width + 0.02
    assert there.y1 < height + 0.02
    assert re.search(r"Of the \d+ runs? planned", drawing.caption)
    empty = kind == "nothing kept" and name in ("frc_curves", "reconstructions")
    assert drawing.table.empty == empty


@pytest.mark.parametrize("name", NAMES)
def test_the_columns_are_those_that_are_documented(drawn: Draw, name: str) -> None:
    function = load_figure(FAMILY, name)
    columns = sys.modules[function.__module__].TABLE_COLUMNS
    assert list(drawn("plain", name).table.columns) == columns
    assert list(drawn("hostile", name).table.columns) == columns
    for column in columns:
        assert f"`{column}`" in (function.__doc__ or ""), column


@pytest.mark.parametrize("name", NAMES)
def test_two_drawings_are_the_same_bytes_and_hold_names_as_they_are(
    studies: Callable[[str], StudyResults], name: str, tmp_path: Path
) -> None:
    for folder in ("first", "second"):
        save(draw(studies("hostile"), name), tmp_path / folder / name)
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
    drawing = draw(ptychography_study(tmp_path, fate=lambda run: status, **small()), name)
    assert drawing.table.empty
    assert "No run has ended well yet" in drawing.caption
    assert status in drawing.caption


@pytest.mark.parametrize("name", NAMES)
def test_what_failed_is_counted(
    drawn: Draw, studies: Callable[[str], StudyResults], name: str
) -> None:
    frame = studies("hostile").frame
    place = largest_place(studies("hostile"))
    assert place is not None
    counted = frame if name == "size_trends" else place.runs
    caption = drawn("hostile", name).caption
    found = re.search(r"Of the (\d+) runs planned there: (.*?)\.", caption)
    assert found is not None
    assert int(found[1]) == len(counted)
    parts = {part.split(" ", 1)[1]: int(part.split()[0]) for part in found[2].split(", ")}
    statuses = counted["status"].value_counts()
    assert parts["ok"] == statuses["ok"]
    assert parts.get("diverged", 0) == statuses.get("diverged", 0)
    assert parts.get("ran out of memory", 0) == statuses.get("oom", 0)


def test_the_made_study_is_what_it_says() -> None:
    def gap(size: int, metric: str) -> float:
        means = [np.mean(values_of(model, size, metric)) for model in ("pinn", "baseline")]
        return float(means[0] - means[1])

    assert [gap(size, "phase_ssim") > 0 for size in SIZES] == [True, True, True, False, False]
    assert all(gap(size, "amplitude_ssim") > 0 for size in SIZES)


# --- Metrics against size


@pytest.mark.parametrize("metric", ["amplitude_mae", "phase_ssim", "phase_frc50_frequency"])
@pytest.mark.parametrize(("model", "size"), [("pinn", 128), ("baseline", 64), ("baseline", 1024)])
def test_cells_are_their_medians_quartiles_and_intervals(
    drawn: Draw, metric: str, model: str, size: int
) -> None:
    values = values_of(model, size, metric)
    rows = of(drawn("plain", "size_trends").table, metric=metric, model=model, n_train=str(size))
    median, mean = of(rows, kind="median").iloc[0], of(rows, kind="mean").iloc[0]
    assert median["value"] == pytest.approx(np.median(values))
    low, high = np.percentile(values, [25, 75])
    assert (median["spread_low"], median["spread_high"]) == pytest.approx((low, high))
    interval = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    assert mean["value"] == pytest.approx(np.mean(values))
    assert (mean["ci_low"], mean["ci_high"]) == pytest.approx(interval)
    assert (median["n"], median["planned"], median["samples"]) == (len(values), 3, size)
    assert sorted(of(rows, kind="seed")["value"]) == pytest.approx(sorted(values))


def test_poor_runs_are_in_and_failed_ones_are_named(drawn: Draw) -> None:
    drawing = drawn("plain", "size_trends")
    seeds = of(drawing.table, metric="phase_ssim", kind="seed", model="baseline", n_train="64")
    assert POOR == ("baseline/res64/n64/seed0",)
    assert seeds.loc[seeds["seed"] == 0, "value"].tolist() == pytest.approx([0.08])
    assert "Fewer seeds with a score than planned: pinn at 128 (2 of 3)." in drawing.caption
    assert "1 diverged" in drawing.caption


@pytest.mark.usefixtures("without_layout")
def test_a_metric_that_lacks_values_in_runs_that_ended_well_is_named(tmp_path: Path) -> None:
    def metrics(run: Run) -> dict[str, float | None]:
        lacks = run.model == "baseline" and run.n_train == 1024 and run.seed != 1
        return {**metrics_of(run), **({"phase_psnr": None, "phase_mse": None} if lacks else {})}

    caption = draw(ptychography_study(tmp_path, metrics=metrics, **small()), "size_trends").caption
    # What failed lacks all metrics, and is named once.
    words = "Fewer seeds with a score than planned: pinn at 128 (2 of 3). Fewer have Phase MSE, "
    assert f"{words}Phase PSNR: baseline at 1024 (1 of 3)." in caption


def test_lines_are_the_medians_and_not_the_means(drawn: Draw) -> None:
    drawing = drawn("plain", "size_trends")
    axes = panels(drawing)[7]
    assert axes.get_ylabel().startswith("SSIM")
    colour = looks(["pinn", "baseline", "iterative"])["baseline"].colour
    lines = [line for line in axes.lines if len(line.get_xdata()) == 5 and _is(line, colour)]  # type: ignore[arg-type]
    medians = [np.median(values_of("baseline", size, "phase_ssim")) for size in SIZES]
    means = [np.mean(values_of("baseline", size, "phase_ssim")) for size in SIZES]
    solid = [line for line in lines if line.get_linestyle() == "-"]
    assert np.asarray(solid[0].get_ydata()) == pytest.approx(medians)
    assert medians != pytest.approx(means)
    assert list(np.asarray(solid[0].get_xdata())) == list(SIZES)
    assert axes.get_xscale() == "log"


def _is(line: Line2D, colour: str) -> bool:
    return to_rgba(line.get_color()) == to_rgba(colour)


def test_no_axis_goes_where_no_value_can_be(drawn: Draw) -> None:
    every = panels(drawn("plain", "size_trends"))
    limits = {axes.get_ylabel().split()[0]: axes.get_ylim() for axes in every}
    for measure in ("MAE", "MSE", "FRC"):
        low, high = limits[measure]
        assert -0.06 * (high - low) < low <= 0
    assert limits["SSIM"][1] < 1.1


def test_amplitude_and_phase_stand_side_by_side(drawn: Draw) -> None:
    drawing = drawn("plain", "size_trends")
    first, second, third, *_ = panels(drawing)
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["Amplitude", "Phase"]
    assert first.get_ylabel() == "MAE\nlower is better"
    assert second.get_ylabel() == "MAE (rad)\nlower is better"
    assert third.get_ylabel() == "MSE\nlower is better"
    assert len(panels(drawing)) == 12
    metrics = list(dict.fromkeys(drawing.table["metric"]))
    measures = ["mae", "mse", "psnr", "ssim", "ms_ssim", "frc50_frequency"]
    assert metrics == [f"{part}_{measure}" for measure in measures for part in PARTS]


def test_what_does_not_learn_is_a_level_line_with_its_range(drawn: Draw) -> None:
    drawing = drawn("plain", "size_trends")
    values = values_of("iterative", 1024, "phase_mae")
    row = of(drawing.table, metric="phase_mae", kind="reference").iloc[0]
    assert row["model"] == "iterative"
    assert row["value"] == pytest.approx(np.median(values))
    assert (row["spread_low"], row["spread_high"]) == pytest.approx((min(values), max(values)))
    assert row["n"] == 3
    assert set(of(drawing.table, model="iterative")["kind"]) == {"reference"}
    assert "iterative (does not learn)" in words(drawing)
    level = [line for line in panels(drawing)[1].lines if list(line.get_xdata()) == [0, 1]]  # type: ignore[arg-type]
    assert [line.get_ydata()[0] for line in level] == pytest.approx([np.median(values), 0.24])  # type: ignore[index]


def test_the_guess_is_a_line_and_is_named_where_it_is_out_of_sight(drawn: Draw) -> None:
    drawing = drawn("ten seeds", "size_trends")
    assert of(drawing.table, metric="phase_mse", kind="chance")["value"].tolist() == [0.09]
    assert of(drawing.table, metric="phase_frc50_frequency", kind="chance").empty
    titles = [axes.get_title(loc="right") for axes in panels(drawing)]
    assert "guess ↑ 0.09" in titles
    assert "Arrows name level lines that are out of sight." in drawing.caption
    assert "such as a flat object" in drawing.caption


def test_from_ten_seeds_on_there_are_no_dots(drawn: Draw) -> None:
    table = drawn("ten seeds", "size_trends").table
    assert of(table, kind="seed").empty
    median = of(table, kind="median", metric="phase_mae", model="pinn", n_train="512").iloc[0]
    values = values_of("pinn", 512, "phase_mae", seeds=10)
    assert median["spread_low"] == pytest.approx(np.percentile(values, 25))


def test_one_seed_has_neither_a_spread_nor_an_interval(drawn: Draw) -> None:
    drawing = drawn("one seed", "size_trends")
    assert set(drawing.table["kind"]) == {"median", "reference", "chance"}
    assert of(drawing.table, kind="median")["spread_low"].isna().all()
    assert "neither a spread nor an interval" in drawing.caption
    assert "25–75 %" not in words(drawing)


@pytest.mark.usefixtures("without_layout")
def test_a_metric_without_values_is_named_with_its_reason(tmp_path: Path) -> None:
    def metrics(run: Run) -> dict[str, float | None]:
        return {name: value for name, value in metrics_of(run).items() if "ms_ssim" not in name}

    drawing = draw(ptychography_study(tmp_path, metrics=metrics, **small()), "size_trends")
    assert len(panels(drawing)) == 10
    assert (
        "No run has a value of Amplitude MS-SSIM, Phase MS-SSIM (made without)." in drawing.caption
    )


@pytest.mark.usefixtures("without_layout")
def test_a_part_without_values_leaves_its_panel_and_the_others(tmp_path: Path) -> None:
    def metrics(run: Run) -> dict[str, float | None]:
        found = metrics_of(run)
        return {**found, "phase_ssim": None, "phase_frc50_frequency": None}

    drawing = draw(ptychography_study(tmp_path, metrics=metrics, **small()), "size_trends")
    assert len(panels(drawing)) == 12
    assert words(drawing).count("no value") == 2
    assert "No run has a value of Phase SSIM, Phase FRC 0.5 frequency" in drawing.caption


@pytest.mark.usefixtures("without_layout")
def test_of_several_patterns_the_largest_is_drawn_with_its_own_guess(tmp_path: Path) -> None:
    study = ptychography_study(
        tmp_path,
        chance=lambda run: {"phase_mae": run.resolution / 1000},
        **grid(resolution=[32, 64], n_train=[64, 1024], seed=2),
    )
    trends = draw(study, "size_trends")
    assert set(trends.table["resolution"]) == {64}
    assert "At 64 px, the largest diffraction pattern that most models share" in trends.caption
    assert of(trends.table, kind="chance")["value"].tolist() == [0.064]


@pytest.mark.usefixtures("without_layout")
def test_any_family_has_its_metrics_drawn_one_after_the_other(tmp_path: Path) -> None:
    study = figure_studies.made_study(tmp_path, resolutions=[32], seeds=2)
    facts = {
        run: one.model_copy(update={"scored": {}, "undefined": {}})
        for run, one in study.facts.items()
    }
    drawing = load_figure(FAMILY, "size_trends")(StudyResults(**{**vars(study), "facts": facts}))
    assert [axes.get_ylabel() for axes in panels(drawing)] == ["Accuracy\nhigher is better"]
    assert set(drawing.table["metric"]) == {"accuracy"}


# --- The study's metric against size


def test_metric_by_n_train_draws_what_does_not_learn_across(drawn: Draw) -> None:
    drawing = drawn("plain", "metric_by_n_train")
    values = values_of("iterative", 1024, "phase_ssim")
    reference = of(drawing.table, model="iterative")
    assert reference["kind"].tolist() == ["reference"]
    assert reference["value"].tolist() == pytest.approx([np.mean(values)])
    assert reference[["spread_low", "spread_high"]].to_numpy().tolist() == [
        pytest.approx([min(values), max(values)])
    ]
    (axes,) = panels(drawing)
    level = [line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1]]  # type: ignore[arg-type,index]
    assert np.mean(values) in level
    low, high = axes.get_ylim()
    assert low < min(values) <= max(values) < high
    assert "Dashed level lines: the mean of all runs of a model that does not learn" in (
        drawing.caption
    )
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [str(size) for size in SIZES]
    assert "n = 2 to 3 seeds" in drawing.caption


def test_metric_by_n_train_has_ticks_of_all_and_uneven_sizes(drawn: Draw) -> None:
    (axes,) = panels(drawn("long names", "metric_by_n_train"))
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert labels == ["64", "128", "512", "1599 (all)"]
    assert axes.get_xscale() == "log"


@pytest.mark.usefixtures("without_layout")
def test_metric_by_n_train_names_the_guess_of_each_panel(tmp_path: Path) -> None:
    study = ptychography_study(
        tmp_path,
        chance=lambda run: {"phase_ssim": 0.5 + run.resolution / 1000},
        **grid(resolution=[32, 64], n_train=[64, 1024], seed=2),
    )
    by_size = draw(study, "metric_by_n_train")
    texts = [[text.get_text() for text in axes.texts] for axes in panels(by_size)]
    assert texts == [["chance\n0.532"], ["chance\n0.564"]]
    by_pattern = draw(study, "metric_by_resolution")
    assert "chance" not in words(by_pattern)


def test_a_model_that_does_not_learn_has_lines_against_the_pattern(drawn: Draw) -> None:
    table = drawn("two patterns", "metric_by_resolution").table
    assert set(of(table, model="iterative")["kind"]) == {"seed", "mean"}


# --- Which place


def test_models_that_do_not_learn_are_told_by_their_architecture(
    studies: Callable[[str], StudyResults],
) -> None:
    assert models_without_learning(studies("plain").plan) == ["iterative"]
    assert models_without_learning(studies("one run").plan) == []


def test_what_does_not_learn_does_not_choose_the_place(
    studies: Callable[[str], StudyResults],
) -> None:
    place = largest_place(studies("long names"))
    alone = largest_place(studies("nothing learns"))
    assert place is not None
    assert alone is not None
    assert (place.resolution, place.n_train) == (64, "all")
    assert alone.n_train == "512"


# --- Ring correlation


def test_curves_are_means_and_ranges_of_the_seeds(drawn: Draw) -> None:
    table = drawn("plain", "frc_curves").table
    for part in PARTS:
        for model in MODELS:
            runs = [Run(model, 64, 1024, seed) for seed in range(3)]
            given = np.array([np.array(frc_rows(run, part))[:, 1:3] for run in runs])
            rows = of(table, kind="curve", part=part, model=model)
            assert rows["frequency"].to_numpy() == pytest.approx(given[0, :, 0])
            assert rows["correlation"].to_numpy() == pytest.approx(given[:, :, 1].mean(axis=0))
            assert rows["low"].to_numpy() == pytest.approx(given[:, :, 1].min(axis=0))
            assert rows["high"].to_numpy() == pytest.approx(given[:, :, 1].max(axis=0))
            assert set(rows["n"]) == {3}


def test_marks_are_the_recorded_crossings(drawn: Draw) -> None:
    drawing = drawn("plain", "frc_curves")
    runs = [Run("baseline", 64, 1024, seed) for seed in range(3)]
    given = [crossing(frc_rows(run, "amplitude"), 0.5)[0] for run in runs]
    row = of(drawing.table, kind="0.5", part="amplitude", model="baseline").iloc[0]
    assert row["frequency"] == pytest.approx(np.mean(given))
    assert (row["low"], row["high"]) == pytest.approx((min(given), max(given)))
    assert row["beyond_nyquist"] == 0
    amplitude = panels(drawing)[0]
    marks = [
        tuple(np.asarray(line.get_xydata()).ravel().tolist())
        for line in amplitude.lines
        if line.get_linestyle() == "None"
    ]
    assert (float(row["frequency"]), 0.5) in marks
    # Two models cross 0.5 and one 1/7; what lies beyond Nyquist has no mark.
    assert [level for _, level in marks] == pytest.approx([0.5, 0.5, 1 / 7])


def test_what_lies_beyond_nyquist_is_said(drawn: Draw) -> None:
    drawing = drawn("plain", "frc_curves")
    assert (
        "Beyond Nyquist, so that it never falls below 0.5: iterative; below 1/7: pinn, iterative, "
        "baseline (phase)." in drawing.caption
    )
    row = of(drawing.table, kind="0.5", part="phase", model="iterative").iloc[0]
    assert (row["frequency"], row["beyond_nyquist"]) == (0.5, 3)


@pytest.mark.usefixtures("without_layout")
def test_some_seeds_beyond_nyquist_are_counted(tmp_path: Path) -> None:
    def facts(run: Run) -> dict[str, Any]:
        beyond = ["phase_frc50_frequency"] if run.model == "pinn" and run.seed == 1 else []
        return {**facts_of(run), "beyond_nyquist": beyond}

    drawing = draw(ptychography_study(tmp_path, facts=facts, **small()), "frc_curves")
    assert "never falls below 0.5: pinn (phase of 1 of 3 seeds)." in drawing.caption


@pytest.mark.usefixtures("without_layout")
def test_curves_below_a_level_from_the_first_ring_on_are_counted(tmp_path: Path) -> None:
    def facts(run: Run) -> dict[str, Any]:
        below = ["phase_frc50_frequency"] if run.model == "pinn" and run.seed == 1 else []
        return {**facts_of(run), "below_first_ring": below}

    drawing = draw(ptychography_study(tmp_path, facts=facts, **small()), "frc_curves")
    assert "From the first ring on below 0.5: pinn (phase of 1 of 3 seeds)." in drawing.caption
    row = of(drawing.table, kind="0.5", part="phase", model="pinn").iloc[0]
    assert row["below_first_ring"] == 1


@pytest.mark.usefixtures("without_layout")
def test_means_of_fewer_seeds_than_planned_are_named(tmp_path: Path) -> None:
    def tables(run: Run) -> dict[str, Any]:
        lacks = run.model == "pinn" and run.seed == 2
        return {"frc_amplitude": frc_rows(run, "amplitude")} if lacks else tables_of(run)

    def metrics(run: Run) -> dict[str, float | None]:
        lacks = run.model == "baseline" and run.seed == 0
        return {**metrics_of(run), **({"amplitude_frc50_frequency": None} if lacks else {})}

    study = ptychography_study(tmp_path, tables=tables, metrics=metrics, **small())
    caption = draw(study, "frc_curves").caption
    words = "pinn (phase curve 2 of 3); baseline (amplitude 0.5 mark 2 of 3)"
    assert f"Means of fewer seeds than planned: {words}." in caption


@pytest.mark.usefixtures("without_layout")
def test_all_seeds_that_are_planned_are_not_said_to_be_fewer(tmp_path: Path) -> None:
    caption = draw(ptychography_study(tmp_path, **small()), "frc_curves").caption
    assert "fewer seeds" not in caption


@pytest.mark.usefixtures("without_layout")
def test_scans_are_averaged_and_other_rings_interpolated(tmp_path: Path) -> None:
    def tables(run: Run) -> dict[str, Any]:
        fine = [[0, ring / 8, 1 - ring / 8, 4] for ring in range(1, 5)]
        coarse = [[1, ring / 4, 0.5 - ring / 8, 4] for ring in range(1, 3)]
        return {"frc_amplitude": fine + coarse, "frc_phase": fine}

    drawing = draw(ptychography_study(tmp_path, tables=tables, **small()), "frc_curves")
    rows = of(drawing.table, kind="curve", part="amplitude", model="pinn")
    assert rows["frequency"].tolist() == [0.125, 0.25, 0.375, 0.5]
    # Half of 7/8 + 3/8 (held below the first ring), 3/4 + 3/8, 5/8 + 5/16, 1/2 + 1/4.
    assert rows["correlation"].tolist() == pytest.approx([0.625, 0.5625, 0.46875, 0.375])
    assert "1 to 2 test scans" in drawing.caption


@pytest.mark.usefixtures("without_layout")
def test_a_table_that_is_no_curve_is_left_out_and_counted(tmp_path: Path) -> None:
    def tables(run: Run) -> dict[str, Any]:
        return {"frc_phase": [[0, 1]]} if run.seed == 0 else tables_of(run)

    drawing = draw(ptychography_study(tmp_path, tables=tables, **small()), "frc_curves")
    assert set(of(drawing.table, kind="curve")["n"]) == {2}
    assert "Left out: 3 tables that are no curves." in drawing.caption


# --- Reconstructions


def test_the_median_run_of_each_model_is_shown(studies: Callable[[str], StudyResults]) -> None:
    study = studies("plain")
    place = largest_place(study)
    assert place is not None
    arms, left_out = arms_at(study, place)
    assert left_out == 0
    assert [arm.name for arm in arms] == ["pinn", "baseline", "iterative"]
    for arm in arms:
        scores = {
            seed: metrics_of(Run(arm.name, 64, 1024, seed))["phase_ssim"] or 0 for seed in range(3)
        }
        assert arm.run is not None
        assert arm.run.seed == sorted(scores, key=scores.__getitem__)[1]
        given = examples_of(arm.run) or {}
        assert np.array_equal(arm.images["phase"].found, given["phase"])
        assert np.array_equal(arm.images["amplitude"].truth, given["truth_amplitude"])


@pytest.mark.usefixtures("without_layout")
def test_of_two_runs_the_worse_one_is_shown(tmp_path: Path) -> None:
    study = ptychography_study(tmp_path, **grid(n_train=[1024], seed=2))
    table = draw(study, "reconstructions").table
    for model in MODELS:
        scores = [metrics_of(Run(model, 64, 1024, seed))["phase_ssim"] or 0 for seed in range(2)]
        assert set(of(table, model=model)["seed"]) == {int(np.argmin(scores))}


def test_each_row_has_one_scale(drawn: Draw, studies: Callable[[str], StudyResults]) -> None:
    drawing = drawn("plain", "reconstructions")
    place = largest_place(studies("plain"))
    assert place is not None
    arms, _ = arms_at(studies("plain"), place)
    images = [axes.images[0] for axes in drawing.figure.axes if axes.images]
    amplitude, amplitude_errors, phase, phase_errors = (
        images[:4],
        images[4:7],
        images[7:11],
        images[11:14],
    )
    for part, own, errors in (
        ("amplitude", amplitude, amplitude_errors),
        ("phase", phase, phase_errors),
    ):
        truth = arms[0].images[part].truth
        sizes = np.concatenate([np.abs(arm.images[part].error).ravel() for arm in arms])
        limit = np.percentile(sizes, 99)
        assert [image.get_clim() for image in own] == [(truth.min(), truth.max())] * 4
        assert [image.get_clim() for image in errors] == [pytest.approx((-limit, limit))] * 3
        assert np.array_equal(own[0].get_array(), truth)  # type: ignore[arg-type]
        for image, error, arm in zip(own[1:], errors, arms, strict=True):
            assert np.array_equal(image.get_array(), arm.images[part].found)  # type: ignore[arg-type]
            assert np.allclose(
                np.asarray(error.get_array()), arm.images[part].found - arm.images[part].truth
            )
        rows = of(drawing.table, part=part)
        assert rows["mae"].tolist() == pytest.approx(
            [np.abs(arm.images[part].error).mean() for arm in arms]
        )
        assert set(rows["error_limit"]) == {limit}


def test_what_does_not_learn_is_shown_from_another_size(drawn: Draw) -> None:
    drawing = drawn("long names", "reconstructions")
    assert set(of(drawing.table, model="iterative")["n_train"]) == {"64"}
    assert "makes no difference to it: iterative (n 64)." in drawing.caption
    assert "No result there" not in drawing.caption
    assert drawing.table["model"].nunique() == 4
    assert "Not drawn: a_rather_lo" in drawing.caption


@pytest.mark.usefixtures("without_layout")
def test_unreadable_images_are_left_out_and_counted(tmp_path: Path) -> None:
    def examples(run: Run) -> Any:
        kept = dict(examples_of(run) or {})
        if run.model == "pinn":
            kept["phase"] = kept["phase"] * np.float32(np.nan)
        return None if run.model == "baseline" else kept

    study = ptychography_study(tmp_path, examples=examples, **small())
    (tmp_path / "runs/iterative/res64/n1024/seed0/examples.npz").write_bytes(b"none")
    drawing = draw(study, "reconstructions")
    assert set(drawing.table["model"]) == {"iterative"}
    assert "Left out: 4 whose images cannot be read." in drawing.caption
    assert "Not drawn: pinn, baseline." in drawing.caption


@pytest.mark.usefixtures("without_layout")
def test_a_run_that_could_not_be_registered_is_named(tmp_path: Path) -> None:
    def facts(run: Run) -> dict[str, Any]:
        found = facts_of(run)
        found["alignment"][0]["registered"] = run.model != "baseline"
        return found

    drawing = draw(ptychography_study(tmp_path, facts=facts, **small()), "reconstructions")
    assert "Not registered, because the shift that was found is beyond the limit: baseline." in (
        drawing.caption
    )


def arrays(**changes: Any) -> dict[str, Any]:
    truth = np.linspace(0, 1, 12).reshape(3, 4)
    found = {"truth_amplitude": truth, "amplitude": truth + 0.1, "truth_phase": truth * 3}
    return {**found, "phase": truth * 3 + 2 * np.pi - 0.2, **changes}


@pytest.mark.usefixtures("without_layout")
def test_arms_are_drawn_from_arrays_alone() -> None:
    arm = arm_of("mine", arrays())
    assert arm is not None
    assert np.allclose(arm.images["phase"].error, -0.2)
    drawing = draw_reconstructions([arm, arm], title="Two", caption="Said before.")
    assert drawing.caption.startswith("Said before. Images have the range of the truth.")
    assert drawing.table["seed"].isna().all()
    assert drawing.table[["height_px", "width_px"]].to_numpy().tolist() == [[3, 4]] * 4


@pytest.mark.parametrize(
    "changes",
    [
        {"amplitude": np.zeros((3, 5))},
        {"phase": np.full((3, 4), np.inf)},
        {name: np.zeros((0, 4)) for name in arrays()},
        {name: np.zeros(4) for name in arrays()},
    ],
    ids=["shape", "infinite", "empty", "no image"],
)
def test_arrays_that_are_no_images_are_no_arm(changes: dict[str, Any]) -> None:
    assert arm_of("mine", arrays(**changes)) is None


@pytest.mark.usefixtures("without_layout")
def test_a_flawless_constant_object_can_be_drawn() -> None:
    flat = {name: np.ones((4, 4)) for name in arrays()}
    arm = arm_of("mine", flat)
    assert isinstance(arm, Arm)
    assert set(draw_reconstructions([arm], title="Flat", caption="").table["mae"]) == {0.0}


def test_the_made_curves_are_as_long_as_they_say(studies: Callable[[str], StudyResults]) -> None:
    epochs = studies("plain").epochs
    counts = epochs.groupby(["model", "n_train", "seed"]).size().reset_index(name="epochs")
    assert set(of(counts, model="pinn")["epochs"]) == {EPOCHS}
    assert set(of(counts, model="iterative")["epochs"]) == {1}
