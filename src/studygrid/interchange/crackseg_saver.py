"""Saving an experiment of a user's own trainer in CrackSeg's layout."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from studygrid.interchange.crackseg import (
    CHECKPOINT,
    EPOCHS,
    FINAL_RESULTS,
    LOG,
    ROOT_CHECKPOINT,
    SUMMARY,
    VALIDATION,
)
from studygrid.interchange.crackseg_curves import best_scores, epoch_rows, final_scores
from studygrid.interchange.crackseg_documents import (
    CURVES,
    SCHEMA_VERSION,
    WRITER,
    EpochRow,
    HardwareInfo,
    Reasons,
    Summary,
    ValidationMetrics,
)
from studygrid.interchange.crackseg_files import PathLike, given_files, place
from studygrid.interchange.crackseg_given import (
    Curve,
    Notes,
    at,
    config_values,
    curve,
    epoch_number,
    number,
    printable,
    text,
)
from studygrid.interchange.crackseg_writing import Content

_log = logging.getLogger(__name__)
_NAMES: Final = {
    SUMMARY: "summary",
    EPOCHS: "metrics",
    VALIDATION: "validation",
    LOG: "logs",
    FINAL_RESULTS: "final_results",
    CHECKPOINT: "checkpoint",
    ROOT_CHECKPOINT: "best_model",
}
_DEVICE: Final = re.compile(r"(cpu|cuda|mps)(:\d+)?")


def save_experiment_data(
    experiment_dir: PathLike,
    experiment_config: Any,
    final_metrics: Mapping[str, Any],
    best_epoch: int,
    training_time: float,
    train_losses: Curve,
    val_losses: Curve,
    val_ious: Curve,
    val_f1s: Curve,
    val_precisions: Curve,
    val_recalls: Curve,
    val_dices: Curve,
    val_accuracies: Curve,
    best_metrics: Mapping[str, Any],
    log_file: PathLike | None = None,
    *,
    checkpoint: PathLike | None = None,
    epoch_checkpoints: Mapping[int, PathLike] | None = None,
    more_metrics: Mapping[str, Curve] | None = None,
    hardware_info: Mapping[str, Any] | None = None,
    timestamp: datetime | str | None = None,
) -> dict[str, Path]:
    """Save an experiment of your own trainer in CrackSeg's layout.

    What there is is written, whole or not at all; each thing that is missing is one warning,
    after that. An epoch that no curve has is not in the files, a value that was not given is left
    out, and one that is no finite number is null with the reason. PyTorch is not imported.

    Parameters
    ----------
    experiment_dir
        The experiment's folder; it is made, with its parents, where it is not there.
    experiment_config
        A mapping or an object with attributes, nested (``config.training.epochs``) or flat.
    final_metrics
        Scores on the validation split after the *last* epoch: ``val_iou`` or ``iou``, and so on.
        One that is not given is taken from the curves.
    best_epoch
        The epoch whose weights are kept.
    training_time
        In seconds.
    train_losses, val_losses, val_ious, val_f1s, val_precisions, val_recalls
        Values by epoch, or a list that starts with epoch 1. Numbers of any kind: also tensors
        and arrays of one element.
    val_dices, val_accuracies
        The same.
    best_metrics
        Scores on the validation split after `best_epoch`: ``iou`` or ``val_iou``, and so on.
        One that is not given is taken from the curves.
    log_file
        The log to copy, as seen from here or from `experiment_dir`; if None, ``training.log`` in
        that folder.
    checkpoint
        The file of the best weights, to copy; if None, the ``best_model.pth`` that is found in
        the folder or in its ``checkpoints``.
    epoch_checkpoints
        Files of weights by epoch, to copy.
    more_metrics
        Further curves, by the key that they shall have in metrics.jsonl: ``learning_rate``.
    hardware_info
        ``device``, ``cuda_available``, ``gpu_name``; if None, what PyTorch says, provided that it
        is imported already.
    timestamp
        When the experiment took place; if None, the present.

    Returns
    -------
    dict of str to Path
        The files that are there now: ``summary``, ``metrics``, ``validation``, ``logs``,
        ``final_results``, ``checkpoint``, ``best_model``, ``epoch_<n>``.

    Raises
    ------
    StudygridError
        If the folder cannot be written to; what was in it is as before.
    """
    folder, notes = Path(experiment_dir), Notes()
    arguments = {
        "train_losses": train_losses,
        "val_losses": val_losses,
        "val_ious": val_ious,
        "val_f1s": val_f1s,
        "val_precisions": val_precisions,
        "val_recalls": val_recalls,
        "val_dices": val_dices,
        "val_accuracies": val_accuracies,
    }
    curves = {
        key: curve(name, given, notes)
        for key, (name, given) in zip(CURVES, arguments.items(), strict=True)
    }
    rows = epoch_rows({**curves, **_more(more_metrics, notes)}, notes)
    reasons: Reasons = {}
    kept = _told("best_epoch", epoch_number(best_epoch), reasons, notes)
    final, final_reasons = final_scores(final_metrics, rows, notes)
    best, best_reasons = best_scores(best_metrics, kept, rows, notes)
    measured = {
        "final_metrics": final,
        "best_epoch": kept,
        "total_training_time": _told("training_time", number(training_time), reasons, notes),
        "timestamp": _time(timestamp, notes),
        "hardware_info": _hardware(hardware_info, experiment_config, reasons, notes),
        "schema_version": SCHEMA_VERSION,
        "written_by": WRITER,
        "epochs_trained": len(rows),
        "final_epoch": rows[-1].epoch if rows else None,
    }
    reasons |= _below("final_metrics", final_reasons)
    configured, lacking = config_values(experiment_config, printable(folder.absolute().name), notes)
    summary = Summary.model_validate({**configured, **measured, "reasons": {**lacking, **reasons}})
    validation = ValidationMetrics(
        final_validation=final,
        best_validation=best,
        reasons=_below("final_validation", final_reasons) | _below("best_validation", best_reasons),
    )
    files = given_files(folder, log_file, checkpoint, epoch_checkpoints, notes)
    copies = {name: path for name, path in files.items() if not _is_same(path, folder / name)}
    written = place(Content(summary, rows, validation, copies), folder)
    saved = {_NAMES.get(name, Path(name).stem): folder / name for name in [*written, *files]}
    for path in saved.values():
        _log.info("saved %s", printable(path))
    for message in notes.messages:
        warnings.warn(printable(f"{folder}: {message}"), stacklevel=2)
    return saved


_ARGUMENTS: Final = {"best_epoch": "best_epoch", "training_time": "total_training_time"}


def _told(name: str, read: tuple[Any, str], reasons: Reasons, notes: Notes) -> Any:
    """Return a value that was read, or None, and keep why."""
    value, fault = read
    if value is None:
        reasons[_ARGUMENTS[name]] = f"{name} {fault}"
        notes.say(f"{name} {fault}: null")
    return value


def _below(place: str, reasons: Reasons) -> Reasons:
    return {f"{place}.{key}": why for key, why in reasons.items()}


def _is_same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)


def _more(given: Any, notes: Notes) -> dict[str, dict[int, Any]]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        notes.say(f"more_metrics is {type(given).__name__}, not a mapping of curves: left out")
        return {}
    taken = [key for key in given if key in EpochRow.model_fields]
    if taken:
        notes.say(f"more_metrics has {', '.join(taken)}, which other arguments give: left out")
    return {
        printable(key): curve(f"more_metrics: {key}", values, notes)
        for key, values in given.items()
        if key not in taken
    }


def _time(given: datetime | str | None, notes: Notes) -> str:
    now = datetime.now(UTC)
    try:
        time = now if given is None else datetime.fromisoformat(str(given))
    except ValueError:
        notes.say(f"timestamp is {given!r}, which is no time: the present stands for it")
        time = now
    return time.isoformat(timespec="seconds")


def _hardware(given: Any, config: Any, reasons: Reasons, notes: Notes) -> HardwareInfo:
    if isinstance(given, Mapping):
        cuda = given.get("cuda_available")
        known = {
            "device": text(given.get("device"))[0],
            "cuda_available": cuda if isinstance(cuda, bool) else None,
            "gpu_name": text(given.get("gpu_name"))[0],
        }
    else:
        known = _hardware_of_torch(config)
    lacking = [key for key in ("device", "cuda_available") if known[key] is None]
    if lacking:
        why = "not given, and PyTorch is not imported or cannot tell"
        reasons |= {f"hardware_info.{key}": why for key in lacking}
        notes.say(f"hardware_info: {', '.join(lacking)} {why}: null")
    return HardwareInfo.model_validate(known)


def _hardware_of_torch(config: Any) -> dict[str, Any]:
    """Return what PyTorch says where the trainer uses it; importing it takes seconds."""
    torch = sys.modules.get("torch")
    try:
        cuda = bool(torch.cuda.is_available()) if torch is not None else None
        name = torch.cuda.get_device_name() if torch is not None and cuda else None
    except Exception:  # a broken driver must not lose the experiment
        cuda = name = None
    named = (at(config, place) for place in ("device", "training.device", "hardware.device"))
    texts = (str(value) for value in named if value is not None)
    device = next((found for found in texts if _DEVICE.fullmatch(found)), None)
    if device is None and cuda is not None:
        device = "cuda" if cuda else "cpu"
    return {"device": device, "cuda_available": cuda, "gpu_name": name}
