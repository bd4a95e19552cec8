"""Make a shard of a dataset: see `studygrid.sharding`."""

from studygrid.execution.workers import run

run("studygrid.sharding")
