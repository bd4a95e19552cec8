"""What libraries in C++ print, kept off the job's log."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def captured_output() -> Iterator[Callable[[], str]]:
    """Take what is printed to file descriptor 1, by any library; yield what returns it so far.

    Pythia has no stream for its messages that Python could set, and FastJet prints a banner.
    """
    library = ctypes.CDLL(None)

    def flush() -> None:
        sys.stdout.flush()
        library.fflush(None)

    with tempfile.TemporaryFile() as file:

        def text() -> str:
            flush()
            file.seek(0)
            return file.read().decode(errors="replace")

        flush()
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            yield text
        finally:
            flush()
            os.dup2(kept, 1)
            os.close(kept)
