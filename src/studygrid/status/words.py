"""How states, times and names are written, whatever a terminal can show."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from studygrid.grid import Run
from studygrid.status.run_view import RunView
from studygrid.status.states import State

# What stands for a state: where the terminal's encoding has it, and in ASCII.
_GLYPHS: dict[State, tuple[str, str]] = {
    State.DONE: ("✓", "+"),
    State.RUNNING: ("▶", ">"),
    State.TO_EVALUATE: ("▷", "e"),
    State.SILENT: ("!", "!"),
    State.FAILED: ("✗", "x"),
    State.WAITING: ("·", "."),
}
_SIGNS = {"…": "...", "━": "=", "─": "-"}
STYLES: dict[State, str] = {
    State.DONE: "green",
    State.RUNNING: "bold cyan",
    State.TO_EVALUATE: "blue",
    State.SILENT: "bold yellow",
    State.FAILED: "bold red",
    State.WAITING: "dim",
}
UNKNOWN = "?"


@dataclass(frozen=True)
class Words:
    """Writes for an encoding.

    Attributes
    ----------
    encoding
        That of the terminal or file.
    zone
        The time zone in which times are written; this machine's where None.
    """

    encoding: str = "utf-8"
    zone: tzinfo | None = None

    def glyph(self, state: State) -> str:
        """Return the sign of a state; in ASCII if any of them cannot be written."""
        return _GLYPHS[state][0 if self._can(*(glyph for glyph, _ in _GLYPHS.values())) else 1]

    def sign(self, name: str) -> str:
        """Return a sign, or what stands for it in ASCII."""
        return name if self._can(name) else _SIGNS[name]

    def clean(self, text: str) -> str:
        """Return a text of others that moves no cursor and breaks no line.

        Control and format characters become spaces, and what the encoding has not, question
        marks.
        """
        plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
        return " ".join(plain.encode(self.encoding, "replace").decode(self.encoding).split())

    def cut(self, text: str, width: int) -> str:
        """Return a text that takes no more than `width` columns."""
        if cell_len(text) <= width:
            return text
        dots = self.sign("…")
        return set_cell_size(text, max(width - len(dots), 0)).rstrip() + dots[: max(width, 0)]

    def cut_name(self, name: str, width: int) -> str:
        """Return a name that takes no more than `width` columns; its start and end are kept."""
        dots = self.sign("…")
        kept = width - len(dots)
        if cell_len(name) <= width or kept < 2:
            return self.cut(name, width)
        end = kept // 2
        start = set_cell_size(name, kept - end)
        tail = next(name[i:] for i in range(len(name) + 1) if cell_len(name[i:]) <= end)
        return f"{start}{dots}{tail}"

    def run(self, run: Run, width: int | None = None) -> str:
        """Return a run's path below ``runs``; to fit a width, the model's name is cut."""
        model = self.clean(run.model)
        rest = run.path[len(run.model) :]
        return (model if width is None else self.cut_name(model, max(width - len(rest), 4))) + rest

    def time(self, at: float, now: float) -> str:
        """Return a time of the clock, with the day unless it is today."""
        moment, today = (datetime.fromtimestamp(t).astimezone(self.zone) for t in (at, now))
        same = moment.date() == today.date()
        return moment.strftime("%H:%M %Z" if same else "%Y-%m-%d %H:%M %Z")

    @property
    def dot(self) -> str:
        """What stands between the parts of a line."""
        return " · " if self._can("·") else ", "

    def flow(self, parts: Iterable[Text], width: int, dot: str | None = None) -> Text:
        """Return parts with a dot between them, on lines that break between parts alone."""
        dot = self.dot if dot is None else dot
        lines: list[Text] = []
        for part in parts:
            if lines and lines[-1].cell_len + len(dot) + part.cell_len <= width:
                lines[-1] = Text.assemble(lines[-1], dot, part)
            else:
                lines.append(part)
        return Text("\n").join(lines)

    def _can(self, *signs: str) -> bool:
        try:
            "".join(signs).encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True


def duration(seconds: float | None) -> str:
    """Return a time span: ``0:12``, ``3:04:05``, ``2d 03:04``; ``?`` where it is not known."""
    if seconds is None:
        return UNKNOWN
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02}:{minutes:02}"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def rate(value: float | None) -> str:
    """Return a rate in three digits; ``?`` where it is not known."""
    if not value:
        return UNKNOWN if value is None else "0"
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def epoch(view: RunView) -> str:
    """Return the epoch that a run is in: ``3/5``, or ``3`` or ``?``."""
    if view.log.epochs is None:
        return str(view.log.epoch + 1) if view.log.epoch else UNKNOWN
    return f"{min(view.log.epoch + 1, view.log.epochs)}/{view.log.epochs}"
