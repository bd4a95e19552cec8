"""`studygrid collect` takes runs of the facts layout, ours and others', with all that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import studygrid
from studygrid.cli import main
from studygrid.interchange.thesis import export_facts
from tests.unit.foreign_files import draw_little
from tests.unit.thesis_files import config_of, event, foreign_run, read_rows, write_events
from tests.unit.thesis_studies import classification_study, one_of_two_diverged, study_of

AXES = ["model", "resolution", "n_train", "seed"]


@pytest.mark.parametrize("family", ["classification", "segmentation", "ptychography", "tagvae"])
def test_an_export_comes_back_as_its_runs(family: str, tmp_path: Path) -> None:
    study = study_of(family, tmp_path / "study")
    export_facts(study, tmp_path / "out")
    found = studygrid.collect(tmp_path / "out")
    assert found.problems == []
    assert found.frame["family"].unique().tolist() == [family]
    assert not found.frame["numbered"].any()
    own = studygrid.load_runs(study.folder).frame.set_index(AXES).sort_index()
    back = found.frame.set_index(AXES).sort_index()
    assert list(back.index) == list(own.index)
    same = [name for name in own if str(name).startswith("test_")]
    same += ["epochs", "best_epoch", "parameters", "train_device", "checkpoint_sha256"]
    same += ["train_samples", "data_sha256", "best_validation_loss", "final_train_loss"]
    pd.testing.assert_frame_equal(back[same], own[same], check_dtype=False)


def test_the_curves_come_back(tmp_path: Path) -> None:
    study = classification_study(tmp_path / "study")
    export_facts(study, tmp_path / "out")
    own, found = (
        studygrid.load_runs(study.folder).epochs,
        studygrid.collect(tmp_path / "out").epochs,
    )
    columns = [*AXES, "epoch", "step", "train_loss", "validation_loss", "validation_accuracy"]
    order = [*AXES, "epoch"]
    pd.testing.assert_frame_equal(
        found[columns].sort_values(order, ignore_index=True),
        own[columns].sort_values(order, ignore_index=True),
        check_dtype=False,
    )


def test_a_study_and_its_export_are_one(tmp_path: Path) -> None:
    study = classification_study(tmp_path / "study")
    export_facts(study, tmp_path / "out")
    assert len(studygrid.collect(tmp_path).frame) == 4


def test_runs_that_did_not_end_are_there_with_the_reason(tmp_path: Path) -> None:
    study = classification_study(tmp_path / "study", one_of_two_diverged)
    export_facts(study, tmp_path / "out")
    foreign_run(tmp_path / "out" / "runs" / "cut", ends=False)
    frame = studygrid.collect(tmp_path / "out").studies
    assert set(frame) == {"classification", "events"}
    ours = frame["classification"].frame
    bad = ours.loc[ours["status"] == "diverged"]
    assert len(bad) == 2
    assert bad["reason"].str.contains("the training loss is nan").all()
    (cut,) = frame["events"].frame.to_dict("records")
    assert (cut["status"], cut["model"]) == ("missing", "mlp_vq")
    assert "has no on_train_end" in str(cut["reason"])


def test_runs_of_the_guides_program_are_event_tokenizers(tmp_path: Path) -> None:
    for seed in (42, 43):
        folder = tmp_path / f"run_{seed}"
        foreign_run(folder, config=config_of(seed=seed), losses=(0.9, 0.5, 0.5 + seed / 100))
    found = studygrid.collect(tmp_path)
    (study,) = found.studies.values()
    assert study.family.name == "events"
    assert study.split == "validation"
    frame = found.frame.sort_values("seed")
    assert frame["model"].unique().tolist() == ["mlp_vq"]
    assert frame["seed"].tolist() == [42, 43]
    assert frame["validation_loss"].tolist() == [0.5, 0.5]
    assert frame["validation_token_mse"].tolist() == [0.5, 0.5]
    assert frame["validation_perplexity"].tolist() == [11, 11]
    assert frame["best_epoch"].tolist() == [2, 2]
    assert frame["train_samples_per_sec"].tolist() == [100, 100]
    assert study.collected is not None
    assert any("512 times too high" in words for words in study.collected.layouts["thesis"].caveats)


def test_unequal_configs_are_no_seeds_of_one(tmp_path: Path) -> None:
    for number, beta in enumerate((0.1, 0.5)):
        config = config_of(seed=number)
        config["phase1"]["decoder"]["globals_beta"] = beta
        foreign_run(tmp_path / f"run_{number}", config=config)
    models = studygrid.collect(tmp_path).frame["model"]
    assert sorted(models) == ["mlp_vq [globals_beta=0.1]", "mlp_vq [globals_beta=0.5]"]


def test_test_scores_are_of_the_test_split(tmp_path: Path) -> None:
    foreign_run(tmp_path / "run", test={"auroc": 0.75, "loss": 0.5})
    found = studygrid.collect(tmp_path)
    row = found.frame.iloc[0]
    assert (row["test_auroc"], row["test_loss"], row["validation_loss"]) == (0.75, 0.5, 0.5)


def test_everything_that_is_wrong_is_a_problem(tmp_path: Path) -> None:
    foreign_run(tmp_path / "good")
    (foreign_run(tmp_path / "bare") / ".hydra" / "config.yaml").unlink()
    (foreign_run(tmp_path / "empty") / "facts" / "scalars.csv").write_text("")
    future = foreign_run(tmp_path / "future")
    write_events(future, [{**row, "schema_version": 2} for row in read_rows(future)])
    torn = foreign_run(tmp_path / "torn")
    with (torn / "facts" / "events.jsonl").open("a") as file:
        file.write('{"moment": ')
    (tmp_path / "x.pointer.json").write_text(json.dumps({"path": "nowhere"}))
    (tmp_path / "y.pointer.json").write_text(json.dumps({"path": "good"}))
    found = studygrid.collect(tmp_path)
    said = {one.path.relative_to(tmp_path).as_posix(): one.reason for one in found.problems}
    assert said == {
        "bare": "has no .hydra/config.yaml and no cfg.yaml",
        "empty": "scalars.csv: is empty",
        "future": "events.jsonl, line 1: schema_version is '2'; version 1 alone can be read",
        "torn/facts/events.jsonl": "line 6: is cut off: left out",
        "x.pointer.json": f"points to {tmp_path / 'nowhere'}, which was not looked into: name it "
        "too",
    }


def test_numbers_that_no_run_can_have_leave_it_out(tmp_path: Path) -> None:
    foreign_run(tmp_path / "good")
    foreign_run(tmp_path / "huge", config=config_of(seed=2**60))
    found = studygrid.collect(tmp_path)
    assert len(found.frame) == 1
    assert [one.reason for one in found.problems] == ["seed is 1.15e+18, which no run can have"]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_little(monkeypatch)
    for number in range(2):
        run = foreign_run(tmp_path / "in" / f"run_{number}", config=config_of(seed=number))
        write_events(
            run, [*read_rows(run), event("on_test_end", metrics={"auroc": 0.5 + number / 8})]
        )
    assert main(["collect", str(tmp_path / "in"), "--output", str(tmp_path / "out")]) == 0
    table = pd.read_csv(tmp_path / "out" / "aggregated_metrics.csv")
    assert table["test_auroc"].tolist() == [0.5, 0.625]
    assert (tmp_path / "out" / "report.html").is_file()
