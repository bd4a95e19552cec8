"""Paths that a user gave: whether they exist, and what was meant where they do not."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from studygrid.errors import DataError


def existing_path(text: str, kind: Literal["folder", "file"]) -> Path:
    """Return the path that a user gave, with a leading ``~`` resolved.

    Raises
    ------
    DataError
        If there is no such folder or file.
    """
    path = Path(text).expanduser()
    problem = path_problem(path, kind)
    if problem:
        raise DataError(problem)
    return path


def path_problem(path: Path, kind: Literal["folder", "file"]) -> str | None:
    """Return why a path is not an existing folder or file, or None if it is one."""
    if path.is_dir() if kind == "folder" else path.is_file():
        return None
    if path.exists():
        return f"{path} is not a {kind}"
    parent, missing = path.parent, path.name
    while not parent.exists() and parent != parent.parent:
        parent, missing = parent.parent, parent.name
    near = difflib.get_close_matches(missing, _names_in(parent), n=1)
    hint = f"; did you mean {parent / near[0]}?" if near else ""
    return f"{kind} {path} does not exist{hint}"


def existing_files(paths: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    """Return the files that a user gave under some keys, by key and number.

    Raises
    ------
    DataError
        If one does not exist.
    """
    return {
        f"{key} {number}": existing_path(text, "file")
        for key, texts in paths.items()
        for number, text in enumerate(texts)
    }


def files_given_twice(paths: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return what is one file under two names: key and message."""
    seen: dict[Path, str] = {}
    problems = []
    for key, texts in paths.items():
        for text in texts:
            real = Path(text).expanduser().resolve()
            if real in seen:
                problems.append((key, f"{text} is the same file as {seen[real]}"))
            seen[real] = text
    return problems


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []
