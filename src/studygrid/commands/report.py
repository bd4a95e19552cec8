"""``studygrid report``: the report of a study in several formats, or a report by its name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from studygrid.commands import named_report
from studygrid.errors import StudygridError

if TYPE_CHECKING:
    from studygrid.results.study_results import StudyResults

_FORMATS = ("html", "md", "pdf", "txt")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="RESULTS | KEY=VALUE",
        help="results folder of the study (default: results); with --config-name what overrides "
        "the report's YAML, such as inputs.sweep_dir=results",
    )
    parser.add_argument("--format", choices=_FORMATS, help="what to write (default: html)")
    parser.add_argument(
        "--output",
        type=Path,
        help="file to write; report.<format> in the results folder if left out",
    )
    parser.add_argument(
        "--draw", action="store_true", help="draw the figures anew before, as they stand now"
    )
    named_report.add_naming(parser.add_argument_group("a report by its name, in place of those"))


def run(options: argparse.Namespace) -> int:
    """Write the report; print where it is."""
    if options.config_name or options.config_dir or options.list:
        _check_named(options)
        return named_report.run(options)
    return _write(_results(options.words), options.format or "html", options.output, options.draw)


def _check_named(options: argparse.Namespace) -> None:
    wrong = [name for name in ("format", "output", "draw") if getattr(options, name)]
    if wrong:
        raise StudygridError(
            f"--{wrong[0]}: is for the report of a study; a report by its name is a folder of its "
            "own: env.output_root=FOLDER says where"
        )


def _results(words: Sequence[str]) -> Path:
    """Return the results folder that the command line names."""
    overrides = [word for word in words if "=" in word and not Path(word).exists()]
    if overrides:
        raise StudygridError(
            f"{overrides[0]}: is for a report by its name; name it with --config-name (--list "
            "says which there are)"
        )
    if len(words) > 1:
        raise StudygridError(f"{words[1]}: one results folder at a time")
    return Path(words[0]) if words else Path("results")


def _write(results: Path, form: str, output: Path | None, draw: bool) -> int:
    from studygrid.records import write_atomically
    from studygrid.report.drawn import study_figures
    from studygrid.report.formats import FILE_NAMES, FORMATS
    from studygrid.results.study_results import read_study

    study = read_study(results)
    figures, names = study.folder / "figures", tuple(study.plan.figures)
    if draw:
        try:
            _draw(study, figures)
        except OSError as error:
            where = error.filename or figures
            raise StudygridError(f"{where}: cannot be written ({error.strerror})") from None
    elif form != "txt":
        _warn_of_old(figures, (study.folder / "runs" / run.path for run in study.facts))
    output = output or study.folder / FILE_NAMES[form]
    content = FORMATS[form](study, study_figures(study, names, output.parent))
    try:
        write_atomically(output, content)
    except OSError as error:
        raise StudygridError(f"{output}: cannot be written ({error.strerror})") from None
    print(output)
    return 0


def _draw(study: StudyResults, folder: Path) -> None:
    from studygrid.figures import load_figure
    from studygrid.figures.drawing import save

    for name in study.plan.figures:
        save(load_figure(study.family, name)(study), folder / name)
    if study.plan.study.inference.enabled:
        _draw_inference(study)


def _draw_inference(study: StudyResults) -> None:
    from studygrid.figures.drawing import save
    from studygrid.figures.inference_figures import load_inference_figure
    from studygrid.report.drawn import INFERENCE_FIGURES
    from studygrid.results.inference import planned_inference

    results = planned_inference(study.plan, study.folder)
    for name in study.plan.inference_figures:
        drawing = load_inference_figure(name)(results, study.name)
        save(drawing, study.folder / INFERENCE_FIGURES / name)


def _warn_of_old(figures: Path, runs: Iterable[Path]) -> None:
    """Say on the terminal where the figures are older than the records."""
    drawn = [path.stat().st_mtime for path in figures.glob("*.svg")]
    if drawn and any(_changed(run) > min(drawn) for run in runs):
        print(
            f"{figures} was drawn before the last run ended: --draw draws the figures anew",
            file=sys.stderr,
        )


def _changed(run: Path) -> float:
    try:
        return (run / "evaluate.json").stat().st_mtime
    except OSError:
        return 0.0
