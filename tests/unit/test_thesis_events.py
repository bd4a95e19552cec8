"""Event tokenizers, trained, exported in the facts layout, and scored again from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from studygrid.families.events import FAMILY
from studygrid.inference import infer
from studygrid.interchange.thesis import export_facts, read_runs
from studygrid.plan import make_plan
from studygrid.results.study_results import StudyResults, study_results
from studygrid.study import Inference
from tests.unit import thesis_guide_reader
from tests.unit.conftest import Bench
from tests.unit.events_bench import BASE, TOKENS, options_of, write_events

SIZE = 64
MODELS = {
    "vq": {"architecture": "mlp", "options": options_of("mlp"), "loss": {"globals_weight": 0.5}},
    "free": {"architecture": "gnn", "options": options_of("gnn", tokenizer="none")},
    "forest": {"architecture": "isolation_forest", "options": options_of("isolation_forest")},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """Train and score a study of three models on made events."""
    folder = tmp_path_factory.mktemp("events")
    grid = {"resolution": [TOKENS], "n_train": [SIZE], "seed": [0]}
    plan = make_plan(
        {
            "name": "Event tokenizers",
            "family": "events",
            "dataset": {"name": "generated_events"},
            "models": MODELS,
            "grid": grid,
            "training": BASE["training"],
        },
        check_files=False,
    )
    data = write_events(folder / "data" / f"res{TOKENS}")
    for run in plan.runs:
        spec = plan.train_spec(run).model_dump(mode="json")
        bench = Bench(folder / "runs", data, spec)
        bench.evaluate(bench.train(run.path), *FAMILY.metric_names)
    (folder / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    return study_results(plan, folder)


@pytest.fixture(scope="module")
def output(study: StudyResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("out") / "outputs"
    assert not export_facts(study, output).problems
    return output


def row_of(folder: Path, model: str) -> dict[str, Any]:
    frame = read_runs(folder).runs_df
    return dict(frame.loc[frame["model"] == model].iloc[0])


def test_the_table_says_what_the_models_are(study: StudyResults) -> None:
    vq, free = row_of(study.folder, "vq"), row_of(study.folder, "free")
    assert (vq["encoder"], vq["tokenizer"], vq["latent_dim"]) == ("mlp", "vq", 3)
    assert (vq["codebook_size"], vq["globals_weight"], vq["latent_tokens"]) == (8, 0.5, 2)
    assert (free["encoder"], free["tokenizer"]) == ("gnn", "none")
    assert row_of(study.folder, "forest")["encoder"] == "isolation_forest"


def test_the_parts_of_the_loss_are_those_of_the_best_epoch(study: StudyResults) -> None:
    row = row_of(study.folder, "vq")
    text = (Path(row["run_dir"]) / "epochs.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    best = min(lines, key=lambda line: float(line["validation_loss"]))
    assert row["best_epoch"] == best["epoch"] - 1
    assert row["loss.recon_best"] == best["validation_token_mse"]
    assert row["loss.rec_globals_best"] == best["validation_globals_mse"]
    assert row["metric_perplex_final"] == lines[-1]["validation_perplexity"]


def test_a_reader_of_the_guide_reads_the_export(output: Path) -> None:
    found = [thesis_guide_reader.read(folder) for folder in (output / "runs").iterdir()]
    assert sorted((one["encoder"], one["tokenizer"]) for one in found) == [
        ("gnn", "none"), ("isolation_forest", None), ("mlp", "vq"),
    ]  # fmt: skip
    (vq,) = (one for one in found if one["tokenizer"] == "vq")
    assert {"metric_perplex", "metric_rec_tokens", "metric_rec_globals"} <= set(vq["metrics"])
    assert len(vq["histories"]["rec_tokens"]) == vq["epochs"] == 3


def test_an_exported_run_is_scored_again(study: StudyResults, output: Path, tmp_path: Path) -> None:
    sweep = output / "multiruns" / "exp_event-tokenizers"
    for run in study.plan.runs:
        row = row_of(sweep, run.model)
        record = infer(
            Path(row["train_record"]), Path(row["data_record"]), Inference(), "cpu", tmp_path
        )
        expected = study.facts[run].metrics
        for name in ("loss", "auroc"):
            assert record.metrics[name] == pytest.approx(expected[name], rel=1e-5)
