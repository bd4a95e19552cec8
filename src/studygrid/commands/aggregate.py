"""``studygrid aggregate``: tables, summary and report of whatever there is of a study."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.commands.options import add_select
from studygrid.errors import NoRunsError, StudygridError

if TYPE_CHECKING:
    from studygrid.interchange.gathering import Gathered

_RUNS, _CELLS = "aggregated_metrics.csv", "summary_statistics.csv"
# What else a study keeps in its results folder.
_KEPT = ("data", "figures", "logs", "profiles", "runs", "tables", "test_results")
_PART_FOLDER = "selected"
_LONGEST_NAME = 150


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="RESULTS", help="results folder (default: results)"
    )
    parser.add_argument("--results", type=Path, metavar="RESULTS", help="the same")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--csv-only", action="store_true", help="write the CSV files alone")
    only.add_argument("--summary-only", action="store_true", help="write the JSON summary alone")
    only.add_argument("--report-only", action="store_true", help="write the text report alone")
    parser.add_argument(
        "--csv",
        metavar="NAME",
        help="write the table of cells to this file in place of all_results.csv; a plain name is "
        "one in the results folder",
    )
    parser.add_argument(
        "--summary",
        metavar="NAME",
        help="write the summary to this file in place of results_summary.json",
    )
    parser.add_argument("--no-console", action="store_true", help="print nothing")
    place = (
        f"; the files go to a folder of their own below {_PART_FOLDER}/, as the study's stay whole"
    )
    add_select(parser, place)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    from studygrid.interchange.freshness import date, moment_in
    from studygrid.interchange.gathering import gather_results
    from studygrid.results.selection import parse_selection

    results = _results(options)
    selection = parse_selection(options.select)
    outputs = Outputs.of(options, results, selection)
    if not results.is_dir():
        raise NoRunsError(f"No valid runs found in {results}: there is no such folder")
    try:
        moment = moment_in(results)
        gathered = gather_results(results, selection)
        outputs.check(gathered)
        written = outputs.write(gathered, selection)
        date(written, moment)
    except OSError as error:
        raise _not_written(error, results) from None
    if not options.no_console:
        _print(gathered, selection, written)
    if gathered.lacking and outputs.report:
        raise StudygridError(f"wrote the CSV files alone, for {gathered.lacking}")
    return 0


def _results(options: argparse.Namespace) -> Path:
    given: list[Path] = [path for path in (options.folder, options.results) if path is not None]
    if len(given) == 2 and given[0] != given[1]:
        raise StudygridError(f"two results folders are given, {given[0]} and {given[1]}; name one")
    return given[0] if given else Path("results")


def _not_written(error: OSError, results: Path) -> StudygridError:
    place = Path(str(error.filename2 or error.filename or results))
    # What is named is the temporary file as a rule.
    place = place.parent if place.name.startswith(".") else place
    return StudygridError(
        f"{place}: cannot be written to ({error.strerror}); put that right, or copy the "
        "results folder elsewhere and name the copy"
    )


@dataclass(frozen=True)
class Outputs:
    """The files to write; None for one that is not wanted.

    Attributes
    ----------
    folder
        Where the files of fixed names go.
    """

    folder: Path
    csv: Path | None
    summary: Path | None
    report: Path | None
    cells: bool

    @classmethod
    def of(
        cls, options: argparse.Namespace, results: Path, selection: Mapping[str, Sequence[str]]
    ) -> Outputs:
        """Return what a command line asks for.

        Raises
        ------
        StudygridError
            If a name is given that may not be written, or of a file that is not wanted.
        """
        only = [kind for kind in ("csv", "summary", "report") if getattr(options, f"{kind}_only")]
        wanted = only or ["csv", "summary", "report"]
        for kind in ("csv", "summary"):
            if getattr(options, kind) is not None and kind not in wanted:
                raise StudygridError(f"--{kind} names a file that --{only[0]}-only does not write")
        folder = results / _PART_FOLDER / _folder_name(selection) if selection else results

        def path(kind: str, default: str) -> Path | None:
            given = getattr(options, kind, None)
            if kind not in wanted:
                return None
            if given is None:
                return folder / default
            return _named(given, results, default, part=bool(selection))

        return cls(
            folder=folder,
            csv=path("csv", "all_results.csv"),
            summary=path("summary", "results_summary.json"),
            report=path("report", "detailed_report.txt"),
            cells=not only,
        )

    def check(self, gathered: Gathered) -> None:
        """Refuse to write a summary or report alone of what no study.yaml describes."""
        if gathered.lacking and self.csv is None:
            raise StudygridError(
                f"{gathered.lacking}\n  A summary needs it: it tells what was planned, and by "
                "which metric to rank. --csv-only works without."
            )

    def write(self, gathered: Gathered, selection: Mapping[str, Sequence[str]]) -> list[Path]:
        """Write the files; return them."""
        from studygrid.interchange.resomap_writing import write_cells, write_table
        from studygrid.interchange.results_summary import write_summary
        from studygrid.interchange.text_report import detailed_report
        from studygrid.records import write_atomically
        from studygrid.tables.delimited import write_csv

        written: list[Path] = []
        study = gathered.study
        # First, as it refuses to overwrite what another program left.
        if study and self.cells:
            done = write_cells(study, gathered.cells, self.folder)
            written += done.files
            for path in done.left:
                print(f"{path}: left alone; it is of no cell of this study", file=sys.stderr)
        if self.csv:
            write_table(gathered.cells, gathered.metrics, self.csv)
            write_csv(self.folder / _RUNS, gathered.rows)
            written += [self.csv, self.folder / _RUNS]
        if study and self.csv:
            write_csv(self.folder / _CELLS, gathered.summary)
            written.append(self.folder / _CELLS)
        if study and self.summary:
            write_summary(study, self.summary, selection, gathered.cells)
            written.append(self.summary)
        if study and self.report:
            report = detailed_report(study, selection, gathered.cells)
            write_atomically(self.report, report.encode())
            written.append(self.report)
        return written


def _named(given: str, results: Path, default: str, part: bool) -> Path:
    """Return the file that a person named, if it may be written."""
    path = results / given if Path(given).name == given else Path(given)
    ending = Path(default).suffix
    if path.suffix.lower() != ending:
        raise StudygridError(f"{given}: should end in {ending}")
    if path.is_dir():
        raise StudygridError(f"{path}: is a folder")
    place, root = path.resolve(), results.resolve()
    below = place.relative_to(root).parts if place.is_relative_to(root) else ()
    kept = {_RUNS, _CELLS, *([default] if part else [])}
    if len(below) == 1 and (below[0] in kept or below[0].startswith(".")):
        raise StudygridError(f"{path}: is kept for the whole study; give another name")
    if len(below) > 1 and below[0] in _KEPT:
        raise StudygridError(f"{path}: {below[0]}/ is kept by the study; give another place")
    return path


def _folder_name(selection: Mapping[str, Sequence[str]]) -> str:
    """Return a folder name for a selection, the same for the same selection."""
    import hashlib

    text = "_".join(f"{axis}={','.join(values)}" for axis, values in selection.items())
    safe = re.sub(r"[^A-Za-z0-9_.,=-]", "-", text)
    if safe == text and len(text) <= _LONGEST_NAME:
        return text
    return f"{safe[:_LONGEST_NAME]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _print(
    gathered: Gathered, selection: Mapping[str, Sequence[str]], written: Sequence[Path]
) -> None:
    from studygrid.interchange.cells import one_line
    from studygrid.interchange.console import console_of_output, print_counts, print_summary
    from studygrid.interchange.text_report import selection_words

    console = console_of_output()
    study = gathered.study
    if study:
        console.print(one_line(study.name), style="bold")
    if selection:
        console.print(f"Restricted to {selection_words(selection)}")
    print_counts(gathered.cells, console)
    if study:
        print_summary(study, gathered.cells, console)
    console.print()
    cells = [path for path in written if path.parent.name == "test_results"]
    for path in written:
        if path not in cells:
            console.print(f"wrote {path}", soft_wrap=True)
    if cells:
        console.print(f"wrote {cells[0].parent}/ ({len(cells)} files)", soft_wrap=True)
