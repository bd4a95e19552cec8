"""What two files of scans make of a config's dataset, and what they are too small for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from studygrid.configurations.custom_study import shown
from studygrid.errors import StudygridError
from studygrid.families.ptychography.data.files.options import ScanFilesOptions
from studygrid.families.ptychography.data.options import GroupOptions

DATASET: Final = "scan_files"
# Below the folder of the layout: configs and results of the study itself.
RESULTS: Final = "study"
TEST_PATTERNS: Final = 500
# What the command line says of the dataset; all else of it is as the config has it.
_SAID: Final = {"train": "training file", "test": "test file", "test_patterns": "--n-test-images"}
Content = dict[str, Any]
Size = int | str


@dataclass(frozen=True)
class Asked:
    """What a command line asks for; what is None is as the config has it.

    Attributes
    ----------
    train, test
        Files of scans.
    output
        The folder of the layout.
    seeds
        How many.
    test_patterns
        How many of the test file's patterns to score on; None: 500, or all where there are fewer.
    command
        The command line, to be named in the config that is kept.
    """

    train: Path
    test: Path
    output: Path
    sizes: Sequence[Size] | None = None
    seeds: int | None = None
    test_patterns: int | None = None
    command: str = ""

    @property
    def folder(self) -> Path:
        """The results folder of the study."""
        return self.output / RESULTS


def dataset_of(base: Mapping[str, Any], asked: Asked) -> Content:
    """Return the section of the two files; how patterns are grouped is as the config has it."""
    taken = ScanFilesOptions if base.get("name") == DATASET else GroupOptions
    options = {key: value for key, value in base.items() if key in taken.model_fields}
    patterns = pattern_shape(asked.test, needs_object=True)[0]
    wanted = asked.test_patterns or TEST_PATTERNS
    if asked.test_patterns and wanted > patterns:
        raise StudygridError(
            f"--n-test-images {wanted}: {asked.test} has {patterns:,} patterns; give at most that"
        )
    return {
        **options,
        "name": DATASET,
        "train": str(shown(asked.train)),
        "test": str(shown(asked.test)),
        "test_patterns": min(wanted, patterns),
    }


def pattern_shape(path: Path, *, needs_object: bool = False) -> tuple[int, ...]:
    """Return the shape of the patterns of a file: count, rows, columns.

    Raises
    ------
    DataError
        If the file cannot be used, as far as the types and shapes of its arrays tell.
    """
    from studygrid.families.npz_archive import open_archive
    from studygrid.families.ptychography.data.files.headers import (
        header_violations,
        pattern_key,
        usable,
    )
    from studygrid.families.ptychography.data.files.violations import raise_scan_violations

    headers = open_archive(path).headers
    raise_scan_violations(path, header_violations(headers, None, needs_object=needs_object))
    return usable(headers)[pattern_key(headers)].shape


def check_sizes(sizes: Sequence[Size], dataset: Content, asked: Asked) -> None:
    """Refuse sizes that the training file has not, before anything has started."""
    from studygrid.families.ptychography.data.files.strips import strip_count

    patterns = pattern_shape(asked.train)[0]
    strip = strip_count(_options(dataset), patterns)
    there = patterns - strip
    too_large = [size for size in sizes if isinstance(size, int) and size > there]
    if too_large:
        listed = " ".join(map(str, too_large))
        less = f", less {strip:,} for validation" if strip else ""
        source = "--n-train-sizes" if asked.sizes else "the config's n_train"
        fitting = [str(size) for size in sizes if size not in too_large] or [str(there)]
        raise StudygridError(
            f"{source} {listed}: {asked.train} has {there:,} patterns to train on ({patterns:,}"
            f'{less}); give sizes up to that, such as --n-train-sizes "{" ".join(fitting)}"'
        )


def check_same(kept: Mapping[str, Any], dataset: Content, output: Path, config: Path) -> None:
    """Refuse a folder of other data: its runs would be made anew, and the old ones lost.

    Parameters
    ----------
    kept
        The dataset of the study that the folder holds; empty where it holds none.
    config
        What `dataset` is from, but for what the command line says.
    """
    if not kept:
        return
    before, now = _options(kept).model_dump(), _options(dataset).model_dump()
    differing = [key for key in (*_SAID, *now) if before[key] != now[key]]
    if not differing:
        return
    listed = [
        f"its {_SAID.get(key, f'dataset.{key}')} is {_shown(before[key])}, not {_shown(now[key])}"
        for key in dict.fromkeys(differing)
    ]
    of_config = [f"dataset.{key}" for key in now if key in differing and key not in _SAID]
    back = f", or set {' and '.join(of_config)} back in {config}" if of_config else ""
    raise StudygridError(
        f"{output}: holds another study: {'; '.join(listed)}. Name another output folder{back}"
    )


def _options(dataset: Mapping[str, Any]) -> ScanFilesOptions:
    return ScanFilesOptions.model_validate(
        {key: value for key, value in dataset.items() if key != "name"}
    )


def _shown(value: object) -> str:
    return "null" if value is None else str(value)


def absolute(path: Path) -> Path:
    """Return a path from the root, without links being followed, so that it can be told again."""
    return Path(os.path.normpath(Path.cwd() / path))
