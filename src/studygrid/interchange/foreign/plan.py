"""The plan of a collected study: what was found, in place of what was to be run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, ValidationError

from studygrid.config_models import Model
from studygrid.families.base import Architecture, Dataset, Family
from studygrid.grid import Run
from studygrid.interchange.foreign.merging import resolution_order, size_order
from studygrid.interchange.foreign.runs import ForeignRun
from studygrid.plan import Plan
from studygrid.results.not_said import NOT_SAID
from studygrid.study import Grid, Profiling, Report, Section, Study, Training

_PARTS: Final = ("options", "training", "loss", "augmentation")
Runs = Mapping[Run, ForeignRun]


class Said(Section):
    """Settings as files say them, whatever their names."""

    model_config = ConfigDict(extra="allow")

    @property
    def is_known(self) -> bool:
        """Whether the files say any."""
        return bool(self.model_extra)


@dataclass(frozen=True)
class CollectedPlan(Plan):
    """A plan whose runs were found.

    Nothing can be run by it: the training sections of its models hold defaults where the files
    say nothing. `resolved` has what they say, and no more.

    Attributes
    ----------
    said
        The settings of each model.
    """

    said: Mapping[str, Mapping[str, Any]]

    def resolved(self) -> dict[str, Any]:
        """Return what the files say of the models."""
        return {"models": {name: dict(own) for name, own in self.said.items()}}


def collected_plan(
    name: str, family: Family, runs: Runs, metric: str, profiled: Iterable[int]
) -> CollectedPlan:
    """Return the plan of runs that were found.

    Parameters
    ----------
    runs
        By their places in the grid, in axis order.
    metric
        Name of the metric that the study is about.
    profiled
        Batch sizes whose inference some run was measured with.
    """
    sizes = sorted(profiled)
    said = _settings(runs)
    models = {name: _model(name, own, runs, family) for name, own in said.items()}
    grid = Grid.model_construct(
        model=list(said),
        resolution=sorted({run.resolution for run in runs}, key=resolution_order),
        n_train=sorted({run.n_train for run in runs}, key=size_order),
        seed=sorted({run.seed for run in runs}),
    )
    study = Study.model_construct(
        name=name,
        family=family.name,
        dataset={},
        models=dict.fromkeys(said),
        grid=grid,
        profiling=Profiling.model_construct(enabled=bool(sizes), batch_sizes=sizes or [1]),
        report=Report(metric=metric),
    )
    dataset = _dataset(runs)
    return CollectedPlan(study, family, dataset, Said(), models, list(runs), said)


def _settings(runs: Runs) -> dict[str, dict[str, Any]]:
    """Return the settings of each model: those that its runs agree on."""
    found: dict[str, dict[str, Any]] = {}
    for run, foreign in runs.items():
        own = dict(foreign.config)
        found[run.model] = _shared(found[run.model], own) if run.model in found else own
    for own in found.values():
        own.setdefault("architecture", None)
    return found


def _shared(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    shared: dict[str, Any] = {}
    for key in first.keys() & second.keys():
        one, other = first[key], second[key]
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            shared[key] = _shared(one, other)
        elif one == other:
            shared[key] = one
    return {key: shared[key] for key in first if key in shared}


def _model(name: str, said: Mapping[str, Any], runs: Runs, family: Family) -> Model:
    sections: dict[str, Section] = {
        part: Said.model_construct(**_section(said, part)) for part in _PARTS if part != "training"
    }
    own = [foreign for run, foreign in runs.items() if run.model == name]
    losses = [foreign.config.get("loss") for foreign in own]
    if any(loss != losses[0] for loss in losses):
        sections["loss"] = Said.model_construct()  # what they share is no whole loss
    if all(foreign.written_here for foreign in own):
        sections["loss"] = _loss(family, sections["loss"])
    monitors = {foreign.monitor for foreign in own}
    known = [monitor for monitor in monitors if monitor in family.metric_names]
    monitor = known[0] if len(known) == len(monitors) == 1 else "loss"
    architecture = Architecture(str(said.get("architecture") or NOT_SAID), "", Said)
    training = Training.model_construct(monitor=monitor)
    return Model(name, architecture, training=training, **sections)


def _loss(family: Family, said: Section) -> Section:
    """Return the loss of our own runs as what it is, if it is whole."""
    try:
        return family.loss.model_validate(said.model_dump()) if said.is_known else said
    except ValidationError:
        return said


def _section(said: Mapping[str, Any], part: str) -> dict[str, Any]:
    section = said.get(part)
    return dict(section) if isinstance(section, Mapping) else {}


def _dataset(runs: Runs) -> Dataset:
    names = sorted({foreign.dataset for foreign in runs.values() if foreign.dataset})
    return Dataset(
        name=", ".join(names) or NOT_SAID,
        options=Said,
        prepare="",
        train_size=_no_size,
        source=_no_source,
        licence=NOT_SAID,
        citation=NOT_SAID,
    )


def _no_size(options: Any) -> None:
    return None


def _no_source(options: Any, cache: Path) -> str:
    return NOT_SAID
