"""A user's folder of images and masks: what is accepted, what is refused, and what comes out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from pydantic import ValidationError

from studygrid import preparation
from studygrid.errors import ConfigError, DataError
from studygrid.families.base import SPLITS
from studygrid.families.images.resize import resize_square
from studygrid.families.prepared import PreparedData, PreparedParts
from studygrid.families.segmentation.data.folder import sources
from studygrid.families.segmentation.data.folder.masks import agreement, read_mask
from studygrid.families.segmentation.data.folder.options import ImageMaskFolderOptions
from studygrid.families.segmentation.data.folder.prepare import prepare
from studygrid.families.segmentation.data.folder.resizing import resize_mask
from studygrid.families.segmentation.data.folder.splits import (
    draw_groups,
    draw_pairs,
    split_sizes,
)
from studygrid.plan import make_plan

SIDE = 16
FRACTIONS = {"test": 0.2, "validation": 0.2}


def picture(seed: int, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def truth(seed: int, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Return a mask with a filled rectangle, as booleans."""
    mask = np.zeros((height, width), bool)
    top, left = np.random.default_rng(seed).integers(0, min(height, width) // 2, 2)
    mask[top : top + 5, left : left + 6] = True
    return mask


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, values)
    else:
        Image.fromarray(values).save(path)


def add(
    root: Path,
    name: str,
    seed: int,
    mask: np.ndarray | None = None,
    suffixes: tuple[str, str] = (".png", ".png"),
) -> None:
    mask = truth(seed).astype(np.uint8) * 255 if mask is None else mask
    save(root / "images" / f"{name}{suffixes[0]}", picture(seed, *mask.shape[:2]))
    save(root / "masks" / f"{name}{suffixes[1]}", mask)


def fill(root: Path, count: int, start: int = 0, empty: int = 0) -> None:
    for seed in range(start, start + count):
        mask = np.zeros((SIDE, SIDE), np.uint8) if seed < start + empty else None
        add(root, f"{seed:03d}", seed, mask)


def options(root: Path, **changes: Any) -> ImageMaskFolderOptions:
    return ImageMaskFolderOptions(root=str(root), **changes)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    fill(tmp_path / "flat", 10, empty=2)
    return tmp_path / "flat"


@pytest.fixture
def split(tmp_path: Path) -> Path:
    for start, part, count in ((0, "train", 6), (100, "val", 3), (200, "test", 4)):
        fill(tmp_path / "split" / part, count, start)
    return tmp_path / "split"


def prepared(root: Path, side: int = SIDE, workers: int = 1, **changes: Any) -> PreparedParts:
    return prepare(options(root, **changes), side, root.parent / "out", workers)


def load(root: Path, name: str) -> np.ndarray:
    return np.load(root.parent / "out" / f"{name}.npy")


def problems(root: Path, **changes: Any) -> str:
    """Return what the config check says; the job must refuse the same."""
    found = sources.check_image_mask_folder(options(root, **changes))
    assert {key for key, _ in found} == {"root"}
    with pytest.raises(DataError):
        prepared(root, **changes)
    assert sources.image_mask_folder_train_size(options(root, **changes)) is None
    return "; ".join(message for _, message in found)


def refused(root: Path, **changes: Any) -> str:
    """Return what the job says of what the config check cannot see."""
    assert sources.check_image_mask_folder(options(root, **changes)) == []
    with pytest.raises(DataError) as caught:
        prepared(root, **changes)
    assert not list((root.parent / "out").glob("*"))
    return str(caught.value)


# What comes out


def test_pairs_come_out_as_they_are(flat: Path) -> None:
    assert sources.check_image_mask_folder(options(flat)) == []
    parts = prepared(flat)
    images, masks = load(flat, "images"), load(flat, "masks")
    assert images.shape == (10, 1, SIDE, SIDE)
    for seed in range(10):
        assert np.array_equal(images[seed, 0], picture(seed))
        assert np.array_equal(masks[seed], truth(seed) if seed >= 2 else np.zeros((SIDE, SIDE)))
    assert parts.facts["classes"] == ["background", "foreground"]
    assert parts.facts["names"] == [f"images/{seed:03d}.png" for seed in range(10)]
    assert parts.facts["mask_values"] == "0 and 255"
    assert load(flat, "has_foreground").tolist() == [0, 0] + [1] * 8
    assert sum(parts.facts["empty_masks"].values()) == 2


def test_more_threads_write_the_same(flat: Path, tmp_path: Path) -> None:
    one = prepare(options(flat), 8, tmp_path / "one", 1)
    assert prepare(options(flat), 8, tmp_path / "four", 4) == one
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "four" / path.name).read_bytes()


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "VAL"])
def test_split_folders_are_kept(validation: str, split: Path) -> None:
    (split / "val").rename(split / "aside")
    (split / "aside").rename(split / validation)
    parts = prepared(split)
    assert {name: found.count for name, found in parts.splits.items()} == {
        "train": 6,
        "validation": 3,
        "test": 4,
    }
    assert sources.image_mask_folder_train_size(options(split)) == 6
    first = load(split, "validation")[0]
    assert np.array_equal(load(split, "images")[first, 0], picture(100))
    assert parts.facts["names"][first] == f"{validation}/images/100.png"


def test_folders_and_suffixes_can_have_other_names(flat: Path) -> None:
    (flat / "images").rename(flat / "photos")
    (flat / "masks").rename(flat / "truth")
    for path in (flat / "truth").iterdir():
        path.rename(path.with_stem(f"{path.stem}_mask"))
    (flat / "photos" / "notes.txt").touch()
    (flat / "photos" / ".hidden.png").touch()
    parts = prepared(flat, images="photos", masks="truth", mask_suffix="_mask")
    assert parts.facts["sample_count"] == 10
    assert parts.facts["ignored_files"] == 1


def test_images_and_masks_can_lie_side_by_side(flat: Path) -> None:
    for path in [*(flat / "images").iterdir()]:
        path.rename(flat / f"{path.stem}_img.png")
    for path in [*(flat / "masks").iterdir()]:
        path.rename(flat / f"{path.stem}_seg.png")
    for folder in ("images", "masks"):
        (flat / folder).rmdir()
    same = {"images": ".", "masks": ".", "image_suffix": "_img", "mask_suffix": "_seg"}
    parts = prepared(flat, **same)
    assert parts.facts["names"][0] == "000_img.png"
    assert parts.facts["sample_count"] == 10


def test_a_folder_of_both_needs_a_suffix() -> None:
    with pytest.raises(ValidationError, match="give `mask_suffix`"):
        ImageMaskFolderOptions(root="x", images="both", masks="both")


@pytest.mark.parametrize("name", ["/etc", "../x", "~/x", " "])
def test_folder_names_stay_within_the_root(name: str) -> None:
    with pytest.raises(ValidationError, match="within `root`"):
        ImageMaskFolderOptions(root="x", masks=name)


# Kinds of files and ways to write a mask


def palette(mask: np.ndarray) -> Image.Image:
    image = Image.fromarray(mask.astype(np.uint8), "L").convert("P")
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0])
    image.putdata(mask.astype(int).ravel().tolist())
    return image


WAYS: dict[str, tuple[str, Callable[[np.ndarray], Any]]] = {
    "0 and 1": (".png", lambda mask: mask.astype(np.uint8)),
    "0 and 255": (".png", lambda mask: mask.astype(np.uint8) * 255),
    "one bit": (".png", lambda mask: mask),
    "16 bits": (".tif", lambda mask: mask.astype(np.uint16)),
    "TIFF": (".tif", lambda mask: mask.astype(np.uint8) * 255),
    "boolean array": (".npy", lambda mask: mask),
    "fractions array": (".npy", lambda mask: mask.astype(np.float32)),
    "numbers array": (".npy", lambda mask: mask.astype(np.int64)[:, :, None]),
    "equal colours": (".png", lambda mask: np.dstack([mask.astype(np.uint8) * 255] * 3)),
    "opaque": (
        ".png",
        lambda mask: np.dstack([mask.astype(np.uint8)] * 3 + [np.full(mask.shape, 255, np.uint8)]),
    ),
    "JPEG": (".jpg", lambda mask: mask.astype(np.uint8) * 255),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_a_mask_gives_the_same(way: str, tmp_path: Path) -> None:
    suffix, write = WAYS[way]
    for seed in range(5):
        add(tmp_path / "r", f"{seed}", seed, write(truth(seed)), (".png", suffix))
    parts = prepared(tmp_path / "r")
    assert np.array_equal(load(tmp_path / "r", "masks"), [truth(seed) for seed in range(5)])
    assert parts.facts["classes"] == ["background", "foreground"]
    assert parts.facts["jpeg_masks"] == (5 if way == "JPEG" else 0)


def test_a_palette_counts_by_its_index(tmp_path: Path) -> None:
    mask = np.arange(SIDE**2).reshape(SIDE, SIDE) % 3
    palette(mask).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
    assert np.array_equal(read_mask(tmp_path / "a.png").numbers, mask)


def test_a_palette_that_shows_the_background_in_white_is_refused(tmp_path: Path) -> None:
    image = palette(truth(0))
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="shows 0 in white"):
        read_mask(tmp_path / "a.png")


def test_truth_values_go_with_either_way_of_numbers(tmp_path: Path) -> None:
    add(tmp_path / "r", "a", 0, truth(0), (".png", ".npy"))
    fill(tmp_path / "r", 5)
    prepared(tmp_path / "r")
    assert np.array_equal(load(tmp_path / "r", "masks")[-1], truth(0))


def test_class_numbers_are_counted_and_named(tmp_path: Path) -> None:
    for seed in range(5):
        add(tmp_path / "r", f"{seed}", seed, (picture(seed) % 4))
    facts = prepared(tmp_path / "r").facts
    assert facts["classes"] == ["background", "class 1", "class 2", "class 3"]
    assert facts["mask_values"] == "class numbers 0 to 3"
    names = ["ground", "a", "b", "c", "d"]
    assert prepared(tmp_path / "r", classes=names).facts["classes"] == names
    assert np.array_equal(load(tmp_path / "r", "masks")[4], picture(4) % 4)


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_deep_images_share_the_scale_of_the_training_split(suffix: str, split: Path) -> None:
    deepened(split, {"train/000": 1000, "train/001": 4000, "test/200": 2000}, suffix)
    facts = prepared(split).facts
    assert facts["scaled_to_8_bits"] == {"integer": [0.0, 4095.0]}
    assert (facts["images_clipped"], "warning_clipping" in facts) == (0, False)
    before = load(split, "images")
    assert [before[at].max() for at in (0, 1, 9)] == [62, 249, 125]
    # A brighter test image changes none of the others.
    deepened(split, {"test/200": 60000, "val/100": 5000}, suffix)
    facts = prepared(split).facts
    assert facts["scaled_to_8_bits"] == {"integer": [0.0, 4095.0]}
    assert facts["images_clipped"] == 2
    assert facts["warning_clipping"].startswith("2 validation or test images hold values beyond")
    after = load(split, "images")
    assert np.array_equal(np.delete(after, [6, 9], 0), np.delete(before, [6, 9], 0))
    expected = np.linspace(0, 60000, SIDE**2).astype(np.uint16).reshape(SIDE, SIDE) * (255 / 4095)
    assert np.array_equal(after[9, 0], np.rint(expected).clip(0, 255))


def test_the_scale_is_of_the_drawn_training_split(tmp_path: Path) -> None:
    seen = set()
    for bright in range(8):
        root = tmp_path / f"{bright}"
        fill(root, 8)
        highest = {f"{at:03d}": 900 + at + 60000 * (at == bright) for at in range(8)}
        deepened(root, highest, ".tif")
        parts = prepared(root)
        is_trained = bright in load(root, Path(parts.splits["train"].file).stem)
        assert parts.facts["images_clipped"] == (0 if is_trained else 1)
        end = 65535.0 if is_trained else 1023.0
        assert parts.facts["scaled_to_8_bits"] == {"integer": [0.0, end]}
        assert parts.facts["duplicate_groups"] == 0
        seen.add(is_trained)
    assert seen == {True, False}


def test_a_kind_that_the_training_split_lacks_has_the_scale_of_its_own(split: Path) -> None:
    deepened(split, {"val/100": 1000, "test/200": 4000}, ".tif")
    facts = prepared(split).facts
    assert (facts["scaled_to_8_bits"], facts["images_clipped"]) == ({"integer": [0.0, 4095.0]}, 0)
    assert load(split, "images")[9].max() == 249


def deepened(root: Path, brightest: dict[str, int], suffix: str) -> None:
    """Replace images by ramps of 16 bits up to these values."""
    for name, value in brightest.items():
        folder, _, stem = name.rpartition("/")
        for old in (root / folder / "images").glob(f"{stem}.*"):
            old.unlink()
        deep = np.linspace(0, value, SIDE**2).reshape(SIDE, SIDE).astype(np.uint16)
        save(root / folder / "images" / f"{stem}{suffix}", deep)


def test_arrays_of_colour_are_images(tmp_path: Path) -> None:
    fill(tmp_path / "r", 5)
    (tmp_path / "r" / "images" / "000.png").unlink()
    color = np.dstack([picture(seed) for seed in (7, 8, 9)])
    np.save(tmp_path / "r" / "images" / "000.npy", color)
    (tmp_path / "r" / "images" / "001.png").unlink()
    np.save(tmp_path / "r" / "images" / "001.npy", color.astype(np.float32) / 255)
    assert prepared(tmp_path / "r").facts["channels"] == 3
    images = load(tmp_path / "r", "images")
    assert np.array_equal(images[0], np.moveaxis(color, 2, 0))
    assert np.array_equal(images[1], images[0])
    assert np.array_equal(images[2], [picture(2)] * 3)


# Resizing


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (25, 41), (30, 30), (12, 50), (9, 7)])
@pytest.mark.parametrize("side", [8, 13, 16])
def test_a_mask_has_the_geometry_of_its_image(fit: Any, shape: tuple[int, int], side: int) -> None:
    mask = np.kron(truth(3, 6, 10), np.ones((9, 9)))[: shape[0], : shape[1]].astype(np.uint8)
    grey = resize_square(mask * np.uint8(255), side, fit)[0].astype(int)
    ours = resize_mask(mask, side, fit)
    sure = np.abs(grey - 127.5) > 64
    assert sure.mean() > 0.8
    assert np.array_equal(ours[sure], (grey > 127)[sure])


def test_half_of_a_pixel_is_foreground_and_less_is_not() -> None:
    mask = np.zeros((6, 6), np.uint8)
    mask[0:2, 0] = 1
    mask[0, 2] = 1
    mask[0, 4:] = 1
    mask[2:4, 4:] = 1
    assert resize_mask(mask, 3).tolist() == [[1, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_the_class_with_the_largest_share_wins() -> None:
    mask = np.array([[0, 1, 2, 2], [2, 1, 0, 1], [0, 0, 3, 3], [1, 1, 2, 2]], np.uint8)
    assert resize_mask(mask, 2).tolist() == [[1, 2], [1, 3]]


@settings(deadline=None)
@given(st.integers(0, 999), st.integers(2, 6), st.integers(1, 5), st.integers(2, 5))
def test_shrinking_by_a_whole_factor_is_a_vote(
    seed: int, side: int, factor: int, classes: int
) -> None:
    mask = picture(seed, side * factor, side * factor) % classes
    blocks = mask.reshape(side, factor, side, factor).swapaxes(1, 2).reshape(side, side, -1)
    votes = np.stack([(blocks == number).sum(2) for number in range(classes)])
    winner = classes - 1 - votes[::-1].argmax(0)
    assert np.array_equal(resize_mask(mask, side), winner)


def test_an_enlarged_mask_holds_no_new_shapes() -> None:
    mask = picture(1, 4, 4) % 3
    assert np.array_equal(resize_mask(mask, 12), np.kron(mask, np.ones((3, 3), np.uint8)))


def test_masks_that_resizing_or_cropping_empties_are_counted_and_warned_of(
    tmp_path: Path,
) -> None:
    thin = np.zeros((64, 64), np.uint8)
    thin[:, 20] = 1
    aside = np.zeros((32, 96), np.uint8)
    aside[:, :20] = 1
    for number in range(12):
        add(tmp_path / "r", f"{number:02d}", number, np.kron(truth(1), np.ones((4, 4), np.uint8)))
    add(tmp_path / "r", "thin", 100, thin)
    add(tmp_path / "r", "aside", 101, aside)
    facts = prepared(tmp_path / "r").facts
    assert (facts["emptied_by_resizing"], facts["emptied_by_cropping"]) == (1, 1)
    assert facts["warning_resizing"].startswith("at 16 px 1 of 14 masks")
    assert "`fit: pad`" in facts["warning_cropping"]
    assert sum(facts["empty_masks"].values()) == 2
    facts = prepared(tmp_path / "r", 64, fit="pad").facts
    assert (facts["emptied_by_resizing"], facts["emptied_by_cropping"]) == (0, 0)
    assert not [name for name in facts if name.startswith("warning")]


def test_the_split_is_one_at_every_resolution(tmp_path: Path) -> None:
    thin = np.zeros((64, 64), np.uint8)
    thin[:, 20] = 1
    for number in range(20):
        wide = np.kron(truth(number), np.ones((4, 4), np.uint8)).astype(np.uint8)
        add(tmp_path / "r", f"{number:02d}", number, thin if number < 8 else wide)
    small = prepared(tmp_path / "r", 16)
    assert small.facts["emptied_by_resizing"] == 8
    assert prepared(tmp_path / "r", 64).splits["test"].sha256 == small.splits["test"].sha256


def test_a_resolution_that_leaves_a_split_no_foreground_is_refused(tmp_path: Path) -> None:
    for number in range(6):
        thin = np.zeros((64, 64), np.uint8)
        thin[:, 5 * number] = 1
        add(tmp_path / "r", f"{number}", number, thin)
    message = refused(tmp_path / "r")
    assert "of 4 masks of the train split with foreground none has any left at 16 px" in message


def test_a_mask_is_turned_as_its_own_orientation_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    for seed in range(5):
        add(tmp_path / "r", f"{seed}", seed, truth(seed, 16, 24).astype(np.uint8))
        for kind in ("images", "masks"):
            path = tmp_path / "r" / kind / f"{seed}.png"
            Image.fromarray(np.rot90(np.asarray(Image.open(path)))).save(path, exif=exif)
    facts = prepared(tmp_path / "r", fit="stretch").facts
    assert facts["images_turned_by_exif"] == 0
    assert (facts["native_height_px"], facts["native_width_px"]) == (16, 24)
    upright = resize_mask(truth(4, 16, 24).astype(np.uint8), SIDE, "stretch")
    assert np.array_equal(load(tmp_path / "r", "masks")[4], upright)


def test_images_turned_without_their_masks_are_told(flat: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    path = flat / "images" / "003.png"
    Image.fromarray(np.rot90(picture(3))).save(path, exif=exif)
    facts = prepared(flat).facts
    assert facts["images_turned_by_exif"] == 1
    assert "drawn on upright images" in facts["warning_orientation"]
    assert np.array_equal(load(flat, "images")[3, 0], picture(3))


# Splits


def test_the_size_of_training_is_known_from_names(flat: Path) -> None:
    for changes in ({}, {"test_fraction": 0.35}, {"validation_fraction": 0.07}):
        parts = prepared(flat, **changes)
        bound = sources.image_mask_folder_train_size(options(flat, **changes))
        assert parts.splits["train"].count == bound
        everything = np.concatenate([load(flat, split) for split in SPLITS])
        assert sorted(everything.tolist()) == list(range(10))


def test_seed_changes_the_split_and_names_do_not(flat: Path) -> None:
    before = prepared(flat)
    assert prepared(flat, split_seed=1).splits["test"] != before.splits["test"]
    prepared(flat)
    tested = {tuple(load(flat, "images")[at].ravel()) for at in load(flat, "test")}
    for kind in ("images", "masks"):
        for path in [*(flat / kind).iterdir()]:
            path.rename(path.with_stem(f"{999 - int(path.stem)}"))
    prepared(flat)
    assert {tuple(load(flat, "images")[at].ravel()) for at in load(flat, "test")} == tested


@settings(deadline=None)
@given(
    st.lists(st.booleans(), min_size=3, max_size=60),
    st.floats(0.01, 0.49),
    st.floats(0.01, 0.49),
    st.integers(0, 99),
)
def test_sizes_are_fixed_and_strata_are_shared(
    full: list[bool], test: float, validation: float, seed: int
) -> None:
    fractions = {"test": test, "validation": validation}
    sizes = split_sizes(len(full), fractions)
    if sizes["train"] < 1:
        return
    drawn = draw_pairs(full, [str(at) for at in range(len(full))], fractions, seed)
    assert {split: len(found) for split, found in drawn.items()} == sizes
    assert sorted(at for found in drawn.values() for at in found) == list(range(len(full)))
    for found in drawn.values():
        share = len(found) * sum(full) / len(full)
        assert abs(sum(full[at] for at in found) - share) < 2.5
        assert sum(full) < 3 or any(full[at] for at in found)


def test_copies_are_not_split_apart(flat: Path) -> None:
    for number in range(3):
        for kind in ("images", "masks"):
            shutil.copy(flat / kind / "005.png", flat / kind / f"copy{number}.png")
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(flat / "masks" / "copy0.png")
    for seed in range(5):
        parts = prepared(flat, split_seed=seed)
        assert parts.facts["duplicate_groups"] == 1
        assert parts.facts["duplicate_groups_with_mixed_masks"] == 1
        assert parts.duplicates == []


def test_the_same_picture_in_two_splits_is_named(split: Path) -> None:
    for kind in ("images", "masks"):
        shutil.copy(split / "train" / kind / "000.png", split / "test" / kind / "copy.png")
    [duplicate] = prepared(split).duplicates
    assert duplicate.splits == ["train", "test"]
    assert duplicate.samples == ["train/images/000.png", "test/images/copy.png"]


# Groups


@pytest.fixture
def sites(tmp_path: Path) -> Path:
    for seed in range(24):
        add(tmp_path / "sites", f"site{seed % 8}_{seed:02d}", seed)
    return tmp_path / "sites"


SITE = r"^(site\d+)_"


def test_groups_are_kept_together(sites: Path) -> None:
    parts = prepared(sites, group=SITE)
    names = np.array([re.findall(r"site\d", name)[0] for name in parts.facts["names"]])
    found = {split: set(names[load(sites, split)]) for split in SPLITS}
    assert sum(map(len, found.values())) == len(set.union(*found.values())) == 8
    assert parts.facts["groups"] == {split: len(groups) for split, groups in found.items()}
    assert parts.facts["groups"] == {"train": 4, "validation": 2, "test": 2}
    bound = sources.image_mask_folder_train_size(options(sites, group=SITE))
    assert parts.splits["train"].count == bound == 12


def test_names_without_a_group_are_named(sites: Path) -> None:
    add(sites, "elsewhere", 50)
    add(sites, "place", 51)
    message = problems(sites, group=SITE)
    assert "images/elsewhere.png does not match" in message
    assert "images/place.png does not match" in message


def test_too_few_groups_are_refused(tmp_path: Path) -> None:
    for seed in range(12):
        add(tmp_path / "r", f"site{seed % 2}_{seed:02d}", seed)
    assert "gives 2 groups ('site0' and 'site1')" in problems(tmp_path / "r", group=SITE)


def test_a_group_in_two_split_folders_is_refused(split: Path) -> None:
    for part, seed in (("train", 900), ("test", 901), ("val", 902)):
        add(split / part, f"site{seed % 2}_{seed}", seed)
        for kind in ("images", "masks"):
            for path in [*(split / part / kind).glob("[0-9]*")]:
                path.rename(path.with_stem(f"{part}_{path.stem}"))
    message = problems(split, group="^([a-z]+[01]?)_")
    assert "group 'site0' is in train and validation; all its pairs" in message


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("site", "it has 0"), ("(a)(b)", "it has 2"), ("(", "not a regular expression")],
)
def test_a_group_pattern_has_one_group(pattern: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ImageMaskFolderOptions(root="x", group=pattern)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=3, max_size=60), st.integers(0, 99))
def test_groups_fill_every_split_and_none_is_cut(members: list[int], seed: int) -> None:
    groups = [f"g{member}" for member in members]
    if len(set(groups)) < 3:
        return
    drawn = draw_groups(groups, FRACTIONS, seed)
    assert sorted(at for found in drawn.values() for at in found) == list(range(len(groups)))
    held = [{groups[at] for at in found} for found in drawn.values()]
    assert all(held)
    assert sum(map(len, held)) == len(set(groups))


# Layouts that cannot be used


def test_a_root_that_is_not_there_is_named_with_its_neighbour(flat: Path) -> None:
    assert f"did you mean {flat}?" in problems(flat.parent / "flatt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "masks").rename(root / "mask"), "did you mean"),
        (
            lambda root: [shutil.rmtree(root / kind) for kind in ("images", "masks")],
            "neither images and masks nor train",
        ),
        (lambda root: (root / "train").mkdir(), "holds both images and train"),
        (lambda root: fill(root / "images" / "more", 1), "holds images in a subfolder"),
        (
            lambda root: [path.unlink() for path in (root / "masks").iterdir()],
            "masks holds no masks (PNG, JPEG, TIFF or .npy)",
        ),
        (
            lambda root: [
                path.unlink()
                for kind in ("images", "masks")
                for path in (root / kind).iterdir()
                if path.stem > "001"
            ],
            "there are 2 pairs, too few",
        ),
    ],
)
def test_a_layout_that_cannot_be_used_says_why(change: Any, message: str, flat: Path) -> None:
    change(flat)
    assert message in problems(flat)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: shutil.rmtree(root / "test"), "no test folder"),
        (lambda root: shutil.rmtree(root / "val" / "masks"), "masks does not exist"),
        (lambda root: fill(root / "valid", 1), "both the validation split"),
        (
            lambda root: [
                path.unlink()
                for kind in ("images", "masks")
                for path in (root / "val" / kind).iterdir()
            ],
            "holds no images",
        ),
    ],
)
def test_split_folders_that_cannot_be_used_say_why(change: Any, message: str, split: Path) -> None:
    change(split)
    assert message in problems(split)


def test_masks_with_an_end_of_their_own_give_one_hint(flat: Path) -> None:
    for path in [*(flat / "masks").iterdir()]:
        path.rename(path.with_stem(f"{path.stem}_label"))
    message = problems(flat)
    assert "set `mask_suffix: '_label'`" in message
    assert message.count("images/") == 1


# Broken pairs


def broken_image_without_mask(root: Path) -> str:
    save(root / "images" / "alone.png", picture(1))
    (root / "masks" / "alone.gif").touch()
    return "images/alone.png: has no mask called alone (PNG, JPEG, TIFF or .npy); masks/alone.gif "


def broken_mask_without_image(root: Path) -> str:
    save(root / "masks" / "lonely.png", truth(1))
    return "masks/lonely.png: has no image"


def broken_name_twice(root: Path) -> str:
    add(root, "twice", 300)
    save(root / "images" / "twice.tif", picture(1))
    return "images/twice.png: has the same name as images/twice.tif"


def broken_other_size(root: Path) -> str:
    add(root, "size", 301)
    save(root / "masks" / "size.png", truth(1, 20, 24))
    return "masks/size.png: is 20 x 24 px and its image 16 x 16 px"


def broken_empty_file(root: Path) -> str:
    add(root, "void", 302)
    (root / "masks" / "void.png").write_bytes(b"")
    return "masks/void.png: is an empty file"


def broken_cut_image(root: Path) -> str:
    add(root, "cut", 303)
    path = root / "images" / "cut.png"
    path.write_bytes(path.read_bytes()[:150])
    return "images/cut.png: "


def broken_text_mask(root: Path) -> str:
    add(root, "text", 304)
    (root / "masks" / "text.png").write_text("no picture at all")
    return "masks/text.png: not an image of a kind that Pillow reads"


def broken_value(root: Path) -> str:
    mask = truth(1).astype(np.uint8) * 255
    mask[0, 0] = 37
    add(root, "value", 305, mask)
    return "masks/value.png: holds the values 0, 37, 255; 8 masks of this folder hold 0 and 255"


def broken_mixed_coding(root: Path) -> str:
    add(root, "ones", 306, truth(1).astype(np.uint8))
    return "masks/ones.png: holds the values 0, 1; 8 masks of this folder hold 0 and 255"


def broken_dimensions(root: Path) -> str:
    add(root, "stack", 307)
    (root / "masks" / "stack.png").unlink()
    save(root / "masks" / "stack.npy", np.zeros((2, SIDE, SIDE, 1), np.uint8))
    return "masks/stack.npy: has 4 dimensions, of shape (2, 16, 16, 1)"


def broken_not_finite(root: Path) -> str:
    add(root, "nan", 308)
    (root / "images" / "nan.png").unlink()
    save(root / "images" / "nan.npy", np.full((SIDE, SIDE), np.nan))
    return "images/nan.npy: holds values that are not finite"


def broken_mask_not_finite(root: Path) -> str:
    add(root, "nanmask", 309)
    (root / "masks" / "nanmask.png").unlink()
    save(root / "masks" / "nanmask.npy", np.full((SIDE, SIDE), np.nan, np.float32))
    return "masks/nanmask.npy: holds values that are not finite"


def broken_pages(root: Path) -> str:
    add(root, "pages", 310)
    (root / "images" / "pages.png").unlink()
    pages = np.stack([picture(1), picture(2)])
    tifffile.imwrite(root / "images" / "pages.tif", pages, photometric="minisblack")
    return "images/pages.tif: has 2 pages"


def broken_colours(root: Path) -> str:
    add(root, "colour", 311, np.dstack([picture(1), picture(2), picture(3)]))
    return "masks/colour.png: is a colour picture (RGB)"


def broken_jpeg(root: Path) -> str:
    add(root, "grey", 312, picture(1), (".png", ".jpg"))
    return "masks/grey.jpg: is a JPEG that is not black and white"


def broken_fractions(root: Path) -> str:
    add(root, "soft", 313, truth(1) * 0.5, (".png", ".npy"))
    return "masks/soft.npy: holds values that are not whole numbers, such as 0.5"


def broken_range(root: Path) -> str:
    add(root, "range", 314, truth(1) * np.int32(-7), (".png", ".npy"))
    return "masks/range.npy: holds the values -7, 0; class numbers are 0 to 255"


def broken_transparent(root: Path) -> str:
    parts = [truth(1).astype(np.uint8) * 255] * 4
    add(root, "clear", 315, np.dstack(parts))
    return "masks/clear.png: is transparent in parts"


def broken_nothing_in_it(root: Path) -> str:
    add(root, "nil", 316)
    (root / "images" / "nil.png").unlink()
    save(root / "images" / "nil.npy", np.zeros((0, SIDE), np.uint8))
    return "images/nil.npy: is empty, of shape (0, 16)"


def broken_objects(root: Path) -> str:
    add(root, "object", 317)
    (root / "masks" / "object.png").unlink()
    np.save(root / "masks" / "object.npy", np.array([[{}]], object), allow_pickle=True)
    return "masks/object.npy: "


def broken_channels_first(root: Path) -> str:
    add(root, "first", 318)
    (root / "images" / "first.png").unlink()
    save(root / "images" / "first.npy", np.zeros((3, SIDE, SIDE), np.uint8))
    return "images/first.npy: is of shape (3, 16, 16)"


BY_NAME = (broken_image_without_mask, broken_mask_without_image, broken_name_twice)
BY_CONTENT = (
    broken_other_size,
    broken_empty_file,
    broken_cut_image,
    broken_text_mask,
    broken_value,
    broken_mixed_coding,
    broken_dimensions,
    broken_not_finite,
    broken_mask_not_finite,
    broken_pages,
    broken_colours,
    broken_jpeg,
    broken_fractions,
    broken_range,
    broken_transparent,
    broken_nothing_in_it,
    broken_objects,
    broken_channels_first,
)


@pytest.mark.parametrize("break_it", BY_NAME)
def test_each_fault_of_names_is_found_before_any_job(break_it: Any, flat: Path) -> None:
    said = break_it(flat)
    name, reason = said.split(": ", 1)
    assert f"{name} {reason}" in problems(flat)
    with pytest.raises(DataError, match=re.escape(said)):
        prepared(flat)


@pytest.mark.parametrize("break_it", BY_CONTENT)
def test_each_fault_of_content_is_named_with_its_file(break_it: Any, flat: Path) -> None:
    said = break_it(flat)
    message = refused(flat)
    assert "1 file cannot be used" in message
    assert said in message
    assert str(flat.parent / "flat" / "images") not in message
    assert "Traceback" not in message


def test_all_broken_pairs_are_listed_at_once_and_nothing_is_left(flat: Path) -> None:
    said = [break_it(flat) for break_it in (*BY_NAME, *BY_CONTENT)]
    assert len(sources.check_image_mask_folder(options(flat))) == len(BY_NAME)
    with pytest.raises(DataError) as caught:
        prepared(flat, workers=3)
    lines = str(caught.value).splitlines()
    assert f"{len(said)} files cannot be used" in lines[0]
    assert len(lines) == 1 + len(said)
    assert all(any(one in line for line in lines) for one in said)
    assert not list((flat.parent / "out").glob("*"))


def test_a_study_of_broken_pairs_is_refused_twice_over_and_runs_once_they_are_gone(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = [break_it(flat) for break_it in BY_NAME]
    held = [break_it(flat) for break_it in BY_CONTENT]
    config = {
        "family": "segmentation",
        "dataset": {"name": "image_mask_folder", "root": str(flat)},
        "models": {"small_unet": None},
        "grid": {"resolution": [SIDE]},
    }
    with pytest.raises(ConfigError) as caught:
        make_plan(config)
    assert all(one.replace(": ", " ", 1) in str(caught.value) for one in named)
    for name in ("images/alone.png", "masks/lonely.png", "images/twice.tif"):
        (flat / name).unlink()
    for kind in ("images", "masks"):
        (flat / kind / "twice.png").unlink()
    spec = make_plan(config).data_spec(SIDE, tmp_path).to_json()
    record = tmp_path / "data" / "data.json"
    job = [
        "--spec",
        spec,
        "--output",
        str(record),
        "--log",
        str(tmp_path / "log"),
        "--threads",
        "2",
    ]
    assert preparation.main(job) == 1
    said = capsys.readouterr().err
    assert all(one in said for one in held)
    assert all(one in (tmp_path / "log").read_text() for one in held)
    assert "Traceback" not in (tmp_path / "log").read_text()
    assert not record.exists()
    assert not list(record.parent.glob("*.npy"))
    for kind in ("images", "masks"):
        for path in (flat / kind).iterdir():
            if not path.stem.isdigit():
                path.unlink()
    spec = make_plan(config).data_spec(SIDE, tmp_path).to_json()
    assert preparation.main(["--spec", spec, *job[2:]]) == 0
    assert PreparedData(record).array("masks").shape == (10, SIDE, SIDE)


def test_both_files_of_a_pair_are_named(flat: Path) -> None:
    (flat / "images" / "004.png").write_bytes(b"")
    (flat / "masks" / "004.png").write_bytes(b"x")
    message = refused(flat)
    assert "images/004.png: is an empty file" in message
    assert "masks/004.png: not an image" in message


def test_broken_pairs_are_left_out_where_that_is_allowed(flat: Path, tmp_path: Path) -> None:
    clean = prepare(options(flat), SIDE, tmp_path / "clean")
    said = [break_it(flat) for break_it in (*BY_NAME, *BY_CONTENT)]
    allowed = options(flat, allow_unreadable=True)
    assert sources.check_image_mask_folder(allowed) == []
    parts = prepare(allowed, SIDE, tmp_path / "out")
    assert (parts.arrays, parts.splits) == (clean.arrays, clean.splits)
    left_out = parts.facts["left_out"]
    assert len(left_out) == len(said)
    assert all(any(one in line for line in left_out) for one in said)
    assert str(tmp_path) not in str(parts.facts)
    for path in (tmp_path / "clean").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes()


def test_too_little_that_is_left_is_refused(flat: Path) -> None:
    for path in sorted((flat / "masks").iterdir())[2:]:
        path.write_bytes(b"")
    message = refused(flat, allow_unreadable=True)
    assert "there are 2 pairs, too few" in message
    assert message.count("is an empty file") == 8


def test_masks_without_any_foreground_are_refused(tmp_path: Path) -> None:
    fill(tmp_path / "r", 6, empty=6)
    message = refused(tmp_path / "r")
    assert all(f"no mask of the {split} split has foreground" in message for split in SPLITS)


def test_a_class_beyond_the_declared_ones_is_named(tmp_path: Path) -> None:
    for seed in range(6):
        add(tmp_path / "r", f"{seed}", seed, picture(seed) % 3)
    add(tmp_path / "r", "more", 9, picture(9) % 5)
    message = refused(tmp_path / "r", classes=["a", "b", "c"])
    assert "masks/more.png: holds the values 0, 1, 2, 3, 4; the 3 declared classes" in message
    assert message.count("masks/") == 1


# What masks agree on


def test_a_gap_in_class_numbers_is_a_fault_unless_declared() -> None:
    found: list[Any] = [("0/1", (0, 1)), ("numbers", (0, 1, 2)), ("numbers", (0, 37))]
    agreed = agreement(found, None)
    assert (agreed.classes, list(agreed.problems)) == (3, [2])
    assert "holds the values 0, 37; no mask holds 3" in agreed.problems[2]
    assert agreement(found, 38).problems == {}


def test_the_minority_of_two_ways_is_named() -> None:
    ones: Any = ("0/1", (0, 1))
    white: Any = ("0/255", (0, 255))
    assert list(agreement([ones, white, white], None).problems) == [0]
    assert list(agreement([ones, ones, white], 2).problems) == [2]
    assert agreement([("black", (0,)), white, ("truth", (0, 1))], 2).problems == {}


def test_grey_edges_are_no_classes() -> None:
    soft: list[Any] = [("numbers", tuple(range(256)))] * 3 + [("0/255", (0, 255))]
    assert list(agreement(soft, None).problems) == [0, 1, 2]
    many: list[Any] = [("numbers", tuple(range(200)))] * 3
    assert "only where `classes` names them" in agreement(many, None).problems[0]


def test_pixels_to_ignore_are_not_taken_for_a_class() -> None:
    found: list[Any] = [("numbers", (0, 1, 2))] * 3 + [("numbers", (0, 1, 2, 255))]
    for declared in (None, 3):
        agreed = agreement(found, declared)
        assert agreed.classes == 3
        assert "pixels to ignore" in agreed.problems[3]


@pytest.mark.parametrize("width", [1, 3, 8])
@pytest.mark.parametrize("quality", [75, 95])
def test_jpeg_masks_of_thin_lines_come_out_whole(width: int, quality: int, tmp_path: Path) -> None:
    image = Image.new("L", (128, 128))
    ImageDraw.Draw(image).line([(0, 30), (60, 70), (127, 90)], fill=255, width=width)
    image.convert("RGB").save(tmp_path / "a.jpg", quality=quality)
    mask = read_mask(tmp_path / "a.jpg")
    assert np.array_equal(mask.numbers, np.asarray(image) > 0)
    assert mask.coding == "truth"


def test_jpeg_masks_of_ones_are_not_taken_for_empty(tmp_path: Path) -> None:
    Image.fromarray(truth(1).astype(np.uint8)).save(tmp_path / "a.jpg", quality=100)
    with pytest.raises(ValueError, match="not black and white"):
        read_mask(tmp_path / "a.jpg")
    Image.new("L", (16, 16)).save(tmp_path / "b.jpg")
    assert read_mask(tmp_path / "b.jpg").coding == "black"


# Source, cost of import


def test_source_follows_names_and_contents_and_no_places(flat: Path, tmp_path: Path) -> None:
    def source(root: Path) -> str:
        return sources.image_mask_folder_source(options(root), tmp_path)

    before = source(flat)
    shutil.copytree(flat, tmp_path / "copy" / "flat", copy_function=shutil.copyfile)
    (flat / "notes.txt").write_text("x")
    assert source(tmp_path / "copy" / "flat") == source(flat) == before
    save(flat / "masks" / "003.png", truth(77))
    changed = source(flat)
    (flat / "masks" / "003.png").rename(flat / "masks" / "333.png")
    assert len({before, changed, source(flat)}) == 3


def test_the_snakefile_loads_no_numpy_for_it() -> None:
    code = (
        "import sys\n"
        "import studygrid.families.segmentation.data.folder.sources\n"
        "import studygrid.families.segmentation.data.trackastra.sources\n"
        "print([name for name in ('numpy', 'PIL', 'torch', 'tifffile') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
