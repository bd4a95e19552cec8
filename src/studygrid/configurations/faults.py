"""What is wrong with the configurations of a command line, gathered and said at once."""

from __future__ import annotations

from typing import Any

from studygrid.config_errors import ABSENT, Problem, problem_text
from studygrid.errors import ConfigError


class Faults:
    """Faults found so far, by what they are of: a configuration, or another part of a study."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, None]] = {}

    def begin(self, of: str) -> None:
        """Give the faults of something, should there be any, their place behind those before."""
        self._lines.setdefault(of, {})

    def add(
        self,
        of: str,
        keys: str,
        message: str,
        value: Any = ABSENT,
        hint: str | None = None,
    ) -> None:
        """Note what is wrong with some keys (none: with the whole); the same is noted once."""
        where = f"{of}: {keys}" if keys else of
        line = problem_text(where, Problem((), message, value, hint))
        self._lines.setdefault(of, {})[line] = None

    def raise_all(self) -> None:
        """Raise one error with all of them, if there are any.

        Raises
        ------
        ConfigError
            With a line for each.
        """
        lines = [line for lines in self._lines.values() for line in lines]
        if lines:
            count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
            raise ConfigError("\n  ".join([f"{count}; nothing was started:", *lines]))
