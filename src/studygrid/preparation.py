"""The prepare job: a dataset at one resolution, from its source to arrays and their record."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from studygrid.execution.devices import machine_share
from studygrid.execution.jobs import arguments, log, run_job
from studygrid.execution.locks import sole_writer
from studygrid.families import load_family
from studygrid.families.base import load_reference
from studygrid.families.prepared import combined_sha256
from studygrid.records import DataRecord, write_record
from studygrid.shard_reading import read_shards
from studygrid.spec import DataSpec


def main(argv: list[str] | None = None) -> int:
    """Run the prepare job of a command line; return the exit status."""
    parser = arguments("Prepare a dataset at one resolution.")
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    parser.add_argument("--shards", type=Path, nargs="*", default=[], help="their records")
    return run_job(_prepare, parser.parse_args(argv))


def _prepare(options: argparse.Namespace) -> None:
    spec = DataSpec.model_validate_json(options.spec)
    folder: Path = options.output.parent
    with sole_writer(folder), machine_share(alone=False):
        record = prepare_data(spec, folder, options.threads, options.shards)
        write_record(options.output, record)
    counts = ", ".join(f"{name} {split.count}" for name, split in record.splits.items())
    log.info("prepared %s at %d: %s", spec.dataset, spec.resolution, counts)
    _report_duplicates(record, options.output)


def _report_duplicates(record: DataRecord, path: Path) -> None:
    duplicates = record.duplicates_across_splits
    for duplicate in duplicates:
        splits, samples = " and ".join(duplicate.splits), ", ".join(duplicate.samples)
        log.warning("the same sample is in %s: %s", splits, samples)
    if duplicates:
        first = ", ".join(duplicates[0].samples)
        print(
            f"warning: {len(duplicates)} samples are in more than one split ({first}); test "
            f"scores are too good by them; all are listed in {path}",
            file=sys.stderr,
        )


def prepare_data(
    spec: DataSpec, folder: Path, workers: int = 1, shards: Sequence[Path] = ()
) -> DataRecord:
    """Write the arrays and splits of a dataset into a folder and return their record.

    Parameters
    ----------
    shards
        The records of the shards that it is made of; their files lie beside them.
    """
    dataset = load_family(spec.family).datasets[spec.dataset]
    options = dataset.options.model_validate(spec.options)
    made = read_shards(spec, dataset.shards(options), shards)
    given = {"shards": {name: shard.file for name, shard in made.items()}} if made else {}
    parts = load_reference(dataset.prepare)(options, spec.resolution, folder, workers, **given)
    hashes = {shard.record.spec.stem: shard.record.sha256 for shard in made.values()}
    return DataRecord(
        spec=spec,
        sha256=combined_sha256(parts.arrays, parts.splits),
        arrays=parts.arrays,
        splits=parts.splits,
        facts={**parts.facts, "shards": hashes} if made else parts.facts,
        duplicates_across_splits=parts.duplicates,
        sequential=parts.sequential,
        licence=dataset.licence,
        citation=dataset.citation,
    )


if __name__ == "__main__":
    sys.exit(main())
