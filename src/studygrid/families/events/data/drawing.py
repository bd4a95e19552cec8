"""Splits of events: drawn, exact in their sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studygrid.families.events.data.options import EventOptions
from studygrid.families.events.data.splits import reference_count, split_counts

SPLIT_SENTENCE = (
    "background events drawn by split_seed into training, validation and test; signal events are "
    "in the test split, but for those of `reference`, which are in none"
)

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class EventSplits:
    """Sorted places of events in the arrays; training and validation are background alone.

    Attributes
    ----------
    reference
        Signal events that are in no split.
    """

    train: Indices
    validation: Indices
    test: Indices
    reference: Indices


def draw_splits(label: NDArray[np.int8], options: EventOptions) -> EventSplits:
    """Draw the splits of events with these labels, shape (n,): 0 is background.

    Each label's events are drawn by a stream of its own: another number of one signal changes
    nothing of the others.
    """
    background = _shuffled(label, 0, options.split_seed)
    counts = split_counts(len(background), options)
    train, validation, test = np.split(
        background, [counts["train"], counts["train"] + counts["validation"]]
    )
    tests, references = [test], []
    for signal in range(1, int(label.max(initial=0)) + 1):
        events = _shuffled(label, signal, options.split_seed)
        kept = reference_count(len(events), options.reference_fraction)
        references.append(events[:kept])
        tests.append(events[kept:])
    none = np.empty(0, np.int64)
    return EventSplits(
        train=np.sort(train),
        validation=np.sort(validation),
        test=np.sort(np.concatenate(tests)),
        reference=np.sort(np.concatenate([none, *references])),
    )


def _shuffled(label: NDArray[np.int8], number: int, seed: int) -> Indices:
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    return stream.permutation(np.flatnonzero(label == number)).astype(np.int64)
