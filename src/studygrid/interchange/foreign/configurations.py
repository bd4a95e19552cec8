"""Runs of one name with unequal configs: they are different configurations, and named so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from studygrid.interchange.foreign.runs import ForeignRun

_LONGEST_LABEL: Final = 40
_MOST_SETTINGS: Final = 3
_IN_VALUES: Final = set("._-+ ")
# Settings of a run and not of its configuration: its seed, name, times, machine and output.
_OF_RUN: Final = frozenset(
    (
        "seed", "seeds", "random_seed", "random_state", "run", "run_id", "run_name", "id", "uuid",
        "model_name", "experiment_name", "time", "date", "timestamp", "created", "created_at",
        "started_at", "finished_at", "start_time", "end_time", "train_time", "training_time",
        "total_time", "duration", "device", "gpu", "gpus", "hostname", "host", "user",
    )
)  # fmt: skip
_PLACES: Final = ("path", "paths", "dir", "folder", "file", "output", "outputs")
Config = Mapping[str, Any]
Key = str | None
_OF_DATA: Final = ("data", "train_", "test_", "val_")


def config_key(run: ForeignRun) -> Key:
    """Return what runs of one configuration have in common; None of a run without a config."""
    found = _leaves(run)
    return json.dumps(found, sort_keys=True) if found else None


def labels(runs: Sequence[ForeignRun], notes: list[str]) -> list[str]:
    """Return what tells runs apart that a name does not, behind it: empty, or `` [beta=4]``.

    A name is split where runs of one resolution and size have unequal configs, as they would
    count as seeds of one configuration. A run without a config is of its own.

    Parameters
    ----------
    notes
        Gets what was split, in sentences.
    """
    keys = [config_key(run) for run in runs]
    by_cell: dict[tuple[Any, ...], set[Key]] = {}
    for run, key in zip(runs, keys, strict=True):
        by_cell.setdefault((run.name, run.resolution, run.n_train), set()).add(key)
    split = dict.fromkeys(name for (name, *_), own in by_cell.items() if len(own) > 1)
    found: dict[tuple[str, Key], str] = {}
    for name in split:
        first: dict[Key, ForeignRun] = {}
        for run, key in zip(runs, keys, strict=True):
            if run.name == name:
                first.setdefault(key, run)
        own = dict(zip(first, _named(list(first.values())), strict=True))
        found |= {(name, key): label for key, label in own.items()}
        count = sum(run.name == name for run in runs)
        listed = ", ".join(f"{name}{label}" for label in list(own.values())[:_MOST_SETTINGS])
        more = f" and {len(own) - _MOST_SETTINGS} more" if len(own) > _MOST_SETTINGS else ""
        notes.append(
            f"The {count:,} runs called {name} have {len(own)} unequal configs, so they are no "
            f"seeds of one: they are {listed}{more}."
        )
    return [found.get((run.name, key), "") for run, key in zip(runs, keys, strict=True)]


def _named(runs: Sequence[ForeignRun]) -> list[str]:
    """Return a label for each of some configurations: what differs, or else its number."""
    leaves = [_leaves(run) for run in runs]
    with_config = [own for own in leaves if own]
    paths = sorted({path for own in with_config for path in own})
    differing = [path for path in paths if len({_text(own.get(path)) for own in with_config}) > 1]
    shown = _without_repeats(differing, with_config)
    texts = [
        ", ".join(f"{name}={_safe(own.get(path))}" for path, name in shown.items())
        if own
        else "no config"
        for own in leaves
    ]
    is_short = len(shown) <= _MOST_SETTINGS and max(map(len, texts)) <= _LONGEST_LABEL
    if len(set(texts)) < len(texts) or not is_short:
        texts = [str(number) for number in range(1, len(runs) + 1)]
    return [f" [{text}]" if text else "" for text in texts]


def _without_repeats(paths: Sequence[str], leaves: Sequence[Config]) -> dict[str, str]:
    """Return short names of settings; of two that tell the same apart under one name, one."""
    shown: dict[str, str] = {}
    for path in paths:
        name = path.rpartition(".")[2]
        other = next((its for its, own in shown.items() if own == name), None)
        if other is None:
            shown[path] = name
        elif any(own.get(path) != own.get(other) for own in leaves):
            shown[path] = path
    return shown


def _leaves(run: ForeignRun) -> dict[str, Any]:
    axes = {"resolution": run.resolution, "vocabulary": run.resolution, "n_train": run.n_train}
    left_out = _OF_RUN | {name for name, value in axes.items() if value is not None}
    return dict(_settings(run.config, "", left_out))


def _settings(section: Config, start: str, left_out: frozenset[str]) -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        path = f"{start}{key}"
        if value is None or _is_of_run(path, left_out):
            continue
        if isinstance(value, Mapping):
            yield from _settings(value, f"{path}.", left_out)
        else:
            yield path, _plain(value)


def _is_of_run(path: str, left_out: frozenset[str]) -> bool:
    """Tell whether a setting is of a run alone: a place is, unless it is that of data."""
    section, _, key = path.lower().rpartition(".")
    is_place = key.split("_")[-1] in _PLACES
    if section.startswith("data") or key.startswith(_OF_DATA):
        is_place = False
    is_name = path.lower() == "name"
    return key in left_out or key.endswith("_seed") or is_place or is_name


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, with 1.0 and 1 the same number."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int | float | None) else str(value)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _safe(value: Any) -> str:
    """Return a value as figures and files can hold it."""
    if value is None:
        return "none"
    if isinstance(value, float):
        value = f"{value:.6g}"
    text = value if isinstance(value, str) else _text(value)
    return "".join(one if one.isalnum() or one in _IN_VALUES else "_" for one in text).strip()
