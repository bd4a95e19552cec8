"""The study of event tokenizers in small, from generated events to its figures and report."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
import yaml

from studygrid.families import load_family
from tests.conftest import ROOT, Clone

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

pytestmark = pytest.mark.workflow
FAMILY = load_family("events")
AUTOENCODERS = ("mlp_none", "transformer_linear", "gnn_vq", "gnn_vq_globals")
REFERENCES = ("isolation_forest", "supervised")


@pytest.fixture
def shards(request: pytest.FixtureRequest) -> Path:
    """Return the folder of generated events, which runs of the tests share.

    What is in it is known by hashes of all that decides it, so nothing in it can be stale.
    """
    folder: Path = request.config.cache.mkdir("shards")
    return folder


def test_the_smoke_study_generates_learns_and_is_drawn(
    make_clone: Callable[..., Clone], shards: Path
) -> None:
    # One test: in several, each process of pytest would run the study.
    config = yaml.safe_load((ROOT / "config/studies/tokenizers_smoke.yaml").read_text())
    config["results"] = "results"
    config["execution"] = {"shards": str(shards)}
    # Those that any study has are drawn in other tests.
    config["report"] = {"figures": ["learning_curves", *FAMILY.figures]}
    clone = make_clone(config)
    clone.run("all")
    assert_learnt(rows_of(clone.folder / "results/aggregated_metrics.csv"))
    assert_prepared(clone.folder / "results/data/res16/data.json")
    for name in FAMILY.figures:
        assert rows_of(clone.folder / f"results/figures/{name}.csv"), name
    assert "Event tokenizers, smoke" in (clone.folder / "results/report.html").read_text()
    assert clone.to_do() == set()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def assert_prepared(path: Path) -> None:
    facts = json.loads(path.read_text())["facts"]
    counts = facts["counts"]
    assert facts["signals"] == ["xy", "tt"]
    assert sum(counts["background"].values()) == 600
    assert (counts["xy"]["test"], counts["xy"]["reference"]) == (60, 60)
    assert counts["xy"]["train"] == counts["tt"]["validation"] == 0


def assert_learnt(rows: list[dict[str, str]]) -> None:
    def mean(model: str, metric: str) -> float:
        return fmean(float(row[f"test_{metric}"]) for row in rows if row["model"] == model)

    assert [row["status"] for row in rows] == ["ok"] * 12
    assert {row["model"] for row in rows} == {*AUTOENCODERS, *REFERENCES}
    for model in AUTOENCODERS:
        # Below 1: what the mean of all training tokens would score.
        assert mean(model, "token_mse") < 0.9
    # Of signals that it has seen it finds more than what was told of background alone.
    assert mean("supervised", "auroc") > max(0.8, mean("isolation_forest", "auroc"))
    assert mean("isolation_forest", "auroc") > 0.6
    for row in rows:
        is_vq, is_rebuilt = "vq" in row["model"], row["model"] in AUTOENCODERS
        assert bool(row["test_perplexity"]) is is_vq
        assert bool(row["test_token_mse"]) is is_rebuilt
        assert bool(row["test_auroc_noise"]) is is_rebuilt
        assert row["test_auroc_wz"] == ""
