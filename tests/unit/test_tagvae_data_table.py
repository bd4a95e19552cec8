"""The user's own table of tags: what is read, and what is refused with which words."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from studygrid.errors import DataError
from studygrid.families.base import SPLITS
from studygrid.families.tagvae.data.rows import TagRows
from studygrid.families.tagvae.data.table import sources
from studygrid.families.tagvae.data.table.options import TagTableOptions
from studygrid.families.tagvae.data.table.parquet_file import rows_of_frame
from studygrid.families.tagvae.data.table.prepare import prepare, read_table

ROWS = [{"rock", "loud"}, {"folk"}, set(), {"folk", "loud", "rock"}]
NAMES = ("folk", "loud", "rock")


def options(path: Path, **changes: Any) -> TagTableOptions:
    return TagTableOptions(**{"file": str(path), **changes})


def read(path: Path, **changes: Any) -> TagRows:
    chosen = options(path, **changes)
    assert sources.check_tag_table(chosen) == []
    return read_table(path, chosen)


def sets(rows: TagRows) -> list[set[str]]:
    return [{rows.names[at] for at in np.flatnonzero(row)} for row in rows.tags.toarray()]


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def binary_text(rows: Sequence[set[str]], names: Sequence[str], sign: str = ",") -> str:
    lines = [sign.join(names)]
    lines += [sign.join(str(int(name in row)) for name in names) for row in rows]
    return "\n".join(lines) + "\n"


# What is read


@pytest.mark.parametrize(
    ("name", "text", "changes"),
    [
        ("a.csv", "rock,folk,loud\n1,0,1\n0,1,0\n0,0,0\n1,1,1\n", {}),
        ("a.CSV", "\ufeff rock ,folk,loud\r\n1, 0,1\r\n0,1,0\r\n\r\n0,0,0\r\n1,1,1\r\n", {}),
        ("a.csv", "rock;folk;loud\n1;0;1\n0;1;0\n0;0;0\n1;1;1", {"delimiter": ";"}),
        ("a.tsv", "rock\tfolk\tloud\nTrue\tFalse\t1.0\n0\ttrue\t0\n0\t0\t0\n1\t1\t1\n", {}),
        ("a.csv", "n,tags\n1,\"rock, loud\"\n2,folk\n3,\n4,\"folk,loud,,rock,rock\"\n",
         {"tags_column": "tags"}),
        ("a.csv", "tags\nrock|loud\nfolk\n\"\"\n folk | loud|rock\n",
         {"tags_column": "tags", "separator": "|"}),
        ("a.csv", "id,why,rock,folk,loud\nx,no,1,0,1\ny,no,0,1,0\nz,,0,0,0\nw,,1,1,1\n",
         {"id_column": "id", "leave_out": ["why"]}),
    ],
    ids=["plain", "blanks", "semicolon", "words", "lists", "separator", "other columns"],
)  # fmt: skip
def test_tables_of_text(name: str, text: str, changes: dict[str, Any], tmp_path: Path) -> None:
    rows = read(written(tmp_path, name, text), **changes)
    assert rows.names == NAMES
    assert sets(rows) == ROWS
    assert rows.splits is None


def test_a_split_column_is_followed(tmp_path: Path) -> None:
    text = "rock,part\n1,train\n0, test\n1,val\n0,validation\n"
    rows = read(written(tmp_path, "a.csv", text), split_column="part")
    assert rows.names == ("rock",)
    assert rows.splits is not None
    assert [SPLITS[at] for at in rows.splits] == ["train", "test", "validation", "validation"]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_arrays_of_any_plain_dtype(dtype: type, tmp_path: Path) -> None:
    names = ["rock", "folk", "loud"]
    tags: np.ndarray = np.array([[name in row for name in names] for row in ROWS]).astype(dtype)
    np.savez(tmp_path / "a.npz", tags=tags, names=names, split=["train", "test", "val", "train"])
    rows = read(tmp_path / "a.npz")
    assert rows.names == NAMES
    assert sets(rows) == ROWS
    assert rows.splits is not None
    assert rows.splits.tolist() == [0, 2, 1, 0]
    np.savez(tmp_path / "b.npz", tags=tags)
    assert read(tmp_path / "b.npz").names == ("tag_0", "tag_1", "tag_2")


def frame_of(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


FRAMES: list[tuple[pd.DataFrame, dict[str, Any]]] = [
    (frame_of(rock=[1, 0, 0, 1], folk=[False, True, False, True], loud=[1.0, 0.0, 0.0, 1.0]), {}),
    (
        frame_of(
            rock=pd.array([1, 0, 0, 1], dtype="Int8"),
            folk=pd.array([False, True, False, True], dtype="boolean"),
            loud=[1, 0, 0, 1],
            note=["a", None, "c", "d"],
        ),
        {"leave_out": ["note"]},
    ),
    (
        frame_of(
            tags=[["rock", "loud"], ("folk",), np.array([], object), ["loud", "rock", "folk"]]
        ),
        {"tags_column": "tags"},
    ),
    (
        frame_of(tags=["rock,loud", "folk", "", "loud,rock,folk"]).set_index(
            pd.Index(list("abcd"), name="song")
        ),
        {"tags_column": "tags", "id_column": "song"},
    ),
]


@pytest.mark.parametrize("at", range(len(FRAMES)))
def test_frames(at: int) -> None:
    frame, changes = FRAMES[at]
    rows = rows_of_frame(frame, Path("a.parquet"), options(Path("a.parquet"), **changes))
    assert rows.names == NAMES
    assert sets(rows) == ROWS


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="needs pyarrow")
@pytest.mark.parametrize("at", range(len(FRAMES)))
def test_parquet(at: int, tmp_path: Path) -> None:
    frame, changes = FRAMES[at]
    frame.to_parquet(tmp_path / "a.parquet")
    assert sets(read(tmp_path / "a.parquet", **changes)) == ROWS
    broken = written(tmp_path, "b.parquet", (tmp_path / "a.parquet").read_bytes()[:-40])
    with pytest.raises(DataError, match=r"b\.parquet: cannot be read as Parquet"):
        read(broken, **changes)


def test_parquet_without_a_package_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> pd.DataFrame:
        raise ImportError("Unable to find a usable engine")

    path = written(tmp_path, "a.parquet", b"PAR1")
    monkeypatch.setattr(pd, "read_parquet", fail)
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    ((key, message),) = sources.check_tag_table(options(path))
    assert (key, message) == ("file", sources.NO_ENGINE)
    with pytest.raises(DataError, match=r"a\.parquet: .*pip install pyarrow"):
        prepare(options(path), 2, tmp_path)


cells = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=20)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells, st.permutations(["a", "b,c", 'd"e', "ü"]))
def test_every_kind_of_file_says_the_same(
    tmp_path: Path, values: list[list[bool]], names: list[str]
) -> None:
    matrix = np.array(values)
    frame = pd.DataFrame(matrix.astype(int), columns=names)
    frame.to_csv(tmp_path / "a.csv", index=False)
    np.savez(tmp_path / "a.npz", tags=matrix, names=names)
    listed = [
        [name for name, is_there in zip(names, row, strict=True) if is_there] for row in values
    ]
    pd.DataFrame({"n": range(len(values)), "tags": ["|".join(row) for row in listed]}).to_csv(
        tmp_path / "b.csv", index=False
    )
    found = [
        read(tmp_path / "a.csv"),
        read(tmp_path / "a.npz"),
        rows_of_frame(frame, Path("a"), options(Path("a"))),
    ]
    lists = read(tmp_path / "b.csv", tags_column="tags", separator="|")
    for rows in found:
        assert rows.names == tuple(sorted(names))
        assert sets(rows) == [set(row) for row in listed]
    assert sets(lists) == sets(found[0])


def test_a_table_is_prepared_and_keeps_its_splits(tmp_path: Path) -> None:
    draws = np.random.default_rng(0).random((300, 6)) < 0.4
    names = list("abcdef")
    frame = pd.DataFrame(draws.astype(int), columns=names)
    frame["part"] = np.resize(["train", "train", "validation", "test"], 300)
    frame.to_csv(tmp_path / "a.csv", index=False)
    parts = prepare(options(tmp_path / "a.csv", split_column="part"), 6, tmp_path)
    source = np.load(tmp_path / "source_row.npy")
    tags = np.load(tmp_path / "tags.npy")
    assert np.array_equal(tags, draws[source][:, [names.index(tag) for tag in parts.facts["tags"]]])
    for split in SPLITS:
        found = source[np.load(tmp_path / f"{split}.npy")]
        assert set(frame["part"][found]) == {split}
    in_test = {tuple(row) for row in draws[frame["part"] == "test"].tolist() if any(row)}
    assert parts.splits["test"].count == len(in_test)
    assert "as the data gives it" in parts.facts["split"]


# What is refused


def text_case(
    name: str, text: str | bytes, message: str, **changes: Any
) -> tuple[str, str | bytes, dict[str, Any], str]:
    return name, text, changes, message


BROKEN = [
    text_case("a.csv", "a,b\n1,0\n1,2\n", r"a\.csv: 1 thing is .*line 3, column 'b': '2' should"),
    text_case("a.csv", "a,b\n-1,0\n", r"line 2, column 'a': '-1' should be 0 or 1"),
    text_case("a.csv", "a,b\n1,nan\n", r"line 2, column 'b': 'nan' should be 0 or 1"),
    text_case("a.csv", "a,b\n1,\n", r"line 2, column 'b': is empty; should be 0 or 1"),
    text_case("a.csv", "a,b\n0.5,1\nx,1\n", r"2 things.*'0.5' should.*line 3.*'x' should"),
    text_case("a.csv", "id,a\nx9,7\n", r"line 2 \(x9\), column 'a': '7'", id_column="id"),
    text_case("a.csv", "id,a\nx,1\ny,1\nx,0\n", r"line 4: has the id 'x' of line 2",
              id_column="id"),
    text_case("a.csv", "id,a\n ,1\n", r"line 2: has no id", id_column="id"),
    text_case("a.csv", "a,b\n1,0\n1,0,1\n1\n", r"line 3: has 3 cells, the first line 2.*1 cell,"),
    text_case("a.csv", "a,b,a\n1,0,1\n", r"the column 'a' comes 2 times"),
    text_case("a.csv", "a,,b\n1,0,1\n", r"column 2 has no name"),
    text_case("a.csv", "", r"a\.csv: is empty; its first line should name the columns"),
    text_case("a.csv", "\n\n", r"is empty"),
    text_case("a.csv", "a,b\n", r"has a first line and no rows"),
    text_case("a.csv", "a;b\n1;0\n", r"has one column, 'a;b'; .* set `delimiter: ';'`"),
    text_case("a.csv", b"a,\xff\n1,0\n", r"is not UTF-8 .*; save it as UTF-8"),
    text_case("a.csv", 'a,b\n1,"0\n', r"line 2: is no CSV \(unexpected end of data\)"),
    text_case("a.csv", 'a,b\n"1"x,0\n', r"line 2: is no CSV"),
    text_case("a.csv", "id,x\n1,2\n", r"no column is left for tags; the file has 'id', 'x'",
              id_column="id", leave_out=["x"]),
    text_case("a.csv", "a,b\n1,0\n", r"there is no column 'bb'; did you mean 'b'\?",
              id_column="bb"),
    text_case("a.csv", "a,b\n1,0\n", r"there is no column 'tags'; the file has 'a', 'b'",
              tags_column="tags"),
    text_case("a.csv", "a,s\n1,train\n1,dev\n", r"line 3, column 's': 'dev' should be train, valid",
              split_column="s"),
    text_case("a.csv", "n,t\n1,\n2,\n", r"a\.csv: no row has a tag", tags_column="t"),
    text_case("a.csv", "n,t\n1,\"['a', 'b']\"\n", r"line 2, .* as Python writes it; write a,b",
              tags_column="t"),
    text_case("a.xlsx", "PK", r"a\.xlsx: should be a file \.csv, \.tsv, \.parquet or \.npz"),
    text_case("a.npz", "no zip", r"a\.npz: (is no \.npz|cannot be read)"),
]  # fmt: skip


@pytest.mark.parametrize("at", range(len(BROKEN)))
def test_a_broken_text_is_refused(at: int, tmp_path: Path) -> None:
    name, text, changes, message = BROKEN[at]
    path = written(tmp_path, name, text)
    pattern = re.compile(message, re.DOTALL)
    with pytest.raises(DataError) as raised:
        prepare(options(path, **changes), 2, tmp_path)
    assert pattern.search(str(raised.value)), str(raised.value)
    assert str(path) in str(raised.value)
    assert not (tmp_path / "tags.npy").exists()


@pytest.mark.parametrize(
    ("changes", "text", "key"),
    [
        ({"file": "b.csv"}, "a,b\n1,0\n", "file"),
        ({"id_column": "c"}, "a,b\n1,0\n", "id_column"),
        ({"leave_out": ["a", "d"]}, "a,b\n1,0\n", "leave_out"),
        ({"tags_column": "c"}, "a,b\n1,0\n", "tags_column"),
        ({}, "a,a\n1,0\n", "file"),
        ({}, "", "file"),
        ({}, "a;b\n1;0\n", "file"),
    ],
    ids=["file", "id", "leave_out", "tags", "twice", "empty", "delimiter"],
)
def test_what_the_first_line_tells_is_found_before_any_job(
    changes: dict[str, Any], text: str, key: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "a.csv", text)
    if "file" in changes:
        changes = {"file": str(tmp_path / changes["file"])}
    ((found, message),) = sources.check_tag_table(options(path, **changes))
    assert found == key
    assert re.search(r"did you mean|the file has|comes 2 times|is empty|has one column", message)


ARRAYS: list[tuple[dict[str, Any], str]] = [
    ({"tag": np.eye(2)}, r"holds tag, and no `tags`; it should hold `tags` \(rows, tags\)"),
    (
        {"tags": np.array([[1, 2], [0, -1]])},
        r"2 things.*`tags`, row 0, column 'tag_1': 2 .*row 1.*-1",
    ),
    ({"tags": np.array([[1.0, np.nan]])}, r"row 0, column 'tag_1': nan should be 0 or 1"),
    ({"tags": np.array([[0.5, 1.0]])}, r"row 0, column 'tag_0': 0.5 should be 0 or 1"),
    ({"tags": np.zeros(3)}, r"`tags` is float64 \(3,\)"),
    ({"tags": np.zeros((0, 3))}, r"`tags` is empty, of shape \(0, 3\)"),
    ({"tags": np.array([["1", "0"]])}, r"`tags` is <U1 \(1, 2\)"),
    ({"tags": np.array([[1 + 0j, 0]])}, r"`tags` is complex128"),
    ({"tags": np.array([[1, 0]], object)}, r"cannot be read as \.npz .*allow_pickle"),
    ({"tags": np.eye(2), "names": np.array(["a", 1], object)}, r"cannot be read .*dtype=str"),
    (
        {"tags": np.eye(2), "names": ["a"]},
        r"`names` is <U1 \(1,\); it should be text, one for each",
    ),
    ({"tags": np.eye(2), "names": [1, 2]}, r"`names` is int64"),
    ({"tags": np.eye(2), "names": ["a", "a "]}, r"`names` holds 'a' 2 times"),
    ({"tags": np.eye(2), "names": ["a", ""]}, r"`names` holds an empty name"),
    ({"tags": np.eye(2), "split": ["train"]}, r"`split` is <U5 \(1,\)"),
    ({"tags": np.eye(2), "split": ["train", "dev"]}, r"`split`, row 1: 'dev' should be train"),
]


@pytest.mark.parametrize("at", range(len(ARRAYS)))
def test_broken_arrays_are_refused(at: int, tmp_path: Path) -> None:
    arrays, message = ARRAYS[at]
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError) as raised:
        prepare(options(path), 2, tmp_path)
    assert re.search(message, str(raised.value), re.DOTALL), str(raised.value)
    assert str(path) in str(raised.value)


def test_an_npy_file_under_another_name_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(2))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"it is an \.npy file"):
        prepare(options(tmp_path / "a.npz"), 2, tmp_path)


BROKEN_FRAMES: list[tuple[pd.DataFrame, dict[str, Any], str]] = [
    (frame_of(a=[1, 3]), {}, r"row 1, column 'a': 3 should be 0 or 1"),
    (frame_of(a=[1.0, None]), {}, r"row 1, column 'a': nan should be 0 or 1"),
    (frame_of(a=pd.array([1, None], dtype="Int8")), {}, r"row 1, column 'a': <NA> should"),
    (frame_of(a=["1", "0"]), {}, r"column 'a': holds \w+, as in '1'; should be 0 or 1"),
    (frame_of(a=[1, 0], s=["x", "y"]), {}, r"dataset.leave_out.*column 's': holds"),
    (frame_of(a=[1 + 0j]), {}, r"column 'a': holds complex128"),
    (frame_of(a=[]), {}, r"has columns and no rows"),
    (frame_of(), {}, r"no column is left for tags"),
    (frame_of(t=[["a"], None]), {"tags_column": "t"}, r"row 1, column 't': None should be a list"),
    (
        frame_of(t=[["a", 1]]),
        {"tags_column": "t"},
        r"row 0, column 't': 1 in a list of tags should",
    ),
    (
        frame_of(t=[{"a": 1}]),
        {"tags_column": "t"},
        r"row 0, column 't': \{'a': 1\} should be a list",
    ),
    (frame_of(i=["x", None], a=[1, 1]), {"id_column": "i"}, r"row 1: has no id"),
    (frame_of(i=[4, 4], a=[1, 1]), {"id_column": "i"}, r"row 1: has the id '4' of row 0"),
    (frame_of(i=["x"], a=[2]), {"id_column": "i"}, r"row 0 \(x\), column 'a': 2 should"),
    (
        frame_of(s=["train", None], a=[1, 1]),
        {"split_column": "s"},
        r"column 's': None should be tr",
    ),
]


@pytest.mark.parametrize("at", range(len(BROKEN_FRAMES)))
def test_broken_frames_are_refused(at: int) -> None:
    frame, changes, message = BROKEN_FRAMES[at]
    path = Path("a.parquet")
    with pytest.raises(DataError) as raised:
        rows_of_frame(frame, path, options(path, **changes))
    assert re.search(message, str(raised.value), re.DOTALL), str(raised.value)
    assert "a.parquet" in str(raised.value)


def test_of_many_wrong_cells_the_first_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "a\n" + "2\n" * 500)
    with pytest.raises(DataError) as raised:
        read_table(path, options(path))
    lines = str(raised.value).splitlines()
    assert "500 things are wrong" in lines[0]
    assert lines[1].strip() == "line 2, column 'a': '2' should be 0 or 1"
    assert lines[-1].strip() == "and 480 more"
    assert len(lines) == 22


@pytest.mark.parametrize("key", ["tags_column", "id_column", "split_column"])
def test_options_that_say_nothing_of_an_npz(key: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", tags=np.eye(2))
    ((found, message),) = sources.check_tag_table(options(tmp_path / "a.npz", **{key: "x"}))
    assert found == key
    assert "leave this out" in message


def test_a_column_has_one_part(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="'x' is named twice"):
        options(tmp_path / "a.csv", id_column="x", leave_out=["x"])


def test_the_source_follows_the_content(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", "a,b\n1,0\n")
    first = sources.tag_table_source(options(path), tmp_path / "cache")
    moved = written(tmp_path, "b.csv", "a,b\n1,0\n")
    assert sources.tag_table_source(options(moved), tmp_path / "cache") == first
    written(tmp_path, "a.csv", "a,b\n1,1\n0,1\n")
    assert sources.tag_table_source(options(path), tmp_path / "cache") != first
    with pytest.raises(DataError, match=r"c\.csv does not exist; did you mean"):
        sources.tag_table_source(options(tmp_path / "c.csv"), tmp_path)
