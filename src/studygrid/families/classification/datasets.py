"""Datasets by name: what can be told of them without reading an image."""

from __future__ import annotations

from studygrid.families.base import Dataset
from studygrid.families.classification.data import sources
from studygrid.families.classification.options import (
    ArraysOptions,
    ElpvOptions,
    FashionMnistOptions,
    ImageFolderOptions,
)

_DATA = "studygrid.families.classification.data"

_ALL = (
    Dataset(
        name="elpv",
        options=ElpvOptions,
        prepare=f"{_DATA}.elpv:prepare",
        train_size=sources.elpv_train_size,
        source=sources.elpv_source,
        licence="CC BY-NC-SA 4.0 (non-commercial)",
        citation="Deitsch et al., Segmentation of photovoltaic module cells in uncalibrated "
        "electroluminescence images, Machine Vision and Applications 32 (2021); "
        "elpv-dataset, github.com/zae-bayern/elpv-dataset",
    ),
    Dataset(
        name="fashion_mnist",
        options=FashionMnistOptions,
        prepare=f"{_DATA}.fashion_mnist:prepare",
        train_size=sources.fashion_mnist_train_size,
        source=sources.fashion_mnist_source,
        check=sources.check_fashion_mnist,
        licence="MIT",
        citation="Xiao, Rasul, Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking "
        "machine learning algorithms, arXiv:1708.07747 (2017)",
    ),
    Dataset(
        name="image_folder",
        options=ImageFolderOptions,
        prepare=f"{_DATA}.image_folder:prepare",
        train_size=sources.image_folder_train_size,
        source=sources.image_folder_source,
        check=sources.check_image_folder,
        licence="the user's own data",
        citation="the user's own data",
    ),
    Dataset(
        name="arrays",
        options=ArraysOptions,
        prepare=f"{_DATA}.arrays:prepare",
        train_size=sources.arrays_train_size,
        source=sources.arrays_source,
        check=sources.check_arrays,
        licence="the user's own data",
        citation="the user's own data",
    ),
)
DATASETS = {dataset.name: dataset for dataset in _ALL}
