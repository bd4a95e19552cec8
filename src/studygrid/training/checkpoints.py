"""Weights and resume points on disk."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from studygrid.errors import RecordError
from studygrid.records import write_atomically


def save(path: Path, content: dict[str, Any]) -> str:
    """Write a checkpoint atomically and return its sha256; equal content is equal bytes."""
    data = _packed(content)
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def load(path: Path, sha256: str) -> dict[str, Any]:
    """Read a checkpoint, onto the CPU wherever it was saved.

    Raises
    ------
    RecordError
        If the file is missing, is not the one whose hash is given, or cannot be read.
    """
    hint = f"delete {path.parent / 'train.json'} to train again"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RecordError(f"{path}: missing; {hint}") from None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); {hint}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise RecordError(f"{path}: is not the checkpoint that its train record names; {hint}")
    try:
        return _unpacked(data)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise RecordError(f"{path}: cannot be read ({error}); {hint}") from None


def save_resume_point(path: Path, content: dict[str, Any]) -> None:
    """Write a resume point atomically, after its own hash: torch would not see damage."""
    data = _packed(content)
    write_atomically(path, hashlib.sha256(data).digest() + data)


def load_resume_point(path: Path, identity: str) -> dict[str, Any] | None:
    """Read a resume point, or return None if there is no whole one of the same identity."""
    if not path.exists():
        return None
    stored = path.read_bytes()
    size = hashlib.sha256().digest_size
    digest, data = stored[:size], stored[size:]
    if hashlib.sha256(data).digest() != digest:
        return None
    content = _unpacked(data)
    return content if content["identity"] == identity else None


def _packed(content: dict[str, Any]) -> bytes:
    # Saved to memory: into a file, torch writes the file's name as well.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _unpacked(data: bytes) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return content


def copy_of(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a state dict on the CPU, which later steps do not change."""
    return {
        key: value.detach().to("cpu", copy=True) if isinstance(value, torch.Tensor) else value
        for key, value in state.items()
    }
