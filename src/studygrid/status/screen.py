"""The state of a study on a terminal or on paper: head, matrix, lists."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from studygrid.status.matrix import LONGEST_CAPTION, least_heights, matrix
from studygrid.status.run_view import RunView
from studygrid.status.sentences import advice, some, told_of, waiting_again
from studygrid.status.states import State
from studygrid.status.study_state import StudyState
from studygrid.status.words import STYLES, Words, duration, epoch, rate

_LISTED = 20
# Of one line a state, the rest need not be counted: the head does.
_LIST_LENGTHS = (20, 10, 5, 3, 2, 1, 0)
_NAMED = 4
_ENDED = "all runs have ended"


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
        most, list_width = (max(len(study.runs), _LISTED), None) if whole else (_LISTED, width)
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
        undone = sum(not view.is_result for view in study.by_state[State.FAILED])
        return f"nothing runs; {some(undone, 'run')} to go on with" if undone else _ENDED
    if study.end_in_sec is not None:
        at = words.time(study.now + study.end_in_sec, study.now)
        return f"end expected {at}, in {duration(study.end_in_sec)}"
    if study.without_estimate:
        verb = "remains" if study.without_estimate == 1 else "remain"
        why = f"nothing is known yet of {some(study.without_estimate, 'run')} that {verb}"
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
            f"{some(len(source.outside), 'run')} outside the plan, {running} of them running: "
            f"{named}"
        )
    if source.unreadable_lines:
        lines = some(sum(source.unreadable_lines.values()), "line")
        named = _named((run.path for run in source.unreadable_lines), words)
        found.append(f"{lines} of event logs could not be read, and were left out: {named}")
    if source.slurm_problem is not None:
        found.append(f"Slurm could not be asked for the jobs of runs: {source.slurm_problem}")
    if source.unreadable_logs:
        told = (f"{run.path} ({why})" for run, why in source.unreadable_logs.items())
        logs = some(len(source.unreadable_logs), "event log")
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
    if any(job.state is not State.DONE for job in study.jobs):
        yield words.flow(map(Text, _other_jobs(study)), width)
    for sentence in notes(study, words):
        yield Text(f"note: {sentence}", "yellow")


def _other_jobs(study: StudyState) -> Iterable[str]:
    """Return how many of the jobs that are of no run are done, a rule each."""
    for rule in dict.fromkeys(job.rule for job in study.jobs):
        found = Counter(job.state for job in study.jobs if job.rule == rule)
        failed = f", {found[State.FAILED]} failed" if found[State.FAILED] else ""
        yield f"{rule} {found[State.DONE]}/{found.total()} done{failed}"


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
        yield from _rest(State.RUNNING, len(running), most, words)
    for state in (State.SILENT, State.TO_EVALUATE, State.FAILED):
        found = [(words.run(v.run, width and width - 2), told_of(v)) for v in study.by_state[state]]
        if state is State.FAILED:
            found += [
                (words.clean(job.name), f"failed: {job.reason}")
                for job in study.jobs
                if job.state is state
            ]
        for name, told in found[:most]:
            yield _line(state, name, told, words, width, fold=fold)
        yield from _rest(state, len(found), most, words)
    if most > 1:
        for text in advice(study):
            line = words.clean(text)
            yield Text(line if fold or width is None else words.cut(line, width))
    waiting = study.by_state[State.WAITING]
    for name, why in waiting_again(waiting, words)[:most]:
        yield _line(State.WAITING, name, f"waiting: {why}", words, width, fold=fold)
    if waiting and most > 1:
        glyph = words.glyph(State.WAITING)
        yield Text(f"{glyph} {some(len(waiting), 'run')} waiting", STYLES[State.WAITING])


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


def _line(
    state: State, name: str, told: str, words: Words, width: int | None, *, fold: bool
) -> Text:
    """Return a run or job and what became of it, on one line unless it may fold."""
    name = f"{words.glyph(state)} {name}"
    text = f"{name}  {words.clean(told)}"
    line = Text(text if fold or width is None else words.cut(text, width))
    line.stylize(STYLES[state], 0, len(name))
    return line


def _rest(state: State, count: int, most: int, words: Words) -> Iterable[Text]:
    if count > most > 1:
        yield Text(f"  {words.sign('…')} {count - most} more {state}", "dim")


def _named(names: Iterable[str], words: Words) -> str:
    listed = list(names)
    more = [f"and {len(listed) - _NAMED} more"] if len(listed) > _NAMED else []
    return ", ".join([*listed[:_NAMED], *more])


def _lines(group: Group, width: int) -> int:
    console = Console(width=width, file=io.StringIO())
    return len(console.render_lines(group, pad=False)) if group.renderables else 0
