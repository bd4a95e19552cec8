"""Reading one run folder of the facts layout, ours or another program's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from studygrid.errors import RecordError
from studygrid.interchange.foreign.json_files import check_file
from studygrid.interchange.thesis import EVENTS, METRIC, SCALARS, TRAIN_RECORD
from studygrid.interchange.thesis_config import RunConfig, read_config
from studygrid.interchange.thesis_events import Events, read_events
from studygrid.interchange.thesis_kinds import meaningless_columns
from studygrid.interchange.thesis_own import said_of, settings_of
from studygrid.interchange.thesis_rows import FactsRun, epochs_frame
from studygrid.interchange.thesis_scalars import read_scalars
from studygrid.records import TrainRecord, read_record

_NO_METRICS: Final = ("train_loss", "val_loss", "epoch_time_s", "throughput")
_COMMIT: Final = "facts/git_commit.txt"


@dataclass(frozen=True)
class FactsFolder:
    """What a run folder holds, whether the run has ended or not.

    Attributes
    ----------
    train
        Our own record of the training, of a run that we exported.
    """

    folder: Path
    config: RunConfig
    events: Events
    train: TrainRecord | None
    problems: list[tuple[Path, str]]

    @property
    def meta(self) -> Mapping[str, Any]:
        """The `meta` of the last event that has one."""
        found = (row.get("meta") for row in reversed(self.events.rows))
        return next((meta for meta in found if isinstance(meta, dict)), {})


def read_folder(folder: Path) -> FactsFolder:
    """Read config and events of a run.

    Raises
    ------
    RecordError
        If one of both is not there or cannot be used; the message is the reason.
    """
    config = read_config(folder)
    problems: list[tuple[Path, str]] = []
    path = folder / EVENTS
    if not path.exists():
        raise RecordError(f"has no {EVENTS}")
    try:
        events = read_events(path)
    except RecordError as error:
        raise RecordError(str(error).replace(str(path), EVENTS, 1)) from None
    problems += _short(path, events.faults)
    return FactsFolder(folder, config, events, _own_record(folder, config, problems), problems)


def read_facts(folder: Path) -> FactsRun:
    """Read a run of the facts layout that has ended.

    Raises
    ------
    RecordError
        If it has not ended, or its files cannot be used; the message is the reason.
    """
    found = read_folder(folder)
    reason = found.events.why_incomplete()
    if reason is not None:
        raise RecordError(reason)
    return facts_run(found)


def facts_run(found: FactsFolder) -> FactsRun:
    """Return the run of a folder, ended or not.

    Raises
    ------
    RecordError
        If its epochs cannot be used; the message is the reason.
    """
    folder, events = found.folder, found.events
    path = folder / SCALARS
    if not path.exists():
        raise RecordError(f"has no {SCALARS}")
    scalars = read_scalars(path, events.rows)
    problems = [*found.problems, *_short(path, scalars.faults)]
    _add_histories(scalars.rows, events.histories)
    end, test = events.last("on_train_end") or {}, events.last("on_test_end") or {}
    said = {**found.config.said, **_of_events(found), "config_sha1": found.config.sha1}
    overrides, settings = dict(found.config.overrides), dict[str, Any]()
    meaningless: Sequence[str] = ()
    if found.train is not None:
        said |= {k: v for k, v in said_of(found.train).items() if k != "config_sha1"}
        said |= _of_studygrid(found)
        overrides, settings = settings_of(found.train.spec)
        meaningless = meaningless_columns(found.train.spec)
    return FactsRun(
        run_dir=str(folder),
        epochs=epochs_frame(scalars.rows),
        said=said,
        overrides=overrides,
        settings=settings,
        test=dict(_scores(test.get("metrics"))),
        total_time_s=_number(end.get("total_time_s")),
        problems=problems,
        meaningless=meaningless,
    )


def _of_events(found: FactsFolder) -> dict[str, Any]:
    meta, said = found.meta, found.config.said
    commit = meta.get("git_commit") or _commit(found.folder)
    seed = said.get("seed") if said.get("seed") is not None else _number(meta.get("seed"))
    return {
        "tokenizer": said.get("tokenizer") or "none",
        "seed": int(seed) if isinstance(seed, float) and seed.is_integer() else seed,
        "run_id": _text(meta.get("run_id")),
        "git_commit": _text(commit),
        "device": _device(meta.get("cuda_info")),
    }


def _device(cuda_info: Any) -> str | None:
    """Return the name of a GPU, from what a run says of it: a name, or a section with one."""
    if isinstance(cuda_info, dict):
        names = (cuda_info.get(key) for key in ("name", "device_name", "gpu_name"))
        cuda_info = next((name for name in names if name), None)
    return _text(cuda_info)


def _of_studygrid(found: FactsFolder) -> dict[str, Any]:
    """Return what the section `studygrid` of a config of ours says."""
    section, data = (found.config.content.get(name) for name in ("studygrid", "data"))
    section = section if isinstance(section, dict) else {}
    data = data if isinstance(data, dict) else {}
    record = data.get("record")
    place = found.folder / record if isinstance(record, str) and "\0" not in record else None
    return {
        "study": _text(section.get("study")),
        "dataset_name": _text(data.get("name")),
        "train_record": str(found.folder / TRAIN_RECORD),
        "data_record": str(place.resolve()) if place is not None and place.is_file() else None,
    }


def _own_record(
    folder: Path, config: RunConfig, problems: list[tuple[Path, str]]
) -> TrainRecord | None:
    path = folder / TRAIN_RECORD
    if "studygrid" not in config.content or not path.exists():
        return None
    try:
        check_file(path)
        return read_record(path, TrainRecord)
    except RecordError as error:
        problems.append((path, str(error).removeprefix(f"{path}: ")))
        return None


def _add_histories(rows: Sequence[dict[str, Any]], histories: Mapping[str, list[Any]]) -> None:
    """Give validation rows the metrics that histories alone have."""
    there = {name for row in rows for name in row}
    for name, values in histories.items():
        column = f"{METRIC}{name.removeprefix('metrics_')}"
        if name in _NO_METRICS or name.startswith(("train_", "val_")) or column in there:
            continue
        for row in rows:
            if row["split"] == "val" and row["epoch"] < len(values):
                row[column] = _number(values[row["epoch"]])


def _scores(metrics: Any) -> list[tuple[str, float | None]]:
    if not isinstance(metrics, dict):
        return []
    return [(name, _number(value)) for name, value in metrics.items() if _is_score(value)]


def _is_score(value: Any) -> bool:
    return value is None or _number(value) is not None


def _commit(folder: Path) -> str | None:
    try:
        check_file(folder / _COMMIT)
        return (folder / _COMMIT).read_text("utf-8", errors="replace").strip() or None
    except (OSError, RecordError):
        return None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) and value else None


def _short(path: Path, faults: Sequence[str]) -> list[tuple[Path, str]]:
    """Return the first fault of each kind; a file may have as many as lines."""
    kinds: dict[str, list[str]] = {}
    for fault in faults:
        kinds.setdefault(fault.partition(": ")[2].lstrip("0123456789 ")[:20], []).append(fault)
    return [
        (path, f"{own[0]} (and {len(own) - 1:,} more of such)" if len(own) > 1 else own[0])
        for own in kinds.values()
    ]
