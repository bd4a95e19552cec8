"""``studygrid collect``: tables, figures and the report of runs that nobody ran here."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import studygrid
from studygrid.cli import main
from tests.unit import resomap_studies
from tests.unit.foreign_files import (
    draw_little,
    resomap_cell,
    write_cell,
    write_experiment,
    write_json,
    write_vae,
)

FILES = {
    "aggregated_metrics.csv",
    "summary_statistics.csv",
    "results_summary.json",
    "detailed_report.txt",
    "report.html",
    "problems.csv",
    "sources.csv",
    "figures",
}


class Text(HTMLParser):
    """The words of a page, without its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._skipped = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._skipped = tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.parts.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.parts).split())


def report(folder: Path) -> str:
    return Text((folder / "report.html").read_text()).words


def plain(folder: Path) -> str:
    return " ".join((folder / "detailed_report.txt").read_text().split())


@pytest.fixture(autouse=True)
def _little_is_drawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "figures" not in request.fixturenames:
        draw_little(monkeypatch)


@pytest.fixture
def figures() -> Path:
    """Have all figures drawn; return their folder."""
    return Path("collected/figures")


@pytest.fixture
def cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with ResoMap's cells of two models at three sides, without seeds."""
    monkeypatch.chdir(tmp_path)
    for model, best in (("vgg11", 0.89), ("resnet18", 0.86)):
        for at, side in enumerate((224, 256, 320)):
            write_cell(Path("results"), model, side, accuracy=best + at / 100)
    return tmp_path


@pytest.fixture
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder with CrackSeg's experiments, which say neither resolution nor size."""
    monkeypatch.chdir(tmp_path)
    for name, iou in (("swin", 0.75), ("unet", 0.7)):
        write_experiment(Path("experiments"), name, iou)
    return tmp_path


def test_everything_is_written_and_the_summary_says_what(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cells / "results" / "odd.json").write_text("{")
    assert main(["collect", "results"]) == 0
    assert {path.name for path in (cells / "collected").iterdir()} == FILES
    out = capsys.readouterr().out
    assert out.startswith("6 runs of classification: 6 of the layout resomap\n")
    assert "1 file or folder could not be used, or not whole:\n  results/odd.json: is not" in out
    assert f"wrote {Path('collected/report.html')}" in out


def test_the_tables_have_the_runs_of_the_files(cells: Path) -> None:
    assert main(["collect", "results"]) == 0
    runs = pd.read_csv("collected/aggregated_metrics.csv")
    assert len(runs) == 6
    (best,) = runs.nlargest(1, "test_accuracy").to_dict("records")
    assert (best["model"], best["resolution"], best["test_accuracy"]) == ("vgg11", 320, 0.91)
    assert runs["n_train"].isna().all()  # an empty cell: no file says it
    table = pd.read_csv("collected/summary_statistics.csv")
    assert len(table) == 6 * 8
    means = table.loc[table["metric"] == "test_accuracy", "mean"]
    assert sorted(means) == sorted(runs["test_accuracy"])
    sources = pd.read_csv("collected/sources.csv")
    assert sources["paths"].tolist() == [
        f"results/test_results/{row.model}_{row.resolution}.json"
        for row in sources.itertuples(index=False)
    ]
    assert set(sources["written_by"]) == {"another program"}
    assert not sources["seed_said"].any()


def test_figures_that_have_something_to_show_are_drawn_and_no_others(
    cells: Path, figures: Path
) -> None:
    assert main(["collect", "results"]) == 0
    drawn = {path.stem for path in figures.iterdir()}
    assert drawn == {"metric_by_resolution", "metric_heatmap", "seed_spread", "status_matrix"}
    for name in drawn:
        numbers = pd.read_csv(figures / f"{name}.csv")
        assert len(numbers) >= 6
        with Image.open(figures / f"{name}.png") as image:
            assert image.width == 1400
            assert len(image.convert("L").getcolors() or ()) > 20


def test_a_figure_that_has_nothing_to_show_any_more_is_taken_away(
    cells: Path, figures: Path
) -> None:
    assert main(["collect", "results", "--n-train", "64"]) == 0
    stale = figures / "metric_by_n_train.svg"
    assert stale.is_file()
    assert main(["collect", "results"]) == 0
    assert not stale.exists()


def test_curves_are_along_epochs_where_no_file_counts_steps(
    experiments: Path, figures: Path
) -> None:
    assert main(["collect", "experiments"]) == 0
    curves = pd.read_csv(figures / "learning_curves.csv")
    assert sorted(set(curves["step"])) == [1, 2, 3, 4, 5, 6]
    assert "<!-- Epochs -->" in (figures / "learning_curves.svg").read_text()
    assert curves.loc[curves["kept"].eq(True), "epoch"].unique().tolist() == [5]


def test_the_report_says_where_the_runs_come_from(cells: Path) -> None:
    (cells / "results" / "odd.json").write_text("{")
    assert main(["collect", "results"]) == 0
    page = report(Path("collected"))
    assert "Where these runs come from" in page
    assert "6 runs were collected from results; other programs wrote them." in page
    assert "resomap ResoMap's results, one JSON file a cell 6 6" in page
    assert "6 of 6 runs name no seed" in page
    assert "Its avg_time_sec is of a batch of 32 and not of a sample" in page
    assert "1 file or folder that could not be used, or not whole" in page
    assert "results/odd.json is not JSON (" in page
    assert "6 runs found: 6 ok" in page
    words = plain(Path("collected"))
    assert "WHERE THESE RUNS COME FROM" in words
    assert "6 runs were collected from results, 6 of them of other programs." in words


def test_nothing_is_invented_where_files_say_nothing(cells: Path, experiments: Path) -> None:
    for folder in ("results", "experiments"):
        assert main(["collect", folder, "--output", f"of_{folder}"]) == 0
        page, words = (show(Path(f"of_{folder}")) for show in (report, plain))
        for shown in (page, words):
            assert not re.search(r"\b0 ?px\b|res0|NaN|\bnan\b|\bNone\b(?!\.)", shown)
        assert "not said" in page
        assert "The files name these metrics and do not say how they were computed." in page
        # Nothing of how a study of ours is made.
        for claim in (
            "best validation loss;",
            "nested",
            "SHA-256 of the prepared",
            "Code of training",
            "adamw",
        ):
            assert claim not in page


def test_scores_of_the_validation_split_are_never_called_those_of_a_test_split(
    experiments: Path, figures: Path
) -> None:
    assert main(["collect", "experiments"]) == 0
    for name in ("aggregated_metrics.csv", "summary_statistics.csv"):
        assert "test_" not in Path("collected", name).read_text()
    page, words = report(Path("collected")), plain(Path("collected"))
    assert "ranked by IoU on the validation split" in words
    assert "IoU (validation)" in page
    for shown in (page, words):
        assert "All scores are of the validation split" in shown
        assert not re.search(r"\(test[,)]|on the test split", shown)
    for figure in figures.glob("*.svg"):
        assert "(test" not in figure.read_text()


def test_summary_statistics_name_what_is_not_said_as_such(experiments: Path) -> None:
    assert main(["collect", "experiments"]) == 0
    summary = json.loads(Path("collected/results_summary.json").read_text())
    assert (summary["resolutions"], summary["n_train"]) == ([None], [None])
    assert list(summary["statistics"]["by_resolution"]) == ["not said"]
    assert summary["top_5_results"][0]["resolution"] is None
    assert summary["generated_from"]["dataset"] == "data/unified"


def test_losses_are_not_ranked_where_nothing_says_what_they_are(cells: Path) -> None:
    assert main(["collect", "results", "--metric", "loss"]) == 0
    summary = json.loads(Path("collected/results_summary.json").read_text())
    assert "nothing says what that was" in summary["metric"]["why_not_ranked"]
    assert summary["top_5_results"] == []
    assert "No best cell" in report(Path("collected"))


def test_vaes_with_a_known_beta_are_ranked_by_their_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("small", "large"):
        write_vae(tmp_path / "a", name, beta=1.0)
        write_vae(tmp_path / "b", name, beta=1.0 if name == "small" else 4.0)
    for folder, reason in (("a", None), ("b", "beta is 1 or 4")):
        assert main(["collect", folder, "--metric", "loss"]) == 0
        summary = json.loads(Path("collected/results_summary.json").read_text())
        found = summary["metric"]["why_not_ranked"]
        assert found is None if reason is None else reason in found


def test_several_families_have_a_folder_each(cells: Path) -> None:
    write_experiment(Path("experiments"), "swin")
    assert main(["collect", "results", "experiments"]) == 0
    top = {path.name for path in Path("collected").iterdir()}
    assert top == {"classification", "segmentation", "problems.csv", "sources.csv"}
    for family in ("classification", "segmentation"):
        there = {path.name for path in Path("collected", family).iterdir()}
        assert there == FILES - {"problems.csv", "sources.csv"}
    assert set(pd.read_csv("collected/sources.csv")["family"]) == {"classification", "segmentation"}


def test_results_of_ours_and_files_of_others_are_one_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    resomap_studies.finished(Path("ours"))
    write_cell(Path("theirs"), "vgg11", 48, accuracy=0.9)
    assert main(["collect", "ours", "theirs"]) == 0
    page = report(Path("collected"))
    assert "9 runs were collected from ours and theirs; other programs wrote 1 of them." in page
    assert "Of the 8 runs with records of studygrid" in page
    assert (figures / "confusion_matrices.svg").is_file()
    assert len(pd.read_csv("collected/aggregated_metrics.csv")) == 9


def test_failed_runs_of_others_name_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = resomap_studies.finished(Path("ours"))
    resomap_studies.write_failure(plan, Path("ours"), plan.runs[0])
    assert main(["aggregate", "ours", "--no-console"]) == 0
    assert main(["collect", "ours/test_results"]) == 0
    page = report(Path("collected"))
    assert "8 runs found: 7 ok, 1 failed, 0 missing." in page
    assert "the loss was NaN in epoch 2 ours/test_results/simple_cnn_32.json" in page


def test_without_a_run_the_command_fails_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(Path("a.json"), {"name": "left-pad"})
    assert main(["collect", "."]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: No valid runs found in .\n") or "found in .." in error
    assert "a.json: holds an object of no layout" in error
    assert not Path("collected").exists()


def test_the_results_of_a_study_are_not_written_over(
    cells: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resomap_studies.finished(Path("ours"))
    assert main(["collect", "results", "--output", "ours"]) == 1
    assert "holds the results of a study" in capsys.readouterr().err
    Path("file").write_text("")
    assert main(["collect", "results", "--output", "file"]) == 1
    assert "file: is a file" in capsys.readouterr().err


def test_an_unknown_metric_is_one_error(cells: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collect", "results", "--metric", "acuracy"]) == 1
    assert (
        "classification has no metric 'acuracy'; it has loss, accuracy" in capsys.readouterr().err
    )


@pytest.mark.parametrize("option", [["--resolution", "0"], ["--n-train", "-4"]])
def test_a_place_that_no_run_can_have_cannot_be_given(
    option: list[str], experiments: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collect", "experiments", *option]) == 1
    assert f"is {option[1]}, which no run can have" in capsys.readouterr().err


def test_collecting_twice_writes_the_same_bytes(cells: Path) -> None:
    pages = []
    for _ in range(2):
        assert main(["collect", "results"]) == 0
        pages.append(resomap_studies.contents(Path("collected")))
    assert pages[0] == pages[1]


def test_a_formula_in_a_name_is_text_in_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(Path("a.json"), resomap_cell("=HYPERLINK(1)"))
    assert main(["collect", "a.json"]) == 0
    assert "\n'=HYPERLINK(1)" in Path("collected/aggregated_metrics.csv").read_text()
    assert "<script>alert" not in Path("collected/report.html").read_text()


def test_a_name_that_is_markup_is_text_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cell = {**resomap_cell(), "test_metrics": {**resomap_cell()["test_metrics"], "<b>": 0.5}}
    write_json(Path("<script>alert(1)</script>.json"), cell)
    assert main(["collect", "."]) == 0
    page = Path("collected/report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "&lt;b&gt;" in page


def test_the_api_and_the_command_have_the_same_runs(cells: Path) -> None:
    assert main(["collect", "results"]) == 0
    frame = studygrid.collect("results").frame
    written = pd.read_csv("collected/aggregated_metrics.csv")
    assert written["test_accuracy"].tolist() == frame["test_accuracy"].tolist()
