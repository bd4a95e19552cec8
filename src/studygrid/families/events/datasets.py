"""Datasets by name: what can be told of them without reading or making an event."""

from __future__ import annotations

from studygrid.families.base import Dataset
from studygrid.families.events.data.arrays import sources as arrays
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.generated.options import GeneratedEventsOptions
from studygrid.families.events.data.generated.sources import (
    check_generated_events,
    generated_events_shards,
    generated_events_source,
    generated_events_train_size,
    most_particles,
    supervised_lacks_events,
)

_DATA = "studygrid.families.events.data"

_ALL = (
    Dataset(
        name="generated_events",
        options=GeneratedEventsOptions,
        prepare=f"{_DATA}.generated.prepare:prepare",
        train_size=generated_events_train_size,
        source=generated_events_source,
        check=check_generated_events,
        refuses=supervised_lacks_events,
        largest=most_particles,
        shards=generated_events_shards,
        make_shard=f"{_DATA}.generated.shard:make_shard",
        licence="generated here; Pythia 8 is under the GPL-2 or later, FastJet under the GPL-2 or "
        "later and its Python package under the BSD-3",
        citation="Bierlich et al., A comprehensive guide to the physics and usage of PYTHIA 8.3, "
        "SciPost Phys. Codebases 8 (2022); Cacciari, Salam and Soyez, FastJet user manual, "
        "Eur. Phys. J. C 72, 1896 (2012)",
    ),
    Dataset(
        name="token_arrays",
        options=TokenArraysOptions,
        prepare=f"{_DATA}.arrays.prepare:prepare",
        train_size=arrays.token_arrays_train_size,
        source=arrays.token_arrays_source,
        check=arrays.check_token_arrays,
        refuses=arrays.supervised_lacks_events,
        largest=arrays.most_tokens,
        licence="the user's own data",
        citation="the user's own data",
    ),
)
DATASETS = {dataset.name: dataset for dataset in _ALL}
