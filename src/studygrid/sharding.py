"""The shard job: a piece of raw data, to be prepared at every resolution and by every study.

A shard's name holds the hash of all that decides it, so one that is there is never made again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studygrid.errors import DataError, RecordError, StudygridError
from studygrid.execution.devices import machine_share
from studygrid.execution.jobs import arguments, log, run_job
from studygrid.execution.locks import sole_writer
from studygrid.families import load_family
from studygrid.families.base import load_reference
from studygrid.records import ShardRecord, read_record, write_record
from studygrid.shards import file_path
from studygrid.spec import ShardSpec

# How long a shard took stands in its log alone: its record holds no time. An estimate reads it.
MADE = "made {samples} samples in {seconds:.3f} s"


def main(argv: list[str] | None = None) -> int:
    """Run the shard job of a command line; return the exit status."""
    parser = arguments("Make a shard of a dataset.")
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    return run_job(_shard, parser.parse_args(argv))


def _shard(options: argparse.Namespace) -> None:
    spec = ShardSpec.model_validate_json(options.spec)
    with machine_share(alone=False):
        make_shard(spec, options.output)


def make_shard(spec: ShardSpec, record_path: Path) -> ShardRecord:
    """Make a shard and its record, unless both are there; the file comes first.

    Raises
    ------
    StudygridError
        If the dataset's own code writes no file.
    """
    file = file_path(record_path)
    with _sole_maker(record_path):
        there = _there(spec, record_path)
        if there is not None:
            log.info("%s is there already", file)
            return there
        started = time.perf_counter()
        with _made(spec, file) as (part, facts):
            record = ShardRecord(spec=spec, file=file.name, sha256=file_sha256(part), facts=facts)
        write_record(record_path, record)
        seconds = time.perf_counter() - started
        log.info(MADE.format(samples=spec.samples, seconds=seconds))
        return record


def make_again(record: ShardRecord, record_path: Path) -> None:
    """Make a shard whose file is gone; its record stays, and must name what is made.

    Raises
    ------
    DataError
        If another file comes out: of another version of what makes it, say.
    """
    file = file_path(record_path)
    with _sole_maker(record_path):
        if file.exists():
            return  # made by a job of another resolution meanwhile
        with _made(record.spec, file) as (part, facts):
            if file_sha256(part) != record.sha256:
                raise DataError(
                    f"{file}: was gone, and what is made in its place is not what its record names "
                    f"(made with {facts}, it was made with {record.facts}); delete {record_path} "
                    "and run again: the shard and all that is made of it are made anew"
                )


@contextmanager
def _sole_maker(record_path: Path) -> Iterator[None]:
    with sole_writer(record_path.parent, f".{record_path.stem}"):
        yield


def _there(spec: ShardSpec, record_path: Path) -> ShardRecord | None:
    """Return the record of a shard that is there and whole."""
    try:
        record = read_record(record_path, ShardRecord)
        is_whole = file_sha256(file_path(record_path)) == record.sha256
    except (RecordError, OSError):
        return None
    return record if is_whole and record.spec == spec else None


@contextmanager
def _made(spec: ShardSpec, file: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Make a shard beside its place, and move it there at the end; after an error there is none."""
    dataset = load_family(spec.family).datasets[spec.dataset]
    # The ending stays: NumPy adds it where it is missing.
    part = file.with_name(f".{file.stem}.part{file.suffix}")
    part.unlink(missing_ok=True)  # of a job that was killed
    try:
        facts = load_reference(dataset.make_shard)(dict(spec.options), part)
        if not part.is_file():
            raise StudygridError(
                f"{dataset.make_shard} wrote no file for the shard {spec.name}; it should write "
                "the path that it is given, and no other"
            )
        yield part, dict(facts)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
