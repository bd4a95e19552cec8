"""A real Slurm on this machine, and what tests do to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

HERE = Path(__file__).parent
PIDS = Path("/run/studygrid-slurm")
LIMIT_SEC = 240
T = TypeVar("T")


def output(*command: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def wait_for(what: str, ask: Callable[[], T], limit_sec: float = LIMIT_SEC) -> T:
    """Return the first answer that is true."""
    end = time.monotonic() + limit_sec
    while not (answer := ask()):
        assert time.monotonic() < end, f"{what}: not in {limit_sec} s"
        time.sleep(0.02)
    return answer


class Slurm:
    """The cluster that `start-slurm` starts."""

    def start(self) -> None:
        output(str(HERE / "start-slurm"))

    def stop(self) -> None:
        output(str(HERE / "stop-slurm"))

    def jobs(self, folder: Path) -> dict[str, str]:
        """Return the comments of the jobs that work in a folder and have not ended, by number."""
        listed = output("squeue", "--noheader", "--format", "%i|%Z|%k").splitlines()
        fields = [line.split("|", 2) for line in listed]
        return {number: comment for number, where, comment in fields if Path(where) == folder}

    def stop_controller(self) -> None:
        """End slurmctld; SIGKILL would make it forget what it started in the last seconds."""
        number = int((PIDS / "slurmctld.pid").read_text())
        os.kill(number, signal.SIGTERM)
        wait_for("slurmctld ends", lambda: not Path(f"/proc/{number}/exe").exists())

    def state_of(self, job: str) -> str:
        """Return the state of a job: ``PENDING``, say."""
        return output("squeue", "--noheader", "--format", "%T", "--jobs", job).strip()

    def gpus_of(self, job: str) -> str:
        """Return what a job asked for of generic resources: ``gres:gpu:1``, say."""
        job_facts = output("scontrol", "show", "job", job, "--oneliner")
        match = re.search(r"\bTresPerJob=(\S+)", job_facts)
        return match.group(1) if match else ""


class Training:
    """The processes on this machine that train a run: a job's script, and what it forked."""

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = numbers

    @classmethod
    def of_run(cls, run: Path) -> Training | None:
        """Find the processes that train a run."""
        numbers = [int(entry.name) for entry in Path("/proc").iterdir() if _trains(entry, run)]
        return cls(sorted(numbers)) if numbers else None

    @property
    def environment(self) -> dict[str, str]:
        text = Path(f"/proc/{self._numbers[0]}/environ").read_bytes()
        pairs = (os.fsdecode(entry).partition("=") for entry in text.split(b"\0") if entry)
        return {key: value for key, _, value in pairs}

    @property
    def job(self) -> str:
        return self.environment["SLURM_JOB_ID"]

    def hold(self) -> None:
        """Stop them where they stand, so that a fault surely finds them at work."""
        for number in self._numbers:
            os.kill(number, signal.SIGSTOP)

    def stop_was_asked_for(self) -> bool:
        """Tell whether SIGTERM waits for them to go on, or has ended them already."""
        try:
            status = Path(f"/proc/{self._numbers[0]}/status").read_text()
        except OSError:  # Slurm sends SIGCONT with it
            return True
        pending = re.findall(r"^(?:SigPnd|ShdPnd):\t(\w+)$", status, re.MULTILINE)
        return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in pending)

    def go_on(self) -> None:
        for number in self._numbers:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGCONT)


def _trains(process: Path, run: Path) -> bool:
    if not process.name.isdecimal():
        return False
    try:
        words = [os.fsdecode(word) for word in (process / "cmdline").read_bytes().split(b"\0")]
        folder = (process / "cwd").resolve()
    except OSError:
        return False
    named = (folder / word for word in words if word.endswith("/train.json"))
    return "scripts/train.py" in words and run / "train.json" in named


def held_in_training(run: Path) -> Training:
    """Wait until a run has trained for an epoch, and hold it there."""

    def ask() -> Training | None:
        lines = run / "epochs.jsonl"
        if not lines.is_file() or not lines.stat().st_size or (run / "train.json").exists():
            return None
        return Training.of_run(run)

    training = wait_for(f"{run} trains", ask)
    training.hold()
    return training
