"""What `studygrid run` makes of presets and configurations when they have run, and collect-only."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import studygrid
from studygrid import VAEExperimentRunner
from studygrid.cli import main
from studygrid.errors import NoRunsError, StudygridError
from studygrid.grid import Run
from studygrid.interchange.vae import INDEX
from studygrid.interchange.vae_documents import COLUMNS
from studygrid.plan import Plan
from tests.conftest import ROOT
from tests.unit.fake_snakemake import DEFAULT, FakeSnakemake, fake_clone
from tests.unit.tagvae_studies import CONFIG
from tests.unit.vae_studies import vae_study

TAGS: dict[str, Any] = {
    **CONFIG,
    "models": {name: CONFIG["models"][name] for name in ("small", "medium", "beta_default")},
    "presets": {"standard": ["small", "medium"], "beta": ["beta_default"]},
    "grid": {"resolution": [32], "n_train": ["all"], "seed": 2},
    "profiling": {"enabled": False},
    "results": "results/tags",
}
COMPARED = Path("results/tags/comparison")
CUSTOM = Path("results/tags_custom/comparison")
MINE = ("--config", "mine", "model=vae/small", "beta=4.0")


class Work:
    """Leaves the records of the runs that are asked for, and keeps those of earlier calls."""

    def __init__(self) -> None:
        self.done: dict[str, set[Run]] = {}
        self.fails: set[Run] = set()

    def __call__(self, plan: Plan, runs: list[Run]) -> None:
        done = self.done.setdefault(plan.study.results, set())
        done.update(runs)
        content = plan.study.model_dump(mode="json") | {"models": plan.resolved()["models"]}

        def fate(run: Run) -> str:
            if run not in done:
                return "missing"
            return "diverged" if run in self.fails else "ok"

        shutil.rmtree(Path(plan.study.results, "runs"), ignore_errors=True)
        vae_study(Path(plan.study.results), fate=fate, **content)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Work) -> FakeSnakemake:
    fake = fake_clone(tmp_path, TAGS, monkeypatch)
    fake.does = work
    return fake


def run(*arguments: str) -> int:
    return main(["run", *arguments])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> list[str]:
    return [row["configuration"] for row in rows(folder / "comparison.csv")]


# --- After a run


def test_a_preset_is_compared_when_it_has_run(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--preset", "standard") == 0
    assert names(COMPARED) == ["small", "medium"]
    assert list(rows(COMPARED / "comparison.csv")[0]) == ["configuration", *COLUMNS]
    said = capsys.readouterr().out
    assert (COMPARED / "comparison_report.txt").read_text() in said
    assert f"wrote {COMPARED}/comparison.csv" in said
    # What an earlier call has run is not compared, unless it is asked for.
    assert run("--preset", "beta") == 0
    assert names(COMPARED) == ["beta_default"]


def test_configurations_are_compared_with_what_is_named_beside_them(
    snakemake: FakeSnakemake,
) -> None:
    assert run("--config", "other", "model=small", "latent=16") == 0
    assert run(*MINE, "--preset", "standard") == 0
    assert names(CUSTOM) == ["small", "medium", "mine"]
    assert not COMPARED.exists()


def test_seeds_of_earlier_calls_count(snakemake: FakeSnakemake) -> None:
    assert run("--preset", "standard", "--seeds", "0") == 0
    assert {row["planned"] for row in rows(COMPARED / "comparison_detailed.csv")} == {"1"}
    assert run("--preset", "standard", "--seeds", "1") == 0
    assert {row["ok"] for row in rows(COMPARED / "comparison_detailed.csv")} == {"2"}


def test_failures_and_runs_that_are_missing_are_said(
    snakemake: FakeSnakemake, work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    work.fails = {Run("small", 32, "all", 0)}
    snakemake.status = 1
    assert run("--preset", "standard") == 1
    said = capsys.readouterr()
    assert "Runs: 4 planned, 3 ok, 1 failed, 0 missing" in said.out
    assert "small, seed 0: diverged: " in said.out
    assert "Not all is done" in said.err


def test_where_no_run_has_ended_there_is_nothing_to_compare(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    snakemake.does = lambda plan, runs: vae_and_nothing(plan)
    snakemake.status = 1
    assert run("--preset", "standard") == 1
    assert "nothing to compare yet: no run has ended" in capsys.readouterr().err
    assert not COMPARED.exists()


def vae_and_nothing(plan: Plan) -> None:
    Path(plan.study.results).mkdir(parents=True)


@pytest.mark.parametrize("arguments", [["--models", "small"], ["--preset", "standard", "-n"], []])
def test_other_calls_compare_nothing(arguments: list[str], snakemake: FakeSnakemake) -> None:
    assert run(*arguments) == 0
    assert not COMPARED.exists()


# --- Collecting


def test_collecting_compares_the_study_and_its_configurations(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--preset", "standard") == 0
    assert run(*MINE, "--seeds", "0") == 0
    snakemake.commands.clear()
    assert run("--collect-only") == 0
    assert snakemake.commands == []
    assert names(COMPARED) == ["small", "medium", "mine"]
    # Planned runs that nobody has asked for yet are no part of it.
    assert "Runs: 5 planned, 5 ok, 0 failed, 0 missing" in capsys.readouterr().out
    report = (COMPARED / "comparison_report.txt").read_text()
    assert "Loss is not comparable" in report


def test_a_warning_tells_of_models_that_code_nothing(snakemake: FakeSnakemake) -> None:
    content = yaml.safe_load(DEFAULT.read_text())
    content["models"] = {"hard": {"architecture": "mlp_vae", "loss": {"beta": 1000.0}}}
    content["presets"] = {"one": ["hard"]}
    DEFAULT.write_text(yaml.safe_dump(content))
    assert run("--preset", "one") == 0
    said = "Collapsed, no latent unit codes anything: hard (2 of 2 runs)"
    assert said in (COMPARED / "comparison_report.txt").read_text()
    assert run("--collect-only") == 0
    assert said in (COMPARED / "comparison_report.txt").read_text()


def test_collecting_a_folder_compares_what_lies_in_it(
    snakemake: FakeSnakemake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    scores = {name: {f"test_{key}": 1.0 for key in ("loss", "bce", "kld")} for name in "ab"}
    scores["b"]["test_bce"] = 2.0
    for name, test in scores.items():
        (folder / f"{name}_metrics.json").write_text(json.dumps({"test": test}))
    (folder / "c_metrics.json").write_text('{"test": {')
    assert run("--collect-only", "--metrics-dir", "theirs") == 0
    assert names(COMPARED) == ["a", "b"]
    said = capsys.readouterr()
    assert "Best=a" in said.out
    assert "c_metrics.json: is not JSON" in said.err
    assert len(rows(COMPARED / "problems.csv")) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--collect-only"], "no run has ended in results/tags/ and results/tags_custom/"),
        (["--collect-only", "--metrics-dir", "nowhere"], "nowhere: does not exist"),
        (["--metrics-dir", "."], "--metrics-dir: names what to collect; give --collect-only too"),
        (["--collect-only", *MINE], "compares all that is there: leave out --config"),
        (["--collect-only", "--preset", "beta", "-n"], "leave out --preset, --dry-run"),
        (["--collect-only", "--seeds", "0", "--", "-q"], "leave out --seeds, what follows --"),
    ],
)
def test_what_cannot_be_collected_is_refused(
    arguments: list[str],
    message: str,
    snakemake: FakeSnakemake,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*arguments) == 1
    assert message in capsys.readouterr().err
    assert snakemake.commands == []


def test_a_run_of_both_folders_is_compared_once(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--preset", "standard") == 0
    assert run(*MINE, "--models", "small") == 0
    record = Path("results/tags_custom/runs/small/res32/nall/seed1")
    differs(record)
    capsys.readouterr()
    assert run("--collect-only") == 0
    assert names(COMPARED) == ["small [tags]", "medium", "small [tags_custom]", "mine"]
    detailed = rows(COMPARED / "comparison_detailed.csv")
    assert [row["ok"] for row in detailed] == ["2", "2", "1", "2"]
    said = " ".join(capsys.readouterr().out.split())
    note = "results/tags_custom: 1 run is left out, with the same weights as in results/tags:"
    assert note in said


def differs(folder: Path) -> None:
    """Make the weights of a run other ones."""
    for name in ("train.json", "evaluate.json"):
        text = (folder / name).read_text()
        assert "of small/" in text
        (folder / name).write_text(text.replace("of small/", "of another small/"))


# --- The folder of a project


def test_a_project_has_the_guides_files_of_all_calls(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    project = ("--vae-project", ".")
    assert run("--preset", "standard", "--seeds", "0", *project) == 0
    first = files(Path("models"))
    assert sorted(first) == [
        f"metrics/{name}_seed0_{kind}.json"
        for name in ("medium", "small")
        for kind in ("metrics", "summary")
    ]
    assert run(*MINE, "--models", "small", "--seeds", "0", *project) == 0
    both = files(Path("models"))
    # The model beside the configuration has run in the study too: that run counts.
    assert {name: both[name] for name in first} == first
    assert sorted(set(both) - set(first)) == [
        f"metrics/mine_seed0_{kind}.json" for kind in ("metrics", "summary")
    ]
    summary = json.loads(both["metrics/mine_seed0_summary.json"])
    assert summary["config"]["loss"]["beta"] == 4
    experiments = Path("outputs/vae_experiments")
    assert names(experiments) == ["small", "mine"]
    assert run("--collect-only", *project) == 0
    assert names(experiments) == ["small", "medium", "mine"]
    assert files(Path("models")) == both
    written = capsys.readouterr().out
    assert "outputs/vae_experiments/comparison_report.txt" in written
    assert not COMPARED.exists()


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


PROJECT = ("--vae-project", ".")


def metrics_there() -> list[str]:
    return sorted(path.name for path in Path("models/metrics").glob("*_metrics.json"))


def test_files_of_other_settings_are_taken_away(snakemake: FakeSnakemake, work: Work) -> None:
    assert run(*MINE, "--models", "small", *PROJECT) == 0
    stay = files(Path("models"))
    work.done.clear()
    changed = ("--config", "mine", "model=small", "beta=8", "--replace", "--models", "small")
    edited = Path("models/metrics/mine_seed1_metrics.json")
    before = edited.read_bytes()
    edited.write_text("{}")
    work.done["results/tags_custom"] = {Run("small", 32, "all", 1)}
    assert run(*changed, "--seeds", "0", *PROJECT) == 1
    assert edited.read_text() == "{}"
    edited.write_bytes(before)
    assert run(*changed, "--seeds", "0", *PROJECT) == 0
    assert metrics_there() == [
        f"{name}_metrics.json" for name in ("mine_seed0", "small_seed0", "small_seed1")
    ]
    assert sorted(path.name for path in Path("outputs/vae_training").iterdir()) == [
        f"{name}-res32-nall-{seed}"
        for name, seed in (("mine", "seed0"), ("small", "seed0"), ("small", "seed1"))
    ]
    now = files(Path("models"))
    assert json.loads(now["metrics/mine_seed0_summary.json"])["config"]["loss"]["beta"] == 8
    assert {name: now[name] for name in stay if "small" in name} == {
        name: content for name, content in stay.items() if "small" in name
    }
    work.fails = {Run("mine", 32, "all", 0)}
    assert run(*changed, "--seeds", "0", *PROJECT) == 0
    assert metrics_there() == ["small_seed0_metrics.json", "small_seed1_metrics.json"]


def test_an_export_and_a_project_have_folders_of_their_own(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--preset", "standard", *PROJECT) == 0
    written = files(Path("models"))
    export = ["export", "results/tags", "--to", "vae", "--output"]
    assert main([*export, ".", "--select", "model=small"]) == 1
    assert "holds what --vae-project wrote" in capsys.readouterr().err
    assert files(Path("models")) == written
    assert main([*export, "exported"]) == 0
    index = Path("exported") / INDEX
    for writer in ("export", None):
        content = json.loads(index.read_text())
        assert content.pop("writer") == "export"
        index.write_text(json.dumps(content | ({"writer": writer} if writer else {})))
        snakemake.commands.clear()
        assert run("--preset", "standard", "--vae-project", "exported") == 1
        assert "exported: holds what `studygrid export` wrote" in capsys.readouterr().err
        assert snakemake.commands == []
        assert main([*export, "exported"]) == 0


def test_every_run_may_have_a_project(snakemake: FakeSnakemake) -> None:
    assert run("--models", "small", "--seeds", "0", *PROJECT) == 0
    assert metrics_there() == ["small_seed0_metrics.json"]
    assert names(Path("outputs/vae_experiments")) == ["small"]


def test_a_comparison_is_printed_though_it_cannot_be_written(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str], work: Work
) -> None:
    theirs = Path("outputs/vae_experiments/comparison.csv")

    def spoil(plan: Plan, runs: list[Run]) -> None:
        work(plan, runs)
        theirs.parent.mkdir(parents=True)
        theirs.write_text("mine\n")

    snakemake.does = spoil
    assert run("--preset", "standard", *PROJECT) == 1
    said = capsys.readouterr()
    assert "VAE CONFIGURATION COMPARISON REPORT" in said.out
    assert "no export wrote it" in said.err
    assert theirs.read_text() == "mine\n"


def test_a_file_of_somebody_else_is_not_written_over(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = Path("outputs/vae_experiments/comparison.csv")
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine\n")
    assert run("--preset", "standard", "--vae-project", ".") == 1
    assert "name another --vae-project" in capsys.readouterr().err
    assert theirs.read_text() == "mine\n"
    assert snakemake.commands == []
    assert not Path("results").exists()
    assert run(*MINE, *PROJECT) == 1
    assert snakemake.commands == []
    assert not Path("results").exists()


def test_a_project_is_of_tag_vaes(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = {"family": "classification", "dataset": {"name": "elpv"}, "models": {"tiny_cnn": None}}
    Path("cells.yaml").write_text(yaml.safe_dump({**cells, "grid": {"resolution": [32]}}))
    assert run("--configfile", "cells.yaml", "--preset", "all", "--vae-project", ".") == 1
    assert "the layout vae is for tag VAEs" in capsys.readouterr().err
    assert snakemake.commands == []


# --- The runner in Python


@pytest.fixture
def runner(snakemake: FakeSnakemake, tmp_path: Path) -> VAEExperimentRunner:
    return VAEExperimentRunner(tmp_path, DEFAULT)


def test_the_runner_does_what_the_guide_shows(
    runner: VAEExperimentRunner, snakemake: FakeSnakemake, tmp_path: Path
) -> None:
    frame = runner.run_configuration(
        config_name="my_experiment",
        model_variant="small",
        trainer_variant="default",
        epochs=300,
        batch_size=64,
        lr=1e-3,
        hidden_dim=[64, 32],
    )
    assert list(frame["seed"]) == [0, 1]
    assert set(frame["model"]) == {"my_experiment"}
    model = snakemake.plans[-1].models["my_experiment"]
    assert (model.training.epochs, model.training.batch_size) == (300, 64)
    assert model.training.learning_rate == 1e-3
    assert model.options.model_dump()["hidden"] == [64, 32]
    results = runner.collect_results()
    df = runner.compare_configurations(results)
    assert list(df.columns) == ["configuration", *COLUMNS]
    assert list(df["configuration"]) == ["my_experiment"]
    assert df["test_bce"][0] == pytest.approx(frame["test_bce"].mean())
    path = runner.save_comparison(df)
    assert path == tmp_path / "outputs" / "vae_experiments" / "comparison.csv"
    pd.testing.assert_frame_equal(pd.read_csv(path), df)
    report = runner.generate_summary_report(df)
    assert (path.parent / "comparison_report.txt").read_text() == report
    assert "Best=my_experiment" in report
    metrics = runner.collect_results(tmp_path / "models" / "metrics")
    assert list(runner.compare_configurations(metrics)["configuration"]) == ["my_experiment"]
    elsewhere = runner.save_comparison(df, tmp_path / "elsewhere")
    assert elsewhere.read_bytes() == path.read_bytes()


def test_the_runner_compares_a_folder_of_metrics(
    runner: VAEExperimentRunner, snakemake: FakeSnakemake, tmp_path: Path
) -> None:
    assert run("--preset", "standard", "--vae-project", ".") == 0
    df = runner.compare_configurations(runner.collect_results(Path("models/metrics")))
    assert sorted(df["configuration"]) == ["medium", "small"]
    own = runner.compare_configurations(runner.collect_results())
    assert sorted(own["test_bce"]) == pytest.approx(sorted(df["test_bce"]))


def test_the_runner_names_folders_from_the_present_one(
    runner: VAEExperimentRunner, snakemake: FakeSnakemake, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("--preset", "standard", *PROJECT) == 0
    monkeypatch.chdir("models")
    collected = runner.compare_configurations(runner.collect_results("metrics"))
    for given in ("metrics", Path("metrics"), [Path("metrics")]):
        found = runner.compare_configurations(given)
        pd.testing.assert_frame_equal(found, collected)


def test_the_runner_takes_numbers_of_numpy(
    runner: VAEExperimentRunner, snakemake: FakeSnakemake
) -> None:
    settings: dict[str, Any] = {"epochs": np.int64(5), "lr": np.float32(0.5)}
    runner.run_configuration("mine", "small", hidden_dim=[np.int64(64), np.int64(32)], **settings)
    model = snakemake.plans[-1].models["mine"]
    assert (model.training.epochs, model.training.learning_rate) == (5, 0.5)
    assert model.options.model_dump()["hidden"] == [64, 32]
    with pytest.raises(StudygridError, match="lr: a PosixPath is no value"):
        runner.run_configuration("other", "small", lr=Path("a"))  # type: ignore[arg-type]


def test_the_runner_refuses_the_folder_of_an_export(
    runner: VAEExperimentRunner, snakemake: FakeSnakemake
) -> None:
    assert run("--preset", "standard") == 0
    assert main(["export", "results/tags", "--to", "vae", "--output", "."]) == 0
    snakemake.commands.clear()
    with pytest.raises(StudygridError, match="holds what `studygrid export` wrote"):
        runner.run_configuration("mine", "small")
    assert snakemake.commands == []


def test_the_runner_says_why_a_run_failed(runner: VAEExperimentRunner, work: Work) -> None:
    work.fails = {Run("mine", 32, "all", 1)}
    with pytest.raises(StudygridError) as error:
        runner.run_configuration("mine", "small", beta=4.0)
    said = str(error.value)
    assert "mine: 1 of 2 runs did not end well:" in said
    assert "results/tags_custom/runs/mine/res32/nall/seed1: diverged: " in said


def test_the_runner_refuses_what_the_command_refuses(
    runner: VAEExperimentRunner, tmp_path: Path
) -> None:
    with pytest.raises(StudygridError, match="--config mine: epochs: should be greater than 0"):
        runner.run_configuration("mine", "small", epochs=0)
    with pytest.raises(StudygridError, match="did you mean 'small'"):
        runner.run_configuration("mine", "smal")
    with pytest.raises(NoRunsError, match="nothing to compare yet"):
        runner.collect_results()
    with pytest.raises(StudygridError, match="has no Snakefile of studygrid"):
        VAEExperimentRunner(tmp_path / "elsewhere")
    with pytest.raises(StudygridError, match="not what compare_configurations"):
        runner.generate_summary_report(pd.DataFrame({"configuration": ["a"]}))


def test_the_runner_passes_options_on(snakemake: FakeSnakemake, tmp_path: Path) -> None:
    runner = VAEExperimentRunner(tmp_path, DEFAULT, ["--seeds", "1"])
    frame = runner.run_configuration("mine", "small")
    assert list(frame["seed"]) == [1]
    assert snakemake.runs == ["mine/res32/nall/seed1"]


def test_the_runner_is_part_of_the_package() -> None:
    assert studygrid.VAEExperimentRunner is VAEExperimentRunner
    assert "VAEExperimentRunner" in studygrid.__all__


# --- The script


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Return the script in a project of its own, whose Python says how it was called."""
    root = tmp_path / "a project"
    (root / "scripts").mkdir(parents=True)
    path = root / "scripts" / "run_vae_comparison.sh"
    path.write_bytes((ROOT / "scripts" / path.name).read_bytes())
    path.chmod(0o755)
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "print(json.dumps([os.environ['PYTHONPATH'], os.getcwd(), *sys.argv[1:]]))\n"
    )
    python.chmod(0o755)
    return path


def called(script: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [str(script), *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--preset", "standard"],
        ["--config", "my vae", "model=vae/small", "hidden=[64, 32]", "--config", "b", "lr=5e-4"],
        ["--collect-only", "--metrics-dir", "./models/metrics"],
        ["--preset", "all", "--seeds", "0", "-n", "--", "--quiet", "all"],
    ],
    ids=["preset", "config", "collect", "snakemake"],
)
def test_the_script_is_studygrid_run(arguments: list[str], script: Path, tmp_path: Path) -> None:
    done = called(script, *arguments, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    root = script.parents[1]
    source, folder, *rest = json.loads(done.stdout)
    assert (source, folder) == (str(root / "src"), str(tmp_path))
    config = str(root / "config" / "studies" / "tags.yaml")
    start = ["-m", "studygrid.cli", "run", "--configfile", config, "--vae-project", str(root)]
    assert rest == [*start, *arguments]


def test_the_script_takes_another_study(script: Path, tmp_path: Path) -> None:
    done = called(script, "--preset", "beta", "--configfile", "mine.yaml", folder=tmp_path)
    assert json.loads(done.stdout)[5:7] == ["--configfile", "mine.yaml"]
    assert called(script, "--configfile", folder=tmp_path).returncode != 0


def test_the_script_tells_how_it_is_used(script: Path, tmp_path: Path) -> None:
    asked = called(script, "--help", folder=tmp_path)
    assert asked.returncode == 0
    for option in ("--preset", "--config", "--collect-only", "--metrics-dir"):
        assert option in asked.stdout
    nothing = called(script, folder=tmp_path)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (2, "", asked.stdout)
