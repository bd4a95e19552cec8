"""Score one run on the test split: see `studygrid.evaluation`."""

from studygrid.execution.workers import run

run("studygrid.evaluation")
