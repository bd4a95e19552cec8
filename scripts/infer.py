"""Score one run once more, on any split: see `studygrid.inference`."""

from studygrid.execution.workers import run

run("studygrid.inference")
