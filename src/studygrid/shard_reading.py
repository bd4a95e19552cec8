"""The shards that data is prepared from: their records are read, and their files checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from studygrid.errors import DataError
from studygrid.execution.jobs import log
from studygrid.families.base import Shard
from studygrid.records import ShardRecord, read_record
from studygrid.sharding import file_sha256, make_again
from studygrid.shards import file_path
from studygrid.spec import DataSpec, to_json

_NAMED = 3


@dataclass(frozen=True)
class ReadShard:
    """A shard whose file is what its record names."""

    record: ShardRecord
    file: Path


def read_shards(
    spec: DataSpec, wanted: Sequence[Shard], paths: Sequence[Path]
) -> dict[str, ReadShard]:
    """Return the shards that data is prepared from, by name, in the dataset's order.

    Their files are checked; one that is gone is made again.

    Parameters
    ----------
    wanted
        What the dataset asks for.
    paths
        The records' paths.

    Raises
    ------
    RecordError
        If a record is missing or damaged.
    DataError
        If a record is of another shard, one is lacking, or a file is not what its record names.
    """
    records = {path: _read_record(path) for path in paths}
    found = {record.spec.name: record for record in records.values()}
    _check_asked(spec, {shard.name: shard for shard in wanted}, found)
    for path, record in records.items():
        _check_file(path, record)
    files = {record.spec.name: file_path(path) for path, record in records.items()}
    return {shard.name: ReadShard(found[shard.name], files[shard.name]) for shard in wanted}


def _read_record(path: Path) -> ShardRecord:
    record = read_record(path, ShardRecord)
    if (path.stem, file_path(path).name) != (record.spec.stem, record.file):
        raise DataError(
            f"{path}: is the record of {record.spec.stem}: it was renamed, copied or edited; "
            "delete it and run again"
        )
    return record


def _check_asked(
    spec: DataSpec, wanted: Mapping[str, Shard], found: Mapping[str, ShardRecord]
) -> None:
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise DataError(
            f"{spec.dataset}: {len(lacking)} of its {len(wanted)} shards were not given "
            f"({_listed(lacking)}); make them first: snakemake --cores 2 shards"
        )
    others = [name for name, record in found.items() if not _is_asked(record, spec, wanted)]
    if others:
        raise DataError(
            f"{spec.dataset}: {len(others)} shards that were given are not those that its options "
            f"ask for ({_listed(others)}); run Snakemake, which names the right ones"
        )


def _is_asked(record: ShardRecord, spec: DataSpec, wanted: Mapping[str, Shard]) -> bool:
    own, shard = record.spec, wanted.get(record.spec.name)
    return shard is not None and (own.family, own.dataset, own.samples, to_json(own.options)) == (
        spec.family,
        spec.dataset,
        shard.samples,
        to_json(dict(shard.options)),
    )


def _check_file(path: Path, record: ShardRecord) -> None:
    file = file_path(path)
    if not file.exists():
        log.warning("%s: is gone, and made again", file)
        make_again(record, path)
    try:
        sha256 = file_sha256(file)
    except OSError as error:
        raise DataError(
            f"{file}: cannot be read ({error.strerror}); mend that, or delete it and "
            "run again: it is made anew"
        ) from None
    if sha256 != record.sha256:
        raise DataError(
            f"{file}: is not what its record names (SHA-256 {sha256[:12]}…, expected "
            f"{record.sha256[:12]}…): it was changed or cut off; delete it and run again: it alone "
            "is made anew"
        )


def _listed(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _NAMED} more"] if names[_NAMED:] else []
    return ", ".join([*names[:_NAMED], *more])
