"""Finding a report: built in, installed through the entry point `studygrid.reports`, or a file."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from studygrid.config_errors import nearest
from studygrid.config_places import Places
from studygrid.errors import ConfigError
from studygrid.families.base import load_reference
from studygrid.named_reports.inputs import NamedReport
from studygrid.named_reports.loading import ATTRIBUTE, checked_report, report_of_file

BUILT_IN = {
    "compare_globals_heads": "studygrid.named_reports.compare_globals_heads:REPORT",
    "compare_tokenizers": "studygrid.named_reports.compare_tokenizers:REPORT",
}
GROUP = "studygrid.reports"
_YAML = (".yaml", ".yml")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_OF_YOUR_OWN = "for a report of your own give the path of its .py or .yaml, or --config-dir FOLDER"


@dataclass(frozen=True)
class FoundReport:
    """A report and where it is from.

    Attributes
    ----------
    name
        Names its output folder.
    yaml
        Its config file, or None.
    source
        Where its code is: ``built in``, a file, or a package.
    """

    name: str
    report: NamedReport
    yaml: Path | None
    source: str


def report_names() -> list[str]:
    """Return the names of the reports that are built in or installed, without importing them."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def find_report(name: str, folder: Path | None = None) -> FoundReport:
    """Return the report that a name or a path stands for.

    Parameters
    ----------
    name
        A name, or the path of a ``.py`` or ``.yaml`` file.
    folder
        Where files of that name are looked for first.

    Raises
    ------
    ConfigError
        If there is no such report, or its file cannot be used.
    """
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"--config-dir {folder}: is no folder")
    file = _file_of(name, folder)
    if file is None:
        return _registered(name, folder)
    if not _NAME.fullmatch(file.stem):
        raise ConfigError(
            f"{file}: names the report, and so its output folder: rename it to letters, digits, "
            "dots, - and _"
        )
    if file.suffix == ".py":
        beside = (file.with_suffix(suffix) for suffix in _YAML)
        config = next((path for path in beside if path.is_file()), None)
        return FoundReport(file.stem, report_of_file(file), config, str(file))
    return _of_yaml(file)


def known_reports(folder: Path | None = None) -> Iterator[FoundReport | ConfigError]:
    """Yield every report that can be had by name, or why it cannot be loaded.

    Parameters
    ----------
    folder
        A folder whose YAML files are reports too.
    """
    files = [] if folder is None else sorted(_reports_in(folder))
    for name in [*map(str, files), *report_names()]:
        try:
            yield find_report(name)
        except ConfigError as error:
            yield error


def _reports_in(folder: Path) -> list[Path]:
    """Return the files of a folder that are reports, one each."""
    found = {path.stem: path for path in folder.glob("*.py") if _is_report(path)}
    found |= {path.stem: path for path in folder.iterdir() if path.suffix in _YAML}
    return list(found.values())


def _is_report(file: Path) -> bool:
    return (
        re.search(rf"^{ATTRIBUTE}\b", file.read_text("utf-8", "replace"), re.MULTILINE) is not None
    )


def _file_of(name: str, folder: Path | None) -> Path | None:
    """Return the file that a name or a path stands for; None where it is no file.

    Raises
    ------
    ConfigError
        If it is a path, and there is no such file.
    """
    given = Path(name)
    has_end = given.suffix in (".py", *_YAML)
    names = [name] if has_end else [f"{name}{end}" for end in (*_YAML, ".py")]
    is_path = has_end or given.name != name or given.is_file()
    places = [*([folder] if folder else []), *([Path()] if is_path else [])]
    for place in places:
        for file in names:
            if (place / file).is_file():
                return (place / file).resolve()
    if given.is_file():
        raise ConfigError(f"{name}: a report is a .py or .yaml file, or a name; {_known()}")
    if is_path:
        raise ConfigError(f"{name}: there is no such file")
    return None


def _registered(name: str, folder: Path | None = None) -> FoundReport:
    if name in BUILT_IN:
        module = BUILT_IN[name].partition(":")[0]
        report, source = checked_report(load_reference(BUILT_IN[name]), module), "built in"
    else:
        points = entry_points(group=GROUP, name=name)
        if not points:
            raise ConfigError(_unknown(name, folder))
        point = next(iter(points))
        module, report = point.module, _installed(point)
        source = f"package {point.dist.name}" if point.dist else point.value
    beside = Path(sys.modules[module].__file__ or "").parent
    files = (beside / f"{name}{suffix}" for suffix in _YAML)
    return FoundReport(name, report, next((path for path in files if path.is_file()), None), source)


def _unknown(name: str, folder: Path | None) -> str:
    known = report_names()
    if folder is not None:
        known += [path.stem for path in _reports_in(folder)]
    hint = nearest(name, known) or ""
    close = f"{hint} " if hint.startswith("did you mean") else ""
    return f"there is no report {name!r}; {close}{_known()}"


def _known() -> str:
    return f"the reports are {', '.join(report_names())}; {_OF_YOUR_OWN}"


def _installed(point: EntryPoint) -> NamedReport:
    what = f"the report {point.name!r} ({point.value})"
    try:
        value = point.load()
    except Exception as error:  # a package of the user's may raise anything
        raise ConfigError(f"{what} cannot be loaded: {type(error).__name__}: {error}") from error
    return checked_report(value, what)


def _of_yaml(file: Path) -> FoundReport:
    """Return the report whose config a YAML is: the one it names, or the one of its own name."""
    places = Places()
    places.read(file)
    content = places.content if isinstance(places.content, dict) else {}
    named = content.get("report")
    if named is None and file.with_suffix(".py").is_file():
        named = file.with_suffix(".py").name
    if named is None:
        named = file.stem
    if not isinstance(named, str):
        raise ConfigError(f"{file}: report: should be text: a Python file, or a report's name")
    if named.endswith(".py"):
        code = (file.parent / named).resolve()
        if not code.is_file():
            raise ConfigError(f"{file}: report: there is no file {code}")
        return FoundReport(file.stem, report_of_file(code), file, str(code))
    if named not in report_names():
        raise ConfigError(
            f"{file}: whose config is it? Put the report's code into {file.stem}.py beside it, or "
            f"name it with the key `report`: a Python file, or one of {', '.join(report_names())}"
            + (f" (it is {named!r})" if "report" in content else "")
        )
    found = _registered(named)
    return FoundReport(file.stem, found.report, file, found.source)
