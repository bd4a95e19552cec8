"""Shards: a file that is there is whole and the right one, or it is refused with what to do."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studygrid import preparation, sharding
from studygrid.errors import ConfigError, DataError, RecordError
from studygrid.execution import fingerprints
from studygrid.execution.resources import Needs
from studygrid.execution.session import describe
from studygrid.families import load_family
from studygrid.families.base import Shard
from studygrid.plan import Plan, make_plan
from studygrid.records import ShardRecord, read_record
from studygrid.shards import MOST_SHARDS, file_path, shards_fault
from studygrid.spec import ShardSpec
from tests.sharded import SHARDS, spots_config

MAKE = "spots_shard.make_shard"


def spots_plan(folder: Path, **dataset: Any) -> Plan:
    """Return the plan of a study whose shards and results lie below a folder."""
    config = spots_config()
    config["dataset"] |= dataset
    config["execution"] = {"shards": str(folder / "shards")}
    config["results"] = str(folder / "results")
    return make_plan(config)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return spots_plan(tmp_path)


def make(plan: Plan) -> list[Path]:
    """Make all shards of a plan; return their records."""
    for spec, path in zip(plan.shards, plan.shard_records, strict=True):
        sharding.make_shard(spec, path)
    return plan.shard_records


def prepare(plan: Plan, records: list[Path], folder: Path, side: int = 8) -> Any:
    return preparation.prepare_data(plan.data_spec(side, folder), folder, 1, records)


def run(spec: ShardSpec, record: Path) -> int:
    """Run the job as Snakemake does; its log lies beside the record."""
    log = str(record.with_suffix(".log"))
    return sharding.main(["--spec", spec.to_json(), "--output", str(record), "--log", log])


def patched(monkeypatch: pytest.MonkeyPatch, make_shard: Callable[..., Any]) -> None:
    """Let shards be made otherwise."""
    load_family(spots_config()["family"])  # its folder is importable from then on
    monkeypatch.setattr(MAKE, make_shard)


def names_in(folder: Path) -> set[str]:
    """Return the names of files that are not hidden."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def written(file: Path) -> tuple[int, int]:
    """Return what changes when a file is written anew."""
    stat = file.stat()
    return stat.st_ino, stat.st_mtime_ns


# -- names ---------------------------------------------------------------------------------------


def test_a_dataset_without_shards_has_none_and_its_spec_is_as_before(
    config: dict[str, Any], tmp_path: Path
) -> None:
    plan = make_plan(config)
    assert plan.shards == []
    assert "shard" not in plan.data_spec(16, tmp_path).source


def test_the_name_of_a_shard_holds_the_hash_of_all_that_decides_it(plan: Plan) -> None:
    spec = plan.shards[0]
    others = [
        spec.model_copy(update=change)
        for change in (
            {"code": "other"},
            {"options": {**spec.options, "noise": 21.0}},
            {"samples": 21},
            {"dataset": "other"},
            {"family": "other"},
        )
    ]
    stems = {one.stem for one in [spec, *others]}
    assert len(stems) == len(others) + 1
    assert all(stem.startswith("spots-00-") for stem in stems)


def test_another_option_makes_those_shards_new_that_it_concerns(tmp_path: Path) -> None:
    def stems(**options: Any) -> set[str]:
        return {spec.stem for spec in spots_plan(tmp_path, **options).shards}

    assert len(stems()) == SHARDS
    assert stems() == stems(images=80)
    assert len(stems() & stems(images=120)) == SHARDS
    assert len(stems() & stems(images=90)) == SHARDS
    assert len(stems() & stems(images=75)) == SHARDS - 1
    assert not stems() & stems(noise=3.0)


def test_the_code_of_a_shard_is_that_of_what_makes_it_alone() -> None:
    family = load_family(spots_config()["family"])
    assert fingerprints.shard_code(family, "spots") == fingerprints.fingerprint(["spots_shard"])


def test_other_shards_are_other_raw_data(tmp_path: Path) -> None:
    plans = [spots_plan(tmp_path, noise=noise) for noise in (20.0, 20.0, 21.0)]
    sources = [plan.data_spec(8, tmp_path).source for plan in plans]
    assert sources[0] == sources[1] != sources[2]
    assert sources[0].startswith("made here; shards sha256:")


@pytest.mark.parametrize(
    ("shards", "fault"),
    [
        ([Shard("a/b", {}, 1)], "'a/b'; it should have letters, digits"),
        ([Shard(".a", {}, 1)], "'.a'; it should have letters, digits"),
        ([Shard("a", {}, 1), Shard("a", {}, 2)], "makes 2 shards of the name 'a'"),
        ([Shard("a", {"path": Path("x")}, 1)], "of options that are no plain values"),
        ([Shard("a", {"mass": float("nan")}, 1)], "of options that are no plain values"),
        ([Shard(f"s{n}", {}, 1) for n in range(MOST_SHARDS + 1)], "at most 1,000 can be"),
    ],
)
def test_shards_that_cannot_be_are_a_problem_of_the_config(
    shards: list[Shard], fault: str, plan: Plan
) -> None:
    dataset = replace(plan.dataset, shards=lambda options: shards)
    found = shards_fault(dataset, plan.dataset_options)
    assert found is not None
    assert fault in found
    assert shards_fault(plan.dataset, plan.dataset_options) is None


def test_a_family_without_what_makes_its_shards_is_told_so(plan: Plan) -> None:
    fault = shards_fault(replace(plan.dataset, make_shard=""), plan.dataset_options)
    assert fault == "spots has shards, but its declaration has no make_shard"


def test_a_file_in_the_place_of_the_folder_of_shards_is_a_problem_of_the_config(
    tmp_path: Path,
) -> None:
    (tmp_path / "shards").write_text("")
    with pytest.raises(ConfigError, match=r"execution.shards: .*shards is a file, not a folder"):
        spots_plan(tmp_path)


def test_too_many_shards_are_refused_by_the_number(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dataset: makes 1,001 shards; at most 1,000 can be"):
        spots_plan(tmp_path, images=1001, shard_images=1)


# -- making --------------------------------------------------------------------------------------


def test_the_job_writes_the_shard_and_its_record_without_time_or_place(plan: Plan) -> None:
    spec, path = plan.shards[1], plan.shard_records[1]
    assert run(spec, path) == 0
    assert names_in(path.parent) == {f"{spec.stem}{end}" for end in (".json", ".npz", ".log")}
    record = read_record(path, ShardRecord)
    assert record.spec == spec
    assert record.file == f"{spec.stem}.npz"
    assert record.sha256 == sharding.file_sha256(file_path(path))
    assert record.facts == {"versions": {"spots": "1"}}
    assert set(json.loads(path.read_text())) == set(ShardRecord.model_fields)


def test_equal_specs_make_equal_bytes_in_any_folder(tmp_path: Path) -> None:
    one, two = (make(spots_plan(tmp_path / name)) for name in ("one", "two"))
    for first, second in zip(one, two, strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert file_path(first).read_bytes() == file_path(second).read_bytes()


def test_a_shard_that_is_there_is_not_made_again(plan: Plan) -> None:
    make(plan)
    before = [written(file_path(path)) for path in plan.shard_records]
    assert [run(*pair) for pair in zip(plan.shards, plan.shard_records, strict=True)] == [0] * 4
    assert [written(file_path(path)) for path in plan.shard_records] == before
    assert "is there already" in plan.shard_records[0].with_suffix(".log").read_text()


@pytest.mark.parametrize("damage", ["no file", "cut file", "cut record", "other record"])
def test_the_job_makes_a_shard_anew_that_is_not_whole(plan: Plan, damage: str) -> None:
    path = make(plan)[0]
    right, file = path.read_bytes(), file_path(path)
    content = file.read_bytes()
    if damage == "no file":
        file.unlink()
    elif damage == "cut file":
        file.write_bytes(content[:100])
    else:
        path.write_bytes(b"{" if damage == "cut record" else plan.shard_records[1].read_bytes())
    assert run(plan.shards[0], path) == 0
    assert (path.read_bytes(), file.read_bytes()) == (right, content)


def test_a_job_that_fails_half_way_leaves_nothing_and_says_why(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(options: Mapping[str, Any], file: Path) -> dict[str, Any]:
        file.write_bytes(b"half")
        raise ZeroDivisionError("no particles")

    patched(monkeypatch, fail)
    spec, path = plan.shards[0], plan.shard_records[0]
    assert run(spec, path) == 1
    assert names_in(path.parent) == {f"{spec.stem}.log"}
    assert not list(path.parent.glob(".*.part*"))
    assert "error: ZeroDivisionError: no particles (details in " in capsys.readouterr().err
    monkeypatch.undo()
    assert run(spec, path) == 0


def test_a_full_disk_is_named_and_leaves_nothing(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(options: Mapping[str, Any], file: Path) -> dict[str, Any]:
        file.write_bytes(b"as much as fits")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))

    patched(monkeypatch, fill)
    assert run(plan.shards[0], plan.shard_records[0]) == 1
    assert "disk_full: make room" in capsys.readouterr().err
    assert not list(plan.shard_records[0].parent.glob("**/*.npz"))


def test_what_a_killed_job_left_is_dropped_by_the_next(plan: Plan) -> None:
    path = plan.shard_records[0]
    path.parent.mkdir(parents=True)
    left = path.with_name(f".{path.stem}.part.npz")
    left.write_bytes(b"half of a shard")
    assert run(plan.shards[0], path) == 0
    assert not left.exists()
    assert len(np.load(file_path(path))["images"]) == 20


def test_a_family_that_writes_no_file_is_told_so(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    patched(monkeypatch, lambda options, file: {})
    assert run(plan.shards[0], plan.shard_records[0]) == 1
    said = capsys.readouterr().err
    assert "spots_shard:make_shard wrote no file for the shard spots-00; it should write" in said


# -- preparing -----------------------------------------------------------------------------------


def test_data_is_prepared_from_its_shards_and_its_record_names_them(
    plan: Plan, tmp_path: Path
) -> None:
    records = make(plan)
    data = prepare(plan, records, tmp_path / "data")
    images = np.load(tmp_path / "data" / "images.npy")
    assert images.shape == (80, 1, 8, 8)
    hashes = {path.stem: read_record(path, ShardRecord).sha256 for path in records}
    assert data.facts["shards"] == hashes
    # In whatever order they are given.
    again = prepare(plan, records[::-1], tmp_path / "again")
    assert again == data


def test_a_file_that_is_gone_is_made_again_and_nothing_else(plan: Plan, tmp_path: Path) -> None:
    records = make(plan)
    first = prepare(plan, records, tmp_path / "data")
    kept = written(file_path(records[0]))
    content = file_path(records[2]).read_bytes()
    file_path(records[2]).unlink()
    assert prepare(plan, records, tmp_path / "data") == first
    assert file_path(records[2]).read_bytes() == content
    assert written(file_path(records[0])) == kept


def test_a_file_that_comes_out_otherwise_than_its_record_names_is_refused(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make(plan)
    file_path(records[2]).unlink()

    def newer(options: Mapping[str, Any], file: Path) -> dict[str, Any]:
        np.savez(file, images=np.zeros(1), labels=np.zeros(1))
        return {"versions": {"spots": "2"}}

    patched(monkeypatch, newer)
    with pytest.raises(DataError) as error:
        prepare(plan, records, tmp_path / "data")
    assert f"{file_path(records[2])}: was gone" in str(error.value)
    assert "{'spots': '2'}" in str(error.value)
    assert f"delete {records[2]} and run again" in str(error.value)
    assert not file_path(records[2]).exists()


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def one_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("change", [cut, one_bit, lambda content: b""])
def test_a_damaged_file_is_refused_and_once_deleted_made_again(
    plan: Plan, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    records = make(plan)
    file = file_path(records[3])
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(DataError) as error:
        prepare(plan, records, tmp_path / "data")
    assert str(error.value).startswith(f"{file}: is not what its record names (SHA-256 ")
    assert "delete it and run again: it alone is made anew" in str(error.value)
    file.unlink()
    prepare(plan, records, tmp_path / "data")


def test_a_file_that_cannot_be_read_is_refused(plan: Plan, tmp_path: Path) -> None:
    records = make(plan)
    file_path(records[0]).unlink()
    file_path(records[0]).mkdir()
    with pytest.raises(DataError, match=r"spots-00-\w+\.npz: cannot be read \(Is a directory\)"):
        prepare(plan, records, tmp_path / "data")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut, "is not JSON"),
        (lambda content: b"", "is not JSON"),
        (lambda content: content.replace(b'"sha256"', b'"sha265"'), "not a valid ShardRecord"),
        (lambda content: content.replace(b": 1,", b": 99,", 1), "schema_version is 99, not 1"),
    ],
)
def test_a_damaged_record_is_refused(
    plan: Plan, tmp_path: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    records = make(plan)
    records[1].write_bytes(change(records[1].read_bytes()))
    with pytest.raises(RecordError) as error:
        prepare(plan, records, tmp_path / "data")
    assert str(error.value).startswith(f"{records[1]}: {said}")
    assert "delete it and run `snakemake all` again" in str(error.value)


def test_a_record_under_another_s_name_is_refused(plan: Plan, tmp_path: Path) -> None:
    records = make(plan)
    records[1].write_bytes(records[0].read_bytes())
    with pytest.raises(DataError) as error:
        prepare(plan, records, tmp_path / "data")
    assert f"{records[1]}: is the record of {records[0].stem}: it was renamed" in str(error.value)


def test_an_edited_record_is_refused_though_the_file_is_the_one_that_it_names(
    plan: Plan, tmp_path: Path
) -> None:
    records = make(plan)
    records[1].write_text(records[1].read_text().replace('"seed": 1', '"seed": 7'))
    with pytest.raises(DataError, match=r"it was renamed, copied or edited; delete it"):
        prepare(plan, records, tmp_path / "data")


def test_shards_that_are_not_given_are_counted_and_named(plan: Plan, tmp_path: Path) -> None:
    records = make(plan)
    with pytest.raises(DataError, match=r"spots: 4 of its 4 shards were not given \(spots-00, "):
        prepare(plan, [], tmp_path / "data")
    with pytest.raises(DataError, match=r"1 of its 4 .*\(spots-03\); make them first: snakemake"):
        prepare(plan, records[:3], tmp_path / "data")


def test_shards_of_other_options_are_refused(plan: Plan, tmp_path: Path) -> None:
    others = make(spots_plan(tmp_path, noise=5.0))
    with pytest.raises(DataError, match=r"4 shards that were given are not those"):
        prepare(plan, others, tmp_path / "data")
    more = make(spots_plan(tmp_path, images=120))
    with pytest.raises(DataError, match=r"2 shards that were given .*\(spots-04, spots-05\)"):
        prepare(plan, more, tmp_path / "data")


def test_the_prepare_job_takes_the_records_of_its_command_line(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [str(path) for path in make(plan)]
    output = tmp_path / "data" / "data.json"
    spec = plan.data_spec(8, tmp_path).to_json()
    argv = ["--spec", spec, "--output", str(output), "--shards"]
    assert preparation.main([*argv, *records]) == 0
    assert output.is_file()
    assert preparation.main(argv) == 1
    assert "error: spots: 4 of its 4 shards were not given" in capsys.readouterr().err


# -- what is told of them ------------------------------------------------------------------------


def test_the_session_tells_the_shards_and_their_folder(plan: Plan, config: dict[str, Any]) -> None:
    folder = plan.shard_records[0].parent
    assert f"  4 shards of 80 samples in {folder}/" in describe(plan).splitlines()
    assert "shard" not in describe(make_plan(config))


def test_a_job_asks_for_more_time_and_memory_for_a_larger_shard(plan: Plan, tmp_path: Path) -> None:
    needs, spec = Needs(plan, tmp_path), plan.shards[0]
    small, large = needs.shard(spec), needs.shard(spec.model_copy(update={"samples": 50_000}))
    assert small.mem_mb >= 1000
    assert large.mem_mb > small.mem_mb
    assert large.runtime > small.runtime >= 10


def test_preparing_asks_for_the_memory_of_all_shards(tmp_path: Path) -> None:
    small, large = (
        Needs(spots_plan(tmp_path, images=images, shard_images=50_000), tmp_path).prepare(8)
        for images in (80, 500_000)
    )
    assert large.mem_mb - small.mem_mb >= 4500
