"""What goes wrong, on purpose: processes killed and file systems that cannot be written."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.conftest import Clone


@contextmanager
def started(clone: Clone, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run Snakemake in a process group of its own; kill what is left of it at the end."""
    clone.write_config()
    with (clone.folder / "snakemake.log").open("wb") as log:
        process = subprocess.Popen(
            clone.command("--cores", "2", *arguments),
            cwd=clone.folder,
            env=clone.environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        for left in processes_of(clone):
            left.kill()
        process.kill()
        process.wait()


def processes_of(clone: Clone) -> list[psutil.Process]:
    """Return the processes that work in a clone."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == clone.folder:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(what: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """Mount something on a place; skip the test where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
