"""The files of an experiment that somebody else wrote, and putting all of it into its folder."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from studygrid.errors import StudygridError
from studygrid.interchange.crackseg import (
    CHECKPOINT,
    LOG,
    ROOT_CHECKPOINT,
    epoch_checkpoint,
    epoch_files,
)
from studygrid.interchange.crackseg_given import Notes, epoch_number
from studygrid.interchange.crackseg_writing import Content, write_content

PathLike = str | os.PathLike[str]
_STAGED: Final = ".studygrid."
_OTHER_NAMES: Final = ("checkpoints/model_best.pth", "model_best.pth")


def given_files(
    folder: Path,
    log_file: PathLike | None,
    checkpoint: PathLike | None,
    epoch_checkpoints: Mapping[int, PathLike] | None,
    notes: Notes,
) -> dict[str, Path]:
    """Return the files that are given or found, by their place in the folder."""
    files = {epoch_checkpoint(epoch): path for epoch, path in sorted(epoch_files(folder))}
    if epoch_checkpoints is not None and not isinstance(epoch_checkpoints, Mapping):
        kind = type(epoch_checkpoints).__name__
        notes.say(f"epoch_checkpoints is a {kind}, not files by epoch: none is copied")
        epoch_checkpoints = None
    for key, given in (epoch_checkpoints or {}).items():
        epoch, fault = epoch_number(key)
        path = _file(given)
        if epoch is None or path is None:
            fault = fault or f"has no file {given}"
            notes.say(f"epoch_checkpoints: the epoch {key} {fault}: not copied")
        else:
            files[epoch_checkpoint(epoch)] = path
    return {**_log(folder, log_file, notes), **files, **_best(folder, checkpoint, notes)}


def _file(given: Any) -> Path | None:
    try:
        path = Path(given)
        return path if path.is_file() and os.access(path, os.R_OK) else None
    except (TypeError, ValueError, OSError):  # weights, not the file of weights, or no name
        return None


def _log(folder: Path, given: PathLike | None, notes: Notes) -> dict[str, Path]:
    places = [folder / "training.log", folder / LOG]
    if given is not None and not isinstance(given, str | os.PathLike):
        notes.say(f"log_file is a {type(given).__name__}, not a path")
    elif given is not None:
        places = [Path(given), folder / given, (folder / LOG).with_name(Path(given).name)]
    found = next((path for place in places if (path := _file(place))), None)
    if found is not None:
        return {LOG: found}
    looked = ", ".join(dict.fromkeys(map(str, places)))
    notes.say(f"there is no log to copy to {LOG} (looked for {looked}); give log_file")
    return {}


def _best(folder: Path, given: PathLike | None, notes: Notes) -> dict[str, Path]:
    path = _file(given) if given is not None else None
    if given is not None and path is None:
        shown = given if isinstance(given, str | os.PathLike) else f"a {type(given).__name__}"
        notes.say(f"checkpoint is {shown}, which is no file: give the path of the saved weights")
    inside, root = folder / CHECKPOINT, folder / ROOT_CHECKPOINT
    if path is None and _file(inside) and _file(root):
        if not filecmp.cmp(inside, root, shallow=False):
            notes.say(f"{CHECKPOINT} and {ROOT_CHECKPOINT} differ: both are left; give checkpoint")
        return {CHECKPOINT: inside, ROOT_CHECKPOINT: root}
    places = (path, inside, root, *(folder / name for name in _OTHER_NAMES))
    found = next((place for place in places if place is not None and _file(place)), None)
    if found is None:
        notes.say(f"there are no weights for {CHECKPOINT} and {ROOT_CHECKPOINT}; give checkpoint")
        return {}
    return {CHECKPOINT: found, ROOT_CHECKPOINT: found}


def place(content: Content, folder: Path) -> list[str]:
    """Write an experiment to a folder that may hold other files; return its files.

    All is written beside its place first, so that a full disk leaves what was there.

    Raises
    ------
    StudygridError
        If that cannot be done.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=_STAGED, suffix=".part", dir=folder))
        try:
            names = write_content(content, staged)
            for name in names:
                _check(folder / name)
            for name in names:
                (staged / name).replace(folder / name)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    except OSError as error:
        named = str(error.filename2 or error.filename or _STAGED)  # of a copy both are named
        where = "" if _STAGED in named else f"{named}: "
        raise StudygridError(
            f"{folder}: the experiment was not saved ({where}{error.strerror or error}); put that "
            "right and call save_experiment_data again"
        ) from None
    return names


def _check(path: Path) -> None:
    """Raise if a file cannot be put in its place, before any is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
        pass
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
