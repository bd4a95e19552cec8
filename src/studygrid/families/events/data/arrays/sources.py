"""What can be told of files of events without reading their tokens. Cheap to import.

The Snakefile imports this each time it is parsed; what needs NumPy is loaded when it is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.errors import DataError
from studygrid.families.base import Architecture
from studygrid.families.content import content_sha256
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.splits import reference_count, split_counts
from studygrid.families.paths import existing_files, files_given_twice

if TYPE_CHECKING:
    from studygrid.families.events.data.arrays.labels import Labels

Problem = tuple[str, str]


def token_arrays_train_size(options: TokenArraysOptions) -> int | None:
    """Return the number of training events, or None if a file cannot be used."""
    try:
        found = _labels(options)
    except DataError:
        return None
    if found.part is not None:
        return int((found.part == 0).sum())
    return split_counts(int((found.label == 0).sum()), options)["train"]


def most_tokens(options: TokenArraysOptions) -> tuple[int, str] | None:
    """Return how many tokens the files have an event, or None if one cannot be used."""
    from studygrid.families.events.data.arrays.opening import open_files

    try:
        files = open_files(options, None).files
    except DataError:
        return None
    name = options.arrays.tokens
    headers = {each.file.path: each.file.header(name) for each in files}
    counts = {path: header.shape[1] for path, header in headers.items() if header is not None}
    fewest = min(counts, key=counts.__getitem__)
    return counts[fewest], f"`{name}` of {fewest}"


def token_arrays_source(options: TokenArraysOptions, cache: Path) -> str:
    """Return the hash of all files.

    Raises
    ------
    DataError
        If one is missing or cannot be read.
    """
    return content_sha256(existing_files(options.paths), cache)


def check_token_arrays(options: TokenArraysOptions) -> list[Problem]:
    """Return what is wrong with the files' arrays and labels: key and message.

    `prepare` reads the tokens.
    """
    from studygrid.families.events.data.arrays.labels import read_labels
    from studygrid.families.events.data.arrays.opening import open_files

    try:
        opened = open_files(options, None)
        read_labels(opened.files, options)
    except DataError as error:
        return [(next(iter(options.paths)), str(error))]
    return opened.problems or files_given_twice(options.paths)


def supervised_lacks_events(options: TokenArraysOptions, architecture: Architecture) -> str | None:
    """Return why an architecture that learns from signals cannot: there are none to learn from."""
    if architecture.name != "supervised":
        return None
    found = _labels(options)
    if found.part is not None:
        if (found.part == 3).any():
            return None
        return (
            f"it is trained with signal events, and `{options.arrays.split}` has none in "
            "`reference`; put some of the signals there"
        )
    counts = [int((found.label == k).sum()) for k in range(1, 1 + len(found.signals))]
    if any(reference_count(count, options.reference_fraction) for count in counts):
        return None
    return (
        "it is trained with signal events, and dataset.reference_fraction "
        f"({options.reference_fraction:g}) of the files' signals leaves none; raise it, or give "
        "more"
    )


def _labels(options: TokenArraysOptions) -> Labels:
    from studygrid.families.events.data.arrays.labels import read_labels
    from studygrid.families.events.data.arrays.opening import open_files

    return read_labels(open_files(options, None).files, options)
