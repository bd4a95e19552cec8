"""The summary of a study on the terminal: what ran, the best cells, what failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from studygrid.interchange.cells import CellResult, models_of, one_line, ranked
from studygrid.interchange.text_report import Words, label, shown, with_interval
from studygrid.losses import why_not_comparable

if TYPE_CHECKING:
    from studygrid.results.study_results import StudyResults

TOP = 5
REASONS = 5
_PLAIN_WIDTH = 100


def console_of_output() -> Console:
    """Return a console that writes to standard output: plain, and 100 wide, if no terminal."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(
            highlight=False, markup=False, emoji=False, width=_PLAIN_WIDTH, no_color=True
        )
    return console


def print_counts(cells: Sequence[CellResult], console: Console) -> None:
    """Print how many runs ended how, and the first reasons of those without scores."""
    ok = sum(len(cell.ok) for cell in cells)
    failed = sum(len(cell.failed) for cell in cells)
    missing = sum(len(cell.missing) for cell in cells)
    total = ok + failed + missing
    runs = "1 run" if total == 1 else f"{total} runs"
    console.print(f"{runs}: {ok} ok, {failed} failed, {missing} missing")
    reasons = [
        f"  {cell.cell.model} res{cell.cell.resolution} n{cell.cell.n_train} {found}"
        for cell in cells
        for found in cell.unscored
    ]
    # What failed needs a person; what is missing may be on its way.
    reasons.sort(key=lambda line: ": missing: " in line)
    for line in reasons[:REASONS]:
        console.print(one_line(line), soft_wrap=True)
    if len(reasons) > REASONS:
        console.print(f"  and {len(reasons) - REASONS} more of such lines in the report")


def print_summary(study: StudyResults, cells: Sequence[CellResult], console: Console) -> None:
    """Print the best cells: of all, of each model, at each resolution."""
    words = Words(study)
    order = ranked(cells, study.metric, study.plan)
    reason = why_not_comparable(study.plan, study.metric, models_of(cells))
    if reason:
        console.print(f"Not ranked. {reason}")
        return
    if not order:
        console.print(f"No run has a value of {label(study.metric)} yet.")
        return
    by_model = {cell.cell.model: cell for cell in reversed(order)}
    by_resolution = {cell.cell.resolution: cell for cell in reversed(order)}
    models = [by_model[name] for name in study.order["model"] if name in by_model]
    sides = [by_resolution[side] for side in study.order["resolution"] if side in by_resolution]
    for title, best in (
        (f"Top {TOP} results", order[:TOP]),
        ("Best by model", models),
        ("Best by resolution", sides),
    ):
        console.print()
        console.print(title, style="bold")
        console.print(_table(best, study, words))
    console.print(
        "± is half of Student's t 95 % interval of the mean over the seeds."
        if any(cell.summaries[study.metric.name].n > 1 for cell in order)
        else "One run a cell: nothing is known of the spread over seeds."
    )


def _table(cells: Iterable[CellResult], study: StudyResults, words: Words) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("Model", overflow="fold")
    table.add_column("Resolution", justify="right")
    if words.sizes:
        table.add_column("n_train", justify="right")
    for heading in (label(study.metric), *map(label, words.others), "Runs"):
        table.add_column(Text(heading), justify="right")
    for cell in cells:
        found = cell.summaries[study.metric.name]
        table.add_row(
            Text(words.model(cell.cell.model)),
            Text(words.resolution(cell.cell.resolution)),
            *([str(cell.cell.n_train)] if words.sizes else []),
            with_interval(cell, study.metric),
            *(shown(cell.mean(metric.name)) for metric in words.others),
            f"{found.n}/{len(cell.runs)}",
        )
    return table
