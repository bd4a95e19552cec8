"""Writing files of an export, each once, and taking away what an earlier export left."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from studygrid.errors import RecordError, StudygridError
from studygrid.records import write_atomically

# What a file is to hold: these bytes, or what another file holds.
Content = bytes | Path
Writer = Literal["export", "project"]
_WRITERS: dict[Writer, str] = {"export": "`studygrid export`", "project": "--vae-project"}


class _Index(BaseModel):
    """What earlier exports wrote: of each file the hashes that its content may have."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    writer: Writer = "export"
    study: str
    files: dict[str, list[str]] = {}


class ExportFolder:
    """A folder of exports of one study, with a list of the files that these wrote.

    The list is written before the files, so that those of an export that was killed are known.

    Parameters
    ----------
    index
        The name of the list, which is the layout's own.
    option
        The option that names the folder, for messages.
    writer
        Who writes there: an export keeps what it was asked for alone, a project all runs.

    Raises
    ------
    StudygridError
        If the folder holds an export of another study or what the other writer wrote, or its list
        cannot be read.
    """

    def __init__(
        self,
        output: Path,
        study: str,
        index: str,
        option: str = "--output",
        writer: Writer = "export",
    ) -> None:
        self._output, self._path, self._option = output, output / index, option
        self._index = _Index(writer=writer, study=study)
        if not self._path.is_file():
            return
        found = _read(self._path, option)
        if found.writer != writer:
            raise StudygridError(
                f"{output}: holds what {_WRITERS[found.writer]} wrote, and {_WRITERS[writer]} "
                f"writes to a folder of its own; name another {option}"
            )
        if found.study != study:
            raise StudygridError(
                f"{output}: holds an export of the study {found.study!r}, not of {study!r}; name "
                f"another {option}"
            )
        self._index = found

    def check(self, names: Iterable[str]) -> None:
        """Refuse to write over what no export wrote.

        Raises
        ------
        RecordError
            If one of the files is there and is not in the list, or was changed since.
        """
        for name in names:
            path = self._output / name
            if not path.exists():
                continue
            wrote = self._index.files.get(name)
            if wrote is None or (path.is_file() and _hash(path) not in wrote):
                what = "no export wrote it" if wrote is None else "was changed since it was written"
                raise RecordError(
                    f"{path}: is there, and {what}; move it elsewhere, or name another "
                    f"{self._option}"
                )

    def is_there(self, name: str, content: Content) -> bool:
        """Tell whether a file is there with exactly this content."""
        return _holds(self._output / name, content)

    def wrote(self, name: str) -> bool:
        """Tell whether an export wrote a file that is there."""
        return name in self._index.files and (self._output / name).exists()

    def write(self, files: Mapping[str, Content]) -> None:
        """Write files; one that is there with the same content stays untouched."""
        for name, content in files.items():
            hashes = self._index.files.setdefault(name, [])
            if (now := _hash(content)) not in hashes:
                hashes.append(now)
        self._save()
        for name, content in files.items():
            if not self.is_there(name, content):
                write_atomically(self._output / name, _bytes(content))

    def keep_only(
        self, files: Mapping[str, Content], spared: Iterable[str]
    ) -> tuple[int, list[str]]:
        """Take away what exports wrote and is in none of both.

        Parameters
        ----------
        files
            The files of this export.
        spared
            Files that stay though they are not of it.

        Returns
        -------
        removed, kept
            How many are gone, and those that stay because somebody changed them.
        """
        removed, kept = self._remove(self._index.files.keys() - files.keys() - set(spared))
        self._index.files |= {name: [_hash(content)] for name, content in files.items()}
        self._save()
        return removed, kept

    def remove(self, names: Iterable[str]) -> None:
        """Take away files that exports wrote; those that somebody changed stay."""
        self._remove(self._index.files.keys() & set(names))
        self._save()

    def _remove(self, names: Iterable[str]) -> tuple[int, list[str]]:
        removed, kept = 0, list[str]()
        for name in sorted(names):
            path = self._output / name
            if path.is_file() and _hash(path) not in self._index.files[name]:
                kept.append(name)
            elif path.is_file():
                path.unlink()
                _remove_empty(path.parent, self._output)
                removed += 1
            del self._index.files[name]
        return removed, kept

    def _save(self) -> None:
        ordered = dict(sorted(self._index.files.items()))
        content = encoded({**self._index.model_dump(), "files": ordered})
        if not _holds(self._path, content):
            write_atomically(self._path, content)


def exported_study(output: Path, index: str) -> str | None:
    """Return the name of the study whose export a folder holds, or None.

    Raises
    ------
    StudygridError
        If its list cannot be read.
    """
    path = output / index
    return _read(path, "folder").study if path.is_file() else None


def encoded(content: Any) -> bytes:
    """Return strict JSON for people and programs."""
    return f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def _read(path: Path, option: str) -> _Index:
    try:
        return _Index.model_validate_json(path.read_bytes())
    except ValidationError:
        raise StudygridError(
            f"{path}: is no list of exported files; name another {option}"
        ) from None


def _bytes(content: Content) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content


def _holds(path: Path, content: Content) -> bool:
    return path.is_file() and path.read_bytes() == _bytes(content)


def _hash(content: Content) -> str:
    return hashlib.sha256(_bytes(content)).hexdigest()


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder, and those above it within `top`, as far as nothing is in them."""
    while folder != top and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
