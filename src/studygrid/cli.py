"""The command ``studygrid``."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.version import __version__

# What each command does; its module in `studygrid.commands` is imported when it is called.
COMMANDS: dict[str, str] = {
    "run": "Run a study, or the part of its grid that is named.",
    "generalization": "Train on more and more of a scan of ptychography, and test on another.",
    "estimate": "Say what a study still costs: jobs, hours of compute and wall clock, disk.",
    "status": "Show the grid as it stands: done, running, waiting, failed, and the expected end.",
    "retry": "Re-open failures that are results, so that the next run tries them again.",
    "aggregate": "Gather whatever is there of a study into tables, a summary and a report.",
    "report": "Write the report of a study, or a report by its name of any runs.",
    "collect": "Make tables, figures and a report of runs in the layouts of other programs.",
    "compare": "Compare configurations of several studies, ours and those of other programs.",
    "export": "Hand the runs on to trackers, or in the files of other programs.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    parser = argparse.ArgumentParser(
        prog="studygrid",
        description="Read, follow and hand on the results of a study.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"studygrid {__version__}")
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, description in COMMANDS.items():
        below = parsers.add_parser(
            command, help=description, description=description, allow_abbrev=False
        )
        if command == name:
            importlib.import_module(f"studygrid.commands.{command}").configure(below)
    options = parser.parse_args(arguments)
    return run_command(options.command, options)


def run_command(name: str, options: argparse.Namespace) -> int:
    """Run a command with its options; an error for the user is one message and the status 1."""
    _make_output_usable()
    try:
        status: int = importlib.import_module(f"studygrid.commands.{name}").run(options)
        sys.stdout.flush()
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone: `| head`
        sys.stdout = None
        return 0
    except OSError as error:
        place = error.filename2 or error.filename or "a file or the output"
        print(
            f"error: {place}: {error.strerror or error}; nothing that was computed is lost: put "
            "it right, then give the same command again",
            file=sys.stderr,
        )
        sys.stdout = None  # a full disk would refuse what is left in it once more
        return 1
    return status


def _make_output_usable() -> None:
    """Let a command print whatever its output is: closed, or of few letters."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def run_alone(name: str, description: str, argv: Sequence[str] | None = None) -> int:
    """Run a command as a program of its own: for the scripts of that name."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    importlib.import_module(f"studygrid.commands.{name}").configure(parser)
    return run_command(name, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
