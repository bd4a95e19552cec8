"""`run_generalization_study.sh`: what it runs, what it refuses, and that it goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from studygrid.cli import main
from studygrid.grid import Run
from studygrid.plan import Plan
from tests.conftest import ROOT
from tests.unit import generalization_guide_reader as guide
from tests.unit.fake_snakemake import FakeSnakemake, fake_clone
from tests.unit.ptychography_studies import (
    CONFIG,
    examples_of,
    facts_of,
    metrics_of,
    write_run,
)
from tests.unit.scan_files_made import ROWS, SIDE, made_arrays
from tests.unit.test_generalization_export import drawn, files

BASE: dict[str, Any] = {
    **CONFIG,
    "grid": {**CONFIG["grid"], "n_train": [16, 32], "seed": 2},
    "profiling": {"enabled": False},
}
BASE["grid"]["include"] = [{"model": ["iterative"], "n_train": [32]}]
THERE = Path("config/studies/generalization.yaml")
PATTERNS = ROWS**2
TRAINED = PATTERNS - round(0.1 * PATTERNS)
OUT = Path("my results")


@pytest.fixture
def snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSnakemake:
    """Return what stands in for Snakemake, in a clone with two scans; nothing is drawn."""
    for name in ("comparison_plot", "results_plot"):
        monkeypatch.setattr(f"studygrid.interchange.generalization_plots.{name}", drawn)
    fake = fake_clone(tmp_path, {}, monkeypatch)
    write_base({})
    for seed, name in enumerate(("train", "test")):
        np.savez(tmp_path / f"my {name}.npz", **made_arrays(seed))
    fake.does = work
    return fake


def write_base(changes: dict[str, Any], place: Path = THERE) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(yaml.safe_dump({**BASE, **changes}, sort_keys=False))


def work(plan: Plan, runs: list[Run]) -> None:
    """Leave the records of those runs that are not there yet, and study.yaml."""
    results = Path(plan.study.results)
    (results / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    for run in runs:
        if not (results / "runs" / run.path).exists():
            kept = {"chance": {}, "facts": facts_of(run), "tables": {}}
            place, values = results / "runs" / run.path, metrics_of(run)
            write_run(plan, place, run, "ok", values, kept, examples_of(run), "random")


def study(*arguments: str, train: str = "my train.npz", test: str = "my test.npz") -> int:
    return main(["generalization", train, test, str(OUT), *arguments])


def kept() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((OUT / "study" / "config.yaml").read_text())
    return content


def learning(snakemake: FakeSnakemake) -> list[str]:
    return [run for run in snakemake.runs if not run.startswith("iterative")]


def refused(
    capsys: pytest.CaptureFixture[str], snakemake: FakeSnakemake, *arguments: str, **scans: str
) -> str:
    """Give a command that is refused before anything starts; return what it says."""
    before, calls = files(OUT) if OUT.is_dir() else {}, len(snakemake.commands)
    capsys.readouterr()
    assert study(*arguments, **scans) == 1
    assert len(snakemake.commands) == calls
    assert (files(OUT) if OUT.is_dir() else {}) == before
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    return said.removeprefix("error: ")


# --- What it runs


def test_the_config_of_the_study_is_that_of_the_clone_with_the_two_files(
    snakemake: FakeSnakemake,
) -> None:
    assert study("--n-train-sizes", "8 64", "--n-test-images", "20", "--seeds", "3") == 0
    content = kept()
    assert content["dataset"] == {
        "name": "scan_files",
        "train": "my train.npz",
        "test": "my test.npz",
        "test_patterns": 20,
    }
    assert content["grid"] == {
        "model": ["pinn", "baseline"],
        "resolution": [SIDE],
        "n_train": [8, 64],
        "seed": [0, 1, 2],
        "include": [{"model": ["iterative"], "n_train": [64]}],
    }
    assert content["models"] == BASE["models"]
    assert content["results"] == f"{OUT}/study"
    assert content["name"] == "Generalisation: my train"
    header = (OUT / "study" / "config.yaml").read_text()
    assert "--n-train-sizes '8 64'" in header
    assert f"# From {THERE}" in header
    assert len(snakemake.runs) == 2 * 2 * 3 + 3


def test_a_reader_made_from_the_guide_reads_what_it_writes(snakemake: FakeSnakemake) -> None:
    assert study("--n-train-sizes", "8 64") == 0
    assert sorted(path.name for path in OUT.iterdir() if not path.name.startswith(".")) == [
        "aggregated_metrics.csv",
        "generalization_study_results.png",
        "n_train_64",
        "n_train_8",
        "study",
    ]
    found = guide.read(OUT)
    assert list(found) == [8, 64]
    assert set(found[64]) == {"pinn", "baseline", "iterative"}


def test_what_is_not_given_is_as_the_config_has_it(snakemake: FakeSnakemake) -> None:
    assert study() == 0
    assert (kept()["grid"]["n_train"], kept()["grid"]["seed"]) == ([16, 32], [0, 1])
    # The file has fewer than the guide's 500.
    assert kept()["dataset"]["test_patterns"] == PATTERNS


@pytest.mark.parametrize("words", [["8,64"], ["8", "64"], ["8 64 8"], [" 8\t64 "]])
def test_sizes_are_words_or_one_word(words: list[str], snakemake: FakeSnakemake) -> None:
    assert study("--n-train-sizes", *words) == 0
    assert kept()["grid"]["n_train"] == [8, 64]


@pytest.mark.parametrize("words", ["8 all", "all,8"])
def test_all_is_a_size_too(words: str, snakemake: FakeSnakemake) -> None:
    assert study("--n-train-sizes", words, "--seeds", "1") == 0
    assert kept()["grid"]["n_train"] == [8, "all"]
    assert set(snakemake.runs) == {
        *(f"{model}/res{SIDE}/n{n}/seed0" for model in ("pinn", "baseline") for n in (8, "all")),
        f"iterative/res{SIDE}/nall/seed0",
    }
    assert (OUT / "n_train_all" / "comparison_metrics.csv").is_file()


@pytest.mark.parametrize("seed", [0, 7])
def test_what_does_not_learn_keeps_the_seeds_that_the_config_gives_it(
    seed: int, snakemake: FakeSnakemake
) -> None:
    include = [{"model": ["iterative"], "n_train": [32], "seed": [seed]}]
    write_base({"grid": {**BASE["grid"], "include": include}})
    fixed = f"iterative/res{SIDE}/n16/seed{seed}"
    for sizes, seeds in (("8 16", "3"), ("8 32", "4")):
        assert study("--n-train-sizes", sizes, "--seeds", seeds) == 0
        assert [run for run in snakemake.runs if run.startswith("iterative")] == [fixed]
    assert kept()["grid"]["include"] == [{"model": ["iterative"], "n_train": [16], "seed": [seed]}]


def test_how_patterns_are_grouped_is_as_the_config_has_it(snakemake: FakeSnakemake) -> None:
    write_base({"dataset": {"name": "simulated_scans", "gridsize": 2, "photons": 1e4}})
    assert study() == 0
    assert kept()["dataset"]["gridsize"] == 2
    assert "photons" not in kept()["dataset"]  # of the simulation, and not of these files


def test_a_config_of_files_keeps_what_it_says_of_files(snakemake: FakeSnakemake) -> None:
    data = {"name": "scan_files", "train": "a", "test": "b", "photons": 1e4}
    write_base({"dataset": data}, Path("mine.yaml"))
    assert study("--configfile", "mine.yaml") == 0
    assert kept()["dataset"]["photons"] == 1e4
    assert kept()["dataset"]["train"] == "my train.npz"


def test_paths_are_seen_from_where_the_user_stands(
    snakemake: FakeSnakemake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "elsewhere"
    below.mkdir()
    write_base({}, below / "mine.yaml")
    monkeypatch.chdir(below)
    # Not in a clone, it is the one that this code lies in.
    arguments = ["../my train.npz", "../my test.npz", "out", "--configfile", "mine.yaml"]
    assert main(["generalization", *arguments]) == 0
    assert (below / "out" / "aggregated_metrics.csv").is_file()
    content = yaml.safe_load((below / "out" / "study" / "config.yaml").read_text())
    assert content["dataset"]["train"] == str(tmp_path / "my train.npz")
    assert content["results"] == str(below / "out" / "study")


# --- Again


def test_the_same_command_again_asks_for_the_same_and_writes_nothing_new(
    snakemake: FakeSnakemake,
) -> None:
    command = ("--n-train-sizes", "8 64")
    assert study(*command) == 0
    before = {name: (OUT / name).stat().st_mtime_ns for name in files(OUT)}
    first = snakemake.runs
    assert study(*command) == 0
    assert snakemake.runs == first
    after = {name: (OUT / name).stat().st_mtime_ns for name in files(OUT)}
    same = {name for name in before if not name.startswith("study/")}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_other_sizes_and_seeds_add_what_is_new_and_keep_what_is_there(
    snakemake: FakeSnakemake,
) -> None:
    assert study("--n-train-sizes", "8 16", "--seeds", "1") == 0
    assert study("--n-train-sizes", "32", "--seeds", "2") == 0
    assert set(learning(snakemake)) == {
        f"{model}/res{SIDE}/n32/seed{seed}" for model in ("pinn", "baseline") for seed in (0, 1)
    }
    # What does not learn stays at the size where it ran first.
    fixed = {run for run in snakemake.runs if run.startswith("iterative")}
    assert fixed == {f"iterative/res{SIDE}/n16/seed{seed}" for seed in (0, 1)}
    assert kept()["grid"]["n_train"] == [8, 16, 32]
    assert kept()["grid"]["seed"] == [0, 1]
    assert {path.name for path in OUT.glob("n_train_*")} == {
        "n_train_8",
        "n_train_16",
        "n_train_32",
    }


def test_a_dry_run_writes_nothing_and_tells_snakemake_so(snakemake: FakeSnakemake) -> None:
    def hashes(plan: Plan, runs: list[Run]) -> None:
        """Leave what the Snakefile leaves when it is read."""
        (Path(plan.study.results) / "data").mkdir(parents=True)
        (Path(plan.study.results) / "data" / "sources.json").write_text("{}")

    snakemake.does = hashes
    before = files(Path())
    assert study("--dry-run", "--n-train-sizes", "8 64", "--cores", "3") == 0
    assert "--dry-run" in snakemake.commands[-1]
    assert snakemake.commands[-1][-3:] == ["--cores", "3", "--dry-run"]
    assert len(snakemake.runs) == 2 * 2 * 2 + 2
    assert files(Path()) == before
    assert not OUT.exists()
    OUT.mkdir()
    assert study("--dry-run") == 0
    assert list(OUT.iterdir()) == []


def test_what_failed_is_not_hidden_and_the_layout_has_what_is_there(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    def half(plan: Plan, runs: list[Run]) -> None:
        work(plan, [run for run in runs if run.n_train == 8])

    snakemake.does, snakemake.status = half, 1
    assert study("--n-train-sizes", "8 64") == 1
    said = capsys.readouterr()
    assert "The same command goes on from here." in said.err
    assert "rows without values, with the reason: 6 missing of the runs" in said.out
    assert (OUT / "n_train_64" / "comparison_metrics.csv").is_file()


def test_without_any_result_nothing_is_written(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(plan: Plan, runs: list[Run]) -> None:
        """Leave nothing."""

    snakemake.does, snakemake.status = nothing, 1
    assert study() == 1
    assert "nothing to write yet" in capsys.readouterr().err
    assert [path.name for path in OUT.iterdir()] == ["study"]


# --- What it refuses


def test_more_than_the_file_has_is_one_error_before_any_job(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, snakemake, "--n-train-sizes", f"8 {TRAINED + 1} 4096")
    assert said == (
        f"--n-train-sizes {TRAINED + 1} 4096: {Path.cwd()}/my train.npz has {TRAINED} patterns to "
        f"train on ({PATTERNS}, less {PATTERNS - TRAINED} for validation); give sizes up to that, "
        'such as --n-train-sizes "8"\n'
    )
    assert not OUT.exists()
    assert study("--n-train-sizes", str(TRAINED)) == 0
    write_base({"grid": {**BASE["grid"], "n_train": [16, 9999]}})
    assert "the config's n_train 9999: " in refused(capsys, snakemake)
    said = refused(capsys, snakemake, "--n-test-images", str(PATTERNS + 1))
    assert f"my test.npz has {PATTERNS} patterns; give at most that" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n-train-sizes", "12 many"], "--n-train-sizes many: should be a whole number from 1"),
        (["--n-train-sizes", "1e3"], "--n-train-sizes 1e3: should be a whole number"),
        (["--n-train-sizes", "0"], "--n-train-sizes 0: should be a whole number"),
        (["--n-train-sizes", "-5"], "--n-train-sizes -5: should be a whole number"),
        (["--n-train-sizes", "12.5"], "--n-train-sizes 12.5: should be a whole number"),
        (["--n-train-sizes", "٣"], "--n-train-sizes ٣: should be a whole number"),
        (["--n-train-sizes", "9" * 400], "should be a whole number from 1 to 1,000,000,000"),
        (["--n-train-sizes", " "], "--n-train-sizes: names no size"),
        (["--n-test-images", "few"], "--n-test-images few: should be a whole number"),
        (["--seeds", "0"], "--seeds 0: should be a whole number from 1 to 1,000"),
        (["--configfile", "no.yaml"], "no.yaml: is not there; name a config with --configfile"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(
    arguments: list[str],
    message: str,
    snakemake: FakeSnakemake,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert message in refused(capsys, snakemake, *arguments)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        (
            "gone.npz",
            None,
            "gone.npz: does not exist; it should be the training scan, an .npz file",
        ),
        ("folder.npz", Path.mkdir, "folder.npz: is no file; it should be the training scan"),
        ("scan.npy", Path.touch, "scan.npy: is no .npz file by its name"),
        ("empty.npz", Path.touch, "empty.npz: cannot be read as .npz (it is empty)"),
        ("broken.npz", lambda path: path.write_bytes(b"PK\3\4xx"), "broken.npz: cannot be read"),
        ("none.npz", lambda path: np.savez(path, a=np.zeros(3)), "none.npz: "),
    ],
)
def test_a_file_that_is_no_scan_is_named(
    name: str,
    make: Callable[[Path], object] | None,
    message: str,
    snakemake: FakeSnakemake,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if make is not None:
        make(Path(name))
    assert message in refused(capsys, snakemake, train=name)
    assert not OUT.exists()


def test_one_scan_for_training_and_test_is_refused(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("linked.npz").symlink_to("my train.npz")
    said = refused(capsys, snakemake, test="linked.npz")
    assert said.startswith("linked.npz: is the training scan too")


def test_a_config_of_another_family_or_with_a_grid_of_its_own_is_refused(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    exclude = [{"model": ["pinn"], "n_train": [16]}]
    write_base({"grid": {**BASE["grid"], "exclude": exclude}})
    assert "its grid has zip, exclude or include" in refused(capsys, snakemake)
    other = {"family": "classification", "dataset": {"name": "elpv"}}
    config = {**other, "models": {"tiny_cnn": None}, "grid": {"resolution": [32]}}
    Path("other.yaml").write_text(yaml.safe_dump(config))
    said = refused(capsys, snakemake, "--configfile", "other.yaml")
    assert "is a study of the family classification" in said


def test_a_folder_of_other_files_is_refused_and_stays(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study("--n-train-sizes", "8", "--n-test-images", "20") == 0
    np.savez("third.npz", **made_arrays(7))
    said = refused(capsys, snakemake, "--n-test-images", "20", train="third.npz")
    assert "holds another study: its training file is my train.npz, not third.npz" in said
    said = refused(capsys, snakemake, "--n-test-images", "30")
    assert "its --n-test-images is 20, not 30. Name another output folder" in said


def test_a_folder_of_the_same_files_read_in_another_way_is_refused_and_stays(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    data = {"name": "scan_files", "train": "a", "test": "b", "photons": 1e4, "gridsize": 2}
    write_base({"dataset": data}, Path("mine.yaml"))
    assert study("--configfile", "mine.yaml") == 0
    changed = {**data, "photons": 1e5, "gridsize": 1, "selection": "sequential"}
    write_base({"dataset": changed}, Path("mine.yaml"))
    said = refused(capsys, snakemake, "--configfile", "mine.yaml", "--n-test-images", "30")
    assert said == (
        f"{Path.cwd() / OUT}: holds another study: its --n-test-images is {PATTERNS}, not 30; its "
        "dataset.gridsize is 2, not 1; its dataset.selection is random, not sequential; its "
        "dataset.photons is 10000.0, not 100000.0. Name another output folder, or set "
        "dataset.gridsize and dataset.selection and dataset.photons back in "
        f"{Path.cwd() / 'mine.yaml'}\n"
    )
    # A default that is written out, or a number in other words, is the same.
    same = {**data, "photons": "1e4", "validation_fraction": 0.1, "selection": "random"}
    write_base({"dataset": same}, Path("mine.yaml"))
    assert study("--configfile", "mine.yaml") == 0


def test_a_place_that_is_taken_is_refused(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    OUT.write_text("mine")
    capsys.readouterr()
    assert study() == 1
    assert "is a file; name a folder to write to" in capsys.readouterr().err
    assert snakemake.commands == []
    OUT.unlink()
    (OUT / "n_train_16").mkdir(parents=True)
    (OUT / "n_train_16" / "comparison_metrics.csv").write_text("mine")
    assert study() == 1
    assert "no export wrote it" in capsys.readouterr().err
    assert (OUT / "n_train_16" / "comparison_metrics.csv").read_text() == "mine"


# --- The script


def script(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = ROOT / "scripts" / "run_generalization_study.sh"
    return subprocess.run(
        [path, *arguments], cwd=cwd, capture_output=True, text=True, env=dict(os.environ)
    )


def test_the_script_says_how_it_is_used(tmp_path: Path) -> None:
    asked, bare = script("--help", cwd=tmp_path), script(cwd=tmp_path)
    assert (asked.returncode, bare.returncode) == (0, 2)
    assert asked.stdout == bare.stderr
    for option in ("--n-train-sizes", "--n-test-images", "--seeds", "--cores", "--dry-run"):
        assert option in asked.stdout


def test_the_script_hands_its_words_on(tmp_path: Path) -> None:
    done = script("no such.npz", "b.npz", "out", "--n-train-sizes", "1 2", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "error: no such.npz: does not exist; it should be the training scan, an .npz file\n"
    )
    assert list(tmp_path.iterdir()) == []
