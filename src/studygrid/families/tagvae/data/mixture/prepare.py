"""The dataset `tag_mixture`: drawn, filtered, split and written."""

from __future__ import annotations

from pathlib import Path

from scipy.sparse import csr_array

from studygrid.families.prepared import PreparedParts
from studygrid.families.tagvae.data.mixture.model import draw_rows, make_mixture
from studygrid.families.tagvae.data.mixture.options import TagMixtureOptions
from studygrid.families.tagvae.data.parts import write_parts
from studygrid.families.tagvae.data.rows import TagRows


def prepare(
    options: TagMixtureOptions, resolution: int, folder: Path, workers: int = 1
) -> PreparedParts:
    """Write rows with the `resolution` most frequent tags into a folder.

    Raises
    ------
    DataError
        If there are fewer tags than `resolution`, or a split has no row.
    """
    drawn = draw_rows(make_mixture(options), options.rows, options.seed)
    rows = TagRows(csr_array(drawn), tag_names(options.tags))
    return write_parts(folder, rows, options, resolution, {"row": "drawn", "seed": options.seed})


def tag_names(count: int) -> tuple[str, ...]:
    """Return names whose order is that of their numbers."""
    width = len(str(count - 1))
    return tuple(f"tag_{number:0{width}d}" for number in range(count))
