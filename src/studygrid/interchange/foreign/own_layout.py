"""Runs of our own: results folders, and folders of runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from studygrid.axes import AXES
from studygrid.errors import RecordError, StudygridError
from studygrid.families import family_names
from studygrid.interchange.foreign.layouts import Item, Layout
from studygrid.interchange.foreign.runs import ForeignRun, Reading
from studygrid.results.rows import MISSING

if TYPE_CHECKING:
    from studygrid.results.reading import RunFacts

_RUNS: Final = "runs/*/res*/n*/seed*"
_NO_COLUMN: Final = {*AXES, "study", "folder", "status", "reason", "undefined"}


def is_folder(folder: Path) -> bool:
    """Tell whether a folder is a study's results, or the folder of a run."""
    if (folder / "train.json").is_file() and (folder / "evaluate.json").is_file():
        return True
    is_study = (folder / "study.yaml").is_file() and (folder / "runs").is_dir()
    return is_study or any(folder.glob(_RUNS))


def read(items: Sequence[Item]) -> Reading:
    """Return the runs of each study, planned ones that have not run too."""
    from studygrid.results.loading import Problem

    reading = Reading()
    for item in items:
        try:
            reading.add(_read(item.path))
        except StudygridError as error:
            reading.problems.append(Problem(item.path, str(error)))
    return reading


def _read(folder: Path) -> Reading:
    from studygrid.results.frames import frame_rows
    from studygrid.results.loading import load_runs

    _check_family(folder)
    loaded = load_runs(folder)
    rows = frame_rows(loaded.frame)
    facts = _facts(rows)
    epochs = _epochs(loaded.epochs)
    study = _Study.of(folder)
    reading = Reading(problems=loaded.problems)
    for row in rows:
        place = str(row["folder"])
        run = _run(row, facts.get(place), epochs.get(place, ()), study)
        if run is not None:
            reading.runs.append(run)
    return reading


@dataclass(frozen=True)
class _Study:
    """What study.yaml says: the family, the dataset, the settings of each model."""

    family: str | None
    dataset: str | None
    configs: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, folder: Path) -> _Study:
        content = _content(folder / "study.yaml")
        models, dataset = content.get("models"), content.get("dataset")
        name = dataset.get("name") if isinstance(dataset, dict) else None
        configs = models.items() if isinstance(models, dict) else ()
        return cls(
            family=str(content["family"]) if content.get("family") else None,
            dataset=None if name is None else str(name),
            configs={name: own for name, own in configs if own},
        )


def _facts(rows: Iterable[Mapping[str, Any]]) -> dict[str, RunFacts]:
    """Return what the records say of each run that has them, by its folder."""
    from studygrid.results.reading import read_all

    below: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["status"] != MISSING:
            key = os.path.relpath(row["folder"], row["study"])
            below.setdefault(row["study"], {})[key] = row["folder"]
    return {
        folders[key]: facts
        for root, folders in below.items()
        for key, facts in read_all(Path(root), folders)[0].items()
    }


def _run(
    row: Mapping[str, Any],
    facts: RunFacts | None,
    epochs: Sequence[Mapping[str, Any]],
    study: _Study,
) -> ForeignRun | None:
    """Return a run; None of one that is missing where no study tells what it would be of."""
    spec = json.loads(facts.spec) if facts else {}
    family = spec.get("family") or study.family
    if family is None:
        return None
    return ForeignRun(
        layout="studygrid",
        family=family,
        name=row["model"],
        paths=(Path(row["folder"]),),
        resolution=int(row["resolution"]),
        n_train="all" if row["n_train"] == "all" else int(row["n_train"]),
        seed=int(row["seed"]),
        status=str(row["status"]),
        reason=row["reason"],
        metrics=facts.metrics if facts else {},
        undefined=facts.undefined if facts else {},
        columns=_columns(row),
        epochs=epochs,
        config=study.configs.get(row["model"]) or _settings(spec),
        dataset=study.dataset,
        monitor=(spec.get("training") or {}).get("monitor"),
        finished_at=facts.finished_at if facts else None,
        written_here=True,
        # The images that a run keeps lie in its own folder, with the data of its study.
        facts=facts.model_copy(update={"examples_file": None}) if facts else None,
    )


def _check_family(folder: Path) -> None:
    """Refuse a study whose family is a file: to read it would run what lies there.

    Raises
    ------
    RecordError
        If it is none that is installed.
    """
    family = _Study.of(folder).family
    if family is not None and family not in family_names():
        raise RecordError(
            f"{folder / 'study.yaml'}: its family is {family!r}, which is none of the installed "
            f"ones ({', '.join(family_names())}); code of a collected folder is not run"
        )


def _content(file: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(file.read_bytes())
    except (OSError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    parts = ("architecture", "options", "training", "loss", "augmentation")
    return {part: spec[part] for part in parts if part in spec}


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.items()
        if name not in _NO_COLUMN and not name.startswith("test_")
    }


def _epochs(frame: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the epochs of each run's folder, without its axes."""
    from studygrid.results.frames import frame_rows

    found: dict[str, list[dict[str, Any]]] = {}
    for row in frame_rows(frame):
        found.setdefault(row["folder"], []).append(dict(_values(row)))
    return found


def _values(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if name not in _NO_COLUMN and value is not None:
            yield name, value


LAYOUT: Final = Layout("studygrid", None, "Results of studygrid", read, is_folder=is_folder)
