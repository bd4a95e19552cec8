"""A user's folder of images: what is accepted, what is refused, and what comes out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from studygrid.errors import DataError
from studygrid.families.classification.data import image_folder, sources
from studygrid.families.classification.options import ImageFolderOptions
from studygrid.families.images.decode import as_uint8, read_image


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def fill(folder: Path, count: int, start: int = 0, shape: tuple[int, ...] = (12, 12)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        Image.fromarray(noise(*shape, seed=number)).save(folder / f"{number:03d}.png")


def options(root: Path, **changes: Any) -> ImageFolderOptions:
    return ImageFolderOptions(root=str(root), **changes)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    root = tmp_path / "flat"
    fill(root / "dog", 15)
    fill(root / "cat", 10, 100)
    return root


@pytest.fixture
def split(tmp_path: Path) -> Path:
    root = tmp_path / "split"
    for start, part, count in ((0, "train", 6), (100, "val", 3), (200, "test", 4)):
        fill(root / part / "dog", count, start)
        fill(root / part / "cat", count, start + 50)
    return root


def load(folder: Path, name: str) -> np.ndarray:
    return np.load(folder / f"{name}.npy")


def problems(root: Path, **changes: Any) -> str:
    """Return what the config check says; the job must refuse the same."""
    found = sources.check_image_folder(options(root, **changes))
    assert {key for key, _ in found} == {"root"}
    with pytest.raises(DataError):
        image_folder.prepare(options(root, **changes), 12, root.parent / "out")
    assert sources.image_folder_train_size(options(root, **changes)) is None
    return "; ".join(message for _, message in found)


# Layouts


def test_unsplit_classes_are_split_with_the_same_share_each(flat: Path, tmp_path: Path) -> None:
    assert sources.check_image_folder(options(flat)) == []
    parts = image_folder.prepare(options(flat), 12, tmp_path / "out")
    assert parts.facts["classes"] == ["cat", "dog"]
    assert parts.splits["test"].class_counts == parts.splits["validation"].class_counts == [2, 3]
    assert parts.splits["train"].count == sources.image_folder_train_size(options(flat)) == 15
    images = load(tmp_path / "out", "images")
    assert np.array_equal(images[0, 0], noise(12, 12, seed=100))
    assert np.array_equal(images[10, 0], noise(12, 12, seed=0))
    assert load(tmp_path / "out", "labels").tolist() == [0] * 10 + [1] * 15


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "VAL"])
def test_split_folders_are_kept(validation: str, split: Path, tmp_path: Path) -> None:
    (split / "val").rename(split / "aside")
    (split / "aside").rename(split / validation)
    assert sources.check_image_folder(options(split)) == []
    parts = image_folder.prepare(options(split), 12, tmp_path / "out")
    counts = {name: found.class_counts for name, found in parts.splits.items()}
    assert counts == {"train": [6, 6], "validation": [3, 3], "test": [4, 4]}
    assert sources.image_folder_train_size(options(split)) == 12
    first = load(tmp_path / "out", "validation")[0]
    assert np.array_equal(load(tmp_path / "out", "images")[first, 0], noise(12, 12, seed=150))


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    fill(tmp_path / "r" / "train", 5)
    fill(tmp_path / "r" / "plane", 5, 50)
    assert sources.check_image_folder(options(tmp_path / "r")) == []
    assert sources.image_folder_train_size(options(tmp_path / "r")) == 6


def test_hidden_and_foreign_files_are_left_out_and_the_foreign_ones_counted(
    flat: Path, tmp_path: Path
) -> None:
    shutil.copy(flat / "dog" / "000.png", flat / "dog" / "._000.png")
    (flat / ".cache").mkdir()
    (flat / "dog" / "notes.txt").write_text("x")
    (flat / "readme.md").write_text("x")
    (flat / "cat" / "100.png").rename(flat / "cat" / "100.PNG")
    parts = image_folder.prepare(options(flat), 12, tmp_path / "out")
    assert parts.facts["sample_count"] == 25
    assert parts.facts["ignored_files"] == 2


def test_an_unused_folder_beside_the_splits_is_named(split: Path, tmp_path: Path) -> None:
    fill(split / "extra" / "dog", 2, 900)
    parts = image_folder.prepare(options(split), 12, tmp_path / "out")
    assert parts.facts["ignored_folders"] == ["extra"]
    assert parts.facts["sample_count"] == 26


def test_a_folder_that_is_not_there_is_named_with_its_neighbour(flat: Path) -> None:
    assert f"did you mean {flat}?" in problems(flat.parent / "flatt")
    assert "is not a folder" in problems(flat / "dog" / "000.png")
    with pytest.raises(DataError, match="flatt does not exist"):
        sources.image_folder_source(options(flat.parent / "flatt"), flat.parent)


def test_misnamed_split_folders_do_not_become_classes(split: Path) -> None:
    (split / "train").rename(split / "Training")
    assert "split folders are called train, val and test" in problems(split)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: shutil.rmtree(root / "test"), "no test folder"),
        (lambda root: shutil.rmtree(root / "val"), "no val folder"),
        (lambda root: shutil.rmtree(root / "train" / "cat"), "training lacks: 'cat'"),
        (lambda root: fill(root / "valid" / "dog", 1), "both the validation split"),
        (lambda root: (root / "train" / "fox").mkdir(), "fox holds no PNG, JPEG or TIFF"),
        (
            lambda root: [shutil.rmtree(root / "test" / name) for name in ("dog", "cat")],
            "the test split has no images",
        ),
        (lambda root: fill(root / "val" / "dog" / "more", 1), "images in subfolders"),
    ],
)
def test_split_folders_that_cannot_be_used_are_refused(change, message, split: Path) -> None:
    change(split)
    assert message in problems(split)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: shutil.rmtree(root / "dog"), "two classes or more; found 'cat'"),
        (
            lambda root: [shutil.rmtree(root / name) for name in ("dog", "cat")],
            "holds no class folders",
        ),
        (lambda root: fill(root / "fox", 2, 500), "class 'fox' has 2 images, too few"),
        (lambda root: fill(root / "fox" / "red", 5, 500), "images in subfolders"),
        (
            lambda root: ((root / "fox").mkdir(), (root / "fox" / "a.bmp").touch()),
            "no PNG, JPEG or TIFF images (it holds .bmp)",
        ),
    ],
)
def test_class_folders_that_cannot_be_used_are_refused(change, message, flat: Path) -> None:
    change(flat)
    assert message in problems(flat)


# Images


def test_grey_images_have_one_channel_until_one_has_colour(flat: Path, tmp_path: Path) -> None:
    prepare = image_folder.prepare
    assert prepare(options(flat), 12, tmp_path / "1").facts["channels"] == 1
    assert prepare(options(flat, color="rgb"), 12, tmp_path / "2").facts["channels"] == 3
    fill(flat / "dog", 1, 500, (12, 12, 3))
    parts = prepare(options(flat), 12, tmp_path / "3")
    assert parts.facts["channels"] == 3
    assert len(parts.facts["mean"]) == len(parts.facts["std"]) == 3
    assert load(tmp_path / "3", "images").shape == (26, 3, 12, 12)
    assert prepare(options(flat, color="grey"), 12, tmp_path / "4").facts["channels"] == 1


def test_native_sizes_and_enlargement_are_told(flat: Path, tmp_path: Path) -> None:
    fill(flat / "dog", 1, 500, (20, 10))
    facts = image_folder.prepare(options(flat), 11, tmp_path / "out").facts
    assert (facts["native_height_px"], facts["native_width_px"]) == ([12, 20], [10, 12])
    assert (facts["upsampled"], facts["upsampled_count"]) == (True, 1)
    assert not image_folder.prepare(options(flat), 10, tmp_path / "o").facts["upsampled"]
    padded = image_folder.prepare(options(flat, fit="pad"), 12, tmp_path / "p").facts
    assert not padded["upsampled"]


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_sixteen_bit_tiff_files_share_one_scale(byteorder: str, tmp_path: Path) -> None:
    root = tmp_path / "deep"
    for label, brightest in (("dim", 1000), ("bright", 4000)):
        (root / label).mkdir(parents=True)
        for number in range(4):
            image = np.linspace(number, brightest, 144).reshape(12, 12).astype(np.uint16)
            tifffile.imwrite(root / label / f"{number}.tif", image, byteorder=byteorder)
    parts = image_folder.prepare(options(root), 12, tmp_path / "out")
    assert parts.facts["scaled_to_8_bits"] == {"integer": [0.0, 4095.0]}
    images = load(tmp_path / "out", "images")
    assert images[:4].max() == round(4000 / 4095 * 255)
    assert images[4:].max() == round(1000 / 4095 * 255)


def test_float_tiff_within_one_is_scaled_by_255(tmp_path: Path) -> None:
    values = np.linspace(0, 0.5, 144, dtype=np.float32).reshape(12, 12)
    tifffile.imwrite(tmp_path / "a.tif", values)
    assert np.array_equal(as_uint8(read_image(tmp_path / "a.tif")), np.rint(values * 255))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_every_orientation_is_set_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    upright = Image.fromarray(np.repeat(np.repeat(noise(3, 5), 8, axis=0), 8, axis=1))
    # The inverse of each transposition that a viewer makes for an EXIF orientation.
    stored = {
        1: lambda image: image,
        2: lambda image: image[:, ::-1],
        3: lambda image: image[::-1, ::-1],
        4: lambda image: image[::-1],
        5: lambda image: image.T,
        6: lambda image: np.rot90(image),
        7: lambda image: image[::-1, ::-1].T,
        8: lambda image: np.rot90(image, -1),
    }[orientation](np.asarray(upright))
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a.{suffix}"
    quality = {"quality": 95} if suffix == "jpg" else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **quality)
    shown = as_uint8(read_image(path))
    assert shown.shape == (24, 40)
    assert np.abs(shown.astype(int) - np.asarray(upright)).mean() < (8 if suffix == "jpg" else 0.5)


def test_more_pages_than_one_are_told(flat: Path, tmp_path: Path) -> None:
    pages = np.stack([noise(12, 12, seed=n) for n in (900, 901)])
    tifffile.imwrite(flat / "dog" / "pages.tif", pages, photometric="minisblack")
    facts = image_folder.prepare(options(flat), 12, tmp_path / "out").facts
    assert facts["multi_page_files_read_in_part"] == 1


# Unreadable files


def damage(root: Path) -> list[str]:
    (root / "dog" / "empty.png").touch()
    (root / "dog" / "text.jpg").write_text("not an image")
    whole = (root / "cat" / "100.png").read_bytes()
    (root / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    tifffile.imwrite(root / "cat" / "nan.tif", np.full((4, 4), np.nan, np.float32))
    return ["cat/cut.png", "cat/nan.tif", "dog/empty.png", "dog/text.jpg"]


def test_all_unreadable_files_are_named_at_once(flat: Path, tmp_path: Path) -> None:
    bad = damage(flat)
    with pytest.raises(DataError, match="4 files cannot be read") as caught:
        image_folder.prepare(options(flat), 12, tmp_path / "out")
    assert all(name in str(caught.value) for name in bad)
    assert "empty file" in str(caught.value)


def test_unreadable_files_are_left_out_where_that_is_allowed(flat: Path, tmp_path: Path) -> None:
    bad = damage(flat)
    allowed = options(flat, allow_unreadable=True)
    parts = image_folder.prepare(allowed, 12, tmp_path / "out")
    assert parts.facts["unreadable"] == bad
    assert parts.facts["sample_count"] == 25
    assert parts.arrays["images"].shape == [25, 1, 12, 12]
    bound = sources.image_folder_train_size(allowed)
    assert bound is not None
    assert parts.splits["train"].count <= bound
    assert str(tmp_path) not in str(parts.facts)
    for path in flat.rglob("*"):
        if path.relative_to(flat).as_posix() in bad:
            path.unlink()
    clean = image_folder.prepare(options(flat), 12, tmp_path / "clean")
    assert clean.arrays == parts.arrays
    assert clean.splits == parts.splits


def test_a_class_that_unreadable_files_have_emptied_is_an_error(split: Path) -> None:
    for path in (split / "train" / "dog").iterdir():
        path.write_bytes(b"")
    assert sources.check_image_folder(options(split)) == []
    with pytest.raises(DataError, match="training lacks: 'dog'"):
        image_folder.prepare(options(split, allow_unreadable=True), 12, split.parent / "out")


# Duplicates, determinism, source


def test_the_same_picture_in_two_splits_is_named_whatever_its_file_format(
    split: Path, tmp_path: Path
) -> None:
    Image.open(split / "train" / "dog" / "000.png").save(split / "test" / "cat" / "copy.tif")
    parts = image_folder.prepare(options(split), 6, tmp_path / "out")
    [duplicate] = parts.duplicates
    assert duplicate.splits == ["train", "test"]
    assert duplicate.samples == ["train/dog/000.png", "test/cat/copy.tif"]


def test_copies_are_not_split_apart(flat: Path, tmp_path: Path) -> None:
    for number in range(3):
        shutil.copy(flat / "dog" / "000.png", flat / "dog" / f"copy{number}.png")
    for seed in range(5):
        parts = image_folder.prepare(options(flat, split_seed=seed), 12, tmp_path / "out")
        assert parts.facts["duplicate_groups"] == 1
        assert parts.duplicates == []


def test_a_moved_copy_gives_equal_bytes_and_an_equal_source(flat: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(flat, copy, copy_function=shutil.copyfile)
    first, second = (
        image_folder.prepare(options(root), 7, tmp_path / name)
        for root, name in ((flat, "one"), (copy, "two"))
    )
    assert first == second
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    found = {sources.image_folder_source(options(root), tmp_path) for root in (flat, copy)}
    assert len(found) == 1


def test_source_follows_images_and_nothing_else(flat: Path, tmp_path: Path) -> None:
    before = sources.image_folder_source(options(flat), tmp_path)
    (flat / "notes.txt").write_text("x")
    (flat / "dog" / "000.png").touch()
    assert sources.image_folder_source(options(flat), tmp_path) == before
    (flat / "dog" / "000.png").rename(flat / "cat" / "000.png")
    moved = sources.image_folder_source(options(flat), tmp_path)
    fill(flat / "cat", 1, 700)
    assert len({before, moved, sources.image_folder_source(options(flat), tmp_path)}) == 3
