"""The manifest of a report: from which runs, weights and data it was made, and how."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from studygrid.manifest import sha256_of
from studygrid.named_reports.discovery import FoundReport
from studygrid.named_reports.drawn import PREFIX, Failed
from studygrid.named_reports.inputs import ReportInputs
from studygrid.named_reports.run_files import RunFiles
from studygrid.records import write_atomically
from studygrid.version import __version__

FILE = "manifest.yaml"
_HEADER = "# What this report was made from. Paths are relative to the folder of this file.\n"
_TRAINED_ON = ("train", "validation")


def report_manifest(
    report_id: str,
    folder: Path,
    created_at: str,
    found: FoundReport,
    words: Sequence[str],
    inputs: ReportInputs,
    files: Sequence[RunFiles],
    phases: Mapping[str, tuple[Path, Sequence[str]]],
    failed: Sequence[Failed],
) -> dict[str, Any]:
    """Return what a report was made from.

    Parameters
    ----------
    folder
        The report's, as it is called while it is made.
    created_at
        UTC time in ISO 8601.
    words
        The overrides as they were given.
    phases
        Of each phase the folder of its figures, and the names of those that were chosen.
    failed
        Figures and sections that could not be made.

    Returns
    -------
    `report_id`, `created_at`, `report` (name, title, code, config, its SHA-256, overrides),
    `studygrid`, `inputs`, `filters`, `thresholds`, `models` (a run each: `run_id`, `run_dir`,
    `checkpoint`, its SHA-256, `config_sha1`), `datasets` (`path`, `split`, `size`, `sha256`,
    `runs`), `inference` (its settings; `enabled`), `incomplete` (runs, with the reason),
    `figures`, `not_made`.
    """
    config = inputs.config
    return {
        "report_id": report_id,
        "created_at": created_at,
        "report": {
            "name": found.name,
            "title": found.report.title,
            "code": found.source,
            "config": _path(folder, found.yaml),
            "config_sha256": sha256_of(found.yaml) if found.yaml else None,
            "overrides": list(words),
        },
        "studygrid": __version__,
        "inputs": config.inputs.model_dump(exclude={"select"}),
        "filters": config.inputs.select or {},
        "thresholds": dict(config.thresholds),
        "models": [_model(folder, run) for run in files],
        "datasets": _datasets(folder, inputs, files),
        "inference": config.inference.model_dump(),
        "incomplete": [{"run_dir": path, "reason": why} for path, why in inputs.incomplete],
        "figures": _figures(folder, phases),
        "not_made": [{"name": one.name, "reason": one.reason} for one in failed],
    }


def write_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Write a manifest as YAML that `yaml.safe_load` reads."""
    text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)
    write_atomically(path, f"{_HEADER}{text}".encode())


def _path(folder: Path, path: Path | None) -> str | None:
    """Return a path as the manifest has it."""
    if path is None:
        return None
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _model(folder: Path, run: RunFiles) -> dict[str, Any]:
    kept = run.checkpoint
    return {
        "run_id": run.run_id,
        "run_dir": _path(folder, Path(run.run_dir)),
        "checkpoint": _path(folder, kept),
        "checkpoint_sha256": sha256_of(kept) if kept else None,
        "config_sha1": run.config_sha1,
    }


def _datasets(
    folder: Path, inputs: ReportInputs, files: Sequence[RunFiles]
) -> list[dict[str, Any]]:
    """Return the splits of data that the runs were trained on, and scored on by inference."""
    scored = inputs.config.inference
    splits = dict.fromkeys([*_TRAINED_ON, *([scored.dataset_split] if scored.enabled else [])])
    found: dict[tuple[str | None, str | None], list[RunFiles]] = {}
    for run in files:
        trained_on = run.train.data_sha256 if run.train else None
        key = (_path(folder, run.data_path), run.data.sha256 if run.data else trained_on)
        if key != (None, None):
            found.setdefault(key, []).append(run)
    return [
        {
            "path": path,
            "split": split,
            "size": _size(runs[0], split),
            "sha256": sha256,
            "runs": len(runs),
        }
        for (path, sha256), runs in found.items()
        for split in splits
    ]


def _size(run: RunFiles, split: str) -> int | None:
    return run.data.splits[split].count if run.data and split in run.data.splits else None


def _figures(
    folder: Path, phases: Mapping[str, tuple[Path, Sequence[str]]]
) -> list[dict[str, Any]]:
    found = []
    for phase, (place, names) in phases.items():
        for name in names:
            numbers = place / f"{PREFIX}{name}.csv"
            if numbers.is_file():
                about = {"name": name, "phase": phase, "numbers": _path(folder, numbers)}
                found.append({**about, "sha256": sha256_of(numbers)})
    return found
