"""Values that were given with ``snakemake --config``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


def with_types(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config whose values from the command line have the types that YAML gives them.

    Snakemake reads ``--config 'grid={seed: 2}'`` as text below the first level, and has merged it
    into the config already.

    Parameters
    ----------
    config
        The merged config.
    given
        What was given on the command line alone.
    """
    return {
        key: _typed(value, given[key]) if key in given else value for key, value in config.items()
    }


def _typed(value: Any, given: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(given, Mapping):
        return with_types(value, given)
    return _read(value) if value == given else value


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_read(item) for item in value]
    if isinstance(value, str):
        read = yaml.safe_load(value)
        return value if isinstance(read, Mapping | list) else read
    return value
