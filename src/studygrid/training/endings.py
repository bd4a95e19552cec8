"""How a run ends before its budget is spent: diverged, out of memory, or asked to stop."""

from __future__ import annotations

import signal
from types import TracebackType

import torch

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "_ALLOC_FAILED")


class Diverged(Exception):  # noqa: N818 (a result, not an error)
    """A loss or gradient is not a finite number any more; the message says which and when."""


class Interrupted(Exception):  # noqa: N818 (a request, not an error)
    """The run was asked to stop; its state is that of the step it names."""


def out_of_memory(error: Exception) -> str | None:
    """Return what was said when a device's or the host's memory ran out; None of other errors.

    Only CUDA's own allocator has an error class; the CPU's and cuBLAS's are told by their words.
    """
    message = str(error)
    if not isinstance(error, torch.OutOfMemoryError | MemoryError) and not (
        isinstance(error, RuntimeError) and any(words in message for words in _OUT_OF_MEMORY)
    ):
        return None
    return next(iter(message.strip().splitlines()), type(error).__name__)


class StopRequest:
    """Turns SIGTERM (a time limit, a pre-emption) into a request, while the context is open."""

    def __init__(self) -> None:
        self.made = False

    def __enter__(self) -> StopRequest:
        self._previous = signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGTERM, self._previous)

    def _ask(self, signum: int, frame: object) -> None:
        self.made = True
