"""Reading JSON that anyone may have written: all that can be wrong with it is one message."""

from __future__ import annotations

import codecs
import json
import math
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from studygrid.errors import RecordError

# Metrics of a run are some kilobytes; curves of many epochs some megabytes.
LARGEST_BYTES: Final = 32 * 2**20
_DEEPEST: Final = 200
_OTHER_ENCODINGS: Final = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True)
class Content:
    """What a JSON file holds; `faults` names each number in it that is none and reads as null."""

    value: Any
    faults: tuple[str, ...] = ()


def read_json(path: Path) -> Content:
    """Read a JSON file.

    A byte-order mark is passed over (RFC 8259, section 8.1). NaN and Infinity, which JSON has
    not, and numbers too large for one are read as null.

    Raises
    ------
    RecordError
        If it is no plain file, too large, no UTF-8, no JSON, nested deeper than 200 levels, or
        names a key twice; the message says which, and where.
    """
    text = _text(path, checked_bytes(path))
    try:
        return parse_json(text)
    except RecursionError:
        raise RecordError(f"{path}: is nested too deeply ({_DEEPEST} levels at most)") from None
    except json.JSONDecodeError as error:
        cut = "; it seems to be cut off" if error.pos >= len(text.rstrip()) else ""
        raise RecordError(f"{path}: is not JSON ({error}{cut})") from None
    except ValueError as error:
        raise RecordError(f"{path}: is not JSON that can be used ({error})") from None


def parse_json(text: str | bytes) -> Content:
    """Return what JSON says, as `read_json` does of a file.

    Raises
    ------
    ValueError
        If it is no JSON, or names a key twice.
    RecursionError
        If it is nested too deeply.
    """
    faults: list[str] = []
    value = json.loads(text, object_pairs_hook=_object)
    return Content(_finite(value, (), faults), tuple(faults))


def checked_bytes(path: Path) -> bytes:
    """Return the bytes of a plain file of a usual size.

    Raises
    ------
    RecordError
        If it is something else, or cannot be read.
    """
    check_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})") from None


def check_file(path: Path, largest: int = LARGEST_BYTES) -> None:
    """Refuse what is no plain file of a usual size: reading a pipe would wait for ever.

    Parameters
    ----------
    largest
        The size in bytes that is still usual.

    Raises
    ------
    RecordError
        If it is not, or does not exist.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise RecordError(
                f"{path}: is a link to {path.readlink()}, which is not there"
            ) from None
        raise RecordError(f"{path}: does not exist") from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})") from None
    if stat.S_ISDIR(status.st_mode):
        raise RecordError(f"{path}: is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise RecordError(f"{path}: is no plain file")
    if status.st_size > largest:
        size, most = (number / 2**20 for number in (status.st_size, largest))
        raise RecordError(f"{path}: is {size:,.0f} MiB, too large ({most:.0f} MiB at most)")


def _text(path: Path, encoded: bytes) -> str:
    if not encoded.strip():
        raise RecordError(f"{path}: is empty")
    for mark, name in _OTHER_ENCODINGS.items():
        if encoded.startswith(mark):
            raise RecordError(f"{path}: is encoded in {name}; JSON is UTF-8, so convert it")
    if b"\0" in encoded:
        raise RecordError(f"{path}: is no text in UTF-8: it holds zero bytes")
    try:
        return encoded.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        byte = encoded[error.start]
        raise RecordError(
            f"{path}: is not UTF-8 (byte {byte:#04x} at {error.start}); convert it"
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def _finite(value: Any, place: tuple[str | int, ...], faults: list[str]) -> Any:
    """Return JSON that can be written; the place of each number that is none goes to `faults`."""
    if len(place) > _DEEPEST:
        raise RecursionError
    if isinstance(value, float) and not math.isfinite(value):
        faults.append(f"{_dotted(place)} is {json.dumps(value)}, which is no number: left out")
        return None
    if type(value) is int and abs(value) > sys.float_info.max:
        faults.append(f"{_dotted(place)} is too large for a number: left out")
        return None
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {writable(key): _finite(item, (*place, key), faults) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item, (*place, at), faults) for at, item in enumerate(value)]
    return value


def writable(text: str) -> str:
    """Return text without single halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _dotted(place: Iterable[str | int]) -> str:
    return writable(".".join(map(str, place))) or "the document"
