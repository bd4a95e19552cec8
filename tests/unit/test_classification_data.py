"""The common work of the classification datasets: resizing, splitting, measuring, comparing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.transform import downscale_local_mean

from studygrid.errors import DataError
from studygrid.families.classification.data.shares import training_size
from studygrid.families.classification.data.splits import split_by_class
from studygrid.families.duplicates import MOST_LISTED, find_duplicates
from studygrid.families.images import arrays as image_arrays
from studygrid.families.images.arrays import channel_statistics, write_images
from studygrid.families.images.decode import as_uint8, span_of
from studygrid.families.images.resize import resize_square


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# Resizing


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_area_resize_is_the_mean_of_each_block(factor: int) -> None:
    image = noise(12 * factor, 12 * factor)
    wanted = downscale_local_mean(image.astype(float), (factor, factor))
    assert np.abs(resize_square(image, 12)[0] - wanted).max() <= 1


@pytest.mark.parametrize("side", [32, 47, 64, 100])
def test_area_resize_keeps_the_mean(side: int) -> None:
    image = noise(300, 300)
    assert resize_square(image, side).mean() == pytest.approx(image.mean(), abs=1)


def test_resizing_to_its_own_size_changes_nothing() -> None:
    image = noise(16, 16, 3)
    assert np.array_equal(resize_square(image, 16), image.transpose(2, 0, 1))


def test_enlarging_is_bicubic() -> None:
    image = noise(10, 10)
    wanted = Image.fromarray(image).resize((25, 25), Image.Resampling.BICUBIC)
    assert np.array_equal(resize_square(image, 25)[0], np.asarray(wanted))


def test_each_axis_has_the_filter_that_it_needs() -> None:
    rows = np.repeat(np.array([[0], [200], [0], [200]], np.uint8), 2, axis=1)
    small = resize_square(rows, 2, "stretch")
    assert small.tolist() == [[[100, 100], [100, 100]]]
    wide = resize_square(np.tile(rows, (1, 1)), 4, "stretch")[0]
    assert np.array_equal(wide, np.repeat(rows, 2, axis=1))


def test_crop_takes_the_centre_pad_keeps_all_stretch_fills() -> None:
    image = np.zeros((4, 8), np.uint8)
    image[:, 2:6] = 100
    image[:, :2] = image[:, 6:] = 200
    assert np.unique(resize_square(image, 4, "crop")).tolist() == [100]
    padded = resize_square(image, 8, "pad")[0]
    assert np.array_equal(padded[2:6], image)
    assert padded[:2].max() == padded[6:].max() == 0
    stretched = resize_square(image, 4, "stretch")[0]
    assert stretched.tolist() == [[200, 100, 100, 200]] * 4


def test_every_channel_is_resized_like_a_grey_image() -> None:
    image = noise(20, 14, 5)
    resized = resize_square(image, 7)
    assert resized.shape == (5, 7, 7)
    for channel in range(5):
        assert np.array_equal(resized[channel], resize_square(image[:, :, channel], 7)[0])


# Decoding


def test_palette_and_cmyk_become_rgb() -> None:
    red = Image.new("RGB", (4, 4), (250, 0, 0))
    for mode in ("P", "CMYK"):
        pixels = as_uint8(red.convert(mode))
        assert pixels.shape == (4, 4, 3)
        assert np.abs(pixels[0, 0].astype(int) - [250, 0, 0]).max() <= 6


@pytest.mark.parametrize(("mode", "color"), [("RGBA", (200, 100, 50, 0)), ("LA", (200, 0))])
def test_what_is_transparent_becomes_black(mode: str, color: tuple[int, ...]) -> None:
    assert as_uint8(Image.new(mode, (2, 2), color)).max() == 0
    opaque = as_uint8(Image.new(mode, (2, 2), (*color[:-1], 255)))
    assert opaque[0, 0].tolist() == (list(color[:-1]) if mode == "RGBA" else color[0])


def test_transparent_palette_entry_becomes_black() -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([255, 255, 255, 0, 255, 0])
    image.info["transparency"] = 1
    assert as_uint8(image).max() == 0


def test_grey_in_colour_has_three_equal_channels_and_colour_in_grey_one() -> None:
    grey = Image.fromarray(noise(3, 3))
    assert np.array_equal(as_uint8(grey, "rgb"), np.dstack([np.asarray(grey)] * 3))
    assert as_uint8(Image.new("RGB", (2, 2), (0, 255, 0)), "grey").tolist() == [[150, 150]] * 2


@pytest.mark.parametrize(
    ("low", "high", "kind", "span"),
    [
        (0, 200, "integer", (0, 255)),
        (0, 4000, "integer", (0, 4095)),
        (7, 4096, "integer", (0, 16383)),
        (0, 65535, "integer", (0, 65535)),
        (-5, 90, "integer", (-5, 90)),
        (3, 1e6, "integer", (3, 1e6)),
        (0.0, 1.0, "float", (0, 1)),
        (0.0, 200.5, "float", (0, 255)),
        (-1.0, 1.0, "float", (-1, 1)),
    ],
)
def test_deep_images_span_what_their_source_could_have_held(low, high, kind, span) -> None:
    assert span_of(low, high, kind) == span


def test_sixteen_bits_are_scaled_and_not_cut() -> None:
    values = np.array([[0, 2048, 4095]], np.uint16)
    assert as_uint8(Image.fromarray(values)).tolist() == [[0, 128, 255]]


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        as_uint8(Image.fromarray(np.array([[0.0, np.nan]], np.float32)))


# Splitting


def digests(count: int) -> list[str]:
    return [f"content {number}" for number in range(count)]


@settings(max_examples=40, deadline=None)
@given(
    counts=st.lists(st.integers(3, 40), min_size=2, max_size=5),
    fractions=st.tuples(st.floats(0.05, 0.3), st.floats(0.05, 0.3)),
    seed=st.integers(0, 5),
    copies=st.integers(0, 60),
)
def test_a_split_is_a_partition_of_the_promised_sizes(counts, fractions, seed, copies) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    content = [f"{max(copies, number)}" for number in range(len(labels))]
    shares = {"test": fractions[0], "validation": fractions[1]}
    splits = split_by_class(labels, content, shares, seed)
    assert sorted(np.concatenate(list(splits.values()))) == list(range(len(labels)))
    assert len(splits["train"]) == training_size(counts, fractions)
    for split, share in shares.items():
        held = np.bincount(labels[splits[split]], minlength=len(counts))
        assert (np.abs(held - np.array(counts) * share) <= 1).all()
        assert held.min() >= 1


def test_the_seed_decides_the_split_and_the_order_of_the_samples_does_not() -> None:
    labels, content = np.repeat([0, 1], 50), digests(100)
    first = split_by_class(labels, content, {"test": 0.2}, 0)
    other = split_by_class(labels, content, {"test": 0.2}, 1)
    assert first["test"].tolist() != other["test"].tolist()
    backwards = split_by_class(labels[::-1], content[::-1], {"test": 0.2}, 0)
    assert sorted(99 - backwards["test"]) == first["test"].tolist()


def test_copies_stay_together_in_training() -> None:
    labels = np.repeat([0, 1], 30)
    content = digests(60)
    content[5] = content[40] = content[3]
    for seed in range(10):
        splits = split_by_class(labels, content, {"test": 0.3, "validation": 0.3}, seed)
        assert {3, 5, 40} <= set(splits["train"].tolist())


# Statistics


def test_channel_statistics_are_those_of_numpy_over_the_chosen_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = noise(13, 3, 6, 6)
    chosen = np.array([0, 4, 5, 9, 12])
    whole = channel_statistics(images, chosen)
    wanted = images[chosen].astype(np.float64)
    assert whole[0] == pytest.approx(wanted.mean(axis=(0, 2, 3)), rel=1e-12)
    assert whole[1] == pytest.approx(wanted.std(axis=(0, 2, 3)), rel=1e-12)
    monkeypatch.setattr(image_arrays, "_CHUNK_BYTES", 200)
    assert channel_statistics(images, chosen) == whole


def test_a_constant_channel_has_no_spread() -> None:
    images = np.full((4, 1, 8, 8), 77, np.uint8)
    assert channel_statistics(images, np.arange(4)) == ([77.0], [0.0])


# Duplicates


def test_equal_samples_in_two_splits_are_named_and_others_are_not() -> None:
    splits = {"train": np.array([0, 1, 2]), "validation": np.array([3]), "test": np.array([4, 5])}
    found = find_duplicates(
        ["a", "a", "b", "c", "b", "d"], np.array([0, 1, 0, 0, 0, 1]), splits, list("uvwxyz")
    )
    assert [(item.splits, item.samples) for item in found.across_splits] == [
        (["train", "test"], ["w", "y"])
    ]
    assert (found.groups, found.across_split_groups, found.across_split_samples) == (2, 1, 2)
    assert found.mixed_label_groups == 1


def test_many_duplicates_are_all_counted_and_the_first_are_listed() -> None:
    count = 3 * MOST_LISTED
    splits = {"train": np.arange(count), "validation": np.array([2 * count])}
    splits["test"] = np.arange(count, 2 * count)
    content = [*digests(count), *digests(count), "alone"]
    names = [str(number) for number in range(len(content))]
    found = find_duplicates(content, np.zeros(len(content), int), splits, names)
    assert len(found.across_splits) == MOST_LISTED
    assert found.across_split_groups == count


# Writing


def test_fewer_images_than_foreseen_leave_a_shorter_array(tmp_path: Path) -> None:
    images = noise(5, 8, 8)
    native = write_images(tmp_path, iter(images), most=9, channels=1, side=8)
    assert np.array_equal(np.load(tmp_path / "images.npy")[:, 0], images)
    assert len(set(native.digests)) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["images.npy"]


def test_a_full_disk_is_an_error_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    with pytest.raises(DataError, match="make room"):
        write_images(tmp_path, iter(noise(5, 8, 8)), most=5, channels=1, side=8)
    assert not list(tmp_path.iterdir())


def test_equal_pixels_of_another_shape_are_another_content(tmp_path: Path) -> None:
    flat = np.zeros((2, 8), np.uint8)
    native = write_images(tmp_path, iter([flat, flat.reshape(4, 4)]), 2, 1, 2, "stretch")
    assert native.digests[0] != native.digests[1]
