"""Lines of events.jsonl to events; what cannot be read is counted, never an error."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from studygrid.records import SCHEMA_VERSION

# Every line starts so; a line that was torn may hold the next writer's first line behind it.
_LINE_START = b'{"schema_version"'
_EPOCH_END = b'"moment": "on_epoch_end"'
# Of the epochs of a run in a row, a reader needs the first and these last.
LAST_EPOCHS = 20


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an event log.

    Attributes
    ----------
    moment
        ``on_start``, ``on_epoch_end``, ``on_train_end``, ``on_test_end``, ``on_exception``.
    at
        When it was written, in seconds since 1970 by the writer's clock.
    process, host
        Who wrote it; None where the line does not say.
    facts
        The whole line. Read it with `count`, `number` and `words`: it may hold anything.
    """

    moment: str
    at: float
    process: int | None
    host: str | None
    facts: Mapping[str, Any]

    def count(self, name: str) -> int | None:
        """Return a whole number of 0 or more, or None where there is none."""
        return _count(self.facts.get(name))

    def number(self, name: str) -> float | None:
        """Return a finite number, or None where there is none."""
        value = self.facts.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:
            return None

    def words(self, name: str) -> str | None:
        """Return a text, or None where there is none."""
        value = self.facts.get(name)
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Lines:
    """What a piece of an event log holds.

    Attributes
    ----------
    events
        The events of its whole lines, in their order; of many epochs in a row the first and the
        last `LAST_EPOCHS`.
    unreadable
        How many of its whole lines are no event, or only in part.
    length
        Bytes of its whole lines; a last line without an end is still being written, or torn.
    """

    events: list[Event]
    unreadable: int
    length: int


def read_lines(content: bytes) -> Lines:
    """Read the whole lines at the start of `content`."""
    length = content.rfind(b"\n") + 1
    events, unreadable = [], 0
    for line in _needed(content[:length].split(b"\n")):
        event = _event(line)
        if event is None:
            unreadable += 1
            start = line.rfind(_LINE_START)
            event = _event(line[start:]) if start > 0 else None
        if event is not None:
            events.append(event)
    return Lines(events, unreadable, length)


def _needed(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the lines that have to be parsed: a study may have a million epochs."""
    epochs: list[bytes] = []
    for line in lines:
        if line.startswith(_LINE_START) and _EPOCH_END in line and line.endswith(b"}"):
            epochs.append(line)
            continue
        yield from _first_and_last(epochs)
        epochs = []
        if line.strip():
            yield line
    yield from _first_and_last(epochs)


def _first_and_last(epochs: Sequence[bytes]) -> Sequence[bytes]:
    few = len(epochs) <= LAST_EPOCHS
    return epochs if few else [epochs[0], *epochs[-LAST_EPOCHS:]]


def _event(line: bytes) -> Event | None:
    try:
        facts = json.loads(line)
        if not isinstance(facts, dict) or facts.get("schema_version") != SCHEMA_VERSION:
            return None
        moment, host = facts.get("moment"), facts.get("host")
        at = _seconds(facts["time_utc"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if not isinstance(moment, str):
        return None
    return Event(
        moment, at, _count(facts.get("process")), host if isinstance(host, str) else None, facts
    )


def _seconds(text: str) -> float:
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return value if whole else None
