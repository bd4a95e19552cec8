"""Tables and names in plain text, in columns of a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

_GAP = "  "


def text_table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return rows, the first of which is the heading, as lines of aligned columns.

    The first column is flush left, the others flush right. Columns that do not fit in `width`
    are left out, from the right.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    while len(widths) > 1 and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widths.pop()
    lines = [
        _GAP.join(
            padded(text, size, left=not at)
            for at, (text, size) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * max(map(cell_len, lines)), *lines[1:]]


def padded(text: str, width: int, left: bool = True) -> str:
    """Return text with spaces to a width in columns of the terminal."""
    space = " " * max(0, width - cell_len(text))
    return f"{text}{space}" if left else f"{space}{text}"


def wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    """Return text in lines of at most `width` columns; all but the first are indented."""
    room = width - len(indent)
    # The standard library's textwrap takes wide letters for narrow ones.
    parts = [part for word in text.split() for part in chop_cells(word, room)]
    margin = text[: len(text) - len(text.lstrip())]
    lines = [margin]
    for part in parts:
        longer = f"{lines[-1]} {part}" if lines[-1].strip() else f"{lines[-1]}{part}"
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(f"{indent}{part}")
    return lines


def short_names(names: Iterable[str], width: int) -> dict[str, str]:
    """Return names of at most `width` columns, each its own: long ones are cut and numbered."""
    short: dict[str, str] = {}
    for name in dict.fromkeys(names):
        found = name if cell_len(name) <= width else _cut(name, width, "…")
        count = 1
        while found in short.values():
            count += 1
            found = _cut(name, width, f"…{count}")
        short[name] = found
    return short


def _cut(name: str, width: int, ending: str) -> str:
    return set_cell_size(name, width - cell_len(ending)) + ending
