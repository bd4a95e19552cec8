"""``studygrid compare``: studies of ours and runs of other programs, side by side."""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd
import pytest
import yaml

import studygrid
from studygrid.cli import main
from studygrid.comparison import Comparison
from studygrid.errors import NoRunsError, StudygridError
from studygrid.interchange.foreign.comparing import compared
from tests.unit import resomap_studies
from tests.unit.foreign_files import write_cell, write_experiment, write_vae
from tests.unit.vae_studies import vae_study


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """Write a study of two models at two sides with two seeds."""
    resomap_studies.finished(tmp_path / "ours")
    return tmp_path / "ours"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Write ResoMap's cells, of which one has a side of the study."""
    write_cell(tmp_path / "theirs", "vgg11", 48, accuracy=0.9)
    write_cell(tmp_path / "theirs", "vgg11", 224, accuracy=0.91)
    return tmp_path / "theirs"


def quietly(*args: object, **more: object) -> Comparison:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return studygrid.compare(*args, **more)  # type: ignore[arg-type]


def means(comparison: Comparison, metric: str = "accuracy") -> dict[str, float]:
    """Return the mean of each configuration."""
    table = comparison.table
    return dict(zip(table["configuration"], table[f"test_{metric}_mean"], strict=True))


def test_a_study_has_the_means_of_its_runs(ours: Path) -> None:
    found = means(quietly(ours))
    runs = studygrid.load_runs(ours).frame
    expected = runs.groupby(["model", "resolution"])["test_accuracy"].mean()
    assert {tuple(name.split("_res")) for name in found} == {
        (model, str(side)) for model, side in expected.index
    }
    assert sorted(found.values()) == pytest.approx(sorted(expected))


def test_folders_frames_runs_and_names_give_the_same_numbers(ours: Path) -> None:
    runs = studygrid.load_runs(ours)
    expected = sorted(means(quietly(ours)).values())
    for given in (str(ours), [ours], runs, runs.frame, studygrid.collect(ours), {"mine": runs}):
        assert sorted(means(quietly(given)).values()) == expected
    assert quietly({"mine": ours}).table["study"].unique().tolist() == ["mine"]


def test_our_study_and_foreign_files_stand_side_by_side(ours: Path, theirs: Path) -> None:
    comparison = quietly([ours, theirs])
    assert sorted(set(comparison.table["study"])) == [str(ours), str(theirs)]
    assert len(comparison.table) == 4 + 2
    # A training-set size that no file says is a question mark.
    assert means(comparison)["vgg11_res48_n?"] == 0.9
    # Nothing says the device of the foreign runs, so they are ranked among themselves.
    groups = [peers.names for peers in comparison.peers if "vgg11_res48_n?" in peers.names]
    assert groups == [["vgg11_res48_n?"]]


def test_frames_without_a_study_are_of_the_family_that_their_metrics_fit(ours: Path) -> None:
    frame = studygrid.load_runs(ours).frame.drop(columns=["study", "folder"])
    assert len(quietly(frame).table) == 4
    with pytest.raises(StudygridError, match="a frame does not say its family"):
        quietly(frame[["model", "resolution", "n_train", "seed", "status", "test_loss"]])
    few = frame[["model", "resolution", "n_train", "seed", "status", "test_accuracy"]]
    assert len(quietly(few, family="classification").table) == 4


def test_losses_are_ranked_only_where_they_are_known_and_equal(tmp_path: Path) -> None:
    for name, beta in (("a", 1.0), ("b", 1.0), ("c", 4.0)):
        write_vae(tmp_path / name, name, beta=beta)
    write_vae(tmp_path / "d", "d")
    for folders, words in (
        ("ab", None),
        ("abc", "beta is 1 or 4"),
        ("ad", "nothing says what that was (d)"),
    ):
        (best,) = quietly([tmp_path / folder for folder in folders]).best("loss")
        if words is None:
            assert (best.not_comparable, best.name) == (None, "a")
        else:
            assert words in str(best.not_comparable)


def test_studies_with_other_losses_are_known_by_their_configs(tmp_path: Path) -> None:
    study = vae_study(tmp_path)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study.plan.resolved()))
    for given in (tmp_path, studygrid.load_runs(tmp_path).frame):
        (best,) = quietly(given).best("loss")
        assert "beta is 0.5, 1, 4 or 10" in str(best.not_comparable)
        (best,) = quietly(given, metrics=["elbo"]).best("elbo")
        assert best.name == "small"


def test_families_are_not_mixed(ours: Path, tmp_path: Path) -> None:
    write_experiment(tmp_path / "experiments", "swin")
    with pytest.raises(StudygridError, match=r"several families \(classification, segmentation\)"):
        quietly([ours, tmp_path / "experiments"])


def test_scores_of_the_validation_split_are_not_compared_with_test_scores(
    tmp_path: Path,
) -> None:
    from studygrid.results.frames import frame_of

    write_experiment(tmp_path / "experiments", "swin", iou=0.7)
    rows = [
        {"model": "a", "resolution": 0, "n_train": "not said", "seed": 0, "status": "ok"}
        | {"test_iou": 0.5, "test_boundary_f1": 0.5, "reason": None}
    ]
    alone = compared(tmp_path / "experiments")
    assert (alone.split, means(alone.comparison, "iou")) == ("validation", {"swin": 0.71})
    both = compared([tmp_path / "experiments", frame_of(rows)])
    assert both.split == "test"
    found = both.comparison.table.set_index("configuration")["test_iou_mean"]
    assert found["a"] == 0.5
    assert pd.isna(found["swin"])
    assert any("which are not compared with those of a test split" in note for note in both.notes)


def test_the_same_runs_twice_are_said(ours: Path) -> None:
    assert main(["export", str(ours), "--to", "tensorboard"]) in (0, 1)
    found = compared({"one": ours, "two": studygrid.load_runs(ours)})
    assert "one and two hold 8 runs of the same weights, which are compared twice" in found.notes[0]
    assert compared(ours).notes == ()


def test_what_was_left_out_is_warned_of(theirs: Path) -> None:
    (theirs / "odd.json").write_text("{")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        studygrid.compare(theirs)
    assert any("odd.json: is not JSON" in str(found.message) for found in caught)


@pytest.mark.parametrize("given", [[], 3, {"a": None}])
def test_what_cannot_be_compared_is_one_error(given: object) -> None:
    with pytest.raises((StudygridError, TypeError)):
        quietly(given)


def test_a_folder_without_runs_is_an_error(ours: Path, tmp_path: Path) -> None:
    with pytest.raises(NoRunsError, match="No valid runs found in"):
        quietly([ours, tmp_path / "nothing"])


# --- The command


def test_the_command_prints_the_comparison(
    ours: Path, theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (theirs / "odd.json").write_text("{")
    assert main(["compare", str(ours), str(theirs), "--metric", "accuracy"]) == 0
    out = capsys.readouterr().out
    assert "CONFIGURATION COMPARISON REPORT" in out
    assert "tiny_cnn_res48" in out
    assert "name no seed" in out
    assert "odd.json: is not JSON" in out
    assert "f1" not in out.replace("false", "")


def test_the_command_writes_the_table_and_the_report(ours: Path, tmp_path: Path) -> None:
    output = tmp_path / "compared"
    assert main(["compare", str(ours), "--output", str(output)]) == 0
    assert {path.name for path in output.iterdir()} == {
        "comparison.csv", "comparison_report.txt", "problems.csv",
    }  # fmt: skip
    table = pd.read_csv(output / "comparison.csv")
    assert dict(zip(table["configuration"], table["test_accuracy_mean"], strict=True)) == (
        pytest.approx(means(quietly(ours)))
    )


def test_of_vaes_the_command_writes_the_guides_columns(tmp_path: Path) -> None:
    write_vae(tmp_path / "a", "vae_small", beta=1.0)
    write_vae(tmp_path / "b", "vae_large", beta=4.0)
    output = tmp_path / "compared"
    folders = [str(tmp_path / name) for name in "ab"]
    assert main(["compare", *folders, "--output", str(output)]) == 0
    table = pd.read_csv(output / "comparison.csv")
    assert list(table) == [
        "configuration", "test_loss", "test_bce", "test_kld", "hamming_loss", "jaccard_index",
        "pct_active_units", "silhouette_score", "pct_unique_combinations", "entropy",
        "gini_coefficient", "cosine_similarity", "kl_divergence",
    ]  # fmt: skip
    assert table["test_kld"].tolist() == [330.6, 330.6]
    report = (output / "comparison_report.txt").read_text()
    assert "VAE CONFIGURATION COMPARISON REPORT" in report
    assert "not comparable" in report
    assert "exact tie with: vae_large" in report
    assert (output / "comparison_detailed.csv").is_file()


def test_scores_of_another_split_are_named_so_in_the_table(tmp_path: Path) -> None:
    write_experiment(tmp_path / "experiments", "swin")
    output = tmp_path / "compared"
    assert main(["compare", str(tmp_path / "experiments"), "--output", str(output)]) == 0
    header = (output / "comparison.csv").read_text().splitlines()[0]
    assert "validation_iou_mean" in header
    assert "test_" not in header
    assert "All scores are of the validation" in (output / "comparison_report.txt").read_text()


def test_an_unknown_metric_is_one_error(ours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(ours), "--metric", "iou"]) == 1
    assert "classification has no metric iou; it has loss" in capsys.readouterr().err
