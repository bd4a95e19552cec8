"""The named models of a config: each an architecture, with its overrides applied."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from studygrid.config_errors import Problems, nearest, problems_of
from studygrid.config_places import Place
from studygrid.families.base import Architecture, Family
from studygrid.grid import Run
from studygrid.study import ModelConfig, Section, Training

PATH_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?"
# Keys of `training` that a model which is fitted at once has no use for.
OF_GRADIENTS = frozenset(
    {
        "accumulation",
        "compile",
        "early_stopping",
        "epochs",
        "gradient_clip",
        "learning_rate",
        "momentum",
        "optimizer",
        "schedule",
        "step_epochs",
        "step_factor",
        "steps",
        "validations",
        "warmup",
        "weight_decay",
    }
)
SectionT = TypeVar("SectionT", bound=Section)
# Windows keeps these for devices.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Model:
    """A named configuration with its overrides applied."""

    name: str
    architecture: Architecture
    options: Section
    training: Training
    loss: Section
    augmentation: Section


def check_names(models: Mapping[str, Any], problems: Problems) -> None:
    """Refuse names that can't be those of folders, on any system."""
    seen: dict[str, str] = {}
    for name in models:
        other = seen.setdefault(name.lower(), name)
        if name.lower() == "all":
            problems.add(("models", name), "the word all means every model; give another name")
        elif _RESERVED.fullmatch(name):
            problems.add(("models", name), "no folder can have this name on Windows; give another")
        elif other != name:
            message = f"differs from {other!r} in case only; give one of them another name"
            problems.add(("models", name), message)
        elif not re.fullmatch(PATH_NAME, name) or ".." in name:
            valid = re.sub(r"[^A-Za-z0-9_.-]+|\.\.+", "_", name).strip("_.-")[:64]
            hint = f"did you mean {valid!r}?" if valid else None
            message = "can't be a folder's name: letters, digits, _ . - only, 64 at most"
            problems.add(("models", name), message, name, hint)


def check_models(
    family: Family, raw: Mapping[str, Any], check_files: bool, problems: Problems
) -> dict[str, Model]:
    """Return the models in which nothing is wrong, and note what is wrong in the others.

    A fault of a section that all models share is noted once, there.
    """
    for part, kind in (("loss", family.loss), ("augmentation", family.augmentation)):
        if isinstance(raw.get(part, {}), Mapping | None):
            problems.validate(kind, raw.get(part) or {}, (part,))
    check_monitor(family, raw.get("training"), ("training", "monitor"), problems)
    section = raw.get("models")
    models = {}
    for name, overrides in section.items() if isinstance(section, Mapping) else ():
        try:
            config = ModelConfig.model_validate(overrides or {})
        except ValidationError:
            continue  # noted with the study
        model = _applied(family, raw, name, config, check_files, problems)
        if model is not None:
            models[name] = model
    return models


def check_fits(
    family: Family, models: Mapping[str, Model], runs: Sequence[Run], problems: Problems
) -> None:
    """Note models that cannot be built, at all or for a resolution of their runs."""
    resolutions: dict[str, dict[int, None]] = {}
    for run in runs:
        resolutions.setdefault(run.model, {})[run.resolution] = None
    for model in (models[name] for name in resolutions if name in models):
        if model.architecture.impossible is not None:
            message = f"cannot be built: {model.architecture.impossible}"
            place = ("models", model.name, "architecture")
            problems.add(place, message, model.architecture.name)
        else:
            _check_resolutions(family, model, resolutions[model.name], problems)


def _check_resolutions(
    family: Family, model: Model, resolutions: Iterable[int], problems: Problems
) -> None:
    faults: dict[str, list[str]] = {}
    for resolution in resolutions:
        fault = model.architecture.check(model.options, resolution)
        if fault is not None:
            faults.setdefault(fault, []).append(str(resolution))
    for fault, found in faults.items():
        at = f"{', '.join(found)} {family.resolution_unit}"
        message = f"{model.architecture.name} cannot be built for {at}: {fault}"
        hint = "change grid.resolution, or leave the combination out with grid.exclude"
        problems.add(("models", model.name), message, hint=hint)


def check_monitor(family: Family, training: Any, place: Place, problems: Problems) -> None:
    """Note a monitored metric that the family has not."""
    monitor = training.get("monitor") if isinstance(training, Mapping) else None
    if isinstance(monitor, str) and monitor not in family.metric_names:
        hint = nearest(monitor, family.metric_names)
        problems.add(place, f"{family.name} has no such metric", monitor, hint)


def _applied(
    family: Family,
    shared: Mapping[str, Any],
    name: str,
    config: ModelConfig,
    check_files: bool,
    problems: Problems,
) -> Model | None:
    """Lay what one model changes over the sections that all share."""
    place: Place = ("models", name)
    architecture = _architecture(family, config.architecture, place, problems)
    options = None
    if architecture is not None:
        options = problems.validate(architecture.options, config.options, (*place, "options"))
        if check_files:
            _check_weights(options, (*place, "options", "weights"), problems)
    check_monitor(family, config.training, (*place, "training", "monitor"), problems)
    training = _merged(shared, "training", config.training, Training, place, problems)
    loss = _merged(shared, "loss", config.loss, family.loss, place, problems)
    augmentation = _merged(
        shared, "augmentation", config.augmentation, family.augmentation, place, problems
    )
    if not (architecture and options and training and loss and augmentation):
        return None
    model = Model(name, architecture, options, training, loss, augmentation)
    _check_applied(shared, model, config, problems)
    return model


def _check_applied(
    shared: Mapping[str, Any], model: Model, config: ModelConfig, problems: Problems
) -> None:
    """Note what a model sets otherwise than all others, and nothing of it reads."""
    architecture = model.architecture
    fitted = f"{architecture.name} is fitted at once, without gradients, and would not read it"
    if architecture.fits:
        own = [key for key in config.training if key in OF_GRADIENTS]
        _note_changes("training", own, fitted, shared, model, problems)
        _note_changes("augmentation", config.augmentation, fitted, shared, model, problems)
    if not architecture.reads_loss:
        why = f"the loss of {architecture.name} has no options"
        _note_changes("loss", config.loss, why, shared, model, problems)


def _note_changes(
    part: str,
    keys: Iterable[str],
    why: str,
    shared: Mapping[str, Any],
    model: Model,
    problems: Problems,
) -> None:
    # A study.yaml writes out what all models share, below each of them too.
    own: Section = getattr(model, part)
    below = shared.get(part)
    sound = _sound(below if isinstance(below, Mapping) else {}, type(own))
    common = type(own).model_validate(sound)
    for key in keys:
        value = getattr(own, key)
        if value != getattr(common, key):
            problems.add(("models", model.name, part, key), why, value, "leave it out")


def _architecture(
    family: Family, given: str | None, place: Place, problems: Problems
) -> Architecture | None:
    name = str(place[-1]) if given is None else given
    found = family.find_architecture(name)
    if found is None:
        message = f"{family.name} has no such architecture"
        if given is None:
            message += "; a name of your own needs `architecture:` below it"
        where = place if given is None else (*place, "architecture")
        problems.add(where, message, name, nearest(name, family.architecture_names()))
    return found


def _check_weights(options: Section | None, place: Place, problems: Problems) -> None:
    weights = getattr(options, "weights", None)
    if weights is not None and not Path(weights).is_file():
        problems.add(place, "there is no such file", weights)


def _merged(
    shared: Mapping[str, Any],
    part: str,
    override: Mapping[str, Any],
    kind: type[SectionT],
    place: Place,
    problems: Problems,
) -> SectionT | None:
    below = shared.get(part)
    below = below if isinstance(below, Mapping) else {}
    sound = _sound(below, kind)
    try:
        return kind.model_validate(override_section(sound, override, kind))
    except ValidationError as error:
        at = (*place, part)
        found = problems_of(error, kind, at)
        # What is wrong with the shared section, or because of it, is noted there.
        problems += [
            problem
            for problem in found
            if sound == below
            or problem.place[len(at) : len(at) + 1] in {(key,) for key in override}
        ]
        return None


def _sound(content: Mapping[str, Any], kind: type[Section]) -> Mapping[str, Any]:
    """Return a section without its faulty keys; without any if they do not go together."""
    try:
        kind.model_validate(content)
    except ValidationError as error:
        places = [fault["loc"] for fault in error.errors()]
        faulty = content if () in places else {place[0] for place in places}
        return {key: value for key, value in content.items() if key not in faulty}
    return content


def override_section(
    below: Mapping[str, Any], override: Mapping[str, Any], kind: type[Section]
) -> dict[str, Any]:
    """Lay a section over one of its kind: keys that make up one choice are replaced at once."""
    if any(override.get(key) is not None for key in kind.together):
        below = {key: value for key, value in below.items() if key not in kind.together}
    return override_with(below, override)


def override_with(below: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one section over another, key by key, sections within them too."""
    merged = dict(below)
    # The two ways to give a budget replace each other.
    for given, dropped in (("steps", "epochs"), ("epochs", "steps")):
        if override.get(given) is not None:
            merged.pop(dropped, None)
    for key, value in override.items():
        section = merged.get(key)
        if isinstance(section, Mapping) and (value is None or isinstance(value, Mapping)):
            merged[key] = override_with(section, value or {})
        else:
            merged[key] = value
    return merged
