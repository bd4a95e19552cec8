"""The folder of a report: `<output_root>/reports/report_<UTC time>_<name>`, never another's.

Until the report is whole it lies beside that, hidden: a report that was stopped has no folder of
its name.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from studygrid.errors import StudygridError

_MOST_AT_ONCE = 1000
_PART = ".part"


def make_folder(output_root: Path, name: str, at: datetime | None = None) -> Path:
    """Make the hidden folder of a report; one that is made in the same second gets a number.

    Parameters
    ----------
    at
        When the report is made; now when left out.

    Returns
    -------
    The folder to write into, ``.report_….part``; `finish_folder` gives it its name.

    Raises
    ------
    StudygridError
        If it cannot be made.
    """
    time = f"{(at or datetime.now(UTC)).astimezone(UTC):%Y%m%d-%H%M%S}"
    parent = output_root / "reports"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, _MOST_AT_ONCE):
            again = "" if number == 1 else f"-{number}"
            part = parent / f".report_{time}{again}_{name}{_PART}"
            try:
                part.mkdir()  # atomic: of two reports one gets it
            except FileExistsError:
                continue
            if not final_folder(part).exists():
                return part
            part.rmdir()
    except OSError as error:
        raise StudygridError(
            f"env.output_root: {parent}: cannot be written ({error.strerror}); name another folder "
            "with env.output_root=FOLDER"
        ) from None
    raise StudygridError(f"{parent}: has {_MOST_AT_ONCE} reports of this second already")


def final_folder(part: Path) -> Path:
    """Return the folder that a hidden one becomes."""
    return part.with_name(part.name.removeprefix(".").removesuffix(_PART))


def finish_folder(part: Path) -> Path:
    """Give the hidden folder of a report that is whole its name, and return it."""
    return part.rename(final_folder(part))
