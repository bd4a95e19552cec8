"""The models that presets of a config name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from studygrid.config_errors import nearest
from studygrid.errors import SelectionError

EVERY = "all"


def models_of(
    names: Iterable[str], models: Iterable[str], presets: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the models of some presets, each once; `all` is every model.

    Raises
    ------
    SelectionError
        If the config has no preset of a name.
    """
    every = list(models)
    found: list[str] = []
    for name in names:
        if name != EVERY and name not in presets:
            what = "is a model, named with --models" if name in every else "no such preset"
            hint = None if name in every else nearest(name, [EVERY, *presets])
            raise SelectionError(f"--preset {name}: {what}{f'; {hint}' if hint else ''}")
        found += every if name == EVERY else presets[name]
    return list(dict.fromkeys(found))
