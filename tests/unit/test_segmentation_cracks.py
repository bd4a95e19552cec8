"""The drawn cracks: one seed an image, one scene at all resolutions, exact masks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from studygrid.families.base import SPLITS
from studygrid.families.segmentation.data.cracks.appearance import add_marks, add_shadow
from studygrid.families.segmentation.data.cracks.drawing import cracks_of, draw, mask_of
from studygrid.families.segmentation.data.cracks.options import CracksOptions
from studygrid.families.segmentation.data.cracks.paths import capsules_of, length_within
from studygrid.families.segmentation.data.cracks.prepare import prepare
from studygrid.families.segmentation.data.cracks.raster import block_mean, coverage
from studygrid.families.segmentation.data.cracks.writing import write_pictures

QUICK = ["concrete", "brick", "cells"]
SCENES = 200
GOLDEN_MASKS = "18f295a902d50ca7"
GOLDEN_MEANS = [
    114.49,
    106.83,
    108.6,
    98.49,
    139.31,
    136.46,
    146.25,
    124.58,
    127.59,
    121.9,
    141.58,
    137.45,
    119.41,
    117.44,
    153.96,
]


def options(**changes: Any) -> CracksOptions:
    return CracksOptions.model_validate({"backgrounds": QUICK, **changes})


def read(folder: Path, name: str) -> NDArray[Any]:
    return np.load(folder / f"{name}.npy")


def iou(first: NDArray[Any], second: NDArray[Any]) -> float:
    return float(((first > 0) & (second > 0)).sum() / ((first > 0) | (second > 0)).sum())


# What decides an image


def test_neither_workers_nor_chunks_change_a_byte(tmp_path: Path) -> None:
    made = options(train=7, validation=2, test=2)
    alone = prepare(made, 32, tmp_path / "alone", workers=1)
    write_pictures(made, 32, tmp_path / "chunks", workers=3, chunk=2)
    many = prepare(made, 32, tmp_path / "many", workers=4)
    assert many == alone
    for name in ("images", "masks"):
        expected = read(tmp_path / "alone", name)
        np.testing.assert_array_equal(read(tmp_path / "chunks", name), expected)


def test_more_images_leave_those_before_as_they_are(tmp_path: Path) -> None:
    write_pictures(options(train=3, validation=2, test=1), 32, tmp_path / "few")
    write_pictures(options(train=5, validation=3, test=2), 32, tmp_path / "more")
    for name in ("images", "masks"):
        few, more = read(tmp_path / "few", name), read(tmp_path / "more", name)
        np.testing.assert_array_equal(more[[0, 1, 2, 5, 6, 8]], few)


def test_every_image_differs_from_every_other() -> None:
    images = [
        draw(options(seed=seed), split, number, 32).image
        for seed in (0, 1)
        for split in SPLITS
        for number in (0, 1)
    ]
    assert len({image.tobytes() for image in images}) == len(images)


def test_a_change_of_the_generator_is_noticed() -> None:
    """If it is on purpose, put the new values here: prepared data is made anew by its code."""
    drawn = [draw(CracksOptions(), "validation", number, 32) for number in range(15)]
    assert {one.scene.background for one in drawn} == set(CracksOptions().backgrounds)
    masks = hashlib.sha256(np.stack([one.mask for one in drawn]).tobytes()).hexdigest()
    assert masks[:16] == GOLDEN_MASKS
    # Not a hash: on another processor a value may be rounded to its neighbour.
    means = [one.image.mean() for one in drawn]
    assert means == pytest.approx(GOLDEN_MEANS, abs=0.02)


# One scene at all resolutions


@pytest.mark.parametrize("side", [64, 100, 128, 256])
def test_the_scene_is_the_same_at_every_resolution(side: int) -> None:
    for number in range(4):
        fine = draw(options(empty_fraction=0), "train", number, 4 * side)
        coarse = draw(options(empty_fraction=0), "train", number, side)
        covered = block_mean(fine.mask.astype(np.float32), side)
        is_clear = np.abs(covered - 0.5) > 0.2
        np.testing.assert_array_equal(coarse.mask[is_clear], covered[is_clear] > 0.5)
        assert is_clear.mean() > 0.97
        assert iou(coarse.mask, covered >= 0.5) > 0.85
        assert fine.scene.crack_length == coarse.scene.crack_length
        assert fine.scene.crack_area == pytest.approx(coarse.scene.crack_area, rel=0.005)
        averaged = block_mean(fine.image.astype(np.float32), side)
        difference = np.abs(averaged - coarse.image)
        assert difference.mean() < 1.5
        assert np.corrcoef(averaged.ravel(), coarse.image.ravel())[0, 1] > 0.98


def test_the_area_of_masks_converges_with_resolution() -> None:
    made = options(empty_fraction=0)
    errors = {64: [], 128: [], 256: []}
    for number in range(12):
        capsules = cracks_of(made, "train", number)
        area = float(coverage(capsules, 2048).mean())
        for side, found in errors.items():
            found.append(abs(mask_of(capsules, side).mean() / area - 1))
    coarse, middle, fine = (float(np.mean(found)) for found in errors.values())
    assert fine < middle < coarse
    assert fine < 0.01


def test_every_crack_leaves_a_mask_at_64_px() -> None:
    made = options(empty_fraction=0)
    pixels = [mask_of(cracks_of(made, "train", number), 64).sum() for number in range(SCENES)]
    assert min(pixels) >= 8


def test_a_mask_holds_what_the_capsules_cover() -> None:
    random = np.random.default_rng(3)
    points = random.uniform(0.1, 0.9, (9, 2))
    capsules = capsules_of(points, random.uniform(0.004, 0.05, 9))
    side, fine = 48, 16
    centres = (np.arange(side * fine) + 0.5) / (side * fine)
    pixels = np.stack(np.meshgrid(centres, centres), axis=-1)
    inside = np.zeros(pixels.shape[:2], bool)
    for first_x, first_y, first_radius, last_x, last_y, last_radius in capsules:
        first, step = np.array([first_x, first_y]), np.array([last_x - first_x, last_y - first_y])
        along = (((pixels - first) @ step) / (step @ step)).clip(0, 1)
        nearest = np.linalg.norm(pixels - first - along[..., None] * step, axis=-1)
        inside |= nearest <= first_radius + along * (last_radius - first_radius)
    exact = inside.reshape(side, fine, side, fine).mean(axis=(1, 3))
    np.testing.assert_allclose(block_mean(coverage(capsules, 16 * side), side), exact, atol=0.02)
    is_clear = np.abs(exact - 0.5) > 0.02
    np.testing.assert_array_equal(mask_of(capsules, side)[is_clear], (exact >= 0.5)[is_clear])


@pytest.mark.parametrize("width", [0.2, 0.7, 1.0, 3.0])
@pytest.mark.parametrize("angle", [0.0, 0.3, 0.8])
def test_a_straight_band_covers_its_area(width: float, angle: float) -> None:
    side, length = 64, 40.0
    middle, half = np.full(2, 0.503), length / 2 / side * np.array([np.cos(angle), np.sin(angle)])
    capsules = capsules_of(np.array([middle - half, middle + half]), np.full(2, width / 2 / side))
    area = width * length + np.pi * (width / 2) ** 2
    assert coverage(capsules, side).sum() == pytest.approx(area, rel=0.06)


# Empty images and options


def test_the_share_of_empty_images_is_the_one_asked_for() -> None:
    def empty(fraction: float) -> set[int]:
        made = options(empty_fraction=fraction)
        return {number for number in range(SCENES) if not len(cracks_of(made, "test", number))}

    none, few, many = empty(0), empty(0.1), empty(0.5)
    assert none == set()
    assert 0.05 * SCENES < len(few) < 0.16 * SCENES
    assert 0.4 * SCENES < len(many) < 0.6 * SCENES
    assert few < many
    with pytest.raises(ValidationError, match="less than 1"):
        empty(1)


def test_cracks_are_as_wide_as_asked_for() -> None:
    def width(low: float, high: float) -> float:
        made = options(empty_fraction=0, width=[low, high])
        cracks = [cracks_of(made, "train", number) for number in range(40)]
        area = sum(coverage(capsules, 512).mean() for capsules in cracks)
        return float(area / sum(map(length_within, cracks)))

    narrow, wide = width(0.01, 0.01), width(0.03, 0.03)
    assert 0.5 * 0.01 < narrow < 0.01
    assert 0.5 * 0.03 < wide < 0.03
    assert narrow < width(0.01, 0.03) < wide


def test_backgrounds_are_those_asked_for_and_leave_the_cracks_as_they_are() -> None:
    mixed = [draw(options(), "train", number, 32) for number in range(8)]
    cells = [draw(options(backgrounds=["cells"]), "train", number, 32) for number in range(8)]
    assert {drawn.scene.background for drawn in cells} == {"cells"}
    assert {drawn.scene.background for drawn in mixed} == set(QUICK)
    turned = options(backgrounds=QUICK[::-1])
    for number, (some, other) in enumerate(zip(mixed, cells, strict=True)):
        np.testing.assert_array_equal(some.mask, other.mask)
        np.testing.assert_array_equal(draw(turned, "train", number, 32).image, some.image)


def test_more_contrast_makes_darker_cracks_and_nothing_else() -> None:
    for number in range(4):
        made = {"empty_fraction": 0.0, "backgrounds": ["concrete"]}
        faint = draw(options(contrast=[0.1, 0.1], **made), "train", number, 64)
        strong = draw(options(contrast=[0.8, 0.8], **made), "train", number, 64)
        crack = faint.mask > 0
        np.testing.assert_array_equal(strong.mask, faint.mask)
        assert strong.image[crack].mean() < 0.7 * faint.image[crack].mean()
        wider = cracks_of(options(**made), "train", number) + np.array([0, 0, 0.04, 0, 0, 0.04])
        far = coverage(wider, 64) == 0
        assert np.abs(strong.image[far].astype(int) - faint.image[far]).max() <= 1


def test_distractors_are_no_cracks() -> None:
    for number in range(6):
        plain = draw(options(distractors=0.0), "train", number, 32)
        full = draw(options(distractors=1.0), "train", number, 32)
        np.testing.assert_array_equal(full.mask, plain.mask)
        assert (full.image != plain.image).any()


@pytest.mark.parametrize(("add", "kinds"), [(add_marks, 3), (add_shadow, 1)])
def test_distractors_come_as_often_as_asked_for(add: Callable[..., Any], kinds: int) -> None:
    plain = np.full((16, 16), 0.5, np.float32)

    def share(probability: float) -> float:
        drawn = [add(plain, probability, np.random.default_rng(seed)) for seed in range(100)]
        return float(np.mean([(picture != plain).any() for picture in drawn]))

    assert share(0) == 0
    assert share(1) == pytest.approx(1, abs=0.02)
    assert share(0.2) == pytest.approx(1 - 0.8**kinds, abs=0.12)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"train": 0}, "train"),
        ({"seed": -1}, "seed"),
        ({"empty_fraction": 1.5}, "empty_fraction"),
        ({"width": [0.05, 0.01]}, "width"),
        ({"width": [0.01]}, "width"),
        ({"width": [0.0, 0.01]}, "width"),
        ({"width": [0.1, 0.5]}, "width"),
        ({"contrast": [0.5, 1.0]}, "contrast"),
        ({"contrast": [0.5, 0.2]}, "contrast"),
        ({"backgrounds": []}, "backgrounds"),
        ({"backgrounds": ["sand"]}, "backgrounds"),
        ({"backgrounds": ["grass", "grass"]}, "backgrounds"),
        ({"distractors": -0.1}, "distractors"),
        ({"size": 3}, "size"),
    ],
)
def test_wrong_options_are_refused_by_their_key(wrong: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CracksOptions.model_validate(wrong)
    assert {str(error["loc"][0]) for error in refused.value.errors()} == {key}
