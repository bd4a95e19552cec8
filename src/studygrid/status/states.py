"""The states that a run or a job can be in."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What a reader wants to know of a run."""

    DONE = "done"
    RUNNING = "running"
    TO_EVALUATE = "to evaluate"
    SILENT = "silent"
    FAILED = "failed"
    WAITING = "waiting"
