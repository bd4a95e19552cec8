"""Runs in the layout of the guide to VAE comparison: metrics by phase, a summary, and copies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studygrid.errors import RecordError
from studygrid.interchange.foreign.bounds import without_impossible
from studygrid.interchange.foreign.layouts import Item, Layout
from studygrid.interchange.foreign.runs import ForeignRun, Reading
from studygrid.interchange.vae import METRICS, SUMMARY
from studygrid.interchange.vae_documents import PHASES
from studygrid.interchange.vae_reading import VaeMetrics, is_vae_metrics, vae_metrics

if TYPE_CHECKING:
    from studygrid.results.loading import Problem

_FILES: Final = (METRICS, SUMMARY)
# Of a run and not of its configuration.
_OF_RUN: Final = ("model_name", "seed")
# What scores of binary rows can be, of metrics that have one bound alone.
_BOUNDS: Final = {
    **dict.fromkeys(("loss", "bce", "kl"), (0.0, inf)),
    "elbo": (-inf, 0.0),
}


def is_file(path: Path, content: Any) -> bool:
    """Tell whether a file is of this layout, sound or not."""
    if is_vae_metrics(content):
        return True
    is_named = path.name in _FILES or path.name.endswith(tuple(f"_{name}" for name in _FILES))
    keys = content.keys() if isinstance(content, Mapping) else set()
    return is_named and bool(keys & {*PHASES, "config"})


def read(items: Sequence[Item]) -> Reading:
    """Return the runs; a file of metrics, its summary and copies of both are one."""
    from studygrid.results.loading import Problem

    reading = Reading()
    files: dict[str, dict[str, VaeMetrics]] = {}
    for item in items:
        try:
            found = vae_metrics(item.content, item.path, item.faults)
            _check(found)
        except RecordError as error:
            reading.problems.append(Problem(item.path, str(error).removeprefix(f"{item.path}: ")))
            continue
        reading.problems += [Problem(item.path, fault) for fault in (*item.faults, *found.problems)]
        stem, kind = _parts(item.path)
        files.setdefault(stem, {})[kind] = found
    units = [unit for own in files.values() for unit in _units(own, reading.problems)]
    for unit in _without_copies(units, reading):
        try:
            run, impossible = _run(unit)
        except RecordError as error:
            reading.problems.append(Problem(unit[0].path, str(error)))
            continue
        reading.runs.append(run)
        reading.problems += [Problem(unit[0].path, reason) for reason in impossible]
    return reading


def _check(found: VaeMetrics) -> None:
    if not found.metrics.get("test"):
        raise RecordError("has no scores of the test split: `test` is missing or empty")


def _parts(path: Path) -> tuple[str, str]:
    """Return what a file of metrics and its summary have in common, and which of both it is."""
    kind = next((name for name in _FILES if path.name.endswith(name)), METRICS)
    return str(path).removesuffix(kind), kind


def _units(files: Mapping[str, VaeMetrics], problems: list[Problem]) -> list[list[VaeMetrics]]:
    """Return the files of one place as those of one run, or of two where they do not agree."""
    from studygrid.results.loading import Problem

    summary, metrics = files.get(SUMMARY), files.get(METRICS)
    if summary is None or metrics is None:
        return [[one] for one in files.values()]
    if summary.metrics == metrics.metrics:
        return [[summary, metrics]]
    reason = f"has other metrics than {summary.path.name} beside it: taken for a run of its own"
    problems.append(Problem(metrics.path, reason))
    return [[summary], [metrics]]


def _without_copies(units: Iterable[list[VaeMetrics]], reading: Reading) -> list[list[VaeMetrics]]:
    """Return the units of which none is a copy of another.

    A file of metrics without a config is a copy of any with the same metrics, unless both are
    named after different configurations.
    """
    from studygrid.results.loading import Problem

    kept: dict[str, list[list[VaeMetrics]]] = {}
    copies: list[str] = []
    # Those that say most come first, so that the others are copies of them.
    for unit in sorted(units, key=lambda own: (own[0].config is None, not _is_named(own[0]))):
        same = kept.setdefault(json.dumps(unit[0].metrics, sort_keys=True), [])
        first = next((other for other in same if _is_copy(unit[0], other[0])), None)
        if first is not None:
            copies.append(f"{unit[0].path} is a copy of {first[0].path}")
            first += unit
            continue
        if same:
            reason = f"has the very metrics of {same[0][0].path}, which is another run"
            reading.problems.append(Problem(unit[0].path, reason))
        same.append(unit)
    if copies:
        more = f" (and {len(copies) - 1:,} more of such)" if len(copies) > 1 else ""
        reading.notes.append(f"{copies[0]}; it counts once{more}.")
    return [unit for same in kept.values() for unit in same]


def _is_named(found: VaeMetrics) -> bool:
    """Tell whether a file is named after its configuration, and not after its folder."""
    return found.path.name not in _FILES


def _is_copy(one: VaeMetrics, other: VaeMetrics) -> bool:
    if one.config is not None:
        return one.config == other.config and _axes(one) == _axes(other)
    named = _is_named(one) and (_is_named(other) or other.config is not None)
    return one.name == other.name if named else True


def _axes(found: VaeMetrics) -> Any:
    return found.summary.run if found.summary else None


def _run(unit: Sequence[VaeMetrics]) -> tuple[ForeignRun, list[str]]:
    """Return the run of some files, and the scores in them that no run can have."""
    found, impossible = _possible(unit[0])
    summary, config = found.summary, found.config
    axes = summary.run.model_dump() if summary and summary.run else {}
    test = dict(found.metrics["test"])
    if "elbo" not in test and None not in (test.get("bce"), test.get("kl")):
        test["elbo"] = -((test["bce"] or 0.0) + (test["kl"] or 0.0))
    status = (summary.status if summary else None) or "ok"
    is_ok = status == "ok"
    prefix = "test."
    run = ForeignRun(
        layout="vae",
        family=summary.family if summary else None,
        name=str(axes.pop("model", found.name)),
        paths=tuple(sorted(one.path for one in unit)),
        **{"seed": config.seed if config else None, **axes},
        status=status,
        reason=None if is_ok else "its summary gives no reason",
        metrics=test if is_ok else {},
        undefined={
            place.removeprefix(prefix): why
            for place, why in found.reasons.items()
            if is_ok and place.startswith(prefix)
        },
        validation=found.metrics.get("validation", {}) if is_ok else {},
        columns=_columns(found),
        config=_settings(found),
        dataset=_dataset(found),
        monitor=summary.monitor if summary else None,
        finished_at=summary.finished_at if summary else None,
        written_here=found.written_here,
    )
    return run, impossible


def _possible(found: VaeMetrics) -> tuple[VaeMetrics, list[str]]:
    """Return metrics without scores that nothing can have, and these by their split."""
    metrics, reasons, impossible = {}, dict(found.reasons), []
    for split, scores in found.metrics.items():
        metrics[split], faults = without_impossible(scores, _BOUNDS)
        for fault in faults:
            name = fault.partition(" is ")[0]
            reasons[f"{split}.{name}"] = f"the file's {fault}"
            impossible.append(f"{split}_{fault}")
    return replace(found, metrics=metrics, reasons=reasons), impossible


def _columns(found: VaeMetrics) -> dict[str, Any]:
    summary = found.summary
    training = {f"train_{name}": value for name, value in found.metrics.get("train", {}).items()}
    columns: dict[str, Any] = {
        "best_epoch": found.kept_epoch,
        "best_validation_loss": found.metrics.get("validation", {}).get("loss"),
    }
    if summary is not None:
        columns |= {
            "train_samples": summary.train_samples,
            "epochs": summary.epochs_trained,
            "stopped_by": summary.stopped_by,
            "parameters": summary.parameters,
            "train_time_sec": summary.train_time_sec,
            "train_device": summary.device,
            "checkpoint_sha256": summary.checkpoint_sha256,
            "data_sha256": summary.data_sha256,
        }
    return columns | training


def _settings(found: VaeMetrics) -> dict[str, Any]:
    """Return the config by the sections of ours: `options` is what the guide calls `model`."""
    if found.config is None:
        return {}
    said = found.config.model_dump(mode="json", exclude_unset=True)
    for key in _OF_RUN:
        said.pop(key, None)
    model, trainer = dict(said.pop("model", {})), said.pop("trainer", {})
    architecture = model.pop("architecture", None)
    model.pop("name", None)
    loss = said.pop("loss", {}) or found.loss or {}
    if "beta" in model and model["beta"] == loss.get("beta"):
        del model["beta"]
    settings: dict[str, Any] = {"architecture": architecture, "options": model, "training": trainer}
    return {**settings, "loss": loss, **said}


def _dataset(found: VaeMetrics) -> str | None:
    name = found.config.data.get("name") if found.config else None
    return str(name) if name else None


LAYOUT: Final = Layout(
    "vae",
    "tagvae",
    "Metrics of VAEs, one run a pair of metrics and summary",
    read,
    is_file=is_file,
    caveats=(
        "The guide's own program computes its metrics for each batch of 32 rows and averages them, "
        "so that the entropy of combinations is 3.47 nats (ln 32) at most.",
        "It scores the weights of the last epoch, and counts a latent unit as active where its "
        "standard deviation is above 0, which all are.",
        "Its losses are sums over a batch, so that they depend on the batch's size.",
        "Where a file has no ELBO, it is minus the sum of its BCE and its KL.",
    ),
)
