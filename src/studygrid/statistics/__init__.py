"""Statistics of studies: pure functions of numbers; knows no torch, no tables and no files."""

from studygrid.statistics.comparisons import Comparison, compare_paired, holm
from studygrid.statistics.intervals import Summary, summarise
from studygrid.statistics.pareto import pareto_front

__all__ = ["Comparison", "Summary", "compare_paired", "holm", "pareto_front", "summarise"]
