"""Studies made up for event tokenizers: records and tables, without any training or generator.

Scores are drawn from normal distributions whose distance from the background's is a formula of
the model and the seed; what an evaluation keeps of them is what the family's own code makes of it.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from studygrid.families.base import load_reference
from studygrid.families.events import findings
from studygrid.families.events.predictions import Predictions
from studygrid.families.scoring import metric_values, tables_of
from studygrid.grid import Run
from studygrid.plan import Plan, make_plan
from studygrid.records import Status
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.made_records import evaluate_record, train_record, write_profiles
from tests.unit.made_study import FAILED, REASONS, ok

SIGNALS = ("xy", "wz", "tt")
GLOBALS_ALONE = ("isolation_forest", "supervised")
# So few signal events that their curves need no thinning, which takes time.
BACKGROUND, OF_SIGNAL, EPOCHS = 1200, 60, 4
# How far the scores of the signals lie above the background's, in its standard deviations.
GAPS = {
    "supervised": (1.6, 1.2, 0.8),
    "isolation_forest": (0.8, 0.1, 0.05),
    "autoencoder": (0.5, 0.25, 0.35),
}


def vq(codes: int, **options: Any) -> dict[str, Any]:
    """Return a model with a codebook of that size."""
    return {"architecture": "mlp", "options": {"tokenizer": "vq", "codes": codes, **options}}


MODELS: dict[str, Any] = {
    "mlp_none": {"architecture": "mlp", "options": {"tokenizer": "none"}},
    "mlp_linear_4": {"architecture": "mlp", "options": {"tokenizer": "linear", "latent_dim": 4}},
    "mlp_linear_16": {"architecture": "mlp", "options": {"tokenizer": "linear", "latent_dim": 16}},
    "mlp_vq_64": vq(64),
    "mlp_vq_512": vq(512),
    "transformer_vq_512": {**vq(512), "architecture": "transformer"},
    "isolation_forest": {"architecture": "isolation_forest"},
    "supervised": {"architecture": "supervised"},
}
CONFIG: dict[str, Any] = {
    "name": "Tokenizers",
    "family": "events",
    "dataset": {"name": "generated_events"},
    "models": MODELS,
    "grid": {"model": list(MODELS), "resolution": [64], "n_train": ["all"], "seed": 3},
    "training": {"epochs": EPOCHS},
    "profiling": {"batch_sizes": [1, 8]},
}


def predictions_of(run: Run, options: Mapping[str, Any], architecture: str) -> Predictions:
    """Return what a run makes of the test split."""
    rng = np.random.default_rng(zlib.crc32(run.path.encode()))
    gaps = GAPS.get(architecture, GAPS["autoencoder"])
    own = rng.normal(0, 0.04) + (zlib.crc32(run.model.encode()) % 7) / 30
    samples = [rng.gamma(4.0, 0.25, BACKGROUND)]
    samples += [rng.gamma(4.0, 0.25 * math.exp(0.45 * (gap + own)), OF_SIGNAL) for gap in gaps]
    score = np.concatenate(samples)
    label = np.repeat(np.arange(4), [BACKGROUND, *[OF_SIGNAL] * 3])
    clean = samples[0]
    corrupted = {
        "noise": clean + rng.normal(0.15, 0.1, BACKGROUND),
        "token_shuffle": clean + rng.normal(0.05 + own / 4, 0.1, BACKGROUND),
    }
    mjj = np.exp(7.9 + 0.1 * rng.normal(size=len(score)) + 0.02 * score)
    found = Predictions(
        token_mse=None,
        token_mae=None,
        globals_mse=None,
        class_correct=None,
        score=score,
        label=label.astype(np.int64),
        signals=SIGNALS,
        loss=float(clean.mean()),
        code_counts=None,
        bits_per_event=None,
        input_bits=5800.0,
        corrupted={} if architecture in GLOBALS_ALONE else corrupted,
        mjj=mjj,
    )
    if architecture in GLOBALS_ALONE:
        return found
    bits = bits_of(options)
    errors = score * 0.9 * bits**-0.35
    counts = _code_counts(options["codes"], rng) if options["tokenizer"] == "vq" else None
    return replace(
        found,
        token_mse=errors,
        token_mae=np.sqrt(errors) * 0.7,
        globals_mse=errors * 1.5,
        class_correct=0.8,
        bits_per_event=bits,
        code_counts=counts,
    )


def bits_of(options: Mapping[str, Any]) -> float:
    """Return the size of the latent tokens that the options make."""
    tokenizer, tokens = options["tokenizer"], float(options["latent_tokens"])
    if tokenizer == "vq":
        return tokens * math.log2(options["codes"])
    return tokens * 32 * float(options["latent_dim"])


def _code_counts(codes: int, rng: np.random.Generator) -> Any:
    weights = np.exp(-np.arange(codes) / (codes / 5 + 4) + 0.3 * rng.normal(size=codes))
    return rng.multinomial(BACKGROUND * 8, weights / weights.sum())


@lru_cache(maxsize=256)
def _kept(run: Run, options: str, architecture: str) -> dict[str, Any]:
    plan_family = load_reference("studygrid.families.events:FAMILY")
    predictions = predictions_of(run, json.loads(options), architecture)
    metrics, undefined = metric_values(plan_family, plan_family.metric_names, predictions)
    return {
        "metrics": metrics,
        "undefined": undefined,
        "facts": findings.facts(predictions),
        "tables": tables_of(plan_family, predictions),
        "chance": findings.chance(predictions),
        "test_count": len(predictions.score),
    }


def kept_of(plan: Plan, run: Run) -> dict[str, Any]:
    """Return what the evaluation of a run keeps."""
    resolved = plan.resolved()["models"][run.model]
    options = json.dumps(resolved.get("options") or {}, sort_keys=True)
    return dict(_kept(run, options, str(resolved["architecture"])))


def tokenizer_study(
    folder: Path,
    *,
    fate: Callable[[Run], str] = ok,
    change: Callable[[Run, dict[str, Any]], None] = lambda run, kept: None,
    **config: Any,
) -> StudyResults:
    """Write a study of event tokenizers, with study.yaml, records and profiles, and read it.

    Parameters
    ----------
    fate
        From a run to ``ok``, ``diverged``, ``oom`` or ``missing``.
    change
        Changes what the evaluation of a run keeps, in place.
    config
        Changes of `CONFIG`, whole sections.
    """
    plan = make_plan({**CONFIG, **config})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    for run in plan.runs:
        if fate(run) != "missing":
            write_run(plan, folder / "runs" / run.path, run, fate(run), change)
    write_profiles(plan, folder)
    return study_results(plan, folder)


def write_run(
    plan: Plan,
    folder: Path,
    run: Run,
    fate: str,
    change: Callable[[Run, dict[str, Any]], None],
) -> None:
    """Write the records of a run that ended as `fate` says, and what its evaluation keeps."""
    folder.mkdir(parents=True)
    fits = plan.models[run.model].architecture.fits
    changes: dict[str, Any] = {"epochs": 1 if fits else EPOCHS}
    if fate != "ok":
        changes |= {"status": Status(fate), "reason": REASONS[fate].format(seed=run.seed), **FAILED}
    train = train_record(plan, run, **changes)
    subset = train.subset.model_copy(update={"class_counts": None})
    train = train.model_copy(update={"subset": subset})
    more: dict[str, Any] = {"tables": {}, "chance": {}}
    if fate == "ok":
        more = json.loads(json.dumps(kept_of(plan, run)))
        change(run, more)
    record = evaluate_record(plan, train, 0.0, **more)
    (folder / "train.json").write_text(train.model_dump_json())
    (folder / "evaluate.json").write_text(record.model_dump_json())
