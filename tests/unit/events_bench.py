"""A bench for event tokenizers: small made events as prepared data, without a generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.families.events.data.drawing import SPLIT_SENTENCE, draw_splits
from studygrid.families.events.data.options import EventOptions
from studygrid.families.events.data.parts import EventBlock, EventNames, write_parts
from studygrid.families.events.models.options import OF_VQ
from studygrid.families.prepared import combined_sha256
from studygrid.records import DataRecord, write_record
from studygrid.spec import DataSpec

TOKENS = 6
CLASSES = ("padding", "charged hadron", "neutral hadron", "photon")
GLOBALS = (("mjj", "GeV"), ("mass", "GeV"), ("multiplicity", "1"))
SIGNALS = ("xy", "tt")
# Events of each label.
COUNTS = (160, 40, 30)
BASE: dict[str, Any] = {
    "family": "events",
    "model": "tiny",
    "architecture": "mlp",
    "options": {
        "tokenizer": "vq",
        "latent_tokens": 2,
        "latent_dim": 3,
        "codes": 8,
        "width": 8,
        "depth": 1,
        "heads": 2,
    },
    "resolution": TOKENS,
    "n_train": 64,
    "seed": 0,
    "training": {
        "steps": 6,
        "validations": 3,
        "batch_size": 16,
        "learning_rate": 0.01,
        "schedule": "constant",
    },
    "loss": {},
    "augmentation": {},
}
ENCODERS = ("mlp", "transformer", "gnn")
TOKENIZERS = ("none", "linear", "vq")
FITTED = ("isolation_forest", "supervised")


def options_of(architecture: str, **changes: Any) -> dict[str, Any]:
    """Return small options of an architecture, with changes."""
    if architecture in FITTED:
        return {"trees": 8, **changes}
    options = {**BASE["options"], **changes}
    if options["tokenizer"] == "none":
        options.pop("latent_dim", None)
    if options["tokenizer"] != "vq":
        options = {name: value for name, value in options.items() if name not in OF_VQ}
    return options


def made_events(
    count: int, strange: float, seed: int, tokens: int = TOKENS
) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]:
    """Return tokens, classes and globals of events of two jets, back to back.

    Parameters
    ----------
    strange
        How much wider the jets are, and heavier: 0 is background.
    """
    generator = np.random.default_rng(seed)
    valid = generator.integers(2, tokens + 1, count)
    mask = np.arange(tokens) < valid[:, None]
    # What the tokens of an event have in common is what a latent token can tell.
    common = generator.normal(0, 1, (count, 2))
    log_pt = 3 + common[:, :1] - np.sort(-generator.normal(0, 0.5, (count, tokens)), axis=1)
    other = generator.random((count, tokens)) < 0.5
    width = 0.2 * (1 + strange)
    eta = common[:, 1:] + generator.normal(0, width, (count, tokens)) + 0.5 * other
    phi = generator.normal(0, width, (count, tokens)) + np.pi * other
    found = np.stack([log_pt, eta, phi], axis=2) * mask[..., None]
    classes = generator.integers(1, len(CLASSES), (count, tokens)) * mask
    mass = generator.normal(80 * (1 + strange), 20, count)
    values = np.stack([generator.normal(3000, 300, count), mass, valid], axis=1)
    return found.astype(np.float32), classes.astype(np.uint8), values.astype(np.float32)


def write_events(
    folder: Path,
    counts: tuple[int, ...] = COUNTS,
    *,
    tokens: int = TOKENS,
    left_out: tuple[str, ...] = ("mjj",),
    reference_fraction: float = 0.5,
) -> Path:
    """Write prepared data of so many events of each label; return its record."""
    options = EventOptions(left_out=list(left_out), reference_fraction=reference_fraction)
    label = np.repeat(np.arange(len(counts)), counts).astype(np.int8)
    made = [
        made_events(count, 0.6 * number, seed=number, tokens=tokens)
        for number, count in enumerate(counts)
    ]
    folder.mkdir(parents=True)
    parts = write_parts(
        folder,
        [EventBlock(*block) for block in made],
        label,
        draw_splits(label, options),
        EventNames(SIGNALS[: len(counts) - 1], CLASSES, GLOBALS),
        options,
        tokens,
        {"split": SPLIT_SENTENCE},
    )
    record = DataRecord(
        spec=DataSpec(
            family="events",
            dataset="generated_events",
            options={},
            resolution=tokens,
            source="made here",
        ),
        sha256=combined_sha256(parts.arrays, parts.splits),
        arrays=parts.arrays,
        splits=parts.splits,
        facts=parts.facts,
        duplicates_across_splits=parts.duplicates,
        licence="",
        citation="",
    )
    write_record(folder / "data.json", record)
    return folder / "data.json"
