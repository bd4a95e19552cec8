"""Slurm jobs that a killed Snakemake left behind: they run on, and write what they were told to."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_ASK_SEC = 15
_FORMAT = "%i|%j|%T|%Z|%k"
# What Snakemake's Slurm plugin calls all jobs of one call.
_CALL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMED = 5


class SqueueError(Exception):
    """Slurm does not say which jobs there are; the message says why."""


@dataclass(frozen=True)
class Job:
    """A job in Slurm's queue.

    Attributes
    ----------
    call
        The name that all jobs of one call of Snakemake have.
    folder
        Where it works.
    comment
        Its rule and wildcards, as the plugin writes them.
    """

    number: str
    call: str
    state: str
    folder: str
    comment: str


def jobs_in(folders: Iterable[Path | str]) -> list[Job]:
    """Return this user's jobs of Snakemake that work in one of some folders.

    Raises
    ------
    SqueueError
        If Slurm gives no answer.
    """
    places = {str(Path(folder).resolve()) for folder in folders}
    jobs = map(_job, _queue().splitlines())
    return [job for job in jobs if job and str(Path(job.folder).resolve()) in places]


def describe_jobs(jobs: list[Job]) -> str:
    """Return what runs on, and how to end it or wait."""
    shown = [f"  {job.number} {job.state.lower()} {job.comment}".rstrip() for job in jobs[:_NAMED]]
    if len(jobs) > _NAMED:
        shown.append(f"  and {len(jobs) - _NAMED} more")
    cancel = "; ".join(f"scancel --name {call}" for call in dict.fromkeys(j.call for j in jobs))
    return "\n".join(
        [
            f"{len(jobs)} Slurm jobs of an earlier Snakemake in this folder are in the queue:",
            *shown,
            "Two jobs must not write one run. Cancel them, then give the same command again; it "
            "goes on from their last epochs:",
            f"  {cancel}",
            "or wait until they have ended (squeue --me), then give the same command again.",
        ]
    )


def _queue() -> str:
    try:
        done = subprocess.run(
            ["squeue", "--me", "--noheader", "--format", _FORMAT],
            capture_output=True,
            text=True,
            timeout=_ASK_SEC,
        )
    except FileNotFoundError:
        raise SqueueError("there is no squeue here") from None
    except OSError as error:
        raise SqueueError(f"squeue cannot be run ({error.strerror})") from None
    except subprocess.TimeoutExpired:
        raise SqueueError(f"squeue gave no answer in {_ASK_SEC} s") from None
    if done.returncode:
        why = next(iter(done.stderr.strip().splitlines()), f"exit status {done.returncode}")
        raise SqueueError(f"squeue failed: {why}")
    return done.stdout


def _job(line: str) -> Job | None:
    """Read a line of the queue; None of a job that is none of Snakemake's."""
    number, _, rest = line.strip().partition("|")
    call, _, rest = rest.partition("|")
    state, _, rest = rest.partition("|")
    folder, _, comment = rest.rpartition("|")
    if not _CALL.fullmatch(call):
        return None
    return Job(number, call, state, folder, "" if comment == "(null)" else comment)
