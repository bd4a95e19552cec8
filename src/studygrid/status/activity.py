"""What the machines do: runs in training at once, runs ended an hour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from studygrid.status.run_state import Phase, RunState

WINDOW_SEC = 3600.0
# Training that paused for longer was another sitting; it says nothing of this one.
PAUSE_SEC = 300.0
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Activity:
    """What went on in the recent window.

    Attributes
    ----------
    window_sec
        Its length: the last hour, or since training began after the last long pause.
    runs_in_training
        The average number of runs in training at the same time.
    runs_per_hour
        Runs that came to their end (done, diverged or out of memory), an hour.
    """

    window_sec: float
    runs_in_training: float
    runs_per_hour: float


def spans(state: RunState, *, goes_on: bool, now: float) -> list[Span]:
    """Return when a run was in training: (start, end) of each attempt.

    Parameters
    ----------
    goes_on
        Whether it is in training now.
    """
    found = list(state.earlier)
    if state.start is not None:
        heard = state.start.at if state.last_at is None else state.last_at
        end = now if goes_on else state.ended.at if state.ended else heard
        found.append((state.start.at, end))
    return found


def ended_at(state: RunState) -> float | None:
    """Return when a run came to its end, or None if it did not."""
    if state.phase is Phase.DONE:
        return state.tested_at
    if state.phase is not Phase.FAILED or state.status == "error":
        return None
    return state.ended.at if state.ended else state.tested_at


def activity(training: Iterable[Span], ends: Iterable[float], now: float) -> Activity | None:
    """Return what went on lately, or None if nothing was in training.

    Parameters
    ----------
    training
        When runs were in training, in any order.
    ends
        When runs came to their end.
    now
        The time. What other clocks say of the future counts as now.
    """
    known = [(min(start, now), min(end, now)) for start, end in training if start <= end]
    begin = now
    for start, end in sorted(known, key=lambda span: span[1], reverse=True):
        if begin - end > PAUSE_SEC or begin <= now - WINDOW_SEC:
            break
        begin = min(begin, start)
    begin = max(begin, now - WINDOW_SEC)
    length = now - begin
    if length <= 0:
        return None
    busy = sum(max(end - max(start, begin), 0.0) for start, end in known)
    ended = sum(begin <= min(end, now) for end in ends)
    return Activity(length, busy / length, ended * 3600.0 / length)
