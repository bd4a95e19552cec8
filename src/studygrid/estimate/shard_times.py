"""How long shards took: told by their logs alone, as their records hold no time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from studygrid.estimate.costs import SimpleTime
from studygrid.estimate.work import Kind
from studygrid.plan import Plan
from studygrid.shards import file_path
from studygrid.spec import ShardSpec

_MADE = re.compile(r" made (\d+) samples in (\d+\.\d+) s$", re.MULTILINE)


def sharding(spec: ShardSpec) -> Kind:
    """Return the kind of making a shard: in place of a resolution it has a number of samples."""
    return _kind(spec.dataset, spec.samples)


def shard_times(plan: Plan) -> list[SimpleTime]:
    """Return what the shards of a plan's dataset took that are there, whichever study made them."""
    if not plan.shards:
        return []
    folder = plan.shard_records[0].parent
    return [time for log in sorted(folder.glob("*.log")) for time in _read(log, plan.dataset.name)]


def shard_bytes(plan: Plan) -> tuple[float, bool]:
    """Return the bytes that a sample of a shard takes, and whether shards tell it."""
    found = [
        (file_path(record).stat().st_size, spec.samples)
        for record, spec in zip(plan.shard_records, plan.shards, strict=True)
        if file_path(record).is_file()
    ]
    samples = sum(count for _, count in found)
    return (sum(size for size, _ in found) / samples, True) if samples else (0.0, False)


def _kind(dataset: str, samples: int) -> Kind:
    return Kind(f"shard of {dataset}", max(samples, 1), 1)


def _read(log: Path, dataset: str) -> Iterator[SimpleTime]:
    try:
        text, at = log.read_text("utf-8", "replace"), log.stat().st_mtime
    except OSError:
        return
    for samples, seconds in _MADE.findall(text):
        yield SimpleTime(_kind(dataset, int(samples)), float(seconds), at)
