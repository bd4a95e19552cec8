"""Writing files of an export, each once, and taking away what an earlier export left."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from studygrid.errors import RecordError, StudygridError
from studygrid.interchange.vae import INDEX
from studygrid.records import write_atomically

Writer = Literal["export", "project"]
_WRITERS: dict[Writer, str] = {"export": "`studygrid export`", "project": "--vae-project"}


class _Index(BaseModel):
    """What earlier exports wrote: of each file the hashes that its content may have."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    writer: Writer = "export"
    study: str
    files: dict[str, list[str]] = {}


class Folder:
    """A folder of exports of one study, with a list of the files that these wrote.

    The list is written before the files, so that those of an export that was killed are known.

    Parameters
    ----------
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
        self, output: Path, study: str, option: str = "--output", writer: Writer = "export"
    ) -> None:
        self._output, self._path, self._option = output, output / INDEX, option
        self._index = _Index(writer=writer, study=study)
        if not self._path.is_file():
            return
        try:
            found = _Index.model_validate_json(self._path.read_bytes())
        except ValidationError:
            raise StudygridError(
                f"{self._path}: is no list of exported files; name another {option}"
            ) from None
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
            if wrote is None or (path.is_file() and _hash(path.read_bytes()) not in wrote):
                what = "no export wrote it" if wrote is None else "was changed since it was written"
                raise RecordError(
                    f"{path}: is there, and {what}; move it elsewhere, or name another "
                    f"{self._option}"
                )

    def is_there(self, name: str, content: bytes) -> bool:
        """Tell whether a file is there with exactly this content."""
        path = self._output / name
        return path.is_file() and path.read_bytes() == content

    def wrote(self, name: str) -> bool:
        """Tell whether an export wrote a file that is there."""
        return name in self._index.files and (self._output / name).exists()

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files; one that is there with the same content stays untouched."""
        for name, content in files.items():
            hashes = self._index.files.setdefault(name, [])
            if (now := _hash(content)) not in hashes:
                hashes.append(now)
        self._save()
        for name, content in files.items():
            if not self.is_there(name, content):
                write_atomically(self._output / name, content)

    def keep_only(self, files: Mapping[str, bytes], spared: Iterable[str]) -> tuple[int, list[str]]:
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
            if path.is_file() and _hash(path.read_bytes()) not in self._index.files[name]:
                kept.append(name)
            elif path.is_file():
                path.unlink()
                _remove_empty(path.parent)
                removed += 1
            del self._index.files[name]
        return removed, kept

    def _save(self) -> None:
        ordered = dict(sorted(self._index.files.items()))
        content = encoded({**self._index.model_dump(), "files": ordered})
        if not self.is_there(INDEX, content):
            write_atomically(self._path, content)


def encoded(content: Any) -> bytes:
    """Return strict JSON for people and programs."""
    return f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
