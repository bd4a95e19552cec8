"""How a run ends before its budget is spent: diverged, asked to stop, or not to be trained so."""

from __future__ import annotations

import signal
from types import TracebackType

from studygrid.errors import StudygridError


class Diverged(Exception):  # noqa: N818 (a result, not an error)
    """A loss or gradient is not a finite number any more; the message says which and when."""


class LoneSampleError(StudygridError):
    """A model that cannot train on one sample at a time was given one; the message says why."""


class Interrupted(Exception):  # noqa: N818 (a request, not an error)
    """The run was asked to stop; its state is that of the step it names."""


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopRequest:
    """Turns SIGTERM (a time limit, a pre-emption), Ctrl-C and a lost terminal into a request.

    It holds in its context. A signal that is ignored (SIGHUP under nohup) stays so.
    """

    def __init__(self) -> None:
        self.made = False

    def __enter__(self) -> StopRequest:
        heeded = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
        self._previous = {number: signal.signal(number, self._ask) for number in heeded}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, signum: int, frame: object) -> None:
        self.made = True
