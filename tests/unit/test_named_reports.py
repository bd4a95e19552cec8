"""Reports by name: finding one, its config, its folder, and what becomes of what is wrong."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from studygrid.backlinks import POINTER, read_pointers
from studygrid.cli import main
from studygrid.commands import named_report
from studygrid.errors import ConfigError, NoRunsError, SelectionError, StudygridError
from studygrid.grid import Run
from studygrid.named_reports import NamedReport, discovery
from studygrid.named_reports.discovery import find_report
from studygrid.named_reports.output import final_folder, finish_folder, make_folder
from studygrid.named_reports.running import MadeReport, make_report
from tests.unit.made_study import made_study

CODE = '''
"""A report of one figure."""

from matplotlib.figure import Figure as Canvas

from studygrid.named_reports import *


def losses(inputs):
    runs = inputs.runs_df[["run_dir", "loss.total_best"]]
    figure = Canvas(figsize=(7, 2))
    figure.subplots().plot(runs["loss.total_best"], label="runs")
    return drawing(figure, runs, title="Losses & <more>", caption=f"{len(runs)} runs.")


REPORT = NamedReport(title="One <figure>", figures={"losses": losses})
'''
CONFIG = "thresholds: {val_mse: 0.1, other: null}\n"


def fate(run: Run) -> str:
    return "diverged" if run.seed == 2 else "ok"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with `results` of two models and three seeds, and the report `one.py`."""
    study = made_study(
        tmp_path / "results", fate=fate, grid={"resolution": [32], "n_train": ["all"], "seed": 3}
    )
    content = yaml.safe_dump(study.plan.resolved(), sort_keys=False)
    (tmp_path / "results" / "study.yaml").write_text(content)
    (tmp_path / "one.py").write_text(CODE)
    (tmp_path / "one.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def make(*words: str, name: str = "one.py", folder: Path | None = None) -> MadeReport:
    return make_report(find_report(name, folder), words or ("inputs.sweep_dir=results",))


def content_of(made: MadeReport) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((made.folder / "manifest.yaml").read_text())
    return content


def changed(desk: Path, old: str, new: str) -> None:
    assert old in CODE
    (desk / "one.py").write_text(CODE.replace(old, new))


def test_a_report_is_a_folder_of_its_own_named_by_time_and_report(desk: Path) -> None:
    first, second = make(), make()
    assert re.fullmatch(r"report_\d{8}-\d{6}(-\d+)?_one", first.folder.name)
    assert first.folder.parent == Path("outputs/reports")
    assert first.folder != second.folder
    assert (first.folder / "manifest.yaml").is_file()


def test_reports_of_one_second_have_numbers(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    at = datetime(2025, 11, 3, 14, 28, 13, tzinfo=UTC)
    names = [finish_folder(make_folder(tmp_path, "one", at)).name for _ in range(2)]
    names.append(final_folder(make_folder(tmp_path, "one", at)).name)
    assert final_folder(make_folder(tmp_path, "one", at)).name.startswith(
        "report_20251103-142813-4"
    )
    assert names == [
        "report_20251103-142813_one",
        "report_20251103-142813-2_one",
        "report_20251103-142813-3_one",
    ]


def test_a_report_that_is_stopped_leaves_no_folder_of_its_name(desk: Path) -> None:
    changed(desk, "    runs = inputs", "    raise KeyboardInterrupt\n    runs = inputs")
    with pytest.raises(KeyboardInterrupt):
        make()
    (left,) = Path("outputs/reports").iterdir()
    assert re.fullmatch(r"\.report_\d{8}-\d{6}_one\.part", left.name)
    assert not list((desk / "results").rglob(POINTER))


def test_a_word_for_autocast_is_refused_in_one_message(desk: Path) -> None:
    with pytest.raises(ConfigError) as error:
        make("inputs.sweep_dir=results", "inference.autocast=bf16")
    (line,) = str(error.value).splitlines()[1:]
    assert 'inference.autocast: should be one of auto, true, false (it is "bf16")' in line


def test_the_summary_has_a_row_a_run_that_has_ended(desk: Path) -> None:
    made = make()
    frame = pd.read_csv(made.folder / "training" / "summary.csv")
    assert sorted(zip(frame["model"], frame["seed"], strict=True)) == [
        ("simple_cnn", 0), ("simple_cnn", 1), ("tiny_cnn", 0), ("tiny_cnn", 1),
    ]  # fmt: skip
    summary = json.loads((made.folder / "training" / "summary.json").read_text())
    assert (summary["num_runs"], summary["num_incomplete"]) == (4, 2)
    assert summary["sweep_params"]["seed"] == [0, 1]
    assert "resolution" not in summary["sweep_params"]
    assert all("diverged" in run["reason"] for run in summary["incomplete"])


def test_the_manifest_names_runs_data_filters_and_what_was_left_out(desk: Path) -> None:
    made = make("inputs.sweep_dir=results", "inputs.select.model=[tiny_cnn]", "thresholds.other=2")
    content = content_of(made)
    assert content["report_id"] == made.folder.name
    assert content["created_at"].endswith("+00:00")
    assert content["filters"] == {"model": ["tiny_cnn"]}
    assert content["thresholds"] == {"val_mse": 0.1, "other": 2.0}
    assert content["inference"]["enabled"] is False
    assert len(content["models"]) == 2
    for model in content["models"]:
        assert {"run_id", "checkpoint", "config_sha1"} < set(model)
        assert (made.folder / model["run_dir"] / "train.json").is_file()
    assert {found["sha256"] for found in content["datasets"]} == {"d"}
    assert {found["split"] for found in content["datasets"]} == {"train", "validation"}
    assert len(content["incomplete"]) == 2
    assert [figure["name"] for figure in content["figures"]] == ["losses"]
    assert (made.folder / content["figures"][0]["numbers"]).is_file()
    assert content["report"]["overrides"][-1] == "thresholds.other=2"


def test_each_run_of_a_report_points_to_it_once(desk: Path) -> None:
    made = make()
    run = desk / "results" / content_of(made)["models"][0]["run_dir"].partition("results/")[2]
    (pointer,) = read_pointers(run)
    assert pointer == (made.folder.name, (made.folder / "manifest.yaml").resolve())
    again = make()
    assert [name for name, _ in read_pointers(run)] == [made.folder.name, again.folder.name]
    left_out = desk / "results" / "runs" / "tiny_cnn" / "res32" / "nall" / "seed2"
    assert left_out.is_dir()
    assert not (left_out / POINTER).exists()


def test_the_page_has_the_figure_the_runs_and_what_was_left_out(desk: Path) -> None:
    page = (make().folder / "report.html").read_text("utf-8")
    assert "Losses &amp; &lt;more&gt;" in page
    assert "One &lt;figure&gt;" in page
    assert "<figure>" in page
    assert "Left out" in page
    assert "diverged" in page


def test_everything_wrong_with_a_config_is_said_at_once(desk: Path) -> None:
    (desk / "one.yaml").write_text(CONFIG + "output: {}\ninference: {batch_size: none}\n")
    with pytest.raises(ConfigError) as error:
        make(
            "inputs.sweep_dir=results",
            "inputs.run_dirs=[a]",
            "inference.enable=true",
            "outputs.which_figures=[loss, losses, losses]",
            "thresholds.val_mae=1",
            "nonsense",
            "env.output_root=",
        )
    lines = str(error.value).splitlines()
    assert lines[0] == "the config of the report one has 9 problems; nothing was written:"
    said = "\n".join(lines[1:])
    for part in (
        "one.yaml:2: output: unknown key ({}); did you mean 'outputs'?".replace(
            "({})", "(it is {})"
        ),
        'one.yaml:3: inference.batch_size: should be a whole number (it is "none")',
        "inputs: has both sweep_dir and run_dirs",
        "inference.enable: unknown key (it is true); did you mean 'enabled'?",
        'outputs.which_figures[0]: the report has no such figure (it is "loss"); did you mean '
        "'losses'? All: losses",
        "outputs.which_figures[2]: is named twice",
        "thresholds.val_mae: the report has no such threshold; did you mean 'val_mse'?",
        "command line: nonsense: should be key=value",
        "command line: env.output_root=: has no value",
    ):
        assert part in said
    assert not (desk / "outputs").exists()


def test_figures_of_inference_may_stand_in_the_yaml_but_are_not_asked_for_in_vain(
    desk: Path,
) -> None:
    changed(desk, "figures={", 'inference_figures={"scores": losses}, figures={')
    (desk / "one.yaml").write_text("outputs: {which_figures: [losses, scores]}\n")
    made = make()
    assert [figure["name"] for figure in content_of(made)["figures"]] == ["losses"]
    with pytest.raises(
        ConfigError, match=r"inference phase, which is off.*inference\.enabled=true"
    ):
        make("inputs.sweep_dir=results", "outputs.which_figures=[losses, scores]")


def test_the_command_line_overrides_the_yaml(desk: Path) -> None:
    (desk / "one.yaml").write_text("inputs: {sweep_dir: nowhere, select: {seed: 1}}\n")
    made = make("inputs.run_dirs=[results/runs/*/res32/nall/seed*]", "inputs.select.model=tiny_cnn")
    frame = pd.read_csv(made.folder / "training" / "summary.csv")
    assert list(zip(frame["model"], frame["seed"], strict=True)) == [("tiny_cnn", 1)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report=other.py"], "report is a key for the YAML alone; name the report with"),
        (["outputs.which_figures=[losses]", "outputs.which_figures.a=1"], "is no section"),
        (["inputs=here"], "inputs: should be a section"),
        (["thresholds={val_mea: 1}"], "did you mean 'val_mse'?"),
        (["thresholds={val_mse: 1}", "thresholds.val_mse=2"], "the key is given twice"),
        (["outputs.which_figures=[losses"], "the value is not YAML"),
    ],
)
def test_an_override_that_would_change_nothing_is_refused(
    desk: Path, words: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        make("inputs.sweep_dir=results", *words)


def test_an_override_of_a_section_leaves_its_other_keys(desk: Path) -> None:
    made = make("inputs.sweep_dir=results", "thresholds={other: 4}")
    assert content_of(made)["thresholds"] == {"val_mse": 0.1, "other": 4.0}


@pytest.mark.parametrize("text", ["- a\n- b\n", "inputs: here\n", "just text\n"])
def test_a_yaml_of_another_shape_is_refused(desk: Path, text: str) -> None:
    (desk / "one.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"one\.yaml.*should be a section"):
        make()


@pytest.mark.parametrize(
    ("words", "kind", "parts"),
    [
        (["inputs.sweep_dir=nowhere"], NoRunsError, ["No valid runs found", "nowhere"]),
        (
            ["inputs.run_dirs=[results/runs/*/*/*/seed2]"],
            NoRunsError,
            ["No valid runs found", "diverged"],
        ),
        (
            ["inputs.sweep_dir=results", "inputs.select.modle=[tiny_cnn]"],
            SelectionError,
            ["modle", "did you mean 'model'?"],
        ),
        (
            ["inputs.sweep_dir=results", "inputs.select.model=[huge_cnn]"],
            SelectionError,
            ["huge_cnn", "tiny_cnn, simple_cnn"],
        ),
        (
            ["inputs.sweep_dir=results", "inference.enabled=true"],
            StudygridError,
            ["4 of 4 runs cannot be scored", "weights are not there", "data=FOLDER/data.json"],
        ),
    ],
)
def test_what_no_report_can_be_made_of_is_refused_before_anything_is_written(
    desk: Path, words: list[str], kind: type[Exception], parts: list[str]
) -> None:
    with pytest.raises(kind) as error:
        make(*words)
    assert [part for part in parts if part not in str(error.value)] == []
    assert not (desk / "outputs").exists()
    assert not list((desk / "results").rglob(POINTER))


def test_a_figure_that_fails_does_not_take_the_others_with_it(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = (
        "def broken(inputs):\n    return inputs.runs_df['absent']\n\n\n"
        "def undrawn(inputs):\n    return Canvas()\n\n\nREPORT = "
    )
    code = CODE.replace("REPORT = ", more).replace(
        '"losses": losses', '"broken": broken, "undrawn": undrawn, "losses": losses'
    )
    (desk / "one.py").write_text(code)
    line = code.splitlines().index("    return inputs.runs_df['absent']") + 1
    assert main(["report", "--config-name", "one.py", "inputs.sweep_dir=results"]) == 1
    out, err = capsys.readouterr()
    folder = Path(out.strip())
    assert "2 not drawn or written:" in err
    assert "broken: KeyError" in err
    assert "undrawn: its function returned a Figure, not a Drawing" in err
    assert f'one.py", line {line}' in (folder / "errors.log").read_text()
    page = (folder / "report.html").read_text("utf-8")
    assert "Not drawn" in page
    assert "Losses &amp; &lt;more&gt;" in page
    content = yaml.safe_load((folder / "manifest.yaml").read_text())
    assert [one["name"] for one in content["not_made"]] == ["broken", "undrawn"]


def test_a_section_may_not_place_a_figure_that_is_not_there(desk: Path) -> None:
    changed(
        desk,
        "figures={",
        "sections=lambda inputs: [Section('a', 'A', (Figure('loss'),))], figures={",
    )
    (failed,) = make().failed
    assert "places the figure 'loss'" in failed.reason
    assert "it has losses" in failed.reason


def test_a_threshold_that_the_yaml_has_not_is_named(desk: Path) -> None:
    changed(desk, "    runs = inputs", "    inputs.threshold('val_mes')\n    runs = inputs")
    (failed,) = make().failed
    assert "thresholds.val_mes" in failed.reason
    assert "did you mean 'val_mse'?" in failed.reason
    assert failed.trace == ""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\n", "has no REPORT"),
        ("REPORT = 3\n", "REPORT is a int, not a NamedReport"),
        ("x = (\n", "one.py:1: is not Python"),
        ("x = 1\ny = 1 / 0\n", "one.py:2: ZeroDivisionError"),
        (CODE.replace('"losses": losses', '"../up": losses'), "its name names its files"),
        (
            CODE.replace("figures={", 'inference_figures={"losses": losses}, figures={'),
            "is of both phases",
        ),
    ],
)
def test_a_file_that_is_no_report_is_refused(desk: Path, code: str, said: str) -> None:
    (desk / "one.py").write_text(code)
    with pytest.raises(ConfigError, match=re.escape(said)):
        find_report("one.py")


def test_a_report_is_found_by_path_folder_and_yaml(desk: Path) -> None:
    (desk / "variant.yaml").write_text("report: one.py\nthresholds: {val_mse: 3}\n")
    (desk / "tokens.yaml").write_text("report: compare_tokenizers\n")
    by_path, by_yaml = find_report("one.py"), find_report("one.yaml")
    in_folder, variant = find_report("one", desk), find_report("variant", desk)
    assert {found.name for found in (by_path, by_yaml, in_folder)} == {"one"}
    assert find_report(str(desk / "one")).yaml == desk / "one.yaml"
    assert by_path.yaml == by_yaml.yaml == desk / "one.yaml"
    assert (variant.name, variant.report.title) == ("variant", "One <figure>")
    assert find_report("tokens", desk).source == "built in"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("compare_tokenisers", "did you mean 'compare_tokenizers'?"),
        ("missing.py", "there is no such file"),
        ("one.txt", "a report is a .py or .yaml file"),
        ("bad name.py", "rename it"),
        ("lost.yaml", "whose config is it?"),
        ("astray.yaml", "there is no file"),
    ],
)
def test_a_wrong_name_is_refused_with_the_choices(desk: Path, name: str, said: str) -> None:
    (desk / "bad name.py").write_text(CODE)
    (desk / "one.txt").write_text(CODE)
    (desk / "lost.yaml").write_text("thresholds: {}\n")
    (desk / "astray.yaml").write_text("report: gone.py\n")
    with pytest.raises(ConfigError, match=re.escape(said)):
        find_report(name)


def test_an_installed_report_is_found_by_its_entry_point(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = desk / "package_of_reports"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "code.py").write_text(CODE)
    (package / "installed.yaml").write_text("thresholds: {own: 7}\n")
    monkeypatch.syspath_prepend(desk)
    points = [
        EntryPoint("installed", "package_of_reports.code:REPORT", discovery.GROUP),
        EntryPoint("broken", "package_of_reports.absent:REPORT", discovery.GROUP),
    ]

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        assert group == "studygrid.reports"
        return [point for point in points if name in (None, point.name)]

    monkeypatch.setattr(discovery, "entry_points", entry_points)
    found = find_report("installed")
    assert isinstance(found.report, NamedReport)
    assert found.yaml == package / "installed.yaml"
    assert {"installed", "broken", "compare_tokenizers"} <= set(discovery.report_names())
    with pytest.raises(ConfigError, match=r"'broken'.*cannot be loaded"):
        find_report("broken")


def test_the_yaml_of_the_guide_is_taken_as_it_is(desk: Path) -> None:
    (desk / "one.yaml").write_text(
        "# @package _global_\n\ndefaults:\n  - config\n\n"
        "inputs:\n  sweep_dir: null\n  run_dirs: []\n  select: null\n"
        "outputs:\n  which_figures:\n    - losses\n"
        "thresholds:\n  val_mse: 0.1\n"
        "inference:\n  enabled: false\n  batch_size: 512\n  autocast: true\n  dataset_split: test\n"
    )
    assert make().failed == ()


@pytest.mark.parametrize("program", [named_report.main, lambda words: main(["report", *words])])
def test_overrides_may_stand_anywhere(
    desk: Path,
    program: Callable[[list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [
        "inputs.sweep_dir=results",
        *("--config-name", "one", "inputs.select.seed=[1]"),
        *("--config-dir", ".", "thresholds.val_mse=5"),
    ]
    assert program(words) == 0, capsys.readouterr().err
    content = yaml.safe_load((Path(capsys.readouterr().out.strip()) / "manifest.yaml").read_text())
    assert content["filters"] == {"seed": [1]}
    assert content["thresholds"]["val_mse"] == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inputs.sweep_dir=results"], "name it with --config-name"),
        (["--config-name", "one.py", "--format", "md"], "--format: is for the report of a study"),
        (["results", "more"], "one results folder at a time"),
        (["--config-dir", "."], "which report? Name it with --config-name"),
        (["--config-name", "one", "--config-dir", "absent"], "--config-dir absent: is no folder"),
    ],
)
def test_a_command_line_that_means_two_things_is_refused(
    desk: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *words]) == 1
    assert said in capsys.readouterr().err
    assert not (desk / "outputs").exists()


def test_the_list_has_every_report_and_every_key(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--list", "--config-dir", "."]) == 0
    said = capsys.readouterr().out
    for part in (
        "one: One <figure>",
        "figures: losses",
        "thresholds: val_mse=0.1, other=null",
        "compare_tokenizers: ",
        "compare_globals_heads: ",
        "inputs.sweep_dir",
        "inputs.select.COLUMN",
        "inference.batch_size",
        "Default: 512.",
    ):
        assert part in said


def test_a_run_folder_that_cannot_be_written_to_is_said_and_no_more(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from studygrid import backlinks

    def refuse(path: Path, line: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(backlinks, "append_line", refuse)
    assert main(["report", "--config-name", "one.py", "inputs.sweep_dir=results"]) == 0
    assert "4 without a pointer to the report:" in capsys.readouterr().err
