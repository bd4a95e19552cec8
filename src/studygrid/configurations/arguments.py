"""``--config NAME key=value …`` of a command line, as it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from studygrid.configurations.faults import Faults

OPTION = "--config"


@dataclass(frozen=True)
class Setting:
    """One ``key=value``; the value is what YAML makes of the text."""

    key: str
    value: Any


@dataclass(frozen=True)
class Given:
    """A configuration as it was given: its name and its settings."""

    name: str
    settings: tuple[Setting, ...]

    @property
    def option(self) -> str:
        """How a message names the configuration."""
        return f"{OPTION} {self.name}"

    def value(self, key: str) -> Any:
        """Return the value of a key, or None."""
        return next((each.value for each in self.settings if each.key == key), None)


def read_given(options: Iterable[Sequence[str]], faults: Faults) -> list[Given]:
    """Return the configurations that the words after each ``--config`` write.

    A word that cannot be read is noted and left out.
    """
    found: dict[str, Given] = {}
    for name, *words in options:
        option = f"{OPTION} {name}"
        faults.begin(option)
        if "=" in name:
            message = "a configuration begins with its name, and a name has no ="
            faults.add(option, "", message, hint=f"write {OPTION} my_model {name}")
        elif name in found:
            faults.add(option, "", "is given twice", hint="give one of them another name")
        else:
            found[name] = Given(name, _settings(option, words, faults))
    return list(found.values())


def _settings(option: str, words: Iterable[str], faults: Faults) -> tuple[Setting, ...]:
    settings: dict[str, Setting] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            faults.add(option, word, "should be key=value, such as lr=1e-3")
        elif key in settings:
            faults.add(option, key, "is given twice", hint="keep one")
        elif not text.strip():
            faults.add(option, key, "has no value", hint=f"write {key}=null where you mean none")
        else:
            try:
                settings[key] = Setting(key, yaml.safe_load(text))
            except (yaml.YAMLError, ValueError):  # the latter of a day that is none
                faults.add(option, key, "the value is not YAML", text, "put text in quotes")
    return tuple(settings.values())
