"""``studygrid status``: the grid as it stands, from the event logs."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from typing import TYPE_CHECKING

from studygrid.commands.options import add_results, add_select

if TYPE_CHECKING:
    from rich.console import Console

_FILE_WIDTH = 120


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_results(parser)
    add_select(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--watch", action="store_true", help="go on until every run is done or has failed"
    )
    form.add_argument("--json", action="store_true", help="print the whole state as JSON")
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=2.0,
        metavar="SEC",
        help="time between two looks of --watch (default: 2)",
    )


def run(options: argparse.Namespace) -> int:
    """Show the state of a study, once or until it ends."""
    from studygrid.results.selection import parse_selection
    from studygrid.status.document import document
    from studygrid.status.reader import StudyReader
    from studygrid.status.screen import screen
    from studygrid.status.watch import watch
    from studygrid.status.words import Words

    reader = StudyReader(options.results, parse_selection(options.select))
    if options.json:
        json.dump(document(reader.read()), sys.stdout, indent=1, allow_nan=False)
        print()
        return 0
    console, width = output()
    words = Words(console.encoding)
    if options.watch:
        watch(reader, console, words, options.interval)
    else:
        console.print(screen(reader.read(), words, width, whole=not console.is_terminal))
    return 0


def output() -> tuple[Console, int]:
    """Return the console on standard output, and the columns to fill there."""
    from rich.console import Console

    console = Console(highlight=False, force_terminal=sys.stdout.isatty())
    width = console.width
    if not console.is_terminal:
        # No line is broken in a file: each run can be searched for.
        console.width = 100_000
        width = width if os.environ.get("COLUMNS") else _FILE_WIDTH
    return console, width


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds <= 0:
        raise argparse.ArgumentTypeError(f"should be a number of seconds above 0 (it is {text!r})")
    return seconds
