"""An estimate on a terminal or in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from studygrid.estimate.estimating import Estimate
from studygrid.estimate.forecasts import Row
from studygrid.estimate.sums import Range
from studygrid.estimate.totals import Totals
from studygrid.status.words import Words

_ROWS = 20
_UNITS = (("s", 1.0, 90.0), ("min", 60.0, 90.0), ("h", 3600.0, 48.0), ("d", 86400.0, float("inf")))
_SIZES = (("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12))


def screen(estimate: Estimate, words: Words, *, whole: bool = False) -> Group:
    """Return what there is to see of an estimate.

    Parameters
    ----------
    whole
        Whether every model and resolution has its line, however many there are: for a file.
    """
    name = words.clean(estimate.plan.study.name)
    head = Text("  ").join([Text(name, "bold"), Text(words.clean(str(estimate.folder)), "dim")])
    parts: list[RenderableType] = [head, Text(jobs_line(estimate))]
    if sum(estimate.jobs.jobs.values()):
        parts += _costs(estimate, words, whole=whole)
    parts += [Text(f"note: {words.clean(note)}", "yellow") for note in notes(estimate)]
    return Group(*parts)


def _costs(estimate: Estimate, words: Words, *, whole: bool) -> Iterable[RenderableType]:
    yield Text(words.clean(basis_line(estimate)))
    if estimate.rows:
        yield Text()
        yield _table(estimate, words, whole=whole)
        yield Text()
    if estimate.device is not None and estimate.computing.mid > 0:
        shown = [
            f"{rule} {ranged(value)}"
            for rule, value in estimate.by_rule.items()
            if value is not None and value.mid > 0
        ]
        what = "job time   " if estimate.is_shared else "GPU time   "
        what = what if estimate.on_gpu else "computing  "
        known = f", without {_some(estimate.unknown, 'run')}" if estimate.unknown else ""
        yield Text.assemble(
            what, (ranged(estimate.computing), "bold"), f"{known}  ({'; '.join(shown)})"
        )
        at_once = f"with {_some(estimate.workers, 'job')} at once{_gpus(estimate)}{known}"
        yield Text.assemble("wall clock ", (ranged(estimate.wall), "bold"), f"  {at_once}")
    yield Text(f"disk       {disk_line(estimate)}")
    if estimate.held is not None:
        yield Text(held_line(estimate))
    if estimate.totals is not None:
        yield Text(totals_line(estimate.totals))


def jobs_line(estimate: Estimate) -> str:
    """Return what is to do, in a line."""
    jobs = estimate.jobs
    listed = ", ".join(f"{count:,} {rule}" for rule, count in jobs.jobs.items() if count)
    total, runs = sum(jobs.jobs.values()), len(jobs.runs)
    done = runs - len(jobs.evaluate)
    failed = f", {jobs.failed:,} of them failed" if jobs.failed else ""
    if not total:
        return f"nothing to do: {_all(runs)} done{failed}"
    return (
        f"to do: {len(jobs.evaluate):,} of {_some(runs, 'run')} ({done:,} done{failed}); "
        f"{_some(total, 'job')}: {listed}"
    )


def basis_line(estimate: Estimate) -> str:
    """Return what the times rest on, in a line."""
    if estimate.device is None:
        return "from nothing: no run has finished here, and there was no pilot"
    runs = [_some(estimate.measured_runs, "finished run")] if estimate.measured_runs else []
    pilots = [_some(estimate.pilots, "pilot")] if estimate.pilots else []
    host = f" ({estimate.host})" if estimate.host else ""
    at_once = estimate.sitting.at_once
    so = f", at most {_some(at_once, 'job')} at once" if runs and at_once else ""
    return (
        f"from {' and '.join([*runs, *pilots])} on {estimate.device}{host}{so}; "
        "nine in ten should fall into each range"
    )


def held_line(estimate: Estimate) -> str:
    """Return how well earlier estimates held, in a line."""
    held = estimate.held
    assert held is not None
    wider = ""
    if held.widening > 1:
        wider = f"; so ranges are wider by the power {held.widening:.2g}"
    return (
        f"earlier estimates: {_some(held.runs, 'run')} trained since; {held.inside:,} took what "
        f"the range said, the median {held.ratio:.2f} times the estimate, all together "
        f"{held.total_ratio:.2f} times{wider}"
    )


def totals_line(totals: Totals) -> str:
    """Return how well the totals of earlier estimates held, in a line."""
    wall = ""
    if totals.wall_ratio is not None:
        wall = (
            f"; the wall clock {totals.wall_ratio:.2f} times, "
            f"{totals.walls_inside:,} of {totals.walls:,} in the range"
        )
    verb = "is" if totals.estimates == 1 else "are"
    return (
        f"earlier totals: {_some(totals.estimates, 'estimate')} {verb} done wholly; computing took "
        f"{totals.ratio:.2f} times the estimate, {totals.inside:,} of {totals.estimates:,} in the "
        f"range{wall}"
    )


def disk_line(estimate: Estimate) -> str:
    """Return the disk that is needed, in a line."""
    disk = estimate.disk
    resume = f", and {size(disk.resume)} of resume points meanwhile" if disk.resume else ""
    more = f"{size(disk.stays)} more" if disk.stays else "no more in the end"
    return f"{more}{resume}; {size(disk.free)} are free"


def notes(estimate: Estimate) -> list[str]:
    """Return what a reader should know of the numbers, a sentence each."""
    return [*_notes_of_jobs(estimate), *_notes_of_times(estimate), *_notes_of_disk(estimate)]


def _notes_of_jobs(estimate: Estimate) -> Iterable[str]:
    for reason, count in estimate.jobs.again.items():
        yield f"{_some(count, 'run')} to be trained again: the record there is {reason}"
    problems = estimate.problems
    if problems:
        more = f" (and {len(problems) - 1:,} more such)" if len(problems) > 1 else ""
        yield f"a record that cannot be used counts as missing: {problems[0]}{more}"


def _notes_of_times(estimate: Estimate) -> Iterable[str]:
    unknown = [row for row in estimate.rows if row.basis is None]
    if unknown:
        named = ", ".join(f"{row.model} at {row.resolution}" for row in unknown[:4])
        more = f" and {len(unknown) - 4:,} more" if len(unknown) > 4 else ""
        yield (
            f"no time is known of {_some(estimate.unknown, 'run')}, and none is counted: "
            f"{named}{more}; `studygrid estimate --pilot` tries a few steps of each"
        )
    for pilot in estimate.failed_pilots:
        yield f"the pilot of {pilot.model} at {pilot.resolution} gave no times: {pilot.problem}"
    if any(row.is_scaled for row in estimate.rows):
        yield (
            "what is carried over was not measured there: its range allows for no growth, and for "
            "twice the power; `--pilot` narrows it"
        )
    if estimate.jobs.shard and estimate.by_rule.get("shard") is None:
        yield "making the shards is not counted: none is there whose log tells its time"
    if estimate.by_rule.get("prepare") is None:
        yield "preparing the data is not counted: no record holds its time"
    if estimate.others and estimate.device is not None:
        yield f"not used: what was measured on {', '.join(estimate.others)} (see --device)"
    if estimate.early_stopping is False:
        yield "no run with early stopping has ended: its whole budget is counted"
    if estimate.gpus == 0:
        yield (
            f"this machine has no GPU: {_some(estimate.workers, 'job')} at once, as on one GPU "
            "(see --workers)"
        )
    if estimate.is_shared:
        yield "jobs share a GPU, here or when measured: their times overlap, job time adds them up"
    if estimate.sitting.at_once and estimate.workers > estimate.sitting.at_once > 0:
        yield (
            f"{estimate.workers} jobs at once were never measured (at most "
            f"{estimate.sitting.at_once}): beside more of them, each may take longer"
        )


def _notes_of_disk(estimate: Estimate) -> Iterable[str]:
    disk = estimate.disk
    if not disk.fits:
        yield (
            f"the disk does not suffice: {size(disk.most)} are needed, {size(disk.free)} are free "
            f"where {estimate.folder} is; make room, or name another folder as `results`"
        )
    if disk.runs_unknown:
        some = _some(disk.runs_unknown, "run")
        yield f"the weights of {some} have a size that nothing tells yet; they are not counted"
    if disk.is_data_guessed:
        yield "the size of the prepared data is guessed from the config"


def _gpus(estimate: Estimate) -> str:
    """Return the GPUs that the number of workers comes from, in brackets."""
    return f" ({_some(estimate.gpus, 'GPU')} here)" if estimate.gpus else ""


def _table(estimate: Estimate, words: Words, *, whole: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    unit = estimate.plan.family.resolution_unit
    for title, right in (
        ("model", False),
        (unit or "resolution", True),
        ("runs", True),
        ("one run", False),
        ("all of them", False),
        ("from", False),
    ):
        table.add_column(title, justify="right" if right else "left", no_wrap=title != "from")
    rows = estimate.rows if whole else estimate.rows[:_ROWS]
    for row in rows:
        table.add_row(*_cells(row, words))
    rest = estimate.rows[len(rows) :]
    if rest:
        runs = sum(row.runs for row in rest)
        more = f"{words.sign('…')} {len(rest):,} more"
        table.add_row(more, "", f"{runs:,}", "", "", "(all with --json)", style="dim")
    return table


def _cells(row: Row, words: Words) -> Sequence[str]:
    name = words.clean(row.model)
    times = [ranged(one) if one else "?" for one in (row.one, row.all_runs)]
    return [name, str(row.resolution), f"{row.runs:,}", *times, row.basis or "nothing"]


def ranged(value: Range) -> str:
    """Return a time with its range: ``1.2 h (0.9 to 1.8)``."""
    name, factor = next(
        (name, factor) for name, factor, most in _UNITS if value.mid < most * factor
    )
    low, mid, high = (_digits(part / factor) for part in (value.low, value.mid, value.high))
    return f"{mid} {name} ({low} to {high})"


def _digits(value: float) -> str:
    if value >= 9.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.095 else f"{value:.2g}"


def size(count: float) -> str:
    """Return bytes in three digits at most."""
    name, factor = next(
        ((name, factor) for name, factor in reversed(_SIZES) if count >= factor), _SIZES[0]
    )
    return f"{_digits(count / factor)} {name}"


def _some(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _all(runs: int) -> str:
    return "the run is" if runs == 1 else f"all {runs:,} runs are"
