"""Tables say the same in every format, hold any name, and are the same bytes each time."""

from __future__ import annotations

import csv
import html
import io
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from studygrid.records import Status
from studygrid.results.frames import frame_rows
from studygrid.results.study_results import StudyResults, study_results
from studygrid.tables import spreadsheet
from studygrid.tables import writing as tables_job
from studygrid.tables.contents import TABLES, Table, study_tables
from studygrid.tables.delimited import write_csv
from studygrid.tables.files import table_files
from studygrid.tables.headings import heading
from studygrid.tables.latex import escape as latex_escape
from studygrid.tables.latex import latex
from studygrid.tables.markdown import escape as markdown_escape
from studygrid.tables.markdown import markdown
from studygrid.tables.page import page_of, significant
from studygrid.tables.spreadsheet import number_format, workbook
from studygrid.tables.writing import write_tables
from tests.unit.made_records import small_plan, write_profiles, write_run

PLAN = small_plan(name="A | <b>study</b> & $more_ =1+1 \\")
HOSTILE = [
    "<script>alert(1)</script>", "a|b", "`code` *bold* _em_ __init__", "[link](http://x.org)",
    "=1+1", "50 % & $5 #1 ^2 ~x {y}", "back\\slash \\| end\\", "two\nlines\r\nthree", 'say "it"',
    "[0.5", "*starred", "&amp; &lt;", "www.example.org", "-0.5", "ünï “quoted”",
]  # fmt: skip
DIVERGED: dict[str, Any] = {
    "status": Status.DIVERGED, "reason": HOSTILE[0], "checkpoint": None,
    "stopped_by": "failure", "best_value": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """Return a study of which one run failed and one is missing."""
    folder = tmp_path_factory.mktemp("results")
    for run in PLAN.runs[1:-1]:
        write_run(PLAN, folder, run, score=0.5 + run.seed / 8)
    write_run(PLAN, folder, PLAN.runs[0], **DIVERGED)
    (folder / "runs" / PLAN.runs[0].path / "training.log").write_text("diverged")
    write_profiles(PLAN, folder)
    (folder / "study.yaml").write_text(yaml.safe_dump(PLAN.resolved(), sort_keys=False))
    return study_results(PLAN, folder)


def table_of(frame: pd.DataFrame, main: tuple[str, ...] | None = None, **changes: Any) -> Table:
    given = {"name": "runs", "title": "A title", "note": "A note."} | changes
    return Table(**given, frame=frame, main=main or tuple(map(str, frame)))


def named(study: StudyResults, name: str) -> Table:
    return next(table for table in study_tables(study) if table.name == name)


# --- Contents


def test_the_tables_are_there_and_their_main_columns_are_columns(study: StudyResults) -> None:
    tables = study_tables(study)
    assert tuple(table.name for table in tables) == TABLES
    for table in tables:
        assert set(table.main) <= set(table.frame)
        assert set(table.headings) == set(table.frame)
        assert table.note
        assert table.note.endswith(".")


def test_the_runs_are_counted_and_every_one_has_a_row(study: StudyResults) -> None:
    runs = named(study, "runs")
    assert "24 planned, 22 ok, 1 failed, 1 missing" in runs.note
    assert len(runs.frame) == 24
    assert runs.main[:6] == ("model", "resolution", "n_train", "seed", "status", "reason")
    assert runs.main[6] == f"test_{study.metric.name}"
    assert runs.headings["profile_b1_median_sec_per_sample"] == (
        "Median latency, batch of 1 (s a sample)"
    )
    assert runs.headings["test_loss"] == "Loss (test, nats)"


def test_failures_are_the_runs_that_did_not_end_well_and_where_to_look(
    study: StudyResults,
) -> None:
    failures = named(study, "failures").frame
    first, last = PLAN.runs[0].path, PLAN.runs[-1].path
    assert failures["status"].tolist() == ["diverged", "missing"]
    assert failures["file"].tolist() == [f"runs/{first}/training.log", f"runs/{last}"]


def test_missing_runs_have_a_column_where_there_are_any(study: StudyResults) -> None:
    good = StudyResults(
        study.plan, study.folder, study.frame, study.summary.assign(missing=0), study.facts
    )
    for name in ("summary", "rankings"):
        assert {"n", "planned", "failed", "missing"} <= set(named(study, name).main)
        assert "missing" not in named(good, name).main


def test_the_ranking_says_where_the_exact_test_is_powerless(study: StudyResults) -> None:
    assert "With 2 shared seeds the exact sign-flip test" in named(study, "rankings").note
    assert "cannot give a p below 0.5:" in named(study, "rankings").note


def test_a_study_without_failures_has_an_empty_table_that_says_so(study: StudyResults) -> None:
    frame = study.frame.assign(status="ok")
    good = StudyResults(study.plan, study.folder, frame, study.summary, study.facts)
    failures = named(good, "failures")
    assert failures.frame.empty
    assert "Every planned run ended well." in failures.note
    assert markdown(failures).count("\n|") == 2
    assert latex(failures).count(r"\\") >= 1


def test_runs_of_several_devices_are_not_compared_in_silence(study: StudyResults) -> None:
    frame = study.frame.copy()
    frame.loc[3, "train_device"] = "Another GPU"
    mixed = StudyResults(study.plan, study.folder, frame, study.summary, study.facts)
    note = named(mixed, "runs").note
    assert "Training was measured on several devices (Another GPU, Some GPU)" in note
    assert "several devices" not in named(study, "runs").note


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("train_peak_host_memory_mb", "Train peak host memory (MB)"),
        ("profile_flops_per_sample", "Profile, FLOPs a sample"),
        ("profile_peak_host_memory_mb", "Profile, peak host memory (MB)"),
        ("profile_b32_throughput_samples_per_sec", "Throughput, batch of 32 (samples/s)"),
        ("profile_b8_iqr_sec_per_batch", "IQR latency, batch of 8 (s a batch)"),
        ("something_new", "Something new"),
    ],
)
def test_headings_are_words_with_units(column: str, words: str) -> None:
    assert heading(column) == words


# --- Rounding


@pytest.mark.parametrize(
    ("mean", "low", "high", "shown"),
    [
        (0.819805, 0.804267, 0.835342, "0.820 [0.804, 0.835]"),
        (0.80975, 0.80191, 0.81756, "0.8097 [0.8019, 0.8176]"),
        (0.5, -0.2, 1.2, "0.50 [-0.20, 1.20]"),
        (12345.6, 12000.0, 12691.2, "12346 [12000, 12691]"),
        (0.123456, np.nan, np.nan, "0.1235"),
        (0.75, 0.75, 0.75, "0.7500"),
        (np.nan, np.nan, np.nan, ""),
    ],
)
def test_a_mean_has_the_decimals_that_its_interval_supports(
    mean: float, low: float, high: float, shown: str
) -> None:
    frame = pd.DataFrame({"mean": [mean], "ci_low": [low], "ci_high": [high]})
    page = page_of(table_of(frame))
    assert page.rows == [(shown,)]
    assert page.headings == ("mean (95 % interval)",)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0002190575, "0.0002191"), (12.5, "12.50"), (9.99999, "10.00"), (0.0, "0"),
     (-0.00051, "-0.0005100"), (331904.0, "331904"), (3.3e9, "3.300e+09"), (2.2e-6, "2.200e-06")],
)  # fmt: skip
def test_what_has_no_interval_has_four_significant_digits(value: float, shown: str) -> None:
    assert significant(value) == shown


@given(st.floats(-1e300, 1e300))
def test_four_digits_are_never_further_off_than_half_of_the_last(value: float) -> None:
    assert float(significant(value)) == pytest.approx(value, rel=5.001e-4, abs=1e-320)


def test_small_p_values_are_not_zero() -> None:
    page = page_of(table_of(pd.DataFrame({"p_holm": [0.0, 0.0004, 0.001, 0.0321, np.nan]})))
    assert [row[0] for row in page.rows] == ["<0.001", "<0.001", "0.001", "0.032", ""]


# --- Markdown


class Cells(HTMLParser):
    """Collects the texts of table cells and all tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self._inside = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside &= tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


def rendered(text: str) -> Cells:
    found = Cells()
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found.feed(renderer.render(text))
    return found


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_markdown_shows_any_text_as_it_is() -> None:
    page = rendered(markdown(table_of(pd.DataFrame({"a": HOSTILE}), title=HOSTILE[0])))
    assert page.cells == ["a", *map(one_line, HOSTILE)]
    assert page.tags == {"h1", "p", "table", "thead", "tbody", "tr", "th", "td"}


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_markdown_changes_no_text(text: str) -> None:
    shown = rendered(f"| x{markdown_escape(text)}x | y |\n| --- | --- |\n")
    assert shown.cells == [one_line(f"x{one_line(text)}x"), "y"]


def test_names_and_intervals_stay_readable_in_the_source_of_markdown() -> None:
    assert markdown_escape("tiny_cnn_v2.1 (ü)") == "tiny_cnn_v2.1 (ü)"
    frame = pd.DataFrame({"mean": [0.6249], "ci_low": [0.3148], "ci_high": [0.935]})
    assert "| 0.62 [0.31, 0.94] |" in markdown(table_of(frame))


def test_the_markdown_of_a_study_has_its_main_columns_and_all_rows(study: StudyResults) -> None:
    for table in study_tables(study):
        page = page_of(table)
        cells = rendered(markdown(table)).cells
        expected = [*page.headings, *(cell for row in page.rows for cell in row)]
        assert cells == [one_line(text) for text in expected]


# --- LaTeX

_TEXT = {
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<",
    "textgreater": ">", "textbar": "|", "textasciigrave": "`", "char": '"',
}  # fmt: skip


def typeset(source: str) -> str:
    """Return the text that LaTeX source sets; fail on any character that is active there."""
    shown = ""
    while source:
        command = re.match(r"\\([A-Za-z]+)(?:34)?(?:\{\})?", source)
        if command:
            shown += _TEXT[command[1]]
            source = source[command.end() :]
        elif source[0] == "\\":
            assert source[1] in "{}$&#%_"
            shown += source[1]
            source = source[2:]
        else:
            assert source[0] not in '$&#%_~^<>|"`'
            shown += "" if source[0] in "{}" else source[0]
            source = source[1:]
    return shown


@given(st.text(st.characters(codec="utf-8")) | st.sampled_from(HOSTILE))
def test_latex_sets_any_text_as_it_is(text: str) -> None:
    assert typeset(latex_escape(text)) == one_line(text)


@pytest.mark.parametrize("text", ["[2em]", "*", "a--b---c", "]", ",,", "'''"])
def test_no_cell_is_taken_for_an_option_or_a_dash(text: str) -> None:
    escaped = latex_escape(text)
    assert not escaped.startswith(("[", "*"))
    assert not re.search(r"--|,,|''", escaped)
    assert typeset(escaped) == text


def test_every_row_of_latex_has_as_many_cells_as_there_are_columns(study: StudyResults) -> None:
    for table in study_tables(study):
        source = latex(table)
        columns = re.search(r"\\begin\{(?:tabular|longtable)\}\{([rl]+)\}", source)
        assert columns
        body = source.split(r"\midrule")[-1].split(r"\end{")[0]
        rows = [line for line in body.splitlines() if line.endswith(r"\\") and line != r"\\"]
        assert len(rows) == len(table.frame)
        for row in rows:
            assert len(re.findall(r"(?<!\\)&", row)) == len(columns[1]) - 1


def test_latex_is_balanced_and_has_caption_and_label(study: StudyResults) -> None:
    for table in study_tables(study):
        source = latex(table)
        begun = re.findall(r"\\begin\{(\w+)\}", source)
        assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+)\}", source))
        bare = re.sub(r"\\[{}]", "", source)
        assert bare.count("{") == bare.count("}")
        assert rf"\label{{tab:{table.name}}}" in source
        assert source.count(r"\caption[") == 1


def test_a_table_longer_than_a_page_is_a_longtable() -> None:
    short, long = (latex(table_of(pd.DataFrame({"a": ["x"] * rows}))) for rows in (40, 41))
    assert r"\begin{tabular}" in short
    assert r"\begin{longtable}" in long
    assert long.count(r"\endhead") == 1


# --- CSV


def test_csv_has_every_digit_and_no_nan(study: StudyResults, tmp_path: Path) -> None:
    table = named(study, "rankings")
    write_csv(tmp_path / "t.csv", frame_rows(table.frame), list(table.frame))
    text = (tmp_path / "t.csv").read_text()
    assert not re.search(r"\b(nan|NaN|None|<NA>)\b", text)
    read_back = pd.read_csv(io.StringIO(text))
    assert list(read_back) == list(table.frame)
    np.testing.assert_array_equal(read_back["mean"], table.frame["mean"])


def test_a_table_without_rows_has_its_header(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", [], ["model", "=status"])
    assert (tmp_path / "t.csv").read_text() == "model,'=status\n"


# --- XLSX


def opened(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content))


def test_a_workbook_has_a_sheet_a_table_with_frozen_header_and_filter(
    study: StudyResults,
) -> None:
    book = opened(workbook(study_tables(study), study.name))
    assert book.sheetnames == ["read me", *TABLES]
    assert book["read me"]["A1"].value == study.name
    for table in study_tables(study):
        sheet = book[table.name]
        assert sheet.freeze_panes[1:] == "2"
        assert sheet.auto_filter.ref == sheet.dimensions
        assert [cell.value for cell in sheet[1]] == [table.headings[name] for name in table.frame]
        assert sheet.max_row == len(table.frame) + 1


def test_numbers_of_a_workbook_have_16_digits_and_a_format_by_kind(study: StudyResults) -> None:
    table = named(study, "rankings")
    sheet = opened(workbook([table], "s"))["rankings"]
    for place, name in enumerate(table.frame, 1):
        for row, value in enumerate(frame_rows(table.frame), 2):
            expected = value[name]
            if name == "n_train" and expected != "all":
                expected = int(expected)
            if isinstance(expected, float):
                expected = pytest.approx(expected, rel=1e-15)
            assert sheet.cell(row, place).value == (None if expected == "" else expected)
    formats = {
        name: sheet.cell(2, place).number_format for place, name in enumerate(table.frame, 1)
    }
    assert formats["rank"] == formats["n"] == formats["resolution"] == "0"
    assert formats["mean"] == "0.0000"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("seed", [0, 1], "0"),
        ("epochs", [3.0, np.nan], "0"),
        ("parameters", [11_000_000], "#,##0"),
        ("test_accuracy", [0.0, 1.0], "0.000"),
        ("train_time_sec", [123.456, 1.5], "0.0"),
        ("profile_b1_median_sec_per_sample", [0.000219], "0.0000000"),
        ("throughput", [34567.8], "#,##0"),
        ("tiny", [2.5e-9], "0.000E+00"),
        ("profile_flops_per_sample", [331904], "0.00E+00"),
        ("p_holm", [0.2], '[<0.001]"<0.001";0.000'),
        ("exact_p_value", [0.2], '[<0.001]"<0.001";0.000'),
        ("model", ["a"], None),
        ("nothing", [np.nan, np.nan], "0"),
    ],
)
def test_the_format_of_a_column(name: str, values: list[Any], expected: str | None) -> None:
    assert number_format(name, pd.Series(values)) == expected


def test_text_is_never_a_formula_or_a_link_in_a_workbook() -> None:
    texts = [*HOSTILE, "http://example.org", "@SUM(A1)", "{=1+1}", "007", "1e5"]
    book = opened(workbook([table_of(pd.DataFrame({"a": texts, "=b": texts}))], "=1+1"))
    cells = [cell for row in book["runs"].iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)
    # XML turns a carriage return before a newline into the newline alone.
    found = [cell.value.replace("_x000D_", "") for cell in cells if cell.column == 1][1:]
    assert found == [text.replace("\r", "") for text in texts]
    assert book["read me"]["A1"].value == "=1+1"


def test_what_has_no_value_is_an_empty_cell_of_a_workbook() -> None:
    values = [np.nan, np.inf, -np.inf, None, 1.5]
    sheet = opened(workbook([table_of(pd.DataFrame({"a": values}))], "s"))["runs"]
    assert [cell.value for cell in sheet["A"]][1:] == [None, None, None, None, 1.5]


def test_text_and_rows_beyond_the_limits_are_cut_and_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spreadsheet, "MOST_ROWS", 3)
    long = "x" * 40_000
    book = opened(workbook([table_of(pd.DataFrame({"a": [long] * 5}))], "s"))
    text = book["runs"]["A2"].value
    assert len(text) == 32_767
    assert text.endswith("(cut: the CSV has all of it)")
    assert book["runs"].max_row == 4
    assert "The sheet has the first 3 of 5 rows." in book["read me"]["B3"].value


def test_the_same_tables_give_the_same_bytes(study: StudyResults, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        write_tables(study, folder)
    for name in table_files():
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert opened((first / "tables.xlsx").read_bytes()).properties.created.year == 2000
    with zipfile.ZipFile(first / "tables.xlsx") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


# --- The job


def test_the_job_writes_the_files_that_the_workflow_expects(
    study: StudyResults, tmp_path: Path
) -> None:
    options = ["--study", str(study.folder / "study.yaml")]
    folder = study.folder / "tables"
    assert tables_job.main([*options, "--log", str(tmp_path / "log")]) == 0
    assert sorted(path.name for path in folder.iterdir()) == sorted(table_files())
    with (folder / "failures.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["diverged", "missing"]


def test_the_job_says_what_is_wrong_with_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--study", str(tmp_path / "study.yaml")]
    assert tables_job.main([*options, "--log", str(tmp_path / "log")]) == 1
    assert "study.yaml does not exist" in capsys.readouterr().err


def test_html_in_notes_is_text(study: StudyResults) -> None:
    assert "<b>" not in markdown(named(study, "runs"))
    assert html.unescape(markdown_escape(study.name)) == study.name


def test_what_rounds_to_zero_has_no_sign() -> None:
    row = {"difference": [-0.0004], "difference_ci_low": [-0.031], "difference_ci_high": [0.030]}
    assert page_of(table_of(pd.DataFrame(row))).rows == [("0.000 [-0.031, 0.030]",)]
