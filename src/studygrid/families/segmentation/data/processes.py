"""A function over many items in several processes, which end with the one that started them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_LOOK_SEC = 0.5


def in_processes(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """Yield what a function returns for each item, in the order of the items.

    Parameters
    ----------
    function
        To be found by its name in a module. It must not use threads of OpenMP or BLAS, which do
        not survive a fork.
    workers
        Processes; with one, the function is called in this process.

    Raises
    ------
    ChildProcessError
        If one of the processes is killed. What the function raises is raised here.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(function, items)
        return
    # Forked: another way to start would import the job's script, which would run the job again.
    pool = ProcessPoolExecutor(workers, get_context("fork"), _begin, (os.getpid(),))
    try:
        yield from pool.map(function, items)
    except BrokenProcessPool:
        raise ChildProcessError(
            f"one of {workers} processes was killed, for want of memory perhaps (the kernel's log "
            "knows); give the job more memory or fewer threads"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    # Ctrl-C reaches all processes of a terminal; the parent answers for them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    # A killed parent tells nobody; its locks are held until its children are gone, too.
    while os.getppid() == parent:
        time.sleep(_LOOK_SEC)
    os._exit(1)
