"""The report of a comparison: the guide's form, and never a bare winner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from rich.cells import cell_len

from studygrid.comparison import compare_runs, text
from studygrid.families import load_family
from studygrid.families.base import Metric
from studygrid.results.rows import Row
from tests.unit.test_comparison import LOSS, SCORE, SCORES, losses, metric, row, rows_of, spread


def report(rows: Sequence[Row], *metrics: Metric, **more: Any) -> str:
    known = {"losses": more.pop("losses")} if "losses" in more else {}
    found = compare_runs(pd.DataFrame(rows), metrics or (SCORE,), **known)
    made = text(found, **more)
    assert max(map(cell_len, made.splitlines())) <= 100
    assert made == text(found, **more)
    assert made.endswith(f"{'=' * 100}\n")
    return made


def words(made: str) -> str:
    return " ".join(made.split())


def part(made: str, heading: str) -> list[str]:
    """Return the lines below a ruled heading."""
    lines = made.splitlines()
    start = lines.index(heading) + 2
    return lines[start : lines.index("", start)]


def test_it_begins_with_the_counts() -> None:
    rows = rows_of({"a": spread(0.5, 3), "b": spread(0.7, 3)})
    rows[4] |= {"status": "diverged", "reason": "the loss is nan"}
    made = report(rows).splitlines()
    assert made[0] == made[2] == "=" * 100
    assert made[1] == "CONFIGURATION COMPARISON REPORT"
    assert "Total configurations evaluated: 2" in made
    assert "Runs: 6 planned, 5 ok, 1 failed, 0 missing; 2 to 3 ok a configuration" in made
    assert "  b, seed 1: diverged: the loss is nan" in made


def test_a_line_is_that_of_the_guide_and_what_follows_qualifies_it() -> None:
    better = {"a": [0.5], "b": [0.7]}
    assert part(report(rows_of(better)), "Metrics (higher is better)") == [
        "score                     : Best=b                           (    0.7000)",
        "    one seed: nothing can be said about noise",
    ]


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_no_winner_stands_alone(seeds: int) -> None:
    scores: SCORES = {
        "a": spread(0.5, seeds),
        "b": [0.71, 0.7, 0.7, 0.72, 0.7][:seeds],
        "c": [None],
    }
    for rows in (rows_of(scores), rows_of({"a": spread(0.5, seeds)})):
        lines = report(rows, SCORE, LOSS, losses=losses(a=1, b=1)).splitlines()
        followed = [after for line, after in pairwise(lines) if "Best=" in line]
        assert len(followed) == 2
        assert all(after.startswith("    ") and after.strip() for after in followed)


def test_groups_stand_in_their_order_with_their_directions() -> None:
    metrics = [
        metric("loss", higher=False, group="Loss"),
        metric("score", group="Diversity"),
        metric("entropy", group="Diversity"),
        metric("gini", higher=False, group="Diversity"),
        metric("cosine", group="Co-occurrence"),
        metric("kl", higher=False, group="Co-occurrence"),
    ]
    lines = report(rows_of({"a": spread(0.5)}), *metrics).splitlines()
    headings = [line for line in lines if " Metrics (" in line]
    assert headings == [
        "Loss Metrics (lower is better)",
        "Diversity Metrics (lower is better for gini; higher for the others)",
        "Co-occurrence Metrics (higher is better for cosine; lower for the other)",
    ]


def test_a_metric_of_different_losses_is_marked() -> None:
    rows = rows_of({"a": spread(0.5), "b": spread(0.7)})
    made = report(rows, LOSS, losses=losses(a=1, b=4))
    assert "loss                      : not comparable\n" in made
    assert "the losses differ (beta is 1 or 4)" in words(made)
    assert "Best=" not in made


def test_parts_of_other_conditions_are_told_apart() -> None:
    rows = rows_of({"a": spread(0.5), "b": spread(0.4)})
    rows += rows_of({"c": spread(0.5), "d": spread(0.4)}, resolution=64)
    rows += rows_of({"e": spread(0.5)}, resolution=64, train_device="GPU")
    rows += rows_of({"f": spread(0.5)}, resolution=64, data_sha256="0123456789ab")
    made = report(rows, resolution="vocabulary")
    assert "not ranked against each other: there is a part for each" in words(made)
    lines = made.splitlines()
    headings = [line for line in lines if line.startswith("Vocabulary")]
    assert headings == [
        "Vocabulary 32, CPU: a_res32, b_res32",
        "Vocabulary 64, data d, CPU: c_res64, d_res64",
        "Vocabulary 64, data d, GPU: e_res64",
        "Vocabulary 64, data 01234567, CPU: f_res64",
    ]
    assert made.count("Metrics (higher is better)") == 4


def test_it_says_what_is_not_recorded() -> None:
    rows = rows_of({"a": spread(0.5), "b": spread(0.4)}, train_device=None, data_sha256=None)
    said = "The data and the device of these runs are not recorded: whether all have the same"
    assert said in words(report(rows))
    assert "not recorded" not in report(rows[:5])


def test_long_names_are_whole() -> None:
    long = "a" * 64
    wide = "漢" * 30
    made = report(rows_of({long: [0.7], wide: [0.5], "c": [None]}))
    lines = made.splitlines()
    at = next(at for at, line in enumerate(lines) if "Best=" in line)
    assert lines[at] == f"score                     : Best={long}"
    assert lines[at + 1] == f"{'(    0.7000)':>100}"
    study = "/a/very/long/path" * 9
    clash = [row("a", 0, 0.5, study=f"{study}/{at}/x") for at in range(2)]
    whole = "".join(report(clash).split())
    assert f"Best=a[{study}/0/x](0.5000)" in whole


def test_hostile_text_is_one_line() -> None:
    rows = rows_of({"a": [0.5]})
    rows += [row("b", 0, None, status="oom", reason="line\none\x1b[31m two")]
    made = report(rows)
    assert "\x1b" not in made
    assert "b, seed 0: oom: line one [31m two" in made


def test_metrics_can_have_other_names_and_notes_stand_above() -> None:
    made = report(
        rows_of({"a": [0.5]}), title="VAE", names={"score": "test_score"}, notes=("One thing.",)
    )
    assert "\ntest_score                : Best=a" in made
    assert made.splitlines()[1] == "VAE"
    assert "\nOne thing.\n" in made


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1195.32, "( 1195.3200)"),
        (-4.5, "(   -4.5000)"),
        (0.0, "(    0.0000)"),
        (2e-6, "(2.0000e-06)"),
    ],
)
def test_numbers_keep_their_digits(value: float, shown: str) -> None:
    assert shown in report(rows_of({"a": [value]}))


def test_files_are_named_as_seen_from_the_run() -> None:
    rows = rows_of({"a": [0.5]}, folder="/x/runs/a")
    rows += [row("b", 0, None, status="missing", reason="/x/runs/b/train.json: missing",
                 folder="/x/runs/b"), row("b", 1, 0.5, folder="/x/runs/b")]  # fmt: skip
    assert "b, seed 0: missing: train.json: missing" in report(rows)


def test_configurations_without_any_run_are_named_in_one_place() -> None:
    rows = rows_of({"a": [0.5]})
    rows += [row(model, seed, None, status="missing", reason=f"{model}: missing")
             for model in ("b", "c") for seed in range(5)]  # fmt: skip
    found = report(rows)
    assert "no run yet: b, c" in found
    assert "seed 3" not in found


def test_a_best_that_is_no_merit_is_said_to_be_none() -> None:
    cautious = replace(SCORE, caution="noise has the most")
    assert "no merit by itself: noise has the most" in report(rows_of({"a": [0.5]}), cautious)
    assert "no merit" not in report(rows_of({"a": [0.5]}))
    assert load_family("tagvae").metric("kl").caution


def test_models_that_no_seed_changes_are_not_within_seed_noise() -> None:
    found = words(report(rows_of({"copy": [0.9] * 5, "guess": [0.2] * 5, "net": spread(0.5)})))
    assert "differs by the same in every seed from: guess" in found
    assert "within seed noise: guess" not in found
