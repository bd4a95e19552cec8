"""What the cluster's scheduler knows of a job: Slurm, where this is a job of it."""

from __future__ import annotations

import os
import re
import subprocess

from studygrid.execution.failures import Failure

_ASK_SEC = 15
_FIELD = re.compile(r"(\w+)=(\S*)")
STATES = {
    "TIMEOUT": Failure.OUT_OF_TIME,
    "DEADLINE": Failure.OUT_OF_TIME,
    "OUT_OF_MEMORY": Failure.HOST_MEMORY,
    "NODE_FAIL": Failure.NODE_LOST,
    "BOOT_FAIL": Failure.NODE_LOST,
    "CANCELLED": Failure.STOPPED,
    "PREEMPTED": Failure.STOPPED,
    "REVOKED": Failure.STOPPED,
}


def job_here() -> str | None:
    """Return the number of the scheduler's job that this process is part of, if any."""
    return os.environ.get("SLURM_JOB_ID") or None


def ending_of(job: str) -> Failure | None:
    """Return why the scheduler ended or is ending a job; None where it does not say.

    While a job is stopped its state is only COMPLETING: then a time limit is told by the clock.
    Jobs that the controller has forgotten are asked of the accounting, where there is one.
    """
    if not job.isdecimal():
        return None
    fields = dict(_FIELD.findall(_output("scontrol", "show", "job", job, "--oneliner")))
    state = fields.get("JobState", "")
    if not state:
        answer = _output("sacct", "-X", "-n", "-P", "-j", job, "-o", "State").split()
        state = answer[0] if answer else ""
    known = STATES.get(state)
    if known is not None:
        return known
    ran, limit = (_seconds(fields.get(name, "")) for name in ("RunTime", "TimeLimit"))
    if state == "COMPLETING" and ran is not None and limit is not None and ran >= limit:
        return Failure.OUT_OF_TIME
    return None


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SEC)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _seconds(text: str) -> int | None:
    """Read Slurm's ``[days-]hours:minutes:seconds``."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+):(\d+)", text)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
