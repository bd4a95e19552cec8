"""Reports by name: ``studygrid report --config-name NAME key=value …``, and ``thesis-report``."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studygrid.errors import StudygridError

if TYPE_CHECKING:
    from studygrid.named_reports.discovery import FoundReport
    from studygrid.named_reports.running import MadeReport

DESCRIPTION = (
    "Make a report of the runs of a sweep or a study: figures, tables, a page and a manifest."
)
_MOST_NAMED = 5
_WIDTH = 100


class _ThenOverrides(argparse.Action):
    """An option of one value: words behind it are overrides, wherever it stands."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values[0])
        namespace.overrides = [*(namespace.overrides or ()), *values[1:]]


def configure(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``thesis-report``."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="KEY=VALUE",
        help="what overrides the report's YAML, such as inputs.sweep_dir=results "
        'inference.enabled=true \'inputs.select.encoder=["mlp","gnn"]\'; --list has all keys',
    )
    add_naming(parser)


def add_naming(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the options that name a report."""
    parser.set_defaults(overrides=[])
    parser.add_argument(
        "--config-name",
        nargs="+",
        action=_ThenOverrides,
        metavar=("NAME", "KEY=VALUE"),
        help="the report: its name, or the path of its .py or .yaml file",
    )
    parser.add_argument(
        "--config-dir",
        nargs="+",
        action=_ThenOverrides,
        metavar=("FOLDER", "KEY=VALUE"),
        help="folder with reports of your own, looked into first",
    )
    parser.add_argument(
        "--list", action="store_true", help="list the reports, their figures and the keys"
    )


def run(options: argparse.Namespace) -> int:
    """Make the report, or list those that there are; return the exit status.

    Raises
    ------
    StudygridError
        If no report is named, or it cannot be made.
    """
    folder = Path(options.config_dir) if options.config_dir else None
    if options.list:
        print(_listing(folder))
        return 0
    from studygrid.named_reports.discovery import find_report, report_names

    if options.config_name is None:
        raise StudygridError(
            f"which report? Name it with --config-name: {', '.join(report_names())}, or the path "
            "of your own; --list says what is in each"
        )
    found = find_report(options.config_name, folder)
    from studygrid.named_reports.running import make_report

    made = make_report(found, [*options.words, *options.overrides])
    for line in _said(made):
        print(line, file=sys.stderr)
    print(made.folder)
    return 1 if made.failed or made.not_scored else 0


def _said(made: MadeReport) -> list[str]:
    """Return what a reader of the report should know before, in lines."""
    lines = _some("incomplete, and left out", [f"{path}: {why}" for path, why in made.incomplete])
    scored = [f"{path}: {why}" for path, why in made.not_scored.items()]
    lines += _some("not scored", scored)
    failed = [f"{one.name}: {one.reason}" for one in made.failed]
    lines += _some("not drawn or written", failed)
    if any(one.trace for one in made.failed):
        lines.append(f"the tracebacks are in {made.folder / 'errors.log'}")
    return lines + _some("without a pointer to the report", list(made.not_linked))


def _some(what: str, named: Sequence[str]) -> list[str]:
    if not named:
        return []
    more = len(named) - _MOST_NAMED
    lines = [f"{len(named)} {what}:", *(f"  {text}" for text in named[:_MOST_NAMED])]
    return [*lines, f"  and {more} more: manifest.yaml has all"] if more > 0 else lines


def _listing(folder: Path | None) -> str:
    from studygrid.named_reports.discovery import GROUP, known_reports

    lines: list[str] = []
    for found in known_reports(folder):
        lines += [f"{found}\n"] if isinstance(found, Exception) else [*_about(found), ""]
    lines += ["Keys of every report (KEY=VALUE; lists as ['a','b']):", *_keys(), ""]
    own = (
        "A report of your own is a Python file with its YAML: name the path of one, or their "
        f"folder with --config-dir; a package offers its reports as entry points {GROUP}."
    )
    return "\n".join([*lines, *textwrap.wrap(own, _WIDTH)])


def _about(found: FoundReport) -> list[str]:
    from studygrid.named_reports.reading import thresholds_of

    report = found.report
    parts = [f"{found.name}: {report.title} ({found.source})"]
    if report.description:
        parts.append(report.description)
    parts.append(f"figures: {', '.join(report.figures) or 'none'}")
    if report.inference_figures:
        parts.append(f"with inference.enabled=true: {', '.join(report.inference_figures)}")
    thresholds = [
        f"{name}={'null' if value is None else f'{value:g}'}"
        for name, value in thresholds_of(found.yaml).items()
    ]
    if thresholds:
        parts.append(f"thresholds: {', '.join(thresholds)}")
    wrapped = [textwrap.wrap(part, _WIDTH - 4) for part in parts]
    return [*wrapped[0], *(f"    {line}" for lines in wrapped[1:] for line in lines)]


def _keys() -> list[str]:
    from studygrid.named_reports.config import key_words

    width = max(len(key) for key, _ in key_words())
    lines = []
    for key, words in key_words():
        first, *rest = textwrap.wrap(words.replace("`", ""), _WIDTH - width - 4)
        lines.append(f"  {key:<{width}}  {first}")
        lines += [f"  {'':<{width}}  {line}" for line in rest]
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program ``thesis-report``; return the exit status."""
    from studygrid.cli import run_alone

    return run_alone("named_report", DESCRIPTION, argv)


if __name__ == "__main__":
    sys.exit(main())
