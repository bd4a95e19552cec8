"""Where in the config files a key stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from studygrid.errors import ConfigError

Place = tuple[str | int, ...]
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"


@dataclass(frozen=True, order=True)
class Mark:
    """A line and column of a file; marks sort in the order of reading."""

    file: int
    line: int
    column: int
    name: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


class Places:
    """The keys of config files, of which later ones override earlier.

    Attributes
    ----------
    content
        The merged content of the files.
    faults
        What is wrong with keys, which the content does not show: place, mark, message.
    """

    def __init__(self) -> None:
        self.content: Any = None
        self.faults: list[tuple[Place, Mark, str]] = []
        self._marks: dict[Place, Mark] = {}
        self._files = 0

    def read(self, file: Path) -> None:
        """Read a file.

        Raises
        ------
        ConfigError
            If it cannot be read or is not YAML.
        """
        node, content = _load(file)
        name = _shown(file)
        self._marks[()] = Mark(self._files, 1, 0, name)
        if node is not None:
            self._walk(node, (), name, ())
        self.content = _merged(self.content, plain(content))
        self._files += 1

    def _walk(
        self, node: yaml.Node, place: Place, name: str, around: tuple[yaml.Node, ...]
    ) -> None:
        if any(node is outer for outer in around):
            line = node.start_mark.line + 1
            raise ConfigError(f"{name}:{line}: an alias (*) of what it stands in; write it out")
        inside = (*around, node)
        if isinstance(node, yaml.MappingNode):
            self._walk_keys(node, place, name, inside)
        elif isinstance(node, yaml.SequenceNode):
            for position, item in enumerate(node.value):
                self._marks[(*place, position)] = self._mark(item, name)
                self._walk(item, (*place, position), name, inside)

    def _walk_keys(
        self, node: yaml.MappingNode, place: Place, name: str, inside: tuple[yaml.Node, ...]
    ) -> None:
        seen: set[str] = set()
        # What `<<: *anchor` brings in comes first: a section's own keys override it.
        for key, value in sorted(node.value, key=lambda pair: pair[0].tag != _MERGE):
            if key.tag == _MERGE:
                for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    self._walk(merged, place, name, inside)
                continue
            here = (*place, key.value)
            mark = self._marks[here] = self._mark(key, name)
            if key.value in seen:
                self.faults.append((here, mark, "is given twice; YAML keeps the last only"))
            if key.tag != _TEXT:
                self.faults.append((here, mark, "the key should be text; put it in quotes"))
            seen.add(key.value)
            self._walk(value, here, name, inside)

    def _mark(self, node: yaml.Node, name: str) -> Mark:
        return Mark(self._files, node.start_mark.line + 1, node.start_mark.column, name)

    def mark(self, place: Place, config: Any) -> Mark:
        """Return where a place of the config stands, or the nearest place around it.

        What the config has and the files have not was given on the command line.
        """
        here, there = config, self.content
        for length in range(len(place) + 1):
            if not isinstance(here, Mapping) and repr(here) != repr(there):
                return Mark(self._files, 0, 0, "--config" if self._files else "config")
            if length == len(place) or not _has(here, place[length]):
                break
            here = here[place[length]]
            there = there[place[length]] if _has(there, place[length]) else None
        known = (place[:length] for length in range(len(place), -1, -1))
        nowhere = Mark(self._files, 0, 0, "config")
        return next((self._marks[part] for part in known if part in self._marks), nowhere)


def plain(value: Any) -> Any:
    """Return plain dicts and lists with keys of text: Snakemake hands over kinds of its own."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def _load(file: Path) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of a file, which know their lines, and its content."""
    try:
        text = file.read_text("utf-8")
        try:
            # Snakemake takes a file for JSON first: tabs are allowed there, and 1e-3 is a number.
            content = json.loads(text)
            return yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader), content
        except ValueError:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            return node, None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{_shown(file)}:{line}: is not YAML: {error.problem}") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{_shown(file)}: cannot be read as YAML: {error}") from None


def _shown(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _has(content: Any, part: str | int) -> bool:
    if isinstance(content, Mapping):
        return part in content
    return isinstance(content, list) and isinstance(part, int) and part < len(content)


def _merged(below: Any, above: Any) -> Any:
    """Merge as Snakemake does: section by section, all else is replaced."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
    return above
