"""The user's own events: read, checked, cut to R tokens, split and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from studygrid.errors import DataError
from studygrid.families.events.data.arrays.classes import class_names
from studygrid.families.events.data.arrays.headers import wanted_arrays
from studygrid.families.events.data.arrays.labels import NamedFile, read_labels
from studygrid.families.events.data.arrays.names import left_out
from studygrid.families.events.data.arrays.opening import open_files
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.arrays.tokens import EventReader
from studygrid.families.events.data.arrays.violations import Faults, raise_event_violations
from studygrid.families.events.data.drawing import SPLIT_SENTENCE
from studygrid.families.events.data.parts import EventBlock, EventNames, write_parts
from studygrid.families.prepared import PreparedParts

_NUMBERS_AT_ONCE = 1 << 20


def prepare(
    options: TokenArraysOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write the `resolution` hardest tokens of each event of the files into a folder.

    Raises
    ------
    DataError
        If a file cannot be used, with every reason; or if a split has no event.
    """
    opened = open_files(options, resolution)
    if opened.problems:
        raise DataError("; ".join(f"dataset.{key}: {message}" for key, message in opened.problems))
    found = read_labels(opened.files, options)
    facts: dict[str, Any] = {
        "event": "an event of the files",
        "split": SPLIT_SENTENCE
        if found.part is None
        else f"as the files' array `{options.arrays.split}` tells",
    }
    reordered: Counter[Path] = Counter()
    parts = write_parts(
        folder,
        _blocks(opened.files, options, resolution, reordered),
        found.label,
        found.splits(options),
        EventNames(found.signals, class_names(options), opened.globals),
        options.model_copy(update={"left_out": left_out(opened.globals, options)}),
        resolution,
        facts,
    )
    parts.facts.update(
        token_columns=list(options.token_columns),
        pt_unit=options.pt_unit,
        axis=_axis(options),
        files=[_facts_of(each, options, reordered[each.file.path]) for each in opened.files],
    )
    return parts


def _blocks(
    files: Sequence[NamedFile],
    options: TokenArraysOptions,
    resolution: int,
    reordered: Counter[Path],
) -> Iterator[EventBlock]:
    """Read one file after the other; all that is wrong with one is raised at its end."""
    reader = EventReader(options, resolution)
    for each in files:
        faults, start = Faults(), 0
        names = [name for name in wanted_arrays(options, each.key) if name not in _once(options)]
        for rows in each.file.blocks(names, _rows_at_once(each, options)):
            converted = reader.read(rows, start, faults)
            start += len(rows[options.arrays.tokens])
            if converted is not None:
                reordered[each.file.path] += converted.reordered
                yield converted.events
        raise_event_violations(each.file.path, faults.violations())


def _once(options: TokenArraysOptions) -> tuple[str | None, ...]:
    """Return the arrays that are read before the others."""
    return (options.arrays.labels, options.arrays.split)


def _rows_at_once(each: NamedFile, options: TokenArraysOptions) -> int:
    header = each.file.header(options.arrays.tokens)
    assert header is not None
    _, tokens, columns = header.shape
    return max(1, _NUMBERS_AT_ONCE // (tokens * columns))


def _axis(options: TokenArraysOptions) -> str:
    if "eta" not in options.token_columns:
        return "of the file: its angles are relative"
    if options.arrays.axis is not None:
        return f"the file's array `{options.arrays.axis}`"
    return "the token with the most transverse momentum"


def _facts_of(each: NamedFile, options: TokenArraysOptions, reordered: int) -> dict[str, Any]:
    """Return what was read of a file, and what was passed over."""
    read = wanted_arrays(options, each.key)
    headers = {name: each.file.header(name) for name in read}
    return {
        "name": each.file.path.name,
        "key": each.key,
        "events": each.events,
        "arrays": {name: str(header) for name, header in headers.items()},
        "passed_over": sorted(set(each.file.names) - set(read)),
        "events_put_in_order": reordered,
    }
