"""Datasets by name: what can be told of them without reading a pattern."""

from __future__ import annotations

from studygrid.families.base import Dataset
from studygrid.families.ptychography.data.files.options import ScanFilesOptions
from studygrid.families.ptychography.data.files.sources import (
    check_scan_files,
    objects_lacking,
    scan_files_source,
    scan_files_train_size,
)
from studygrid.families.ptychography.data.simulated.options import SimulatedScansOptions
from studygrid.families.ptychography.data.simulated.sources import (
    check_simulated_scans,
    simulated_scans_source,
    simulated_scans_train_size,
)

_DATA = "studygrid.families.ptychography.data"

_ALL = (
    Dataset(
        name="simulated_scans",
        options=SimulatedScansOptions,
        prepare=f"{_DATA}.simulated.prepare:prepare",
        train_size=simulated_scans_train_size,
        source=simulated_scans_source,
        check=check_simulated_scans,
        licence="simulated here; of the photographs, which are files of scikit-image, its "
        "documentation says CC0, public domain or no known copyright restrictions",
        citation="van der Walt et al., scikit-image: image processing in Python, PeerJ 2 (2014), "
        "for the photographs; docs/ptychography-data.md names their authors",
    ),
    Dataset(
        name="scan_files",
        options=ScanFilesOptions,
        prepare=f"{_DATA}.files.prepare:prepare",
        train_size=scan_files_train_size,
        source=scan_files_source,
        check=check_scan_files,
        refuses=objects_lacking,
        licence="the user's own data",
        citation="the user's own data",
    ),
)
DATASETS = {dataset.name: dataset for dataset in _ALL}
