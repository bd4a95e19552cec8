"""Runs in the facts layout: events, scalars and the config of each in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from studygrid.errors import RecordError
from studygrid.interchange.foreign.layouts import Item, Layout
from studygrid.interchange.foreign.runs import ForeignRun, Reading
from studygrid.interchange.thesis import EVENTS, GUIDE_NAMES, METRIC, POINTER, SCALARS
from studygrid.interchange.thesis_epochs import SPLITS
from studygrid.interchange.thesis_reading import FactsFolder, facts_run, read_folder
from studygrid.interchange.thesis_rows import FactsRun, runs_frame
from studygrid.records import Status, TrainRecord
from studygrid.results.rows import MISSING

if TYPE_CHECKING:
    from studygrid.results.loading import Problem

_NAME: Final = "thesis"
_OUR_NAMES: Final = {name: own for own, name in GUIDE_NAMES.items()}
# Sections of a config that say nothing of what was trained.
_NO_SETTINGS: Final = ("hydra", "env", "logging", "studygrid", "general")


def is_folder(folder: Path) -> bool:
    """Tell whether a folder is a run of this layout."""
    return (folder / EVENTS).is_file() or (folder / SCALARS).is_file()


def is_file(path: Path, content: Any) -> bool:
    """Tell whether a file points to a run."""
    return path.name.endswith(POINTER) and isinstance(content, Mapping) and "path" in content


def read(items: Sequence[Item]) -> Reading:
    """Return the runs; those that pointer files name lie in folders of their own."""
    from studygrid.results.loading import Problem

    reading = Reading()
    for item in items:
        if item.content is not None:
            continue
        try:
            found = read_folder(item.path)
            run, problems = _run(found)
        except RecordError as error:
            reading.problems.append(Problem(item.path, str(error)))
            continue
        reading.runs.append(run)
        reading.problems += [Problem(path, reason) for path, reason in problems]
    reading.problems += _pointers(items)
    return reading


def _pointers(items: Iterable[Item]) -> list[Problem]:
    """Return a problem for each pointer file whose run was not found by itself."""
    from studygrid.results.loading import Problem

    found = {item.path.resolve() for item in items if item.content is None}
    problems = []
    for item in items:
        if item.content is not None:
            target = Path(item.path.parent, str(item.content["path"]).replace("\0", "")).resolve()
            if target not in found:
                reason = f"points to {target}, which was not looked into: name it too"
                problems.append(Problem(item.path, reason))
    return problems


def _run(found: FactsFolder) -> tuple[ForeignRun, list[tuple[Path, str]]]:
    why = found.events.why_incomplete()
    facts = facts_run(found)
    row = {str(name): value for name, value in runs_frame([facts]).iloc[0].items()}
    status, reason = ("ok", None) if why is None else _status(found, why)
    is_ok = status == "ok"
    end = found.events.last("on_test_end") or {}
    run = ForeignRun(
        layout=_NAME,
        family=_text(_section(found, "studygrid").get("family")),
        name=str(facts.said.get("model") or _name(facts, found.folder)),
        paths=(found.folder,),
        resolution=facts.said.get("resolution"),
        n_train=_size(facts.said.get("n_train")),
        seed=_seed(facts.said.get("seed")),
        status=status,
        reason=reason,
        metrics=facts.test if is_ok else {},
        undefined=dict(_undefined(end, facts)) if is_ok else {},
        validation=_kept_scores(facts, row) if is_ok else {},
        columns=_columns(found, row) if is_ok else {},
        epochs=_epochs(facts.epochs, found.events.rows),
        config=_config(found),
        dataset=_text(facts.said.get("dataset_name")),
        monitor=found.train.monitor if found.train else "loss",
        finished_at=_text((end.get("meta") or found.meta).get("timestamp")),
        written_here=found.train is not None,
    )
    return run, list(facts.problems)


def _status(found: FactsFolder, why: str) -> tuple[str, str]:
    failed = found.events.last("on_exception") or {}
    said = failed.get("status")
    return (said, why) if said in (Status.DIVERGED, Status.OOM) else (MISSING, why)


def _name(facts: FactsRun, folder: Path) -> str:
    """Return what the runs of one configuration have in common in the guide's figures."""
    parts = [str(facts.said[key]) for key in ("encoder", "tokenizer") if facts.said.get(key)]
    return "_".join(parts) if facts.said.get("encoder") else folder.name


def _size(value: Any) -> int | str | None:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _seed(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _kept_scores(facts: FactsRun, row: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the validation scores of the epoch whose weights were kept, by our names."""
    kept = facts.said.get("kept_epoch")
    epoch = row["best_epoch"] if kept is None else kept
    val = facts.epochs.loc[(facts.epochs["split"] == "val") & (facts.epochs["epoch"] == epoch)]
    if val.empty:
        return {}
    found = {
        _OUR_NAMES.get(name.removeprefix(METRIC), name.removeprefix(METRIC)): _plain(value)
        for name, value in val.iloc[-1].items()
        if isinstance(name, str) and name.startswith(METRIC)
    }
    return {"loss": _plain(val["val_loss"].iloc[-1]), **found}


def _columns(found: FactsFolder, row: Mapping[str, Any]) -> dict[str, Any]:
    kept = row["best_epoch"] if _plain(row["kept_epoch"]) is None else row["kept_epoch"]
    columns: dict[str, Any] = {
        "epochs": int(row["epochs"]),
        "best_epoch": None if _plain(kept) is None else int(kept) + 1,
        "best_validation_loss": _plain(row["loss.total_best"]),
        "train_time_sec": _plain(row["total_time_s"]),
        "train_samples_per_sec": _plain(row["throughput_mean"]),
    }
    return {**columns, **(_recorded(found.train) if found.train else {})}


def _recorded(train: TrainRecord) -> dict[str, Any]:
    return {
        "train_samples": train.subset.count,
        "best_validation_loss": train.best_validation_loss,
        "final_train_loss": train.final_train_loss,
        "steps": train.steps,
        "stopped_by": train.stopped_by,
        "parameters": train.applied.parameters if train.applied else None,
        "train_device": train.origin.hardware.device.name,
        "checkpoint_sha256": train.checkpoint.sha256 if train.checkpoint else None,
        "data_sha256": train.data_sha256,
    }


def _epochs(frame: pd.DataFrame, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row an epoch with the scores of both splits, counted from 1."""
    ends = [row for row in events if row.get("moment") == "on_epoch_end"]
    steps = {row["epoch"]: row.get("step") for row in ends if isinstance(row.get("epoch"), int)}
    rows: dict[int, dict[str, Any]] = {}
    for found in frame.to_dict("records"):
        epoch, split = int(found["epoch"]), SPLITS[str(found["split"])]
        row = rows.setdefault(epoch, {"epoch": epoch + 1})
        if isinstance(step := steps.get(epoch), int):
            row["step"] = step
        row["epoch_time_sec"] = _plain(found["epoch_time_s"])
        for name, value in found.items():
            loss = {"train_loss": "train_loss", "val_loss": "validation_loss"}.get(str(name))
            number = _plain(value) if loss or str(name).startswith(METRIC) else None
            if number is not None:
                own = str(name).removeprefix(METRIC)
                row[loss or f"{split}_{_OUR_NAMES.get(own, own)}"] = number
    return [rows[epoch] for epoch in sorted(rows)]


def _config(found: FactsFolder) -> dict[str, Any]:
    if found.train is not None:
        spec = found.train.spec.model_dump(mode="json")
        parts = ("architecture", "options", "training", "loss", "augmentation")
        return {part: spec[part] for part in parts}
    return {k: v for k, v in found.config.content.items() if k not in _NO_SETTINGS}


def _undefined(event: Mapping[str, Any], facts: FactsRun) -> Iterable[tuple[str, str]]:
    said = event.get("undefined")
    reasons = said if isinstance(said, Mapping) else {}
    for name, value in facts.test.items():
        if value is None:
            yield name, str(reasons.get(name) or "events.jsonl has no value")


def _section(found: FactsFolder, name: str) -> Mapping[str, Any]:
    section = found.config.content.get(name)
    return section if isinstance(section, Mapping) else {}


def _plain(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


LAYOUT: Final = Layout(
    _NAME,
    "events",
    "Facts of runs: events, scalars and Hydra's config",
    read,
    is_folder=is_folder,
    is_file=is_file,
    caveats=(
        "The original program writes scalars.csv with the header of its first row: values of "
        "later rows that have other metrics are put right with the events, or left out.",
        "Its throughput of inference is 512 divided by the latency of one sample, 512 times too "
        "high; ours is samples divided by seconds.",
        "Its AUROC is of clean against corrupted events, not of signal against background.",
        "Where no test scores are there, the scores are those of the epoch with the lowest "
        "validation loss, on the validation split.",
    ),
)
