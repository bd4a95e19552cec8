"""What ends the preparation of masks, and the processes that it runs in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from studygrid.families.segmentation.data.parts import describe_parts, foreground_pixels
from studygrid.families.segmentation.data.processes import in_processes
from studygrid.records import DuplicateSample

_HANGING = r"""
import os, sys, time
from studygrid.families.segmentation.data.processes import in_processes
def hang(item):
    os.write(1, f"{os.getpid()}\n".encode())  # print may write the number and the newline apart
    time.sleep(600)
list(in_processes(hang, [1, 2], 2))
"""


def test_parts_tell_what_the_arrays_hold(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (6, 3, 8, 8), np.uint8)
    masks = np.zeros((6, 8, 8), np.uint8)
    masks[1, 0, :4], masks[2, :2], masks[4, 3, 3] = 1, 2, 2
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "masks.npy", masks)
    splits = {
        "train": np.array([0, 1, 2]),
        "validation": np.array([3]),
        "test": np.array([5, 4]),
    }
    leak = DuplicateSample(splits=["train", "test"], samples=["a", "b"])
    facts = {"names": list("abcdef"), "sample_count": 7}
    parts = describe_parts(tmp_path, splits, ["background", "cell", "wall"], facts, [leak])

    assert set(parts.arrays) == {"images", "masks", "has_foreground", "width_px"}
    widths = np.load(tmp_path / "width_px.npy")
    assert np.isnan(widths).tolist() == [True, True, True, True, False, True]
    stratum = np.load(tmp_path / "has_foreground.npy")
    assert stratum.dtype == np.int64
    assert stratum.tolist() == [0, 1, 1, 0, 1, 0]
    assert {name: split.class_counts for name, split in parts.splits.items()} == {
        "train": [1, 2],
        "validation": [1, 0],
        "test": [1, 1],
    }
    assert np.load(tmp_path / "test.npy").tolist() == [4, 5]
    assert parts.facts["classes"] == ["background", "cell", "wall"]
    assert parts.facts["channels"] == 3
    assert parts.facts["mean"] == pytest.approx(images[:3].mean(axis=(0, 2, 3)))
    assert parts.facts["std"] == pytest.approx(images[:3].std(axis=(0, 2, 3)))
    assert parts.facts["empty_masks"] == {"train": 1, "validation": 1, "test": 1}
    assert parts.facts["foreground_share"] == {
        "train": 20 / 192,
        "validation": 0.0,
        "test": 1 / 128,
    }
    assert parts.facts["names"] == list("abcdef")
    assert parts.facts["sample_count"] == 7
    assert parts.duplicates == [leak]


def test_foreground_is_counted_chunk_by_chunk() -> None:
    masks = np.zeros((5, 3000, 3000), np.uint8)
    for number in range(5):
        masks[number, : number * 100, 0] = number + 1
    assert foreground_pixels(masks).tolist() == [0, 100, 200, 300, 400]


def _process(item: int) -> tuple[int, int]:
    return item * item, os.getpid()


def _refuse(item: int) -> int:
    if item == 3:
        raise ValueError("three is not allowed")
    return item


def _die(item: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def test_results_come_in_order_from_other_processes() -> None:
    found = list(in_processes(_process, range(20), 2))
    assert [square for square, _ in found] == [item * item for item in range(20)]
    assert os.getpid() not in {process for _, process in found}
    assert {process for _, process in in_processes(_process, range(3), 1)} == {os.getpid()}
    assert list(in_processes(_process, [], 4)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_process_surfaces_as_it_is(workers: int) -> None:
    with pytest.raises(ValueError, match="three is not allowed"):
        list(in_processes(_refuse, range(6), workers))


def test_a_killed_process_is_told() -> None:
    with pytest.raises(ChildProcessError, match="was killed"):
        list(in_processes(_die, range(4), 2))


def test_processes_end_with_the_one_that_started_them() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HANGING], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
        parent.kill()
        deadline = time.monotonic() + 60
        while any(map(_is_alive, children)) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = [child for child in children if _is_alive(child)]
        for child in left:
            child.kill()
    assert left == []


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
