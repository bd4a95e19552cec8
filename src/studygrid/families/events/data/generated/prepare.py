"""The dataset `generated_events`: its shards, cut to R particles and split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import Shard
from studygrid.families.events.data.drawing import SPLIT_SENTENCE, draw_splits
from studygrid.families.events.data.generated.features import CLASSES, GLOBALS
from studygrid.families.events.data.generated.options import GeneratedEventsOptions
from studygrid.families.events.data.generated.processes import BACKGROUND, pythia_lines
from studygrid.families.events.data.generated.shard_events import ShardEvents
from studygrid.families.events.data.generated.shard_file import read_shard
from studygrid.families.events.data.generated.sources import (
    generated_events_shards,
    sample_events,
)
from studygrid.families.events.data.parts import EventBlock, EventNames, write_parts
from studygrid.families.prepared import PreparedParts


def prepare(
    options: GeneratedEventsOptions,
    resolution: int,
    folder: Path,
    workers: int = 1,
    *,
    shards: Mapping[str, Path],
) -> PreparedParts:
    """Write the `resolution` hardest particles of each event of the shards into a folder.

    Parameters
    ----------
    shards
        File of each shard, by its name.

    Raises
    ------
    DataError
        If a shard is missing, cannot be read or has another number of events than it should, or
        it keeps fewer particles than `resolution`.
    """
    if resolution > options.max_particles:
        raise DataError(
            f"resolution {resolution} is above dataset.max_particles ({options.max_particles}), "
            "what a shard keeps of an event; raise it, or take a lower resolution"
        )
    counts = sample_events(options)
    label = np.repeat(np.arange(len(counts), dtype=np.int8), list(counts.values()))
    shard_facts: list[dict[str, Any]] = []
    blocks = _blocks(generated_events_shards(options), shards, resolution, shard_facts)
    names = EventNames(
        signals=[name for name in counts if name != BACKGROUND], classes=CLASSES, globals=GLOBALS
    )
    facts: dict[str, Any] = {"event": "generated", "split": SPLIT_SENTENCE, "seed": options.seed}
    parts = write_parts(
        folder, blocks, label, draw_splits(label, options), names, options, resolution, facts
    )
    parts.facts.update(
        selection=options.selection.model_dump(),
        max_particles=options.max_particles,
        versions=shard_facts[0]["versions"],
        samples={name: _of_sample(name, options, shard_facts) for name in counts},
    )
    return parts


def cut(events: ShardEvents, resolution: int) -> EventBlock:
    """Return the first particles of each event, filled up with 0 to `resolution`."""
    counts = np.minimum(np.diff(events.offsets), resolution)
    valid = np.arange(resolution) < counts[:, None]
    places = (events.offsets[:-1, None] + np.arange(resolution))[valid]
    tokens = np.zeros((*valid.shape, events.tokens.shape[1]), np.float32)
    classes = np.zeros(valid.shape, np.uint8)
    tokens[valid], classes[valid] = events.tokens[places], events.classes[places]
    return EventBlock(tokens, classes, events.globals)


def _blocks(
    asked: Sequence[Shard],
    files: Mapping[str, Path],
    resolution: int,
    facts: list[dict[str, Any]],
) -> Iterator[EventBlock]:
    """Read one shard after the other; their facts are added to `facts`."""
    missing = [shard.name for shard in asked if shard.name not in files]
    if missing:
        raise DataError(f"{len(missing)} shards are missing: {', '.join(missing[:5])}")
    for shard in asked:
        events, found = read_shard(files[shard.name])
        if len(events) != shard.samples:
            raise DataError(
                f"{files[shard.name]}: holds {len(events)} events and should hold "
                f"{shard.samples}; delete it, and it is made again"
            )
        facts.append(found)
        yield cut(events, resolution)


def _of_sample(
    sample: str, options: GeneratedEventsOptions, facts: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return what is known of a sample from the facts of its shards."""
    own = [found for found in facts if found["sample"] == sample]
    generated = _column(own, "generated")
    # Each shard measured the cross section with its own events.
    weights = generated / generated.sum()
    return {
        "events": int(_column(own, "events").sum()),
        "generated": int(generated.sum()),
        "efficiency": float(_column(own, "selected").sum() / generated.sum()),
        "cross_section_pb": float(weights @ _column(own, "cross_section_pb")),
        "cross_section_error_pb": float(
            np.linalg.norm(weights * _column(own, "cross_section_error_pb"))
        ),
        "pythia": pythia_lines(sample, options.generator),
        "shards": len(own),
    }


def _column(facts: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    return np.array([found[key] for found in facts], np.float64)
