"""Writing an experiment in CrackSeg's layout: every document, then copies of its other files."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from studygrid.interchange.crackseg import (
    CHECKPOINT,
    EPOCHS,
    FINAL_RESULTS,
    ROOT_CHECKPOINT,
    SUMMARY,
    VALIDATION,
)
from studygrid.interchange.crackseg_documents import EpochRow, Summary, ValidationMetrics
from studygrid.records import write_atomically


@dataclass(frozen=True)
class Content:
    """What an experiment's folder is to hold.

    Attributes
    ----------
    copies
        Files to copy, by their place in the folder.
    """

    summary: Summary
    epochs: Sequence[EpochRow]
    validation: ValidationMetrics
    copies: Mapping[str, Path] = field(default_factory=dict)


def write_content(content: Content, folder: Path) -> list[str]:
    """Write an experiment to a folder of its own; return the files, as seen from it.

    Raises
    ------
    OSError
        If something cannot be written or copied.
    """
    documents = {
        SUMMARY: _json(content.summary.content()),
        EPOCHS: _json_lines(row.content() for row in content.epochs),
        VALIDATION: _json(content.validation.content()),
        FINAL_RESULTS: _yaml(content.summary.final_metrics.content()),
    }
    for name, encoded in documents.items():
        write_atomically(folder / name, encoded)
    twins = content.copies.get(CHECKPOINT) == content.copies.get(ROOT_CHECKPOINT)
    for name, source in sorted(content.copies.items(), key=lambda copy: copy[0] == ROOT_CHECKPOINT):
        twin = folder / CHECKPOINT if twins and name == ROOT_CHECKPOINT else None
        _copy(source, folder / name, twin)
    return [*documents, *content.copies]


def _json(content: Any) -> bytes:
    return f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


def _json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _yaml(content: Any) -> bytes:
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return text.encode()


def _copy(source: Path, target: Path, twin: Path | None) -> None:
    """Copy a file; one that is there under another name already takes no room of its own."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if twin is not None:
        try:
            os.link(twin, target)
        except OSError:  # a file system without links
            pass
        else:
            return
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
