"""The user's own scans: read, checked against each other, split and written."""

from __future__ import annotations

import tempfile
from collections import Counter
from itertools import product
from pathlib import Path

from studygrid.families.base import SPLITS, Split
from studygrid.families.paths import existing_path
from studygrid.families.prepared import PreparedParts
from studygrid.families.ptychography.data.files.leaks import refuse_same_object
from studygrid.families.ptychography.data.files.options import ScanFilesOptions
from studygrid.families.ptychography.data.files.reading import ScanFile, read_scan
from studygrid.families.ptychography.data.files.strips import (
    strip_count,
    strip_facts,
    strip_splits,
)
from studygrid.families.ptychography.data.groups import probe_diameter
from studygrid.families.ptychography.data.parts import write_parts
from studygrid.families.ptychography.data.scans import Scan


def prepare(
    options: ScanFilesOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write the scans of all files into a folder.

    Raises
    ------
    DataError
        If a file cannot be used, with every reason; if a test scan shares its object or a pattern
        with another; or if a split has too few patterns.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".scans-") as copies:
        files = _read(options, resolution, Path(copies))
        known = [file for split in ("train", "validation") for file in files.get(split, [])]
        for test, other in product(files["test"], known):
            if other.facts["has_object"]:
                refuse_same_object(test, other)
        names = _names([file for split in SPLITS for file in files.get(split, [])])
        scans = [
            _scan(file, names[file.path], split, options)
            for split in SPLITS
            for file in files.get(split, [])
        ]
        facts = {"probe": {"kind": "of each file"}, "sampling": None}
        return write_parts(folder, scans, options, resolution, options.photons, facts)


def _read(options: ScanFilesOptions, resolution: int, copies: Path) -> dict[Split, list[ScanFile]]:
    return {
        split: [
            read_scan(
                existing_path(text, "file"),
                resolution,
                copies / f"{split}-{number}.npy",
                needs_object=split == "test",
            )
            for number, text in enumerate(options.paths_by_split.get(split, []))
        ]
        for split in SPLITS
    }


def _names(files: list[ScanFile]) -> dict[Path, str]:
    """Return a name of each file: its own, or its path where two have the same."""
    counts = Counter(file.path.stem for file in files)
    return {
        file.path: file.path.stem if counts[file.path.stem] == 1 else str(file.path)
        for file in files
    }


def _scan(file: ScanFile, name: str, split: Split, options: ScanFilesOptions) -> Scan:
    count = strip_count(options, len(file.patterns)) if split == "train" else 0
    splits = strip_splits(file.positions, count) if count else None
    facts = dict(file.facts)
    if splits is not None:
        facts |= strip_facts(file.positions, splits, probe_diameter(file.probe))
    return Scan(
        name=name,
        split=split,
        patterns=file.patterns,
        positions=file.positions,
        object=file.object,
        probe=file.probe,
        facts=facts,
        pattern_splits=splits,
    )
