"""Reading the config of a run of the facts layout, as Hydra wrote it."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from studygrid.errors import RecordError
from studygrid.interchange.foreign.json_files import checked_bytes, writable
from studygrid.interchange.thesis import CONFIG, OLD_CONFIG, OVERRIDES

# The loader in C where PyYAML has it: the other takes ten times as long.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_VALUES: Final = 100_000
_DEEPEST: Final = 100
_TOO_LARGE: Final = 2**63
_REFERENCE: Final = re.compile(r"\$\{([\w./-]+)\}")
# A number to Hydra, and text to YAML: 1e-3.
_SCIENTIFIC: Final = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
# Where the versions of the original and others keep what the table of runs has.
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "encoder": ("phase1.encoder", "encoder", "model.encoder", "phase1.model.encoder"),
    "tokenizer": (
        "phase1.latent_space",
        "phase1.tokenizer",
        "tokenizer",
        "latent_space",
        "model.tokenizer",
        "model.latent_space",
    ),
    "seed": ("phase1.trainer.seed", "trainer.seed", "general.trainer.seed", "seed", "data.seed"),
    "latent_dim": (
        "phase1.latent_space.latent_dim",
        "phase1.model.latent_dim",
        "model.latent_dim",
        "phase1.latent_dim",
        "latent_dim",
    ),
    "codebook_size": (
        "phase1.latent_space.codebook_size",
        "phase1.model.codebook_size",
        "model.codebook_size",
    ),
    "globals_weight": (
        "phase1.decoder.globals_beta",
        "phase1.globals_beta",
        "decoder.globals_beta",
        "globals_beta",
        "loss.globals_weight",
        "globals_weight",
    ),
    "dataset_name": ("data.name", "data.path"),
    "model": ("model.name", "model_name"),
}
_NUMBERS: Final = ("seed", "latent_dim", "codebook_size", "globals_weight")


@dataclass(frozen=True)
class RunConfig:
    """The config of a run.

    Attributes
    ----------
    content
        Sections within sections.
    said
        What it says for the table of runs.
    overrides
        What was given on the command line, by dotted key.
    sha1
        Hash of the file.
    """

    path: Path
    content: Mapping[str, Any]
    sha1: str
    said: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)


def read_config(folder: Path) -> RunConfig:
    """Read ``.hydra/config.yaml`` of a run, or else ``cfg.yaml``.

    Raises
    ------
    RecordError
        If there is none, or it is no YAML of sections; the message is the reason.
    """
    names = (CONFIG, OLD_CONFIG)
    path = next((folder / name for name in names if (folder / name).exists()), None)
    if path is None:
        raise RecordError(f"has no {CONFIG} and no {OLD_CONFIG}")
    name = path.relative_to(folder).as_posix()
    encoded, content = _yaml(path, name)
    if not isinstance(content, dict):
        raise RecordError(f"{name}: is no YAML of sections")
    return RunConfig(
        path=path,
        content=content,
        sha1=hashlib.sha1(encoded, usedforsecurity=False).hexdigest(),
        said={column: _said(content, column) for column in _PLACES},
        overrides=_overrides(folder, content),
    )


def _yaml(path: Path, name: str) -> tuple[bytes, Any]:
    try:
        encoded = checked_bytes(path)
        return encoded, _plain(yaml.load(encoded, Loader=_LOADER), [0], 0)
    except RecordError as error:
        raise RecordError(str(error).replace(str(path), name, 1)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise RecordError(f"{name}: is no YAML that can be used ({said})") from None


def _plain(value: Any, count: list[int], depth: int) -> Any:
    """Return YAML as JSON has it; names within names that grow without end are refused."""
    count[0] += 1
    if count[0] > _MOST_VALUES or depth > _DEEPEST:
        raise ValueError(f"it has more than {_MOST_VALUES:,} values, or is nested too deeply")
    if isinstance(value, dict):
        return {writable(str(key)): _plain(own, count, depth + 1) for key, own in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(own, count, depth + 1) for own in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, bytes | date) or (isinstance(value, int) and abs(value) >= _TOO_LARGE):
        return str(value)
    return value


def _said(content: Mapping[str, Any], column: str) -> Any:
    found = (_at(content, place) for place in _PLACES[column])
    value = next((own for own in found if own is not None), None)
    if column in _NUMBERS:
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return None if value is None else str(value)


def _at(content: Mapping[str, Any], place: str, hops: int = 0) -> Any:
    """Return the value at a dotted place: a section stands for its name or its class."""
    value: Any = content
    for key in place.replace("/", ".").split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        name = value.get("name", value.get("type"))
        target = value.get("_target_")
        found = name if name is not None else str(target).rpartition(".")[2].lower()
        value = found if name is not None or target is not None else None
    if isinstance(value, str) and (refers := _REFERENCE.fullmatch(value)):
        return _at(content, refers[1], hops + 1) if hops < _DEEPEST else None
    return None if isinstance(value, list) else value


def _overrides(folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overrides: of overrides.yaml, or of Hydra's own section where that is there."""
    listed: Any = None
    if (folder / OVERRIDES).is_file():
        _, listed = _yaml(folder / OVERRIDES, OVERRIDES)
    if not isinstance(listed, list):
        section: Any = content
        for key in ("hydra", "overrides", "task"):
            section = section.get(key) if isinstance(section, Mapping) else None
        listed = section
    return dict(_pairs(listed if isinstance(listed, list) else ()))


def _pairs(listed: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    for text in listed:
        key, equals, value = str(text).partition("=")
        key = key.lstrip("+~").strip()
        if equals and key:
            yield key, _value(value)


def _value(text: str) -> Any:
    """Return a value as YAML reads it; lists and sections stay text."""
    try:
        value = yaml.load(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError):
        return text
    if isinstance(value, str) and _SCIENTIFIC.fullmatch(value):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return text
    return value if isinstance(value, str | int | float | None) else text
