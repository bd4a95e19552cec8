"""Shards: pieces of raw data, each made by a job of its own and shared by all studies."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from studygrid.execution import fingerprints
from studygrid.families.base import Dataset, Family, Shard
from studygrid.spec import ShardSpec

# All records of a study stand on the command line of `prepare`, of which Linux takes 128 kB.
MOST_SHARDS = 1000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


def shard_specs(name: str, family: Family, dataset: Dataset, options: Any) -> list[ShardSpec]:
    """Return the spec of each shard of a dataset, in the dataset's order.

    Parameters
    ----------
    name
        What the config calls the family.
    """
    shards = dataset.shards(options)
    code = fingerprints.shard_code(family, dataset.name) if shards else ""
    return [
        ShardSpec(
            family=name,
            dataset=dataset.name,
            name=shard.name,
            options=_plain(shard),
            samples=shard.samples,
            code=code,
        )
        for shard in shards
    ]


def record_path(folder: Path, spec: ShardSpec) -> Path:
    """Return the path of a shard's record in the folder of shards."""
    return folder / spec.dataset / f"{spec.stem}.json"


def file_path(record: Path) -> Path:
    """Return the path of a shard from that of its record."""
    return record.with_suffix(".npz")


def log_path(record: Path) -> Path:
    """Return the path of the log of the job that makes a shard, from that of its record."""
    return record.with_suffix(".log")


def combined_source(source: str, shards: Iterable[ShardSpec]) -> str:
    """Return what changes when the raw data changes, the shards among it."""
    stems = "\n".join(sorted(shard.stem for shard in shards))
    return f"{source}; shards sha256:{sha256(stems.encode()).hexdigest()}" if stems else source


def shards_fault(dataset: Dataset, options: Any) -> str | None:
    """Return what is wrong with the shards that a dataset asks for, if anything is."""
    shards = dataset.shards(options)
    if shards and not dataset.make_shard:
        return f"{dataset.name} has shards, but its declaration has no make_shard"
    if len(shards) > MOST_SHARDS:
        return f"makes {len(shards):,} shards; at most {MOST_SHARDS:,} can be: ask for larger ones"
    return _name_fault(shards) or next(filter(None, map(_options_fault, shards)), None)


def _name_fault(shards: Sequence[Shard]) -> str | None:
    counts = Counter(shard.name for shard in shards)
    for name, count in counts.items():
        if not _NAME.fullmatch(name):
            return (
                f"makes a shard of the name {name!r}; it should have letters, digits, '_', '-' "
                "and '.' alone, 60 of them at most"
            )
        if count > 1:
            return f"makes {count} shards of the name {name!r}; each should have one of its own"
    return None


def _plain(shard: Shard) -> dict[str, Any]:
    """Return a shard's options as its job reads them: in one order, lists for tuples."""
    text = json.dumps(dict(shard.options), sort_keys=True, allow_nan=False)
    options: dict[str, Any] = json.loads(text)
    return options


def _options_fault(shard: Shard) -> str | None:
    try:
        _plain(shard)
    except (TypeError, ValueError) as error:
        return f"makes the shard {shard.name!r} of options that are no plain values ({error})"
    return None
