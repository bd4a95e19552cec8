"""Hashes of raw data, and the cache that spares reading it again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from studygrid.errors import DataError
from studygrid.families.content import content_sha256


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {name: tmp_path / name for name in ("one", "two")}
    for name, path in found.items():
        path.write_text(name)
    return found


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a file was read again")

    monkeypatch.setattr(hashlib, "file_digest", refuse)


def test_unchanged_files_are_not_read_again(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content_sha256(files, tmp_path / "cache")
    forbid_reading(monkeypatch)
    assert content_sha256(files, tmp_path / "cache") == before
    os.utime(files["one"], (1, 1))
    with pytest.raises(AssertionError, match="read again"):
        content_sha256(files, tmp_path / "cache")


def test_names_and_contents_both_count(files: dict[str, Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    hashes = {
        content_sha256(files, cache),
        content_sha256({"uno": files["one"], "two": files["two"]}, cache),
        content_sha256({"one": files["two"], "two": files["one"]}, cache),
        content_sha256({"one": files["one"]}, cache),
    }
    assert len(hashes) == 4
    assert content_sha256(dict(reversed(files.items())), cache) in hashes


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": [1, 2]}', '{"a": null}'])
def test_a_corrupt_cache_is_ignored_and_replaced(
    content: str, files: dict[str, Path], tmp_path: Path
) -> None:
    before = content_sha256(files, tmp_path / "clean")
    store = tmp_path / "cache" / "sources.json"
    store.parent.mkdir()
    store.write_text(content)
    assert content_sha256(files, store.parent) == before
    assert json.loads(store.read_text()).keys() == {str(path) for path in files.values()}


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert content_sha256(files, tmp_path / "cache") == content_sha256(files, tmp_path / "clean")


def test_what_other_datasets_stored_is_kept(files: dict[str, Path], tmp_path: Path) -> None:
    for name, path in files.items():
        content_sha256({name: path}, tmp_path / "cache")
    stored = json.loads((tmp_path / "cache" / "sources.json").read_text())
    assert stored.keys() == {str(path) for path in files.values()}


def test_a_file_that_is_gone_is_named(files: dict[str, Path], tmp_path: Path) -> None:
    files["two"].unlink()
    with pytest.raises(DataError, match="two: cannot be read"):
        content_sha256(files, tmp_path / "cache")
