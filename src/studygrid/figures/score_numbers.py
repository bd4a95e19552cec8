"""Distributions of the anomaly score of several kinds of events, as evaluations keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.figures.largest_place import Place, facts_at
from studygrid.results.reading import RunFacts
from studygrid.results.study_results import StudyResults

TABLE = "score_histogram"
BACKGROUND = "background"

_COLUMNS = 4  # label, lower edge, upper edge, share
_WIDER = 1.5  # times an inner bin: so wide is a bin of what lies beyond

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """What the score of one run looks like.

    Attributes
    ----------
    edges
        Shape (k + 1,), rising; twice the same where all scores are equal.
    shares
        Of each kind of events, the background first, its share in each bin, shape (k,).
    aurocs
        Of each other kind against the background, where it is known.
    events
        How many there are of the kind that has the fewest.
    """

    model: str
    seed: int
    edges: Array
    shares: dict[str, Array]
    aurocs: dict[str, float]
    events: int

    @property
    def drawn_edges(self) -> Array:
        """The edges of the bins but those of what lies beyond, several together for few events.

        There are about two times the cube root of their number of bins (Rice's rule). One edge
        alone where all scores are equal.
        """
        if self.edges[0] == self.edges[-1]:
            return self.edges[:1]
        widths = np.diff(self.edges)
        limit = _WIDER * float(np.median(widths))
        several = len(widths) > 2
        first, last = (int(several and widths[end] > limit) for end in (0, -1))
        inner = self.edges[first : len(self.edges) - last]
        wanted = 2 * max(self.events, 1) ** (1 / 3)
        together = max(1, round((len(inner) - 1) / wanted))
        found: Array = inner[::together].copy()
        rest = (len(inner) - 1) % together
        if 2 * rest >= together:
            return np.append(found, inner[-1])
        found[-1] = inner[-1]  # a narrow rest goes to the last bin
        return found

    def drawn_shares(self, kind: str) -> Array:
        """Return the share of these events in each drawn bin."""
        below = np.concatenate([[0.0], np.cumsum(self.shares[kind])])
        found: Array = np.diff(below[np.searchsorted(self.edges, self.drawn_edges)])
        return found

    def density(self, kind: str) -> Array:
        """Return the share of these events in each drawn bin over its width."""
        found: Array = self.drawn_shares(kind) / np.diff(self.drawn_edges)
        return found

    @property
    def beyond(self) -> float:
        """The greatest share of a kind that lies in no drawn bin; 0 where none is drawn."""
        if len(self.drawn_edges) == 1:
            return 0.0
        return max(1 - float(self.drawn_shares(kind).sum()) for kind in self.shares)


def histograms(study: StudyResults, place: Place, *, corrupted: bool) -> list[Histogram]:
    """Return the scores of the first run of each model there that keeps a table of them.

    Parameters
    ----------
    corrupted
        Whether the background is set against itself corrupted, and not against the signals.
    """
    found = []
    for model in study.order["model"]:
        runs = facts_at(study, place, model).items()
        own = (_histogram(model, seed, facts, corrupted) for seed, facts in runs)
        found.append(next((one for one in own if one is not None), None))
    return [one for one in found if one is not None]


def _histogram(model: str, seed: int, facts: RunFacts, corrupted: bool) -> Histogram | None:
    rows = facts.tables.get(TABLE)
    kinds = _kinds(facts.scored, "corrupted" if corrupted else "signals")
    if not rows or any(len(row) != _COLUMNS for row in rows):
        return None
    table = np.asarray(rows, dtype=float)
    labels = {BACKGROUND: 0, **{name: values["label"] for name, values in kinds.items()}}
    parts = {name: table[table[:, 0] == label] for name, label in labels.items()}
    parts = {name: part for name, part in parts.items() if len(part)}
    if BACKGROUND not in parts or len(parts) < 2:
        return None
    bins = parts[BACKGROUND][:, 1:3]
    if any(not np.array_equal(part[:, 1:3], bins) for part in parts.values()):
        return None
    counts = [facts.scored.get("background_events"), *(one.get("events") for one in kinds.values())]
    return Histogram(
        model,
        seed,
        np.append(bins[:, 0], bins[-1, 1]),
        {name: part[:, 3] for name, part in parts.items()},
        {name: kinds[name]["auroc"] for name in parts if _is_number(kinds, name)},
        min((count for count in counts if isinstance(count, int)), default=1),
    )


def _kinds(scored: Mapping[str, Any], fact: str) -> dict[str, Mapping[str, Any]]:
    """Return the facts of each kind that has a label in the table."""
    kinds = scored.get(fact)
    if not isinstance(kinds, Mapping):
        return {}
    return {
        str(name): values
        for name, values in kinds.items()
        if isinstance(values, Mapping) and isinstance(values.get("label"), int)
    }


def _is_number(kinds: Mapping[str, Mapping[str, Any]], name: str) -> bool:
    return name in kinds and isinstance(kinds[name].get("auroc"), float | int)
