"""Groups around sampled patterns, blocks that subsets spread over, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from studygrid.errors import DataError
from studygrid.families.prepared import PreparedData, combined_sha256
from studygrid.families.ptychography.data.files.strips import strip_count
from studygrid.families.ptychography.data.groups import (
    blocks_of,
    central_block,
    draw_groups,
    mean_step,
    neighbour_count,
    overlap_of,
    probe_diameter,
    scanned_box,
)
from studygrid.families.ptychography.data.options import GroupOptions
from studygrid.families.ptychography.data.parts import write_parts
from studygrid.families.ptychography.data.scans import Scan
from studygrid.families.ptychography.data.simulated.sampling import defocus_m, distance_m
from studygrid.families.ptychography.data.simulated.sources import told_step_px
from studygrid.families.ptychography.data.subsets import subset_facts
from studygrid.records import DataRecord, write_record
from studygrid.spec import DataSpec
from studygrid.training.subsets import nested_subset
from tests.unit.test_fingerprints import covered


def _raster(rows: int, columns: int, step: float = 5) -> NDArray[np.float32]:
    places = np.indices((rows, columns), np.float32).reshape(2, -1).T
    return places * np.float32(step)


def _options(**values: Any) -> GroupOptions:
    return GroupOptions.model_validate(values)


def test_a_group_of_one_is_the_pattern_itself() -> None:
    groups = draw_groups(_raster(3, 3), _options(), 0, "scan")
    np.testing.assert_array_equal(groups, np.arange(9)[:, None])


def test_a_group_begins_with_its_pattern_and_holds_some_of_its_nearest_once_each() -> None:
    positions = _raster(8, 9) + np.random.default_rng(0).uniform(-1, 1, (72, 2)).astype("f4")
    groups = draw_groups(positions, _options(gridsize=2, neighbours=5), 0, "scan")
    assert groups.shape == (72, 4)
    assert groups.dtype == np.int64
    for place, group in enumerate(groups):
        assert group[0] == place
        assert len(set(group.tolist())) == 4
        distance = np.hypot(*(positions - positions[place]).T)
        nearest = set(np.argsort(distance)[:6].tolist())
        assert set(group.tolist()) <= nearest
    # Drawn, and not the three nearest of all.
    first_three = np.array([np.argsort(np.hypot(*(positions - p).T))[1:4] for p in positions])
    assert not np.array_equal(np.sort(groups[:, 1:]), np.sort(first_three))


def test_every_neighbour_is_drawn_as_often() -> None:
    positions = np.zeros((6, 2), np.float32)
    positions[:, 0] = [0, 1, 2, 3, 4, 5]
    counts = np.zeros(6)
    for seed in range(600):
        group = draw_groups(positions, _options(gridsize=2, neighbours=5, group_seed=seed), 0, "s")
        counts[group[0, 1:]] += 1
    # 3 of 5 each time: 360 expected, standard deviation 12.
    assert counts[0] == 0
    assert np.abs(counts[1:] - 360).max() < 5 * 12


def test_groups_follow_their_seed_and_scan_alone() -> None:
    positions = _raster(6, 6)
    first, again = (draw_groups(positions, _options(gridsize=2), 3, "scan") for _ in range(2))
    np.testing.assert_array_equal(first, again)
    seeded = draw_groups(positions, _options(gridsize=2, group_seed=1), 3, "scan")
    assert not np.array_equal(first, seeded)
    assert not np.array_equal(first, draw_groups(positions, _options(gridsize=2), 4, "scan"))


def test_patterns_at_one_place_are_each_the_first_of_their_group() -> None:
    positions = np.zeros((30, 2), np.float32)
    groups = draw_groups(positions, _options(gridsize=2, neighbours=4), 0, "scan")
    np.testing.assert_array_equal(groups[:, 0], np.arange(30))
    assert all(len(set(group)) == 4 for group in groups.tolist())


def test_too_few_patterns_for_a_group_are_refused() -> None:
    draw_groups(_raster(1, 17), _options(gridsize=2), 0, "scan")
    with pytest.raises(DataError, match=r"a\.npz: has 16 patterns.*16 nearest, so 17 are needed"):
        draw_groups(_raster(4, 4), _options(gridsize=2), 0, "a.npz")


def test_fewer_neighbours_than_a_group_needs_are_refused() -> None:
    assert neighbour_count(_options(gridsize=3)) == 36
    assert neighbour_count(_options(gridsize=1, neighbours=9)) == 0
    with pytest.raises(ValidationError, match=r"`neighbours` \(2\) should be at least 3"):
        _options(gridsize=2, neighbours=2)


def test_blocks_cut_a_scan_into_sixteen_equal_parts() -> None:
    blocks = blocks_of(_raster(8, 8)).reshape(8, 8)
    assert np.bincount(blocks.ravel()).tolist() == [4] * 16
    assert blocks[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert blocks[7, 7] == 15
    line = blocks_of(_raster(1, 8))
    assert line.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("size", [16, 32, 50])
def test_a_subset_holds_each_blocks_share(size: int) -> None:
    blocks = blocks_of(_raster(20, 20))
    small = nested_subset(400, size, blocks, 7)
    large = nested_subset(400, 2 * size, blocks, 7)
    assert set(small.tolist()) < set(large.tolist())
    counts = np.bincount(blocks[small], minlength=16)
    assert np.abs(counts - size / 16).max() <= 1
    assert counts.min() >= 1


def test_the_central_block_is_a_square_around_the_middle() -> None:
    positions = _raster(9, 9)
    block = central_block(positions, 25)
    rows, columns = positions[block].T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 30, 10, 30)
    assert np.array_equal(block, np.sort(block))


def test_the_scanned_box_lies_between_the_outermost_centres() -> None:
    positions = np.array([[2, 3], [10.5, 20.25], [4.25, 7]], np.float32)
    # Centres at rows 10 to 18.5 and columns 11 to 28.25.
    assert scanned_box(positions, 16) == (10, 19, 11, 29)


def test_the_step_of_a_raster_is_found_from_its_positions() -> None:
    assert mean_step(_raster(7, 12, 6.5)) == pytest.approx(6.5)
    assert mean_step(_raster(1, 5, 3)) == pytest.approx(3)
    assert mean_step(_raster(1, 1)) is None


def test_the_diameter_is_that_of_a_disk_and_the_overlap_follows() -> None:
    rows, columns = np.indices((64, 64))
    disk = (np.hypot(rows - 30, columns - 33) < 12).astype(np.complex64)
    assert probe_diameter(disk) == pytest.approx(24, rel=0.02)
    assert overlap_of(_raster(5, 5, 6), disk) == pytest.approx(0.75, abs=0.005)
    assert overlap_of(_raster(1, 1), disk) is None


def _data(folder: Path, **values: Any) -> PreparedData:
    """Return two training scans of 6 x 6, a validation and a test scan, prepared."""
    random = np.random.default_rng(0)
    names = {"a": "train", "b": "train", "c": "validation", "d": "test"}
    scans = [
        Scan(
            name=name,
            split=split,  # type: ignore[arg-type]
            patterns=random.uniform(0.5, 1, (36, 16, 16)).astype(np.float32),
            positions=_raster(6, 6),
            object=np.ones((41, 41), np.complex64),
            probe=np.ones((16, 16), np.complex64),
        )
        for name, split in names.items()
    ]
    parts = write_parts(folder, scans, _options(**values), 16, 1e6, {})
    spec = DataSpec(
        family="ptychography", dataset="scan_files", options={}, resolution=16, source=""
    )
    record = DataRecord(
        spec=spec,
        sha256=combined_sha256(parts.arrays, parts.splits),
        arrays=parts.arrays,
        splits=parts.splits,
        facts=parts.facts,
        duplicates_across_splits=parts.duplicates,
        sequential=parts.sequential,
        licence="",
        citation="",
    )
    write_record(folder / "data.json", record)
    return PreparedData(folder / "data.json")


def test_a_subset_is_told_with_its_different_patterns(tmp_path: Path) -> None:
    data = _data(tmp_path, gridsize=2, neighbours=8)
    groups = data.array("groups")
    chosen = np.array([0, 1, 40])
    facts = subset_facts(data, chosen)
    assert facts == {
        "groups": 3,
        "images": len({place for group in groups[chosen].tolist() for place in group}),
        "selection": "random",
    }
    assert 4 < facts["images"] <= 12
    assert subset_facts(data, data.indices("train"))["images"] == 72


def test_groups_lie_within_their_scan_and_split_and_nest_with_their_subset(tmp_path: Path) -> None:
    data = _data(tmp_path, gridsize=2, neighbours=8)
    groups, scan = data.array("groups"), data.array("scan")
    np.testing.assert_array_equal(scan[groups], np.repeat(scan[:, None], 4, axis=1))
    train = data.indices("train")
    stratum = data.array("block")[train]
    images = []
    for size in (8, 16, 32):
        chosen = train[nested_subset(len(train), size, stratum, 5)]
        images.append(set(groups[chosen].ravel().tolist()))
        assert set(chosen.tolist()) <= images[-1] <= set(train.tolist())
        # Only what is drawn around sampled patterns is used.
        assert len(images[-1]) <= 4 * size
    assert images[0] <= images[1] <= images[2]


def test_the_sequential_selection_is_recorded(tmp_path: Path) -> None:
    data = _data(tmp_path, selection="sequential")
    assert data.record.sequential
    assert subset_facts(data, data.indices("train")[:5])["selection"] == "sequential"
    assert data.array("scan")[data.indices("train")[:36]].max() == 0


def test_what_makes_groups_strips_and_steps_counts_as_code_of_the_preparation() -> None:
    here = "studygrid.families.ptychography.data"
    for module, deciding in {
        f"{here}.files.prepare": (neighbour_count, strip_count),
        f"{here}.simulated.prepare": (neighbour_count, told_step_px, distance_m, defocus_m),
    }.items():
        seen = set(covered([module]))
        assert {function.__module__ for function in deciding} <= seen
