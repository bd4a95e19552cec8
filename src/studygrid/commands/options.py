"""Options that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add the results folder, as ``options.results``."""
    parser.add_argument(
        "results",
        nargs="?",
        type=Path,
        default=Path("results"),
        help="results folder of the study (default: results)",
    )


def add_select(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add the selection, as ``options.select``; `more` goes on with its help."""
    parser.add_argument(
        "--select",
        nargs="+",
        action="extend",
        default=[],
        metavar="AXIS=VALUE,VALUE",
        help=f"only these runs, such as model=resnet18,resnet34 seed=0{more}",
    )
