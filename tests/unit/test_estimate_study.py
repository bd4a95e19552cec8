"""The estimate of a study: what is to do, from which records, how earlier ones held, the disk."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studygrid.errors import StudygridError
from studygrid.estimate import disk, estimating
from studygrid.estimate.document import document
from studygrid.estimate.estimating import choose
from studygrid.estimate.history import FILE, read_earlier
from studygrid.estimate.measured import Measured, read_measured
from studygrid.estimate.pilots import Pilot, Pilots, Preparation, keep_pilots, read_pilots
from studygrid.estimate.screen import notes, ranged, size
from studygrid.estimate.sums import Range
from studygrid.estimate.todo import OTHER_CODE, OTHER_SETTINGS, to_do
from studygrid.execution.devices import Gpu
from studygrid.records import Status
from tests.unit.made_estimates import Study, shown


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


@pytest.fixture
def finished(study: Study) -> Study:
    for at, run in enumerate(study.plan.runs):
        study.train(run, at=100.0 * at)
    study.profile()
    return study


def test_of_a_finished_study_only_the_data_is_to_do(finished: Study) -> None:
    found = finished.estimate()
    assert found.jobs.jobs == {"prepare": 2, "train": 0, "evaluate": 0, "profile": 0}
    assert found.computing.mid == 0
    assert found.wall.mid == 0
    assert not found.cells


def test_what_is_missing_of_other_settings_or_of_other_code_is_to_do(finished: Study) -> None:
    runs = finished.plan.runs
    (finished.results / "runs" / runs[0].path / "train.json").unlink()
    (finished.results / "runs" / runs[1].path / "evaluate.json").unlink()
    finished.train(runs[2], code="of another day")
    path = finished.results / "runs" / runs[3].path / "train.json"
    path.write_text(path.read_text().replace('"learning_rate": 0.001', '"learning_rate": 0.002'))
    failed = {"checkpoint": None, "stopped_by": "failure", "reason": "nan"}
    finished.train(runs[4], status=Status.DIVERGED, **failed)
    jobs = to_do(finished.plan, finished.results, read_measured(finished.results))
    assert jobs.train == [runs[0], runs[2], runs[3]]
    assert jobs.evaluate == runs[:4]
    assert jobs.again == Counter({OTHER_CODE: 1, OTHER_SETTINGS: 1})
    assert jobs.failed == 1


def test_a_torn_record_counts_as_missing_and_is_named(finished: Study) -> None:
    run = finished.plan.runs[0]
    path = finished.results / "runs" / run.path / "train.json"
    path.write_bytes(path.read_bytes()[:500])
    found = finished.estimate()
    assert found.jobs.train == [run]
    assert found.measured_runs == len(finished.plan.runs) - 1
    (note,) = [note for note in notes(found) if "cannot be used" in note]
    assert str(path) in note


def test_a_deleted_profile_is_to_do_again(finished: Study) -> None:
    (finished.results / "profiles/tiny_cnn/res32.json").unlink()
    found = finished.estimate()
    assert found.jobs.profile == [("tiny_cnn", 32)]
    assert found.by_rule["profile"] is not None
    assert found.by_rule["profile"].mid == pytest.approx(5, rel=0.1)


def test_a_part_of_a_study_tells_of_the_rest(study: Study) -> None:
    for at, run in enumerate(study.plan.runs):
        if run.seed == 0 and run.n_train == 64:
            study.train(run, seconds=10.0, at=100.0 * at)
    found = study.estimate()
    # Measured: 100 steps in 9 s, 10 validations in 1 s. Of 20 epochs, each has 2 or 49 steps.
    small, large = (found.cells[f"tiny_cnn/res32/n{size}"].mid for size in ("64", "all"))
    assert small == pytest.approx(20 * (2 * 0.09 + 0.1))
    assert large == pytest.approx(20 * (49 * 0.09 + 0.1))
    assert found.unknown == 0
    assert found.wall.mid < found.computing.mid < 2.5 * found.wall.mid
    assert found.computing.low < found.computing.mid < found.computing.high
    assert "from 4 finished runs on Some GPU (here), at most 1 job at once" in shown(found)


def test_a_model_without_a_finished_run_is_refused_in_words(study: Study) -> None:
    for run in study.plan.runs:
        if run.model == "tiny_cnn":
            study.train(run)
    found = study.estimate()
    assert found.unknown == 12
    text = shown(found)
    assert "no time is known of 12 runs, and none is counted: simple_cnn at" in text
    assert "without 12 runs" in text


def test_with_nothing_measured_nothing_is_estimated(study: Study) -> None:
    found = study.estimate()
    assert (found.device, found.unknown) == (None, len(study.plan.runs))
    assert "from nothing" in shown(found)
    assert "wall clock" not in shown(found)
    json.dumps(document(found, 0.0), allow_nan=False)


def test_failed_runs_tell_no_times(study: Study) -> None:
    for run in study.plan.runs[:3]:
        study.train(run, status=Status.OOM, reason="too large", checkpoint=None)
    found = study.estimate()
    assert (found.device, found.measured_runs) == (None, 0)
    assert found.jobs.failed == 3
    assert len(found.jobs.train) == len(study.plan.runs) - 3


def test_times_of_two_devices_are_never_pooled(study: Study) -> None:
    runs = [run for run in study.plan.runs if run.model == "tiny_cnn" and run.seed < 2]
    for at, run in enumerate(runs):
        fast = run.seed == 0
        device = "Fast GPU" if fast else "Slow GPU"
        study.train(run, seconds=1.0 if fast else 100.0, device=device, at=float(at))
    study.train(runs[0], seconds=1.0, device="Fast GPU", at=1000.0)
    cell = "tiny_cnn/res32/n64"
    latest, slow = study.estimate(), study.estimate(device="slow")
    assert (latest.device, latest.others) == ("Fast GPU", ["Slow GPU"])
    assert slow.cells[cell].mid == pytest.approx(100 * latest.cells[cell].mid)
    assert any("not used: what was measured on Slow GPU" in note for note in notes(latest))


def test_a_device_that_nothing_was_measured_on_is_refused_with_those_there_are(
    finished: Study,
) -> None:
    with pytest.raises(StudygridError, match=r"nothing was measured .* \(there are: Some GPU\)"):
        finished.estimate(device="H100")
    with pytest.raises(StudygridError, match="there are: none at all"):
        choose("H100", Measured(), Pilots())


def test_an_unprepared_study_says_that_preparing_is_not_counted(finished: Study) -> None:
    (finished.results / "runs" / finished.plan.runs[0].path / "train.json").unlink()
    assert any("preparing the data is not counted" in note for note in notes(finished.estimate()))
    known = Pilots(prepared=[Preparation(32, "here", 0.0, 7.0)])
    found = finished.estimate(pilots=known)
    assert found.by_rule["prepare"] is not None
    assert found.by_rule["prepare"].mid > 7


def pilot(code: str, **changes: Any) -> Pilot:
    times = {"step_sec": 0.1, "validation_sec": 0.2, "setup_sec": 0.3, "start_sec": 1.0}
    place = {"device": "Some GPU", "on_gpu": True, "host": "here", "at": 1.0}
    made: dict[str, Any] = {"model": "tiny_cnn", "resolution": 32, "batch": 32, **place, **times}
    return Pilot(**{**made, "code": code, **changes})


def test_pilots_are_kept_and_a_new_one_takes_the_place_of_its_kind(tmp_path: Path) -> None:
    first = Pilots().with_new([pilot("a"), pilot("b")], [Preparation(32, "here", 1.0, 2.0)])
    keep_pilots(tmp_path, first)
    assert read_pilots(tmp_path) == first
    second = first.with_new([pilot("a", step_sec=9.0)], [])
    assert [one.step_sec for one in second.pilots] == [9.0, 0.1]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"schema_version": 2}', b'{"schema_version": 1, "pilots": [{}]}'],
)
def test_a_file_of_pilots_that_cannot_be_read_counts_as_none(
    tmp_path: Path, content: bytes
) -> None:
    keep_pilots(tmp_path, Pilots())
    (tmp_path / "pilot" / "pilot.json").write_bytes(content)
    assert read_pilots(tmp_path) == Pilots()


@pytest.mark.parametrize("seconds", [-1.0, 0.0, "fast"])
def test_a_pilot_whose_times_are_none_counts_as_none(tmp_path: Path, seconds: Any) -> None:
    keep_pilots(tmp_path, Pilots([pilot("a", step_sec=seconds)]))
    assert read_pilots(tmp_path) == Pilots()


def test_the_disk_holds_weights_and_the_resume_points_of_the_runs_at_once(study: Study) -> None:
    for run in study.plan.runs:
        if run.seed == 0:
            folder = study.train(run)
            (folder / "best_model.pth").write_bytes(b"0" * 1000)
    found = study.estimate(workers=3).disk
    assert found.weights == 16 * 1000
    assert found.resume == 3 * 8 * 1000
    assert found.other == pytest.approx(16 * sum_of_other(study), rel=0.01)
    assert found.fits


def sum_of_other(study: Study) -> float:
    folder = study.results / "runs" / study.plan.runs[0].path
    return sum(path.stat().st_size for path in folder.glob("*.json"))


def test_a_disk_that_is_too_small_is_told_before_the_launch(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.train(study.plan.runs[0])
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 1000)
    found = study.estimate()
    assert not found.disk.fits
    assert any("the disk does not suffice" in note for note in notes(found))


def test_more_workers_never_take_longer_and_never_save_computing(study: Study) -> None:
    for run in study.plan.runs[:6]:
        study.train(run)
    found = [study.estimate(workers=count) for count in (1, 2, 8, 100)]
    walls = [one.wall.mid for one in found]
    assert walls == sorted(walls, reverse=True)
    assert walls[0] > 1.5 * walls[2]
    assert len({one.computing.mid for one in found}) == 1


@pytest.mark.parametrize(
    ("gpus", "sharing", "workers"), [(1, 1, 1), (3, 1, 3), (2, 3, 6), (0, 1, 1), (0, 2, 2)]
)
def test_without_a_number_of_workers_there_are_as_many_as_the_gpus_here_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpus: int, sharing: int, workers: int
) -> None:
    study = Study(tmp_path, execution={"runs_per_gpu": sharing})
    study.train(study.plan.runs[0])
    monkeypatch.setattr(estimating, "visible_gpus", lambda: [Gpu("0", "0")] * gpus)
    found = study.estimate(workers=None, cores=7)
    assert (found.workers, found.gpus) == (workers, gpus)
    assert any("this machine has no GPU" in note for note in notes(found)) == (gpus == 0)
    assert (f"({gpus} GPU" in shown(found)) == (gpus > 0)
    given = study.estimate(workers=5)
    assert (given.workers, given.gpus) == (5, None)


def test_on_a_cpu_there_is_a_worker_for_each_core_and_no_gpu_is_asked_for(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    study.train(study.plan.runs[0], device="Some CPU")
    monkeypatch.delattr(estimating, "visible_gpus")
    found = study.estimate(workers=None, cores=7)
    assert (found.workers, found.gpus, found.on_gpu) == (7, None, False)


def test_what_shares_a_gpu_is_summed_as_job_time_and_not_as_gpu_time(tmp_path: Path) -> None:
    alone = Study(tmp_path / "alone")
    together = Study(tmp_path / "together")
    told = Study(tmp_path / "told", execution={"runs_per_gpu": 2})
    for study, apart in ((alone, 100.0), (together, 30.0), (told, 100.0)):
        for at, run in enumerate(study.plan.runs[:4]):
            study.train(run, at=apart * at, uuid="GPU-a")
    for study, is_shared in ((alone, False), (together, True), (told, True)):
        found = study.estimate()
        text = shown(found)
        assert found.is_shared == is_shared
        assert ("job time" in text, "GPU time" in text) == (is_shared, not is_shared)
        assert any("their times overlap" in note for note in notes(found)) == is_shared


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Range(0.5, 1.0, 2.04), "1.0 s (0.5 to 2.0)"),
        (Range(60, 120, 600), "2.0 min (1.0 to 10)"),
        (Range(3600, 7200, 10**6), "2.0 h (1.0 to 278)"),
        (Range(86400, 10 * 86400, 10**7), "10 d (1.0 to 116)"),
    ],
)
def test_a_time_is_written_in_one_unit_with_its_range(value: Range, text: str) -> None:
    assert ranged(value) == text


def test_sizes_are_written_in_their_unit() -> None:
    assert [size(count) for count in (0, 999, 1.5e6, 2e12)] == [
        "0 kB",
        "1.0 kB",
        "1.5 MB",
        "2.0 TB",
    ]


@pytest.fixture
def run_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[Study, list[str]], int]:
    from studygrid import cli
    from studygrid.commands import estimate as command

    def run(study: Study, arguments: list[str]) -> int:
        import yaml

        content = study.plan.resolved() | {"results": str(study.results)}
        config = tmp_path / "config.yaml"
        config.write_text(yaml.safe_dump(content))
        monkeypatch.setattr(command, "clone", lambda: tmp_path)
        return cli.main(["estimate", "--configfile", str(config), *arguments])

    return run


def test_the_command_prints_and_keeps_an_estimate_of_the_part_that_is_named(
    study: Study,
    run_command: Callable[[Study, list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for run in study.plan.runs[:6]:
        study.train(run)
    arguments = ["--models", "simple_cnn", "--select", "seed=1,2", "--json", "--workers", "3"]
    assert run_command(study, arguments) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["runs"], content["workers"], content["device"]) == (8, 3, "Some GPU")
    assert content["computing_sec"]["low"] < content["computing_sec"]["high"]
    (said,) = read_earlier(study.results)
    assert set(said.cells) <= {f"simple_cnn/res{r}/n{n}" for r in (32, 48) for n in ("64", "all")}
    assert all(math.isfinite(one.high) for one in said.cells.values())


def test_where_an_estimate_cannot_be_kept_it_is_printed_all_the_same(
    study: Study,
    run_command: Callable[[Study, list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    study.train(study.plan.runs[0])
    (study.results / FILE).mkdir()
    assert run_command(study, []) == 0
    output = capsys.readouterr()
    assert "wall clock" in output.out
    assert "this estimate cannot be kept" in output.err


def test_an_estimate_without_pilots_writes_nothing_where_nothing_is_known(
    study: Study, run_command: Callable[[Study, list[str]], int]
) -> None:
    before = sorted(study.results.rglob("*"))
    assert run_command(study, []) == 0
    assert [path for path in sorted(study.results.rglob("*")) if path.suffix != ".yaml"] == before


@pytest.mark.parametrize("option", ["--workers", "--pilot-sec"])
def test_counts_are_whole_numbers_above_0(
    study: Study, run_command: Callable[[Study, list[str]], int], option: str
) -> None:
    for text in ("0", "-1", "2.5", "many"):
        with pytest.raises(SystemExit):
            run_command(study, [option, text])


def test_the_command_counts_the_gpus_that_are_visible_here(
    study: Study,
    run_command: Callable[[Study, list[str]], int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    study.train(study.plan.runs[0])
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "nvidia-smi"
    listed = "".join(f"GPU {at}: Some GPU (UUID: GPU-{at})\n" for at in range(4))
    program.write_text(f"#!/bin/sh\ncat <<END\n{listed}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for visible, expected in ((None, 4), ("1,3", 2), ("", 0)):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert run_command(study, ["--json"]) == 0
        content = json.loads(capsys.readouterr().out)
        assert (content["gpus_here"], content["workers"]) == (expected, max(expected, 1))


def test_a_pilot_for_another_device_than_this_machines_is_refused(
    study: Study,
    run_command: Callable[[Study, list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    study.train(study.plan.runs[0])
    before = sorted(study.results.rglob("*"))
    assert run_command(study, ["--pilot", "--device", "Some GPU"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "--pilot --device Some GPU: pilots run on the device of this machine" in output.err
    assert [path for path in sorted(study.results.rglob("*")) if path.suffix != ".yaml"] == before


def test_the_full_name_of_a_device_is_no_part_of_another(study: Study) -> None:
    for run, device in zip(study.plan.runs, ("A GPU", "A GPU of 80 GB"), strict=False):
        study.train(run, device=device)
    assert study.estimate(device="A GPU").device == "A GPU"
    with pytest.raises(StudygridError, match="fits several"):
        study.estimate(device="a gpu")


def test_the_command_imports_no_torch() -> None:
    code = (
        "import sys; import studygrid.commands.estimate, studygrid.estimate.screen,"
        "studygrid.estimate.document, studygrid.estimate.piloting;"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
