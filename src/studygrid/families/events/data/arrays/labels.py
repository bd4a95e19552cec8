"""Labels and splits of the files' events, read before anything else of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.events.data.arrays.files import ArraysFile, read_whole
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.arrays.violations import Faults, raise_event_violations
from studygrid.families.events.data.drawing import EventSplits, draw_splits
from studygrid.families.events.data.parts import BACKGROUND

PARTS = ("train", "validation", "test", "reference")
_WORDS = {**{word: number for number, word in enumerate(PARTS)}, "val": 1, "valid": 1}
_MOST_SIGNALS = 127


@dataclass(frozen=True)
class NamedFile:
    """A file, and the config key that names it."""

    key: str
    file: ArraysFile
    events: int


@dataclass(frozen=True)
class Labels:
    """What is known of all events before their tokens are read.

    Attributes
    ----------
    label
        Of all events, file after file: 0 is background; int8, shape (n,).
    part
        Place in `PARTS` of each, shape (n,); None where the files do not tell it.
    """

    label: NDArray[np.int8]
    part: NDArray[np.int8] | None
    signals: tuple[str, ...]

    def splits(self, options: TokenArraysOptions) -> EventSplits:
        """Return the files' splits, or draw them."""
        if self.part is None:
            return draw_splits(self.label, options)
        return EventSplits(*(np.flatnonzero(self.part == number) for number in range(len(PARTS))))


def read_labels(files: Sequence[NamedFile], options: TokenArraysOptions) -> Labels:
    """Read labels and splits of all files.

    Raises
    ------
    DataError
        If a file's cannot be used, with every reason; or a signal has no event.
    """
    signals = list(options.signals)
    labels, parts = [], []
    for each in files:
        faults = Faults()
        label = _labels(each, signals, options, faults)
        if options.arrays.split is not None:
            parts.append(_parts(each.file, options.arrays.split, label, faults))
        raise_event_violations(each.file.path, faults.violations())
        labels.append(label)
    label = np.concatenate(labels)
    if options.file is not None:
        signals = _signal_names(label, options)
    _require_events(label, signals, files)
    return Labels(label, np.concatenate(parts) if parts else None, tuple(signals))


def _labels(
    each: NamedFile, signals: Sequence[str], options: TokenArraysOptions, faults: Faults
) -> NDArray[np.int8]:
    key, name = each.key, options.arrays.labels
    if key == "file":
        most = len(options.signal_names) if options.signal_names is not None else _MOST_SIGNALS
        return _label_values(each.file, name, most, faults)
    if key != BACKGROUND:
        place = 1 + signals.index(key.removeprefix("signals."))
        return np.full(each.events, place, np.int8)
    header = each.file.header(name)
    if header is not None and header.shape == (each.events,) and header.dtype.kind in "biuf":
        values = read_whole(each.file, name)
        faults.note(
            name,
            "0, as the file is named in dataset.background",
            "another label",
            "take the signals out of it, or name it in dataset.file",
            values != 0,
            values=values,
        )
    return np.zeros(each.events, np.int8)


def _label_values(file: ArraysFile, name: str, most: int, faults: Faults) -> NDArray[np.int8]:
    values = read_whole(file, name)
    known = np.isin(values, np.arange(most + 1))
    faults.note(
        name,
        f"0 for background, 1 to {most} for signals" if most else "0, as there is no signal",
        "another value",
        "name each signal in dataset.signal_names, or number them from 1 on",
        ~known,
        values=values,
    )
    return np.where(known, values, 0).astype(np.int8)


def _parts(
    file: ArraysFile, name: str, label: NDArray[np.int8], faults: Faults
) -> NDArray[np.int8]:
    words = ", ".join(PARTS)
    parts = _part_numbers(read_whole(file, name))
    faults.note(name, words, "another value", "write one of these, or 0 to 3", parts < 0)
    faults.note(
        name,
        "signals in test or reference",
        "signals in train or validation, which are background alone",
        "write test, or reference for what `supervised` learns from",
        (label > 0) & ((parts == 0) | (parts == 1)),
    )
    remedy = "write train, validation or test"
    wrong = (label == 0) & (parts == PARTS.index("reference"))
    faults.note(name, "signals in reference", "background", remedy, wrong)
    return parts


def _part_numbers(values: NDArray[Any]) -> NDArray[np.int8]:
    """Return the places in `PARTS`; -1 for a value that is none."""
    kinds, inverse = np.unique(values, return_inverse=True)
    numbers = []
    for kind in kinds.tolist():
        word = kind.decode("utf-8", "replace") if isinstance(kind, bytes) else kind
        if isinstance(word, str):
            numbers.append(_WORDS.get(word.strip().lower(), -1))
        else:
            numbers.append(int(word) if 0 <= word < len(PARTS) else -1)
    return np.array(numbers, np.int8)[inverse]


def _signal_names(label: NDArray[np.int8], options: TokenArraysOptions) -> list[str]:
    if options.signal_names is not None:
        return list(options.signal_names)
    count = int(label.max(initial=0))
    return ["signal"] if count == 1 else [f"signal_{number}" for number in range(1, count + 1)]


def _require_events(
    label: NDArray[np.int8], signals: Sequence[str], files: Sequence[NamedFile]
) -> None:
    paths = ", ".join(str(each.file.path) for each in files)
    for number, name in enumerate((BACKGROUND, *signals)):
        if not (label == number).any():
            raise DataError(
                f"{paths}: expected an event of {name}, label {number}; found none; number the "
                "signals without gaps and name those alone that there are"
            )
