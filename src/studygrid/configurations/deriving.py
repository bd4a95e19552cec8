"""From a configuration as it is given to a model of the config."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studygrid.config_errors import Problem, dotted, nearest
from studygrid.config_models import override_section
from studygrid.configurations.arguments import Given, Setting
from studygrid.configurations.faults import Faults
from studygrid.configurations.keys import ALIASES, BASE, TRAINER, Keys, NoKeyError, Place
from studygrid.families.base import Family
from studygrid.study import ModelConfig, Section

Content = dict[str, Any]
_DEFAULT = "default"
_UNKNOWN = "?"
_PARTS = ("options", "training", "loss", "augmentation")


@dataclass(frozen=True)
class Derived:
    """A model that a configuration makes.

    Attributes
    ----------
    given
        The configuration.
    content
        What stands below its name in `models` of a config.
    words
        The keys that were given, by the place below the model that each one sets.
    is_based
        Whether what it starts from is known; if not, that is noted already.
    """

    given: Given
    content: Content
    words: Mapping[Place, str] = field(default_factory=dict)
    is_based: bool = True

    def note(self, problem: Problem, faults: Faults) -> None:
        """Note a problem of the model, by the keys that set what is wrong."""
        below = problem.place[2:]
        if not self.is_based and below[:1] == ("architecture",):
            return
        words = [word for place, word in self.words.items() if _meet(place, below)]
        keys = words or ([dotted(below, self.content)] if below else [])
        option = self.given.option
        faults.add(option, ", ".join(keys), problem.message, problem.value, problem.hint)


def _meet(place: Place, below: tuple[str | int, ...]) -> bool:
    """Tell whether one of two places stands in the other."""
    return all(ours == theirs for ours, theirs in zip(place, below, strict=False)) and bool(below)


def derive(
    given: Given, models: Mapping[str, Any], only: str | None, family: Family, faults: Faults
) -> Derived:
    """Return the model that a configuration makes; what is wrong with its keys is noted.

    Parameters
    ----------
    models
        The models that it can start from, as the config has them.
    only
        The one that it starts from where it names none.
    """
    start = _start(given, models, only, family, faults)
    content: Content = start if start is not None else {"architecture": _UNKNOWN}
    trainer = given.value(TRAINER)
    if trainer is not None:
        content["training"] = _training(given, trainer, models, faults)
    architecture = family.find_architecture(str(content["architecture"]))
    keys = Keys.of(family, architecture)
    words: dict[Place, str] = {}
    changes: Content = {}
    for setting in given.settings:
        place = _place(given, setting, keys, faults)
        if place is None:
            continue
        same = [word for other, word in words.items() if _meet(place, other)]
        if same:
            message = f"set the same, {'.'.join(place)}"
            faults.add(given.option, ", ".join([*same, setting.key]), message, hint="keep one")
            continue
        words[place] = setting.key
        _set(changes, place, _value(setting, place, keys))
    for part, change in changes.items():
        kind = keys.sections.get(part, Section)
        content[part] = override_section(content.get(part) or {}, change, kind)
    content = {part: value for part, value in content.items() if value != {}}
    return Derived(given, content, words, start is not None)


def _start(
    given: Given, models: Mapping[str, Any], only: str | None, family: Family, faults: Faults
) -> Content | None:
    """Return the content of the model that a configuration starts from, if there is one."""
    name = given.value(BASE)
    if all(setting.key != BASE for setting in given.settings):
        if only is not None:
            return _content_of(only, models)
        choices = ", ".join(models)
        faults.add(given.option, BASE, "is missing", hint=f"start from a model: {choices}")
        return None
    for word in _spellings(name):
        if word in models:
            return _content_of(word, models)
        if family.find_architecture(word) is not None:
            return {"architecture": word}
    known = [*models, *family.architecture_names()]
    hint = nearest(_spellings(name)[-1], known) or f"models of the config: {', '.join(models)}"
    faults.add(given.option, BASE, "no such model or architecture", name, hint)
    return None


def _content_of(name: str, models: Mapping[str, Any]) -> Content:
    config = ModelConfig.model_validate(models[name] or {})
    parts = {part: copy.deepcopy(getattr(config, part)) for part in _PARTS}
    return {"architecture": config.architecture or name, **parts}


def _training(given: Given, trainer: Any, models: Mapping[str, Any], faults: Faults) -> Content:
    """Return the training section that ``trainer=`` names."""
    for word in _spellings(trainer):
        if word == _DEFAULT:
            return {}
        if word in models:
            training: Content = _content_of(word, models)["training"]
            return training
    hint = nearest(_spellings(trainer)[-1], [_DEFAULT, *models])
    hint = hint or f"{_DEFAULT}, or a model of the config: {', '.join(models)}"
    faults.add(given.option, TRAINER, "no such model", trainer, hint)
    return {}


def _spellings(name: Any) -> list[str]:
    """Return a name as it stands, then without what comes before its last slash."""
    text = str(name)
    return list(dict.fromkeys([text, text.rpartition("/")[2]]))


def _place(given: Given, setting: Setting, keys: Keys, faults: Faults) -> Place | None:
    if setting.key in (BASE, TRAINER):
        return None
    try:
        return keys.place(setting.key)
    except NoKeyError as error:
        faults.add(given.option, setting.key, str(error), setting.value, error.hint)
        return None


def _value(setting: Setting, place: Place, keys: Keys) -> Any:
    """Return a value; an alias of a list takes its only item alone."""
    if setting.key not in ALIASES or isinstance(setting.value, list):
        return setting.value
    default = keys.sections[place[0]].model_fields[place[1]].get_default(call_default_factory=True)
    return [setting.value] if isinstance(default, list) else setting.value


def _set(changes: Content, place: Place, value: Any) -> None:
    for part in place[:-1]:
        changes = changes.setdefault(part, {})
    changes[place[-1]] = value
