"""A manifest names what a report was made from; the same content has the same id and bytes."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from studygrid import manifest as job
from studygrid.backlinks import POINTER, add_backlinks, append_line, read_pointers
from studygrid.errors import RecordError
from studygrid.grid import run_of_path
from studygrid.manifest import manifest, write_manifest
from studygrid.records import Software, Status, write_record
from studygrid.results.study_results import StudyResults, study_results
from tests.unit.made_records import (
    ORIGIN,
    data_record,
    small_plan,
    train_record,
    write_profiles,
    write_run,
)

PLAN = small_plan(name="yes: <b>&amp; 'study'\x07 #1", grid={"resolution": [48, 32], "seed": 2})
FAILED, MISSING = PLAN.runs[0], PLAN.runs[-1]
DIVERGED: dict[str, Any] = {
    "status": Status.DIVERGED, "reason": "the loss was NaN: {epoch 2}", "checkpoint": None,
    "stopped_by": "failure", "best_value": None,
}  # fmt: skip


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return the results of a study of which one run failed and one is missing."""
    folder = tmp_path / "results"
    for run in PLAN.runs[1:-1]:
        write_run(PLAN, folder, run)
    write_run(PLAN, folder, FAILED, **DIVERGED)
    write_profiles(PLAN, folder)
    write_record(folder / "data" / "res32" / "data.json", data_record(PLAN))
    (folder / "figures").mkdir()
    (folder / "figures" / "spread.csv").write_text("a,b\n1,2\n")
    (folder / "report.html").write_text("<html>")
    (folder / "study.yaml").write_text(yaml.safe_dump(PLAN.resolved(), sort_keys=False))
    return folder


def made(results: Path, report: bool = True) -> dict[str, Any]:
    study = study_results(PLAN, results)
    return manifest(study, ["spread", "absent"], results / "report.html" if report else None)


def run_of(content: dict[str, Any], path: str) -> dict[str, Any]:
    run = run_of_path(path)
    return next(
        found
        for found in content["runs"]
        if all(found[axis] == value for axis, value in vars(run).items())
    )


def test_every_planned_run_is_named_with_what_became_of_it(results: Path) -> None:
    content = made(results)
    assert len(content["runs"]) == len(PLAN.runs)
    assert content["counts"] == {"diverged": 1, "missing": 1, "ok": len(PLAN.runs) - 2}
    failed, missing = run_of(content, FAILED.path), run_of(content, MISSING.path)
    assert (failed["status"], failed["reason"]) == ("diverged", "the loss was NaN: {epoch 2}")
    assert failed["checkpoint"] is None
    assert missing["status"] == "missing"
    assert "train.json: missing" in missing["reason"]
    assert "checkpoint" not in missing


def test_a_run_names_its_config_checkpoint_data_and_seeds(results: Path) -> None:
    run = PLAN.runs[1]
    found = run_of(made(results), run.path)
    spec = PLAN.train_spec(run).to_json()
    assert found["config_sha256"] == hashlib.sha256(spec.encode()).hexdigest()
    assert found["checkpoint"] == {
        "file": f"runs/{run.path}/best_model.pth",
        "sha256": f"of {run.path}",
        "epoch": 3,
    }
    assert found["data_sha256"] == "d"
    assert found["subset_sha256"] == "s"
    assert found["streams"]["seed"] == run.seed
    assert found["code"] == "0123456789abcdef"


def test_data_figures_and_files_carry_their_hashes(results: Path) -> None:
    content = made(results)
    at_48, at_32 = content["data"]
    assert at_32["sha256"] == "d"
    assert at_32["splits"] == {"test": 2, "train": 2}
    assert at_32["licence"] == "free"
    assert (at_48["record"], at_48["sha256"], at_48["splits"]) == (None, "d", None)
    assert at_48["licence"] == PLAN.dataset.licence
    assert content["figures"] == [
        {
            "name": "spread",
            "file": "figures/spread.csv",
            "sha256": hashlib.sha256(b"a,b\n1,2\n").hexdigest(),
        },
        {"name": "absent", "file": "figures/absent.csv", "sha256": None},
    ]
    assert content["report"] == {
        "file": "report.html",
        "sha256": hashlib.sha256(b"<html>").hexdigest(),
    }
    files = [table["file"] for table in content["tables"]]
    assert files[:2] == ["aggregated_metrics.csv", "summary_statistics.csv"]
    assert "tables/rankings.csv" in files
    assert {profile["sha256"] is None for profile in content["profiles"]} == {False}


def test_runs_of_different_commits_are_counted_apart(results: Path) -> None:
    software = Software.model_validate(ORIGIN.software.model_dump() | {"git_dirty": True})
    changed = ORIGIN.model_copy(update={"software": software})
    write_run(PLAN, results, PLAN.runs[1], origin=changed)
    found = [(part["git_commit"], part["git_dirty"], part["runs"]) for part in
             made(results)["trained_with"]]  # fmt: skip
    assert found == [("abc", False, len(PLAN.runs) - 2), ("abc", True, 1)]


def test_the_same_content_has_the_same_id_and_bytes(results: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_manifest(tmp_path / name, made(results))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_time_of_a_manifest_is_that_of_the_newest_record(results: Path) -> None:
    assert made(results)["newest_run_finished_at"] == ORIGIN.finished_at


def test_the_id_changes_with_what_the_report_shows_and_not_with_its_page(results: Path) -> None:
    first = made(results)["report_id"]
    assert made(results, report=False)["report_id"] == first
    (results / "report.html").write_text("<html>another page")
    assert made(results)["report_id"] == first
    (results / "figures" / "spread.csv").write_text("a,b\n1,3\n")
    second = made(results)["report_id"]
    write_run(PLAN, results, PLAN.runs[1], score=0.75, **DIVERGED)
    third = made(results)["report_id"]
    assert len({first, second, third}) == 3


def test_a_manifest_reads_back_as_it_was_whatever_the_names(results: Path) -> None:
    content = made(results)
    content["runs"][0]["reason"] = "- a: [b] *c &d !e |f >g '\"%@`\n\u2028ü ~ null"
    before = copy.deepcopy(content)
    write_manifest(results / "manifest.yaml", content)
    text = (results / "manifest.yaml").read_text("utf-8")
    assert yaml.safe_load(text) == before
    assert list(yaml.safe_load(text)) == list(before)
    assert "&id" not in text


def test_a_report_that_is_not_there_is_refused(results: Path) -> None:
    (results / "report.html").unlink()
    with pytest.raises(RecordError, match=r"report\.html does not exist: make the report before"):
        made(results)


def test_a_study_without_a_result_has_a_manifest(tmp_path: Path) -> None:
    content = manifest(study_results(PLAN, tmp_path), [])
    assert content["counts"] == {"missing": len(PLAN.runs)}
    assert content["newest_run_finished_at"] is None
    assert content["trained_with"] == []


# --- Backlinks


def link(results: Path, report_id: str = "abc") -> tuple[StudyResults, tuple[int, list[str]]]:
    study = study_results(PLAN, results)
    return study, add_backlinks(study, results / "manifest.yaml", report_id)


def test_each_run_of_a_report_points_to_it_once(results: Path) -> None:
    study, (linked, refused) = link(results)
    assert (linked, refused) == (len(PLAN.runs) - 1, [])
    link(results)
    folder = results / "runs" / FAILED.path
    assert (folder / POINTER).read_text() == "abc ../../../../../manifest.yaml\n"
    assert not (results / "runs" / MISSING.path / POINTER).exists()
    assert read_pointers(folder) == [("abc", (results / "manifest.yaml").resolve())]
    assert read_pointers(results / "runs" / MISSING.path) == []
    assert len(study.facts) == linked


def test_a_later_report_is_added_below(results: Path) -> None:
    link(results)
    link(results, "def")
    pointers = read_pointers(results / "runs" / FAILED.path)
    assert [report_id for report_id, _ in pointers] == ["abc", "def"]


def test_a_line_that_a_crash_has_cut_does_not_swallow_the_next(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("abc ../mani")
    append_line(tmp_path / "p", "def ../manifest.yaml")
    append_line(tmp_path / "p", "def ../manifest.yaml")
    assert (tmp_path / "p").read_text() == "abc ../mani\ndef ../manifest.yaml\n"


def test_a_folder_that_cannot_be_written_to_is_named_and_stops_nothing(results: Path) -> None:
    (results / "runs" / FAILED.path / POINTER).mkdir()
    _, (linked, refused) = link(results)
    assert linked == len(PLAN.runs) - 2
    assert len(refused) == 1
    assert refused[0].startswith(f"{results / 'runs' / FAILED.path / POINTER}: ")


# --- The job


def test_the_job_writes_manifest_and_backlinks_and_says_so(results: Path) -> None:
    log = results / "logs" / "manifest.log"
    arguments = ["--study", str(results / "study.yaml"), "--figures", "spread",
                 "--report", str(results / "report.html"), "--log", str(log),
                 "--output", str(results / "manifest.yaml")]  # fmt: skip
    assert job.main(arguments) == 0
    content = yaml.safe_load((results / "manifest.yaml").read_text("utf-8"))
    assert content["study"] == PLAN.study.name
    assert f"report {content['report_id']}: {len(PLAN.runs) - 1} runs point to it" in (
        log.read_text()
    )
    assert (results / "runs" / FAILED.path / POINTER).read_text().startswith(content["report_id"])


def test_a_train_record_that_changes_meanwhile_is_named(results: Path) -> None:
    study = study_results(PLAN, results)
    (results / "runs" / FAILED.path / "train.json").write_text("{")
    with pytest.raises(RecordError, match="changed while the manifest was made"):
        manifest(study, [])


def test_specs_of_the_plan_are_those_of_the_records(results: Path) -> None:
    run = PLAN.runs[1]
    study = study_results(PLAN, results)
    assert study.facts[run].spec == train_record(PLAN, run).spec.to_json()
