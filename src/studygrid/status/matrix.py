"""The grid as a matrix: rows model and resolution, columns sizes; as rich as fits the width."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from studygrid.status.run_view import RunView
from studygrid.status.states import State
from studygrid.status.words import STYLES, UNKNOWN, Words, duration, epoch

Cell = Callable[[Sequence[RunView], Words], Text]
_GAP = 2
_LEAST_NAME = 10
_MOST_GLYPHS = 10
LONGEST_CAPTION = "one sign a seed; epoch and most time left"
# States that a summary of a cell must not hide, in the order of their urgency.
_MARKED = (State.FAILED, State.SILENT, State.RUNNING, State.TO_EVALUATE)


@dataclass(frozen=True)
class _Layout:
    """What a row, a column and a cell stand for."""

    rows: Callable[[RunView], tuple[Any, ...]]
    row_titles: tuple[str, ...]
    column: Callable[[RunView], Any]
    cell: Cell
    caption: str


def matrix(
    views: Sequence[RunView], words: Words, width: int, height: int | None = None
) -> tuple[RenderableType, str]:
    """Return the matrix of runs, and what its cells show.

    Parameters
    ----------
    views
        The runs, in axis order.
    width
        Columns of the terminal; the matrix is made poorer until it fits.
    height
        Rows that it may take, its header included; any number where None.
    """
    layouts = list(_layouts(views))
    for layout in layouts:
        if height is None or len(set(map(layout.rows, views))) < height:
            filled = _Filled(layout, views, words)
            if filled.least_width <= width:
                return filled.table(width, height), layout.caption
    # It is too long whatever a row stands for: the last rows are left out, and counted.
    by_model = (layout for layout in layouts if len(layout.row_titles) == 1)
    shortest = [_Filled(layout, views, words) for layout in by_model]
    best = next((filled for filled in shortest if filled.least_width <= width), shortest[-1])
    return best.table(width, height), best.layout.caption


def least_heights(views: Sequence[RunView]) -> tuple[int, int]:
    """Return the rows that the matrix takes with a row a model and resolution, and a model."""
    rows = {(view.run.model, view.run.resolution) for view in views}
    return len(rows) + 1, len({model for model, _ in rows}) + 1


def _layouts(views: Sequence[RunView]) -> Iterable[_Layout]:
    """Yield layouts, the richest first."""
    seeds = Counter((view.run.model, view.run.resolution, view.run.n_train) for view in views)
    cells: list[tuple[Cell, str]] = [(_counts, "done/planned"), (_share, "share that is done")]
    if max(seeds.values(), default=0) <= _MOST_GLYPHS:
        cells.insert(0, (_signs, "one sign a seed"))
        if any(view.state is State.RUNNING for view in views):
            cells.insert(0, (_signs_and_progress, LONGEST_CAPTION))
    rows = [
        (lambda v: (v.run.model, v.run.resolution), ("model", "resolution")),
        (lambda v: (v.run.model,), ("model",)),
    ]
    for key, titles in rows:
        for cell, caption in cells if len(titles) == 2 else cells[-2:]:
            yield _Layout(key, titles, lambda v: v.run.n_train, cell, caption)
        yield _Layout(key, titles, lambda v: "all sizes", _counts, "done/planned")


class _Filled:
    """A layout with the runs in it."""

    def __init__(self, layout: _Layout, views: Sequence[RunView], words: Words) -> None:
        self.layout, self._words = layout, words
        columns = dict.fromkeys(map(layout.column, views))
        self._columns = sorted(columns, key=lambda size: (isinstance(size, str), size))
        groups: dict[tuple[Any, ...], dict[Any, list[RunView]]] = defaultdict(dict)
        for view in views:
            groups[layout.rows(view)].setdefault(layout.column(view), []).append(view)
        self._rows = {
            row: [layout.cell(cells[c], words) if c in cells else Text() for c in self._columns]
            for row, cells in groups.items()
        }
        self._heads = [f"n={c}" if isinstance(c, int) else str(c) for c in self._columns]

    @cached_property
    def _least_name(self) -> int:
        longest = max((cell_len(row[0]) for row in self._rows), default=0)
        return max(len("model"), min(longest, _LEAST_NAME))

    @cached_property
    def least_width(self) -> int:
        """The width in which only the model's name is cut."""
        parts = [self._least_name]
        if len(self.layout.row_titles) > 1:
            widths = [len(str(row[1])) for row in self._rows]
            parts.append(max(len(self.layout.row_titles[1]), *widths))
        for position, head in enumerate(self._heads):
            cells = (row[position].cell_len for row in self._rows.values())
            parts.append(max(len(head), *cells))
        return sum(parts) + _GAP * (len(parts) - 1)

    def table(self, width: int, height: int | None) -> RenderableType:
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
        table.add_column("model", no_wrap=True, style="bold")
        for title in self.layout.row_titles[1:]:
            table.add_column(title, no_wrap=True, justify="right")
        for head in self._heads:
            table.add_column(head, no_wrap=True, overflow="crop")
        most = len(self._rows) if height is None else max(height - 1, 1)
        cut = len(self._rows) > most
        rows = list(self._rows.items())[: max(most - 1, 1) if cut else most]
        name_width = max(width - self.least_width, 0) + self._least_name
        for (model, *rest), cells in rows:
            name = self._words.cut_name(self._words.clean(model), name_width)
            table.add_row(Text(name), *map(str, rest), *cells)
        if not cut:
            return table
        more = f"{self._words.sign('…')} {len(self._rows) - len(rows)} more rows"
        return Group(table, Text(more, "dim"))


def _signs(views: Sequence[RunView], words: Words) -> Text:
    return Text.assemble(*((words.glyph(view.state), STYLES[view.state]) for view in views))


def _signs_and_progress(views: Sequence[RunView], words: Words) -> Text:
    text = _signs(views, words)
    running = [view for view in views if view.state is State.RUNNING]
    if running:
        longest = max(running, key=lambda v: float("inf") if v.left_sec is None else v.left_sec)
        left = UNKNOWN if longest.left_sec is None else duration(longest.left_sec)
        text.append(f" {epoch(longest)} {left}", STYLES[State.RUNNING])
    return text


def _counts(views: Sequence[RunView], words: Words) -> Text:
    counts = Counter(view.state for view in views)
    text = Text(f"{counts[State.DONE]}/{len(views)}", _summary_style(counts, len(views)))
    for state in _MARKED:
        if counts[state]:
            text.append(f" {words.glyph(state)}{counts[state]}", STYLES[state])
    return text


def _share(views: Sequence[RunView], words: Words) -> Text:
    counts = Counter(view.state for view in views)
    done = counts[State.DONE]
    # Rounded down: 100 % is said of a cell that is done, and of no other.
    text = Text(f"{100 * done // len(views)}%", _summary_style(counts, len(views)))
    worst = next((state for state in _MARKED if counts[state]), None)
    if worst is not None:
        text.append(words.glyph(worst), STYLES[worst])
    return text


def _summary_style(counts: Counter[State], planned: int) -> str:
    if counts[State.DONE] == planned:
        return STYLES[State.DONE]
    return STYLES[State.WAITING] if counts[State.WAITING] == planned else ""
