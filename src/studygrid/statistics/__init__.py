"""Statistics of studies: pure functions of numbers; knows no torch, no tables and no files."""

from studygrid.statistics.intervals import Summary, summarise

__all__ = ["Summary", "summarise"]
