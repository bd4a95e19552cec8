"""The job of one shard of generated events."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studygrid.errors import DataError
from studygrid.families.events.data.generated.events import select_events
from studygrid.families.events.data.generated.options import ShardOptions
from studygrid.families.events.data.generated.output import captured_output
from studygrid.families.events.data.generated.particles import seen_particles
from studygrid.families.events.data.generated.pythia import Generator
from studygrid.families.events.data.generated.shard_events import ShardEvents, joined
from studygrid.families.events.data.generated.shard_file import write_shard
from studygrid.families.events.data.generated.versions import installed_versions

_MOST_AT_ONCE, _FEWEST_AT_ONCE = 200, 20
# Where fewer events than that pass, the selection and the process do not belong together.
_TRIED, _LEAST_EFFICIENCY = 1000, 0.01


def make_shard(options: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """Generate the events of a shard and write them, whole or not at all; return facts of it.

    Equal options make equal bytes, and a shard of more events begins with one of fewer.

    Parameters
    ----------
    options
        See `ShardOptions`.

    Raises
    ------
    DataError
        If other versions of the packages are installed, Pythia stops, or hardly an event passes
        the selection.
    """
    shard = ShardOptions.model_validate(dict(options))
    _check_versions(shard)
    with captured_output() as printed:
        events, facts = _generated(shard, Generator(shard.lines, shard.random_seed, printed))
    write_shard(file, events, facts)
    return facts


def _check_versions(shard: ShardOptions) -> None:
    installed = installed_versions()
    if installed != shard.versions:
        raise DataError(
            f"this shard is to be made by {_named(shard.versions)}, and here is "
            f"{_named(installed)}: install the same on all machines (envs/constraints.txt)"
        )


def _named(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "none of them"


def _generated(shard: ShardOptions, generator: Generator) -> tuple[ShardEvents, dict[str, Any]]:
    parts: list[ShardEvents] = []
    made = passed = 0
    while passed < shard.events:
        batch = generator.batch(_next_count(shard.events - passed))
        seen = seen_particles(batch, shard.selection, generator.is_visible, generator.is_charged)
        parts.append(select_events(seen, shard.selection, shard.max_particles))
        made, passed = made + len(batch), passed + len(parts[-1])
        if made >= _TRIED and passed < made * _LEAST_EFFICIENCY:
            raise DataError(
                f"of {made} events of {shard.sample!r} only {passed} pass the selection; lower "
                "dataset.selection.leading_jet_pt_min_gev, or raise the energies of "
                "dataset.generator"
            )
    cross_section, error = generator.cross_section_pb()
    facts = {
        "sample": shard.sample,
        "events": shard.events,
        "generated": made,
        "selected": passed,
        "cross_section_pb": cross_section,
        "cross_section_error_pb": error,
        "versions": shard.versions,
    }
    return joined(parts).first(shard.events), facts


def _next_count(lacking: int) -> int:
    """Return how many events to make at once: about as many as are lacking."""
    return min(_MOST_AT_ONCE, max(_FEWEST_AT_ONCE, lacking + lacking // 4))
