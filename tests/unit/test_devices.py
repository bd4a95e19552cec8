"""Leases of GPUs: who runs where, beside whom, and what happens when a holder dies."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from studygrid.execution import devices
from studygrid.execution.devices import Gpu, gpu_lease, machine_share, visible_gpus

A, B = Gpu("GPU-a", "GPU-a"), Gpu("GPU-b", "GPU-b")

LISTED = """GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa-1)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb-2)
  MIG 1g.5gb      Device  0: (UUID: MIG-cccc-3)
  MIG 1g.5gb      Device  1: (UUID: MIG-dddd-4)
GPU 2: NVIDIA H100 80GB HBM3 (UUID: GPU-eeee-5)
"""


# --- Which there are


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put an nvidia-smi on the path that prints what the file beside it says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\n[ "$1" = -L ] && cat {folder / "listed"}\n')
    program.chmod(0o755)
    (folder / "listed").write_text(LISTED)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "listed"


@pytest.mark.usefixtures("tool")
@pytest.mark.parametrize(
    ("named", "found"),
    [
        (None, [("GPU-aaaa-1",) * 2, ("MIG-cccc-3",) * 2, ("GPU-eeee-5",) * 2]),
        ("0", [("0", "GPU-aaaa-1")]),
        ("2,0", [("2", "GPU-eeee-5"), ("0", "GPU-aaaa-1")]),
        (" 2 , 0 ", [("2", "GPU-eeee-5"), ("0", "GPU-aaaa-1")]),
        ("GPU-ee", [("GPU-ee", "GPU-eeee-5")]),
        ("MIG-dddd-4", [("MIG-dddd-4", "MIG-dddd-4")]),
        ("0,7,2", [("0", "GPU-aaaa-1")]),
        ("0,-1,2", [("0", "GPU-aaaa-1")]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
    ],
)
def test_the_gpus_are_those_that_cuda_would_see(
    named: str | None, found: Sequence[tuple[str, str]]
) -> None:
    environment = {} if named is None else {"CUDA_VISIBLE_DEVICES": named}
    assert visible_gpus(environment) == [Gpu(*each) for each in found]


def test_a_machine_without_a_driver_has_none(
    tool: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tool.parent / "nvidia-smi").write_text("#!/bin/sh\necho NVIDIA-SMI has failed; exit 9\n")
    monkeypatch.setattr(devices, "_DEVICE_FILES", tmp_path)
    assert visible_gpus({}) == []
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "0"}) == []


def test_without_the_tool_the_device_files_are_counted(
    tool: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tool.parent / "nvidia-smi").unlink()
    monkeypatch.setenv("PATH", str(tool.parent))
    monkeypatch.setattr(devices, "_DEVICE_FILES", tmp_path)
    for name in ("nvidia10", "nvidia2", "nvidia0", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert visible_gpus({}) == [Gpu("0", "nvidia0"), Gpu("1", "nvidia2"), Gpu("2", "nvidia10")]


# --- Who has them

HOLD = """
import sys, time
from studygrid.execution.devices import *
gpus = [Gpu(name, name) for name in sys.argv[2].split(",")]
waits = lambda: print("waits", flush=True)
with eval(sys.argv[1]) as gpu:
    print("has", gpu and gpu.uuid, flush=True)
    sys.stdin.readline()
"""


class Holders:
    """Processes that hold leases until they are told to end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *, alone: bool, slots: int = 1, gpus: str = "GPU-a,GPU-b") -> Holder:
        how = f"gpu_lease(gpus, alone={alone}, jobs_per_gpu={slots}, on_wait=waits)"
        return self.run(how, gpus)

    def run(self, how: str, gpus: str = "GPU-a") -> Holder:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, how, gpus],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self.folder)},
        )
        self.processes.append(process)
        return Holder(process)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


class Holder:
    """One of them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def says(self) -> str:
        """Return its next line, once it is there."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.process.wait(10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def holders(tmp_path: Path) -> Iterator[Holders]:
    holders = Holders(tmp_path)
    yield holders
    holders.stop()


def test_jobs_take_a_device_each_and_the_next_waits(holders: Holders) -> None:
    first, second = holders.start(alone=False), holders.start(alone=False)
    assert {first.says(), second.says()} == {"has GPU-a", "has GPU-b"}
    third = holders.start(alone=False)
    assert third.says() == "waits"
    second.end()
    assert third.says() in ("has GPU-a", "has GPU-b")


def test_a_killed_holder_leaves_no_lease(holders: Holders) -> None:
    first = holders.start(alone=False, gpus="GPU-a")
    assert first.says() == "has GPU-a"
    second = holders.start(alone=False, gpus="GPU-a")
    assert second.says() == "waits"
    first.kill()
    assert second.says() == "has GPU-a"


def test_no_more_jobs_share_a_device_than_may_and_the_emptiest_is_taken(holders: Holders) -> None:
    sharing = [holders.start(alone=False, slots=2) for _ in range(4)]
    assert sorted(holder.says() for holder in sharing[:4]) == [
        *["has GPU-a"] * 2,
        *["has GPU-b"] * 2,
    ]
    fifth = holders.start(alone=False, slots=2)
    assert fifth.says() == "waits"
    sharing[0].end()
    assert fifth.says().startswith("has")


def test_a_job_alone_waits_for_all_others_and_keeps_new_ones_out(holders: Holders) -> None:
    sharing = holders.start(alone=False, slots=2, gpus="GPU-a")
    assert sharing.says() == "has GPU-a"
    alone = holders.start(alone=True, gpus="GPU-a")
    assert alone.says() == "waits"
    time.sleep(0.5)  # it queues now
    late = holders.start(alone=False, slots=2, gpus="GPU-a")
    assert late.says() == "waits"
    sharing.end()
    assert alone.says() == "has GPU-a"
    alone.end()
    assert late.says() == "has GPU-a"


def test_a_job_alone_leaves_the_other_devices_to_others(holders: Holders) -> None:
    alone = holders.start(alone=True)
    had = alone.says()
    other = holders.start(alone=False)
    assert {had, other.says()} == {"has GPU-a", "has GPU-b"}


def test_a_job_alone_takes_whichever_device_gets_free_first(holders: Holders) -> None:
    sharing = {(holder := holders.start(alone=False)).says(): holder for _ in range(2)}
    alone = holders.start(alone=True)
    assert alone.says() == "waits"
    time.sleep(0.5)
    sharing["has GPU-b"].end()
    assert alone.says() == "has GPU-b"


def test_who_waits_to_have_the_machine_alone_is_not_overtaken(holders: Holders) -> None:
    first = holders.run("machine_share(alone=False)")
    assert first.says() == "has None"
    alone = holders.run("machine_share(alone=True)")
    time.sleep(1.5)  # it queues now
    late = holders.run("machine_share(alone=False)")
    time.sleep(1.5)
    first.end()
    assert alone.says() == "has None"
    alone.end()
    assert late.says() == "has None"


def test_leases_are_given_back_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    waited: list[int] = []
    for _ in range(3):
        for alone in (True, False):
            with gpu_lease(
                [A], alone=alone, jobs_per_gpu=1, on_wait=lambda: waited.append(1)
            ) as gpu:
                assert gpu == A
            with machine_share(alone=alone):
                pass
    assert waited == []
    with ExitStack() as stack:
        for _ in range(2):
            lease = gpu_lease([A, B], alone=False, jobs_per_gpu=1, on_wait=lambda: waited.append(1))
            stack.enter_context(lease)
    assert waited == []


def test_a_job_of_a_scheduler_shares_its_own_part_of_the_machine(
    holders: Holders, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = holders.run("machine_share(alone=True)")
    assert alone.says() == "has None"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    inside = holders.run("machine_share(alone=True)")
    assert inside.says() == "has None"
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    assert holders.run("machine_share(alone=True)").says() == "has None"
