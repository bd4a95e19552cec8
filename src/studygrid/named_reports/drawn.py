"""Drawing the figures of a report; one that fails does not take the others with it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.figures.drawing import Drawing, save
from studygrid.figures.style import house_style
from studygrid.named_reports.inputs import FigureFunction, ReportInputs

PREFIX = "figure-"


@dataclass(frozen=True)
class Failed:
    """A figure, or the sections, whose function failed.

    Attributes
    ----------
    reason
        In a line, with the place in the code where the error is not one of data or config.
    trace
        The traceback; empty of an error of data or config.
    """

    name: str
    reason: str
    trace: str = ""

    @classmethod
    def by(cls, name: str, error: Exception) -> Failed:
        """Return what an error did."""
        if isinstance(error, StudygridError):
            return cls(name, str(error))
        frames = traceback.extract_tb(error.__traceback__)
        last = next((one for one in reversed(frames) if Path(one.filename).is_file()), frames[-1])
        where = f"{Path(last.filename).name}:{last.lineno}"
        reason = f"{type(error).__name__}: {error} ({where})"
        return cls(name, reason, "".join(traceback.format_exception(error)))


def draw_figures(
    functions: Mapping[str, FigureFunction],
    names: Sequence[str],
    inputs: ReportInputs,
    folder: Path,
) -> list[Failed]:
    """Draw figures into ``<folder>/figure-<name>.png``, ``.svg`` and ``.csv``.

    Parameters
    ----------
    names
        Those to draw, in order.

    Returns
    -------
    Those whose function failed.
    """
    failed = []
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        try:
            with house_style():
                made = functions[name](inputs)
            _check(made)
        except OSError:
            raise  # a full disk is no fault of the figure
        except Exception as error:  # a user's own function may raise anything
            failed.append(Failed.by(name, error))
            continue
        finally:
            _close_all()
        save(made, folder / f"{PREFIX}{name}")
    return failed


def _check(made: object) -> None:
    if not isinstance(made, Drawing):
        raise StudygridError(
            f"its function returned a {type(made).__name__}, not a Drawing: return "
            "drawing(figure, table, title=…)"
        )


def _close_all() -> None:
    """Forget the figures that pyplot, if a report uses it, would keep."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
