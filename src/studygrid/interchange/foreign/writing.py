"""Writing what was collected: tables, figures and reports, a folder a family."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from studygrid.figures import figures_of, load_figure
from studygrid.figures.drawing import save
from studygrid.interchange.foreign.collecting import CollectedRuns
from studygrid.interchange.foreign.study import frame_in_files
from studygrid.interchange.results_summary import write_summary
from studygrid.interchange.text_report import detailed_report
from studygrid.records import write_atomically
from studygrid.report.drawn import DrawnFiles
from studygrid.report.formats import FILE_NAMES, as_html
from studygrid.results.frames import frame_rows
from studygrid.results.loading import Problem
from studygrid.results.not_said import value_in_file
from studygrid.results.rows import Row
from studygrid.results.study_results import StudyResults
from studygrid.tables.delimited import write_csv

RUNS: Final = "aggregated_metrics.csv"
CELLS: Final = "summary_statistics.csv"
SUMMARY: Final = "results_summary.json"
PROBLEMS: Final = "problems.csv"
SOURCES: Final = "sources.csv"
FIGURES: Final = "figures"
_SOURCE_COLUMNS: Final = (
    "family",
    "model",
    "resolution",
    "n_train",
    "seed",
    "seed_said",
    "layout",
    "written_by",
    "paths",
)


def write_collected(found: CollectedRuns, output: Path) -> list[Path]:
    """Write everything that is made of collected runs; return the files and folders.

    Of several families each has a folder of its own; where files come from and what was left
    out stands beside these.

    Raises
    ------
    OSError
        If something cannot be written.
    """
    write_csv(output / PROBLEMS, _problems(found.problems), ("path", "reason"))
    write_csv(output / SOURCES, list(_sources(found.studies.values())), _SOURCE_COLUMNS)
    written = [output / PROBLEMS, output / SOURCES]
    for study in found.studies.values():
        written += write_study(study)
    return written


def write_study(study: StudyResults) -> list[Path]:
    """Write the tables, figures and reports of a collected study to its folder."""
    folder = study.folder
    runs = frame_rows(frame_in_files(study))
    write_csv(folder / RUNS, [_in_file(row) for row in runs])
    write_csv(folder / CELLS, [_named(_in_file(row), study) for row in frame_rows(study.summary)])
    write_summary(study, folder / SUMMARY)
    text = folder / FILE_NAMES["txt"]
    write_atomically(text, detailed_report(study).encode())
    drawn = draw(study, folder / FIGURES)
    page = folder / FILE_NAMES["html"]
    write_atomically(page, as_html(study, DrawnFiles(folder / FIGURES, drawn, FIGURES)))
    return [folder / RUNS, folder / CELLS, folder / SUMMARY, text, page, folder / FIGURES]


def draw(study: StudyResults, folder: Path) -> tuple[str, ...]:
    """Draw the figures that have something to show; return their names.

    Those of an earlier collection that have nothing to show any more are removed.
    """
    drawn = []
    for name in figures_of(study.family):
        drawing = load_figure(study.family, name)(study)
        if drawing.table.empty:
            for suffix in ("svg", "png", "csv"):
                (folder / f"{name}.{suffix}").unlink(missing_ok=True)
        else:
            save(drawing, folder / name)
            drawn.append(name)
    return tuple(drawn)


def _in_file(row: Row) -> Row:
    return {name: value_in_file(name, value) for name, value in row.items()}


def _named(row: Row, study: StudyResults) -> Row:
    """Return a row of the cells with its metric named by the split that it is of."""
    metric = str(row["metric"]).removeprefix("test_")
    return row | {"metric": f"{study.split}_{metric}"}


def _problems(problems: Sequence[Problem]) -> list[Row]:
    return [{"path": str(one.path), "reason": one.reason} for one in problems]


def _sources(studies: Iterable[StudyResults]) -> Iterator[Row]:
    for study in studies:
        for run, source in study.collected.sources.items() if study.collected else ():
            row = {
                "family": study.family.name,
                **vars(run),
                "seed_said": source.says_seed,
                "layout": source.layout,
                "written_by": "studygrid" if source.written_here else "another program",
                "paths": "; ".join(map(str, source.paths)),
            }
            yield _in_file({name: row[name] for name in _SOURCE_COLUMNS})
