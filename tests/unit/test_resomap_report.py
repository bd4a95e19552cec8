"""detailed_report.txt: the guide's sections, at most 100 columns, with what failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from studygrid.interchange.text_report import detailed_report, shown
from studygrid.interchange.text_table import short_names, text_table
from studygrid.plan import Plan
from studygrid.results.study_results import read_study
from tests.unit.resomap_studies import (
    finished,
    plan_of,
    write_failure,
    write_scores,
    write_study,
)


def report_of(folder: Path) -> str:
    text = detailed_report(read_study(folder))
    assert max(map(cell_len, text.splitlines())) <= 100
    assert text == "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    return text


def section(text: str, title: str) -> list[str]:
    lines = text.splitlines()
    start = lines.index(title) + 2
    ends = [at for at in range(start, len(lines)) if lines[at : at + 1] == ["-" * 100]]
    return [line for line in lines[start : ends[0] - 1 if ends else None] if line]


def test_the_best_results_stand_in_the_style_of_the_guide(tmp_path: Path) -> None:
    finished(tmp_path, plan_of(grid={"resolution": [320, 48], "seed": 1}))
    best = section(report_of(tmp_path), "TOP 10 BEST RESULTS")
    assert best == [
        "tiny_cnn        @  48px | Accuracy: 0.5300 | F1: 0.2800 | 1/1 runs",
        "tiny_cnn        @ 320px | Accuracy: 0.5200 | F1: 0.2700 | 1/1 runs",
        "simple_cnn      @  48px | Accuracy: 0.5100 | F1: 0.2600 | 1/1 runs",
        "simple_cnn      @ 320px | Accuracy: 0.5000 | F1: 0.2500 | 1/1 runs",
    ]


def test_a_mean_of_seeds_has_half_of_its_interval(tmp_path: Path) -> None:
    plan = plan_of(models={"tiny_cnn": None}, grid={"resolution": [32], "seed": 3})
    write_study(plan, tmp_path)
    for run in plan.runs:
        write_scores(plan, tmp_path, run, accuracy=0.7 + 0.01 * run.seed)
    # sd 0.01, t(2; 0.975) = 4.3027: half is 4.3027 · 0.01 / √3 = 0.0248.
    assert "| Accuracy: 0.7100 ± 0.0248 |" in section(report_of(tmp_path), "TOP 10 BEST RESULTS")[0]


def test_a_section_of_each_model_has_the_lines_of_the_guide(tmp_path: Path) -> None:
    finished(tmp_path, plan_of(grid={"seed": 1}))
    assert section(report_of(tmp_path), "RESULTS BY MODEL")[:7] == [
        "simple_cnn:",
        "  Experiments: 2 of 2",
        "  Avg Accuracy: 0.5050",
        "  Best Accuracy: 0.5100 @ 48px",
        "  Avg F1: 0.2550",
        "  Best F1: 0.2600 @ 48px",
        "  Avg Inference Time: 0.0100s",
    ]
    assert "  Best Accuracy: 0.5200 by tiny_cnn @ 32px" in section(
        report_of(tmp_path), "RESULTS BY RESOLUTION"
    )


def test_failures_stand_with_their_reasons_and_counts(tmp_path: Path) -> None:
    plan = finished(tmp_path)
    write_failure(plan, tmp_path, plan.runs[0])
    for run in plan.runs[2:4]:
        (tmp_path / "runs" / run.path / "evaluate.json").unlink()
    text = report_of(tmp_path)
    assert "8 runs planned: 5 ok, 1 failed, 2 missing; 2 of 4 cells complete." in text
    assert section(text, "FAILED AND MISSING RUNS") == [
        "simple_cnn @ 32px, seed 0: diverged: the loss was NaN in epoch 2",
        "simple_cnn @ 48px, seeds 0, 1: missing: there is no evaluate.json",
    ]
    assert "  Avg Accuracy: 0.5100 (over 1 of 2 cells)" in section(text, "RESULTS BY MODEL")
    assert "The grid is not complete" in text
    assert any("0/2" in line for line in section(text, "ALL RESULTS"))


def test_a_finished_study_has_no_section_of_failures(tmp_path: Path) -> None:
    finished(tmp_path)
    assert "FAILED" not in report_of(tmp_path)


def test_another_metric_ranks_and_stands_first(tmp_path: Path) -> None:
    plan = plan_of(report={"metric": "loss"}, grid={"seed": 1})
    write_study(plan, tmp_path)
    for number, run in enumerate(plan.runs):
        write_scores(plan, tmp_path, run, loss=4.0 - number, accuracy=number / 10)
    text = report_of(tmp_path)
    assert "ranked by Loss in nats on the test split, lower is better" in text
    best = section(text, "TOP 10 BEST RESULTS")
    assert best[0].endswith("@ 48px | Loss: 1.0000 | Accuracy: 0.3000 | F1: 0.5000 | 1/1 runs")
    assert "Loss" in section(text, "ALL RESULTS")[0]


def family_without_accuracy(plan: Plan) -> Plan:
    kept = tuple(metric for metric in plan.family.metrics if metric.name in ("loss", "auroc"))
    unit = "tokens"
    return replace(
        plan,
        family=replace(plan.family, metrics=kept, resolution_unit=unit, primary_metric="auroc"),
    )


def test_a_family_without_accuracy_shows_its_own_metric_and_unit(tmp_path: Path) -> None:
    finished(tmp_path, plan_of(grid={"seed": 1}, report={"metric": "auroc"}))
    study = read_study(tmp_path)
    text = detailed_report(replace(study, plan=family_without_accuracy(study.plan)))
    assert "simple_cnn      @ 32 tokens | AUROC: 0.5000 | 1/1 runs" in text
    assert "Accuracy" not in text
    assert "F1" not in text


def test_sizes_are_told_where_there_are_several(tmp_path: Path) -> None:
    finished(tmp_path, plan_of(grid={"n_train": [64, "all"], "seed": 1}))
    text = report_of(tmp_path)
    assert "tiny_cnn        @ 48px, n=all | Accuracy: 0.5700" in text
    assert "n=64:" in section(text, "RESULTS BY TRAINING-SET SIZE")


def test_long_names_are_cut_and_told_apart(tmp_path: Path) -> None:
    long = "resnet_with_every_option_that_there_is_and_some_more_number_"
    models = {f"{long}{end}": {"architecture": "tiny_cnn"} for end in "12"}
    finished(tmp_path, plan_of(models=models, name="A long name " * 12))
    text = report_of(tmp_path)
    assert len({line.partition(" @")[0] for line in section(text, "TOP 10 BEST RESULTS")}) == 2
    key = section(text, "NAMES THAT WERE CUT")
    assert key[0].endswith(f"= {long}1")
    assert key[1].endswith(f"= {long}2")


def test_names_of_wide_letters_keep_the_columns(tmp_path: Path) -> None:
    finished(tmp_path, plan_of(name="太陽電池 " * 20 + "\x1b[31m\n\r"))
    assert "\x1b" not in report_of(tmp_path)


def test_a_study_without_any_result_says_so(tmp_path: Path) -> None:
    plan = plan_of()
    write_study(plan, tmp_path, profiles=False)
    text = report_of(tmp_path)
    assert section(text, "TOP 10 BEST RESULTS") == ["No run has a result yet."]
    assert "Latest run: none." in text
    assert "  Experiments: 0 of 2" in section(text, "RESULTS BY MODEL")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (0.0, "0.0000"),
        (0.89564, "0.8956"),
        (-31.25, "-31.2500"),
        (2.5e-5, "2.500e-05"),
        (1.25e7, "1.250e+07"),
    ],
)
def test_numbers_are_shown_with_digits_that_say_something(value: float | None, words: str) -> None:
    assert shown(value) == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.5, 0.5], "0.5000 ± 0.0000"),
        ([0.5, 0.500001], "0.5000 ± <0.0001"),
        # Half is t(1; 0.975) · sd / √2 = 12.706 · 0.1.
        ([0.4, 0.6], "0.5000 ± 1.2706"),
        ([0.00002, 0.00004], "3.000e-05 ± 1.271e-04"),
    ],
)
def test_an_interval_has_the_notation_of_its_mean(
    values: list[float], words: str, tmp_path: Path
) -> None:
    plan = plan_of(models={"tiny_cnn": None}, grid={"resolution": [32], "seed": 2})
    write_study(plan, tmp_path)
    for run in plan.runs:
        write_scores(plan, tmp_path, run, accuracy=values[run.seed])
    assert f"Accuracy: {words} |" in section(report_of(tmp_path), "TOP 10 BEST RESULTS")[0]


def test_very_many_seeds_are_counted_and_not_all_named(tmp_path: Path) -> None:
    write_study(plan_of(grid={"seed": 200}), tmp_path)
    line = section(report_of(tmp_path), "FAILED AND MISSING RUNS")[0]
    assert line.startswith("simple_cnn @ 32px, seeds 0, 1, 2, 3, 4, 5, …, 199 (200 of them): ")


def test_columns_that_do_not_fit_are_left_out_from_the_right() -> None:
    rows = [["name", "first", "second"], ["a", "1", "2"]]
    assert text_table(rows, 100) == ["name  first  second", "-" * 19, "a         1       2"]
    assert text_table(rows, 12) == ["name  first", "-" * 11, "a         1"]


def test_short_names_are_short_and_differ() -> None:
    names = [f"{'x' * 30}{number}" for number in range(12)]
    short = short_names(names, 10)
    assert len(set(short.values())) == 12
    assert max(map(cell_len, short.values())) <= 10
    assert short_names(["abc"], 10) == {"abc": "abc"}
