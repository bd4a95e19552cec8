"""What the report says of anomaly scores: from numbers that these studies are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studygrid.families.base import load_reference
from studygrid.families.events import FAMILY
from studygrid.grid import Run
from studygrid.report.blocks import Heading, Paragraph, Points, Section
from studygrid.report.events import anomalies
from studygrid.report.markdown import markdown_page
from studygrid.report.sections import sections_of
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table
from tests.unit.tokenizer_studies import CONFIG, MODELS, tokenizer_study

SEEDS = (-0.01, 0.0, 0.01)
T_HALF = 4.302653 * 0.01 / np.sqrt(3)  # half the interval of three values that are 0.01 apart
FEW = ("mlp_linear_4", "mlp_vq_64", "isolation_forest", "supervised")
AUROC = {"mlp_linear_4": 0.70, "mlp_vq_64": 0.49, "isolation_forest": 0.60, "supervised": 0.9}
Change = Callable[[Run, dict[str, Any]], None]


def aurocs(of: dict[str, float], within: float | None = 0.05) -> Change:
    """Give each run of a model an AUROC against every signal, by its seed."""

    def change(run: Run, kept: dict[str, Any]) -> None:
        for own in kept["facts"]["signals"].values():
            # Shuffled over models, so that differences have a spread too.
            area = of[run.model] + SEEDS[(run.seed + len(run.model)) % 3]
            ends = (None, None) if within is None else (area - within, area + within)
            own.update({"auroc": area, "auroc_low": ends[0], "auroc_high": ends[1]})

    return change


def mjj(of: dict[str, float]) -> Change:
    def change(run: Run, kept: dict[str, Any]) -> None:
        value = of[run.model]
        kept["facts"]["mjj_correlation"] = value
        kept["metrics"]["mjj_correlation"] = abs(value)

    return change


GIVEN = aurocs(AUROC)


def study(
    folder: Path, change: Change = GIVEN, models: tuple[str, ...] = FEW, seeds: int = 3
) -> StudyResults:
    return tokenizer_study(
        folder,
        change=change,
        models={name: MODELS[name] for name in models},
        grid={**CONFIG["grid"], "model": list(models), "seed": seeds},
    )


def section(found: StudyResults) -> Section:
    made = anomalies(found)
    assert made is not None
    return made


def text(made: Section) -> str:
    parts: list[str] = []
    for block in made.blocks:
        if isinstance(block, Heading | Paragraph):
            parts.append(block.text)
        elif isinstance(block, Points):
            parts += block.items
    return "\n".join(parts)


def sentences(made: Section, heading: str) -> list[str]:
    """Return what is said below a heading."""
    found: list[str] = []
    here = False
    for block in made.blocks:
        if isinstance(block, Heading):
            here = block.text == heading
        elif here and isinstance(block, Points):
            found += block.items
        elif here and isinstance(block, Paragraph):
            found.append(block.text)
    return found


def table(made: Section, name: str) -> Table:
    return next(block for block in made.blocks if isinstance(block, Table) and block.name == name)


def test_the_section_is_the_familys() -> None:
    assert load_reference(FAMILY.sections["anomalies"]) is anomalies
    assert "anomalies" in sections_of(FAMILY)


def test_the_best_is_named_of_those_that_have_seen_no_signal(tmp_path: Path) -> None:
    said = sentences(section(study(tmp_path / "s")), "Signals against background")[0]
    assert said.startswith("W′ → XY: of the models that have seen no signal, mlp_linear_4 has the")
    assert "0.700, 0.675 to 0.725" in said
    assert "(other test events: 0.650 to 0.750 in a run)" in said
    assert "lies above 0.5 for mlp_linear_4 and isolation_forest" in said
    assert "holds 0.5 for mlp_vq_64" in said
    assert "supervised" not in said


def test_the_table_has_both_intervals(tmp_path: Path) -> None:
    frame = table(section(study(tmp_path / "s")), "signals").frame
    assert len(frame) == 3 * len(FEW)
    row = frame.iloc[0]
    assert (row["signal"], row["model"], row["runs"]) == ("W′ → XY", "mlp_linear_4", 3)
    assert row["ci_high"] - row["auroc"] == pytest.approx(T_HALF, rel=1e-4)
    assert row["within_high"] - row["auroc"] == pytest.approx(0.05)
    assert frame["efficiency_1pct"].between(0, 1).all()


def test_what_a_guess_passes_too_is_said(tmp_path: Path) -> None:
    of = {"mlp_linear_4": 0.03, "mlp_vq_64": 0.004, "isolation_forest": 0.01, "supervised": 0.5}

    def change(run: Run, kept: dict[str, Any]) -> None:
        for own in kept["facts"]["signals"].values():
            own["1pct"]["efficiency"] = of[run.model]

    said = text(section(study(tmp_path / "s", change)))
    assert (
        "W′ → XY: at 1 % of the background mlp_linear_4 passes the most signal, 3.00 % on average; "
        "2 of 3 models pass no more than 1 %, which is what a guess passes."
    ) in said


def test_autoencoders_are_compared_with_each_reference(tmp_path: Path) -> None:
    made = section(study(tmp_path / "s"))
    said = sentences(made, "Autoencoders against references")
    assert said[0].startswith("W′ → XY against isolation_forest (AUROC 0.600, 0.575 to 0.625)")
    assert "better: mlp_linear_4 (1 of 2)" in said[0]
    assert "worse: mlp_vq_64 (1 of 2)" in said[0]
    assert "best difference is that of mlp_linear_4, +0.10" in said[0]
    assert "worse: all 2 autoencoders" in said[1]
    assert said[-1].startswith("supervised has seen labelled events of the signals")
    frame = table(made, "references").frame
    assert len(frame) == 3 * 2 * 2
    assert frame["difference"].iloc[0] == pytest.approx(0.1)
    assert (frame["pairs"] == 3).all()


def test_without_references_nothing_is_compared(tmp_path: Path) -> None:
    made = section(study(tmp_path / "s", models=("mlp_linear_4", "mlp_vq_64")))
    assert not sentences(made, "Autoencoders against references")
    assert "supervised" not in text(made)


def test_one_seed_has_no_interval_over_seeds(tmp_path: Path) -> None:
    made = section(study(tmp_path / "s", seeds=1))
    said = sentences(made, "Signals against background")[0]
    assert "2 of 3 models lie above 0.5, without an interval over seeds" in said
    assert "one run" in said
    assert "without intervals" in sentences(made, "Autoencoders against references")[0]


def test_runs_that_are_all_alike_have_no_interval_to_lie_above_a_guess(tmp_path: Path) -> None:
    def alike(run: Run, kept: dict[str, Any]) -> None:
        for own in kept["facts"]["signals"].values():
            own.update({"auroc": 0.6, "auroc_low": 0.5, "auroc_high": 0.7})

    said = sentences(section(study(tmp_path / "s", alike)), "Signals against background")[0]
    assert "0.600 in every run" in said
    assert "interval over seeds lies" not in said


def test_a_score_that_follows_mjj_is_warned_of(tmp_path: Path) -> None:
    of = {"mlp_linear_4": -0.45, "mlp_vq_64": 0.05, "isolation_forest": 0.2, "supervised": 0.1}
    made = section(study(tmp_path / "s", mjj(of)))
    warnings = [b.text for b in made.blocks if isinstance(b, Paragraph) and b.warning]
    assert len(warnings) == 1
    assert "mlp_linear_4 follows mJJ" in warnings[0]
    assert "isolation_forest" not in warnings[0]
    said = sentences(made, "Whether the score follows mJJ")
    assert "strongest for mlp_linear_4: 0.450 in every run; scores are higher at lower mJJ" in (
        " ".join(said)
    )
    assert "weakest for mlp_vq_64: 0.05" in " ".join(said)


def test_scores_that_hardly_follow_mjj_get_the_caution_and_no_warning(tmp_path: Path) -> None:
    made = section(study(tmp_path / "s", mjj(dict.fromkeys(FEW, 0.1))))
    assert not [b for b in made.blocks if isinstance(b, Paragraph) and b.warning]
    assert "owes part of its AUROC to the mass" in text(made)


def test_corrupted_background_is_said_to_be_no_signal(tmp_path: Path) -> None:
    made = section(study(tmp_path / "s"))
    said = sentences(made, "Corrupted background")
    assert said[0].startswith("Corrupted background is no signal")
    assert said[1].startswith("Noise: AUROC ")
    assert said[2].startswith("Token shuffle: AUROC ")
    frame = table(made, "corrupted").frame
    assert set(frame["model"]) == {"mlp_linear_4", "mlp_vq_64"}


def test_few_background_events_are_said(tmp_path: Path) -> None:
    made = section(study(tmp_path / "s"))
    assert "Of 1,200 background events at most 12 pass at 1 % and 1 at 0.1 %" in text(made)


def test_without_facts_there_is_no_section(tmp_path: Path) -> None:
    def nothing(run: Run, kept: dict[str, Any]) -> None:
        kept["facts"] = {}
        kept["metrics"]["mjj_correlation"] = None

    assert anomalies(study(tmp_path / "s", nothing, seeds=1)) is None


def test_where_no_run_ended_well_there_is_no_section(tmp_path: Path) -> None:
    found = tokenizer_study(tmp_path / "s", fate=lambda run: "diverged")
    assert anomalies(found) is None


def test_the_section_is_rendered(tmp_path: Path) -> None:
    found = study(tmp_path / "s")
    page = markdown_page(found, [section(found)])
    assert "What the anomaly scores find" in page
    assert "W′ → WZ" in page
