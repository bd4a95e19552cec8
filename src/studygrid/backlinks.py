"""Backlinks: each run folder names the reports that it went into."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from studygrid.execution.locks import NoFlockError, flock
from studygrid.results.study_results import StudyResults

POINTER = "report_pointer.txt"

_THREADS = 16  # an fsync waits for the disk, and many wait as long as one


def add_backlinks(study: StudyResults, manifest: Path, report_id: str) -> tuple[int, list[str]]:
    """Add a line ``<report id> <manifest>`` to the pointer file of every run of a study's report.

    As `link_runs` does.
    """
    return link_runs([study.folder / "runs" / run.path for run in study.facts], manifest, report_id)


def link_runs(folders: Sequence[Path], manifest: Path, report_id: str) -> tuple[int, list[str]]:
    """Add a line ``<report id> <manifest>`` to the pointer file in each of the run folders.

    The path of the manifest is relative to the run folder. A file that has the line already is
    left as it is; lines are only ever appended.

    Returns
    -------
    linked, refused
        How many runs point to the report now, and what went wrong with each that could not be
        written to: folders of others may be read-only.
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        errors = list(threads.map(lambda folder: _point(folder, manifest, report_id), folders))
    refused = [error for error in errors if error is not None]
    return len(folders) - len(refused), refused


def _point(folder: Path, manifest: Path, report_id: str) -> str | None:
    target = Path(os.path.relpath(manifest.resolve(), folder.resolve())).as_posix()
    try:
        append_line(folder / POINTER, f"{report_id} {target}")
    except OSError as error:
        return f"{folder / POINTER}: {error.strerror}"
    return None


def append_line(path: Path, line: str) -> None:
    """Append a line to a file and to the disk, unless the file has it.

    The file is locked from its reading on, where its file system has locks: of two that append
    the same line, one does.
    """
    if path.exists() and line.encode() in path.read_bytes().splitlines():
        return  # so that a file that may only be read is no error
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        with suppress(NoFlockError):  # an append is whole without one, at worst twice
            flock(handle, fcntl.LOCK_EX)
        before = path.read_bytes()
        if line.encode() in before.splitlines():
            return
        # The end of a line that a crash has cut must not swallow this one.
        start = b"" if not before or before.endswith(b"\n") else b"\n"
        os.write(handle, start + line.encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)


def read_pointers(folder: Path) -> Iterable[tuple[str, Path]]:
    """Return the id and the manifest of each report that a run went into, the oldest first."""
    try:
        lines = (folder / POINTER).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    pairs = (line.partition(" ") for line in lines if line)
    return [(report_id, (folder / target).resolve()) for report_id, _, target in pairs]
