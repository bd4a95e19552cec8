"""From the config file to the plan of a study: its models, its runs, the spec of each job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from studygrid.axes import Axis
from studygrid.config_check import Checked, check
from studygrid.config_errors import Problems, raise_all
from studygrid.config_models import Model
from studygrid.config_places import Places, plain
from studygrid.figures import figures_of
from studygrid.figures.inference_figures import INFERENCE_FIGURES
from studygrid.grid import Cell, Run
from studygrid.shards import combined_source, record_path, shard_specs
from studygrid.spec import (
    DataSpec,
    EvaluateSpec,
    InferSpec,
    ProfileSpec,
    ShardSpec,
    TrainSpec,
    to_json,
)


@dataclass(frozen=True)
class Plan(Checked):
    """A study that can be run: everything is checked and every run is known."""

    @property
    def cells(self) -> list[Cell]:
        """The cells, in axis order."""
        return list(dict.fromkeys(run.cell for run in self.runs))

    def axis(self, name: Axis) -> list[Any]:
        """Return the values of an axis that some run has, in the order of the config."""
        found = dict.fromkeys(getattr(run, name) for run in self.runs)
        if name == "model":
            return list(found)
        entries = (getattr(entry, name) or () for entry in self.study.grid.include)
        written = dict.fromkeys([*getattr(self.study.grid, name), *chain.from_iterable(entries)])
        return [value for value in written if value in found]

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

    @property
    def figures(self) -> list[str]:
        """Names of the figures to draw."""
        return list(self.study.report.figures or figures_of(self.family))

    @cached_property
    def shards(self) -> list[ShardSpec]:
        """The specs of the shards that the data is prepared from; none of most datasets."""
        name = self.study.family
        return shard_specs(name, self.family, self.dataset, self.dataset_options)

    @property
    def shard_records(self) -> list[Path]:
        """The records of the shards."""
        folder = Path(self.study.execution.shards)
        return [record_path(folder, spec) for spec in self.shards]

    @property
    def inference_figures(self) -> list[str]:
        """Names of the figures of inference that the family's scores can be drawn in."""
        has_auroc = any(name.startswith("auroc") for name in self.family.metric_names)
        return [name for name in INFERENCE_FIGURES if has_auroc or "auroc" not in name]

    def data_spec(self, resolution: int, cache: Path) -> DataSpec:
        """Return the spec of ``prepare``; this reads or stats the raw data."""
        source = self.dataset.source(self.dataset_options, cache)
        return DataSpec(
            family=self.study.family,
            dataset=self.dataset.name,
            options=self.dataset_options.model_dump(mode="json"),
            resolution=resolution,
            source=combined_source(source, self.shards),
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

    def train_spec_texts(self) -> list[str]:
        """Return the specs of all runs as `Spec.to_json` writes them, made fast."""
        bases: dict[tuple[str, int], dict[str, Any]] = {}
        texts = []
        for run in self.runs:
            key = (run.model, run.resolution)
            if key not in bases:
                bases[key] = self.train_spec(run).model_dump(mode="json")
            texts.append(to_json({**bases[key], "n_train": run.n_train, "seed": run.seed}))
        return texts

    def evaluate_spec(self) -> EvaluateSpec:
        """Return the spec of every evaluation."""
        return EvaluateSpec(
            metrics=list(self.family.metric_names), evaluation=self.study.evaluation
        )

    def infer_spec(self) -> InferSpec:
        """Return the spec of every inference."""
        return InferSpec.of(self.study.inference, self.family.metric_names)

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
        Whether the data and weights that it names must be there, and models must be possible at
        their resolutions; tables need neither.

    Raises
    ------
    ConfigError
        If the file cannot be read, or anything in it is wrong.
    """
    places = Places()
    places.read(file)
    return _plan(places.content, places, check_files)


def make_plan(config: Any, files: Sequence[Path] = (), *, check_files: bool = True) -> Plan:
    """Check a config whole and expand it.

    Parameters
    ----------
    config
        The content of the config.
    files
        The files it was read from, of which later ones override earlier: for line numbers. What
        it has and they have not was given on the command line.
    check_files
        Whether the data and weights that it names must be there, and models must be possible at
        their resolutions.

    Raises
    ------
    ConfigError
        If anything is wrong; the message lists every problem with its place.
    """
    places = Places()
    for file in files:
        places.read(file)
    return _plan(config, places, check_files)


def _plan(config: Any, places: Places, check_files: bool) -> Plan:
    problems = Problems()
    config = {} if config is None else plain(config)
    checked = check(config, check_files, problems)
    raise_all(problems, places, config)
    assert checked is not None
    return Plan(**vars(checked))
