"""`studygrid aggregate`: every option of the guide, at any moment of a study."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from studygrid.cli import main
from studygrid.interchange.freshness import moment_in
from studygrid.tables import job as tables
from tests.unit.resomap_studies import (
    contents,
    finished,
    plan_of,
    strict_json,
    write_failure,
    write_scores,
    write_study,
)

ROOT = Path(__file__).resolve().parents[2]
CSV = {"aggregated_metrics.csv", "all_results.csv", "summary_statistics.csv"}
REST = {"results_summary.json", "detailed_report.txt"}
CELLS = {
    f"test_results/{model}_{side}.json" for model in ("simple_cnn", "tiny_cnn") for side in (32, 48)
}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder ``results`` of the present folder, with a finished study in it."""
    monkeypatch.chdir(tmp_path)
    folder = Path("results")
    finished(folder)
    return folder


def records(folder: Path) -> dict[str, bytes]:
    kept = ("runs/", "profiles/", "study.yaml")
    return {name: found for name, found in contents(folder).items() if name.startswith(kept)}


def made(folder: Path) -> set[str]:
    """Return the files of a results folder that are no records."""
    return contents(folder).keys() - records(folder).keys() - {".runs_read.json"}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- What is written


def test_all_outputs_are_written_and_no_record_is_touched(results: Path) -> None:
    before = records(results)
    assert main(["aggregate"]) == 0
    assert made(results) == CSV | REST | CELLS
    assert records(results) == before


@pytest.mark.parametrize(
    ("option", "files"),
    [
        ("--csv-only", CSV),
        ("--summary-only", {"results_summary.json"}),
        ("--report-only", {"detailed_report.txt"}),
    ],
)
def test_one_kind_alone_is_written(option: str, files: set[str], results: Path) -> None:
    assert main(["aggregate", option]) == 0
    assert made(results) == files


def test_only_one_kind_may_be_asked_for_alone(results: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["aggregate", "--csv-only", "--report-only"])
    assert made(results) == set()


def test_the_tables_are_those_of_the_workflow_to_the_byte(results: Path, tmp_path: Path) -> None:
    assert main(["aggregate", "--csv-only", "--no-console"]) == 0
    names = {"--runs": "aggregated_metrics.csv", "--summary": "summary_statistics.csv"}
    arguments = [part for key, name in names.items() for part in (key, str(tmp_path / name))]
    study = str(results / "study.yaml")
    assert tables.main(["--study", study, *arguments, "--log", str(tmp_path / "log")]) == 0
    for name in names.values():
        assert (results / name).read_bytes() == (tmp_path / name).read_bytes()


def test_other_names_are_taken_as_given(results: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "mine.json"
    assert main(["aggregate", "--csv", "mine.csv", "--summary", str(elsewhere)]) == 0
    assert len(rows(results / "mine.csv")) == 4
    assert strict_json(elsewhere)["total_experiments"] == 4
    left_out = {"all_results.csv", "results_summary.json"}
    assert made(results) == (CSV | REST | CELLS | {"mine.csv"}) - left_out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--csv", "aggregated_metrics.csv"], "is kept for the whole study"),
        (["--csv", "results/summary_statistics.csv"], "is kept for the whole study"),
        (["--csv", "results/./aggregated_metrics.csv"], "is kept for the whole study"),
        (["--csv", "study.yaml"], r"should end in \.csv"),
        (["--summary", "mine.csv"], r"should end in \.json"),
        (["--summary", ".runs_read.json"], "is kept for the whole study"),
        (["--summary", "results/profiles/tiny_cnn/res32.json"], "profiles/ is kept by the study"),
        (["--summary", "results/figures/../runs/a.json"], "runs/ is kept by the study"),
        (["--csv", "folder.csv"], "is a folder"),
        (["--csv", "a.csv", "--summary-only"], "--csv names a file that --summary-only does not"),
        (["--summary", "a.json", "--csv-only"], "--summary names a file that --csv-only does not"),
        (["results", "--results", "other"], "two results folders are given"),
        (["--select", "seed=0", "--csv", "all_results.csv"], "is kept for the whole study"),
        (["--select", "model"], "should be axis=value"),
        (["--select", "model=tiny_cn"], "did you mean 'tiny_cnn'"),
        (["--select", "colour=red"], "is no axis"),
    ],
)
def test_what_would_do_harm_is_refused_before_anything_is_written(
    arguments: list[str], reason: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "folder.csv").mkdir()
    before = contents(results)
    assert main(["aggregate", *arguments]) == 1
    assert re.search(reason, capsys.readouterr().err)
    after = contents(results)
    after.pop(".runs_read.json", None)
    assert after == before


def test_the_folder_may_be_anywhere_and_named_in_two_ways(results: Path, tmp_path: Path) -> None:
    moved = results.rename(tmp_path / "copied elsewhere")
    assert main(["aggregate", str(moved)]) == 0
    first = {name: contents(moved)[name] for name in CSV | REST | CELLS}
    for name in first:
        (moved / name).unlink()
    assert main(["aggregate", "--results", str(moved)]) == 0
    assert {name: contents(moved)[name] for name in CSV | REST | CELLS} == first


# --- At any moment


def test_a_part_of_the_grid_is_aggregated_and_what_came_since_is_added(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of()
    write_study(plan, tmp_path)
    write_scores(plan, tmp_path, plan.runs[0], accuracy=0.75)
    assert main(["aggregate", str(tmp_path)]) == 0
    assert "8 runs: 1 ok, 0 failed, 7 missing" in capsys.readouterr().out
    assert made(tmp_path) == CSV | REST | {"test_results/simple_cnn_32.json"}
    for run in plan.runs[1:]:
        write_scores(plan, tmp_path, run, accuracy=0.875)
    assert main(["aggregate", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "8 runs: 8 ok, 0 failed, 0 missing" in output
    assert "0.8125" in output
    assert made(tmp_path) == CSV | REST | CELLS


def test_what_is_printed_comes_from_the_records_and_not_from_the_tables(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["aggregate", "--csv", "mine.csv"]) == 0
    plan = plan_of()
    write_scores(plan, results, plan.runs[0], accuracy=0.9876)
    write_scores(plan, results, plan.runs[1], accuracy=0.9876)
    capsys.readouterr()
    assert main(["aggregate", "--report-only"]) == 0
    assert "0.9876 ± 0.0000" in capsys.readouterr().out


def test_failures_and_corrupt_records_are_counted_with_the_first_reasons(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of()
    (results / "runs" / plan.runs[0].path / "evaluate.json").write_text("{")
    for run in plan.runs[2:8:2]:
        write_failure(plan, results, run, reason=f"the loss was NaN, {run.path}")
    for run in plan.runs[3:8:2]:
        (results / "runs" / run.path / "train.json").unlink()
    assert main(["aggregate"]) == 0
    output = capsys.readouterr().out
    assert "8 runs: 1 ok, 3 failed, 4 missing" in output
    lines = output.splitlines()
    start = lines.index("8 runs: 1 ok, 3 failed, 4 missing") + 1
    assert lines[start].startswith("  simple_cnn res48 nall seed 0: diverged: the loss was NaN")
    assert lines[start + 5] == "  and 2 more of such lines in the report"
    assert len(rows(results / "all_results.csv")) == 4
    assert [row["status"] for row in rows(results / "aggregated_metrics.csv")].count("ok") == 1


def test_a_study_of_failures_alone_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of()
    write_study(plan, tmp_path)
    for run in plan.runs:
        write_failure(plan, tmp_path, run)
    assert main(["aggregate", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "8 runs: 0 ok, 8 failed, 0 missing" in output
    assert "No run has a value of Accuracy yet." in output
    assert made(tmp_path) == CSV | REST | CELLS


@pytest.mark.parametrize("there", ["nothing", "an empty folder", "a study that has not run"])
def test_where_there_is_no_run_it_says_where_it_looked_and_writes_nothing(
    there: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "results"
    if there != "nothing":
        folder.mkdir()
    if there == "a study that has not run":
        write_study(plan_of(), folder)
    assert main(["aggregate", str(folder)]) == 1
    message = capsys.readouterr().err
    assert f"No valid runs found in {folder}" in message
    if there == "an empty folder":
        assert "has no study.yaml" in message
    if there == "a study that has not run":
        assert "train.json: missing" in message
    assert not folder.exists() or made(folder) == set()


def test_without_study_yaml_the_csv_files_are_made_and_the_rest_is_said_to_lack(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["aggregate", "--csv-only"]) == 0
    whole = rows(results / "all_results.csv")
    for name in made(results):
        (results / name).unlink()
    (results / "study.yaml").unlink()
    assert main(["aggregate", "--csv-only"]) == 0
    assert "8 runs: 8 ok" in capsys.readouterr().out
    assert made(results) == {"all_results.csv", "aggregated_metrics.csv"}
    again = rows(results / "all_results.csv")
    order = ["model", "resolution"]
    assert sorted(again, key=lambda row: [row[key] for key in order]) == sorted(
        whole, key=lambda row: [row[key] for key in order]
    )
    assert main(["aggregate"]) == 1
    assert "wrote the CSV files alone" in (error := capsys.readouterr().err)
    assert "study.yaml does not exist" in error
    assert main(["aggregate", "--summary-only"]) == 1
    assert "A summary needs it" in capsys.readouterr().err
    assert made(results) == {"all_results.csv", "aggregated_metrics.csv"}


def test_a_study_yaml_that_cannot_be_used_is_told_of_and_the_csv_made(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "study.yaml").write_text("family: no_such_family\n")
    assert main(["aggregate", "--no-console"]) == 1
    assert "no_such_family" in capsys.readouterr().err
    assert len(rows(results / "all_results.csv")) == 4


def test_a_folder_that_cannot_be_written_to_is_an_error_that_names_it(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read_only(*_: Any, **__: Any) -> Any:
        raise OSError(30, "Read-only file system", "results/.some.part")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", read_only)
    assert main(["aggregate"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("error: results: cannot be written to (Read-only file system)")
    assert made(results) == set()


def test_a_file_in_the_way_of_the_folder_of_results_is_an_error(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "test_results").write_text("in the way")
    assert main(["aggregate"]) == 1
    assert capsys.readouterr().err.startswith("error: results/test_results")


def test_where_a_file_of_another_program_is_in_the_way_nothing_is_written(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = results / "test_results" / "tiny_cnn_32.json"
    foreign.parent.mkdir()
    foreign.write_text("{}")
    assert main(["aggregate"]) == 1
    assert "tiny_cnn_32.json: is a file of another program" in capsys.readouterr().err
    assert made(results) == {"test_results/tiny_cnn_32.json"}


# --- Not newer than they are


def test_a_record_that_comes_while_it_reads_is_newer_than_the_tables(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import studygrid.interchange.gathering as gathering

    plan = plan_of()
    late = results / "runs" / plan.runs[0].path / "evaluate.json"
    read = gathering.planned_runs

    def read_and_finish_another(*arguments: Any) -> Any:
        found = read(*arguments)
        write_scores(plan, results, plan.runs[0], accuracy=0.9)
        return found

    monkeypatch.setattr(gathering, "planned_runs", read_and_finish_another)
    assert main(["aggregate"]) == 0
    for name in CSV | REST | CELLS:
        assert (results / name).stat().st_mtime < late.stat().st_mtime, name


def test_the_tables_are_newer_than_the_records_they_are_made_of(results: Path) -> None:
    for name in records(results):
        os.utime(results / name, (1e9, 1e9))
    assert main(["aggregate"]) == 0
    for name in CSV | REST | CELLS:
        assert (results / name).stat().st_mtime > 1e9


def test_the_moment_is_that_of_the_disk_and_leaves_nothing(tmp_path: Path) -> None:
    moment = moment_in(tmp_path)
    (tmp_path / "later").write_text("")
    assert moment < (tmp_path / "later").stat().st_mtime_ns
    assert [path.name for path in tmp_path.iterdir()] == ["later"]


# --- A part


def test_a_selection_is_written_apart_and_said_so_and_the_whole_stays_whole(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["aggregate", "--no-console"]) == 0
    whole = contents(results)
    arguments = ["--select", "model=tiny_cnn", "seed=1"]
    assert main(["aggregate", *arguments]) == 0
    output = capsys.readouterr().out
    assert "Restricted to model=tiny_cnn seed=1" in output
    assert "2 runs: 2 ok, 0 failed, 0 missing" in output
    assert "simple_cnn" not in output
    part = results / "selected" / "model=tiny_cnn_seed=1"
    assert made(part) == CSV | REST | {f"test_results/tiny_cnn_{side}.json" for side in (32, 48)}
    assert [row["seeds"] for row in rows(part / "all_results.csv")] == ["1", "1"]
    found = strict_json(part / "results_summary.json")
    assert found["generated_from"]["selection"] == {"model": ["tiny_cnn"], "seed": ["1"]}
    assert "Restricted to model=tiny_cnn seed=1." in (part / "detailed_report.txt").read_text()
    assert {name: contents(results)[name] for name in whole} == whole


def test_a_selection_keeps_the_names_of_the_whole_study(tmp_path: Path) -> None:
    finished(tmp_path, plan_of(grid={"n_train": [64, "all"]}))
    assert main(["aggregate", str(tmp_path), "--no-console", "--select", "n_train=64"]) == 0
    folder = tmp_path / "selected" / "n_train=64" / "test_results"
    assert {path.name for path in folder.iterdir()} >= {"tiny_cnn_32_n64.json"}


def test_a_selection_may_go_to_a_file_with_a_name(results: Path) -> None:
    assert main(["aggregate", "--csv-only", "--csv", "tiny.csv", "--select", "model=tiny_cnn"]) == 0
    assert {row["model"] for row in rows(results / "tiny.csv")} == {"tiny_cnn"}


def test_a_selection_of_very_many_values_has_a_folder_name_that_a_disk_takes(
    tmp_path: Path,
) -> None:
    finished(tmp_path, plan_of(grid={"resolution": [32], "seed": 100}))
    seeds = "seed=" + ",".join(map(str, range(99)))
    assert main(["aggregate", str(tmp_path), "--no-console", "--select", seeds]) == 0
    (folder,) = (tmp_path / "selected").iterdir()
    assert len(folder.name) < 200


# --- The console


def test_the_console_has_the_top_five_and_the_best_by_model_and_resolution(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(tmp_path, plan_of(grid={"resolution": [32, 48, 64], "seed": 1}))
    assert main(["aggregate", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "\x1b" not in output
    parts = re.split(r"\n\n", output)
    tables = {part.splitlines()[0]: part.splitlines()[2:] for part in parts[1:4]}
    assert list(tables) == ["Top 5 results", "Best by model", "Best by resolution"]
    cells = {title: [line.split()[:3] for line in lines] for title, lines in tables.items()}
    assert cells["Top 5 results"] == [
        ["tiny_cnn", "64px", "0.5500"],
        ["tiny_cnn", "48px", "0.5400"],
        ["tiny_cnn", "32px", "0.5300"],
        ["simple_cnn", "64px", "0.5200"],
        ["simple_cnn", "48px", "0.5100"],
    ]
    assert cells["Best by model"] == [
        ["simple_cnn", "64px", "0.5200"],
        ["tiny_cnn", "64px", "0.5500"],
    ]
    assert cells["Best by resolution"][:3] == [
        ["tiny_cnn", "32px", "0.5300"],
        ["tiny_cnn", "48px", "0.5400"],
        ["tiny_cnn", "64px", "0.5500"],
    ]
    assert "One run a cell" in output
    assert f"wrote {tmp_path / 'all_results.csv'}" in output


def test_without_the_console_nothing_is_printed(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["aggregate", "--no-console"]) == 0
    assert capsys.readouterr() == ("", "")
    assert made(results) == CSV | REST | CELLS


def test_a_name_with_markup_or_escapes_is_printed_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished(tmp_path, plan_of(name="[red]a[/red] :smile: \x1b[31mb"))
    assert main(["aggregate", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "[red]a[/red] :smile:  [31mb"


def test_a_file_of_another_program_is_left_alone_and_said_so(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = results / "test_results" / "vgg11_224.json"
    foreign.parent.mkdir()
    foreign.write_text("{}")
    assert main(["aggregate", "--no-console"]) == 0
    assert capsys.readouterr().err == (
        "results/test_results/vgg11_224.json: left alone; it is of no cell of this study\n"
    )
    assert foreign.read_text() == "{}"


def test_the_script_of_the_guide_is_the_same_command(results: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    script = str(ROOT / "scripts" / "aggregate_results.py")
    done = subprocess.run(
        [sys.executable, script, "--csv", "my_results.csv", "--summary", "my_summary.json"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Top 5 results" in done.stdout
    assert {"my_results.csv", "my_summary.json"} < made(results)
