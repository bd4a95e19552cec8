"""`studygrid run`: what it asks Snakemake for, and what it says and leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from studygrid.cli import main
from studygrid.commands import run as command
from studygrid.commands import study_part
from studygrid.errors import ConfigError
from studygrid.plan import Plan, make_plan
from tests.unit.resomap_studies import strict_json, write_failure, write_scores, write_study

CONFIG: dict[str, Any] = {
    "name": "Cells",
    "family": "classification",
    "dataset": {"name": "elpv"},
    "models": {"simple_cnn": None, "tiny_cnn": None},
    "grid": {
        "resolution": [32, 48],
        "n_train": [64, "all"],
        "seed": 2,
        "exclude": [{"model": "tiny_cnn", "n_train": 64}],
    },
    "profiling": {"batch_sizes": [1, 8]},
}
RESULTS = Path("results")


class Snakemake:
    """Stands in for Snakemake: keeps its command line and does as told."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.commands, self.status = plan, [], 0
        self.commands: list[list[str]]
        self.does: Callable[[], None] = lambda: None

    def __call__(self, arguments: list[str], folder: Path) -> int:
        assert Path.cwd() == folder
        self.commands.append(arguments)
        self.does()
        return self.status

    @property
    def arguments(self) -> list[str]:
        (only,) = self.commands
        assert only[:3] == [sys.executable, "-m", "snakemake"]
        return only[3:]

    @property
    def targets(self) -> list[str]:
        ends = [at for at, part in enumerate(self.arguments) if part.startswith("-")]
        return self.arguments[: ends[0]]


@pytest.fixture
def snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snakemake:
    """Return the stand-in, in a folder that looks like a clone."""
    (tmp_path / "workflow" / "rules").mkdir(parents=True)
    (tmp_path / "workflow" / "rules" / "common.smk").write_text("")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    monkeypatch.chdir(tmp_path)
    fake = Snakemake(make_plan(CONFIG))
    monkeypatch.setattr(command, "call", fake)
    return fake


def experiments(*arguments: str) -> int:
    return main(["run", *arguments])


# --- What is started


def test_the_whole_grid_is_asked_for_by_its_records(snakemake: Snakemake) -> None:
    assert experiments() == 0
    plan = snakemake.plan
    assert len(plan.runs) == 12
    assert snakemake.targets == [
        *(f"results/runs/{run.path}/evaluate.json" for run in plan.runs),
        "results/profiles/simple_cnn/res32.json",
        "results/profiles/simple_cnn/res48.json",
        "results/profiles/tiny_cnn/res32.json",
        "results/profiles/tiny_cnn/res48.json",
        "results/study.yaml",
    ]
    assert snakemake.arguments[len(snakemake.targets) :] == ["--cores", "all"]


@pytest.mark.parametrize(
    ("arguments", "targets"),
    [
        (
            ["--models", "tiny_cnn", "--resolutions", "48", "--seeds", "1"],
            ["runs/tiny_cnn/res48/nall/seed1/evaluate.json", "profiles/tiny_cnn/res48.json"],
        ),
        (
            ["--sizes", "64", "--seeds", "0", "--resolutions", "32,48"],
            [
                "runs/simple_cnn/res32/n64/seed0/evaluate.json",
                "runs/simple_cnn/res48/n64/seed0/evaluate.json",
                "profiles/simple_cnn/res32.json",
                "profiles/simple_cnn/res48.json",
            ],
        ),
        (
            ["--models", "tiny_cnn", "simple_cnn", "--sizes=all", "--resolutions=32", "--seeds=1"],
            [
                "runs/simple_cnn/res32/nall/seed1/evaluate.json",
                "runs/tiny_cnn/res32/nall/seed1/evaluate.json",
                "profiles/simple_cnn/res32.json",
                "profiles/tiny_cnn/res32.json",
            ],
        ),
    ],
)
def test_the_part_that_is_named_is_asked_for(
    arguments: list[str], targets: list[str], snakemake: Snakemake
) -> None:
    assert experiments(*arguments) == 0
    assert snakemake.targets == [f"results/{name}" for name in [*targets, "study.yaml"]]


def test_without_profiling_no_profile_is_asked_for(snakemake: Snakemake) -> None:
    Path("mine.yaml").write_text(yaml.safe_dump({**CONFIG, "profiling": {"enabled": False}}))
    assert experiments("--configfile", "mine.yaml") == 0
    assert not [name for name in snakemake.targets if "profiles" in name]
    assert snakemake.arguments[-4:-2] == ["--configfile", str(Path("mine.yaml").absolute())]


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        (["--cores", "3"], ["--cores", "3"]),
        (["--profile", "slurm"], ["--profile", "slurm"]),
        (["--profile", "slurm", "--cores", "2"], ["--profile", "slurm", "--cores", "2"]),
        (["--dry-run"], ["--cores", "all", "--dry-run"]),
        (["-n"], ["--cores", "all", "--dry-run"]),
        (
            ["--cores", "1", "--", "--rerun-triggers", "mtime", "-q"],
            ["--cores", "1", "--rerun-triggers", "mtime", "-q"],
        ),
    ],
)
def test_options_go_to_snakemake(
    arguments: list[str], passed: list[str], snakemake: Snakemake
) -> None:
    assert experiments("--models", "tiny_cnn", *arguments) == 0
    assert snakemake.arguments[len(snakemake.targets) :] == passed


@pytest.mark.parametrize("status", [1, 130])
def test_the_exit_status_of_snakemake_is_passed_on_with_a_hint(
    status: int, snakemake: Snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    snakemake.status = status
    assert experiments() == status
    assert "The same command goes on from here." in capsys.readouterr().err


# --- What it says


def test_it_says_what_it_starts_and_how_much_is_there(
    snakemake: Snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = snakemake.plan
    write_scores(plan, RESULTS, plan.runs[0])
    write_failure(plan, RESULTS, plan.runs[1])
    assert experiments("--models", "simple_cnn", "--sizes", "64") == 0
    said = capsys.readouterr().err
    for line in (
        "Cells: classification on elpv",
        "model        1: simple_cnn",
        "resolution   2: 32, 48 px",
        "n_train      1: 64",
        "seed         2: 0, 1",
        "2 cells, 4 runs, 2 profiles",
        "starting 4 of the study's 12 runs; 2 have records already (1 of them failed)",
    ):
        assert line in said, line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "tiny_cn"], "did you mean 'tiny_cnn'"),
        (["--models", "vgg11"], "no run has model=vgg11"),
        (["--resolutions", "224"], "no run has resolution=224"),
        (["--sizes", "65"], "no run has n_train=65"),
        (["--seeds", "2"], "no run has seed=2"),
        (["--models", "tiny_cnn", "--sizes", "64"], "its grid leaves it out"),
        (["tiny_cnn"], "A model is named with --models"),
        (["--", "--config", "name=x"], "--configfile before the --"),
        (["--", "-s", "Other"], "--configfile before the --"),
        (["--", "--configfile=x.yaml"], "--configfile before the --"),
    ],
)
def test_what_the_study_has_not_is_refused_before_anything_starts(
    arguments: list[str],
    message: str,
    snakemake: Snakemake,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert experiments(*arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert snakemake.commands == []


def test_a_value_that_is_refused_is_told_where_to_add_it(
    snakemake: Snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert experiments("--resolutions", "224") == 1
    assert "add it to config/config.yaml" in capsys.readouterr().err


def test_every_problem_of_the_config_is_listed_as_snakemake_does(
    snakemake: Snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {**CONFIG, "grdi": 1, "training": {"learning_rate": -1}}
    path = Path("config/config.yaml")
    path.write_text(yaml.safe_dump(broken))
    assert experiments() == 1
    said = capsys.readouterr().err
    # As workflow/rules/common.smk does it.
    with pytest.raises(ConfigError) as error:
        make_plan(yaml.safe_load(path.read_text()), [path.absolute()])
    assert said == f"error: {error.value}\n"
    assert "grdi" in said
    assert "learning_rate" in said
    assert snakemake.commands == []


def test_it_works_from_another_folder_of_the_clone_only_if_it_finds_the_snakefile(
    snakemake: Snakemake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.yaml").write_text(yaml.safe_dump(CONFIG))
    monkeypatch.chdir(elsewhere)
    package = tmp_path / "src" / "studygrid" / "commands" / "run.py"
    monkeypatch.setattr(study_part, "__file__", str(package))
    assert experiments("--models", "tiny_cnn", "--configfile", "mine.yaml") == 0
    assert str(elsewhere / "mine.yaml") in snakemake.arguments
    assert Path.cwd() == elsewhere
    monkeypatch.setattr(study_part, "__file__", str(tmp_path / "a" / "b" / "c" / "d" / "run.py"))
    assert experiments("--configfile", "mine.yaml") == 1


# --- What it leaves


def test_the_files_of_the_guide_are_there_afterwards_and_named(
    snakemake: Snakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = snakemake.plan

    def work() -> None:
        write_study(plan, RESULTS)
        for run in plan.runs:
            if run.model == "tiny_cnn" and run.resolution == 32:
                write_scores(plan, RESULTS, run, accuracy=0.75)

    write_scores(plan, RESULTS, plan.runs[0])
    snakemake.does = work
    assert experiments("--models", "tiny_cnn") == 0
    said = capsys.readouterr()
    # Cells of earlier calls have their files too; those of this call are named.
    folder = RESULTS / "test_results"
    assert {path.name for path in folder.iterdir()} == {
        "simple_cnn_32_n64.json",
        "tiny_cnn_32_nall.json",
    }
    assert said.out == "results/test_results/tiny_cnn_32_nall.json\n"
    assert "1 of these 2 cells have no result yet" in said.err
    found = strict_json(folder / "tiny_cnn_32_nall.json")
    assert (found["test_metrics"]["accuracy"], found["num_runs"]) == (0.75, 2)


def test_after_a_failure_what_is_there_is_written_all_the_same(snakemake: Snakemake) -> None:
    plan = snakemake.plan
    snakemake.status = 1
    snakemake.does = lambda: write_scores(plan, RESULTS, plan.runs[0])
    assert experiments() == 1
    assert [path.name for path in (RESULTS / "test_results").iterdir()] == [
        "simple_cnn_32_n64.json"
    ]


def test_a_dry_run_writes_nothing(snakemake: Snakemake) -> None:
    plan = snakemake.plan
    write_scores(plan, RESULTS, plan.runs[0])
    assert experiments("--dry-run") == 0
    assert not (RESULTS / "test_results").exists()


# --- The process


def test_the_status_of_a_program_is_that_of_a_shell(tmp_path: Path) -> None:
    assert command.call([sys.executable, "-c", "raise SystemExit(3)"], tmp_path) == 3
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert command.call([sys.executable, "-c", killed], tmp_path) == 137


_PARENT = """
import sys
from pathlib import Path
from studygrid.commands.run import call
sys.exit(call([sys.executable, "-c", sys.argv[1]], Path.cwd()))
"""
_CHILD = """
import signal, sys, time
def stop(number, frame):
    print("cleaned up after", signal.Signals(number).name, flush=True)
    sys.exit(7)
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupt_reaches_snakemake_which_is_waited_for(name: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PARENT, _CHILD],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    if name == "SIGINT":  # Ctrl-C goes to all of the terminal's group
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()
    assert process.stdout.read() == f"cleaned up after {name}\n"
    assert process.wait(timeout=30) == 7
    process.stdout.close()
