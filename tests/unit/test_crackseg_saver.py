"""save_experiment_data: what a trainer of somebody's own hands over, whole, and nothing made up."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from argparse import Namespace
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import studygrid
from studygrid.errors import StudygridError
from studygrid.interchange.crackseg import read_experiment
from tests.unit import crackseg_guide_reader

CURVES = {
    "train_losses": "train_loss",
    "val_losses": "val_loss",
    "val_ious": "val_iou",
    "val_f1s": "val_f1",
    "val_precisions": "val_precision",
    "val_recalls": "val_recall",
    "val_dices": "val_dice",
    "val_accuracies": "val_accuracy",
}
CONFIG = {
    "project_name": "crack-segmentation",
    "experiment": {"name": "swinv2"},
    "model": {"_target_": "crackseg.model.SwinV2CnnAsppUNet"},
    "data": {"dataset_path": "data/unified"},
    "training": {"epochs": 100, "batch_size": 4, "learning_rate": 1e-4},
}
HARDWARE = {"device": "cuda", "cuda_available": True, "gpu_name": "Some GPU"}


def value(argument: str, epoch: int) -> float:
    """Return a value of a curve; all differ."""
    return (epoch + list(CURVES).index(argument)) / 64


def scores(epoch: int, prefix: str = "val_") -> dict[str, float]:
    """Return the scores of an epoch, as the curves have them."""
    names = {argument: key.removeprefix("val_") for argument, key in CURVES.items()}
    return {f"{prefix}{names[argument]}": value(argument, epoch) for argument in list(CURVES)[1:]}


def arguments(folder: Path, **changes: Any) -> dict[str, Any]:
    """Return all arguments of an experiment of three epochs, in which nothing is missing."""
    return {
        "experiment_dir": folder,
        "experiment_config": CONFIG,
        "final_metrics": scores(3),
        "best_epoch": 2,
        "training_time": 12.5,
        **{name: {epoch: value(name, epoch) for epoch in (1, 2, 3)} for name in CURVES},
        "best_metrics": scores(2, ""),
        "hardware_info": HARDWARE,
        **changes,
    }


def save(folder: Path, *, log: bool = True, weights: bool = True, **changes: Any) -> Any:
    """Save an experiment; return its files and the warnings, without the folder they name."""
    folder.mkdir(parents=True, exist_ok=True)
    if log:
        (folder / "training.log").write_text("epoch 1\n")
    if weights:
        (folder / "best_model.pth").write_bytes(b"weights")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        files = studygrid.save_experiment_data(**arguments(folder, **changes))
    said = [str(warning.message) for warning in caught]
    assert all(message.startswith(f"{folder}: ") for message in said)
    assert all(warning.filename == __file__ for warning in caught)
    return files, [message.removeprefix(f"{folder}: ") for message in said]


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line, parse_constant=pytest.fail) for line in lines]


def left_overs(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


# --- What is written is what is read


def test_what_is_saved_is_what_is_read(tmp_path: Path) -> None:
    files, said = save(tmp_path / "swinv2")
    assert said == []
    found = read_experiment(tmp_path / "swinv2")
    assert found.problems == ()
    for name, key in CURVES.items():
        assert found.curve(key) == {epoch: value(name, epoch) for epoch in (1, 2, 3)}
    assert found.summary.final_metrics.content() == scores(3)
    assert found.validation.final_validation.content() == scores(3)
    assert found.validation.best_validation.content() == {"epoch": 2, **scores(2, "")}
    assert found.final_results is not None
    assert found.final_results.content() == scores(3)
    summary = found.summary
    assert (summary.experiment_name, summary.project_name) == ("swinv2", "crack-segmentation")
    assert summary.model_type == "crackseg.model.SwinV2CnnAsppUNet"
    assert (summary.dataset, summary.batch_size, summary.learning_rate) == ("data/unified", 4, 1e-4)
    assert (summary.training_epochs, summary.epochs_trained, summary.final_epoch) == (100, 3, 3)
    assert summary.hardware_info.content() == HARDWARE
    assert set(files) == {
        "summary", "metrics", "validation", "final_results", "logs", "checkpoint", "best_model",
    }  # fmt: skip
    assert all(path.is_file() for path in files.values())
    assert (found.log, found.checkpoint) == (files["logs"], files["checkpoint"])


def test_a_script_written_from_the_guide_alone_reads_it(tmp_path: Path) -> None:
    save(tmp_path / "20260101-000000-swinv2")
    found = crackseg_guide_reader.read(tmp_path / "20260101-000000-swinv2")
    assert found["final"] == found["final_of_curve"] == scores(3)
    assert found["best"] == found["best_of_curve"] == scores(2)
    assert found["log"] == "epoch 1\n"
    assert found["best_model"] == found["root_model"] == b"weights"


NUMBERS = st.floats(0, 1, allow_nan=False)
EPOCHS = st.dictionaries(st.integers(0, 30), NUMBERS, max_size=6)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(curves=st.fixed_dictionaries(dict.fromkeys(CURVES, EPOCHS)))
def test_any_curves_come_back_as_they_were_and_no_epoch_is_added(
    curves: dict[str, dict[int, float]], tmp_path: Path
) -> None:
    save(tmp_path, **curves)
    found = rows(tmp_path)
    assert [row["epoch"] for row in found] == sorted(
        {e for curve in curves.values() for e in curve}
    )
    for name, key in CURVES.items():
        assert {row["epoch"]: row[key] for row in found if key in row} == curves[name]
    assert len(read_experiment(tmp_path).epochs) == len(found)


def test_saving_again_writes_over_what_was_saved_and_leaves_other_files(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "mine.txt").write_text("mine")
    save(tmp_path)
    save(tmp_path, val_ious=[0.5, 0.625, 0.75], final_metrics={})
    assert read_experiment(tmp_path).curve("val_iou") == {1: 0.5, 2: 0.625, 3: 0.75}
    assert (tmp_path / "metrics" / "mine.txt").read_text() == "mine"
    assert left_overs(tmp_path) == []


# --- Epochs


def test_after_early_stopping_no_epoch_is_made_up(tmp_path: Path) -> None:
    _, said = save(tmp_path)
    assert said == []
    assert [row["epoch"] for row in rows(tmp_path)] == [1, 2, 3]
    assert read_experiment(tmp_path).summary.training_epochs == 100


def test_an_epoch_that_a_curve_lacks_has_no_such_key_and_is_one_warning(tmp_path: Path) -> None:
    _, said = save(tmp_path, val_f1s={1: 0.5})
    assert said == ["val_f1 has no value of epoch 2, 3: left out there"]
    assert ["val_f1" in row for row in rows(tmp_path)] == [True, False, False]


def test_an_empty_curve_is_one_warning(tmp_path: Path) -> None:
    _, said = save(tmp_path, val_dices={}, val_accuracies=None)
    assert said == [
        "val_dices is empty: no line of epochs has it",
        "val_accuracies is None, not values by epoch: no line of epochs has it",
    ]
    assert not any({"val_dice", "val_accuracy"} & row.keys() for row in rows(tmp_path))


@pytest.mark.parametrize(
    "curve",
    [
        [0.5, 0.25, 0.75],
        (0.5, 0.25, 0.75),
        np.array([0.5, 0.25, 0.75], np.float32),
        torch.tensor([0.5, 0.25, 0.75], requires_grad=True),
        {np.int64(1): np.float64(0.5), np.int64(2): np.array([0.25]), 3: torch.tensor(0.75)},
        {"3": "0.75", "1": Decimal("0.5"), "2": 0.25},
        defaultdict(float, {1: 0.5, 2: 0.25, 3: 0.75}),
        iter([0.5, 0.25, 0.75]),
        {1.0: 0.5, 2.0: 0.25, 3.0: np.float16(0.75)},
    ],
    ids=lambda curve: type(curve).__name__,
)
def test_curves_are_values_by_epoch_or_in_order_from_epoch_1_of_any_kind(
    curve: Any, tmp_path: Path
) -> None:
    _, said = save(tmp_path, train_losses=curve)
    assert said == []
    assert [row["train_loss"] for row in rows(tmp_path)] == [0.5, 0.25, 0.75]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (math.nan, "is nan"),
        (-math.inf, "is -inf"),
        (np.float32("nan"), "is nan"),
        (torch.tensor(math.nan), "is nan"),
        (None, "is None"),
        ("high", "is 'high', which is no number"),
        (True, "is True, which is no number"),
        (torch.zeros(2), "is tensor([0., 0.]), which is no number"),
        ([0.5], "is [0.5], which is no number"),
        (10**400, "which is no number"),
        (1j, "is 1j, which is no number"),
    ],
)
def test_a_value_that_is_no_number_is_null_with_a_reason_and_loses_nothing(
    wrong: Any, why: str, tmp_path: Path
) -> None:
    _, said = save(tmp_path, train_losses={1: 0.5, 2: wrong, 3: 0.25})
    assert len(said) == 1
    assert said[0].startswith("train_loss is ")
    assert why in said[0]
    assert said[0].endswith(" in epoch 2: null there")
    assert [row["train_loss"] for row in rows(tmp_path)] == [0.5, None, 0.25]
    assert why in rows(tmp_path)[1]["reasons"]["train_loss"]


@pytest.mark.parametrize("wrong", [0.83, "0.83", {0.1, 0.2}, torch.tensor(0.5), np.array(0.5)])
def test_what_is_no_curve_is_left_out_and_named(wrong: Any, tmp_path: Path) -> None:
    _, said = save(tmp_path, train_losses=wrong)
    assert len(said) == 1
    assert "train_losses is " in said[0]
    assert "not values by epoch: no line of epochs has it" in said[0]


def test_epochs_that_are_no_epochs_are_left_out_and_named(tmp_path: Path) -> None:
    curve = {1: 0.5, "1": 0.25, -1: 0.5, "last": 0.5, 1.5: 0.5, 2: 0.25, 3: 0.125}
    _, said = save(tmp_path, train_losses=curve)
    assert said == [
        "train_losses: a number of an epoch is '1', which is there already: left out",
        "train_losses: a number of an epoch is -1, below 0: left out",
        "train_losses: a number of an epoch is 'last', which is no number: left out",
        "train_losses: a number of an epoch is 1.5, which is no whole number: left out",
    ]
    assert [row["train_loss"] for row in rows(tmp_path)] == [0.5, 0.25, 0.125]


def test_further_curves_stand_in_the_lines_too(tmp_path: Path) -> None:
    more = {
        "learning_rate": [0.1, 0.01, 0.001],
        "gradient_norm": {2: 1.5},
        "epoch": [1],
        "val_iou": {},
    }
    _, said = save(tmp_path, more_metrics=more)
    assert said == [
        "more_metrics has epoch, val_iou, which other arguments give: left out",
        "gradient_norm has no value of epoch 1, 3: left out there",
    ]
    assert [row["learning_rate"] for row in rows(tmp_path)] == [0.1, 0.01, 0.001]
    assert read_experiment(tmp_path).curve("gradient_norm") == {2: 1.5}


# --- Final and best


def test_scores_that_are_not_given_are_taken_from_their_epoch(tmp_path: Path) -> None:
    _, said = save(tmp_path, final_metrics={}, best_metrics={"iou": value("val_ious", 2)})
    assert said == []
    found = read_experiment(tmp_path)
    assert found.summary.final_metrics.content() == scores(3)
    assert found.validation.best_validation.content() == {"epoch": 2, **scores(2, "")}


def test_names_with_and_without_val_are_taken(tmp_path: Path) -> None:
    _, said = save(
        tmp_path, final_metrics=scores(3, ""), best_metrics={"epoch": 2, **scores(2), "auc": 0.5}
    )
    assert said == []
    found = read_experiment(tmp_path).validation
    assert found.final_validation.content() == scores(3)
    assert found.best_validation.content() == {"epoch": 2, **scores(2, ""), "auc": 0.5}


def test_final_scores_that_are_those_of_the_best_epoch_are_said_to_be(tmp_path: Path) -> None:
    _, said = save(tmp_path, final_metrics=scores(2))
    assert len(said) == 1
    assert said[0].startswith(
        "final_metrics are not what the curves have of epoch 3: val_precision"
    )
    assert "they are those of epoch 2. Both are written as they were given" in said[0]
    assert read_experiment(tmp_path).summary.final_metrics.content() == scores(2)


def test_curves_that_are_all_zero_contradict_the_scores(tmp_path: Path) -> None:
    zeros = {name: dict.fromkeys((1, 2, 3), 0.0) for name in CURVES}
    _, said = save(tmp_path, **zeros)
    assert [message.split(" are not ")[0] for message in said] == ["final_metrics", "best_metrics"]
    assert "are 0 in epoch 1, 2, 3" in read_experiment(tmp_path).problems[0]


def test_scores_in_single_precision_are_no_contradiction(tmp_path: Path) -> None:
    final = {key: float(np.float32(score * 0.9)) for key, score in scores(3).items()}
    curves = {
        name: {epoch: value(name, epoch) * 0.9 for epoch in (1, 2, 3)} for name in list(CURVES)[1:]
    }
    _, said = save(tmp_path, final_metrics=final, best_metrics={}, **curves)
    assert said == []


def test_a_score_that_nobody_has_is_null_with_a_reason(tmp_path: Path) -> None:
    final, best = scores(3), scores(2, "")
    del final["val_f1"], best["f1"]
    _, said = save(tmp_path, val_f1s={1: 0.5}, final_metrics=final, best_metrics=best)
    assert said[1:] == [
        "final_metrics has no val_f1, and epoch 3 has none: null",
        "best_metrics has no val_f1, and epoch 2 has none: null",
    ]
    found = read_experiment(tmp_path)
    assert found.summary.final_metrics.val_f1 is None
    assert found.summary.reasons == {"final_metrics.val_f1": "no value was given"}
    assert set(found.validation.reasons) == {"final_validation.val_f1", "best_validation.f1"}
    results = yaml.safe_load((tmp_path / "final_results.yaml").read_text())
    assert results["val_f1"] is None


def test_a_score_that_is_no_number_is_null_with_a_reason(tmp_path: Path) -> None:
    final = {**scores(3), "val_iou": torch.tensor(math.nan), "note": "good"}
    _, said = save(tmp_path, final_metrics=final)
    assert sorted(said) == [
        "final_metrics: note is 'good', which is no number: null",
        "final_metrics: val_iou is nan: null",
    ]
    assert read_experiment(tmp_path).summary.reasons == {
        "final_metrics.val_iou": "the value is nan",
        "final_metrics.note": "the value is 'good', which is no number",
    }


def test_a_best_epoch_that_was_not_trained_or_differs_is_said(tmp_path: Path) -> None:
    _, said = save(tmp_path, best_epoch=85)
    assert said == ["best_epoch is 85, of which no curve has a value (they have 1 to 3)"]
    _, said = save(tmp_path, best_metrics={"epoch": 3, **scores(2, "")})
    assert said == ["best_metrics are of epoch 3, but best_epoch is 2: that is written"]
    _, said = save(tmp_path, best_epoch=None, training_time="long")
    assert said == ["best_epoch is None: null", "training_time is 'long', which is no number: null"]
    summary = read_experiment(tmp_path).summary
    assert (summary.best_epoch, summary.total_training_time) == (None, None)
    assert set(summary.reasons) == {"best_epoch", "total_training_time"}
    _, said = save(tmp_path, best_epoch=-1, best_metrics={"val_epoch": 2, **scores(2)})
    assert said == ["best_epoch is -1, below 0: null"]
    assert read_experiment(tmp_path).validation.best_validation.epoch is None


# --- The config


class Strict:
    """A config as OmegaConf makes them: it raises its own error where something is missing."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)


@pytest.mark.parametrize(
    "config",
    [
        {
            "experiment_name": "a", "project": "b", "model": "c", "dataset": Path("d"),
            "epochs": 5, "batch_size": 2, "lr": "1e-4",
        },
        Namespace(name="a", project="b", model="c", data="d", epochs=5, batch_size=2, lr=1e-4),
        Strict(
            experiment=Strict(name="a"), project_name="b", model=Strict(_target_="c"),
            data=Strict(dataset_path="d"),
            training=Strict(epochs=np.int64(5), batch_size=2, learning_rate=1e-4),
        ),
    ],
    ids=["flat", "namespace", "strict"],
)  # fmt: skip
def test_a_config_may_be_flat_nested_a_mapping_or_an_object(config: Any, tmp_path: Path) -> None:
    _, said = save(tmp_path, experiment_config=config)
    assert said == []
    summary = read_experiment(tmp_path).summary
    assert (summary.experiment_name, summary.project_name) == ("a", "b")
    assert (summary.model_type, summary.dataset) == ("c", "d")
    found = (summary.training_epochs, summary.batch_size, summary.learning_rate)
    assert found == (5, 2, 1e-4)


@pytest.mark.parametrize(
    "config",
    [None, {}, Strict(), 3, {"training": None, "model": {}}],
    ids=["none", "empty", "strict", "number", "sections"],
)
def test_what_a_config_lacks_is_null_with_a_reason_and_one_warning_each(
    config: Any, tmp_path: Path
) -> None:
    _, said = save(tmp_path / "mine", experiment_config=config)
    keys = ["experiment_name", "project_name", "model_type", "dataset", "training_epochs",
            "batch_size", "learning_rate"]  # fmt: skip
    assert [message.split(":")[0] for message in said] == keys
    assert said[0].endswith("(as experiment.name): it is called mine")
    summary = read_experiment(tmp_path / "mine").summary
    assert summary.experiment_name == "mine"
    assert [getattr(summary, key) for key in keys[1:]] == [None] * 6
    assert set(summary.reasons) == set(keys[1:])


def test_a_setting_that_is_no_number_is_named(tmp_path: Path) -> None:
    config = {**CONFIG, "training": {"epochs": "many", "batch_size": 4, "learning_rate": 1e-4}}
    _, said = save(tmp_path, experiment_config=config)
    assert said == [
        "training_epochs: the config names none (its training.epochs is 'many', which is no "
        "number): null"
    ]


# --- The log, the weights, the folder


def test_missing_parents_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts" / "experiments" / "mine"
    with pytest.warns(UserWarning, match=r"there (are no weights|is no log)"):
        files = studygrid.save_experiment_data(**arguments(str(folder)))
    assert files["summary"] == folder / "metrics" / "complete_summary.json"
    assert "checkpoint" not in files


def test_a_log_is_found_from_here_and_in_the_folder_and_copied_under_the_guides_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    Path("run.log").write_text("from here\n")
    files, said = save(folder, log=False, log_file="run.log")
    assert said == []
    assert (folder / "logs" / "training.log").read_text() == "from here\n"
    assert not (folder / "logs" / "run.log").exists()
    Path("run.log").unlink()
    (folder / "run.log").write_text("from the folder\n")
    save(folder, log=False, log_file="run.log")
    assert files["logs"].read_text() == "from the folder\n"
    (tmp_path / "far.log").write_text("from far\n")
    save(folder, log=False, log_file=tmp_path / "far.log")
    assert files["logs"].read_text() == "from far\n"


def test_a_log_that_is_in_its_place_already_stays(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "training.log").write_text("mine\n")
    for name in (None, "logs/training.log", tmp_path / "logs" / "training.log"):
        files, said = save(tmp_path, log=False, log_file=name)
        assert said == []
        assert files["logs"].read_text() == "mine\n"


def test_a_log_that_is_not_there_is_one_warning_and_no_file(tmp_path: Path) -> None:
    files, said = save(tmp_path, log=False, log_file="nothing.log")
    assert len(said) == 1
    assert "there is no log to copy to logs/training.log (looked for nothing.log, " in said[0]
    assert "logs" not in files
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    "place", ["best_model.pth", "checkpoints/best_model.pth", "checkpoints/model_best.pth"]
)
def test_weights_that_are_found_stand_in_both_places(place: str, tmp_path: Path) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_bytes(b"found")
    files, said = save(tmp_path, weights=False)
    assert said == []
    assert files["checkpoint"].read_bytes() == files["best_model"].read_bytes() == b"found"
    assert files["checkpoint"] == tmp_path / "checkpoints" / "best_model.pth"


def test_weights_that_are_given_take_the_place_of_others_and_are_no_link(tmp_path: Path) -> None:
    given = tmp_path / "last.pth"
    given.write_bytes(b"given")
    files, said = save(tmp_path / "mine", checkpoint=given)
    assert said == []
    given.write_bytes(b"the next training")
    assert files["checkpoint"].read_bytes() == files["best_model"].read_bytes() == b"given"


def test_two_files_of_best_weights_that_differ_are_left_and_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "best_model.pth").write_bytes(b"others")
    files, said = save(tmp_path)
    assert said == [
        "checkpoints/best_model.pth and best_model.pth differ: both are left; give checkpoint"
    ]
    assert files["checkpoint"].read_bytes() == b"others"
    assert files["best_model"].read_bytes() == b"weights"


@pytest.mark.parametrize("wrong", ["nothing.pth", {"weight": torch.zeros(1)}, 3])
def test_a_checkpoint_that_is_no_file_is_named_and_the_rest_is_saved(
    wrong: Any, tmp_path: Path
) -> None:
    files, said = save(tmp_path, weights=False, checkpoint=wrong)
    assert len(said) == 2
    assert "which is no file: give the path of the saved weights" in said[0]
    assert said[1].startswith("there are no weights for")
    assert read_experiment(tmp_path).checkpoint is None
    assert "checkpoint" not in files


def test_weights_of_epochs_are_copied_and_found(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "epoch_10.pth").write_bytes(b"10")
    (tmp_path / "third.pth").write_bytes(b"3")
    given = {3: tmp_path / "third.pth", 4: tmp_path / "fourth.pth", "last": tmp_path / "third.pth"}
    files, said = save(tmp_path, epoch_checkpoints=given)
    assert said == [
        f"epoch_checkpoints: the epoch 4 has no file {tmp_path / 'fourth.pth'}: not copied",
        "epoch_checkpoints: the epoch last is 'last', which is no number: not copied",
    ]
    assert files["epoch_3"].read_bytes() == b"3"
    assert set(read_experiment(tmp_path).epoch_checkpoints) == {3, 10}


@pytest.mark.parametrize("at", ["shutil.copyfile", "studygrid.interchange.crackseg_writing._yaml"])
def test_a_disk_that_fills_up_is_one_error_and_leaves_what_was_there(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(at, full)
    (tmp_path / "checkpoints" / "best_model.pth").unlink()
    del before[tmp_path / "checkpoints" / "best_model.pth"]
    with pytest.raises(StudygridError, match=r"was not saved \(No space left on device\)"):
        studygrid.save_experiment_data(**arguments(tmp_path, val_ious=[0.0, 0.0, 0.0]))
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before
    assert left_overs(tmp_path) == []


@pytest.mark.parametrize("path", ["metrics", "metrics/metrics.jsonl", "logs"])
def test_a_place_that_is_taken_is_one_error_before_any_file_is_written(
    path: str, tmp_path: Path
) -> None:
    if path == "metrics/metrics.jsonl":
        (tmp_path / path).mkdir(parents=True)
    else:
        (tmp_path / path).write_text("a file")
    with pytest.raises(StudygridError, match="was not saved"):
        save(tmp_path)
    assert not (tmp_path / "final_results.yaml").exists()
    assert left_overs(tmp_path) == []


def test_an_experiments_folder_that_is_a_file_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(StudygridError, match=r"mine: the experiment was not saved"):
        studygrid.save_experiment_data(**arguments(tmp_path / "mine"))


def test_everything_is_written_before_the_first_warning(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="val_f1s is empty"):
            studygrid.save_experiment_data(**arguments(tmp_path, val_f1s={}))
    assert len(read_experiment(tmp_path).epochs) == 3


# --- Hardware, time, imports


def test_hardware_and_time_may_be_left_out(tmp_path: Path) -> None:
    _, said = save(tmp_path, hardware_info=None, timestamp="2024-01-15T10:30:00")
    assert said == []
    summary = read_experiment(tmp_path).summary
    assert summary.timestamp == "2024-01-15T10:30:00"
    cuda = torch.cuda.is_available()
    assert summary.hardware_info.cuda_available is cuda
    assert summary.hardware_info.device == ("cuda" if cuda else "cpu")
    _, said = save(tmp_path, timestamp="yesterday")
    assert said == ["timestamp is 'yesterday', which is no time: the present stands for it"]
    stamp = datetime.fromisoformat(read_experiment(tmp_path).summary.timestamp)
    assert stamp.tzinfo is not None


def test_a_device_that_the_config_names_is_the_one(tmp_path: Path) -> None:
    config = {**CONFIG, "training": {**CONFIG["training"], "device": torch.device("cuda:1")}}
    save(tmp_path, hardware_info=None, experiment_config=config)
    assert read_experiment(tmp_path).summary.hardware_info.device == "cuda:1"


def test_neither_pytorch_nor_pandas_is_imported(tmp_path: Path) -> None:
    code = (
        "import studygrid, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        f"studygrid.save_experiment_data({str(tmp_path)!r}, {{}}, {{}}, 1, 1.0, [0.5], [0.5], "
        "[0.5], [0.5], [0.5], [0.5], [0.5], [0.5], {})\n"
        "print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(studygrid.__file__).parents[1])},
    )  # fmt: skip
    assert done.stdout == "set()\n"
    summary = read_experiment(tmp_path).summary
    assert summary.hardware_info.content() == dict.fromkeys(HARDWARE)
    assert "hardware_info.device" in summary.reasons


def test_the_example_of_the_guide_runs_as_it_stands(tmp_path: Path) -> None:
    class MyTrainer:
        def __init__(self, config: Any) -> None:
            self.config, self.best_epoch = config, 2
            self.curves: dict[str, dict[int, float]] = {name: {} for name in CURVES}

        def train_epoch(self, epoch: int) -> None:
            for name, curve in self.curves.items():
                curve[epoch] = value(name, epoch)

    trainer = MyTrainer(CONFIG)
    for epoch in (1, 2, 3):
        trainer.train_epoch(epoch)
    with pytest.warns(UserWarning, match=r"give (log_file|checkpoint)") as caught:
        saved = studygrid.save_experiment_data(
            experiment_dir=tmp_path / "my_experiment",
            experiment_config=trainer.config,
            final_metrics=scores(3),
            best_epoch=trainer.best_epoch,
            training_time=1.5,
            **trainer.curves,
            best_metrics=scores(2, ""),
            log_file="my_experiment.log",
        )
    assert len(caught) == 2  # neither a log nor weights are there
    assert {"summary", "metrics", "validation", "final_results"} <= saved.keys()


@pytest.mark.parametrize(
    "given",
    [
        {"log_file": 3},
        {"log_file": ["a.log"]},
        {"log_file": "a" * 5000},
        {"checkpoint": "a" * 5000},
        {"epoch_checkpoints": ["a.pth"]},
        {"epoch_checkpoints": {1: "a" * 5000}},
    ],
)
def test_paths_that_are_none_lose_nothing_else(tmp_path: Path, given: dict[str, Any]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        files = studygrid.save_experiment_data(**arguments(tmp_path / "e", **given))
    assert any(next(iter(given)) in str(warning.message) for warning in caught)
    assert files["metrics"].read_text().count("\n") == 3


def test_names_that_no_encoding_takes_are_escaped_and_lose_nothing(tmp_path: Path) -> None:
    odd = {"low\udc80": 0.25, "high\udc81": math.nan}
    folder = tmp_path / "run\udcff"
    given = arguments(
        folder,
        experiment_config={"project": "crack\udc80s"},
        final_metrics=scores(3) | odd,
        best_metrics=odd,
        more_metrics={name: [number, number, number] for name, number in odd.items()},
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        studygrid.save_experiment_data(**given)
    assert all(str(warning.message).isprintable() for warning in caught)
    found = read_experiment(folder)
    assert found.summary.experiment_name == r"run\udcff"
    assert found.summary.project_name == r"crack\udc80s"
    final = found.summary.final_metrics.content()
    assert (final[r"low\udc80"], final[r"high\udc81"]) == (0.25, None)
    assert found.curve(r"low\udc80") == {1: 0.25, 2: 0.25, 3: 0.25}
