"""Where a record comes from: time, machine, libraries, commit."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import psutil
import torch

from studygrid.execution.events import utc_now
from studygrid.records import Device, Hardware, Origin, Software
from studygrid.version import __version__

_MEGABYTE = 1e6


class Clock:
    """Started when a job starts; gives the origin of its record when it ends."""

    def __init__(self, code: str) -> None:
        self._started_at = utc_now()
        self._started = time.perf_counter()
        self._code = code

    def origin(self, device: torch.device) -> Origin:
        """Return the origin of a record that is written now."""
        return Origin(
            started_at=self._started_at,
            finished_at=utc_now(),
            total_time_sec=time.perf_counter() - self._started,
            code=self._code,
            command=list(sys.argv),
            hardware=_hardware(device),
            software=_software(),
        )


def _hardware(device: torch.device) -> Hardware:
    return Hardware(
        host=socket.gethostname(),
        device=device_facts(device),
        device_count=torch.cuda.device_count() if device.type == "cuda" else 1,
        cpu=_cpu_name(),
        cpu_count=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        memory_mb=psutil.virtual_memory().total / _MEGABYTE,
    )


def device_facts(device: torch.device) -> Device:
    """Return what a record says of a device."""
    if device.type != "cuda":
        return Device(type=device.type, name=_cpu_name(), uuid=None, memory_mb=None, driver=None)
    facts = torch.cuda.get_device_properties(device)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return Device(
        type="cuda",
        name=facts.name,
        uuid=visible if visible.startswith("MIG-") else f"GPU-{facts.uuid}",
        memory_mb=facts.total_memory / _MEGABYTE,
        driver=_driver(),
    )


@cache
def _driver() -> str | None:
    try:
        text = Path("/proc/driver/nvidia/version").read_text("utf-8")
    except OSError:
        text = _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader") or ""
    found = re.search(r"\d{3,}\.\d+(?:\.\d+)?", text)
    return found[0] if found else None


@cache
def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _software() -> Software:
    source = Path(__file__).parent
    cudnn = None
    if torch.cuda.is_available():
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    changes = _output("git", "-C", str(source), "status", "--porcelain", "--untracked-files=no")
    return Software(
        studygrid=__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        cuda=torch.version.cuda,
        cudnn=None if cudnn is None else str(cudnn),
        platform=platform.platform(),
        git_commit=_output("git", "-C", str(source), "rev-parse", "HEAD") or None,
        git_dirty=None if changes is None else bool(changes),
    )


def _output(*command: str) -> str | None:
    """Return what a command prints, or None where it cannot be run or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
