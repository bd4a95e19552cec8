"""Studies made up for tag VAEs: records, epochs, tables and examples, without any training.

Every run has rows that are drawn from a known mixture, what a model of its beta, size and seed
would make of them, and all numbers that an evaluation keeps of these; none of it is real.
"""

from __future__ import annotations

import json
import math
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from studygrid.families.prepared import describe_array
from studygrid.grid import Run
from studygrid.plan import Plan, make_plan
from studygrid.records import SplitFacts, Status, write_record
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.made_records import data_record, evaluate_record, train_record, write_profiles
from tests.unit.made_study import FAILED, REASONS, Fate, Table, ok

ROWS = 240
EPOCHS = 12
TOP_TAGS = 24
ACTIVE = 0.01
_ALL = 1599
_KINDS = 8
_NAMES = (
    "role::program", "devel::library", "implemented-in::c", "interface::commandline",
    "uitoolkit::gtk", "role::shared-lib", "implemented-in::python", "scope::utility",
    "use::browsing", "role::documentation", "interface::x11", "works-with::text",
    "admin::configuring", "network::client", "suite::gnome", "field::biology",
    "game::strategy", "protocol::http", "sound::player", "security::cryptography",
    "use::text-formatting", "works-with-format::html-with-a-very-long-name", "devel::lang:perl",
    "network::server", "hardware::input", "science::visualisation",
)  # fmt: skip

VAE = {"architecture": "mlp_vae"}
MEDIUM: dict[str, Any] = {**VAE, "options": {"latent": 64, "hidden": [256]}}
LARGE: dict[str, Any] = {
    **VAE,
    "options": {"latent": 128, "hidden": [512], "batch_norm": True},
}
BASELINES: dict[str, dict[str, Any]] = {
    "independent": {"architecture": "independent_bernoulli"},
    "nearest": {"architecture": "nearest_neighbour"},
}
# The presets of config/studies/tags.yaml, and the two baselines.
MODELS: dict[str, dict[str, Any]] = {
    "small": VAE,
    "medium": MEDIUM,
    "large": LARGE,
    "beta_default": {**VAE, "loss": {"beta": 4.0}},
    "beta_balanced": {**MEDIUM, "loss": {"beta": 4.0}},
    "beta_high": {**LARGE, "loss": {"beta": 10.0}},
    "beta_low": {**MEDIUM, "loss": {"beta": 0.5}},
    **BASELINES,
}
CONFIG: dict[str, Any] = {
    "name": "Tags",
    "family": "tagvae",
    "dataset": {"name": "tag_mixture"},
    "models": MODELS,
    "grid": {"resolution": [32], "n_train": ["all"], "seed": 3},
    "training": {"epochs": EPOCHS},
    "profiling": {"batch_sizes": [1, 8]},
}


def vaes(*betas: float) -> dict[str, dict[str, Any]]:
    """Return VAEs by name, ``vae_b4`` say, that differ in beta alone."""
    return {f"vae_b{beta:g}": {**VAE, "loss": {"beta": beta}} for beta in betas}


def tag_names(count: int) -> list[str]:
    """Return names of tags, the first of them as in Debian."""
    return [*_NAMES, *(f"works-with::thing-{number:03d}" for number in range(count))][:count]


@dataclass(frozen=True)
class Made:
    """What a model made of the test rows; the arrays are as in the family's `Predictions`.

    Attributes
    ----------
    data, reconstructed, samples
        0 and 1, shape (rows, tags).
    codes
        Posterior means, shape (rows, latent); None where the model has no latent space.
    unit_kl
        Mean KL of each unit in nats, shape (latent,); empty without latent space.
    bce, kl
        Means over the rows, in nats.
    """

    data: NDArray[np.uint8]
    reconstructed: NDArray[np.uint8]
    samples: NDArray[np.uint8]
    codes: NDArray[np.float64] | None
    unit_kl: NDArray[np.float64]
    bce: float
    kl: float
    beta: float

    @property
    def active_units(self) -> int | None:
        """How many units vary over the rows."""
        return None if self.codes is None else int((self.codes.var(axis=0) > ACTIVE).sum())


@dataclass(frozen=True)
class _Mixture:
    """Kinds of rows, and the probability of each tag in a row of each kind."""

    shares: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    def draw(
        self, count: int, generator: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return rows, and the kind of each."""
        kinds = generator.choice(len(self.shares), count, p=self.shares)
        rows = generator.random((count, self.probabilities.shape[1])) < self.probabilities[kinds]
        return rows.astype(np.uint8), kinds


@lru_cache
def _mixture(tags: int) -> _Mixture:
    generator = np.random.default_rng(tags)
    common = 0.25 / np.arange(1, tags + 1) ** 0.9
    owners = np.arange(tags) % _KINDS
    own = owners[None, :] == np.arange(_KINDS)[:, None]
    strong = 0.85 * generator.uniform(0.4, 1, tags) / (1 + np.arange(tags) / tags)
    shares = np.array([kind**-0.6 for kind in range(1, _KINDS + 1)])
    return _Mixture(shares / shares.sum(), np.where(own, strong, common))


@lru_cache
def _test_rows(tags: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    rows, kinds = _mixture(tags).draw(ROWS, np.random.default_rng([tags, 1]))
    # Columns stand by falling frequency, as in prepared data.
    return rows[:, order_of(tags)], kinds


@lru_cache
def order_of(tags: int) -> NDArray[np.int64]:
    """Return the order that puts the mixture's tags by falling frequency."""
    mixture = _mixture(tags)
    return np.argsort(-mixture.shares @ mixture.probabilities, kind="stable")


@lru_cache
def _entropy_of_tags(tags: int) -> float:
    """Return what a row costs in nats if its tags are independent."""
    share = _mixture(tags).shares @ _mixture(tags).probabilities
    return float(-(share * np.log(share) + (1 - share) * np.log(1 - share)).sum())


def _seeded(run: Run) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(run).encode()))


def _ability(run: Run) -> float:
    """Return how much a run has learned, from its training-set size: between 0 and 1."""
    size = _ALL if run.n_train == "all" else int(run.n_train)
    return min(1.0, math.log(size) / math.log(_ALL))


def made(plan: Plan, run: Run) -> Made:
    """Return what a run's model made of the test rows, the same for the same run and settings."""
    model = plan.models[run.model]
    beta = float(getattr(model.loss, "beta", 1.0))
    latent = getattr(model.options, "latent", None)
    return _made(run, model.architecture.name, beta, latent)


@lru_cache(maxsize=512)
def _made(run: Run, architecture: str, beta: float, latent: int | None) -> Made:
    generator = _seeded(run)
    data, kinds = _test_rows(run.resolution)
    tags = run.resolution
    mixture, order = _mixture(tags), order_of(tags)
    if architecture == "independent_bernoulli":
        share = (mixture.shares @ mixture.probabilities)[order]
        return Made(
            data,
            np.repeat((share >= 0.5).astype(np.uint8)[None], ROWS, axis=0),
            (generator.random(data.shape) < share).astype(np.uint8),
            None,
            np.zeros(0),
            _entropy_of_tags(tags) + 0.01 * generator.normal(),
            0.0,
            beta,
        )
    if architecture == "nearest_neighbour":
        size = _ALL if run.n_train == "all" else int(run.n_train)
        near = generator.random(data.shape) < mixture.probabilities[kinds][:, order]
        same = generator.random(ROWS) < 0.25
        reconstructed = np.where(same[:, None], data, near).astype(np.uint8)
        samples = mixture.draw(ROWS, generator)[0][:, order]
        bce = _entropy_of_tags(tags) * (0.6 - 0.4 * _ability(run)) + 0.02 * generator.normal()
        return Made(
            data, reconstructed, samples, None, np.zeros(0), float(bce), math.log(size), beta
        )
    assert latent is not None
    return _made_vae(run, beta, latent, generator)


def _made_vae(run: Run, beta: float, latent: int, generator: np.random.Generator) -> Made:
    data, kinds = _test_rows(run.resolution)
    mixture, order = _mixture(run.resolution), order_of(run.resolution)
    ability = _ability(run)
    # Distortion falls with the rate as H (0.1 + 0.9 exp(-rate / c)): its slope is -beta, so that
    # the ELBO is best at beta = 1, and from beta = 6 on nothing is coded.
    entropy = _entropy_of_tags(run.resolution)
    fall = 0.9 * entropy * (0.4 + 0.6 * ability)
    kl = fall / 6 * math.log(max(1.0, 6 / max(beta, 0.01)))
    coded = 1 - math.exp(-6 * kl / fall)
    bce = entropy - fall * coded + 0.05 * generator.normal()
    kl *= 1 + 0.02 * generator.normal()
    keep = 0.3 + 0.65 * coded
    own = mixture.probabilities[kinds][:, order]
    kept = generator.random(data.shape) < keep
    reconstructed = np.where(kept, data, own >= 0.6).astype(np.uint8)
    samples = mixture.draw(ROWS, generator)[0][:, order]
    if beta < 1:
        samples = (samples & (generator.random(data.shape) < 0.8)).astype(np.uint8)
    elif beta > 1:
        share = data.mean(axis=0)
        blurred = generator.random(len(data)) < min(1.0, beta / 10)
        plain = generator.random(data.shape) < share
        samples = np.where(blurred[:, None], plain, samples).astype(np.uint8)
    active = min(latent, round(3 * kl + 0.4 * generator.normal())) if kl > 0.2 else 0
    scale = np.concatenate(
        [np.linspace(1.0, 0.15, active), np.full(latent - active, 0.004)]
    ) * generator.uniform(0.95, 1.05, latent)
    directions = generator.normal(size=(_KINDS, latent))
    codes = scale * (0.85 * directions[kinds] + 0.5 * generator.normal(size=(ROWS, latent)))
    shares = scale**2 / (scale**2).sum() if active else np.full(latent, 1 / latent)
    mixed = generator.permutation(latent)
    return Made(data, reconstructed, samples, codes[:, mixed], (kl * shares)[mixed], bce, kl, beta)


# --- What an evaluation keeps


def metrics_of(made: Made) -> dict[str, float | None]:
    """Return the value of each metric; None where it is undefined."""
    truth, found = made.data.astype(bool), made.reconstructed.astype(bool)
    both, either = int((truth & found).sum()), int((truth | found).sum())
    units = made.active_units
    values: dict[str, float | None] = {
        "loss": made.bce + made.beta * made.kl,
        "bce": made.bce,
        "kl": made.kl,
        "elbo": -(made.bce + made.kl),
        "hamming_loss": float((truth ^ found).mean()),
        "jaccard_index": both / either,
        "micro_f1": 2 * both / (both + either),
        "active_units_percent": None,
        "silhouette": None,
    }
    if units is not None and made.codes is not None:
        values["active_units_percent"] = 100 * units / made.codes.shape[1]
        values["silhouette"] = None if units == 0 else 0.4 / (1 + made.beta)
    for name, rows in (("reconstruction", made.reconstructed), ("prior", made.samples)):
        values |= {f"{name}_{key}": value for key, value in _diversity(rows, made.data).items()}
        values |= {f"{name}_{key}": value for key, value in _cooccurrence(rows, made.data).items()}
    return values


def _counts(rows: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.array(sorted(Counter(map(bytes, rows)).values()), float)


def _gini(counts: NDArray[np.float64]) -> float:
    ranks = np.arange(1, len(counts) + 1)
    return float((2 * ranks - len(counts) - 1) @ counts / (len(counts) * counts.sum()))


def _entropy(counts: NDArray[np.float64]) -> float:
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _diversity(rows: NDArray[np.uint8], data: NDArray[np.uint8]) -> dict[str, float]:
    counts = _counts(rows)
    entropy = _entropy(counts)
    return {
        "unique_percent": 100 * len(counts) / len(rows),
        "entropy_nats": entropy,
        "entropy_bits": entropy / math.log(2),
        "gini": _gini(counts),
        "tags_per_row_error": abs(float(rows.sum(axis=1).mean() - data.sum(axis=1).mean())),
    }


def _pairs(rows: NDArray[np.uint8]) -> NDArray[np.float64]:
    counts: NDArray[np.float64] = rows.T.astype(np.float64) @ rows.astype(np.float64)
    return counts[np.triu_indices(len(counts), 1)]


def _cooccurrence(rows: NDArray[np.uint8], data: NDArray[np.uint8]) -> dict[str, float | None]:
    ours, theirs = _pairs(rows), _pairs(data)
    names = ("cosine", "kl", "js", "pearson")
    if not ours.any() or not theirs.any():
        return {f"cooccurrence_{name}": None for name in names}
    p, q = theirs / theirs.sum(), ours / ours.sum()
    middle = (p + q) / 2
    q_safe = (ours + 0.5) / (ours + 0.5).sum()
    values = (
        float(p @ q / (np.linalg.norm(p) * np.linalg.norm(q))),
        _kl(p, q_safe),
        (_kl(p, middle) + _kl(q, middle)) / 2,
        float(np.corrcoef(p, q)[0, 1]) if len(p) > 1 else None,
    )
    return {f"cooccurrence_{name}": value for name, value in zip(names, values, strict=True)}


def _kl(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    there = p > 0
    return float((p[there] * np.log(p[there] / q[there])).sum())


def facts_of(made: Made) -> dict[str, Any]:
    """Return the facts of an evaluation."""
    counts, units = _counts(made.data), made.active_units
    return {
        "rows": len(made.data),
        "latent_units": None if made.codes is None else made.codes.shape[1],
        "active_units": units,
        "collapsed": made.codes is not None and 10 * (units or 0) < made.codes.shape[1],
        "beta": made.beta,
        "samples": len(made.samples),
        "data_unique_percent": 100 * len(counts) / len(made.data),
        "data_entropy_nats": _entropy(counts),
        "data_gini": _gini(counts),
        "data_tags_per_row": float(made.data.sum(axis=1).mean()),
        "reconstruction_tags_per_row": float(made.reconstructed.sum(axis=1).mean()),
        "prior_tags_per_row": float(made.samples.sum(axis=1).mean()),
    }


def tables_of(made: Made) -> dict[str, Table]:
    """Return the tables of an evaluation."""
    every = (made.data, made.reconstructed, made.samples)
    lengths = [rows.sum(axis=1, dtype=int) for rows in every]
    most = max(int(length.max()) for length in lengths)
    spread = [np.bincount(length, minlength=most + 1) for length in lengths]
    tables: dict[str, Table] = {
        "tag_frequency": np.transpose([rows.sum(axis=0, dtype=int) for rows in every]).tolist(),
        "tags_per_row": np.transpose([np.arange(most + 1), *spread]).tolist(),
    }
    if made.codes is not None:
        tables["latent_units"] = np.transpose([made.codes.var(axis=0), made.unit_kl]).tolist()
    return tables


def examples_of(made: Made) -> dict[str, NDArray[Any]]:
    """Return the arrays of an evaluation's examples.npz."""
    top = min(TOP_TAGS, made.data.shape[1])
    found: dict[str, NDArray[Any]] = {}
    for name, rows in (
        ("data", made.data),
        ("reconstruction", made.reconstructed),
        ("prior", made.samples),
    ):
        shown = rows[:, :top].astype(float)
        found[f"cooccurrence_{name}"] = (shown.T @ shown / len(rows)).astype(np.float32)
    if made.codes is not None:
        # The two units that vary most stand for the principal components.
        variances = made.codes.var(axis=0)
        first = np.argsort(-variances, kind="stable")[:2]
        found["projection"] = made.codes[:, first].astype(np.float32)
        found["projection_label"] = made.data.argmax(axis=1).astype(np.int64)
        found["projection_share"] = (variances[first] / variances.sum()).astype(np.float32)
    return found


def epochs_of(run: Run, made: Made) -> list[dict[str, Any]]:
    """Return the lines of epochs.jsonl; a model that is fitted at once has one."""
    count = 1 if made.codes is None else EPOCHS
    lines = []
    for epoch in range(1, count + 1):
        left = math.exp(-epoch / 2) if count > 1 else 0.0
        bce, kl = made.bce + 8 * left, made.kl * (1 - 0.6 * left)
        line: dict[str, Any] = {
            "epoch": epoch,
            "step": 50 * epoch if count > 1 else 1,
            "passes": float(epoch),
            "train_loss": bce - 0.4 + made.beta * kl,
            "epoch_time_sec": 0.5,
            "learning_rate": 1e-3,
            "is_best": True,
        }
        for split, better in (("train", 0.4), ("validation", 0.0)):
            line |= {
                f"{split}_bce": bce - better,
                f"{split}_kl": kl,
                f"{split}_hamming_loss": 0.05 + 0.1 * left,
                f"{split}_jaccard_index": 0.7 - 0.4 * left,
                f"{split}_micro_f1": 0.8 - 0.4 * left,
            }
        line["validation_loss"] = bce + made.beta * kl
        lines.append(line)
    return lines


# --- A study on the disk

Change = Callable[[Run, Made], Any]


def tag_study(
    folder: Path,
    *,
    fate: Fate = ok,
    metrics: Change = lambda run, made: metrics_of(made),
    facts: Change = lambda run, made: facts_of(made),
    tables: Change = lambda run, made: tables_of(made),
    examples: Change = lambda run, made: examples_of(made),
    epochs: Change = epochs_of,
    names: Callable[[int], list[str]] = tag_names,
    **config: Any,
) -> StudyResults:
    """Write a study of tag VAEs, with study.yaml, records, profiles and curves, and read it.

    Parameters
    ----------
    fate
        From a run to ``ok``, ``diverged``, ``oom`` or ``missing``.
    metrics, facts, tables, examples, epochs
        From a run and what its model made to what its evaluation keeps, and its curve; examples
        of None are no file.
    names
        From a number of tags to their names.
    config
        Changes of `CONFIG`, whole sections.
    """
    plan = make_plan({**CONFIG, **config})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    for run in plan.runs:
        if fate(run) != "missing":
            own = made(plan, run)
            kept = {"facts": facts(run, own), "tables": tables(run, own)}
            target = folder / "runs" / run.path
            _write_run(plan, target, run, fate(run), metrics(run, own), kept, examples(run, own))
            lines = "".join(json.dumps(line) + "\n" for line in epochs(run, own))
            (target / "epochs.jsonl").write_text(lines)
    write_profiles(plan, folder)
    for resolution in plan.axis("resolution"):
        prepare(plan, folder / "data" / f"res{resolution}", resolution, names(resolution))
    return study_results(plan, folder)


def _write_run(
    plan: Plan,
    folder: Path,
    run: Run,
    fate: str,
    metrics: dict[str, float | None],
    kept: Mapping[str, Any],
    examples: Mapping[str, NDArray[Any]] | None,
) -> None:
    folder.mkdir(parents=True)
    failed = fate != "ok"
    fits = plan.models[run.model].architecture.fits
    changes: dict[str, Any] = {"epochs": 1 if fits else EPOCHS}
    if failed:
        changes |= {"status": Status(fate), "reason": REASONS[fate].format(seed=run.seed), **FAILED}
    train = train_record(plan, run, **changes)
    if train.applied is not None:
        loss = plan.models[run.model].loss.model_dump(mode="json")
        applied = train.applied.model_copy(update={"loss": loss})
        train = train.model_copy(update={"applied": applied})
    more: dict[str, Any] = {"test_count": ROWS, "tables": {}, "chance": {}}
    if not failed:
        values = {name: metrics.get(name) for name in plan.family.metric_names}
        undefined = {name: "made without" for name, value in values.items() if value is None}
        more |= {**kept, "metrics": values, "undefined": undefined}
        if examples is not None:
            more["examples_file"] = "examples.npz"
            np.savez(folder / "examples.npz", allow_pickle=False, **examples)
    record = evaluate_record(plan, train, 0.0, **more)
    (folder / "train.json").write_text(train.model_dump_json())
    (folder / "evaluate.json").write_text(record.model_dump_json())


def prepare(plan: Plan, folder: Path, tags: int, names: list[str]) -> None:
    """Write prepared data: the test rows, with the facts of a vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, _ = _test_rows(tags)
    np.save(folder / "tags.npy", rows)
    splits = {
        split: SplitFacts(file=f"{split}.npy", sha256=split, count=count, class_counts=None)
        for split, count in (("train", _ALL), ("validation", ROWS), ("test", ROWS))
    }
    record = data_record(plan).model_copy(
        update={
            "spec": plan.data_spec(tags, folder),
            "arrays": {"tags": describe_array(folder, "tags")},
            "splits": splits,
            "facts": {
                "tags": names,
                "train_frequency": (rows.sum(axis=0, dtype=int) * _ALL // ROWS).tolist(),
                "rows_read": 5000,
                "tags_read": 600,
                "rows_without_enough_tags": 120,
                "rows_duplicate": 2500,
                "tags_too_rare": 600 - tags,
            },
            "duplicates_across_splits": [],
        }
    )
    write_record(folder / "data.json", record)
