"""When a table is as old as: what a command writes must not look newer than it is.

Snakemake takes a table for finished when it is newer than every record. A table that is written
while a study runs has been read before the last records came, so it is given the time at which
reading began: a record that was finished since is newer, and ``snakemake all`` makes the table
again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

# A record of the same tick must count as newer, also when times are compared as floats.
_TICK_NS = 1_000_000


def moment_in(folder: Path) -> int:
    """Return the present, in nanoseconds, by the clock that dates the files of a folder.

    It is asked of a file that is made and dropped: on a network disk that clock is the server's,
    and on any disk it ticks more coarsely than the computer's own.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".studygrid.", suffix=".part") as file:
        return os.fstat(file.fileno()).st_mtime_ns - _TICK_NS


def date(paths: Iterable[Path], moment: int) -> None:
    """Give files the time of a moment before their content was read."""
    for path in paths:
        os.utime(path, ns=(moment, moment))
