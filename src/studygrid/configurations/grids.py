"""The grid of a study of configurations: that of its base, over other models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from studygrid.configurations.presets import EVERY

Content = dict[str, Any]


def grid_of(
    base: Mapping[str, Any],
    models: Iterable[str],
    presets: Mapping[str, Sequence[str]],
    beside: Sequence[str],
    configurations: Iterable[str],
) -> Content:
    """Return a grid over some models of a config and over configurations.

    The models keep what `exclude` and `include` say of them; a configuration has all values of the
    other axes, but for what is excluded of every model.

    Parameters
    ----------
    base
        The grid of the config.
    models, presets
        Its models and presets.
    beside
        Those of its models that are wanted.
    """
    every = list(models)

    def named(names: Any) -> list[str]:
        given = names if isinstance(names, list) else [names]
        found = [every if name == EVERY else presets.get(name, [name]) for name in given]
        return [model for part in found for model in part]

    grid, included = dict(base), set[str]()
    for part in ("exclude", "include"):
        entries = []
        for entry in base.get(part) or ():
            if entry.get("model") is None:
                entries.append(entry)
                continue
            kept = [model for model in dict.fromkeys(named(entry["model"])) if model in beside]
            if kept:
                entries.append({**entry, "model": kept})
            if part == "include":
                included.update(kept)
        grid[part] = entries
    # What the base includes in part is not made whole.
    within = named(base.get("model") or EVERY)
    whole = [model for model in beside if model in within or model not in included]
    grid = {**grid, "model": [*whole, *configurations]}
    return {key: grid[key] for key in ("model", *base, "exclude", "include") if grid.get(key) != []}
