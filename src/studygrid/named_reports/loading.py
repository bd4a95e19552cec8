"""Loading the Python file of a report."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from studygrid.errors import ConfigError
from studygrid.named_reports.inputs import NamedReport

ATTRIBUTE = "REPORT"


def report_of_file(file: Path) -> NamedReport:
    """Return the report of a Python file; the file may import others beside it.

    Raises
    ------
    ConfigError
        If the file cannot be loaded, or holds no report; the message has the line.
    """
    name = f"studygrid_report_{re.sub(r'[^A-Za-z0-9_]', '_', file.stem)}"
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:  # pragma: no cover
        raise ConfigError(f"{file}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"{file}:{error.lineno}: is not Python: {error.msg}") from None
    except Exception as error:  # a user's own file may raise anything
        line = _line_in(file, error)
        raise ConfigError(f"{file}{line}: {type(error).__name__}: {error}") from error
    return _report_in(module, file)


def _report_in(module: ModuleType, file: Path) -> NamedReport:
    if not hasattr(module, ATTRIBUTE):
        raise ConfigError(
            f"{file}: has no {ATTRIBUTE}; end it with {ATTRIBUTE} = NamedReport(title=…, figures=…)"
        )
    return checked_report(getattr(module, ATTRIBUTE), str(file))


def checked_report(value: Any, what: str) -> NamedReport:
    """Return a value that is a report.

    Raises
    ------
    ConfigError
        If it is none.
    """
    if not isinstance(value, NamedReport):
        raise ConfigError(f"{what}: {ATTRIBUTE} is a {type(value).__name__}, not a NamedReport")
    return value


def _line_in(file: Path, error: BaseException) -> str:
    """Return ``:LINE`` of the last line of a file that an error passed; empty where it has none."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == file
    ]
    return f":{lines[-1]}" if lines else ""
