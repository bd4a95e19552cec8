"""One pass over a config that goes on after a problem, to find them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from studygrid.config_errors import ABSENT, Problems, nearest
from studygrid.config_grid import check_grid, check_largest, check_sizes
from studygrid.config_models import Model, check_fits, check_models, check_names
from studygrid.errors import ConfigError
from studygrid.families import BUILT_IN, load_family
from studygrid.families.base import Dataset, Family
from studygrid.figures import figures_of
from studygrid.grid import Run
from studygrid.losses import Losses, differing, loss_of, words
from studygrid.shards import shards_fault
from studygrid.study import Section, Study


@dataclass(frozen=True)
class Checked:
    """A config in which nothing is wrong."""

    study: Study
    family: Family
    dataset: Dataset
    dataset_options: Section
    models: Mapping[str, Model]
    runs: list[Run]


def check(config: Any, check_files: bool, problems: Problems) -> Checked | None:
    """Check a config of plain dicts and lists; return its parts, or None and the problems.

    Where a section is wrong the others are still checked, on what stands in the config.
    """
    study = problems.validate(Study, config, ())
    if not isinstance(config, Mapping):
        return None
    family = _family(config.get("family"), problems)
    if check_files:
        _check_folder(("results",), config.get("results"), problems)
        execution = config.get("execution")
        shards = execution.get("shards") if isinstance(execution, Mapping) else None
        _check_folder(("execution", "shards"), shards, problems)
    if isinstance(config.get("models"), Mapping):
        check_names(config["models"], problems)
    runs = check_grid(config, problems)
    if family is None:
        return None
    dataset = _dataset(family, config.get("dataset"), check_files, problems)
    models = check_models(family, config, check_files, problems)
    trained = dict.fromkeys(run.model for run in runs)
    losses = {name: loss_of(models[name]) for name in trained if name in models}
    _check_report(family, config.get("report"), losses, problems)
    if check_files:
        check_fits(family, models, runs, problems)
    if dataset is None:
        return None
    if check_files:
        check_sizes(config, *dataset, problems)
        check_largest(config, *dataset, problems)
        _check_trained(*dataset, [models[name] for name in trained if name in models], problems)
    if study is None or problems:
        return None
    return Checked(study, family, *dataset, models, runs)


def _family(name: Any, problems: Problems) -> Family | None:
    if not isinstance(name, str):
        return None
    try:
        family = load_family(name)
        _check_needs(family, problems)
        return family
    except ConfigError as error:
        problems.add(("family",), str(error))
    except Exception as error:  # a user's own file may raise anything
        problems.add(("family",), f"cannot be loaded: {type(error).__name__}: {error}", name)
    return None


def _check_needs(family: Family, problems: Problems) -> None:
    lacking = [package for module, package in family.needs.items() if not find_spec(module)]
    if lacking:
        extra = f"-c envs/constraints.txt -e '.[{family.name}]'"
        install = f"pip install {extra if family.name in BUILT_IN else ' '.join(lacking)}"
        what = f"needs {' and '.join(lacking)}, not installed here; {install}"
        problems.add(("family",), what, family.name)


def _dataset(
    family: Family, section: Any, check_files: bool, problems: Problems
) -> tuple[Dataset, Section] | None:
    if not isinstance(section, Mapping):
        return None
    name = section.get("name")
    if name is None:
        message = f"missing; {family.name} has {', '.join(family.datasets)}"
        problems.add(("dataset", "name"), message)
        return None
    dataset = family.datasets.get(str(name))
    if dataset is None:
        message = f"{family.name} has no such dataset"
        problems.add(("dataset", "name"), message, name, nearest(name, family.datasets))
        return None
    given = {key: value for key, value in section.items() if key != "name"}
    options = problems.validate(dataset.options, given, ("dataset",))
    if options is None:
        return None
    faults = dataset.check(options) if check_files else ()
    for key, message in faults:
        value = getattr(options, key, section.get(key, ABSENT))
        problems.add(("dataset", key), message, value)
    if faults:
        return None
    fault = shards_fault(dataset, options)
    if fault is not None:
        problems.add(("dataset",), fault)
    return None if fault else (dataset, options)


def _check_trained(
    dataset: Dataset, options: Section, models: Sequence[Model], problems: Problems
) -> None:
    """Note models with runs that the data cannot train."""
    for model in models:
        fault = dataset.refuses(options, model.architecture)
        if fault is not None:
            problems.add(("models", model.name), f"cannot be trained on this data: {fault}")


def _check_report(family: Family, section: Any, losses: Losses, problems: Problems) -> None:
    metric = section.get("metric") if isinstance(section, Mapping) else None
    if isinstance(metric, str) and metric not in family.metric_names:
        hint = nearest(metric, family.metric_names)
        problems.add(("report", "metric"), f"{family.name} has no such metric", metric, hint)
    listed = section.get("figures") if isinstance(section, Mapping) else None
    figures = listed if isinstance(listed, list) else []
    known = figures_of(family)
    for position, name in enumerate(figures):
        place = ("report", "figures", position)
        if isinstance(name, str) and name not in known:
            close = nearest(name, known) or ""
            hint = close if close.startswith("valid") else f"{close} All: {', '.join(known)}"
            problems.add(place, f"{family.name} has no such figure", name, hint.strip())
        elif name in figures[:position]:
            problems.add(place, "is named twice", name)
    ranking = section.get("ranking") if isinstance(section, Mapping) else None
    weights = ranking.get("weights") if isinstance(ranking, Mapping) else None
    if isinstance(weights, Mapping):
        _check_weights(family, weights, losses, problems)


def _check_weights(
    family: Family, weights: Mapping[Any, Any], losses: Losses, problems: Problems
) -> None:
    """Check that the metrics of a ranking have a common scale, and that each counts once.

    Parameters
    ----------
    losses
        The loss of each model that has runs.
    """
    bounded = [metric.name for metric in family.metrics if metric.bounds is not None]
    counted: dict[str, str] = {}
    for name in weights:
        place = ("report", "ranking", "weights", name)
        if name not in family.metric_names:
            problems.add(place, f"{family.name} has no such metric", hint=nearest(name, bounded))
        elif name not in bounded:
            message = "has no lowest and highest value, so it cannot be weighed against others"
            problems.add(place, message, hint=f"valid: {', '.join(bounded)}")
        elif family.metric(name).of_loss and (which := differing(losses)):
            problems.add(place, words(family.metric(name), which), hint="leave it out")
        else:
            same = family.metric(name).same_as or name
            if same in counted:
                message = f"always equals {counted[same]}, which would count twice"
                problems.add(place, message, hint="keep one of the two")
            counted.setdefault(same, name)


def _check_folder(place: tuple[str, ...], folder: Any, problems: Problems) -> None:
    if not isinstance(folder, str):
        return
    for path in (Path(folder), *Path(folder).parents):
        try:
            is_file = path.exists() and not path.is_dir()
        except (OSError, ValueError) as error:
            problems.add(place, f"can't be a folder: {error}")
            return
        if is_file:
            problems.add(place, f"{path} is a file, not a folder", folder)
