"""From the records of a run to its config and overrides in the facts layout."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from studygrid.grid import Run
from studygrid.interchange.thesis import TRAIN_RECORD
from studygrid.interchange.thesis_own import said_of, settings_of
from studygrid.records import TrainRecord
from studygrid.results.study_results import StudyResults


def config_bytes(
    study: StudyResults, run: Run, train: TrainRecord, folder: Path, overrides: Iterable[str]
) -> bytes:
    """Return config.yaml of a run: what the guide names, and what inference needs of us.

    Parameters
    ----------
    folder
        Where it is written, for the path of the prepared data from there.
    overrides
        Dotted keys of the settings in which the models of the study differ.
    """
    spec, said = train.spec.model_dump(mode="json"), said_of(train)
    data = study.folder / "data" / f"res{run.resolution}" / "data.json"
    record = Path(os.path.relpath(data.resolve(), folder.resolve())).as_posix()
    sizes = {key: said[key] for key in ("latent_dim", "codebook_size") if said[key] is not None}
    weight = said["globals_weight"]
    content = {
        "phase1": {
            "encoder": said["encoder"],
            "tokenizer": said["tokenizer"],
            "latent_space": said["tokenizer"],
            **({} if weight is None else {"decoder": {"globals_beta": weight}}),
        },
        "model": {
            "name": run.model,
            "architecture": spec["architecture"],
            "resolution": run.resolution,
            **spec["options"],
            **sizes,
        },
        "loss": spec["loss"],
        "trainer": {"seed": run.seed, **spec["training"]},
        "augmentation": spec["augmentation"],
        "data": {
            "name": study.plan.dataset.name,
            **study.plan.dataset_options.model_dump(mode="json"),
            "n_train": run.n_train,
            "record": record,
            "sha256": train.data_sha256,
        },
        "studygrid": {
            "study": study.name,
            "family": study.family.name,
            "run": vars(run),
            "train_record": TRAIN_RECORD,
        },
        "hydra": {"overrides": {"task": overrides_of(train, overrides)}},
    }
    return yaml_bytes(content)


def overrides_of(train: TrainRecord, keys: Iterable[str]) -> list[str]:
    """Return the run's axes and the settings in which models differ, as on a command line."""
    spec = train.spec
    always, others = settings_of(spec)
    every = {**always, **others}
    axes = {axis: getattr(spec.run, axis) for axis in ("model", "resolution", "n_train", "seed")}
    own = {key: every[key] for key in keys if key in every}
    return [f"{key}={_word(value)}" for key, value in {**axes, **own}.items()]


def _word(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def yaml_bytes(content: Any) -> bytes:
    """Return YAML in the order of the keys."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode()


def overridden(study: StudyResults) -> list[str]:
    """Return the dotted keys of the settings in which the models of a study differ."""
    specs = {run.model: study.plan.train_spec(run) for run in study.plan.runs}
    found: dict[str, list[Any]] = {}
    for spec in specs.values():
        always, others = settings_of(spec)
        for key, value in {**always, **others}.items():
            found.setdefault(key, []).append(value)
    return [
        key
        for key, values in found.items()
        if len(values) < len(specs) or any(value != values[0] for value in values)
    ]
