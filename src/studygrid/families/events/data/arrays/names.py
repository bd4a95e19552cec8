"""Names and units of the globals, and which of them are left out."""

from __future__ import annotations

from pathlib import Path

from studygrid.config_errors import nearest
from studygrid.errors import DataError
from studygrid.families.events.data.arrays.files import ArraysFile
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.arrays.tokens import DERIVED

Problem = tuple[str, str]

# Left out by default, so it need not be there.
_BY_DEFAULT = "mjj"
_NO_UNIT = "1"


def global_names(file: ArraysFile, options: TokenArraysOptions) -> list[tuple[str, str]]:
    """Return name and unit of each global of a file whose headers are right.

    Raises
    ------
    DataError
        If two globals have one name.
    """
    given = options.arrays.globals
    names = list(given) if isinstance(given, list) else []
    if isinstance(given, str):
        header = file.header(given)
        columns = header.shape[1] if header is not None and len(header.shape) == 2 else 1
        names = options.global_names or [f"global_{place}" for place in range(columns)]
    units = {name: options.global_units.get(name, _NO_UNIT) for name in names}
    derived = dict(DERIVED) if options.globals_from_tokens else {}
    both = [name for name in names if name in derived]
    if both:
        raise DataError(
            f"{file.path}: `{given}`: expected other names than {both[0]}, which "
            "dataset.globals_from_tokens makes; rename it, or set that to false"
        )
    return [*units.items(), *derived.items()]


def left_out(names: list[tuple[str, str]], options: TokenArraysOptions) -> list[str]:
    """Return the globals that are left out; ``mjj`` need not be there."""
    known = [name for name, _ in names]
    return [name for name in options.left_out if name in known or name != _BY_DEFAULT]


def name_problems(
    path: Path, names: list[tuple[str, str]], options: TokenArraysOptions
) -> list[Problem]:
    """Return what is wrong with the names of globals in the config: key and message."""
    known = [name for name, _ in names]
    dropped = left_out(names, options)
    if not set(known) - set(dropped):
        return [
            (
                "left_out" if known else "arrays.globals",
                f"{path}: leaves no global, and the models need one; name another array in "
                "`arrays.globals`, or set `globals_from_tokens` to true",
            )
        ]
    return [
        (key, f"{name!r} is no global of {path}; {nearest(name, known)}")
        for key, given in (("left_out", dropped), ("global_units", list(options.global_units)))
        for name in given
        if name not in known
    ]
