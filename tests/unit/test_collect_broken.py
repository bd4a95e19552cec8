"""Files that are broken in every way are named with the reason, and the good runs are kept."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import studygrid
from studygrid.cli import main
from studygrid.errors import NoRunsError
from studygrid.interchange.foreign import json_files
from studygrid.interchange.foreign.json_files import LARGEST_BYTES
from tests.unit.foreign_files import (
    draw_little,
    resomap_cell,
    write_cell,
    write_experiment,
    write_vae,
)

CELL = json.dumps(resomap_cell("broken"))
GOOD = ("vgg11", "resnet18", "tiny_cnn")


def text(content: str) -> Callable[[Path], None]:
    """Return what writes text."""

    def write(path: Path) -> None:
        path.write_text(content)

    return write


def encoded(content: bytes) -> Callable[[Path], None]:
    """Return what writes bytes."""

    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def cell(**changes: Any) -> Callable[[Path], None]:
    """Return what writes a cell with other keys."""
    return text(json.dumps({**resomap_cell("broken"), **changes}))


def gigantic(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere.json")


def to_itself(path: Path) -> None:
    path.symlink_to(path.name)


# What is broken, and the words that its reason has.
BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (text(""), "is empty"),
    "blank": (text(" \n\t "), "is empty"),
    "cut": (text(CELL[: len(CELL) // 2]), "it seems to be cut off"),
    "two_documents": (text(f"{CELL}\n{CELL}"), "Extra data"),
    "a_list": (text(f"[{CELL}]"), "the document: Input should be a valid dictionary"),
    "a_number": (text("3"), "is no result of ResoMap's layout"),
    "duplicate_keys": (text(CELL.replace('"timestamp"', '"model"')), "'model' stands twice"),
    "utf_16": (encoded(CELL.encode("utf-16")), "is encoded in UTF-16"),
    "utf_16_without_mark": (encoded(CELL.encode("utf-16-le")), "it holds zero bytes"),
    "latin_1": (encoded('{"model": "é"}'.encode("latin-1")), "is not UTF-8 (byte 0xe9 at 11)"),
    "binary": (encoded(bytes(range(128, 256))), "is not UTF-8"),
    "a_number_of_5000_digits": (text(CELL.replace("0.89", "8" * 5000)), "4300 digits"),
    "deep": (text("[" * 100_000), "is nested too deeply"),
    "deep_and_whole": (text('{"a":' * 400 + "1" + "}" * 400), "is nested too deeply"),
    "no_scores": (cell(test_metrics=None), "test_metrics"),
    "a_score_missing": (cell(test_metrics={"loss": 1.0}), "test_metrics.accuracy: Field required"),
    "text_for_a_number": (text(CELL.replace("0.89", '"0.89"')), "test_metrics.accuracy"),
    "text_for_a_resolution": (cell(resolution="224px"), "resolution"),
    "a_negative_resolution": (cell(resolution=-224), "resolution is -224"),
    "another_program": (text('{"name": "left-pad", "version": "1.3.0"}'), "model: Field required"),
    "gigantic": (gigantic, "is 32 MiB, too large (32 MiB at most)"),
    "a_pipe": (pipe, "is no plain file"),
    "a_link_to_nothing": (to_nowhere, "is a link to nowhere.json, which is not there"),
    "a_link_to_itself": (to_itself, "cannot be read"),
    "a_folder": (Path.mkdir, "is a folder, not a file"),
}  # fmt: skip


@pytest.fixture
def good(tmp_path: Path) -> Path:
    for at, model in enumerate(GOOD):
        write_cell(tmp_path, model, accuracy=0.5 + at / 10)
    return tmp_path


def test_broken_files_of_twenty_kinds_and_more_are_named_and_the_good_runs_are_kept(
    good: Path,
) -> None:
    folder = good / "test_results"
    for name, (write, _) in BROKEN.items():
        write(folder / f"{name}.json")
    found = studygrid.collect(good)
    assert sorted(found.frame["model"]) == sorted(GOOD)
    reasons = {problem.path.stem: problem.reason for problem in found.problems}
    assert reasons.keys() == BROKEN.keys()
    assert len(found.problems) == len(BROKEN)


@pytest.mark.parametrize("name", BROKEN)
def test_the_reason_says_what_is_wrong(name: str, good: Path) -> None:
    write, words = BROKEN[name]
    write(good / "test_results" / f"{name}.json")
    (problem,) = studygrid.collect(good).problems
    assert words in problem.reason
    assert "\n" not in problem.reason
    assert problem.path.stem == name


# --- What can be read in spite of it


def test_numbers_that_json_has_not_are_null_and_named(good: Path) -> None:
    broken = {**resomap_cell("odd"), "best_val_loss": float("inf")}
    broken["test_metrics"] |= {"loss": float("nan")}
    written = json.dumps(broken).replace("0.89", "1e999")
    (good / "odd_224.json").write_text(written)
    found = studygrid.collect(good)
    row = found.frame.set_index("model").loc["odd"]
    assert row[["test_loss", "test_accuracy", "best_validation_loss"]].isna().all()
    assert row["test_f1"] == 0.86
    assert sorted(problem.reason for problem in found.problems) == [
        "best_val_loss is Infinity, which is no number: left out",
        "test_metrics.accuracy is Infinity, which is no number: left out",
        "test_metrics.loss is NaN, which is no number: left out",
    ]


def test_a_whole_number_beyond_all_floats_is_null_and_named(good: Path) -> None:
    (good / "broken_224.json").write_text(CELL.replace("0.89", "9" * 400))
    found = studygrid.collect(good)
    (problem,) = found.problems
    assert problem.reason == "test_metrics.accuracy is too large for a number: left out"


def test_null_metrics_are_a_run_without_scores(good: Path) -> None:
    scores: dict[str, Any] = dict.fromkeys(("loss", "accuracy", "precision", "recall", "f1_score"))
    (good / "broken_224.json").write_text(json.dumps(resomap_cell("broken", **scores)))
    found = studygrid.collect(good)
    row = found.frame.set_index("model").loc["broken"]
    assert row["status"] == "ok"
    assert row[["test_loss", "test_accuracy"]].isna().all()


def test_a_byte_order_mark_is_passed_over(good: Path) -> None:
    (good / "broken_224.json").write_bytes(b"\xef\xbb\xbf" + CELL.encode())
    found = studygrid.collect(good)
    assert "broken" in set(found.frame["model"])
    assert found.problems == []


def test_halves_of_letters_become_question_marks(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_little(monkeypatch)
    cell = {**resomap_cell("broken"), "timestamp": "\ud800", "\udfff": "\ud800"}
    (good / "broken_224.json").write_text(json.dumps(cell))
    assert studygrid.collect(good).problems == []
    assert main(["collect", str(good), "--output", str(tmp_path / "c")]) == 0


def test_what_may_not_be_read_is_named(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root nothing is forbidden, so reading is made to fail."""
    forbidden = good / "test_results" / "vgg11_224.json"
    read = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path == forbidden:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    found = studygrid.collect(good)
    assert sorted(found.frame["model"]) == ["resnet18", "tiny_cnn"]
    assert [str(problem) for problem in found.problems] == [
        f"{forbidden}: cannot be read (Permission denied)"
    ]


def test_a_folder_that_may_not_be_looked_into_is_named(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = good / "closed"
    closed.mkdir()
    is_file = Path.is_file

    def asked(path: Path) -> bool:
        if closed in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", asked)
    found = studygrid.collect(good)
    assert len(found.frame) == 3
    assert [str(problem) for problem in found.problems] == [
        f"{closed}: cannot be looked into (Permission denied)"
    ]


def test_a_file_that_goes_away_meanwhile_is_named(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = json_files.check_file

    def check_and_delete(path: Path) -> None:
        check(path)
        if path.stem == "vgg11_224":
            path.unlink()

    monkeypatch.setattr(json_files, "check_file", check_and_delete)
    found = studygrid.collect(good)
    assert len(found.frame) == 2
    assert found.problems[0].reason == "cannot be read (No such file or directory)"


# --- Other layouts


def test_unknown_json_is_listed(good: Path) -> None:
    (good / "package.json").write_text('{"name": "left-pad"}')
    (good / "rows.json").write_text("[1, 2]")
    (good / "word.JSON").write_text('"word"')
    reasons = {problem.path.name: problem.reason for problem in studygrid.collect(good).problems}
    names = "studygrid, crackseg, vae, resomap, generalization, thesis"
    known = f"of no layout that is known here ({names})"
    assert reasons == {
        "package.json": f"holds an object {known}",
        "rows.json": f"holds a list {known}",
        "word.JSON": f"holds a text {known}",
    }


def test_what_is_hidden_and_what_is_no_json_is_passed_over(good: Path) -> None:
    (good / ".cache").mkdir()
    (good / ".cache" / "a.json").write_text("{")
    (good / ".b.json").write_text("{")
    (good / "notes.txt").write_text("{")
    assert studygrid.collect(good).problems == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"train": {"train_loss": 1.0}, "val": {"val_loss": 1.0}}, "no scores of the test split"),
        ({"test": None, "train": None, "val": None}, "test: Input should be a valid dictionary"),
        ({"test": {"test_loss": "low"}}, "test_loss"),
        ({"config": [], "metrics": {"test": {"test_loss": 1.0}}}, "config"),
    ],
)
def test_metrics_of_vaes_that_lack_something_are_named(
    content: Any, words: str, tmp_path: Path
) -> None:
    write_vae(tmp_path, "vae_small")
    path = tmp_path / "models" / "metrics" / "vae_broken_metrics.json"
    path.write_text(json.dumps(content))
    found = studygrid.collect(tmp_path)
    assert found.frame["model"].tolist() == ["vae_small"]
    (problem,) = found.problems
    assert (problem.path, words in problem.reason) == (path, True)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("metrics.jsonl", "{", "line 1: is not JSON"),
        ("metrics.jsonl", '{"epoch": 1}\n{"epoch": 1}', "epoch 1 is there already"),
        ("validation_metrics.json", '{"final_validation": NaN}', "is nan, which is no number"),
        ("complete_summary.json", "[]", "is not of CrackSeg's layout"),
        ("complete_summary.json", "", "is not JSON"),
    ],
)
def test_experiments_that_are_not_whole_are_named(
    file: str, content: str, words: str, tmp_path: Path
) -> None:
    write_experiment(tmp_path, "good")
    broken = write_experiment(tmp_path, "broken")
    (broken / "metrics" / file).write_text(content)
    found = studygrid.collect(tmp_path)
    assert found.frame["model"].tolist() == ["good"]
    (problem,) = found.problems
    assert (problem.path, words in problem.reason) == (broken, True)


def test_an_experiment_without_one_of_its_files_is_named(tmp_path: Path) -> None:
    write_experiment(tmp_path, "good")
    broken = write_experiment(tmp_path, "broken")
    (broken / "metrics" / "metrics.jsonl").unlink()
    gigantic(broken / "final_results.yaml")
    found = studygrid.collect(tmp_path)
    assert found.frame["model"].tolist() == ["good"]
    assert "metrics.jsonl: does not exist" in found.problems[0].reason


def test_where_nothing_is_good_the_error_says_where_it_looked_and_why(tmp_path: Path) -> None:
    for at in range(12):
        (tmp_path / f"{at}.json").write_text("{")
    with pytest.raises(NoRunsError) as caught:
        studygrid.collect(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"No valid runs found in {tmp_path}."
    assert lines[1].startswith(f"  {tmp_path / '0.json'}: is not JSON (")
    assert lines[-1] == "  and 4 more"
