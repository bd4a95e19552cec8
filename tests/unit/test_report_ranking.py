"""The ranking by several metrics: scores by hand, twins once, and lost runs named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from studygrid.errors import ConfigError
from studygrid.families.base import Metric
from studygrid.grid import Run
from studygrid.plan import make_plan
from studygrid.records import EvaluateRecord, read_record, write_record
from studygrid.report.answers.answer import in_sentence
from studygrid.report.blocks import Paragraph, Points, Section
from studygrid.report.ranking import ranking
from studygrid.report.weighted_score import scaled, shares, weighted_runs
from studygrid.results.study_results import StudyResults, study_results
from studygrid.tables.contents import Table
from tests.unit.made_study import made_study

WEIGHTS = {"accuracy": 3, "ece": 1}
REPORT: dict[str, Any] = {"report": {"ranking": {"weights": WEIGHTS}}}


def accuracy(run: Run) -> float:
    return 0.5 + run.resolution / 200 + 0.01 * run.seed + 0.02 * (run.model == "tiny_cnn")


def error(run: Run) -> float:
    return 0.4 - 0.05 * run.seed - 0.2 * (run.model == "tiny_cnn" and run.resolution == 32)


def score(run: Run) -> float:
    return 0.75 * accuracy(run) + 0.25 * (1 - error(run))


def study_of(folder: Path, **changes: Any) -> StudyResults:
    """Return a study in which accuracy and calibration differ."""
    study = made_study(folder, score=accuracy, **{**REPORT, **changes})
    for run in study.facts:
        path = folder / "runs" / run.path / "evaluate.json"
        record = read_record(path, EvaluateRecord)
        if record.metrics["ece"] is not None:
            metrics = {**record.metrics, "ece": error(run)}
            write_record(path, record.model_copy(update={"metrics": metrics}))
    return study_results(study.plan, folder)


def parts(section: Section | None) -> tuple[str, Table]:
    """Return the sentences of a section, and its table."""
    assert section is not None
    text = " ".join(
        " ".join(block.items) if isinstance(block, Points) else block.text
        for block in section.blocks
        if isinstance(block, Points | Paragraph)
    )
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    return text, table


def test_without_weights_there_is_no_section(tmp_path: Path) -> None:
    assert ranking(made_study(tmp_path)) is None


def test_the_score_is_the_weighted_mean_of_each_run(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    assert shares(study) == {"accuracy": 0.75, "ece": 0.25}
    runs = weighted_runs(study, shares(study))
    expected = [score(run) for run in study.plan.runs]
    np.testing.assert_allclose(runs["score"], expected)


def test_cells_are_ranked_with_the_interval_of_their_scores(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    text, table = parts(ranking(study))
    frame = table.frame
    assert frame["mean"].is_monotonic_decreasing
    first = frame.iloc[0]
    values = [score(Run(first["model"], first["resolution"], "all", seed)) for seed in range(3)]
    half = scipy.stats.t.ppf(0.975, 2) * scipy.stats.sem(values)
    assert first["mean"] == pytest.approx(np.mean(values))
    assert (first["ci_low"], first["ci_high"]) == pytest.approx(
        (np.mean(values) - half, np.mean(values) + half)
    )
    assert f"First is {first['model']}, {first['resolution']} px" in text
    assert "0.75 × accuracy and 0.25 × expected calibration error" in text
    assert "Of expected calibration error lower is better" in text
    assert first["test_ece"] == pytest.approx(
        np.mean([error(Run(first["model"], first["resolution"], "all", s)) for s in range(3)])
    )


def test_another_weight_gives_another_first(tmp_path: Path) -> None:
    heavy = {"report": {"ranking": {"weights": {"accuracy": 1, "ece": 9}}}}
    by_accuracy = parts(ranking(study_of(tmp_path / "a")))[1].frame.iloc[0]
    by_calibration = parts(ranking(study_of(tmp_path / "b", **heavy)))[1].frame.iloc[0]
    assert (by_accuracy["resolution"], by_calibration["resolution"]) == (48, 32)


def test_cells_that_lost_runs_are_named_and_ranked_by_the_rest(tmp_path: Path) -> None:
    def fate(run: Run) -> str:
        cell = (run.model, run.resolution, run.n_train)
        return "diverged" if run.seed == 1 and cell == ("tiny_cnn", 48, 64) else "ok"

    text, table = parts(ranking(study_of(tmp_path, fate=fate)))
    assert "which failed or are missing: tiny_cnn, 48 px, n = 64 (2 of 3)." in text
    assert table.frame["failed"].sum() == 1
    assert "failed" in table.main


def test_a_run_that_lacks_one_of_the_metrics_has_no_score(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    run = study.plan.runs[0]
    path = tmp_path / "runs" / run.path / "evaluate.json"
    record = read_record(path, EvaluateRecord)
    write_record(path, record.model_copy(update={"metrics": {**record.metrics, "ece": None}}))
    text, table = parts(ranking(study_results(study.plan, tmp_path)))
    assert sorted(table.frame["n"]) == [2] + [3] * 7
    assert "(2 of 3)" in text


def test_a_study_without_a_score_says_so(tmp_path: Path) -> None:
    section = ranking(study_of(tmp_path, fate=lambda run: "missing"))
    assert section is not None
    assert section.blocks[-1] == Paragraph("No run has a value of all of these metrics yet.", True)


def without_score(folder: Path, undefined: dict[str, list[int]], **changes: Any) -> str:
    """Return what is said of a study whose runs of these seeds lack these metrics."""
    study = study_of(folder, **changes)
    for run, facts in study.facts.items():
        names = [name for name, seeds in undefined.items() if run.seed in seeds]
        if facts.status == "ok" and names:
            path = folder / "runs" / run.path / "evaluate.json"
            record = read_record(path, EvaluateRecord)
            update = {
                "metrics": {**record.metrics, **dict.fromkeys(names)},
                "undefined": dict.fromkeys(names, "the split has one class"),
            }
            write_record(path, record.model_copy(update=update))
    section = ranking(study_results(study.plan, folder))
    assert section is not None
    last = section.blocks[-1]
    assert isinstance(last, Paragraph)
    return last.text


def test_a_metric_without_a_value_on_the_data_is_named_with_the_reason(tmp_path: Path) -> None:
    start = "No run has a value of all of these metrics: "
    error = "expected calibration error is undefined in "
    assert without_score(tmp_path / "a", {"ece": [0, 1, 2]}) == (
        f"{start}{error}all 24 runs that ended well (the split has one class)."
    )
    assert without_score(tmp_path / "b", {"accuracy": [0], "ece": [1, 2]}) == (
        f"{start}accuracy is undefined in 8 of 24 runs that ended well (the split has one class); "
        f"{error}16 of 24 runs that ended well (the split has one class)."
    )


def test_as_long_as_runs_are_to_come_nothing_is_final(tmp_path: Path) -> None:
    def fate(run: Run) -> str:
        return "missing" if run.seed == 2 else "ok"

    said = without_score(tmp_path, {"ece": [0, 1]}, fate=fate)
    assert said == "No run has a value of all of these metrics yet."


def test_a_study_whose_runs_all_failed_says_so(tmp_path: Path) -> None:
    said = without_score(tmp_path, {}, fate=lambda run: "oom")
    assert said == "No run has a value of all of these metrics: all of them failed."


@pytest.mark.parametrize(
    ("bounds", "higher", "expected"),
    [((0, 1), True, [0.0, 0.25, 1.0]), ((0, 1), False, [1.0, 0.75, 0.0])],
)
def test_metrics_are_put_on_one_scale(
    bounds: tuple[float, float], higher: bool, expected: list[float]
) -> None:
    for low, high in (bounds, (-1.0, 3.0)):
        metric = Metric("a", "A", higher, "", "", "", "", "", bounds=(low, high))
        values = pd.Series([low, low + (high - low) / 4, high])
        assert scaled(metric, values).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("IoU", "IoU"),
        ("F1 (macro)", "F1 (macro)"),
        ("AUROC", "AUROC"),
        ("Accuracy", "accuracy"),
        ("Boundary F1", "boundary F1"),
    ],
)
def test_acronyms_keep_their_letters_within_a_sentence(label: str, words: str) -> None:
    assert in_sentence(label) == words


# --- The config


def refusals(family: str, weights: Any) -> list[str]:
    """Return what is said of the weights of a config."""
    config: dict[str, Any] = {
        "family": family,
        "dataset": {"name": {"classification": "elpv", "segmentation": "cracks"}[family]},
        "models": {"a": {"architecture": {"classification": "tiny_cnn"}.get(family, "small_unet")}},
        "grid": {"resolution": [64]},
        "report": {"ranking": {"weights": weights}},
    }
    try:
        make_plan(config, check_files=False)
    except ConfigError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


@pytest.mark.parametrize("weights", [{}, {"accuracy": 1}, {"f1": 0.3, "ece": "1e-1"}, None])
def test_weights_of_bounded_metrics_are_valid(weights: Any) -> None:
    assert refusals("classification", weights) == []


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"acuracy": 1}, "no such metric; did you mean 'accuracy'?"),
        ({"loss": 1}, "so it cannot be weighed against others; valid: accuracy, balanced"),
        ({"accuracy": 0}, "should be greater than 0"),
        ({"accuracy": "much"}, "should be a number"),
        ({"accuracy": -1}, "should be greater than 0"),
        ([1], "should be a section"),
    ],
)
def test_other_weights_are_refused_with_the_way_out(weights: Any, said: str) -> None:
    (line,) = refusals("classification", weights)
    assert "report.ranking.weights" in line
    assert said in line


@pytest.mark.parametrize(
    ("weights", "second"),
    [({"f1": 1, "iou": 1, "dice": 1}, "dice"), ({"dice_image_mean": 1, "f1_image_mean": 2}, "f1")],
)
def test_metrics_that_always_are_equal_are_counted_once(
    weights: dict[str, float], second: str
) -> None:
    (line,) = refusals("segmentation", weights)
    assert f"weights.{second}" in line
    assert "which would count twice; keep one of the two" in line


def test_iou_and_f1_of_segmentation_can_be_weighed() -> None:
    assert refusals("segmentation", {"iou": 0.4, "f1": 0.3, "precision": 0.1, "recall": 0.2}) == []
