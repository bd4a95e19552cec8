"""The family: classification, with one dataset more. Cheap to import."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import PositiveInt

from studygrid.families.base import Dataset, Shard
from studygrid.families.classification import FAMILY as CLASSIFICATION
from studygrid.section import Section


class SpotsOptions(Section):
    """What images are made."""

    images: PositiveInt = 80
    shard_images: PositiveInt = 20
    noise: float = 20.0


def spots_shards(options: SpotsOptions) -> list[Shard]:
    """Return shards of as many images each, the last one with what is left."""
    firsts = range(0, options.images, options.shard_images)
    counts = [min(options.shard_images, options.images - first) for first in firsts]
    return [
        Shard(f"spots-{number:02}", {"seed": number, "count": count, "noise": options.noise}, count)
        for number, count in enumerate(counts)
    ]


def spots_size(options: SpotsOptions) -> int:
    """Return the number of training images."""
    return options.images // 2


def spots_source(options: SpotsOptions, cache: Path) -> str:
    """Return that there is no raw data."""
    return "made here"


SPOTS = Dataset(
    name="spots",
    options=SpotsOptions,
    prepare="spots_prepare:prepare",
    train_size=spots_size,
    source=spots_source,
    licence="none",
    citation="none",
    shards=spots_shards,
    make_shard="spots_shard:make_shard",
)
FAMILY = replace(CLASSIFICATION, name="spots", title="Spots", datasets={"spots": SPOTS})
