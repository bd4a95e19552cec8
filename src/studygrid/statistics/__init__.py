"""Statistics of studies: pure functions of numbers; knows no torch, no tables and no files."""

from studygrid.statistics.comparisons import Comparison, compare_paired, holm
from studygrid.statistics.crossover import Crossing, Crossover, Span, find_crossover
from studygrid.statistics.intervals import Summary, summarise
from studygrid.statistics.outliers import Judged, judge
from studygrid.statistics.pareto import pareto_front

__all__ = [
    "Comparison",
    "Crossing",
    "Crossover",
    "Judged",
    "Span",
    "Summary",
    "compare_paired",
    "find_crossover",
    "holm",
    "judge",
    "pareto_front",
    "summarise",
]
