"""The profile job: the cost of inference of one model at one resolution."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from studygrid.execution.failures import first_line
from studygrid.execution.jobs import (
    Lease,
    arguments,
    leased_device,
    log,
    ran_out_of_memory,
    run_job,
)
from studygrid.execution.locks import sole_writer
from studygrid.execution.provenance import Clock
from studygrid.execution.slurm import job_here
from studygrid.families import load_family
from studygrid.families.base import Family, Task, load_reference
from studygrid.families.prepared import PreparedData
from studygrid.profiling.flops import count_flops
from studygrid.profiling.latency import measure_latency, summarise
from studygrid.profiling.memory import DeviceMemory, other_load, peak_host_memory_mb
from studygrid.records import Latency, ProfileRecord, Status, write_record
from studygrid.spec import ProfileSpec
from studygrid.training.precision import autocast, resolve_precision, set_arithmetic


def main(argv: list[str] | None = None) -> int:
    """Run the profile job of a command line; return the exit status."""
    parser = arguments("Measure a model's inference.")
    parser.add_argument("--data", type=Path, required=True, help="record of the prepared data")
    parser.add_argument("--output", type=Path, required=True, help="the record to write")
    return run_job(_profile, parser.parse_args(argv))


def _profile(options: argparse.Namespace) -> None:
    spec = ProfileSpec.model_validate_json(options.spec)
    # Held until the end: no other job runs on this device meanwhile, or on a CPU, on this machine.
    with (
        sole_writer(options.output.parent, options.output.stem),
        leased_device(options, alone=True) as lease,
    ):
        record = profile_model(spec, options, lease)
        write_record(options.output, record)
    log.info("profiled: %s", record.reason or f"{record.flops_per_sample:,} FLOPs a sample")


def profile_model(spec: ProfileSpec, options: argparse.Namespace, lease: Lease) -> ProfileRecord:
    """Measure a model; one that does not fit into the device's memory is a result."""
    clock = Clock(options.code)
    set_arithmetic(deterministic=False)
    torch.set_num_threads(spec.profiling.threads)
    device = lease.device
    data = PreparedData(options.data)
    family = load_family(spec.family)
    task: Task = load_reference(family.task)(family, spec, data, device)
    torch.default_generator.manual_seed(0)
    layout = torch.channels_last if spec.channels_last else torch.contiguous_format
    model = task.build_model().to(memory_format=layout).eval()  # type: ignore[call-overload]
    flops, latency = None, list[Latency]()
    status, reason = Status.OK, None
    with other_load() as load:
        try:
            model.to(device)
            flops = count_flops(model, task.example(1), may_be_none=_is_fitted(family, spec))
            latency.extend(_latencies(spec, task, model, device))
        except Exception as error:
            if not ran_out_of_memory(error, device):
                raise
            status, reason = Status.OOM, first_line(error)
    return ProfileRecord(
        status=status,
        reason=reason,
        spec=spec,
        input_shape=list(task.example(1)[0].shape[1:]),
        precision=str(resolve_precision(spec.profiling.precision, device)).removeprefix("torch."),
        channels_last=spec.channels_last,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        flops_per_sample=flops,
        latency=latency,
        peak_host_memory_mb=peak_host_memory_mb(),
        # Who else a scheduler lets onto a node's cores is not known here.
        ran_alone=not (lease.shared or (device.type == "cpu" and job_here())),
        other_load_cores=load.cores,
        origin=clock.origin(device),
    )


def _is_fitted(family: Family, spec: ProfileSpec) -> bool:
    architecture = family.find_architecture(spec.architecture)
    return architecture is not None and architecture.fits


def _latencies(
    spec: ProfileSpec, task: Task, model: nn.Module, device: torch.device
) -> Iterator[Latency]:
    profiling = spec.profiling
    precision = resolve_precision(profiling.precision, device)
    for batch_size in profiling.batch_sizes:
        memory = DeviceMemory(device)
        batch = tuple(
            part.contiguous(memory_format=torch.channels_last)
            if spec.channels_last and part.dim() == 4
            else part
            for part in task.example(batch_size)
        )

        # Opened once: weights are cast to bfloat16 in the first pass, not in each.
        with torch.inference_mode(), autocast(precision, device):
            times = measure_latency(
                functools.partial(model, *batch),
                device,
                measure_sec=profiling.measure_sec,
                min_repeats=profiling.min_repeats,
                warmup_sec=profiling.warmup_sec,
            )
        yield summarise(times, batch_size, memory.peak_mb())
        # Freed before the next batch size starts to count memory.
        del batch, times


if __name__ == "__main__":
    sys.exit(main())
