"""The state of a study on a terminal or on paper: head, matrix, lists."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from studygrid.status.matrix import LONGEST_CAPTION, least_heights, matrix
from studygrid.status.study_state import RunView, State, StudyState
from studygrid.status.words import STYLES, Words, duration, epoch, rate

_LISTED = 20
# Of one line a state, the rest need not be counted: the head does.
_LIST_LENGTHS = (20, 10, 5, 3, 2, 1, 0)
_NAMED = 4


def screen(
    study: StudyState,
    words: Words,
    width: int,
    height: int | None = None,
    *,
    whole: bool = False,
) -> Group:
    """Return what there is to see of a study.

    Parameters
    ----------
    width, height
        Those of the terminal; what does not fit is summarised. Any number of lines where None.
    whole
        Whether all runs that are listed are listed in full, however long that is: for a file.
    """
    head = Group(*_head(study, words, width, bar=not whole))
    if height is None:
        most, list_width = (len(study.runs), None) if whole else (_LISTED, width)
        lists = Group(*_lists(study, words, list_width, most, fold=True))
        free = None
    else:
        lists, free = _fitting(study, words, width, height - _lines(head, width))
    table, caption = matrix(study.runs, words, width, free)
    legend = _legend(study, caption, words, width)
    below: list[RenderableType] = [Text(), lists] if lists.renderables else []
    return Group(head, Text(), table, legend, *below)


def _fitting(study: StudyState, words: Words, width: int, height: int) -> tuple[Group, int]:
    """Return lists as long as leaves the matrix its rows, and the rows left for it."""
    rows = height - _lines(Group(_legend(study, LONGEST_CAPTION, words, width)), width) - 2
    for wanted in least_heights(study.runs):
        for most in _LIST_LENGTHS:
            lists = Group(*_lists(study, words, width, most, fold=False))
            free = rows - _lines(lists, width)
            if free >= wanted:
                return lists, free
    lists = Group(*_lists(study, words, width, 1, fold=False))
    return lists, max(rows - _lines(lists, width), 3)


def counts(study: StudyState) -> list[tuple[str, State]]:
    """Return how many runs are in each state that has some, in words."""
    found = study.counts
    done = (f"{found.pop(State.DONE)}/{len(study.runs)} done", State.DONE)
    return [done, *((f"{count} {state}", state) for state, count in found.items() if count)]


def expected_end(study: StudyState, words: Words) -> str:
    """Return when all training is expected to have ended, or why that cannot be known."""
    if all(view.has_ended for view in study.runs):
        return "all runs have ended"
    if study.end_in_sec is not None:
        at = words.time(study.now + study.end_in_sec, study.now)
        return f"end expected {at}, in {duration(study.end_in_sec)}"
    if study.without_estimate:
        verb = "remains" if study.without_estimate == 1 else "remain"
        why = f"nothing is known yet of {_some(study.without_estimate, 'run')} that {verb}"
    elif study.remaining_sec:
        why = "nothing is in training"
    else:
        why = "only evaluations remain"
    return f"end expected ? ({why})"


def notes(study: StudyState, words: Words) -> list[str]:
    """Return what a reader should know of where the state comes from, a sentence each."""
    found, source = [], study.notes
    if source.plan_problem is not None:
        found.append(
            f"no plan: {source.plan_problem}; only runs that have a folder are known, not those "
            "that wait"
        )
    if source.outside:
        running = sum(view.state is State.RUNNING for view in source.outside)
        named = _named((view.run.path for view in source.outside), words)
        found.append(
            f"{_some(len(source.outside), 'run')} outside the plan, {running} of them running: "
            f"{named}"
        )
    if source.unreadable_lines:
        lines = _some(sum(source.unreadable_lines.values()), "line")
        named = _named((run.path for run in source.unreadable_lines), words)
        found.append(f"{lines} of event logs could not be read, and were left out: {named}")
    if source.unreadable_logs:
        told = (f"{run.path} ({why})" for run, why in source.unreadable_logs.items())
        logs = _some(len(source.unreadable_logs), "event log")
        found.append(f"{logs} cannot be opened: {_named(told, words)}")
    return [words.clean(sentence) for sentence in found]


def _head(study: StudyState, words: Words, width: int, *, bar: bool) -> Iterable[RenderableType]:
    name, folder = words.clean(study.name), words.clean(study.folder)
    if bar:
        name = words.cut(name, width)
        folder = words.cut_name(folder, max(width - cell_len(name) - 2, 0))
    yield Text("  ").join(filter(None, [Text(name, "bold"), Text(folder, "dim")]))
    if bar:
        yield _bar(study, words, width)
    yield words.flow((Text(text, STYLES[state]) for text, state in counts(study)), width)
    yield words.flow(map(Text, [*_rates(study), expected_end(study, words)]), width)
    for sentence in notes(study, words):
        yield Text(f"note: {sentence}", "yellow")


def _bar(study: StudyState, words: Words, width: int) -> Text:
    """Return a bar of the states; the counts below it say the same in words."""
    length, total, text, shown = min(width, 60), len(study.runs), Text(), 0
    passed = 0
    for state, count in study.counts.items():
        passed += count
        end = length * passed // total if total else 0
        sign = words.sign("─") if state is State.WAITING else words.sign("━")
        text.append(sign * (end - shown), STYLES[state])
        shown = end
    return text


def _rates(study: StudyState) -> Iterable[str]:
    recent = study.activity
    if recent is not None:
        yield f"{rate(recent.runs_per_hour)} runs/h"
        window = duration(recent.window_sec)
        yield f"{rate(recent.runs_in_training)} in training at once (last {window})"
    if study.steps_per_sec is not None:
        yield f"{rate(study.steps_per_sec)} steps/s"
    if study.samples_per_sec is not None:
        yield f"{rate(study.samples_per_sec)} samples/s"


def _legend(study: StudyState, caption: str, words: Words, width: int) -> Text:
    parts = [
        Text.assemble((words.glyph(state), STYLES[state]), f" {state}")
        for state, count in study.counts.items()
        if count
    ]
    text = words.flow([*parts, Text(f"({caption})")], width, "  ")
    text.stylize("dim")
    return text


def _lists(
    study: StudyState, words: Words, width: int | None, most: int, *, fold: bool
) -> Iterable[RenderableType]:
    running = study.by_state[State.RUNNING]
    if running and most:
        yield _running(running[:most], words, width)
        yield from _rest(running, most, words)
    for state in (State.SILENT, State.TO_EVALUATE, State.FAILED):
        views = study.by_state[state]
        for view in views[:most]:
            yield _line(view, words, width, fold=fold)
        yield from _rest(views, most, words)
    waiting = study.counts[State.WAITING]
    if waiting and most > 1:
        glyph = words.glyph(State.WAITING)
        yield Text(f"{glyph} {_some(waiting, 'run')} waiting", STYLES[State.WAITING])


def _running(views: Sequence[RunView], words: Words, width: int | None) -> Table:
    columns = [("epoch", epoch), ("left", lambda v: duration(v.left_sec))]
    if width is None or width >= 60:
        columns.append(("steps/s", lambda v: rate(v.log.steps_per_sec)))
    if width is None or width >= 76:
        columns.append(("samples/s", lambda v: rate(v.log.samples_per_sec)))
    if width is None or width >= 100:
        columns.append(("last event", lambda v: f"{duration(v.age_sec)} ago"))
    cells = [[value(view) for _, value in columns] for view in views]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(f"{words.glyph(State.RUNNING)} running", no_wrap=True)
    taken = 0
    for position, (title, _) in enumerate(columns):
        table.add_column(title, no_wrap=True, justify="right")
        taken += 2 + max(len(title), *(len(row[position]) for row in cells))
    for view, row in zip(views, cells, strict=True):
        name = words.run(view.run, None if width is None else width - taken - 2)
        table.add_row(Text(f"{words.glyph(State.RUNNING)} {name}", STYLES[State.RUNNING]), *row)
    return table


def _line(view: RunView, words: Words, width: int | None, *, fold: bool) -> Text:
    """Return a run and what became of it, on one line unless it may fold."""
    since = duration(view.age_sec)
    told = {
        State.SILENT: f"silent in epoch {epoch(view)}: no event for {since}, {view.reason}",
        State.TO_EVALUATE: f"trained {since} ago, to evaluate",
        State.FAILED: f"failed: {view.reason}",
    }[view.state]
    name = f"{words.glyph(view.state)} {words.run(view.run, width and width - 2)}"
    text = f"{name}  {words.clean(told)}"
    line = Text(text if fold or width is None else words.cut(text, width))
    line.stylize(STYLES[view.state], 0, len(name))
    return line


def _rest(views: Sequence[RunView], most: int, words: Words) -> Iterable[Text]:
    if len(views) > most > 1:
        state = views[0].state
        yield Text(f"  {words.sign('…')} {len(views) - most} more {state}", "dim")


def _named(names: Iterable[str], words: Words) -> str:
    listed = list(names)
    more = [f"and {len(listed) - _NAMED} more"] if len(listed) > _NAMED else []
    return ", ".join([*listed[:_NAMED], *more])


def _some(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _lines(group: Group, width: int) -> int:
    console = Console(width=width, file=io.StringIO())
    return len(console.render_lines(group, pad=False)) if group.renderables else 0
