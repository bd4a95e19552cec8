"""The report is well made whatever the study holds: escaped, complete, the same bytes twice."""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from studygrid.commands import report as command
from studygrid.errors import StudygridError
from studygrid.families.base import Family
from studygrid.plan import Plan
from studygrid.records import Status, read_record, write_record
from studygrid.records import TrainRecord as Train
from studygrid.report import job, page
from studygrid.report.blocks import Drawn, Paragraph, Points, Section
from studygrid.report.drawn import DrawnFiles
from studygrid.report.formats import as_html, as_markdown, as_pdf
from studygrid.report.markdown import markdown_page
from studygrid.report.page import html_page
from studygrid.report.sections import SECTIONS, report_sections, sections_of
from studygrid.report.table_view import MOST_ROWS, table_view
from studygrid.results.study_results import StudyResults, study_results
from studygrid.tables.contents import Table
from tests.unit.made_records import data_record, small_plan, write_profiles, write_run

HOSTILE = "<script>alert(1)</script> & \"q\" 's' </td></script>{{ 7 * 7 }} $x$ |_*"
VOID = {"meta", "link", "br", "img", "input", "hr"}
SVG = b"""<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" width="504pt" height="100pt" viewBox="0 0 504 100">
<metadata><rdf:RDF xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:cc="http://creativecommons.org/ns#" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<cc:Work><dc:title>A &lt;figure&gt;</dc:title><dc:description>Dots &amp; "means"</dc:description>
</cc:Work></rdf:RDF></metadata><rect width="504" height="100" fill="#fff"/></svg>"""


@pytest.fixture(autouse=True)
def _short_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the libraries of the charts, which take seconds to bundle."""
    monkeypatch.setattr(page, "_chart_scripts", lambda: "window.vegaEmbed = null;")


class Outline(HTMLParser):
    """Checks that every element is closed in turn, and collects what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, attrs)
        found = dict(attrs)
        self.attributes.append((tag, found))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.attributes if name == tag)

    @property
    def visible(self) -> str:
        return " ".join(text for tag, text in self.texts if tag not in ("script", "style"))


@pytest.fixture
def plan() -> Plan:
    report = {
        "metric": "accuracy",
        "figures": ["metric_by_resolution"],
        "ranking": {"weights": {"accuracy": 2, "f1": 1}},
    }
    return small_plan(name="Cells", report=report)


@pytest.fixture
def folder(plan: Plan, tmp_path: Path) -> Path:
    """Return a finished study with a drawn figure; its scores are the seeds / 8."""
    results = tmp_path / "results"
    for run in plan.runs:
        write_run(plan, results, run, score=0.5 + run.seed / 8)
    write_profiles(plan, results)
    for resolution in (32, 48):
        write_record(results / "data" / f"res{resolution}" / "data.json", data_record(plan))
    (results / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    draw(results, "metric_by_resolution")
    return results


def draw(results: Path, name: str, numbers: str = "model,x,value\na,1,0.5\na,2,0.75\n") -> None:
    (results / "figures").mkdir(exist_ok=True)
    (results / "figures" / f"{name}.svg").write_bytes(SVG)
    (results / "figures" / f"{name}.csv").write_text(numbers)


def files_of(results: Path, *names: str) -> DrawnFiles:
    return DrawnFiles(results / "figures", names or ("metric_by_resolution",))


def made(plan: Plan, folder: Path) -> tuple[str, Outline]:
    text = as_html(study_results(plan, folder), files_of(folder)).decode()
    return text, Outline(text)


# --- The page as a whole


def test_the_page_is_well_formed_and_its_sections_are_in_order(plan: Plan, folder: Path) -> None:
    text, outline = made(plan, folder)
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    sections = [found["id"] for found in outline.all("section")]
    assert sections == [name for name in SECTIONS if name != "inference"]  # it is not enabled
    assert len(set(outline.ids)) == len(outline.ids)
    targets = [str(found["href"]) for found in outline.all("a")]
    assert {target[1:] for target in targets} <= set(outline.ids)
    assert outline.headings[0] == 1
    assert outline.headings.count(1) == 1
    steps = zip(outline.headings, outline.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)


def test_tables_have_captions_and_headers_with_scope(plan: Plan, folder: Path) -> None:
    _, outline = made(plan, folder)
    tags = Counter(tag for tag, _ in outline.attributes)
    assert tags["caption"] == tags["table"] > 5
    assert all(found.get("scope") == "col" for found in outline.all("th"))
    assert all(found.get("alt") for found in outline.all("img"))


def test_the_same_results_give_the_same_bytes(plan: Plan, folder: Path) -> None:
    study = study_results(plan, folder)
    before = as_html(study, files_of(folder)), as_markdown(study, files_of(folder))
    page._environment.cache_clear()
    again = study_results(plan, folder)
    assert (as_html(again, files_of(folder)), as_markdown(again, files_of(folder))) == before


def test_the_page_does_not_say_where_it_was_made(plan: Plan, folder: Path, tmp_path: Path) -> None:
    (folder / "runs" / plan.runs[0].path / "train.json").unlink()
    (folder / "profiles" / "tiny_cnn" / "res32.json").unlink()
    (folder / "data" / "res32" / "data.json").unlink()
    text, _ = made(plan, folder)
    assert str(tmp_path) not in text
    other = tmp_path / "an other place"
    shutil.copytree(folder, other)
    assert made(plan, other)[0] == text


def test_nothing_is_loaded_and_the_policy_names_the_scripts(plan: Plan, folder: Path) -> None:
    text, outline = made(plan, folder)
    policy = next(str(found["content"]) for found in outline.all("meta") if "http-equiv" in found)
    assert policy.startswith("default-src 'none'; img-src data:")
    assert "unsafe-eval" not in policy
    # Of plain scripts only: those with a type are data.
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 1
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    sources = [found.get("src") or found.get("href") or "#" for _, found in outline.attributes]
    assert all(source.startswith(("#", "data:image/svg+xml;base64,")) for source in sources)
    assert "@import" not in text
    assert "url(" not in re.sub(r"data:[^\"']+", "", text)


# --- Hostile names


def test_a_hostile_study_name_is_text(folder: Path) -> None:
    plan = small_plan(name=HOSTILE, report={"figures": ["metric_by_resolution"]})
    text, outline = made(plan, folder)
    assert "<script>alert" not in text
    assert ("h1", HOSTILE) in outline.texts
    assert "49" not in next(words for tag, words in outline.texts if tag == "title")


def test_hostile_models_and_reasons_are_text_in_pages_and_data(plan: Plan, folder: Path) -> None:
    study = study_results(plan, folder)
    frame = study.frame.copy()
    frame["model"] = frame["model"].replace("tiny_cnn", HOSTILE)
    frame["reason"] = frame["reason"].astype(object)
    bad = frame.index[:2]
    frame.loc[bad, "status"] = "diverged"
    frame.loc[bad, "reason"] = HOSTILE
    frame.loc[bad, "test_accuracy"] = None
    summary = study.summary.assign(model=study.summary["model"].replace("tiny_cnn", HOSTILE))
    hostile = replace(study, frame=frame, summary=summary)
    sections = report_sections(hostile, files_of(folder))
    text = html_page(hostile, sections)
    outline = Outline(text)
    assert "<script>alert" not in text
    assert ("td", HOSTILE) in outline.texts
    data = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    models = {row["c0"] for row in json.loads(data[-1])["spec"]["data"]["values"]}
    assert HOSTILE in models
    assert "<script" not in re.sub(r"&#?\w+;", "", markdown_page(hostile, sections))


def test_a_hostile_figure_is_text(plan: Plan, folder: Path) -> None:
    svg = SVG.replace(b"A &lt;figure&gt;", b"&lt;/h3&gt;&lt;img onerror=x&gt;")
    (folder / "figures" / "metric_by_resolution.svg").write_bytes(svg)
    draw_csv = f'model,value\n"{HOSTILE.replace(chr(34), chr(34) * 2)}",1\nb,2\n'
    (folder / "figures" / "metric_by_resolution.csv").write_text(draw_csv)
    text, outline = made(plan, folder)
    assert ("h3", "</h3><img onerror=x>") in outline.texts
    assert "<script>alert" not in text


# --- Figures


def test_a_figure_has_title_caption_picture_and_chart(plan: Plan, folder: Path) -> None:
    text, outline = made(plan, folder)
    assert ("h3", "A <figure>") in outline.texts
    image = next(outline.all("img"))
    assert image["alt"] == 'Dots & "means"'
    assert image["style"] == "min-width: 672px"
    assert base64.b64decode(str(image["src"]).partition(",")[2]) == SVG
    assert "Numbers: figures/metric_by_resolution.csv" in outline.visible
    chart = json.loads(re.findall(r'application/json">(.*?)</script>', text, re.DOTALL)[0])
    assert chart["start"] == {"x": "c1", "y": "c2", "color": "c0"}
    assert chart["spec"]["data"]["values"][1] == {"c0": "a", "c1": 2, "c2": 0.75}


def test_what_is_not_drawn_is_listed_with_its_reason(folder: Path) -> None:
    names = ["metric_by_resolution", "cost"]
    plan = small_plan(report={"figures": names})
    nothing = SVG.replace(b'Dots &amp; "means"', b"No run has a profile.")
    (folder / "figures" / "metric_by_resolution.svg").write_bytes(nothing)
    (folder / "figures" / "metric_by_resolution.csv").write_text("model,value\n")
    text = as_html(study_results(plan, folder), files_of(folder, *names)).decode()
    outline = Outline(text)
    assert not list(outline.all("img"))
    assert ("h3", "Not drawn") in outline.texts
    assert ("dd", "No run has a profile.") in outline.texts
    assert ("dd", "figures/cost.svg does not exist") in outline.texts


def test_a_figure_that_cannot_be_read_does_not_stop_the_report(plan: Plan, folder: Path) -> None:
    (folder / "figures" / "metric_by_resolution.svg").write_text("<svg")
    _, outline = made(plan, folder)
    assert "figures/metric_by_resolution cannot be read" in outline.visible


def test_only_an_empty_cell_of_the_numbers_is_missing(folder: Path) -> None:
    draw(folder, "other", "model,x,value\nNA,1,0.5\nnan,2,\n")
    found = files_of(folder, "other").read("other")
    assert isinstance(found, Drawn)
    assert found.explore
    rows = found.explore.spec["data"]["values"]
    assert [(row["c0"], row["c2"]) for row in rows] == [("NA", 0.5), ("nan", None)]


def test_too_many_numbers_make_no_chart(folder: Path) -> None:
    lines = "\n".join(f"a,{i},{i}" for i in range(5001))
    draw(folder, "many", f"model,x,value\n{lines}\n")
    found = files_of(folder, "many").read("many")
    assert isinstance(found, Drawn)
    assert found.explore is None


# --- Tables


def table_of(count: int) -> Table:
    frame = pd.DataFrame(
        {"model": ["a"] * count, "mean": 1 / 3, "sha": "0" * 64, "more": range(count)}
    )
    return Table("runs", "Runs", "A note.", frame, ("model", "mean", "sha"))


def test_a_table_shows_rounded_numbers_and_keeps_every_digit() -> None:
    view = table_view(table_of(2))
    assert [cell.text for cell in view.rows[0]] == ["a", "0.3333", "000000000000…", "0"]
    assert [cell.value for cell in view.rows[0]] == [None, repr(1 / 3), "0" * 64, None]
    assert [column.extra for column in view.columns] == [False, False, False, True]
    assert view.rest == ""


def test_a_long_table_is_cut_and_says_where_the_rest_is() -> None:
    view = table_view(table_of(MOST_ROWS + 1))
    assert len(view.rows) == MOST_ROWS
    assert [column.name for column in view.columns] == ["model", "mean", "sha"]
    assert view.rest == (
        "This shows the first 500 of 501 rows and the main columns; all are in "
        "aggregated_metrics.csv."
    )


def test_every_run_stands_in_the_page(plan: Plan, folder: Path) -> None:
    text, _ = made(plan, folder)
    table = text.partition('id="tables-runs"')[2].partition("</table>")[0]
    assert table.count("<tr>") == len(plan.runs) + 1


# --- What is not there


def test_a_study_without_records_has_a_report(plan: Plan, tmp_path: Path) -> None:
    _, outline = made(plan, tmp_path)
    assert "No run has a value of Accuracy yet" in outline.visible
    assert "24 runs planned: 0 ok, 0 failed, 24 missing" in outline.visible
    assert "No data record can be read: data/res48/data.json: missing" in outline.visible
    assert "CC BY-NC-SA" in outline.visible
    assert not list(outline.all("details"))
    assert "would be too large" not in outline.visible
    reasons = [text for tag, text in outline.texts if tag == "td" and text == "train.json: missing"]
    assert reasons


def test_failures_are_grouped_by_reason(plan: Plan, folder: Path) -> None:
    for run in plan.runs[:3]:
        write_run(plan, folder, run, status=Status.OOM, reason="out of memory", checkpoint=None)
    _, outline = made(plan, folder)
    assert "24 runs planned: 21 ok, 3 failed, 0 missing" in outline.visible
    cells = [text for tag, text in outline.texts if tag == "td"]
    place = cells.index("out of memory")
    assert cells[place - 1 : place + 3] == ["oom", "out of memory", "3", plan.runs[0].path]


def test_duplicates_across_splits_are_a_warning(plan: Plan, folder: Path) -> None:
    _, outline = made(plan, folder)
    warnings = [found for found in outline.all("p") if found.get("class") == "warning"]
    assert warnings
    assert "1 group of samples of the same content lies in different splits" in outline.visible
    assert "a = b (train and test)" in outline.visible


def test_several_devices_and_uncommitted_changes_are_warnings(plan: Plan, folder: Path) -> None:
    run = plan.runs[0]
    path = folder / "runs" / run.path / "train.json"
    train = read_record(path, Train)
    device = train.origin.hardware.device.model_copy(update={"name": "Other GPU"})
    origin = train.origin.model_copy(
        update={
            "hardware": train.origin.hardware.model_copy(update={"device": device}),
            "software": train.origin.software.model_copy(update={"git_dirty": True}),
        }
    )
    write_record(path, train.model_copy(update={"origin": origin}))
    _, outline = made(plan, folder)
    text = outline.visible
    assert "The runs are of several kinds in “Device”: Other GPU (1) and Some GPU (23)." in text
    assert "1 run ran from code with changes that were not committed" in text


def test_one_seed_and_no_profile_make_a_report(tmp_path: Path) -> None:
    plan = small_plan(
        grid={"resolution": [32], "n_train": [64], "seed": 1}, profiling={"enabled": False}
    )
    for run in plan.runs:
        write_run(plan, tmp_path, run)
    _, outline = made(plan, tmp_path)
    assert "Inference was not profiled." in outline.visible


# --- Sections of a family


def own_section(study: StudyResults) -> Section:
    return Section("own", "Own <section>", (Points((f"of {study.name} & others",)),))


def no_section(study: StudyResults) -> None:
    return None


def same_id(study: StudyResults) -> Section:
    return Section("own", "Again", (Paragraph("text"),))


def with_sections(plan: Plan, **names: str) -> Plan:
    sections = {name: f"{__name__}:{function}" for name, function in names.items()}
    return replace(plan, family=replace(plan.family, sections=sections))


def test_a_family_adds_sections_before_the_tables(plan: Plan, folder: Path) -> None:
    own = with_sections(plan, own="own_section", none="no_section", again="same_id")
    _, outline = made(own, folder)
    sections = [found["id"] for found in outline.all("section")]
    place = sections.index("tables")
    assert sections[place - 2 : place] == ["own", "own-2"]
    assert "of Cells & others" in outline.visible


def test_a_family_may_replace_a_section(plan: Plan) -> None:
    family: Family = with_sections(plan, methods="own_section").family
    assert list(sections_of(family)) == list(SECTIONS)
    assert sections_of(family)["methods"].endswith(":own_section")


# --- Other formats, and the commands


def test_markdown_has_the_same_sections(plan: Plan, folder: Path) -> None:
    text = as_markdown(study_results(plan, folder), files_of(folder)).decode()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "The question", "What was run, and what failed", "What the numbers say",
        "Ranking by several metrics", "How training went", "Outlier runs", "Figures", "Tables",
        "Methods", "Provenance",
    ]  # fmt: skip
    assert "](<figures/metric_by_resolution.svg>)" in text
    assert "> **Note:** At resolution 48, 1 group of samples" in text
    assert text.count("the CSV and XLSX have every digit") == 4


def test_a_pdf_without_weasyprint_says_what_to_install(
    plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(StudygridError, match=r"pip install 'studygrid\[report\]'"):
        run_command(folder, "--format", "pdf")


def test_a_pdf_is_the_same_twice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # Without Pango on the system its import ends in an OSError.
    pytest.importorskip("weasyprint", exc_type=(ImportError, OSError))  # type: ignore[arg-type]
    plan = small_plan(
        models={"tiny_cnn": None}, grid={"resolution": [32], "n_train": [64], "seed": 1},
        profiling={"enabled": False}, report={"figures": ["metric_by_resolution"]},
    )  # fmt: skip
    write_run(plan, tmp_path, plan.runs[0])
    draw(tmp_path, "metric_by_resolution")
    study = study_results(plan, tmp_path)
    content = as_pdf(study, files_of(tmp_path))
    assert content.startswith(b"%PDF-")
    assert "Failed to load" not in caplog.text
    assert as_pdf(study, files_of(tmp_path)) == content


def run_command(*arguments: Any) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args([str(argument) for argument in arguments]))


def test_the_command_writes_each_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind, name in (
        ("html", "report.html"),
        ("md", "report.md"),
        ("txt", "detailed_report.txt"),
    ):
        assert run_command(folder, "--format", kind) == 0
        assert capsys.readouterr().out == f"{folder / name}\n"
        assert (folder / name).stat().st_size > 1000


def test_links_of_markdown_elsewhere_lead_to_the_figures(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "else" / "where.md"
    run_command(folder, "--format", "md", "--output", output)
    link = re.search(r"\]\(<(.*)>\)", output.read_text())
    assert link
    assert (output.parent / link[1]).resolve() == (
        folder / "figures/metric_by_resolution.svg"
    ).resolve()


def test_old_figures_are_said_and_drawn_anew_on_demand(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.utime(folder / "figures" / "metric_by_resolution.svg", (0, 0))
    run_command(folder)
    assert "--draw draws the figures anew" in capsys.readouterr().err
    run_command(folder, "--draw")
    assert capsys.readouterr().err == ""
    assert b"Matplotlib" in (folder / "figures" / "metric_by_resolution.svg").read_bytes()


def test_the_command_says_what_is_no_results_folder(tmp_path: Path) -> None:
    with pytest.raises(StudygridError, match="is no results folder"):
        run_command(tmp_path)


def test_the_job_writes_the_page_of_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"--study": "study.yaml", "--output": "a.html", "--log": "a.log"}
    arguments = [part for name, file in files.items() for part in (name, folder / file)]
    arguments += ["--figures", "metric_by_resolution"]
    assert job.main([str(argument) for argument in arguments]) == 0
    run_command(folder)
    assert (folder / "a.html").read_bytes() == (folder / "report.html").read_bytes()
    assert "wrote" in (folder / "a.log").read_text()
    (folder / "study.yaml").write_text("family: none\n")
    assert job.main([str(argument) for argument in arguments]) == 1
    assert "error: " in capsys.readouterr().err
