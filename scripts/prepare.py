"""Prepare a dataset at one resolution: see `studygrid.preparation`."""

from studygrid.execution.workers import run

run("studygrid.preparation")
