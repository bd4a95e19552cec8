"""``studygrid report``: the report of a study as HTML, Markdown, PDF or plain text."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.commands.options import add_results
from studygrid.errors import StudygridError

if TYPE_CHECKING:
    from studygrid.results.study_results import StudyResults

_FORMATS = ("html", "md", "pdf", "txt")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_results(parser)
    parser.add_argument("--format", choices=_FORMATS, default="html", help="what to write")
    parser.add_argument(
        "--output",
        type=Path,
        help="file to write; report.<format> in the results folder if left out",
    )
    parser.add_argument(
        "--draw", action="store_true", help="draw the figures anew before, as they stand now"
    )


def run(options: argparse.Namespace) -> int:
    """Write the report; print where it is."""
    from studygrid.records import write_atomically
    from studygrid.report.drawn import DrawnFiles
    from studygrid.report.formats import FILE_NAMES, FORMATS
    from studygrid.results.study_results import read_study

    study = read_study(options.results)
    figures, names = study.folder / "figures", tuple(study.plan.figures)
    if options.draw:
        try:
            _draw(study, figures)
        except OSError as error:
            raise StudygridError(f"{figures}: cannot be written ({error.strerror})") from None
    elif options.format != "txt":
        _warn_of_old(figures, (study.folder / "runs" / run.path for run in study.facts))
    output = options.output or study.folder / FILE_NAMES[options.format]
    content = FORMATS[options.format](study, DrawnFiles(figures, names, _link(figures, output)))
    try:
        write_atomically(output, content)
    except OSError as error:
        raise StudygridError(f"{output}: cannot be written ({error.strerror})") from None
    print(output)
    return 0


def _link(figures: Path, output: Path) -> str:
    """Return the folder of the figures as the report reaches it."""
    return Path(os.path.relpath(figures, output.parent)).as_posix()


def _draw(study: StudyResults, folder: Path) -> None:
    from studygrid.figures import load_figure
    from studygrid.figures.drawing import save

    for name in study.plan.figures:
        save(load_figure(study.family, name)(study), folder / name)


def _warn_of_old(figures: Path, runs: Iterable[Path]) -> None:
    """Say on the terminal where the figures are older than the records."""
    drawn = [path.stat().st_mtime for path in figures.glob("*.svg")]
    if drawn and any(_changed(run) > min(drawn) for run in runs):
        print(
            f"{figures} was drawn before the last run ended: --draw draws the figures anew",
            file=sys.stderr,
        )


def _changed(run: Path) -> float:
    try:
        return (run / "evaluate.json").stat().st_mtime
    except OSError:
        return 0.0
