"""The table and the plot over all training-set sizes of a generalization study's folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.commands.collect import left_out
from studygrid.errors import NoRunsError, RecordError, StudygridError
from studygrid.interchange.generalization import AGGREGATED, COMPARISON, INDEX, RESULTS_PLOT

if TYPE_CHECKING:
    from studygrid.interchange.generalization_summary import Read
    from studygrid.results.study_results import StudyResults


def configure(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the command."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help=f"folder with n_train_*/{COMPARISON}"
    )
    parser.add_argument(
        "--output-plot",
        type=Path,
        metavar="PLOT.png",
        help=f"where to write the plot (default: {RESULTS_PLOT} in DIR)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the table and the plot; return 1 if a table could not be used whole."""
    folder, plot = options.folder, options.output_plot
    if plot is not None and plot.suffix.lower() != ".png":
        raise StudygridError(f"--output-plot {plot}: should end with .png, which is what it is")
    folders = _folders(folder)
    if plot is not None and len(folders) > 1:
        listed = ", ".join(str(found) for found in folders)
        raise StudygridError(
            f"--output-plot names one file, and {folder} has several resolutions: name one of "
            f"{listed}"
        )
    return max([_aggregate(found, plot) for found in folders])


def _folders(folder: Path) -> list[Path]:
    """Return the folders of a study: one, or one a resolution.

    Raises
    ------
    NoRunsError
        If there is no table.
    """
    from studygrid.interchange.generalization_folders import comparison_files

    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise NoRunsError(f"{folder}: {what}; name the output folder of a generalization study")
    if comparison_files(folder):
        return [folder]
    below = [path for path in sorted(folder.glob("resolution_*")) if comparison_files(path)]
    if not below:
        raise NoRunsError(
            f"{folder}: has no n_train_*/{COMPARISON}, nor train_*/ or train_*/trial_*/ with one"
        )
    return below


def _aggregate(folder: Path, plot: Path | None) -> int:
    from studygrid.figures.drawing import png_of
    from studygrid.figures.size_trends import size_trends
    from studygrid.interchange.foreign.collecting import collect
    from studygrid.interchange.generalization_folders import comparison_files
    from studygrid.interchange.generalization_summary import (
        COLUMNS,
        read_tables,
        summary_rows,
    )
    from studygrid.records import write_atomically
    from studygrid.tables.delimited import csv_bytes

    read = read_tables(comparison_files(folder))
    files = {AGGREGATED: csv_bytes(summary_rows(read.tables), COLUMNS)}
    collected = collect(folder)
    (study,) = collected.studies.values()
    png = png_of(size_trends(study))
    if plot is None:
        files[RESULTS_PLOT] = png
    else:
        write_atomically(plot, png)
    _write(folder, files)
    for line in left_out(collected.problems, "look at these first"):
        print(line, file=sys.stderr)
    for line in _cautions(read, study):
        print(line)
    for path in (*(folder / name for name in files), *([plot] if plot else [])):
        print(f"wrote {path}")
    return 1 if read.problems or collected.problems else 0


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files; those of an export of ours are kept in its list.

    Raises
    ------
    StudygridError
        If somebody else wrote what is there.
    """
    from studygrid.execution.locks import sole_writer
    from studygrid.interchange.exported_files import ExportFolder, exported_study
    from studygrid.interchange.generalization_summary import COLUMNS
    from studygrid.records import write_atomically

    study = exported_study(folder, INDEX)
    if study is not None:
        with sole_writer(folder):
            exported = ExportFolder(folder, study, INDEX)
            try:
                exported.check(files)
            except RecordError as error:
                raise StudygridError(str(error)) from None
            exported.write(files)
        return
    table = folder / AGGREGATED
    if table.exists() and not table.read_bytes().startswith(",".join(COLUMNS).encode()):
        raise StudygridError(f"{table}: is a table of another program; move it elsewhere")
    for name, content in files.items():
        write_atomically(folder / name, content)


def _cautions(read: Read, study: StudyResults) -> list[str]:
    """Return what must be known of tables that another program wrote."""
    if all(table.is_ours for _, table in read.tables) or study.collected is None:
        return []
    return [caveat for words in study.collected.layouts.values() for caveat in words.caveats]
