"""ELPV, Fashion-MNIST and .npz files: prepared, and told of without reading images."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import elpv_dataset
import numpy as np
import pytest
from skimage.io import imread
from skimage.measure import block_reduce

from studygrid.errors import DataError
from studygrid.families.classification.data import arrays, elpv, fashion_mnist, sources
from studygrid.families.classification.options import (
    ArraysOptions,
    ElpvOptions,
    FashionMnistOptions,
)
from studygrid.families.prepared import PreparedParts, combined_sha256


def load(folder: Path, name: str) -> np.ndarray:
    return np.load(folder / f"{name}.npy")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_the_snakefile_gets_no_heavy_import_from_here() -> None:
    code = (
        "import sys; import studygrid.families.classification.data.sources;"
        "print({'numpy', 'PIL', 'sklearn', 'torch', 'pandas'} & sys.modules.keys())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


# ELPV


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[PreparedParts, Path]:
    folder = tmp_path_factory.mktemp("elpv")
    return elpv.prepare(ElpvOptions(), 32, folder), folder


def test_elpv_holds_the_images_and_labels_of_the_package(
    cells: tuple[PreparedParts, Path],
) -> None:
    parts, folder = cells
    source = Path(elpv_dataset.__file__).parent / "data"
    table = np.genfromtxt(source / "labels.csv", dtype=None, encoding="ascii")
    probabilities = np.array([row[1] for row in table])
    assert np.array_equal(load(folder, "labels"), (probabilities > 0.5).astype(int))
    images = load(folder, "images")
    assert images.shape == (2624, 1, 32, 32)
    # A coarse view is nearly the same, whatever filter made the fine one.
    for number in range(0, 2624, 41):
        mine = block_reduce(images[number, 0].astype(float), 16, np.mean)
        theirs = block_reduce(imread(source / table[number][0]).astype(float), 150, np.mean)
        assert np.abs(mine - theirs).max() < 2
    assert parts.facts["sample_count"] == 2624
    assert parts.facts["classes"] == ["functional", "defective"]
    assert (parts.facts["native_height_px"], parts.facts["upsampled"]) == (300, False)
    train = images[load(folder, "train")].astype(float)
    assert parts.facts["mean"] == [pytest.approx(train.mean())]
    assert parts.facts["std"] == [pytest.approx(train.std())]


def test_elpv_is_split_as_the_config_check_was_told(cells: tuple[PreparedParts, Path]) -> None:
    parts, _ = cells
    assert parts.splits["train"].count == sources.elpv_train_size(ElpvOptions())
    assert sum(split.count for split in parts.splits.values()) == 2624


def test_elpv_keeps_blocks_of_neighbours_in_one_split_and_the_classes_in_balance(
    cells: tuple[PreparedParts, Path],
) -> None:
    splits = elpv.split_blocks()
    blocks = [set((found // 41).tolist()) for found in splits.values()]
    assert sum(map(len, blocks)) == len(set.union(*blocks)) == 64
    labels = load(cells[1], "labels")
    shares = [labels[found].mean() for found in splits.values()]
    assert max(shares) - min(shares) < 0.04


def test_elpv_source_is_the_version_of_the_package(tmp_path: Path) -> None:
    assert version("elpv-dataset") in sources.elpv_source(ElpvOptions(), tmp_path)


# Fashion-MNIST


def write_idx(path: Path, array: np.ndarray, type_code: int = 8) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, type_code, array.ndim, *array.shape)
    content = header + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def fashion(tmp_path: Path) -> FashionMnistOptions:
    folder = tmp_path / "fashion"
    folder.mkdir()
    for part, each, seed in (("train", 20, 1), ("t10k", 3, 2)):
        labels = np.tile(np.arange(10, dtype=np.uint8), each)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", noise(10 * each, 28, 28, seed=seed))
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    return FashionMnistOptions(folder=str(folder))


def test_fashion_mnist_keeps_its_test_files_and_holds_out_a_tenth(
    fashion: FashionMnistOptions, tmp_path: Path
) -> None:
    parts = fashion_mnist.prepare(fashion, 28, tmp_path / "out")
    images = load(tmp_path / "out", "images")
    assert np.array_equal(images[:200, 0], noise(200, 28, 28, seed=1))
    assert np.array_equal(images[200:, 0], noise(30, 28, 28, seed=2))
    assert load(tmp_path / "out", "test").tolist() == list(range(200, 230))
    assert parts.splits["validation"].class_counts == [2] * 10
    assert parts.splits["train"].class_counts == [18] * 10
    assert parts.splits["train"].count == sources.fashion_mnist_train_size(fashion)
    assert parts.facts["classes"][9] == "Ankle boot"
    assert not parts.facts["upsampled"]
    assert fashion_mnist.prepare(fashion, 32, tmp_path / "32").facts["upsampled"]


def test_a_missing_idx_file_is_named_with_where_to_get_it(fashion: FashionMnistOptions) -> None:
    assert sources.check_fashion_mnist(fashion) == []
    (Path(fashion.folder) / "t10k-labels-idx1-ubyte").unlink()
    [(key, message)] = sources.check_fashion_mnist(fashion)
    assert key == "folder"
    assert "t10k-labels-idx1-ubyte" in message
    assert "train-images" not in message
    assert "dataset-fashion-mnist" in message
    assert sources.fashion_mnist_train_size(fashion) is None
    with pytest.raises(DataError, match="t10k-labels"):
        fashion_mnist.prepare(fashion, 28, Path(fashion.folder) / "out")


def test_a_folder_that_is_not_there_is_named_with_its_neighbour(
    fashion: FashionMnistOptions,
) -> None:
    wrong = FashionMnistOptions(folder=fashion.folder + "s")
    [(_, message)] = sources.check_fashion_mnist(wrong)
    assert f"did you mean {fashion.folder}?" in message


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "states 200 elements"),
        (lambda path: path.write_bytes(b""), "starts with nothing"),
        (lambda path: write_idx(path, np.zeros(200, np.uint8), 9), "not an IDX file"),
        (lambda path: write_idx(path, np.zeros(199, np.uint8)), "199 labels for 200 images"),
        (lambda path: write_idx(path, np.zeros(200, np.uint8)), r"labels \[0\], not 0 to 9"),
    ],
)
def test_a_damaged_idx_file_is_refused(fashion, damage, message, tmp_path: Path) -> None:
    damage(Path(fashion.folder) / "train-labels-idx1-ubyte")
    with pytest.raises(DataError, match=message):
        fashion_mnist.prepare(fashion, 28, tmp_path / "out")


def test_a_cut_gzip_file_is_refused(fashion: FashionMnistOptions, tmp_path: Path) -> None:
    path = Path(fashion.folder) / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="cannot be read"):
        fashion_mnist.prepare(fashion, 28, tmp_path / "out")


# Arrays


def save(path: Path, compressed: bool = False, **content: np.ndarray) -> ArraysOptions:
    (np.savez_compressed if compressed else np.savez)(path, **content)
    return ArraysOptions(file=str(path))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("shape", [(60, 9, 9), (60, 9, 9, 1), (60, 9, 9, 4)])
def test_arrays_are_taken_as_they_are(shape, compressed, tmp_path: Path) -> None:
    images, labels = noise(*shape), np.repeat([-7, 30, 4], 20)
    options = save(tmp_path / "a.npz", compressed, images=images, labels=labels)
    parts = arrays.prepare(options, 9, tmp_path / "out")
    wanted = images.reshape(60, 9, 9, -1).transpose(0, 3, 1, 2)
    assert np.array_equal(load(tmp_path / "out", "images"), wanted)
    assert parts.facts["channels"] == wanted.shape[1]
    assert parts.facts["classes"] == ["-7", "4", "30"]
    assert load(tmp_path / "out", "labels").tolist() == [0] * 20 + [2] * 20 + [1] * 20
    assert parts.splits["test"].class_counts == [4, 4, 4]
    assert parts.splits["train"].count == sources.arrays_train_size(options) == 36


def test_arrays_in_fortran_order_are_the_same(tmp_path: Path) -> None:
    images, labels = noise(20, 5, 6), np.repeat([0, 1], 10)
    records = [
        arrays.prepare(
            save(tmp_path / f"{order}.npz", images=np.asarray(images, order=order), labels=labels),
            5,
            tmp_path / order,
        )
        for order in "CF"
    ]
    assert records[0] == records[1]


def test_arrays_keep_a_split_of_their_own(tmp_path: Path) -> None:
    split = np.array(["train", "train", "val", "test"] * 5)
    labels = np.tile([0, 1, 0, 1], 5)
    options = save(tmp_path / "a.npz", images=noise(20, 6, 6), labels=labels, split=split)
    parts = arrays.prepare(options, 6, tmp_path / "out")
    assert load(tmp_path / "out", "validation").tolist() == list(range(2, 20, 4))
    assert parts.splits["train"].count == sources.arrays_train_size(options) == 10


def test_a_copy_in_two_splits_is_reported_by_its_index(tmp_path: Path) -> None:
    images = noise(20, 6, 6)
    images[11] = images[4]
    split = np.array(["train"] * 10 + ["val"] * 5 + ["test"] * 5)
    options = save(tmp_path / "a.npz", images=images, labels=np.arange(20) % 2, split=split)
    parts = arrays.prepare(options, 3, tmp_path / "out")
    [duplicate] = parts.duplicates
    assert (duplicate.splits, duplicate.samples) == (["train", "validation"], ["4", "11"])
    assert parts.facts["duplicate_groups_across_splits"] == 1
    assert parts.facts["duplicate_groups_with_mixed_labels"] == 1


ENOUGH = np.repeat([0, 1], 10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"x": np.zeros(3)}, r"should hold `images` and `labels`; it holds x float64 \(3,\)"),
        ({"images": np.zeros((20, 4, 4)), "labels": ENOUGH}, r"uint8.*float64 \(20, 4, 4\)"),
        ({"images": noise(20, 16), "labels": ENOUGH}, r"uint8 \(20, 16\)"),
        ({"images": noise(20, 3, 8, 8), "labels": ENOUGH}, "channels first"),
        ({"images": noise(20, 4, 4), "labels": ENOUGH[:5]}, r"whole numbers of shape \(20,\)"),
        ({"images": noise(20, 4, 4), "labels": ENOUGH[:, None]}, r"int64 \(20, 1\)"),
        ({"images": noise(20, 4, 4), "labels": ENOUGH / 2}, "labels float64"),
        ({"images": noise(20, 4, 4), "labels": ENOUGH.astype(object)}, "labels object"),
        ({"images": noise(20, 4, 4), "labels": ENOUGH * 0}, "two classes or more"),
        ({"images": noise(12, 4, 4), "labels": np.r_[[5] * 10, 6, 6]}, "class '6' has 2 images"),
        (
            {"images": noise(20, 4, 4), "labels": ENOUGH, "split": np.array(["dev"] * 20)},
            "`split` holds 'dev'",
        ),
        (
            {
                "images": noise(20, 4, 4),
                "labels": ENOUGH,
                "split": np.array(["train"] * 10 + ["val", "test"] * 5),
            },
            "validation split has classes that training lacks: '1'",
        ),
        (
            {
                "images": noise(20, 4, 4),
                "labels": ENOUGH,
                "split": np.array(["train", "test"] * 10),
            },
            "validation split has no images",
        ),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_before_and_in_the_job(
    content, message, tmp_path: Path
) -> None:
    options = save(tmp_path / "a.npz", **content)
    with pytest.raises(DataError, match=message):
        arrays.prepare(options, 4, tmp_path / "out")
    problems = sources.check_arrays(options)
    assert {key for key, _ in problems} == {"file"}
    with pytest.raises(DataError, match=message):
        raise DataError("; ".join(text for _, text in problems))
    assert sources.arrays_train_size(options) is None


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"not a zip")
    [(key, message)] = sources.check_arrays(ArraysOptions(file=str(path)))
    assert key == "file"
    assert "cannot be read as .npz" in message
    [(_, message)] = sources.check_arrays(ArraysOptions(file=str(tmp_path / "b.npz")))
    assert f"did you mean {path}?" in message


def test_a_damaged_image_array_is_refused(tmp_path: Path) -> None:
    options = save(tmp_path / "a.npz", images=noise(20, 8, 8), labels=ENOUGH)
    content = bytearray(Path(options.file).read_bytes())
    content[400] ^= 255
    Path(options.file).write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as \.npz"):
        arrays.prepare(options, 8, tmp_path / "out")


# What all of them promise


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    options = save(tmp_path / "a.npz", images=noise(30, 7, 8, 3), labels=np.arange(30) % 3)
    first = arrays.prepare(options, 5, tmp_path / "one")
    second = arrays.prepare(options, 5, tmp_path / "two")
    assert first == second
    assert combined_sha256(first.arrays, first.splits) == combined_sha256(
        second.arrays, second.splits
    )
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert str(tmp_path) not in str(first.facts)


@pytest.mark.parametrize("kind", ["arrays", "fashion"])
def test_source_follows_the_content_and_not_the_time_or_the_place(
    kind: str, fashion: FashionMnistOptions, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    options = save(tmp_path / "a.npz", images=noise(20, 4, 4), labels=ENOUGH)
    path = Path(options.file)
    source = sources.arrays_source
    if kind == "fashion":
        options, source = fashion, sources.fashion_mnist_source
        path = Path(fashion.folder) / "train-labels-idx1-ubyte"
    before = source(options, cache)
    os.utime(path, (1, 1))
    assert source(options, cache) == before
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, (2, 2))
    after = source(options, cache)
    assert after != before
    path.write_bytes(content)
    os.utime(path, (3, 3))
    assert source(options, cache) == before


def test_source_of_a_copy_is_the_same(tmp_path: Path) -> None:
    options = save(tmp_path / "a.npz", images=noise(20, 4, 4), labels=ENOUGH)
    (tmp_path / "other").mkdir()
    copy = tmp_path / "other" / "b.npz"
    copy.write_bytes(Path(options.file).read_bytes())
    assert sources.arrays_source(options, tmp_path / "c") == sources.arrays_source(
        ArraysOptions(file=str(copy)), tmp_path / "d"
    )


def test_source_of_a_missing_path_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.npz"):
        sources.arrays_source(ArraysOptions(file=str(tmp_path / "nothing.npz")), tmp_path)
    with pytest.raises(DataError, match="nowhere"):
        sources.fashion_mnist_source(
            FashionMnistOptions(folder=str(tmp_path / "nowhere")), tmp_path
        )
