"""What every dataset's preparation ends with: events written, split, scaled and described."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studygrid.errors import DataError
from studygrid.families.base import SPLITS
from studygrid.families.events.data.copies import event_digests, find_copies
from studygrid.families.events.data.drawing import EventSplits
from studygrid.families.events.data.options import EventOptions
from studygrid.families.events.data.scaling import global_scaling, token_scaling
from studygrid.families.prepared import PreparedParts, describe_array, write_split

ARRAYS = ("tokens", "classes", "mask", "globals", "label", "reference")
FEATURES = (("log_pt", "log(GeV)"), ("delta_eta", "1"), ("delta_phi", "rad"))
BACKGROUND = "background"


@dataclass(frozen=True)
class EventBlock:
    """Some events, in the order of the data.

    Attributes
    ----------
    tokens
        ``log(pT / GeV)``, and pseudorapidity and azimuth less those of the leading jet, the
        azimuth in [-pi/2, 3 pi/2); the hardest particle first, 0 where there is none. float32,
        shape (n, R, 3).
    classes
        Place in `EventNames.classes`, 0 where there is no particle; uint8, shape (n, R).
    globals
        float32, shape (n, G).
    """

    tokens: NDArray[np.float32]
    classes: NDArray[np.uint8]
    globals: NDArray[np.float32]


@dataclass(frozen=True)
class EventNames:
    """What the numbers of events mean.

    Attributes
    ----------
    signals
        Of label 1, 2 and so on.
    classes
        Of a particle; the first is ``padding``.
    globals
        Name and unit of each.
    """

    signals: Sequence[str]
    classes: Sequence[str]
    globals: Sequence[tuple[str, str]]


def write_parts(
    folder: Path,
    blocks: Iterable[EventBlock],
    label: NDArray[np.int8],
    splits: EventSplits,
    names: EventNames,
    options: EventOptions,
    resolution: int,
    facts: Mapping[str, Any],
) -> PreparedParts:
    """Write the arrays of events, their splits and the scaling.

    With n events, R tokens and G globals: ``tokens`` float32 (n, R, 3), ``classes`` uint8 (n, R),
    ``mask`` bool (n, R), ``globals`` float32 (n, G), ``label`` int8 (n,), ``reference`` int64 (m,).
    Blocks are read once, one at a time.

    Parameters
    ----------
    label
        Of all events: 0 is background, k the k-th of the signals.
    splits
        See `draw_splits`.
    resolution
        R.
    facts
        What is particular to the dataset, and how events were split (``split``).

    Raises
    ------
    DataError
        If blocks hold another number of events than `label`, a number is not finite, an event has
        no particle, a split is empty, no global is left, or the disk has no room.
    """
    _check_names(names, options)
    _require_space(folder, len(label), resolution, len(names.globals))
    arrays = _open(folder, len(label), resolution, len(names.globals))
    digests = _fill(arrays, blocks, label)
    copies = find_copies(digests, splits)
    splits = copies.splits
    _require_events(splits)
    np.save(folder / "label.npy", label.astype(np.int8))
    np.save(folder / "reference.npy", splits.reference)
    tokens, mask, values = arrays["tokens"], arrays["mask"], arrays["globals"]
    return PreparedParts(
        arrays={name: describe_array(folder, name) for name in ARRAYS},
        splits={
            split: write_split(folder, split, getattr(splits, split), None) for split in SPLITS
        },
        facts={
            "signals": list(names.signals),
            "classes": list(names.classes),
            "features": [{"name": name, "unit": unit} for name, unit in FEATURES],
            "globals": [{"name": name, "unit": unit} for name, unit in names.globals],
            "left_out": list(options.left_out),
            "scaling": {
                "tokens": token_scaling(tokens, mask, splits.train),
                "globals": global_scaling(values, splits.train),
            },
            "reference_count": len(splits.reference),
            "counts": _counts(label, splits, names.signals),
            "tokens_per_event": _tokens_per_event(mask, label, names.signals),
            "copies_across_splits": copies.count,
            "reference_copies_left_out": copies.reference_left_out,
            **facts,
        },
        duplicates=copies.listed,
    )


def _check_names(names: EventNames, options: EventOptions) -> None:
    known = [name for name, _ in names.globals]
    unknown = [name for name in options.left_out if name not in known]
    if unknown:
        raise DataError(
            f"dataset.left_out: {', '.join(unknown)}: no such global; there are {', '.join(known)}"
        )
    if set(known) <= set(options.left_out):
        raise DataError("dataset.left_out: leaves no global; take one out of the list")


def _require_space(folder: Path, events: int, resolution: int, globals_: int) -> None:
    # Writing to a mapped file on a full disk kills the process without a word.
    needed = events * (resolution * (12 + 1 + 1) + 4 * globals_ + 1)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: {events} events of {resolution} tokens take {needed >> 20} MiB and the "
            f"disk has {free >> 20} MiB left; make room, or take fewer events or tokens"
        )


def _open(folder: Path, events: int, resolution: int, globals_: int) -> dict[str, NDArray[Any]]:
    shapes: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "tokens": (np.float32, (events, resolution, len(FEATURES))),
        "classes": (np.uint8, (events, resolution)),
        "mask": (np.bool_, (events, resolution)),
        "globals": (np.float32, (events, globals_)),
    }
    return {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
        for name, (dtype, shape) in shapes.items()
    }


def _fill(
    arrays: Mapping[str, NDArray[Any]], blocks: Iterable[EventBlock], label: NDArray[np.int8]
) -> NDArray[np.bytes_]:
    """Write all blocks; return a digest of each event."""
    digests, start = [], 0
    for block in blocks:
        end = start + len(block.tokens)
        if end > len(label):
            break
        _check_block(block, start)
        arrays["tokens"][start:end] = block.tokens
        arrays["classes"][start:end] = block.classes
        arrays["mask"][start:end] = block.classes > 0
        arrays["globals"][start:end] = block.globals
        digests.append(event_digests(block.tokens, block.classes, block.globals))
        start = end
    if start != len(label) or not digests:
        raise DataError(f"the data holds another number of events than its labels ({len(label)})")
    return np.concatenate(digests)


def _check_block(block: EventBlock, start: int) -> None:
    valid = block.classes > 0
    faults = {
        "a token that is not finite": ~np.isfinite(block.tokens).all(axis=(1, 2)),
        "a global that is not finite": ~np.isfinite(block.globals).all(axis=1),
        "no particle": ~valid.any(axis=1),
        "a particle after padding": (valid[:, 1:] & ~valid[:, :-1]).any(axis=1),
    }
    for fault, wrong in faults.items():
        if wrong.any():
            raise DataError(
                f"event {start + int(wrong.argmax())} (of all, from 0) has {fault}, and "
                f"{int(wrong.sum()) - 1} more of {len(valid)} events"
            )


def _require_events(splits: EventSplits) -> None:
    for split in SPLITS:
        if not len(getattr(splits, split)):
            raise DataError(
                f"the {split} split has no event: give more background events, or another "
                "dataset.validation_fraction or dataset.test_fraction"
            )


def _counts(
    label: NDArray[np.int8], splits: EventSplits, signals: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return the events of each split, and of the reference, by name of their label."""
    parts = (*SPLITS, "reference")
    found = {
        part: np.bincount(label[getattr(splits, part)], minlength=1 + len(signals)).tolist()
        for part in parts
    }
    return {
        name: {part: found[part][number] for part in parts}
        for number, name in enumerate((BACKGROUND, *signals))
    }


def _tokens_per_event(
    mask: NDArray[np.bool_], label: NDArray[np.int8], signals: Sequence[str]
) -> dict[str, float | None]:
    valid: NDArray[np.int64] = mask.sum(axis=1)
    found: dict[str, float | None] = {}
    for number, name in enumerate((BACKGROUND, *signals)):
        of_label = valid[label == number]
        found[name] = float(of_label.mean()) if of_label.size else None
    return found
