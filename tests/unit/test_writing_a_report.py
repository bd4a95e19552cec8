"""The walk-through of docs/writing-a-report.md, run as it stands there."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from studygrid.cli import main
from studygrid.commands import named_report
from tests.conftest import ROOT
from tests.unit.conftest import Bench
from tests.unit.trained_results import train_results

PAGE = ROOT / "docs" / "writing-a-report.md"
_BLOCK = re.compile(r"^```(?P<kind>\w+)(?P<more>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)
_TITLE = re.compile(r'title="([^"]*)"')
PROGRAMS: dict[str, Callable[[list[str]], int]] = {
    "studygrid": main,
    "thesis-report": named_report.main,
}


@dataclass(frozen=True)
class Block:
    kind: str
    title: str
    fails: bool
    text: str


def blocks() -> list[Block]:
    found = []
    for match in _BLOCK.finditer(PAGE.read_text("utf-8")):
        title = _TITLE.search(match["more"])
        fails = match["more"].split() == ["fails"]
        found.append(Block(match["kind"], title[1] if title else "", fails, match["text"]))
    return found


def titled(title: str) -> str:
    return next(block.text for block in blocks() if block.title == title)


def commands(*, fails: bool = False) -> list[str]:
    consoles = [block for block in blocks() if block.kind == "console" and block.fails == fails]
    lines = [line for block in consoles for line in block.text.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ") for line in lines]


def give(command: str) -> int:
    program, *arguments = shlex.split(command)
    return PROGRAMS[program](arguments)


@pytest.fixture
def desk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files of the page, in which the commands are given."""
    for block in blocks():
        if block.kind in ("python", "yaml") and block.title:
            file = bench.folder / block.title
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)
    monkeypatch.chdir(bench.folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return bench.folder


def test_the_walk_through_makes_what_it_says(
    desk: Path, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    results = train_results(bench)
    first, *others = commands()
    assert give(first) == 0, capsys.readouterr().err
    folder = Path(capsys.readouterr().out.strip())
    expected = titled("outputs/reports/report_<UTC time>_my_report/").split()
    assert [name for name in expected if not (folder / name).is_file()] == []
    assert not (folder / "inference").exists()
    page = (folder / "report.html").read_text("utf-8")
    assert "has the lowest mean loss" in page
    assert "Losses by model" in page
    assert page.count("<figure>") == 2
    assert "95 % interval" not in page

    listing, with_inference, by_yaml, one_seed = others
    assert give(listing) == 0
    said = capsys.readouterr().out
    assert "my_report: My report" in said
    assert "with inference.enabled=true: scores_by_model" in said
    assert "thresholds: val_loss=0.5" in said

    assert give(with_inference) == 0, capsys.readouterr().err
    scored = Path(capsys.readouterr().out.strip())
    more = titled("outputs/reports/report_<UTC time>_my_report/ with inference").split()
    assert [name for name in [*expected, *more] if not (scored / name).is_file()] == []
    summary = json.loads((scored / "inference/summary.json").read_text())
    assert set(summary["models"]) == {"narrow", "wide"}
    assert all(0 <= model["accuracy"] <= 1 for model in summary["models"].values())
    manifest = yaml.safe_load((scored / "manifest.yaml").read_text())
    assert manifest["inference"]["batch_size"] == 16

    assert give(by_yaml) == 0, capsys.readouterr().err
    chosen = Path(capsys.readouterr().out.strip())
    drawn = sorted(path.stem for path in (chosen / "training/figures").glob("*.png"))
    assert drawn == ["figure-training_curves"]
    assert list(pd.read_csv(chosen / "training/summary.csv")["seed"]) == [0, 0]

    assert give(one_seed) == 0, capsys.readouterr().err
    elsewhere = Path(capsys.readouterr().out.strip())
    assert elsewhere.parts[:2] == ("elsewhere", "reports")
    assert list(pd.read_csv(elsewhere / "training/summary.csv")["seed"]) == [1, 1]

    pointers = (results / "runs/wide/res16/n32/seed1/report_pointer.txt").read_text().splitlines()
    assert [line.split()[0] for line in pointers] == [folder.name, scored.name, elsewhere.name]


def test_the_error_on_the_page_is_the_one_that_is_said(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (command,) = commands(fails=True)
    assert give(command) == 1
    assert capsys.readouterr().err == titled("error")
    assert not (desk / "outputs").exists()


def test_the_test_on_the_page_passes(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(desk / "reports")
    monkeypatch.delitem(sys.modules, "my_report", raising=False)
    found = runpy.run_path(str(desk / "tests" / "test_my_report.py"))
    found["test_every_run_is_in_the_distribution"]()


def test_the_entry_point_on_the_page_is_the_group_that_is_read() -> None:
    from studygrid.named_reports.discovery import GROUP

    (text,) = [block.text for block in blocks() if block.kind == "toml"]
    (group,) = tomllib.loads(text)["project"]["entry-points"]
    assert group == GROUP
