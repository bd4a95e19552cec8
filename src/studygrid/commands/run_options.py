"""The options of ``studygrid run``: which there are, and which go together."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from studygrid.commands.study_part import add_part
from studygrid.errors import StudygridError

# They would make Snakemake run another study than the one that was read here.
_OWN = ("--config", "-C", "--configfile", "--configfiles", "--directory", "-d", "--snakefile", "-s")
_OF_COLLECTING = ("collect_only", "metrics_dir", "vae_project", "configfile", "results", "command")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_part(parser, "run")
    _add_configurations(parser)
    parser.add_argument("--cores", metavar="N", help="CPU cores to use at most (all)")
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="say what would run, and run nothing"
    )
    parser.add_argument("--profile", metavar="NAME", help="Snakemake's profile, such as slurm")
    parser.add_argument(
        "snakemake",
        nargs="*",
        metavar="-- ARGUMENT",
        help="what follows -- goes to Snakemake as it is",
    )


def _add_configurations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME", "key=value"),
        help="make a model of that name and run it: model=X is what it starts from, trainer=X "
        "whose training section it takes, other keys are those of a model (training.steps=100, "
        "loss.beta=4, or lr=1e-3 alone where it is clear); may be given several times",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="with --config: the results folder of the configurations (default: that of the "
        "config, with _custom behind it)",
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="with --config: a configuration may take the place of another one of its name, whose "
        "runs are then made anew",
    )
    parser.add_argument(
        "--collect-only",
        action="store_true",
        help="run nothing; compare what is there of the study and of its configurations",
    )
    parser.add_argument(
        "--metrics-dir",
        type=Path,
        metavar="DIR",
        help="with --collect-only: compare the runs below that folder instead, in any layout that "
        "`studygrid collect` knows",
    )
    parser.add_argument(
        "--vae-project",
        type=Path,
        metavar="DIR",
        help="of tag VAEs: write metrics and comparison below DIR as the guide to VAE comparison "
        "has them: models/metrics, outputs/vae_experiments",
    )


def check_options(options: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises
    ------
    StudygridError
        With the first of them.
    """
    _check_own(options.snakemake)
    given = [name for name, value in vars(options).items() if value not in (None, False, [])]
    if options.collect_only:
        wrong = [name for name in given if name not in _OF_COLLECTING]
        if wrong:
            raise StudygridError(
                f"--collect-only runs nothing, and compares all that is there: leave out "
                f"{', '.join(_written(name) for name in wrong)}"
            )
    elif options.metrics_dir:
        raise StudygridError("--metrics-dir: names what to collect; give --collect-only too")
    elif not options.config:
        wrong = [name for name in given if name in ("results", "replace")]
        if wrong:
            option = _written(wrong[0])
            raise StudygridError(f"{option}: is for configurations; give --config too")


def _written(name: str) -> str:
    return "what follows --" if name == "snakemake" else f"--{name.replace('_', '-')}"


def words_of(options: argparse.Namespace) -> str:
    """Return the command line as far as it says what the study is."""
    words = ["studygrid", "run"]
    if options.configfile:
        words += ["--configfile", str(options.configfile)]
    for option in ("preset", "models"):
        if getattr(options, option):
            words += [f"--{option}", *getattr(options, option)]
    for configuration in options.config:
        words += ["--config", *configuration]
    if options.results:
        words += ["--results", str(options.results)]
    return shlex.join([*words, *(["--replace"] if options.replace else [])])


def _check_own(arguments: Sequence[str]) -> None:
    if arguments and not arguments[0].startswith("-"):
        raise StudygridError(
            f"{arguments[0]}: what is this? A model is named with --models, a resolution with "
            "--resolutions; Snakemake's own arguments follow --"
        )
    for argument in arguments:
        if argument.partition("=")[0] in _OWN:
            raise StudygridError(
                f"{argument}: the study is what the config file says; name another with "
                "--configfile before the --, or a model of your own with --config there"
            )
