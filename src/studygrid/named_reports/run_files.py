"""The files behind the runs of a report: their records, weights and data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from studygrid.errors import DataError, RecordError
from studygrid.interchange.thesis import CHECKPOINT
from studygrid.named_reports.inputs import ReportInputs
from studygrid.records import DataRecord, TrainRecord, read_record
from studygrid.results.frames import frame_rows

_CHECKPOINTS = (CHECKPOINT, "model.pt")  # in the order of the guide
_MOST_NAMED = 10


@dataclass(frozen=True)
class RunFiles:
    """What there is of a run; what is not there, or cannot be used, is None.

    Attributes
    ----------
    lacking
        Why the run cannot be scored; None where it can.
    """

    run_dir: str
    run_id: str | None
    config_sha1: str | None
    train_path: Path | None
    train: TrainRecord | None
    checkpoint: Path | None
    data_path: Path | None
    data: DataRecord | None
    lacking: str | None


def files_of_runs(inputs: ReportInputs) -> list[RunFiles]:
    """Return the files of each run of a report, in the order of `runs_df`.

    The data of a run is that of the key ``data`` in the config, or else what the run names.

    Raises
    ------
    DataError
        If the key names no record of prepared data, or other data than a run names.
    """
    rows = list(frame_rows(inputs.runs_df))
    given = Path(inputs.config.data).expanduser() if inputs.config.data else None
    named = [_path(row.get("data_record")) for row in rows]
    data = {path: _read_data(path) for path in {given, *named} if path is not None}
    if given is not None:
        _check_given(given, rows, named, data)
    paths = [given or path for path in named]
    return [
        _files(row, path, data[path] if path else None)
        for row, path in zip(rows, paths, strict=True)
    ]


def _path(value: object) -> Path | None:
    return Path(str(value)).expanduser() if value else None


def _check_given(
    given: Path,
    rows: Iterable[dict[str, object]],
    named: Iterable[Path | None],
    data: Mapping[Path, DataRecord | str],
) -> None:
    """Refuse a key ``data`` that is no record, or that contradicts what runs name themselves."""
    record = data[given]
    if isinstance(record, str):
        raise DataError(
            f"data={given}: should be the record of prepared data, FOLDER/data.json ({record}); "
            "leave the key out where the runs name their data, as studies of ours and their "
            "exports do"
        )
    others = []
    for row, path in zip(rows, named, strict=True):
        own = data[path] if path is not None else None
        if isinstance(own, DataRecord) and own.sha256 != record.sha256:
            others.append(f"  {row['run_dir']}: {path}")
    if others:
        more = len(others) - _MOST_NAMED
        raise DataError(
            "\n".join(
                [
                    f"data={given}: {len(others)} of the runs name other data:",
                    *others[:_MOST_NAMED],
                    *([f"  and {more} more"] if more > 0 else []),
                    "leave the key out, or leave these runs out with inputs.select",
                ]
            )
        )


def _read_data(path: Path) -> DataRecord | str:
    try:
        return read_record(path, DataRecord)
    except RecordError as error:
        return str(error)


def _files(
    row: dict[str, object], data_path: Path | None, data: DataRecord | str | None
) -> RunFiles:
    folder = Path(str(row["run_dir"]))
    named = row.get("train_record")
    path = Path(str(named)) if named else None
    train, fault = _read_train(path)
    checkpoint = _checkpoint(folder, path, train)
    reasons = [fault]
    if checkpoint is None:
        reasons.append(f"its weights are not there ({_expected(folder, path, train)})")
    if data_path is None:
        reasons.append("nothing names the record of its data")
    elif isinstance(data, str):
        reasons.append(data)
    elif train is not None and data is not None and train.data_sha256 != data.sha256:
        reasons.append(f"it was trained on other data than {data_path} describes")
    lacking = "; ".join(reason for reason in reasons if reason)
    return RunFiles(
        run_dir=str(folder),
        run_id=_text(row.get("run_id")),
        config_sha1=_text(row.get("config_sha1")),
        train_path=path,
        train=train,
        checkpoint=checkpoint,
        data_path=data_path,
        data=data if isinstance(data, DataRecord) else None,
        lacking=lacking or None,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _read_train(path: Path | None) -> tuple[TrainRecord | None, str | None]:
    if path is None:
        return None, "it has no train record of studygrid, so its model cannot be built"
    try:
        return read_record(path, TrainRecord), None
    except RecordError as error:
        return None, str(error)


def _places(folder: Path, path: Path | None, train: TrainRecord | None) -> list[Path]:
    """Return where the weights of a run may lie, the likeliest first."""
    kept = train.checkpoint.file if train is not None and train.checkpoint is not None else None
    beside = [path.parent / kept] if path is not None and kept else []
    return [*(folder / name for name in _CHECKPOINTS), *beside]


def _checkpoint(folder: Path, path: Path | None, train: TrainRecord | None) -> Path | None:
    return next((place for place in _places(folder, path, train) if place.is_file()), None)


def _expected(folder: Path, path: Path | None, train: TrainRecord | None) -> str:
    places = _places(folder, path, train)
    return str(places[-1] if len(places) > len(_CHECKPOINTS) else places[0])


def check_scorable(files: Iterable[RunFiles]) -> None:
    """Refuse inference where a run lacks what it needs.

    Raises
    ------
    DataError
        With each such run and what it lacks.
    """
    files = list(files)
    lacking = [found for found in files if found.lacking]
    if not lacking:
        return
    named = [f"  {found.run_dir}: {found.lacking}" for found in lacking[:_MOST_NAMED]]
    more = len(lacking) - _MOST_NAMED
    named += [f"  and {more} more"] if more > 0 else []
    raise DataError(
        "\n".join(
            [
                f"inference.enabled=true: {len(lacking)} of {len(files)} runs cannot be scored; "
                "nothing was written:",
                *named,
                "give the record of their data with data=FOLDER/data.json where that is what is "
                "missing, leave these runs out with inputs.select, or write "
                "inference.enabled=false",
            ]
        )
    )
