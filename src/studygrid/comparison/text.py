"""A comparison as a report for a terminal or a mail, 100 columns wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.cells import cell_len

from studygrid.comparison.best import Best
from studygrid.comparison.comparing import Comparison, Peers
from studygrid.comparison.configurations import seeds_words
from studygrid.families.base import Metric
from studygrid.interchange.cells import one_line
from studygrid.interchange.text_table import padded, wrapped
from studygrid.results.not_said import NO_RESOLUTION, NOT_SAID
from studygrid.results.rows import Row

WIDTH: Final = 100
_TITLE: Final = "CONFIGURATION COMPARISON REPORT"
# The widths of the columns: those of the guide to VAE comparison, unless names need more.
_LEAST_METRIC: Final = 25
_LEAST_NAME: Final = 27
_VALUE: Final = 10
_DIGITS: Final = 8
_ENDS: Final = (
    "Best is the best mean over the seeds on the test split. Exact tie: the same mean. Within seed "
    "noise: the paired t test on the shared seeds cannot tell it from the best, with Holm's "
    "correction over the comparisons of a line (p of 0.05 or more); that does not mean equal. "
    "Choosing the best by these same scores flatters it."
)
_WITHIN: Final = (
    "Numbers of different resolutions, versions of the data or devices are not ranked against "
    "each other: there is a part for each."
)


def text(
    comparison: Comparison,
    *,
    title: str = _TITLE,
    names: Mapping[str, str] | None = None,
    resolution: str = "resolution",
    notes: Sequence[str] = (),
) -> str:
    """Return the report: the counts, then by group of metrics who is best by each.

    Parameters
    ----------
    comparison
        The configurations.
    title
        Its heading.
    names
        What metrics are called in it, by their names, where that is another word.
    resolution
        What a resolution is called, such as ``vocabulary``.
    notes
        What else is said above the metrics.
    """
    known = names or {}
    shown = {metric.name: known.get(metric.name, metric.name) for metric in comparison.metrics}
    words = _Words(comparison, shown, resolution)
    lines = [*_head(comparison, title), *_unscored(comparison)]
    for note in notes:
        lines += ["", *_wrapped(note, "")]
    for peers in comparison.peers:
        lines += words.part(peers)
    return "\n".join([*lines, "", "=" * WIDTH, ""])


def _head(comparison: Comparison, title: str) -> list[str]:
    found = comparison.configurations
    counts = [
        f"{sum(len(rows) for rows in every)} {what}"
        for what, every in (
            ("planned", [one.runs for one in found]),
            ("ok", [one.ok for one in found]),
            ("failed", [one.failed for one in found]),
            ("missing", [one.missing for one in found]),
        )
    ]
    lines = [
        "=" * WIDTH,
        *_wrapped(title),
        "=" * WIDTH,
        "",
        f"Total configurations evaluated: {len(found)}",
        f"Runs: {', '.join(counts)}; {_seeds(comparison)}",
        "",
        *_wrapped(_ENDS, ""),
    ]
    return [*lines, *_wrapped(_WITHIN, "")] if len(comparison.peers) > 1 else lines


def _seeds(comparison: Comparison) -> str:
    """Return how many runs that ended well a configuration has."""
    counts = sorted({len(one.ok) for one in comparison.configurations})
    shown = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    return f"{shown} ok a configuration"


def _unscored(comparison: Comparison) -> list[str]:
    """Return which runs failed or are missing, and why."""
    lines, not_begun = [], list[str]()
    for one in comparison.configurations:
        if len(one.missing) == len(one.runs):
            not_begun.append(one.name)
            continue
        reasons: dict[tuple[str, str], list[Row]] = {}
        for row in [*one.failed, *one.missing]:
            reason = str(row.get("reason") or "no reason is recorded")
            reason = _below(reason, row.get("folder"))
            reasons.setdefault((str(row["status"]), reason), []).append(row)
        for (status, reason), rows in reasons.items():
            lines += _wrapped(f"  {one.name}, {seeds_words(rows)}: {status}: {reason}", "    ")
    if not_begun:
        lines += _wrapped(f"  no run yet: {', '.join(not_begun)}", "    ")
    return ["", "Failed and missing runs:", *lines] if lines else []


def _below(reason: str, folder: object) -> str:
    """Return a reason without the folder of its run, which stands there as its path begins."""
    at = str(folder).rfind("runs/")
    for place in (str(folder), str(folder)[at:] if at >= 0 else str(folder)):
        start, found, rest = reason.partition(f"{place}/")
        if found:
            return rest if not start.strip() or start.endswith("/") else f"{start}{rest}"
    return reason


class _Words:
    """How configurations, metrics and numbers of a comparison are written."""

    def __init__(self, comparison: Comparison, shown: Mapping[str, str], resolution: str) -> None:
        self._comparison, self._shown, self._resolution = comparison, shown, resolution
        self._metric = max([_LEAST_METRIC, *map(cell_len, shown.values())]) + 1
        room = WIDTH - self._metric - len(": Best=") - len(" ()") - _VALUE
        lengths = [cell_len(one_line(one.name)) for one in comparison.configurations]
        fitting = [length for length in lengths if length <= room]
        self._name = min(room, max([_LEAST_NAME, *fitting]))

    def part(self, peers: Peers) -> list[str]:
        """Return what is said of a group of peers."""
        lines = self._heading(peers)
        groups: dict[str, list[Metric]] = {}
        for metric in self._comparison.metrics:
            groups.setdefault(metric.group, []).append(metric)
        for group, metrics in groups.items():
            lines += ["", *_ruled(_wrapped(self._group(group, metrics)), "-")]
            for metric in metrics:
                lines += self._lines(self._comparison.best_among(peers, metric))
        return lines

    def _heading(self, peers: Peers) -> list[str]:
        """Return what tells a group of peers from the others, and who is in it."""
        several = len(self._comparison.peers) > 1
        lines = ["", *_ruled(_wrapped(self._peers(peers)), "=")] if several else []
        unknown = [
            what
            for what, value in (("data", peers.data), ("device", peers.device))
            if value is None
        ]
        if unknown and len(peers.configurations) > 1:
            verb = "is" if len(unknown) == 1 else "are"
            said = f"The {' and the '.join(unknown)} of these runs {verb} not recorded"
            lines += ["", *_wrapped(f"{said}: whether all have the same cannot be told.")]
        return lines

    def _peers(self, peers: Peers) -> str:
        every = self._comparison.peers
        beside = [other for other in every if other.resolution == peers.resolution]
        parts = []
        if len(beside) < len(every):
            parts.append(f"{self._resolution} {_resolution(peers)}")
        if len({other.data for other in beside}) > 1:
            parts.append(f"data {peers.data[:_DIGITS]}" if peers.data else "data not recorded")
        if len({other.device for other in every}) > 1:
            parts.append(peers.device or "device not recorded")
        where = ", ".join(parts)
        return f"{where[:1].upper()}{where[1:]}: {', '.join(peers.names)}"

    def _group(self, group: str, metrics: Sequence[Metric]) -> str:
        """Return a group of metrics with their directions."""
        ways = {
            way: [self._shown[one.name] for one in metrics if one.higher_is_better == higher]
            for way, higher in (("higher", True), ("lower", False))
        }
        name = f"{group} Metrics" if group else "Metrics"
        (fewer, named), (more, others) = sorted(ways.items(), key=lambda way: len(way[1]))
        if not named:
            return f"{name} ({more} is better)"
        rest = "the other" if len(others) == 1 else "the others"
        return f"{name} ({fewer} is better for {', '.join(named)}; {more} for {rest})"

    def _lines(self, best: Best) -> list[str]:
        """Return a metric: its best, then what the seeds can tell from it."""
        start = f"{padded(one_line(self._shown[best.metric.name]), self._metric)}: "
        more = [line for part in best.words() for line in _wrapped(f"    {part}", "      ")]
        if best.name is None or best.value is None:
            return [f"{start}{'not comparable' if best.not_comparable else 'no value'}", *more]
        value, name = f"({_number(best.value)})", one_line(best.name)
        if cell_len(name) <= self._name:
            return [f"{start}Best={padded(name, self._name)} {value}", *more]
        start = f"{start}Best="
        first, *rest = wrapped(name, WIDTH - cell_len(start), "")
        lines = [f"{start}{first}", *(f"{' ' * cell_len(start)}{line}" for line in rest)]
        return [*lines, padded(value, WIDTH, left=False), *more]


def _resolution(peers: Peers) -> str:
    return NOT_SAID if peers.resolution == NO_RESOLUTION else str(peers.resolution)


def _ruled(lines: Sequence[str], mark: str) -> list[str]:
    return [mark * WIDTH, *lines, mark * WIDTH]


def _number(value: float) -> str:
    plain = value == 0 or 1e-3 <= abs(value) < 1e6
    return f"{value:{_VALUE}.4f}" if plain else f"{value:{_VALUE}.4e}"


def _wrapped(content: str, indent: str = "  ") -> list[str]:
    return wrapped(one_line(content), WIDTH, indent)
