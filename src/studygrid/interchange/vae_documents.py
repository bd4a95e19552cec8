"""The documents of the layout of the guide to VAE comparison: one schema of writer and reader.

Keys that the guide does not have are ours, and optional. A number that is not there is null, and
`reasons` says why, by the key's place in the document: ``test.test_silhouette_score``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field, NonNegativeInt

from studygrid.interchange.crackseg_documents import Document, Reasons, RunAxes

SCHEMA_VERSION: Final = 1
WRITER: Final = "studygrid"
Scores = dict[str, float | None]

# What the guide calls our metrics of tag VAEs; those without a name of its own keep ours.
GUIDE_NAMES: Final[Mapping[str, str]] = {
    "kl": "kld",
    "active_units_percent": "pct_active_units",
    "silhouette": "silhouette_score",
    "reconstruction_unique_percent": "diversity_pct_unique_combinations",
    "reconstruction_entropy_nats": "diversity_entropy",
    "reconstruction_entropy_bits": "diversity_entropy_bits",
    "reconstruction_gini": "diversity_gini_coefficient",
    "reconstruction_tags_per_row_error": "diversity_tags_per_row_error",
    "reconstruction_cooccurrence_cosine": "cooccurrence_cosine_similarity",
    "reconstruction_cooccurrence_kl": "cooccurrence_kl_divergence",
    "reconstruction_cooccurrence_js": "cooccurrence_js_divergence",
    "reconstruction_cooccurrence_pearson": "cooccurrence_pearson_correlation",
    "prior_unique_percent": "prior_diversity_pct_unique_combinations",
    "prior_entropy_nats": "prior_diversity_entropy",
    "prior_entropy_bits": "prior_diversity_entropy_bits",
    "prior_gini": "prior_diversity_gini_coefficient",
    "prior_tags_per_row_error": "prior_diversity_tags_per_row_error",
    "prior_cooccurrence_cosine": "prior_cooccurrence_cosine_similarity",
    "prior_cooccurrence_kl": "prior_cooccurrence_kl_divergence",
    "prior_cooccurrence_js": "prior_cooccurrence_js_divergence",
    "prior_cooccurrence_pearson": "prior_cooccurrence_pearson_correlation",
}
# The columns of comparison.csv after `configuration`, in the guide's order, and our metrics.
COLUMNS: Final[Mapping[str, str]] = {
    "test_loss": "loss",
    "test_bce": "bce",
    "test_kld": "kl",
    "hamming_loss": "hamming_loss",
    "jaccard_index": "jaccard_index",
    "pct_active_units": "active_units_percent",
    "silhouette_score": "silhouette",
    "pct_unique_combinations": "reconstruction_unique_percent",
    "entropy": "reconstruction_entropy_nats",
    "gini_coefficient": "reconstruction_gini",
    "cosine_similarity": "reconstruction_cooccurrence_cosine",
    "kl_divergence": "reconstruction_cooccurrence_kl",
}
# Options of the model that the guide's config names otherwise.
MODEL_OPTIONS: Final[Mapping[str, str]] = {
    "latent": "latent_dim",
    "hidden": "hidden_dim",
    "dropout": "dropout_p",
}
# Our splits by the guide's phases.
PHASES: Final[Mapping[str, str]] = {"train": "train", "val": "validation", "test": "test"}


class Phases(Document):
    """Scores by phase, each key ``<phase>_<metric>``: train and val of one epoch, and test."""

    train: Scores = Field({})
    val: Scores = Field({})
    test: Scores = Field({})


class Metrics(Phases):
    """``metrics.json``; the keys beside the phases are ours.

    Attributes
    ----------
    kept_epoch
        The epoch whose weights were kept: train and val are of it, and test of its weights.
    """

    kept_epoch: NonNegativeInt | None = None
    reasons: Reasons = Field({})


class Config(Document):
    """What was trained: sections of settings, of which the guide names `model` and `trainer`."""

    model_name: str | None = None
    model: dict[str, Any] = Field({})
    trainer: dict[str, Any] = Field({})
    loss: dict[str, Any] = Field({})
    data: dict[str, Any] = Field({})
    seed: NonNegativeInt | None = None


class Summary(Document):
    """``summary.json``: the config and the metrics; the keys after these are ours.

    Attributes
    ----------
    records_hash
        Hash of the records that an export was made from.
    """

    config: Config
    metrics: Phases
    kept_epoch: NonNegativeInt | None = None
    schema_version: int | None = None
    written_by: str | None = None
    study: str | None = None
    family: str | None = None
    run: RunAxes | None = None
    status: str | None = None
    monitor: str | None = None
    epochs_trained: int | None = None
    stopped_by: str | None = None
    train_time_sec: float | None = None
    train_samples: int | None = None
    test_samples: int | None = None
    parameters: int | None = None
    device: str | None = None
    checkpoint_sha256: str | None = None
    data_sha256: str | None = None
    git_commit: str | None = None
    finished_at: str | None = None
    records_hash: str | None = None
    test_facts: dict[str, Any] | None = None
    reasons: Reasons = Field({})
