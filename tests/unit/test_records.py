"""Records are strict JSON, written whole or not at all, and refused when something is wrong."""

from __future__ import annotations

import errno
import json
import math
import os
import struct
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studygrid.errors import RecordError
from studygrid.records import (
    RECORD_KINDS,
    DataRecord,
    EvaluateRecord,
    Record,
    TrainRecord,
    read_record,
    write_atomically,
    write_record,
)
from studygrid.schemas import record_schema
from tests.unit.made_records import evaluate_record, one_of_each, small_plan, train_record

PLAN = small_plan()
RECORDS = one_of_each(PLAN)
IDS = [record.kind for record in RECORDS]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record.json"


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_there_is_one_kind_of_record_a_job() -> None:
    assert IDS == ["shard", "data", "train", "evaluate", "inference", "profile"]
    assert tuple(type(record) for record in RECORDS) == RECORD_KINDS


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_a_record_is_read_as_it_was_written(record: Record, path: Path) -> None:
    write_record(path, record)
    assert read_record(path, type(record)) == record
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    assert json.loads(text)["schema_version"] == 1
    write_record(path, read_record(path, type(record)))
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
def test_a_record_on_disk_is_valid_by_its_schema(record: Record, path: Path) -> None:
    write_record(path, record)
    validator = jsonschema.Draft202012Validator(record_schema(type(record)))
    content = json.loads(path.read_text("utf-8"))
    assert list(validator.iter_errors(content)) == []
    assert list(validator.iter_errors({**content, "more": 1}))
    assert list(validator.iter_errors({key: content[key] for key in list(content)[:-1]}))


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_number_keeps_its_bits(path: Path, value: float) -> None:
    record = evaluate_record(PLAN, train_record(PLAN, PLAN.runs[0]), value)
    write_record(path, record)
    read = read_record(path, EvaluateRecord).metrics["accuracy"]
    assert struct.pack("<d", read) == struct.pack("<d", value)


# --- What cannot be written


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "changes",
    [
        lambda value: {"best_value": value},
        lambda value: {"applied": RECORDS[2].applied.model_copy(update={"loss": {"a": [value]}})},  # type: ignore[union-attr]
    ],
    ids=["a field", "a free section"],
)
def test_nan_and_infinity_are_never_written(value: float, changes: Any, path: Path) -> None:
    record = train_record(PLAN, PLAN.runs[0], **changes(value))
    with pytest.raises(RecordError, match=r"record\.json: not written"):
        write_record(path, record)
    assert files(path.parent) == []


@pytest.mark.parametrize("value", [np.float32(1.5), Path("x"), b"x", {1}, "\udcff"])
def test_what_json_has_not_is_never_written(value: Any, path: Path) -> None:
    with pytest.raises(RecordError, match="not written"):
        write_record(path, RECORDS[1].model_copy(update={"facts": {"a": value}}))
    assert files(path.parent) == []


def test_a_record_that_cannot_be_written_leaves_the_one_before(path: Path) -> None:
    record = train_record(PLAN, PLAN.runs[0])
    write_record(path, record)
    with pytest.raises(RecordError):
        write_record(path, record.model_copy(update={"best_value": math.nan}))
    assert read_record(path, TrainRecord) == record


# --- What cannot be read


def broken(old: str, new: str) -> str:
    text = json.dumps(RECORDS[1].model_dump(mode="json"))
    assert old in text
    return text.replace(old, new)


TEXT = broken("", "")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "is not JSON"),
        (TEXT[: len(TEXT) // 2], "is not JSON"),
        (TEXT[:-1], "is not JSON"),
        (TEXT + "}", "is not JSON"),
        (broken('"mean": 0.5', '"mean": NaN'), "is not JSON (it has NaN)"),
        (broken('"mean": 0.5', '"mean": -Infinity'), "is not JSON (it has -Infinity)"),
        ("[" * 100_000, "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"\0" * 64, "is not JSON"),
        ("[]", "schema_version is None, not 1"),
        ("null", "schema_version is None, not 1"),
        (broken('"schema_version": 1', '"schema_version": 2'), "schema_version is 2, not 1"),
        (broken('"schema_version": 1', '"schema_version": "1"'), "schema_version is '1', not 1"),
        (broken('"kind": "data"', '"kind": "train"'), "not a valid DataRecord (kind: "),
        (broken('"licence"', '"license"'), "not a valid DataRecord (licence: Field required"),
        (broken('"resolution": 32', '"resolution": "32"'), "(spec.resolution: "),
        (broken('"resolution": 32', '"resolution": true'), "(spec.resolution: "),
        (broken('"resolution": 32', '"resolution": 32.0'), "(spec.resolution: "),
        (broken('"count": 2', '"count": null'), "(splits.train.count: "),
        (broken('"splits": {', '"splits": {"x": 1, '), "(splits.x: "),
    ],
)
def test_a_file_that_is_no_such_record_is_refused_by_name_and_fault(
    content: str | bytes, fault: str, path: Path
) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecordError) as error:
        read_record(path, DataRecord)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert fault in message
    assert message.endswith("delete it and run `snakemake all` again")


def test_a_record_of_another_kind_is_refused(path: Path) -> None:
    write_record(path, RECORDS[3])
    with pytest.raises(RecordError, match=r"not a valid TrainRecord \(kind: "):
        read_record(path, TrainRecord)


def test_a_missing_file_is_named(path: Path) -> None:
    with pytest.raises(RecordError, match=r"record\.json: missing$"):
        read_record(path, DataRecord)


def test_a_folder_is_no_record(path: Path) -> None:
    path.mkdir()
    with pytest.raises(RecordError, match=r"record\.json: cannot be read \(Is a directory\)"):
        read_record(path, DataRecord)


# --- Whole or not at all


def no_space(*arguments: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupt(*arguments: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("failure", [no_space, interrupt])
@pytest.mark.parametrize(
    ("owner", "call"),
    [(os, "fsync"), (Path, "replace"), (Path, "chmod")],
    ids=["fsync", "rename", "mode"],
)
@pytest.mark.parametrize("before", [b"old", None], ids=["old file", "no file"])
def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(
    failure: Any, owner: Any, call: str, before: bytes | None, path: Path, monkeypatch: Any
) -> None:
    if before is not None:
        path.write_bytes(before)
    monkeypatch.setattr(owner, call, failure)
    with pytest.raises((OSError, KeyboardInterrupt)):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert files(path.parent) == ([path.name] if before else [])
    assert not before or path.read_bytes() == before


def test_a_write_replaces_the_file_and_makes_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for content in (b"old", b"new"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert files(path.parent) == ["file"]


def test_the_content_is_on_disk_before_the_name_is(path: Path, monkeypatch: Any) -> None:
    calls: list[str] = []

    def noted(name: str, call: Any) -> Any:
        def run(*arguments: Any) -> Any:
            calls.append(name)
            return call(*arguments)

        return run

    monkeypatch.setattr(os, "fsync", noted("fsync", os.fsync))
    monkeypatch.setattr(Path, "replace", noted("rename", Path.replace))
    write_atomically(path, b"new")
    assert calls == ["fsync", "rename"]
