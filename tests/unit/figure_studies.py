"""Studies made up for figures: runs with any outcome and curve, without records on the disk."""

from __future__ import annotations

import csv
import io
import json
import math
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from studygrid.figures.drawing import Drawing
from studygrid.grid import Run
from studygrid.plan import make_plan
from studygrid.results.frames import frame_of
from studygrid.results.reading import TRAINING_COLUMNS, RunFacts
from studygrid.results.rows import run_row
from studygrid.results.study_results import StudyResults
from studygrid.results.summary import summary_rows

ALL = 1599
HOSTILE = '<script>alert(1)</script> & "it\'s" $5_{x} =1+1|%s \\alpha\nnext — Ünïcode'
# What becomes of a run: its score, None for an ok run without one, or the status it ended with.
Outcome = float | None | str


@pytest.fixture
def without_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the layout, which takes most of the time, where a test looks at no place on the page."""
    monkeypatch.setattr(Figure, "draw_without_rendering", lambda figure: None)


def score(run: Run) -> float:
    """Return a score between 0.7 and 1 that depends on the cell, with noise of the seed."""
    generator = np.random.default_rng(zlib.crc32(repr(run).encode()))
    size = ALL if run.n_train == "all" else run.n_train
    place = zlib.crc32(run.model.encode()) % 7 / 100
    return (
        0.65 + place + 0.02 * math.log10(size) + run.resolution / 2000 + generator.normal(0, 0.01)
    )


def curve(run: Run, epochs: int = 5) -> list[dict[str, Any]]:
    """Return the lines of a run's epochs.jsonl, ten steps an epoch, the third one kept."""
    noise = score(run) - 0.7
    return [
        {
            "epoch": epoch,
            "step": 10 * epoch,
            "train_loss": 0.6 / epoch + noise,
            "validation_loss": 0.6 / epoch + noise + 0.02 * epoch,
            "is_best": epoch <= 3,
        }
        for epoch in range(1, epochs + 1)
    ]


def made_study(
    folder: Path,
    *,
    models: Sequence[str] = ("tiny", "wide", "deep"),
    resolutions: Sequence[int] = (32, 64),
    sizes: Sequence[int | str] = (128, 512, "all"),
    seeds: int = 3,
    outcome: Callable[[Run], Outcome] = score,
    epochs: Callable[[Run], list[dict[str, Any]]] = curve,
    chance: float | None = None,
    metric: str = "accuracy",
    **changes: Any,
) -> StudyResults:
    """Return a study whose runs end as `outcome` says; `folder` is for their curves."""
    config = {
        "name": "A study",
        "family": "classification",
        "dataset": {"name": "elpv"},
        "models": {name: {"architecture": "tiny_cnn"} for name in models},
        "grid": {"resolution": list(resolutions), "n_train": list(sizes), "seed": seeds},
        "report": {"metric": metric},
        **changes,
    }
    plan = make_plan(config, check_files=False)
    facts = {}
    for run in plan.runs:
        ending = outcome(run)
        if ending == "missing":
            continue
        facts[run] = _facts(run, ending, metric, chance)
        file = folder / "runs" / run.path / "epochs.jsonl"
        file.parent.mkdir(parents=True)
        file.write_text("".join(json.dumps(line) + "\n" for line in epochs(run)))
    rows = [
        run_row(
            run, facts.get(run), None if run in facts else "no record", plan.family.metric_names
        )
        for run in plan.runs
    ]
    return StudyResults(plan, folder, frame_of(rows), frame_of(summary_rows(plan, rows)), facts)


def _facts(run: Run, ending: Outcome, metric: str, chance: float | None) -> RunFacts:
    failed = isinstance(ending, str)
    training = dict.fromkeys(TRAINING_COLUMNS) | {"best_epoch": None if failed else 3}
    return RunFacts.model_construct(  # what the figures ask for, and no more
        spec="{}",
        status=ending if isinstance(ending, str) else "ok",
        reason="it went wrong" if failed else None,
        train_samples=ALL if run.n_train == "all" else int(run.n_train),
        metrics={metric: None if isinstance(ending, str) else ending},
        undefined={},
        training=training,
        checkpoint_sha256=None,
        data_sha256="d",
        chance={} if chance is None else {metric: chance},
        facts={},
        tables={},
        test_samples=20,
        finished_at="2024-05-01T10:01:00+00:00",
    )


def words(drawing: Drawing) -> str:
    """Return all that is written in a figure, on one line."""
    texts = (artist.get_text() for artist in drawing.figure.findobj(Text))
    return " ".join(" ".join(texts).split())


def csv_rows(drawing: Drawing) -> list[dict[str, str]]:
    """Return the table of a drawing as a reader of its CSV gets it."""
    return list(csv.DictReader(io.StringIO(drawing.table.to_csv(index=False))))
