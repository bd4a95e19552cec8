"""Time of a forward pass: warmed up until steady, timed pass by pass."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from studygrid.errors import StudygridError
from studygrid.records import Latency

STEADY_WITHIN = 0.05
"""Relative change of the median between two windows of passes below which times are steady."""

_WINDOW_PASSES = 3
_WINDOWS_IN_WARMUP = 20


@dataclass(frozen=True)
class LatencyTimes:
    """Timed passes.

    Attributes
    ----------
    times_sec
        Time of each pass, shape (repeats,), in seconds.
    warmup_passes
        Passes before them that were timed and thrown away.
    steady
        Whether the warm-up ended because the times had settled, not because it took too long.
    """

    times_sec: NDArray[np.float64]
    warmup_passes: int
    steady: bool


def measure_latency(
    forward: Callable[[], object],
    device: torch.device,
    *,
    measure_sec: float,
    min_repeats: int,
    warmup_sec: float,
) -> LatencyTimes:
    """Time a forward pass, in inference mode and without garbage collection.

    Parameters
    ----------
    forward
        One pass; its result is thrown away.
    device
        Where it runs. On CUDA a pass is timed by events, from an idle device until the last
        kernel ended, so it includes the time to launch kernels; elsewhere by the clock.
    measure_sec
        Time to spend on timed passes.
    min_repeats
        Least number of timed passes, however long they take.
    warmup_sec
        Longest warm-up.
    """
    lap = _stopwatch(forward, device)
    with torch.inference_mode(), _garbage_collection_off():
        warmup_passes, steady = warm_up(lap, warmup_sec)
        times = timed_passes(lap, measure_sec, min_repeats)
    return LatencyTimes(times, warmup_passes, steady)


def warm_up(lap: Callable[[], float], warmup_sec: float) -> tuple[int, bool]:
    """Run passes until their times settle.

    They have settled when the median of a window of passes is within `STEADY_WITHIN` of the
    median of the window before. A window is at least 3 passes and a twentieth of `warmup_sec`.

    Parameters
    ----------
    lap
        Runs one pass and returns its time in seconds.
    warmup_sec
        Where to give up.

    Returns
    -------
    passes, steady
        How many passes were run, and whether they settled.
    """
    window: list[float] = []
    before: float | None = None
    passes, spent = 0, 0.0
    while spent < warmup_sec:
        window.append(lap())
        passes, spent = passes + 1, spent + window[-1]
        if len(window) < _WINDOW_PASSES or sum(window) < warmup_sec / _WINDOWS_IN_WARMUP:
            continue
        median = float(np.median(window))
        if before is not None and abs(median - before) <= STEADY_WITHIN * before:
            return passes, True
        window, before = [], median
    return passes, False


def timed_passes(
    lap: Callable[[], float], measure_sec: float, min_repeats: int
) -> NDArray[np.float64]:
    """Run passes for `measure_sec`, and `min_repeats` at least; return the time of each."""
    times: list[float] = []
    spent = 0.0
    while spent < measure_sec or len(times) < min_repeats:
        times.append(lap())
        spent += times[-1]
    return np.array(times)


def summarise(
    times: LatencyTimes, batch_size: int, peak_mb: tuple[float | None, float | None]
) -> Latency:
    """Summarise timed passes of batches of one size.

    Per-sample times are those of a batch divided by its size: shares of a batch, not what a
    single sample would take.

    Parameters
    ----------
    times
        As measured.
    batch_size
        Samples in each pass.
    peak_mb
        Device memory allocated and reserved at most, as `DeviceMemory.peak_mb` returns it.

    Raises
    ------
    StudygridError
        If no pass was timed, or passes are too short for the clock.
    """
    if times.times_sec.size == 0 or not np.median(times.times_sec) > 0:
        raise StudygridError(
            f"latency at batch size {batch_size}: {times.times_sec.size} passes took no time "
            "that the clock can show; measure a larger batch"
        )
    quartile1, median, quartile3, p95 = np.percentile(times.times_sec, (25, 50, 75, 95)).tolist()
    return Latency(
        batch_size=batch_size,
        repeats=times.times_sec.size,
        warmup_passes=times.warmup_passes,
        steady=times.steady,
        median_sec_per_batch=median,
        iqr_sec_per_batch=quartile3 - quartile1,
        p95_sec_per_batch=p95,
        median_sec_per_sample=median / batch_size,
        p95_sec_per_sample=p95 / batch_size,
        throughput_samples_per_sec=batch_size / median,
        peak_device_memory_allocated_mb=peak_mb[0],
        peak_device_memory_reserved_mb=peak_mb[1],
    )


def _stopwatch(forward: Callable[[], object], device: torch.device) -> Callable[[], float]:
    if device.type == "cuda":
        return lambda: _cuda_lap(forward, device)
    return lambda: _clock_lap(forward)


def _clock_lap(forward: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    forward()
    return (time.perf_counter_ns() - start) * 1e-9


def _cuda_lap(forward: Callable[[], object], device: torch.device) -> float:
    with torch.cuda.device(device):
        start = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        end = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
        start.record()
        forward()
        end.record()
        end.synchronize()
        elapsed_ms: float = start.elapsed_time(end)
        return elapsed_ms * 1e-3


@contextmanager
def _garbage_collection_off() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
