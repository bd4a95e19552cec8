"""The study that a command is about, or the part of its grid that is named."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.errors import SelectionError, StudygridError

if TYPE_CHECKING:
    from studygrid.axes import Axis
    from studygrid.plan import Plan

_DEFAULT_CONFIG = Path("config/config.yaml")
_OPTIONS: dict[Axis, str] = {
    "model": "models",
    "resolution": "resolutions",
    "n_train": "sizes",
    "seed": "seeds",
}


def add_part(parser: argparse.ArgumentParser, verb: str) -> None:
    """Add the options that name a config and a part of its grid; `verb` is what is done with it."""
    what = {"models": "models", "resolutions": "resolutions", "sizes": "training-set sizes"}
    for option in _OPTIONS.values():
        parser.add_argument(
            f"--{option}",
            nargs="+",
            metavar=option[:-1].upper(),
            help=f"{verb} these {what.get(option, option)} of the grid alone",
        )
    parser.add_argument(
        "--configfile",
        type=Path,
        metavar="FILE",
        help=f"the study in place of {_DEFAULT_CONFIG}",
    )


def config_of(options: argparse.Namespace) -> Path:
    """Return the config file, from the clone's folder."""
    given: Path | None = options.configfile
    return given.absolute() if given else _DEFAULT_CONFIG


def clone() -> Path:
    """Return the folder of the Snakefile: the present one, or the one this package lies in.

    Raises
    ------
    StudygridError
        If neither has a Snakefile.
    """
    package = Path(__file__).resolve().parents[3]
    for folder in (Path.cwd(), package):
        if (folder / "workflow" / "rules" / "common.smk").is_file():
            return folder
    raise StudygridError(f"{Path.cwd()}: has no Snakefile of studygrid; go to the clone's folder")


def part_of(plan: Plan, options: argparse.Namespace, config: Path) -> Plan:
    """Return the plan with the runs alone that are named."""
    from studygrid.results.selection import selected

    selection: dict[str, list[str]] = {
        axis: [value for text in given for value in text.split(",") if value]
        for axis, option in _OPTIONS.items()
        if (given := getattr(options, option)) is not None
    }
    try:
        runs = selected(plan.runs, selection)
    except SelectionError as error:
        raise SelectionError(
            f"{str(error).removeprefix('select: ')}\n  To run it, add it to {config}"
        ) from None
    if not runs:
        raise SelectionError(f"no run of {config} has all of that at once; its grid leaves it out")
    return replace(plan, runs=runs)
