"""Hashes of raw data, kept between calls, so that unchanged files are only looked at."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from studygrid.errors import DataError
from studygrid.records import write_atomically

# Below a folder of prepared data: what is kept.
SOURCES = "sources.json"
_Known = dict[str, tuple[int, int, str]]


def content_sha256(files: Mapping[str, Path], cache: Path) -> str:
    """Return one hash of files' names and contents, not of their times or places.

    Parameters
    ----------
    files
        Name of each file, as it goes into the hash, and its path.
    cache
        Folder of ``sources.json``, which keeps each path's size, modification time and hash.

    Raises
    ------
    DataError
        If a file cannot be read.
    """
    store = cache / SOURCES
    known = _load(store)
    current = _hashes(files, known)
    if any(known.get(path) != entry for path, entry in current.items()):
        _save(store, {**known, **current})
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        sha256 = current[os.path.abspath(path)][2]  # noqa: PTH100 (keeps links as they are)
        digest.update(os.fsencode(name) + b"\0" + sha256.encode() + b"\n")
    return f"sha256:{digest.hexdigest()}"


def _hashes(files: Mapping[str, Path], known: _Known) -> _Known:
    current: _Known = {}
    changed: list[tuple[str, Path, os.stat_result]] = []
    for path in files.values():
        key = os.path.abspath(path)  # noqa: PTH100
        with _explained(path):
            state = path.stat()
        entry = known.get(key)
        if entry is not None and entry[:2] == (state.st_size, state.st_mtime_ns):
            current[key] = entry
        else:
            changed.append((key, path, state))
    # Threads hide the latency of a network disk; hashing releases the interpreter lock.
    with ThreadPoolExecutor(max_workers=8) as pool:
        hashes = pool.map(_sha256, [path for _, path, _ in changed])
        for (key, _, state), sha256 in zip(changed, hashes, strict=True):
            current[key] = (state.st_size, state.st_mtime_ns, sha256)
    return current


def _sha256(path: Path) -> str:
    with _explained(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def _load(store: Path) -> _Known:
    try:
        content = json.loads(store.read_bytes())
        return {
            str(path): (int(size), int(modified), str(sha256))
            for path, (size, modified, sha256) in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _save(store: Path, known: _Known) -> None:
    # Where it cannot be written, the next call hashes again: slower, and as right.
    with contextlib.suppress(OSError):
        write_atomically(store, json.dumps(known, sort_keys=True).encode())
