"""The export of generalization studies: what the guide says is there, and no run is left out."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import studygrid
from studygrid.cli import main
from studygrid.errors import NoRunsError, StudygridError
from studygrid.grid import Run
from studygrid.interchange.generalization import (
    COLUMNS,
    INDEX,
    export_study,
    guide_name,
    own_name,
    read_comparison,
)
from studygrid.interchange.generalization_places import arms_of
from studygrid.records import EvaluateRecord, read_record
from studygrid.results.study_results import StudyResults
from tests.unit import generalization_guide_reader as guide
from tests.unit.made_study import made_study
from tests.unit.ptychography_studies import facts_of, fate_of, metrics_of, ptychography_study

GRID = {
    "model": ["pinn", "baseline"],
    "resolution": [64],
    "n_train": [64, 128],
    "seed": 3,
    "include": [{"model": ["iterative"], "n_train": [128]}],
}
AXES = ["model", "resolution", "n_train", "seed"]


def fate(run: Run) -> str:
    return "missing" if run.path == "baseline/res64/n64/seed1" else fate_of(run)


def aligned_facts(run: Run) -> dict[str, Any]:
    alignment = {
        "scan": "second",
        "registered": True,
        "shift_px": [0.5, -0.25],
        "ramp_rad_px": [0.001, 0.002],
        "phase_offset_rad": 0.75,
        "amplitude_scale": 1.0625,
        "amplitude_range": [0.5, 1.0],
        "phase_range_rad": [-1.0, 0.75],
    }
    return {**facts_of(run), "alignment": [alignment]}


@pytest.fixture
def study(tmp_path: Path) -> StudyResults:
    return ptychography_study(tmp_path / "results", grid=GRID, fate=fate, facts=aligned_facts)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "a folder with spaces"


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: drawing takes longer than all the rest."""
    for name in ("comparison_plot", "results_plot"):
        monkeypatch.setattr(f"studygrid.interchange.generalization_plots.{name}", drawn)


def drawn(study: StudyResults, runs: list[Run]) -> bytes:
    return guide.PNG + " ".join(run.path for run in runs).encode()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def files(output: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.name != ".writer"
    }


def one(found: list[dict[str, str]], **of: Any) -> dict[str, str]:
    (row,) = [row for row in found if all(row[key] == str(value) for key, value in of.items())]
    return row


# --- What is written


def test_a_reader_made_from_the_guide_reads_all_of_it(study: StudyResults, output: Path) -> None:
    export_study(study, output)
    found = guide.read(output)
    assert list(found) == [64, 128]
    assert list(found[64]) == ["pinn", "baseline"]
    own = study.frame[(study.frame["model"] == "pinn") & (study.frame["n_train"] == "64")]
    for metric, name in (("psnr", "psnr"), ("frc50", "frc50_frequency")):
        expected = tuple(own[f"test_{part}_{name}"].median() for part in ("amplitude", "phase"))
        assert found[64]["pinn"][metric] == pytest.approx(expected, rel=1e-15)
    printed = subprocess.run(
        [sys.executable, guide.__file__, str(output)], capture_output=True, text=True, check=True
    )
    assert printed.stdout.startswith("64 pinn {'mae': ")


@pytest.mark.usefixtures("no_plots")
def test_every_run_has_its_rows_with_full_precision_and_failed_ones_their_reason(
    study: StudyResults, output: Path
) -> None:
    done = export_study(study, output)
    assert (done.new, done.problems, done.empty) == (14, {}, {"missing": 1, "diverged": 1})
    found = rows(output / "n_train_64" / "comparison_metrics.csv")
    assert list(found[0]) == list(COLUMNS)
    for run in (run for run in study.plan.runs if run.n_train == 64):
        for metric in study.family.metrics:
            name, part = guide_name(metric.name)
            assert own_name(name, part) == metric.name
            row = one(found, model=run.model, seed=run.seed, metric=name)
            if fate(run) == "missing":
                assert (row[part], row["status"]) == ("", "missing")
                assert "train.json: missing" in row["reason"]
            else:
                assert float(row[part]) == metrics_of(run)[metric.name]
    diverged = rows(output / "n_train_128" / "comparison_metrics.csv")
    failed = [row for row in diverged if (row["model"], row["seed"]) == ("pinn", "2")]
    assert {row["status"] for row in failed} == {"diverged"}
    assert not any(row[part] for row in failed for part in ("amplitude", "phase", "value"))
    assert all("not finite" in row["reason"] or row["reason"] for row in failed)


@pytest.mark.usefixtures("no_plots")
def test_alignment_times_and_the_range_of_psnr_stand_beside_the_metrics(
    study: StudyResults, output: Path
) -> None:
    export_study(study, output)
    found = rows(output / "n_train_64" / "comparison_metrics.csv")
    own = {row["metric"]: row for row in found if (row["model"], row["seed"]) == ("pinn", "0")}
    assert (own["psnr_data_range"]["amplitude"], own["psnr_data_range"]["phase"]) == ("0.5", "1.75")
    assert own["registration_offset_dy"]["value"] == "0.5"
    assert own["registration_offset_dx"]["value"] == "-0.25"
    assert own["fitted_amplitude_scale"]["value"] == "1.0625"
    assert own["train_images"]["value"] == "64"
    record = read_record(study.folder / "runs/pinn/res64/n64/seed0/evaluate.json", EvaluateRecord)
    assert float(own["computation_time_s"]["value"]) == record.evaluate_time_sec
    assert own["mae"]["unit"] == "phase: rad"
    assert own["frc50"]["unit"] == "1/px"


@pytest.mark.usefixtures("no_plots")
def test_a_crossing_beyond_nyquist_is_said(study: StudyResults, output: Path) -> None:
    export_study(study, output)
    found = rows(output / "n_train_128" / "comparison_metrics.csv")
    row = one(found, model="iterative", seed=0, metric="frc50")
    assert (row["amplitude"], row["phase"]) == ("0.5", "0.5")
    assert row["note"].endswith("at least this, beyond Nyquist")
    row = one(found, model="iterative", seed=0, metric="frc50_resolution")
    assert row["note"].endswith("at most this, beyond Nyquist")


@pytest.mark.usefixtures("no_plots")
def test_a_crossing_below_the_first_ring_is_said_the_other_way_round(
    tmp_path: Path, output: Path
) -> None:
    names = [f"phase_frc50_{what}" for what in ("frequency", "resolution")]

    def facts(run: Run) -> dict[str, Any]:
        scans = aligned_facts(run)["alignment"] * 2
        both = ["phase_frc17_frequency"]
        return {
            "alignment": [{**scan, "scan": name} for scan, name in zip(scans, "ab", strict=True)],
            "beyond_nyquist": both,
            "below_first_ring": names + both,
        }

    export_study(ptychography_study(tmp_path / "own", grid=GRID, facts=facts), output)
    found = rows(output / "n_train_128" / "comparison_metrics.csv")
    start = "phase: the correlation is below the threshold from the first ring on in one scan or "
    ends = {"frc50": "at most", "frc50_resolution": "at least"}
    for metric, words in ends.items():
        note = one(found, model="pinn", seed=0, metric=metric)["note"]
        assert note == f"{start}more: {words} this, below the first ring"
    both_kinds = one(found, model="pinn", seed=0, metric="frc1over7")["note"]
    assert both_kinds.endswith("a mean of bounds of both kinds")


@pytest.mark.usefixtures("no_plots")
def test_each_seed_keeps_its_records_its_arrays_and_its_history(
    study: StudyResults, output: Path
) -> None:
    export_study(study, output)
    for run in study.facts:
        place = output / f"n_train_{run.n_train}" / f"{run.model}_run" / f"seed{run.seed}"
        source = study.folder / "runs" / run.path
        names = {"train.json", "evaluate.json", "epochs.jsonl"}
        names |= {"examples.npz"} if fate(run) == "ok" else set()
        assert {path.name for path in place.iterdir()} == names
        assert all((place / name).read_bytes() == (source / name).read_bytes() for name in names)
    with np.load(output / "n_train_64/pinn_run/seed0/examples.npz") as arrays:
        assert arrays["phase"].shape == arrays["truth_phase"].shape
    loaded = studygrid.load_runs(f"{output}/n_train_*/*_run/seed*")
    assert len(loaded.frame) == len(study.facts)


@pytest.mark.usefixtures("no_plots")
def test_the_table_over_all_sizes_counts_every_run(study: StudyResults, output: Path) -> None:
    export_study(study, output)
    found = rows(output / "aggregated_metrics.csv")
    row = one(found, n_train=128, model="pinn", metric="ssim", part="phase")
    values = study.frame.loc[
        (study.frame["model"] == "pinn") & (study.frame["n_train"] == "128"), "test_phase_ssim"
    ].dropna()
    counts = [row[name] for name in ("planned", "ok", "failed", "missing", "n")]
    assert counts == ["3", "2", "1", "0", "2"]
    assert float(row["median"]) == values.median()
    assert float(row["p25"]) == pytest.approx(values.quantile(0.25), rel=1e-15)
    poor = one(found, n_train=64, model="baseline", metric="ssim", part="phase")
    assert float(poor["min"]) == pytest.approx(0.08)
    assert (poor["planned"], poor["missing"], poor["n"]) == ("3", "1", "2")


@pytest.mark.usefixtures("no_plots")
def test_several_models_of_an_arm_and_several_resolutions_have_folders_of_their_own(
    tmp_path: Path, output: Path
) -> None:
    models = {
        "pinn": {"architecture": "pinn"},
        "wide": {"architecture": "pinn", "training": {"learning_rate": 0.01}},
        "baseline": {"architecture": "baseline"},
    }
    grid = {"resolution": [32, 64], "n_train": [64, "all"], "seed": [7]}
    study = ptychography_study(tmp_path / "results", models=models, grid=grid)
    assert arms_of(study.plan) == {
        "pinn": "pinn_run/pinn",
        "wide": "pinn_run/wide",
        "baseline": "baseline_run",
    }
    export_study(study, output)
    assert (output / "resolution_32/n_train_all/pinn_run/wide/seed7/train.json").is_file()
    assert (output / "resolution_64/aggregated_metrics.csv").is_file()
    found = studygrid.collect(output)
    assert (len(found.frame), found.problems) == (12, [])
    assert sorted(set(found.frame["resolution"])) == [32, 64]


# --- An export is a state of a folder


@pytest.mark.usefixtures("no_plots")
def test_a_second_export_touches_nothing(study: StudyResults, output: Path) -> None:
    export_study(study, output)
    before = {name: (output / name).stat().st_mtime_ns for name in files(output)}
    done = export_study(study, output)
    assert (done.new, done.replaced, done.unchanged) == (0, 0, 14)
    assert {name: (output / name).stat().st_mtime_ns for name in files(output)} == before


@pytest.mark.usefixtures("no_plots")
def test_an_export_of_a_part_takes_away_what_is_not_of_it(
    study: StudyResults, output: Path
) -> None:
    export_study(study, output)
    (output / "n_train_64" / "notes.txt").write_text("mine")
    changed = output / "n_train_64/baseline_run/seed0/train.json"
    changed.write_text("{}")
    done = export_study(study, output, {"n_train": [128]})
    assert done.kept == ("n_train_64/baseline_run/seed0/train.json",)
    left = {name for name in files(output) if name.startswith("n_train_64")}
    assert left == {"n_train_64/notes.txt", "n_train_64/baseline_run/seed0/train.json"}
    assert not (output / "n_train_64" / "pinn_run").exists()
    assert {row["n_train"] for row in rows(output / "aggregated_metrics.csv")} == {"128"}


@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize("name", ["aggregated_metrics.csv", "n_train_64/comparison_metrics.csv"])
def test_a_table_that_no_export_wrote_is_not_written_over(
    name: str, study: StudyResults, output: Path
) -> None:
    (output / name).parent.mkdir(parents=True)
    (output / name).write_text("mine")
    with pytest.raises(StudygridError, match=r"is there, and no export wrote it"):
        export_study(study, output)
    assert (output / name).read_text() == "mine"
    assert INDEX not in files(output)


@pytest.mark.usefixtures("no_plots")
def test_a_run_whose_arrays_are_gone_is_named_and_its_old_export_stays(
    study: StudyResults, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_study(study, output)
    (study.folder / "runs/pinn/res64/n64/seed0/examples.npz").unlink()
    arguments = ["export", str(study.folder), "--to", "generalization", "--output", str(output)]
    assert main(arguments) == 1
    assert "examples.npz: is not there; evaluate again" in capsys.readouterr().err
    assert (output / "n_train_64/pinn_run/seed0/examples.npz").is_file()


@pytest.mark.usefixtures("no_plots")
def test_another_study_and_another_family_are_refused(
    study: StudyResults, output: Path, tmp_path: Path
) -> None:
    export_study(study, output)
    other = ptychography_study(tmp_path / "other", name="Other", grid=GRID)
    with pytest.raises(StudygridError, match=r"holds an export of the study 'Generalisation'"):
        export_study(other, output)
    with pytest.raises(StudygridError, match=r"classification has no amplitude_mae"):
        export_study(made_study(tmp_path / "images"), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_study_of_which_nothing_has_ended_has_nothing_to_export(
    tmp_path: Path, output: Path
) -> None:
    def nothing(run: Run) -> str:
        return "missing"

    study = ptychography_study(tmp_path / "results", grid=GRID, fate=nothing)
    with pytest.raises(NoRunsError, match=r"none of the 15 runs that are asked for ended"):
        export_study(study, output)
    assert not output.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_said(study: StudyResults, output: Path) -> None:
    output.mkdir()
    output.chmod(0o500)
    with pytest.raises(StudygridError, match=r"cannot be written to"):
        export_study(study, output)


@pytest.mark.usefixtures("no_plots")
def test_what_is_read_of_a_table_is_what_was_written(study: StudyResults, output: Path) -> None:
    export_study(study, output)
    table = read_comparison(output / "n_train_64" / "comparison_metrics.csv")
    assert table.is_ours
    assert table.faults == []
    assert table.models == ["pinn", "baseline"]
    (mae,) = [
        row for row in table.rows
        if (row.model, row.seed, row.metric, row.part) == ("pinn", 0, "mae", "phase")
    ]  # fmt: skip
    assert (mae.unit, mae.n_train, mae.resolution, mae.status) == ("rad", 64, 64, "ok")
