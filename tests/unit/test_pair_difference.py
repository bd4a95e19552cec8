"""The figure of differences within pairs: what is drawn is what the records say."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studygrid.families.base import Family
from studygrid.families.classification import FAMILY as CLASSIFICATION
from studygrid.families.ptychography import FAMILY
from studygrid.figures.drawing import Drawing, save
from studygrid.figures.pair_difference import pair_difference
from studygrid.figures.pair_numbers import compared_metrics
from studygrid.figures.pair_table import TABLE_COLUMNS
from studygrid.grid import Run
from studygrid.results.study_results import StudyResults
from studygrid.statistics import summarise
from tests.unit.figure_studies import made_study, words
from tests.unit.ptychography_studies import MODELS, metrics_of, ptychography_study

pytestmark = pytest.mark.filterwarnings("error")
SIZES = (64, 128, 256)
# By how much pinn is better than baseline at each size, by seed.
LEADS = {64: (0.10, 0.12, 0.11), 128: (0.04, 0.05, 0.06), 256: (-0.06, -0.05, -0.04)}
Metrics = Callable[[Run], dict[str, float | None]]


def grid(**changes: Any) -> dict[str, Any]:
    found = {"model": ["pinn", "baseline"], "resolution": [64], "n_train": list(SIZES), "seed": 3}
    return found | changes


def lead(run: Run) -> float:
    return LEADS[int(run.n_train)][run.seed] if run.model.startswith("pinn") else 0.0


def given(run: Run) -> dict[str, float | None]:
    """Return scores in which pinn is better by `lead`, whichever way a metric goes."""
    good = 0.6 + 0.01 * run.seed + lead(run)
    return metrics_of(run) | {
        "phase_ssim": good,
        "amplitude_ssim": 0.5,
        "phase_mae": 1 - good,
        "amplitude_mae": None,
    }


def study_of(
    folder: Path,
    metrics: Metrics = given,
    fate: Callable[[Run], str] = lambda run: "ok",
    **config: Any,
) -> StudyResults:
    config = {"grid": grid(), **config}
    return ptychography_study(folder, metrics=metrics, fate=fate, **config)


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Drawing:
    return pair_difference(study_of(tmp_path_factory.mktemp("pair") / "study"))


def rows(drawing: Drawing, metric: str, kind: str) -> list[dict[str, Any]]:
    table = drawing.table
    found = table.loc[(table["metric"] == metric) & (table["kind"] == kind)]
    return [{str(key): value for key, value in row.items()} for row in found.to_dict("records")]


def test_each_seed_is_a_mark_and_positive_is_the_first_model_better(drawing: Drawing) -> None:
    assert list(drawing.table) == TABLE_COLUMNS
    for metric in ("phase_ssim", "phase_mae"):  # higher is better, lower is better
        seeds = rows(drawing, metric, "seed")
        found = {(row["samples"], row["seed"]): row["difference"] for row in seeds}
        expected = {(size, seed): LEADS[size][seed] for size in SIZES for seed in range(3)}
        assert found == pytest.approx(expected)
        assert {(row["first"], row["second"]) for row in seeds} == {("pinn", "baseline")}


def test_means_have_students_interval_and_their_pairs(drawing: Drawing) -> None:
    for row in rows(drawing, "phase_ssim", "mean"):
        expected = summarise(LEADS[int(row["n_train"])])
        assert row["difference"] == pytest.approx(expected.mean)
        assert row["ci_low"] == pytest.approx(expected.ci_low)
        assert row["ci_high"] == pytest.approx(expected.ci_high)
        assert (row["n"], row["planned"], row["resolution"]) == (3, 3, 64)


def test_the_crossing_is_marked_with_its_interval(drawing: Drawing) -> None:
    (row,) = rows(drawing, "phase_ssim", "crossing")
    assert row["samples"] == pytest.approx(128 * math.sqrt(2))
    assert 128 < row["samples_ci_low"] < row["samples"] < row["samples_ci_high"] < 256
    assert not row["open_below"]
    assert not row["open_above"]
    assert "at 181 (" in words(drawing)


def test_equal_models_do_not_cross(drawing: Drawing) -> None:
    assert {row["difference"] for row in rows(drawing, "amplitude_ssim", "mean")} == {0.0}
    assert rows(drawing, "amplitude_ssim", "crossing") == []
    assert "no crossing" in words(drawing)


def test_a_metric_without_values_has_no_panel(drawing: Drawing) -> None:
    assert not (drawing.table["metric"] == "amplitude_mae").any()
    assert "Amplitude MAE" not in words(drawing)


def test_axes_say_which_model_is_better_above_zero(drawing: Drawing) -> None:
    assert "> 0: pinn better" in words(drawing)
    assert "Difference (rad)" in words(drawing)


def test_swapped_models_turn_the_figure_around(tmp_path: Path) -> None:
    models = {name: MODELS[name] for name in ("baseline", "pinn")}
    turned = pair_difference(
        study_of(tmp_path / "s", models=models, grid=grid(model=["baseline", "pinn"]))
    )
    found = [row["difference"] for row in rows(turned, "phase_ssim", "mean")]
    assert found == pytest.approx([-np.mean(LEADS[size]) for size in SIZES])
    assert "> 0: baseline better" in words(turned)


def test_failed_runs_are_counted_and_a_poor_one_is_in(tmp_path: Path) -> None:
    def fate(run: Run) -> str:
        return "diverged" if run.path == "pinn/res64/n128/seed1" else "ok"

    def metrics(run: Run) -> dict[str, float | None]:
        poor = run.path == "baseline/res64/n64/seed0"
        return given(run) | ({"phase_ssim": -0.4} if poor else {})

    drawing = pair_difference(study_of(tmp_path / "s", metrics, fate))
    means = {row["samples"]: row for row in rows(drawing, "phase_ssim", "mean")}
    assert (means[128]["n"], means[128]["planned"]) == (2, 3)
    assert means[128]["difference"] == pytest.approx(0.05)
    assert means[64]["difference"] == pytest.approx((0.7 + 0.4 + 0.12 + 0.11) / 3)
    text = " ".join(drawing.caption.split())
    assert "pinn and baseline at 128 (2 of 3)" in text
    assert "Every run with a score is in" in text


def test_one_seed_has_neither_bars_nor_an_interval(tmp_path: Path) -> None:
    drawing = pair_difference(study_of(tmp_path / "s", grid=grid(seed=1)))
    assert "there is no interval" in drawing.caption
    (crossing,) = rows(drawing, "phase_ssim", "crossing")
    assert math.isnan(crossing["samples_ci_low"])
    assert rows(drawing, "phase_ssim", "seed") == []


def test_an_open_interval_has_an_arrow_and_says_so(tmp_path: Path) -> None:
    def metrics(run: Run) -> dict[str, float | None]:
        noise = (-0.2, 0.0, 0.2)[run.seed] if run.model == "pinn" else 0.0
        return given(run) | {"phase_ssim": 0.6 + lead(run) + noise}

    drawing = pair_difference(study_of(tmp_path / "s", metrics))
    (crossing,) = rows(drawing, "phase_ssim", "crossing")
    assert crossing["open_below"]
    assert crossing["open_above"]
    assert "does not bound" in " ".join(drawing.caption.split())


def test_two_pairs_stand_beside_each_other(tmp_path: Path) -> None:
    slow = {"training": {"learning_rate": 0.01}}
    models = {
        "pinn": {},
        "baseline": {},
        "pinn_slow": {"architecture": "pinn", **slow},
        "baseline_slow": {"architecture": "baseline", **slow},
    }
    drawing = pair_difference(
        study_of(tmp_path / "s", models=models, grid=grid(model=list(models)))
    )
    pairs = drawing.table[["first", "second"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["pinn", "baseline"], ["pinn_slow", "baseline_slow"]]
    assert "pinn_slow against baseline_slow" in words(drawing)
    assert "> 0: the first better" in words(drawing)


def test_without_pairs_or_values_it_says_so(tmp_path: Path) -> None:
    alone = pair_difference(study_of(tmp_path / "a", grid=grid(model=["pinn"])))
    assert alone.table.empty
    assert "differ in the loss" in alone.caption
    failed = pair_difference(study_of(tmp_path / "b", fate=lambda run: "diverged"))
    assert failed.table.empty
    assert "Of the 18 runs planned in the study: 18 diverged." in failed.caption
    other = pair_difference(made_study(tmp_path / "c"))
    assert other.table.empty


def test_it_is_the_same_bytes_twice_with_the_numbers_beside_it(
    tmp_path: Path, drawing: Drawing
) -> None:
    save(drawing, tmp_path / "one")
    save(drawing, tmp_path / "two")
    for suffix in ("svg", "png", "csv"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
    assert re.match(r"metric,kind,first,second", (tmp_path / "one.csv").read_text())


@pytest.mark.parametrize(
    ("family", "primary", "expected"),
    [
        (
            FAMILY,
            "phase_ssim",
            [
                "amplitude_ssim",
                "phase_ssim",
                "amplitude_mae",
                "phase_mae",
                "amplitude_frc50_frequency",
                "phase_frc50_frequency",
            ],
        ),
        (
            FAMILY,
            "amplitude_psnr",
            [
                "amplitude_psnr",
                "phase_psnr",
                "amplitude_ssim",
                "phase_ssim",
                "amplitude_mae",
                "phase_mae",
            ],
        ),
        (CLASSIFICATION, "accuracy", None),
    ],
    ids=["ssim", "psnr", "no parts"],
)
def test_pairs_are_compared_by_the_studys_measure_of_all_parts(
    family: Family, primary: str, expected: list[str] | None
) -> None:
    found = compared_metrics(family, primary)
    assert not any(metric.of_loss for metric in found)
    names = [metric.name for metric in found]
    assert primary in names
    assert names == expected or expected is None
    assert len(set(names)) == len(names) <= 6
