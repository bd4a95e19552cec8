"""The report in a browser without a network: it asks for nothing, and all of it works."""

from __future__ import annotations

import csv
import io
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from studygrid.figures import load_figure
from studygrid.figures.drawing import save
from studygrid.records import Status
from studygrid.report.drawn import DrawnFiles
from studygrid.report.formats import as_html
from studygrid.results.study_results import study_results
from studygrid.tables import delimited
from tests.unit.made_records import data_record, small_plan, write_profiles, write_record, write_run

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the path")

WIDTHS = (1280, 400)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of a small study with a drawn figure and a failed run."""
    folder = tmp_path_factory.mktemp("results")
    plan = small_plan(
        name="A <study>", report={"metric": "accuracy", "figures": ["metric_by_resolution"]}
    )
    for number, run in enumerate(plan.runs):
        write_run(plan, folder, run, score=0.5 + (number * 7 % 24) / 60)
    failed: dict[str, Any] = {"status": Status.OOM, "reason": "=1+1, out of memory"}
    write_run(plan, folder, plan.runs[0], checkpoint=None, **failed)
    write_profiles(plan, folder)
    for resolution in (32, 48):
        write_record(folder / "data" / f"res{resolution}" / "data.json", data_record(plan))
    study = study_results(plan, folder)
    save(
        load_figure(plan.family, "metric_by_resolution")(study),
        folder / "figures" / "metric_by_resolution",
    )
    path = folder / "report.html"
    path.write_bytes(as_html(study, DrawnFiles(folder / "figures", ("metric_by_resolution",))))
    return path


def wait_until(page: Any, expression: str, seconds: float = 60) -> None:
    """Wait for an expression to be true; the page's policy forbids Playwright to poll inside it."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"not true after {seconds} s: {expression}"
        page.wait_for_timeout(50)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Opened:
    """A page that is open, and what it asked for and complained of."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def is_quiet(self) -> bool:
        asked = [url for url in self.requests if not url.startswith("data:")]
        return len(asked) == 1 and asked[0].startswith("file:") and not self.complaints

    def overflow(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.fixture
def opened(browser: Any, page_file: Path) -> Iterator[Callable[..., Opened]]:
    """Return a function that opens the page at a width, offline."""
    contexts = []

    def open_page(width: int = 1280, **options: Any) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, **options
        )
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("console", lambda message: found.complaints.append(message.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.on("dialog", lambda dialog: found.complaints.append(dialog.message))
        found.page.goto(page_file.as_uri())
        return found

    yield open_page
    for context in contexts:
        context.close()


def rows(page: Any, table: str = "#tables-runs") -> list[list[str]]:
    script = """table => [...document.querySelectorAll(`${table} tbody tr`)].filter(r => !r.hidden)
        .map(row => [...row.cells].map(cell => cell.textContent))"""
    found: list[list[str]] = page.evaluate(script, table)
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_it_asks_for_nothing_and_never_scrolls_sideways(
    width: int, opened: Callable[..., Opened]
) -> None:
    found = opened(width)
    assert found.overflow() == 0
    for checkbox in found.page.query_selector_all(".all input"):
        checkbox.check()
    for summary in found.page.query_selector_all(".explore summary"):
        summary.click()
    wait_until(
        found.page,
        "[...document.querySelectorAll('.chart')].every(chart => chart.querySelector('svg'))",
    )
    assert found.overflow() == 0
    assert found.is_quiet(), (found.requests, found.complaints)


def test_a_chart_is_drawn_when_it_is_opened_and_its_axes_can_be_picked(
    opened: Callable[..., Opened],
) -> None:
    found = opened()
    page = found.page
    assert page.evaluate("typeof window.vegaEmbed") == "undefined"
    box = page.locator("#tables .explore")
    box.locator("summary").click()
    box.locator("svg").wait_for()
    marks = ".mark-symbol.role-mark path"
    assert box.locator(marks).count() == 23
    assert "Samples trained on" in box.locator("svg").text_content()
    box.locator(".pickers").get_by_label("Across").select_option(label="Seed")
    box.locator(".pickers").get_by_label("Up").select_option(label="Training time (s)")
    wait_until(
        page,
        "document.querySelector('#tables .chart svg').textContent.includes('Training time (s)')",
    )
    assert box.locator(marks).count() == 24
    box.locator(marks).first.hover(force=True)
    page.locator("#vg-tooltip-element.visible").wait_for()
    assert "Training time (s)12.5" in page.locator("#vg-tooltip-element").text_content()
    assert found.is_quiet(), found.complaints


def test_a_figure_is_seen_with_its_chart_beneath(opened: Callable[..., Opened]) -> None:
    page = opened().page
    assert page.evaluate("document.querySelector('figure img').naturalWidth") > 500
    box = page.locator("figure .explore")
    assert not box.locator(".chart").is_visible()
    box.locator("summary").press("Enter")
    box.locator("svg").wait_for()
    assert "tiny_cnn" in box.locator("svg").text_content()


def test_tables_are_sorted_by_mouse_and_keys(opened: Callable[..., Opened]) -> None:
    page = opened().page
    header = page.locator("#tables-runs th", has_text="Accuracy (test)").first
    column = header.evaluate("th => th.cellIndex")
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    scores = [row[column] for row in rows(page)]
    assert scores[-1] == ""  # the failed run has none
    assert [float(score) for score in scores[:-1]] == sorted(map(float, scores[:-1]))
    header.locator("button").press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    scores = [row[column] for row in rows(page)]
    assert scores[-1] == ""
    assert [float(s) for s in scores[:-1]] == sorted(map(float, scores[:-1]), reverse=True)
    size = page.locator("#tables-runs th", has_text="Training size").first
    size.locator("button").press("Space")
    assert header.get_attribute("aria-sort") is None
    assert [row[2] for row in rows(page)] == ["64"] * 12 + ["all"] * 12


def test_a_filter_leaves_the_rows_with_all_its_words_and_counts_them(
    opened: Callable[..., Opened],
) -> None:
    page = opened().page
    box = page.locator("#tables-runs")
    assert box.locator(".count").text_content() == "24 rows"
    box.get_by_label("Filter").fill("TINY 64")
    assert box.locator(".count").text_content() == "6 of 24 rows"
    assert {(row[0], row[2]) for row in rows(page)} == {("tiny_cnn", "64")}
    box.get_by_label("Filter").fill("")
    assert len(rows(page)) == 24


def test_a_copied_table_has_every_digit_and_no_formula(opened: Callable[..., Opened]) -> None:
    found = opened()
    page = found.page
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', "
        "{value: {writeText: async text => { window.copied = text; }}})"
    )
    page.locator("#tables-runs .copy").click()
    wait_until(page, "window.copied")
    copied = list(csv.DictReader(io.StringIO(page.evaluate("window.copied"))))
    assert len(copied) == 24
    assert copied[1]["test_accuracy"] == repr(0.5 + 7 / 60)
    assert copied[0]["reason"] == "'=1+1, out of memory"
    assert copied[0]["checkpoint_sha256"] == ""
    assert page.locator("#tables-runs .copy").text_content() == "Copied"


def test_a_copy_guards_the_cells_that_our_csv_files_guard(opened: Callable[..., Opened]) -> None:
    page = opened().page
    for start in delimited._FORMULA:
        page.evaluate(
            """text => {
              const cell = document.querySelector('#tables-runs tbody td');
              cell.dataset.v = text;
              Object.defineProperty(navigator, 'clipboard', {configurable: true,
                value: {writeText: async text => { window.copied = text; }}});
            }""",
            f"{start}x",
        )
        page.evaluate("window.copied = null")
        page.locator("#tables-runs .copy").click()
        wait_until(page, "window.copied")
        first = list(csv.reader(io.StringIO(page.evaluate("window.copied"), newline="")))[1][0]
        assert first == f"'{start}x"


def test_all_is_there_without_javascript(opened: Callable[..., Opened]) -> None:
    page = opened(java_script_enabled=False).page
    assert page.locator("h1").text_content() == "A <study>"
    assert page.locator("#tables-runs tbody tr").count() == 24
    assert page.locator("figure img").is_visible()
    assert page.get_by_text("Best by mean accuracy").is_visible()
    assert page.get_by_text("out of memory").first.is_visible()
    assert not page.locator(".copy").first.is_visible()
    assert page.locator("th button").count() == 0
    hidden = page.locator("#tables-runs th.extra").first
    assert not hidden.is_visible()
    page.locator("#tables-runs .all input").check()
    assert hidden.is_visible()


def test_a_reader_with_keys_can_skip_to_the_content(opened: Callable[..., Opened]) -> None:
    page = opened().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


CONTRASTS = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = rgb(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return null;
  };
  const tags = 'p, li, dt, dd, td, th, a, h1, h2, h3, figcaption, summary, button, label';
  return [...document.querySelectorAll(tags)]
    .filter(element => element.textContent.trim() && element.checkVisibility())
    .map(element => {
      const [a, b] = [light(rgb(getComputedStyle(element).color)), light(ground(element))];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str, opened: Callable[..., Opened]) -> None:
    found = opened(color_scheme=scheme)
    ground = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    figure = found.page.evaluate(
        "getComputedStyle(document.querySelector('figure .scroll')).backgroundColor"
    )
    assert figure == "rgb(255, 255, 255)"
    contrasts = found.page.evaluate(CONTRASTS)
    assert len(contrasts) > 200
    assert min(contrasts) >= 4.5
    assert found.is_quiet(), found.complaints


def test_on_paper_controls_are_gone_and_tables_whole(opened: Callable[..., Opened]) -> None:
    page = opened().page
    page.emulate_media(media="print")
    assert not page.locator("#tables-runs .copy").is_visible()
    assert not page.locator("#tables .explore").is_visible()
    assert page.evaluate(
        "[...document.querySelectorAll('.table .scroll')]"
        ".every(box => box.scrollHeight <= box.clientHeight + 1)"
    )
