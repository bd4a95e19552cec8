"""What can be told of files of scans from their headers. Cheap to import.

The Snakefile imports this each time it is parsed; what needs NumPy is loaded when it is called.
"""

from __future__ import annotations

from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.base import Architecture
from studygrid.families.content import content_sha256
from studygrid.families.paths import existing_files, files_given_twice
from studygrid.families.ptychography.data.files.options import ScanFilesOptions
from studygrid.families.ptychography.models import OBJECT

Problem = tuple[str, str]


def scan_files_train_size(options: ScanFilesOptions) -> int | None:
    """Return the number of training groups, or None if a file cannot be used."""
    from studygrid.families.npz_archive import open_archive
    from studygrid.families.ptychography.data.files.headers import pattern_key, usable
    from studygrid.families.ptychography.data.files.strips import strip_count

    total = 0
    for text in options.paths_by_split["train"]:
        try:
            headers = open_archive(Path(text).expanduser()).headers
        except DataError:
            return None
        patterns = usable(headers).get(pattern_key(headers))
        if patterns is None:
            return None
        total += patterns.shape[0] - strip_count(options, patterns.shape[0])
    return total


def scan_files_source(options: ScanFilesOptions, cache: Path) -> str:
    """Return the hash of all files.

    Raises
    ------
    DataError
        If one is missing or cannot be read.
    """
    return content_sha256(existing_files(options.paths_by_split), cache)


def check_scan_files(options: ScanFilesOptions) -> list[Problem]:
    """Return what is wrong with the files' headers: key and message. `prepare` reads values."""
    from studygrid.families.npz_archive import open_archive
    from studygrid.families.ptychography.data.files.headers import header_violations
    from studygrid.families.ptychography.data.files.violations import raise_scan_violations

    problems: list[Problem] = []
    for split, paths in options.paths_by_split.items():
        for text in paths:
            path = Path(text).expanduser()
            try:
                headers = open_archive(path).headers
                raise_scan_violations(
                    path, header_violations(headers, None, needs_object=split == "test")
                )
            except DataError as error:
                problems.append((split, str(error)))
    return problems or files_given_twice(options.paths_by_split)


def objects_lacking(options: ScanFilesOptions, architecture: Architecture) -> str | None:
    """Return why a model that is trained on objects cannot be: files without one; else None."""
    from studygrid.families.npz_archive import open_archive
    from studygrid.families.ptychography.data.files.contract import OBJECT as KEY

    if architecture.loss != OBJECT:
        return None
    paths = [
        text for split in ("train", "validation") for text in options.paths_by_split.get(split, [])
    ]
    lacking = [text for text in paths if KEY not in open_archive(Path(text).expanduser()).headers]
    if not lacking:
        return None
    return (
        f"{architecture.name} learns from the object, and {', '.join(lacking)} "
        f"{'holds' if len(lacking) == 1 else 'hold'} no `{KEY}`; save the object there under that "
        "name, or leave the model out of grid.model; pinn needs no object"
    )
