"""Runs in ResoMap's layout: one JSON file a cell, of a single run or of several with their mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from studygrid.errors import RecordError
from studygrid.interchange.foreign.layouts import Item, Layout
from studygrid.interchange.foreign.runs import ForeignRun, Reading
from studygrid.interchange.resomap import RESULTS_FOLDER
from studygrid.interchange.resomap_documents import (
    WRITER,
    CellDocument,
    CellMetrics,
    CellProfile,
    CellRun,
    validated,
)

_KEYS: Final = {"model", "resolution", "test_metrics"}
_GUIDE_PROFILE: Final = (
    "avg_time_sec",
    "throughput_samples_sec",
    "peak_cpu_memory_mb",
    "gpu_memory_peak_mb",
)


def is_file(path: Path, content: Any) -> bool:
    """Tell whether a file is a cell, or the summary that is made from all of them."""
    keys = content.keys() if isinstance(content, Mapping) else set()
    return path.parent.name == RESULTS_FOLDER or keys >= _KEYS or _is_summary(content)


def _is_summary(content: Any) -> bool:
    statistics = content.get("statistics") if isinstance(content, Mapping) else None
    return isinstance(statistics, Mapping) and "by_model" in statistics


def read(items: Sequence[Item]) -> Reading:
    """Return the runs of all cells; a file that is none, or is not whole, is a problem."""
    from studygrid.results.loading import Problem

    reading = Reading()
    for item in items:
        if _is_summary(item.content):
            continue  # made from the cells, and says nothing that they do not say
        try:
            document = validated(item.content, item.path)
            reading.runs += _runs(document, item.path)
        except RecordError as error:
            reading.problems.append(Problem(item.path, str(error).removeprefix(f"{item.path}: ")))
            continue
        faults = list(item.faults)
        if item.path.name not in (document.file_name, document.file_name_with_size):
            place = f"{document.model} at {document.resolution}"
            faults.append(f"holds {place}, unlike its name; it is taken for what it holds")
        reading.problems += [Problem(item.path, fault) for fault in faults]
    return reading


def _runs(document: CellDocument, path: Path) -> Iterator[ForeignRun]:
    if document.runs is None:
        yield _single(document, path)
        return
    for run in document.runs:
        yield _one_of(document, run, path)


def _single(document: CellDocument, path: Path) -> ForeignRun:
    metrics, undefined = _scores(document.test_metrics, None)
    columns = {"best_validation_loss": document.best_val_loss, **_profile(document.profiling)}
    return ForeignRun(
        **_place(document, path),
        seed=document.seeds[0] if document.seeds and len(document.seeds) == 1 else None,
        metrics=metrics,
        undefined=undefined,
        columns=columns,
    )


def _one_of(document: CellDocument, run: CellRun, path: Path) -> ForeignRun:
    metrics, undefined = _scores(run.test_metrics, run.undefined)
    columns = {
        "best_validation_loss": run.best_val_loss,
        "train_samples": run.train_samples,
        **_profile(document.profiling),
    }
    return ForeignRun(
        **_place(document, path),
        seed=run.seed,
        status=run.status,
        reason=run.reason,
        metrics=metrics if run.status == "ok" else {},
        undefined=undefined if run.status == "ok" else {},
        columns=columns,
    )


def _place(document: CellDocument, path: Path) -> dict[str, Any]:
    return {
        "layout": "resomap",
        "family": document.family,
        "name": document.model,
        "paths": (path,),
        "resolution": document.resolution,
        "n_train": _size(document.n_train),
        "finished_at": document.timestamp,
        "written_here": document.written_by == WRITER,
    }


def _size(given: int | str | None) -> int | str | None:
    return int(given) if isinstance(given, str) and given.isdecimal() else given


def _scores(
    metrics: CellMetrics, undefined: str | None
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the scores by our names, and why some that are named have no value."""
    found: dict[str, float | None] = {}
    for key, value in metrics.model_dump().items():
        name = "f1" if key == "f1_score" else key
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            found[name] = None if value is None else float(value)
    empty = [name for name, value in found.items() if value is None]
    return found, _reasons(undefined or "", empty)


def _reasons(text: str, names: Sequence[str]) -> dict[str, str]:
    """Return the reasons that ``name: why; name: why`` gives for some metrics."""
    if not names or not text:
        return {}
    listed = "|".join(map(re.escape, names))
    parts = re.split(rf"(?:^|; )({listed}): ", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _profile(profile: CellProfile) -> dict[str, Any]:
    """Return the cost of inference: under our names where it says how it was measured."""
    said = {f"profile_{key}": getattr(profile, key) for key in _GUIDE_PROFILE}
    small, large = profile.batch_size_time, profile.batch_size_throughput
    if small is None or large is None or profile.device is None:
        return said
    time = profile.avg_time_sec
    return {
        "profile_status": profile.status,
        "profile_reason": profile.reason,
        "profile_device": profile.device,
        "profile_threads": profile.threads,
        "profile_peak_host_memory_mb": profile.peak_cpu_memory_mb,
        f"profile_b{small}_median_sec_per_sample": time,
        f"profile_b{small}_median_sec_per_batch": None if time is None else time * small,
        f"profile_b{large}_throughput_samples_per_sec": profile.throughput_samples_sec,
        "profile_gpu_memory_peak_mb": profile.gpu_memory_peak_mb,
    }


LAYOUT: Final = Layout(
    "resomap",
    "classification",
    "ResoMap's results, one JSON file a cell",
    read,
    is_file=is_file,
    caveats=(
        "ResoMap's own program scores the weights of the last epoch, and its test loss is the "
        "mean of the batches' means.",
        "Its avg_time_sec is of a batch of 32 and not of a sample, averaged with the slow first "
        "passes; neither the batch nor the device is in its files.",
        "It writes Infinity as the best validation loss, which is no number: left out.",
    ),
)
