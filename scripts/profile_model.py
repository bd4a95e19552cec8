"""Measure one model's inference at one resolution: see `studygrid.profiling.job`."""

from studygrid.execution.workers import run

run("studygrid.profiling.job")
