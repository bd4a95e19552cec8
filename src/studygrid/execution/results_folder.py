"""The results folder before a session: that it can be written, and holds no other study."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from studygrid.errors import StudygridError
from studygrid.plan import Plan

STUDY_FILE = "study.yaml"
_ADVICE = {
    errno.ENOSPC: "the disk is full: make room there; what is computed is kept",
    errno.EDQUOT: "your quota there is used up: make room; what is computed is kept",
    errno.EROFS: "its file system is mounted read-only: mount it writable",
    errno.EACCES: "you may not write there: change its owner or permissions (chown, chmod)",
    errno.EPERM: "you may not write there: change its owner, permissions or attributes",
    errno.ENOTDIR: "it, or a folder above it, is a file: move that away",
    errno.EEXIST: "it is a file: move it away",
    errno.ESTALE: "the file server has lost it: mount it again",
}
_NAMED = 5


class FolderError(StudygridError):
    """A folder of the study cannot be written, or holds another study."""


def cannot_write(folder: Path, error: OSError) -> FolderError:
    """Return what to tell the user of a results folder that cannot be written."""
    what = _ADVICE.get(error.errno or 0, f"{error.strerror or error}: put it right")
    return FolderError(f"{folder}: cannot be written; {what}, or name another `results` folder")


def make_folder(folder: Path) -> None:
    """Make the results folder and those above it.

    Raises
    ------
    FolderError
        If that cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None


def check_writable(files: Iterable[str]) -> None:
    """Refuse to start where a job could not write one of its files.

    Raises
    ------
    FolderError
        With the first places that cannot be written.
    """
    folders = {Path(file).parent for file in files}
    places = {next(p for p in (folder, *folder.parents) if p.exists()) for folder in folders}
    closed = sorted(str(place) for place in places if not _is_open(place))
    if not closed:
        return
    shown = [*closed[:_NAMED], *([f"and {len(closed) - _NAMED} more"] if closed[_NAMED:] else [])]
    raise FolderError(
        f"jobs could not write here: {', '.join(shown)}; each should be a folder that you may "
        "write: change its owner or permissions, or move it away. Nothing was started"
    )


def _is_open(place: Path) -> bool:
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)


def check_same_study(plan: Plan, folder: Path) -> None:
    """Refuse a results folder that holds another study.

    A study stays the same when its title, its sizes or some of its models change.

    Raises
    ------
    FolderError
        If ``study.yaml`` there names another family or dataset or no model of this study, or a
        model of it would have to share a folder with one of another name.
    """
    there = _study_there(folder)
    found = _difference(plan, there) if there else None
    if found is not None:
        raise FolderError(
            f"{folder}: holds another study ({there.get('name')!r}): {found}. "
            "Name another folder as `results` for this one, or move or delete that folder if the "
            "old results are not needed"
        )
    _check_shared_folders(plan, folder)


def _study_there(folder: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load((folder / STUDY_FILE).read_bytes())
    except (OSError, ValueError, yaml.YAMLError):
        return {}  # not there or damaged: the study job writes it anew
    return content if isinstance(content, dict) else {}


def _difference(plan: Plan, there: dict[str, object]) -> str | None:
    dataset = there.get("dataset")
    theirs = (there.get("family"), dataset.get("name") if isinstance(dataset, dict) else None)
    ours = (plan.study.family, plan.dataset.name)
    for what, their, our in zip(("family", "dataset"), theirs, ours, strict=True):
        if isinstance(their, str) and their != our:
            return f"its {what} is {their}, not {our}"
    models = there.get("models")
    if isinstance(models, dict) and models and not set(models) & set(plan.models):
        named = ", ".join(map(str, list(models)[:_NAMED]))
        return f"it has none of this study's models (its own: {named})"
    return None


def _check_shared_folders(plan: Plan, folder: Path) -> None:
    """Refuse a model whose folder is another's on a file system that ignores case."""
    runs = folder / "runs"
    try:
        names = {path.name for path in runs.iterdir()}
    except OSError:
        return
    lower = {name.casefold(): name for name in names}
    for model in plan.models:
        other = lower.get(model.casefold())
        if other is not None and model not in names and (runs / model).exists():
            raise FolderError(
                f"{runs / other}: this file system takes it for the folder of the model {model} "
                "as well; give the model another name, or move the old folder away"
            )
