"""The study that a command is about, or the part of its grid that is named."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
        "--preset",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help=f"{verb} the models of these presets of the config alone, together with those of "
        "--models; `all` is every model",
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


def part_of(
    plan: Plan, options: argparse.Namespace, config: Path, models: Sequence[str] | None = None
) -> Plan:
    """Return the plan with the runs alone that are named.

    Parameters
    ----------
    models
        The models, in place of those that the options name.

    Raises
    ------
    SelectionError
        If the config has no such preset, or its grid no run that is named.
    """
    from studygrid.results.selection import selected

    selection: dict[str, Sequence[str]] = {
        axis: named(options, option)
        for axis, option in _OPTIONS.items()
        if getattr(options, option) is not None
    }
    if models is not None:
        selection["model"] = models
    elif options.preset:
        selection["model"] = _with_presets(plan, options, config)
    try:
        runs = selected(plan.runs, selection)
    except SelectionError as error:
        raise SelectionError(
            f"{str(error).removeprefix('select: ')}\n  To run it, add it to {config}"
        ) from None
    if not runs:
        raise SelectionError(f"no run of {config} has all of that at once; its grid leaves it out")
    return replace(plan, runs=runs)


def named(options: argparse.Namespace, option: str) -> list[str]:
    """Return the values of an option whose values may also stand behind commas."""
    given: list[str] = getattr(options, option) or []
    return [value for text in given for value in text.split(",") if value]


def _with_presets(plan: Plan, options: argparse.Namespace, config: Path) -> list[str]:
    """Return the models of the presets, then those that are named themselves."""
    from studygrid.configurations.presets import models_of

    presets = named(options, "preset")
    models = models_of(presets, plan.models, plan.study.presets)
    there = plan.axis("model")
    lacking = [model for model in models if model not in there]
    if lacking:
        listed = ", ".join(there + lacking)
        raise SelectionError(
            f"--preset {' '.join(presets)}: the grid of {config} leaves out {', '.join(lacking)}\n"
            f"  To run that, write there, below grid: `model: [{listed}]`"
        )
    return list(dict.fromkeys([*models, *named(options, "models")]))
