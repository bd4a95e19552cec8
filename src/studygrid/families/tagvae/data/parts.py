"""What every dataset's preparation ends with: rows chosen, split, written and described."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from studygrid.families.base import SPLITS, Split
from studygrid.families.prepared import PreparedParts, describe_array, write_split
from studygrid.families.tagvae.data.options import RowOptions
from studygrid.families.tagvae.data.rows import TagRows
from studygrid.families.tagvae.data.vocabulary import (
    Filters,
    Vocabulary,
    choose_vocabulary,
    row_lengths,
)

_CHUNK_BYTES = 1 << 26
_DRAWN = (
    "by the hash of split_seed and a row's own tags: it depends on no other row, and not on the "
    "vocabulary; rows that are equal in the vocabulary are kept once"
)
_GIVEN = (
    "as the data gives it; rows that are equal in the vocabulary are kept once, in the test "
    "split before validation before training"
)


def write_parts(
    folder: Path, rows: TagRows, options: RowOptions, size: int, facts: Mapping[str, Any]
) -> PreparedParts:
    """Write ``tags.npy``, ``source_row.npy`` and the splits of the `size` most frequent tags.

    ``tags`` is uint8 of shape (n, size), 0 or 1; ``source_row``, int64 of shape (n,), says which
    row of the data, from 0, each one was.

    Parameters
    ----------
    facts
        What is particular to the dataset.

    Raises
    ------
    DataError
        If there are fewer tags than `size`, or a split has no row.
    """
    filters = Filters(options.min_tag_rows, options.min_row_tags)
    fractions: dict[Split, float] = {
        "validation": options.validation_fraction,
        "test": options.test_fraction,
    }
    vocabulary = choose_vocabulary(rows, filters, fractions, options.split_seed, size)
    _write_tags(folder, vocabulary)
    np.save(folder / "source_row.npy", vocabulary.source_rows)
    lengths = row_lengths(vocabulary.tags)
    return PreparedParts(
        arrays={name: describe_array(folder, name) for name in ("tags", "source_row")},
        splits={
            split: write_split(folder, split, vocabulary.splits[split], None) for split in SPLITS
        },
        facts={
            "tags": list(vocabulary.names),
            "train_frequency": vocabulary.train_frequency.tolist(),
            **dataclasses.asdict(vocabulary.counts),
            "sample_count": len(lengths),
            "tags_per_row": {
                split: float(lengths[vocabulary.splits[split]].mean()) for split in SPLITS
            },
            "split": _DRAWN if rows.splits is None else _GIVEN,
            **facts,
        },
        duplicates=[],
    )


def _write_tags(folder: Path, vocabulary: Vocabulary) -> None:
    count, size = vocabulary.tags.shape
    written = np.lib.format.open_memmap(
        folder / "tags.npy", mode="w+", dtype=np.uint8, shape=(count, size)
    )
    step = max(1, _CHUNK_BYTES // size)
    for start in range(0, count, step):
        written[start : start + step] = vocabulary.tags[start : start + step].toarray()
    written.flush()
