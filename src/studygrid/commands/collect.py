"""``studygrid collect``: the runs of other programs as tables, figures and a report."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.errors import StudygridError

if TYPE_CHECKING:
    from studygrid.interchange.foreign.collecting import CollectedRuns
    from studygrid.results.loading import Problem

_NAMED = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the command."""
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="folders to look for runs in, with all below them, or JSON files",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("collected"),
        metavar="DIR",
        help="folder to write to (default: collected); it is not looked into",
    )
    add_filling(parser)
    parser.add_argument(
        "--metric", help="metric to rank by (default: the family's own, if a file has it)"
    )


def add_filling(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what files do not, as ``options.family`` and so on."""
    parser.add_argument("--family", help="family of the runs whose files name none")
    parser.add_argument(
        "--resolution",
        type=int,
        metavar="R",
        help="resolution of the runs whose files do not say it",
    )
    parser.add_argument(
        "--n-train",
        type=size,
        metavar="N",
        help="training-set size of the runs whose files do not say it: a number, or all",
    )


def size(text: str) -> int | str:
    """Return the training-set size that a text is."""
    return text if text == "all" else int(text)


def run(options: argparse.Namespace) -> int:
    """Collect the runs and write what is made of them; return the exit status."""
    from studygrid.interchange.foreign.collecting import collect
    from studygrid.interchange.foreign.writing import write_collected

    _check_output(options.output)
    found = collect(
        options.paths,
        family=options.family,
        resolution=options.resolution,
        n_train=options.n_train,
        metric=options.metric,
        output=options.output,
    )
    try:
        written = write_collected(found, options.output)
    except OSError as error:
        place = error.filename2 or error.filename or options.output
        raise StudygridError(f"{place}: cannot be written ({error.strerror})") from None
    print(describe(found, written))
    return 0


def _check_output(output: Path) -> None:
    if (output / "study.yaml").exists():
        raise StudygridError(
            f"{output}: holds the results of a study; name another folder with --output"
        )
    if output.exists() and not output.is_dir():
        raise StudygridError(f"{output}: is a file; name a folder with --output")


def describe(found: CollectedRuns, written: Sequence[Path]) -> str:
    """Return what was collected and written, in words."""
    from collections import Counter

    lines = []
    for name, study in found.studies.items():
        if study.collected is None:
            continue
        layouts = Counter(source.layout for source in study.collected.sources.values())
        of = ", ".join(f"{count:,} of the layout {layout}" for layout, count in layouts.items())
        runs = "run" if len(study.frame) == 1 else "runs"
        lines.append(f"{len(study.frame):,} {runs} of {name}: {of}")
        lines += [f"  {note}" for note in study.collected.notes]
    lines += left_out(found.problems, "problems.csv has all")
    return "\n".join([*lines, *(f"wrote {path}" for path in written)])


def left_out(problems: Sequence[Problem], rest: str) -> list[str]:
    """Return how many files were left out or not used whole, with the first reasons.

    Parameters
    ----------
    rest
        Where the others are.
    """
    if not problems:
        return []
    files = len({problem.path for problem in problems})
    which = "1 file or folder" if files == 1 else f"{files:,} files or folders"
    lines = [f"{which} could not be used, or not whole:"]
    lines += [f"  {problem}" for problem in problems[:_NAMED]]
    more = len(problems) - _NAMED
    return [*lines, f"  and {more:,} more: {rest}"] if more > 0 else lines
