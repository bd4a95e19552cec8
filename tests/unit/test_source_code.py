"""What is kept of source files between processes never says what they are not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import studygrid
from studygrid.execution import source_code
from studygrid.execution.source_code import Import, Source, keep_sources, read_source

ROOT = Path(studygrid.__file__).parent


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep sources in a folder of the test's own."""
    file = tmp_path / "kept" / "sources.json"
    monkeypatch.setattr(source_code, "_cache_file", lambda: file)
    anew()
    yield file
    anew()


def anew() -> None:
    """Begin as another process does."""
    source_code._known.cache_clear()


def source(folder: Path, text: str) -> Source:
    file = folder / "code.py"
    file.write_text(text)
    return read_source(file)


def test_imports_are_found_as_they_are_written(tmp_path: Path) -> None:
    text = (
        "import a.b as c, d\nfrom e import f, g as h\ndef later():\n    from .. import i\n"
        "    from .j import k\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import n\n"
    )
    assert set(source(tmp_path, text).imports) == {
        Import("a.b", 0, None),
        Import("d", 0, None),
        Import("e", 0, ("f", "g")),
        Import("", 2, ("i",)),
        Import("j", 1, ("k",)),
        Import("typing", 0, ("TYPE_CHECKING",)),
    }


def test_the_next_process_finds_the_same_without_parsing(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = source(tmp_path, "import a\nfrom . import b\nx = 1\n")
    keep_sources()
    anew()
    monkeypatch.setattr(source_code, "_parsed", None)
    assert read_source(tmp_path / "code.py") == first


def test_a_change_is_seen_whatever_the_time_stamp_says(tmp_path: Path) -> None:
    first = source(tmp_path, "x = 1\n")
    keep_sources()
    file = tmp_path / "code.py"
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_text("x = 2\n")
    os.utime(file, ns=times)
    anew()
    assert read_source(file).code != first.code


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"a": 1}', '{"a": ["h", [["m"]]]}', "\x00"]
)
def test_a_damaged_file_is_passed_over_and_replaced(
    tmp_path: Path, kept: Path, content: str
) -> None:
    kept.parent.mkdir()
    kept.write_text(content)
    first = source(tmp_path, "import a\n")
    keep_sources()
    assert len(json.loads(kept.read_text())) == 1
    anew()
    assert source(tmp_path, "import a\n") == first


def test_where_nothing_can_be_written_it_is_parsed_each_time(tmp_path: Path, kept: Path) -> None:
    kept.parent.write_text("a file where the folder would be")
    first = source(tmp_path, "import a\n")
    keep_sources()
    anew()
    assert source(tmp_path, "import a\n") == first


def test_only_so_many_are_kept_and_the_ones_in_use_longest(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_code, "_MOST_KEPT", 2)
    for number in (1, 2, 1, 3):
        source(tmp_path, f"x = {number}\n")
    keep_sources()
    assert len(json.loads(kept.read_text())) == 2
    anew()
    monkeypatch.setattr(source_code, "_parsed", None)
    source(tmp_path, "x = 1\n")
    source(tmp_path, "x = 3\n")


def test_nothing_is_kept_where_python_keeps_no_bytecode() -> None:
    code = "from studygrid.execution.source_code import _cache_file; print(_cache_file())"
    for flags, expected in ((["-B"], True), ([], False)):
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(
            [sys.executable, *flags, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert (done.stdout.strip() == "None") is expected


def test_every_folder_of_the_project_is_a_package() -> None:
    """Else it is not installed with the project, and what it imports is not followed."""
    folders = {file.parent for file in ROOT.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
