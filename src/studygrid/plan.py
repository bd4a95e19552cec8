"""From the config file to the plan of a study: its models, its runs, the spec of each job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from studygrid.config_errors import ABSENT, Place, Places, Problem, nearest, problems_of, raise_all
from studygrid.errors import ConfigError
from studygrid.families import family_names, load_family
from studygrid.families.base import Architecture, Dataset, Family
from studygrid.grid import Cell, Run, expand
from studygrid.spec import DataSpec, EvaluateSpec, ProfileSpec, TrainSpec
from studygrid.study import Grid, ModelConfig, Section, Study, Training

_PATH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Model:
    """A named configuration with its overrides applied."""

    name: str
    architecture: Architecture
    options: Section
    training: Training
    loss: Section
    augmentation: Section


@dataclass(frozen=True)
class Plan:
    """A study that can be run: everything is checked and every run is known."""

    study: Study
    family: Family
    dataset: Dataset
    dataset_options: Section
    models: Mapping[str, Model]
    runs: Sequence[Run]

    @property
    def cells(self) -> list[Cell]:
        """The cells, in axis order."""
        return list(dict.fromkeys(run.cell for run in self.runs))

    def axis(self, name: str) -> list[Any]:
        """Return the values of an axis that some run has, in axis order."""
        values = dict.fromkeys(getattr(run, name) for run in self.runs)
        if name == "model":
            return list(values)
        return sorted(values, key=lambda value: (value == "all", value if value != "all" else 0))

    @property
    def profiled(self) -> list[tuple[str, int]]:
        """The (model, resolution) pairs to profile."""
        if not self.study.profiling.enabled:
            return []
        return list(dict.fromkeys((run.model, run.resolution) for run in self.runs))

    @property
    def figure_metric(self) -> str:
        """Name of the metric that the figures show."""
        return self.study.report.metric or self.family.primary_metric

    def data_spec(self, resolution: int, cache: Path) -> DataSpec:
        """Return the spec of ``prepare``; this reads or stats the raw data."""
        return DataSpec(
            family=self.study.family,
            dataset=self.dataset.name,
            options=self.dataset_options.model_dump(mode="json"),
            resolution=resolution,
            source=self.dataset.source(self.dataset_options, cache),
        )

    def train_spec(self, run: Run) -> TrainSpec:
        """Return the spec of a run."""
        model = self.models[run.model]
        return TrainSpec(
            **self._model_spec(model, run.resolution),
            n_train=run.n_train,
            seed=run.seed,
            training=model.training,
            loss=model.loss.model_dump(mode="json"),
            augmentation=model.augmentation.model_dump(mode="json"),
        )

    def evaluate_spec(self) -> EvaluateSpec:
        """Return the spec of every evaluation."""
        return EvaluateSpec(
            metrics=list(self.family.metric_names), evaluation=self.study.evaluation
        )

    def profile_spec(self, model: str, resolution: int) -> ProfileSpec:
        """Return the spec of a profile."""
        return ProfileSpec(
            **self._model_spec(self.models[model], resolution),
            channels_last=self.models[model].training.channels_last,
            profiling=self.study.profiling,
        )

    def _model_spec(self, model: Model, resolution: int) -> dict[str, Any]:
        return {
            "family": self.study.family,
            "model": model.name,
            "architecture": model.architecture.name,
            "options": model.options.model_dump(mode="json"),
            "resolution": resolution,
        }

    def resolved(self) -> dict[str, Any]:
        """Return the config with every default and override written out, for study.yaml."""
        content = self.study.model_dump(mode="json")
        content["dataset"] = {
            "name": self.dataset.name,
            **self.dataset_options.model_dump(mode="json"),
        }
        content["models"] = {
            name: {
                "architecture": model.architecture.name,
                **{
                    part: getattr(model, part).model_dump(mode="json")
                    for part in ("options", "training", "loss", "augmentation")
                },
            }
            for name, model in self.models.items()
        }
        return content


def read_plan(file: Path, *, check_files: bool = True) -> Plan:
    """Read one config file, or the ``study.yaml`` of a results folder.

    Parameters
    ----------
    file
        The file.
    check_files
        Whether the data and weights that it names must be there; tables do not need them.

    Raises
    ------
    ConfigError
        If the file cannot be read, or anything in it is wrong.
    """
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: cannot be read as YAML: {error}") from None
    return make_plan(content, [file], check_files=check_files)


def make_plan(config: Any, files: Sequence[Path] = (), *, check_files: bool = True) -> Plan:
    """Check a config whole and expand it.

    Parameters
    ----------
    config
        The content of the config.
    files
        The files it was read from, of which later ones override earlier: for line numbers.
    check_files
        Whether the data and weights that it names must be there.

    Raises
    ------
    ConfigError
        If anything is wrong; the message lists every problem with its place.
    """
    places = Places(files)
    check = _Check(config, check_files)
    raise_all([*places.problems, *check.problems], places)
    assert check.plan is not None
    return check.plan


class _Check:
    """One pass over a config that goes on after a problem, to find them all."""

    def __init__(self, config: Any, check_files: bool) -> None:
        self._check_files = check_files
        self.problems: list[Problem] = []
        self.plan: Plan | None = None
        config = _plain(config) if config is not None else {}
        study = self._study(config)
        # Where a section is wrong the others are still checked: on the raw content.
        raw = config if isinstance(config, Mapping) else {}
        family = self._family(raw.get("family"))
        dataset = self._dataset(family, raw.get("dataset")) if family else None
        models = self._models(family, raw) if family else None
        grid_models = self._names(raw, study)
        runs = self._runs(study, grid_models) if study and grid_models else []
        if study and family:
            self._report(study, family)
        if dataset and check_files:
            self._sizes(raw, *dataset)
        if study and family and dataset and models is not None and not self.problems:
            self.plan = Plan(study, family, *dataset, models, runs)

    def _add(
        self, place: Place, message: str, value: Any = ABSENT, hint: str | None = None
    ) -> None:
        self.problems.append(Problem(place, message, value, hint))

    def _study(self, config: Any) -> Study | None:
        try:
            return Study.model_validate(config)
        except ValidationError as error:
            self.problems += problems_of(error, Study)
            return None

    def _family(self, name: Any) -> Family | None:
        if not isinstance(name, str):
            return None
        try:
            return load_family(name)
        except ConfigError as error:
            self._add(("family",), str(error), hint=nearest(name, family_names()))
        except Exception as error:  # a user's own file may raise anything
            self._add(("family",), f"cannot be loaded: {type(error).__name__}: {error}", name)
        return None

    def _dataset(self, family: Family, section: Any) -> tuple[Dataset, Section] | None:
        if not isinstance(section, Mapping):
            return None
        name = section.get("name")
        if name is None:
            self._add(
                ("dataset", "name"), f"missing; {family.name} has {', '.join(family.datasets)}"
            )
            return None
        dataset = family.datasets.get(str(name))
        if dataset is None:
            message = f"{family.name} has no such dataset"
            self._add(("dataset", "name"), message, name, hint=nearest(name, family.datasets))
            return None
        options = {key: value for key, value in section.items() if key != "name"}
        try:
            checked = dataset.options.model_validate(options)
        except ValidationError as error:
            self.problems += problems_of(error, dataset.options, ("dataset",))
            return None
        faults = dataset.check(checked) if self._check_files else ()
        for key, message in faults:
            self._add(("dataset", key), message, options.get(key))
        return None if faults else (dataset, checked)

    def _models(self, family: Family, raw: Mapping[str, Any]) -> dict[str, Model] | None:
        section = raw.get("models")
        if not isinstance(section, Mapping):
            return None
        for part, kind in (("loss", family.loss), ("augmentation", family.augmentation)):
            self._section(raw.get(part) or {}, kind, (part,))
        self._monitor(family, raw.get("training"), ("training", "monitor"))
        models = {}
        for name, overrides in section.items():
            try:
                config = ModelConfig.model_validate(overrides or {})
            except ValidationError:
                continue  # reported with the study
            model = self._model(family, str(name), config, raw)
            if model is not None:
                models[str(name)] = model
        return models

    def _model(
        self, family: Family, name: str, config: ModelConfig, raw: Mapping[str, Any]
    ) -> Model | None:
        place = ("models", name)
        architecture = family.find_architecture(config.architecture or name)
        if architecture is None:
            known = family.architecture_names()
            where = (*place, "architecture") if config.architecture else place
            message = f"{family.name} has no such architecture"
            if not config.architecture:
                message += "; name one with `architecture:` if this is a name of your own"
            value = config.architecture or name
            self._add(where, message, value, hint=nearest(value, known))
            return None
        self._monitor(family, config.training, (*place, "training", "monitor"))
        options = self._section(config.options, architecture.options, (*place, "options"))
        training = self._merged(raw, "training", config.training, Training, place)
        loss = self._merged(raw, "loss", config.loss, family.loss, place)
        augmentation = self._merged(
            raw, "augmentation", config.augmentation, family.augmentation, place
        )
        if options is None or training is None or loss is None or augmentation is None:
            return None
        assert isinstance(training, Training)
        weights = getattr(options, "weights", None)
        if self._check_files and weights is not None and not Path(weights).is_file():
            self._add((*place, "options", "weights"), "there is no such file", weights)
        return Model(name, architecture, options, training, loss, augmentation)

    def _section(self, content: Any, kind: type[Section], place: Place) -> Section | None:
        try:
            return kind.model_validate(content)
        except ValidationError as error:
            self.problems += problems_of(error, kind, place)
            return None

    def _merged(
        self,
        raw: Mapping[str, Any],
        part: str,
        override: Mapping[str, Any],
        kind: type[Section],
        place: Place,
    ) -> Section | None:
        """Apply a model's overrides; a fault of the shared section is not reported again."""
        base = raw.get(part) or {}
        if not isinstance(base, Mapping):
            return None
        try:
            kind.model_validate(base)
        except ValidationError:
            # Only the override's own faults can be told then.
            base = {}
        return self._section(_override(base, override), kind, (*place, part))

    def _monitor(self, family: Family, training: Any, place: Place) -> None:
        monitor = training.get("monitor") if isinstance(training, Mapping) else None
        if isinstance(monitor, str) and monitor not in family.metric_names:
            message = f"{family.name} has no such metric"
            self._add(place, message, monitor, hint=nearest(monitor, family.metric_names))

    def _names(self, raw: Mapping[str, Any], study: Study | None) -> list[str]:
        models = raw.get("models")
        if not isinstance(models, Mapping):
            return []
        self._path_names(models)
        presets = study.presets if study else {}
        for preset, members in presets.items():
            if preset in models or preset == "all":
                self._add(("presets", preset), "a model has this name too; give another", preset)
            for position, member in enumerate(members):
                if member not in models:
                    hint = nearest(member, models)
                    self._add(("presets", preset, position), "no such model", member, hint=hint)
        if study is None:
            return []
        return self._expanded(study.grid.model, study, ("grid", "model"))

    def _path_names(self, models: Mapping[Any, Any]) -> None:
        lowered: dict[str, str] = {}
        for name in models:
            text = str(name)
            if not isinstance(name, str) or not _PATH_NAME.fullmatch(text) or ".." in text:
                valid = re.sub(r"[^A-Za-z0-9_.-]+|\.\.+", "_", text).strip("_.-")[:64]
                message = "can't be a folder's name: letters, digits, _ . - only, 64 at most"
                self._add(("models", text), message, name, hint=f"did you mean {valid!r}?")
            elif text.lower() in lowered:
                message = f"differs from {lowered[text.lower()]!r} in case only"
                self._add(("models", text), message, name)
            lowered[text.lower()] = text
        if "all" in lowered:
            self._add(("models", lowered["all"]), "the word all means every model", lowered["all"])

    def _expanded(self, names: Sequence[str], study: Study, place: Place) -> list[str]:
        """Resolve `all` and presets to models."""
        found: list[str] = []
        for position, name in enumerate(names):
            if name == "all":
                found += study.models
            elif name in study.presets:
                found += study.presets[name]
            elif name in study.models:
                found.append(name)
            else:
                hint = nearest(name, ["all", *study.models, *study.presets])
                self._add((*place, position), "no such model or preset", name, hint=hint)
        return found

    def _runs(self, study: Study, models: list[str]) -> list[Run]:
        if self.problems and any(
            problem.place[:2] == ("grid", "model") for problem in self.problems
        ):
            return []
        entries = {
            part: [
                entry
                if entry.model is None
                else entry.model_copy(
                    update={
                        "model": self._expanded(entry.model, study, ("grid", part, at, "model"))
                    }
                )
                for at, entry in enumerate(getattr(study.grid, part))
            ]
            for part in ("exclude", "include")
        }
        grid: Grid = study.grid.model_copy(update=entries)
        runs, errors = expand(grid, models)
        for error in errors:
            value = ABSENT if error.value is None else error.value
            self._add(("grid", *error.place), str(error), value)
        return runs

    def _report(self, study: Study, family: Family) -> None:
        metric = study.report.metric
        if metric is not None and metric not in family.metric_names:
            hint = nearest(metric, family.metric_names)
            self._add(("report", "metric"), f"{family.name} has no such metric", metric, hint=hint)

    def _sizes(self, raw: Mapping[str, Any], dataset: Dataset, options: Section) -> None:
        available = dataset.train_size(options)
        grid = raw.get("grid")
        if available is None or not isinstance(grid, Mapping):
            return
        values = [value for _, value in _sizes_in(grid)]
        for place, value in _sizes_in(grid):
            if not isinstance(value, int) or isinstance(value, bool) or value < available:
                continue
            message = f"the training split of {dataset.name} has {available} samples"
            if value > available:
                self._add(place, message, value, hint="write a smaller number, or all")
            elif "all" in values:
                self._add(place, f"{message}, which is what all means; keep one", value)


def _sizes_in(grid: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    entries = grid.get("include")
    sections = [(("grid",), grid)]
    if isinstance(entries, list):
        sections += [(("grid", "include", at), entry) for at, entry in enumerate(entries)]  # type: ignore[misc]
    for place, section in sections:
        values = section.get("n_train") if isinstance(section, Mapping) else None
        if isinstance(values, list):
            yield from (((*place, "n_train", at), value) for at, value in enumerate(values))
        else:
            yield (*place, "n_train"), values


def _override(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `override` over `base`, section by section."""
    merged = dict(base)
    # The two ways to give a budget replace each other.
    for given, dropped in (("steps", "epochs"), ("epochs", "steps")):
        if override.get(given) is not None:
            merged.pop(dropped, None)
    for key, value in override.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _override(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _plain(value: Any) -> Any:
    """Return plain dicts and lists: Snakemake hands over ordered ones of its own."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
