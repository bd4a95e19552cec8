"""What a source file's code is and what it imports, parsed once for as long as it is the same.

To parse every module of the project takes seconds, each time Snakemake starts. What was found
is kept beside Python's own bytecode, by the content of the file: a source that has changed in
any byte is parsed again, whatever its time stamp says.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import NamedTuple

_MOST_KEPT = 8192


class Import(NamedTuple):
    """An import statement.

    Attributes
    ----------
    module
        The module as it is written; empty in ``from . import name``.
    level
        Leading dots.
    names
        What is taken of it; None in ``import module``.
    """

    module: str
    level: int
    names: tuple[str, ...] | None


class Source(NamedTuple):
    """A source file.

    Attributes
    ----------
    code
        Hash of the syntax tree without docstrings.
    imports
        Wherever they stand, but for those for type checking alone.
    """

    code: str
    imports: tuple[Import, ...]


def read_source(file: Path) -> Source:
    """Return what a source file is."""
    return _known().source(file.read_bytes(), str(file))


def keep_sources() -> None:
    """Write what was parsed since the last call, for the next process."""
    _known().save()


@cache
def _known() -> _Known:
    return _Known(_cache_file())


def _cache_file() -> Path | None:
    """Return a file for this way to parse and this Python; None where bytecode is not kept."""
    if sys.dont_write_bytecode:
        return None
    parser = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    version = ".".join(map(str, sys.version_info[:3]))
    return Path(cache_from_source(__file__)).with_name(f"sources-{version}-{parser}.json")


class _Known:
    """Sources by the hash of their content."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._sources = _read(file)
        self._new = False

    def source(self, content: bytes, name: str) -> Source:
        key = hashlib.sha256(content).hexdigest()
        found = self._sources.pop(key, None)
        if found is None:
            found, self._new = _parsed(content, name), True
        self._sources[key] = found  # last: those that were not asked for longest go first
        return found

    def save(self) -> None:
        if self._file is None or not self._new:
            return
        self._new = False
        kept = dict(list(self._sources.items())[-_MOST_KEPT:])
        written = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        # Where nothing can be written, the next process parses again.
        with suppress(OSError):
            self._file.parent.mkdir(exist_ok=True)
            written.write_text(json.dumps(kept), "utf-8")
            written.replace(self._file)


def _read(file: Path | None) -> dict[str, Source]:
    if file is None:
        return {}
    try:
        return {key: _source_of(found) for key, found in json.loads(file.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _source_of(found: tuple[str, list[tuple[str, int, list[str] | None]]]) -> Source:
    code, imports = found
    return Source(
        code,
        tuple(
            Import(module, level, None if names is None else tuple(names))
            for module, level, names in imports
        ),
    )


def _parsed(content: bytes, name: str) -> Source:
    tree = ast.parse(content, filename=name)
    for node in ast.walk(tree):
        _strip_docstring(node)
    text = ast.dump(tree, annotate_fields=False)
    return Source(hashlib.sha256(text.encode()).hexdigest(), tuple(_imports(tree)))


def _strip_docstring(node: ast.AST) -> None:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    first = node.body[0] if node.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        node.body = node.body[1:]


def _imports(tree: ast.Module) -> Iterator[Import]:
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            skipped.update(id(below) for part in node.body for below in ast.walk(part))
        elif isinstance(node, ast.Import):
            yield from (Import(alias.name, 0, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(node.module or "", node.level, names)
