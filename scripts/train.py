"""Train one run: see `studygrid.training.job`."""

from studygrid.execution.workers import run

run("studygrid.training.job")
