"""The measurements of profiling: operations, times, memory, and other processes' load."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

import studygrid
from studygrid.errors import StudygridError
from studygrid.families.classification.models import timm_models, torchvision_models
from studygrid.families.classification.options import TimmOptions
from studygrid.families.networks.options import NetworkOptions
from studygrid.families.networks.shape import InputShape
from studygrid.profiling import memory
from studygrid.profiling.flops import count_flops
from studygrid.profiling.latency import (
    LatencyTimes,
    measure_latency,
    summarise,
    timed_passes,
    warm_up,
)

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def laps(times: Iterator[float]) -> Callable[[], float]:
    return lambda: next(times)


# --- FLOPs


@pytest.fixture(scope="module")
def resnet18() -> nn.Module:
    options = NetworkOptions.model_validate({})
    return torchvision_models.build(InputShape(3, 1000, 224), options, "resnet18")


def test_a_linear_layer_counts_two_operations_a_weight() -> None:
    assert count_flops(nn.Linear(30, 7), (torch.zeros(1, 30),)) == 2 * 30 * 7


def test_a_grouped_convolution_counts_its_own_weights_alone() -> None:
    layer = nn.Conv2d(8, 12, 3, groups=4, padding=1)
    assert count_flops(layer, (torch.zeros(1, 8, 5, 6),)) == 2 * (12 * 2 * 9) * 5 * 6


def test_the_stem_of_resnet_counts_twice_its_multiply_accumulates(resnet18: nn.Module) -> None:
    # 64 filters of 3 x 7 x 7 at 112 x 112 places.
    assert 2 * 64 * 3 * 7 * 7 * 112 * 112 == 236_027_904
    stem = resnet18.get_submodule("conv1")
    assert count_flops(stem, (torch.zeros(1, 3, 224, 224),)) == 236_027_904


def test_resnet18_counts_twice_the_gmacs_that_torchvision_publishes(resnet18: nn.Module) -> None:
    flops = count_flops(resnet18, (torch.zeros(1, 3, 224, 224),))
    assert flops / 2e9 == pytest.approx(1.814, abs=5e-4)


def test_a_vision_transformer_counts_its_attention() -> None:
    model = timm_models.build(
        InputShape(3, 1000, 224), TimmOptions.model_validate({}), "vit_tiny_patch16_224"
    )
    width, tokens = 192, 1 + 14 * 14
    projections = tokens * (3 + 1 + 4 + 4) * width * width
    attention = 2 * tokens * tokens * width
    patches, head = 14 * 14 * (3 * 16 * 16) * width, width * 1000
    by_hand = 2 * (12 * (projections + attention) + patches + head)
    assert count_flops(model, (torch.zeros(1, 3, 224, 224),)) == by_hand


@pytest.mark.parametrize("caller", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_fused_transformer_layer_is_counted_in_every_mode(
    caller: Callable[[], Any], frozen: bool
) -> None:
    width, hidden, tokens = 32, 48, 10
    layer = nn.TransformerEncoderLayer(width, 4, hidden, batch_first=True)
    layer.requires_grad_(not frozen)
    with caller():
        flops = count_flops(layer, (torch.zeros(1, tokens, width),))
    projections = tokens * (4 * width * width + 2 * width * hidden)
    assert flops == 2 * (projections + 2 * tokens * tokens * width)


def test_counting_restores_the_mode_and_leaves_no_gradient() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    statistics = model[1].running_mean.clone()
    for training in (True, False):
        model.train(training)
        count_flops(model, (torch.ones(1, 1, 5, 5),))
        assert model.training is training
        assert all(parameter.grad is None for parameter in model.parameters())
        assert torch.equal(model[1].running_mean, statistics)
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_count_of_zero_is_an_error_unless_it_may_be() -> None:
    with pytest.raises(StudygridError, match="ReLU: none were counted"):
        count_flops(nn.ReLU(), (torch.zeros(1, 3),))
    assert count_flops(nn.ReLU(), (torch.zeros(1, 3),), may_be_none=True) == 0


# --- Latency


def test_warm_up_ends_once_two_windows_agree() -> None:
    # Windows of 3 passes: medians 4, 2, 1.01, 1.
    falling = [4.0] * 3 + [2.0] * 3 + [1.01, 9.0, 0.5] + [1.0] * 3
    assert warm_up(laps(iter(falling)), warmup_sec=50) == (12, True)


def test_warm_up_gives_up_after_its_time() -> None:
    falling = (100 * 0.9**i for i in itertools.count())
    passes, steady = warm_up(laps(falling), warmup_sec=500)
    assert not steady
    assert (
        sum(100 * 0.9**i for i in range(passes - 1))
        < 500
        <= sum(100 * 0.9**i for i in range(passes))
    )


def test_a_pass_longer_than_the_warm_up_is_run_once() -> None:
    assert warm_up(laps(iter([7.0])), warmup_sec=2) == (1, False)


def test_short_passes_are_warmed_up_for_a_tenth_of_the_time_at_least() -> None:
    passes, steady = warm_up(laps(itertools.repeat(1e-3)), warmup_sec=2)
    assert steady
    assert passes == pytest.approx(200, abs=2)


def test_timed_passes_fill_the_time_and_the_least_number() -> None:
    assert timed_passes(laps(itertools.repeat(0.25)), 2.0, 3).tolist() == [0.25] * 8
    assert timed_passes(laps(itertools.repeat(5.0)), 2.0, 3).tolist() == [5.0] * 3


def test_every_pass_runs_in_inference_mode_without_garbage_collection() -> None:
    seen = []

    def forward() -> None:
        seen.append((torch.is_inference_mode_enabled(), gc.isenabled()))
        time.sleep(1e-3)

    times = measure_latency(forward, CPU, measure_sec=0.01, min_repeats=5, warmup_sec=0.05)
    assert set(seen) == {(True, False)}
    assert gc.isenabled()
    assert not torch.is_inference_mode_enabled()
    assert times.times_sec.size >= 5
    assert len(seen) == times.warmup_passes + times.times_sec.size
    assert (times.times_sec >= 1e-3).all()


def test_a_pass_that_fails_turns_garbage_collection_on_again() -> None:
    def forward() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        measure_latency(forward, CPU, measure_sec=1, min_repeats=1, warmup_sec=1)
    assert gc.isenabled()


@pytest.mark.parametrize("repeats", [1, 2, 5, 1000])
def test_a_summary_agrees_with_scipy(repeats: int) -> None:
    times = np.random.default_rng(repeats).lognormal(-5, 1, repeats)
    latency = summarise(LatencyTimes(times, 9, True), 32, (None, None))
    assert latency.median_sec_per_batch == pytest.approx(scipy.stats.scoreatpercentile(times, 50))
    assert latency.iqr_sec_per_batch == pytest.approx(scipy.stats.iqr(times), abs=1e-15)
    assert latency.p95_sec_per_batch == pytest.approx(scipy.stats.scoreatpercentile(times, 95))
    assert (latency.repeats, latency.warmup_passes, latency.steady) == (repeats, 9, True)


def test_a_summary_shares_a_batch_among_its_samples() -> None:
    times = np.array([0.4, 0.2, 0.3])
    latency = summarise(LatencyTimes(times, 0, False), 6, (12.5, 20.0))
    assert latency.median_sec_per_sample == pytest.approx(0.05)
    assert latency.throughput_samples_per_sec == pytest.approx(20)
    # 95 % between the ordered times: 0.3 + 0.9 x 0.1.
    assert latency.p95_sec_per_sample == pytest.approx(0.39 / 6)
    assert latency.peak_device_memory_allocated_mb == 12.5
    assert latency.peak_device_memory_reserved_mb == 20


@pytest.mark.parametrize("times", [[], [0.0], [0.0, 0.0, 1.0]])
def test_passes_without_a_time_are_an_error(times: list[float]) -> None:
    with pytest.raises(StudygridError, match="batch size 4"):
        summarise(LatencyTimes(np.array(times), 0, False), 4, (None, None))


# --- Memory and load


def child(code: str) -> subprocess.Popen[str]:
    """Start a Python process that knows this package, its output read line by line."""
    path = str(Path(studygrid.__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {path!r})\n{code}"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells programs apart")
def test_the_host_peak_is_of_this_program_and_outlives_what_it_held() -> None:
    held = np.ones(600_000_000, np.uint8)
    code = """
import numpy as np
from studygrid.profiling.memory import peak_host_memory_mb
print(peak_host_memory_mb())
held = np.ones(400_000_000, np.uint8)
print(peak_host_memory_mb())
del held
print(peak_host_memory_mb())
"""
    with child(code) as process:
        output, _ = process.communicate()
    before, holding, after = map(float, output.split())
    # The parent's memory shows in the child's ru_maxrss, and must not show here.
    assert before < held.nbytes / 1e6
    assert 400 <= holding < before + 410
    # The kernel counts pages in batches.
    assert holding - 2 <= after < holding + 10


def test_the_host_peak_counts_children_that_were_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def usage(who: int) -> Any:
        peak = 9_000_000 if who == memory.resource.RUSAGE_CHILDREN else 1
        return type("Usage", (), {"ru_maxrss": peak})

    monkeypatch.setattr(memory.resource, "getrusage", usage)
    monkeypatch.setattr(sys, "platform", "linux")
    assert memory.peak_host_memory_mb() == pytest.approx(9_000_000 * 1024 / 1e6)
    monkeypatch.setattr(memory, "_own_peak_bytes", lambda: 0)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.peak_host_memory_mb() == pytest.approx(9)


def test_a_cpu_has_no_device_memory() -> None:
    assert memory.DeviceMemory(CPU).peak_mb() == (None, None)


@pytest.mark.parametrize(
    ("busy", "own", "cores"),
    [
        ((100.0, 108.0), (10.0, 14.0), 1.0),
        ((100.0, 104.0), (10.0, 14.0), 0.0),
        ((100.0, 103.9), (10.0, 14.0), 0.0),
    ],
)
def test_other_load_is_the_busy_time_that_is_not_ours(
    monkeypatch: pytest.MonkeyPatch,
    busy: tuple[float, float],
    own: tuple[float, float],
    cores: float,
) -> None:
    monkeypatch.setattr(memory, "_busy_sec", laps(iter(busy)))
    monkeypatch.setattr(memory, "_own_sec", laps(iter(own)))
    monkeypatch.setattr(memory.time, "monotonic", laps(iter((50.0, 54.0))))
    with memory.other_load() as load:
        pass
    assert load.cores == pytest.approx(cores)


def test_own_work_counts_as_own_and_as_busy() -> None:
    busy, own = memory._busy_sec(), memory._own_sec()
    stop = time.process_time() + 0.3
    while time.process_time() < stop:
        pass
    assert memory._own_sec() - own >= 0.28
    assert memory._busy_sec() - busy >= 0.2


def test_a_child_counts_as_own_while_it_lives_and_after() -> None:
    own = memory._own_sec()
    code = """
import time
while time.process_time() < 0.3:
    pass
print("done", flush=True)
sys.stdin.read()
"""
    with child(code) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert memory._own_sec() - own >= 0.28
        process.kill()
        process.wait()
    assert memory._own_sec() - own >= 0.28


# --- On a CUDA device


@pytest.mark.gpu
@needs_cuda
def test_cuda_passes_are_timed_to_the_end_of_their_kernels() -> None:
    device = torch.device("cuda")
    matrix = torch.randn(4096, 4096, device=device)

    def forward() -> torch.Tensor:
        return matrix @ matrix @ matrix @ matrix

    times = measure_latency(forward, device, measure_sec=0.2, min_repeats=5, warmup_sec=1)
    # No device multiplies faster than 1000 TFLOPS in float32.
    assert np.median(times.times_sec) > 3 * 2 * 4096**3 / 1e15


@pytest.mark.gpu
@needs_cuda
def test_the_device_peak_is_of_this_measurement_alone() -> None:
    device = torch.device("cuda")
    torch.empty(400_000_000, dtype=torch.uint8, device=device)
    before = torch.cuda.memory_allocated(device) / 1e6
    measured = memory.DeviceMemory(device)
    torch.empty(100_000_000, dtype=torch.uint8, device=device)
    allocated, reserved = measured.peak_mb()
    assert allocated is not None
    assert reserved is not None
    assert before + 100 <= allocated <= before + 103
    assert allocated <= reserved < before + 400


@pytest.mark.gpu
@needs_cuda
def test_flops_are_the_same_on_cuda() -> None:
    model = nn.TransformerEncoderLayer(64, 4, 48, batch_first=True)
    example = torch.zeros(1, 16, 64)
    on_cpu = count_flops(model, (example,))
    assert count_flops(model.cuda(), (example.cuda(),)) == on_cpu
