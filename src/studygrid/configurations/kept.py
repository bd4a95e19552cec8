"""The config file of a study of configurations: read, and written whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from studygrid.config_places import Places, plain
from studygrid.errors import ConfigError, StudygridError
from studygrid.records import write_atomically

FILE = "config.yaml"
# The preset that names the configurations of such a file; the other models are the base's.
PRESET = "configurations"
_FROM = re.compile(r"^# From (.+)$", re.MULTILINE)
_HEADER = """\
# Configurations that were made on the command line, and the study that runs them.
# From {base}
# Last by: {command}
# Each such call writes this file anew from that one and the configurations that are here: change
# the study there. A configuration is taken out of it by deleting it from `models`, from
# `grid.model` and from `presets.{preset}`.
"""


@dataclass(frozen=True)
class Kept:
    """What such a file holds.

    Attributes
    ----------
    base
        The config that it was made from, as it is written there.
    models
        The configurations, as they stand in `models`.
    others
        Models of the base that are in the grid beside them.
    """

    base: str
    models: Mapping[str, Any]
    others: Sequence[str]


def read_config(file: Path) -> dict[str, Any]:
    """Return the content of a config file.

    Raises
    ------
    ConfigError
        If it cannot be read, or is no section.
    """
    places = Places()
    places.read(file)
    content = plain(places.content)
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: should be a config: keys, each with a value")
    return content


def base_of(file: Path) -> Path | None:
    """Return the config that a file of configurations was made from, None of another config.

    Raises
    ------
    StudygridError
        If that config is not there any more.
    """
    try:
        kept = read_kept(file)
    except StudygridError:
        return None
    if not Path(kept.base).is_file():
        raise StudygridError(f"{file}: was made from {kept.base}, which is not there any more")
    return Path(kept.base)


def read_kept(file: Path) -> Kept:
    """Return what a file of configurations holds.

    Raises
    ------
    ConfigError
        If it cannot be read.
    StudygridError
        If it is another file.
    """
    content = read_config(file)
    base = _FROM.search(file.read_text("utf-8"))
    presets, models = content.get("presets"), content.get("models")
    names = presets.get(PRESET) if isinstance(presets, dict) else None
    if base is None or not isinstance(names, list) or not isinstance(models, dict):
        raise StudygridError(
            f"{file}: was not made by configurations of a command line, or its first lines are "
            "gone; it is left as it is. Name another folder with --results"
        )
    grid = content.get("grid")
    listed = grid.get("model") if isinstance(grid, dict) else None
    there = listed if isinstance(listed, list) else []
    return Kept(
        base[1],
        {name: models[name] for name in names if name in models},
        [name for name in there if name not in names],
    )


def write_config(file: Path, content: Mapping[str, Any], base: str, command: str) -> None:
    """Write such a file, whole or not at all."""
    header = _HEADER.format(base=base, command=one_line(command), preset=PRESET)
    body = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    write_atomically(file, (header + body).encode())


def one_line(text: str) -> str:
    """Return text for a comment: what is no letter of a line is a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
