"""Reading comparisons by training-set size: ours, the guide's own, and broken ones."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import studygrid
from studygrid.cli import run_alone
from studygrid.errors import RecordError
from studygrid.interchange.generalization import COMPARISON, export_study, read_comparison
from studygrid.interchange.generalization_folders import ComparisonFile, comparison_files, size_of
from studygrid.interchange.generalization_foreign import psnr_peaks
from studygrid.interchange.generalization_summary import summary_rows
from studygrid.interchange.generalization_table import parse_comparison
from studygrid.results.frames import frame_rows
from tests.conftest import ROOT
from tests.unit import generalization_guide_reader as guide
from tests.unit.generalization_files import HEADER, numbers, write_table, write_trials
from tests.unit.ptychography_studies import ptychography_study
from tests.unit.test_generalization_export import GRID, fate, files, no_plots, one, rows

__all__ = ["no_plots"]
AXES = ["model", "resolution", "n_train", "seed"]


def read(tmp_path: Path, text: str | bytes) -> Any:
    path = tmp_path / COMPARISON
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_comparison(path)


def aggregate(*arguments: str | Path) -> int:
    """Run the script of that name in this process."""
    return run_alone("aggregate_and_plot_results", "", list(map(str, arguments)))


@pytest.fixture
def no_trends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing: drawing takes longer than all the rest."""
    monkeypatch.setattr("studygrid.figures.size_trends.size_trends", str)
    monkeypatch.setattr("studygrid.figures.drawing.png_of", png_of)


def png_of(drawing: object) -> bytes:
    return guide.PNG


# --- What we write comes back


@pytest.mark.usefixtures("no_plots")
@pytest.mark.parametrize("with_records", [True, False])
def test_an_export_comes_back_as_the_runs_of_the_study(with_records: bool, tmp_path: Path) -> None:
    study = ptychography_study(tmp_path / "results", grid=GRID, fate=fate)
    export_study(study, tmp_path / "out")
    if not with_records:
        for path in (tmp_path / "out").rglob("evaluate.json"):
            path.unlink()
    found = studygrid.collect(tmp_path / "out")
    ours = studygrid.load_runs(tmp_path / "results").frame
    assert found.problems == []
    assert set(found.frame["layout"]) == {"generalization"}
    assert not found.frame["numbered"].any()
    columns = [*AXES, "status", *(name for name in ours if str(name).startswith("test_"))]
    left, right = (frame[columns].set_index(AXES).sort_index() for frame in (found.frame, ours))
    pd.testing.assert_frame_equal(left, right, check_dtype=False, rtol=0, atol=0)
    reasons = found.frame.set_index("status")["reason"]
    assert "train.json: missing" in reasons["missing"]
    assert reasons["diverged"] == ours.set_index("status")["reason"]["diverged"]
    if with_records:
        assert found.frame["train_samples"].dropna().astype(int).isin([64, 128]).all()
        assert found.studies["ptychography"].tables("frc_phase")


@pytest.mark.usefixtures("no_plots")
def test_an_export_beside_its_study_counts_once(tmp_path: Path) -> None:
    study = ptychography_study(tmp_path / "both" / "study", grid=GRID)
    export_study(study, tmp_path / "both" / "out")
    found = studygrid.collect(tmp_path / "both")
    assert (len(found.frame), found.problems) == (15, [])
    inside = studygrid.collect(tmp_path / "both" / "out" / "n_train_64" / "pinn_run")
    assert (len(inside.frame), inside.problems) == (3, [])


@pytest.mark.usefixtures("no_plots")
def test_a_table_that_says_something_else_than_its_records_is_named_with_its_line(
    tmp_path: Path,
) -> None:
    study = ptychography_study(tmp_path / "results", grid=GRID)
    export_study(study, tmp_path / "out")
    path = tmp_path / "out" / "n_train_64" / COMPARISON
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("baseline,ssim,"))
    cells = lines[at].split(",")
    true, cells[3] = float(cells[3]), "0.999"
    lines[at] = ",".join(cells)
    path.write_text("\n".join(lines))
    found = studygrid.collect(tmp_path / "out")
    (problem,) = found.problems
    assert problem.path == path
    assert problem.reason.startswith(f"line {at + 1}: phase is 0.999, not {true} as in ")
    ours = found.frame[(found.frame["model"] == "baseline") & (found.frame["n_train"] == "64")]
    assert true in ours["test_phase_ssim"].tolist()


@pytest.mark.usefixtures("no_plots", "no_trends")
def test_the_script_writes_of_an_export_what_the_export_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = ptychography_study(tmp_path / "results", grid=GRID, fate=fate)
    out = tmp_path / "a folder"
    export_study(study, out)
    before = files(out)
    assert aggregate(out) == 0
    after = files(out)
    assert after["aggregated_metrics.csv"] == before["aggregated_metrics.csv"]
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {out}/aggregated_metrics.csv",
        f"wrote {out}/generalization_study_results.png",
    ]
    assert export_study(study, out).kept == ()
    assert files(out) == before
    (out / "aggregated_metrics.csv").write_text("mine")
    assert aggregate(out) == 1
    assert "was changed since it was written" in capsys.readouterr().err
    assert (out / "aggregated_metrics.csv").read_text() == "mine"


# --- What the guide's own program writes


def test_trials_of_the_guides_program_are_runs_without_seeds(tmp_path: Path) -> None:
    write_trials(tmp_path / "orig")
    found = studygrid.collect(tmp_path / "orig")
    frame = found.frame
    assert found.problems == []
    assert found.frame["numbered"].all()
    assert len(frame) == 9
    lacking = frame.loc[(frame["model"] == "Baseline") & (frame["n_train"] == "512"), "status"]
    assert lacking.tolist() == ["ok", "missing"]
    (run,) = frame_rows(
        frame.loc[(frame["model"] == "PtychoPINN") & (frame["n_train"] == "512")].head(1)
    )
    assert (run["test_amplitude_mae"], run["test_phase_ssim"]) == (0.08, -0.1)
    assert run["registration_offset_dy"] == 4.02
    assert run["trial"] == 1
    assert "phase_ms_ssim: the table has no value" in run["undefined"]
    assert set(frame["resolution"]) == {0}


def test_psnr_of_the_peak_255_and_numbers_of_rings_are_no_metrics_of_ours(tmp_path: Path) -> None:
    write_trials(tmp_path / "orig")
    found = studygrid.collect(tmp_path / "orig").frame
    run = found[(found["model"] == "PtychoPINN") & (found["n_train"] == "1024")].iloc[0]
    assert found["test_amplitude_psnr"].isna().all()
    assert found["test_phase_frc50_frequency"].isna().all()
    of_peak_1 = 10 * math.log10(1 / 0.1**2)
    assert run["amplitude_psnr_peak_255"] - of_peak_1 == pytest.approx(48.1308, abs=1e-4)
    assert run["amplitude_frc50_ring"] == 2.0


def test_the_peak_of_a_published_psnr_is_found_from_the_error_beside_it(tmp_path: Path) -> None:
    # newnew/train_512/trial_1/comparison_metrics.csv of hoidn/PtychoPINN at ce0c3de: amplitude.
    table = read(tmp_path, f"{HEADER}\nA,mse,0.059896,,\nA,psnr,60.356791,12.2,\nB,psnr,50,,\n")
    assert psnr_peaks(table.rows) == {
        ("A", None, "amplitude"): 255.0,
        ("A", None, "phase"): None,
        ("B", None, "amplitude"): None,
        ("B", None, "phase"): None,
    }


def test_the_peak_1_is_found_too(tmp_path: Path) -> None:
    table = read(tmp_path, f"{HEADER}\nA,mse,0.01,1e-9,\nA,psnr,20.0,138.130804,\n")
    assert psnr_peaks(table.rows)[("A", None, "amplitude")] == 1.0


@pytest.mark.usefixtures("no_trends")
def test_the_script_summarises_trials_and_leaves_none_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trials(tmp_path / "orig")
    assert aggregate(tmp_path / "orig") == 0
    assert "48.13 dB more" in capsys.readouterr().out
    found = rows(tmp_path / "orig" / "aggregated_metrics.csv")
    row = one(found, n_train=512, model="Baseline", metric="psnr", part="phase")
    assert (row["unit"], row["planned"], row["ok"], row["missing"]) == (
        "dB, peak 255",
        "2",
        "1",
        "1",
    )
    assert one(found, n_train=512, model="Tike", metric="frc50", part="phase")["unit"] == "ring"
    # A negative SSIM is a result, and no reason to leave a run out.
    ssim = one(found, n_train=512, model="PtychoPINN", metric="ssim", part="phase")
    assert float(ssim["mean"]) == pytest.approx(-0.15)
    assert ssim["n"] == "2"
    assert [row["n_train"] for row in found] == sorted((row["n_train"] for row in found), key=int)
    assert aggregate(tmp_path / "orig", "--output-plot", tmp_path / "plot.png") == 0
    assert (tmp_path / "plot.png").read_bytes() == guide.PNG


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("n_train_128", 128),
        ("train_512", 512),
        ("train_subsample_4096_groups_512", 512),
        ("n_train_all", "all"),
        ("n_train_", None),
        ("n_train_1e3", None),
        ("train_-4", None),
        ("old_train_512", None),
        ("n_train_" + "9" * 30, None),
    ],
)
def test_the_size_is_what_the_folder_says(name: str, size: int | str | None) -> None:
    assert size_of(name) == size


def test_trials_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for place in ("train_64/trial_10", "train_64/trial_2", "train_8", "n_train_128", "other"):
        write_table(tmp_path / place, {"A": numbers(0.1)})
    found = [(file.n_train, file.trial) for file in comparison_files(tmp_path)]
    assert found == [(8, None), (64, 2), (64, 10), (128, None)]
    assert len(comparison_files(tmp_path / "train_64")) == 2
    assert [file.n_train for file in comparison_files(tmp_path / "train_64" / "trial_2")] == [64]


def test_a_table_in_a_folder_of_any_name_is_one_run_a_model(tmp_path: Path) -> None:
    write_table(tmp_path / "evaluation", {"PtychoPINN": numbers(0.1)})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / COMPARISON).write_text("method,accuracy\nA,0.5\n")
    found = studygrid.collect(tmp_path, n_train=256)
    assert found.frame[["model", "n_train"]].to_numpy().tolist() == [["PtychoPINN", "256"]]
    assert found.problems == []


# --- Broken tables


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "line 1: the header should be model,metric,amplitude,phase,value; it lacks"),
        ("model,metric\nA,mae\n", "line 1: .* lacks one of amplitude, phase, value"),
        ("model,metric,phase,phase\nA,mae,1,2\n", "line 1: the header has phase more than once"),
        (b"model,metric,phase\nA,mae,1\nB\xff,mae,1\n", "line 3: is not UTF-8"),
        (b"model,metric,phase\nA,m\0ae,1\n", "line 2: holds a zero byte"),
        ('model,metric,phase\nA,"' + "x" * 200_000 + '",1\n', "line 2: is no CSV"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_line(
    text: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(RecordError, match=f"{COMPARISON}: {message}"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("A,ssim,0.5,oops,", "line 3: phase is 'oops', which is no number: counts as empty"),
        ("A,ssim,0.5,inf,", "line 3: phase is 'inf', which is no number: counts as empty"),
        ("A,ssim,0.5,1e200,", "line 3: phase is '1e200', too large to be true: counts as empty"),
        ("A,ssim,0.5", "line 3: has 3 cells, the header 5: left out"),
        (",ssim,0.5,0.5,", "line 3: names no model: left out"),
        ("A,,0.5,0.5,", "line 3: names no metric: left out"),
        ("A,mae,0.5,0.2,", "line 3: A, mae, amplitude stands in line 2 with another value already"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_and_the_others_are_read(
    line: str, fault: str, tmp_path: Path
) -> None:
    found = read(tmp_path, f"{HEADER}\nA,mae,0.1,0.2,\n{line}\nA,mse,0.3,,\n")
    (said,) = found.faults
    assert said.startswith(fault)
    values = {(row.metric, row.part): row.value for row in found.rows if row.value is not None}
    assert values.items() >= {("mae", "amplitude"): 0.1, ("mse", "amplitude"): 0.3}.items()


def test_empty_numbers_are_there_without_a_value(tmp_path: Path) -> None:
    found = read(tmp_path, f"{HEADER}\nA,ssim,,nan,\nA,computation_time_s,,,\n")
    assert found.faults == []
    assert [(row.metric, row.part, row.value) for row in found.rows] == [
        ("ssim", "amplitude", None),
        ("ssim", "phase", None),
        ("computation_time_s", "value", None),
    ]


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    text = "\ufeff" + f"{HEADER}\r\nA,mae,0.1,0.2,\r\n\r\n"
    assert [row.value for row in read(tmp_path, text).rows] == [0.1, 0.2]


@pytest.mark.usefixtures("no_trends")
def test_the_script_names_broken_tables_and_uses_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_trials(tmp_path)
    (tmp_path / "train_1024" / COMPARISON).write_text(f"{HEADER}\nA,mae,x,0.1,\n")
    (tmp_path / "n_train_2048").mkdir()
    (tmp_path / "n_train_2048" / COMPARISON).write_text("nothing\n")
    assert aggregate(tmp_path) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path}/train_1024/{COMPARISON}: line 2: amplitude is 'x'" in said
    assert f"{tmp_path}/n_train_2048/{COMPARISON}: line 1: the header should be" in said
    assert {row["n_train"] for row in rows(tmp_path / "aggregated_metrics.csv")} == {"512", "1024"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ("absent", "does not exist; name the output folder"),
        ("file", "is no folder"),
        ("empty", "has no n_train_*/comparison_metrics.csv"),
        ("broken", "no table of a comparison can be read"),
        ("other", "is a table of another program; move it elsewhere"),
        ("pdf", "should end with .png"),
    ],
)
def test_the_script_refuses_with_one_error(
    make: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], no_trends: None
) -> None:
    folder = tmp_path / "in"
    more: list[str] = []
    if make == "file":
        folder.write_text("")
    elif make == "empty":
        folder.mkdir()
    elif make == "broken":
        (folder / "n_train_8").mkdir(parents=True)
        (folder / "n_train_8" / COMPARISON).write_text("x")
    elif make in ("other", "pdf"):
        write_trials(folder)
        (folder / "aggregated_metrics.csv").write_text("model,accuracy\n")
        more = ["--output-plot", "a.pdf"] if make == "pdf" else []
    assert aggregate(folder, *more) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert "Traceback" not in said
    if make == "other":
        assert (folder / "aggregated_metrics.csv").read_text() == "model,accuracy\n"


def test_the_script_runs_from_anywhere_and_draws(tmp_path: Path) -> None:
    write_trials(tmp_path / "in" / "orig")
    script = ROOT / "scripts" / "aggregate_and_plot_results.py"
    done = subprocess.run(
        [sys.executable, script, "orig", "--output-plot", "results.png"],
        cwd=tmp_path / "in",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-2:] == [
        "wrote orig/aggregated_metrics.csv",
        "wrote results.png",
    ]
    assert (tmp_path / "in" / "results.png").read_bytes().startswith(guide.PNG)


CELLS = st.one_of(
    st.sampled_from(["", "nan", "-inf", "0.5", "1e999", "model", "ssim", "mse", "psnr", '"', "é"]),
    st.floats(allow_nan=False).map(str),
    st.text(max_size=6),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=4, max_size=6).map(",".join), max_size=6))
def test_no_table_breaks_the_reader(lines: list[str]) -> None:
    text = "\n".join([HEADER, *lines]).encode("utf-8", "replace")
    try:
        table = parse_comparison(text, Path("x.csv"))
    except RecordError as error:
        said = str(error)
    else:
        said = "x.csv: line "
        assert all(fault.startswith("line ") for fault in table.faults)
        for row in summary_rows([(ComparisonFile(Path("x.csv"), 64), table)]):
            assert row["n"] <= row["planned"] == row["ok"] + row["failed"] + row["missing"]
    assert said.startswith("x.csv: line ")
