"""From a report's YAML and the command line to its config, or to all that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from studygrid.config_errors import Problem, Problems, dotted, nearest, problem_text
from studygrid.config_places import Place, Places
from studygrid.errors import ConfigError
from studygrid.named_reports.config import ReportConfig
from studygrid.named_reports.inputs import NamedReport
from studygrid.named_reports.overrides import Overrides, read_overrides, with_overrides

_COMMAND_LINE = "command line"


def read_config(
    name: str, report: NamedReport, file: Path | None, words: Iterable[str]
) -> ReportConfig:
    """Return the config of a report.

    Parameters
    ----------
    name
        The report's, for messages.
    file
        Its YAML; None where it has none, and all is default.
    words
        ``key=value``, which override the YAML.

    Raises
    ------
    ConfigError
        With everything that is wrong: unknown keys, values of another type, figures and
        thresholds that the report has not, no runs named.
    """
    places, problems = Places(), Problems()
    if file is not None:
        places.read(file)
    overrides = read_overrides(words, problems)
    below = {} if places.content is None else places.content
    if not isinstance(below, dict):
        raise ConfigError(f"{file}: should be a section: keys, each with a value")
    content = with_overrides(below, overrides, problems)
    config = problems.validate(ReportConfig, content, ())
    _check_inputs(content, problems)
    _check_thresholds(below, overrides, problems)
    _check_figures(report, content, overrides, problems)
    _raise_all(name, problems, places, content, overrides)
    if config is None:  # pragma: no cover
        raise ConfigError(f"the config of the report {name} cannot be used")
    return config


def thresholds_of(file: Path | None) -> Mapping[str, float | None]:
    """Return the thresholds of a report's YAML as they stand; none of a file that has none."""
    if file is None:
        return {}
    places = Places()
    places.read(file)
    found = _part(places.content, "thresholds")
    return found if isinstance(found, dict) else {}


def _part(content: Any, *place: str) -> Any:
    for key in place:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _check_inputs(content: Any, problems: Problems) -> None:
    sweep, runs = _part(content, "inputs", "sweep_dir"), _part(content, "inputs", "run_dirs")
    if not sweep and not runs:
        problems.add(
            ("inputs",),
            "names no runs",
            hint="give inputs.sweep_dir=FOLDER (of a sweep, or of a study's results) or "
            "'inputs.run_dirs=[\"FOLDER\", …]'",
        )
    elif sweep and runs:
        problems.add(("inputs",), "has both sweep_dir and run_dirs", hint="keep one of them")


def _check_thresholds(below: Any, overrides: Overrides, problems: Problems) -> None:
    """Refuse thresholds that the report's YAML has not: nothing would read them."""
    known = _part(below, "thresholds")
    names = list(known) if isinstance(known, dict) else []
    for place in overrides:
        if place[0] == "thresholds" and len(place) == 2 and place[1] not in names:
            hint = nearest(place[1], names) or "its YAML has none"
            problems.add(place, "the report has no such threshold", hint=hint)


def _check_figures(
    report: NamedReport, content: Any, overrides: Overrides, problems: Problems
) -> None:
    """Refuse figures that the report has not, and what is asked for and would not be drawn.

    A YAML may list the figures of both phases: those of inference are drawn where it is on.
    """
    listed = _part(content, "outputs", "which_figures")
    known = report.figure_names
    is_asked = ("outputs", "which_figures") in overrides
    is_on = _part(content, "inference", "enabled") is True
    figures = listed if isinstance(listed, list) else []
    for position, name in enumerate(figures):
        place = ("outputs", "which_figures", position)
        if not isinstance(name, str):
            continue  # the type is refused already
        if name not in known:
            close = nearest(name, known) or ""
            hint = close if close.startswith("valid") else f"{close} All: {', '.join(known)}"
            problems.add(place, "the report has no such figure", name, hint.strip())
        elif name in figures[:position]:
            problems.add(place, "is named twice", name)
        elif name in report.inference_figures and is_asked and not is_on:
            hint = "give inference.enabled=true, or leave it out"
            problems.add(place, "is a figure of the inference phase, which is off", name, hint)


def _raise_all(
    name: str, problems: Sequence[Problem], places: Places, content: Any, overrides: Overrides
) -> None:
    lines: dict[tuple[Any, ...], str] = {}
    for problem in problems:
        where, order = _where(problem.place, places, content, overrides)
        text = (
            problem_text(dotted(problem.place, content), problem)
            if problem.place
            else (problem.message)
        )
        lines[(*order, text)] = f"  {where}: {text}"
    for place, mark, message in places.faults:
        text = f"{dotted(place, content)}: {message}"
        lines[(mark.file, mark.line, mark.column, text)] = f"  {mark}: {text}"
    if not lines:
        return
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    listed = [lines[key] for key in sorted(lines)]
    raise ConfigError(
        "\n".join([f"the config of the report {name} has {count}; nothing was written:", *listed])
    )


def _where(
    place: Place, places: Places, content: Any, overrides: Overrides
) -> tuple[str, tuple[int, int, int]]:
    """Return the file and line, or the command line, and where that comes in the order."""
    given = any(place[: len(other)] == other for other in overrides)
    if not given and places.content is not None and place:
        mark = places.mark(place, places.content)
        return str(mark), (mark.file, mark.line, mark.column)
    return _COMMAND_LINE, (1, 0, 0)
