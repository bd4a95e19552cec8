"""The files of a config, opened and compared with each other by their headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studygrid.errors import DataError
from studygrid.families.events.data.arrays.files import open_arrays
from studygrid.families.events.data.arrays.headers import header_violations
from studygrid.families.events.data.arrays.labels import NamedFile
from studygrid.families.events.data.arrays.names import Problem, global_names, name_problems
from studygrid.families.events.data.arrays.options import TokenArraysOptions
from studygrid.families.events.data.arrays.violations import raise_event_violations


@dataclass(frozen=True)
class OpenedFiles:
    """Files whose headers are right.

    Attributes
    ----------
    globals
        Name and unit of each, the same in all files.
    problems
        What is wrong with names in the config: key and message.
    """

    files: Sequence[NamedFile]
    globals: list[tuple[str, str]]
    problems: list[Problem]


def open_files(options: TokenArraysOptions, resolution: int | None) -> OpenedFiles:
    """Open all files.

    Parameters
    ----------
    resolution
        R, the tokens that are asked for; None: any.

    Raises
    ------
    DataError
        If one cannot be read, or has arrays that cannot be used, with every reason; or if two have
        other globals.
    """
    files: list[NamedFile] = []
    names: list[list[tuple[str, str]]] = []
    for key, paths in options.paths.items():
        for text in paths:
            file = open_arrays(Path(text).expanduser())
            raise_event_violations(file.path, header_violations(file, options, key, resolution))
            header = file.header(options.arrays.tokens)
            assert header is not None
            files.append(NamedFile(key, file, header.shape[0]))
            names.append(global_names(file, options))
            if names[-1] != names[0]:
                raise DataError(
                    f"{file.path}: `{options.arrays.globals}`: expected {len(names[0])} columns, "
                    f"as in {files[0].file.path}; found {len(names[-1])}; save the same there"
                )
    return OpenedFiles(files, names[0], name_problems(files[0].file.path, names[0], options))
