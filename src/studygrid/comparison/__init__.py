"""Comparing configurations that exist, of one study or of several, in numbers and in words.

The input is a frame with one row a run, so it does not matter who trained the runs, or where.
"""

from studygrid.comparison.best import Best
from studygrid.comparison.comparing import Comparison, Peers, compare_runs, losses_of
from studygrid.comparison.text import text

__all__ = ["Best", "Comparison", "Peers", "compare_runs", "losses_of", "text"]
