"""A shard as a file: NPZ, with its facts inside."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from studygrid.errors import DataError
from studygrid.families.events.data.generated.shard_events import ShardEvents
from studygrid.records import write_atomically

_EVENTS = ("tokens", "classes", "offsets", "globals")


def write_shard(file: Path, events: ShardEvents, facts: Mapping[str, Any]) -> None:
    """Write events and facts; equal ones make equal bytes."""
    encoded = json.dumps(facts, sort_keys=True, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez(
        buffer,
        facts=np.frombuffer(encoded, np.uint8),
        **{name: getattr(events, name) for name in _EVENTS},
    )
    write_atomically(file, buffer.getvalue())


def read_shard(file: Path) -> tuple[ShardEvents, dict[str, Any]]:
    """Return the events of a shard and its facts.

    Raises
    ------
    DataError
        If it cannot be read, or is no shard of events.
    """
    try:
        with np.load(file) as arrays:
            events = ShardEvents(**{name: arrays[name] for name in _EVENTS})
            facts: dict[str, Any] = json.loads(arrays["facts"].tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{file}: cannot be read as a shard of events ({error}); delete it, and it is made "
            "again"
        ) from None
    return events, facts
