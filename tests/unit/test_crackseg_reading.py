"""Experiments that others wrote: the guide's own examples, CrackSeg's own saver, broken files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from studygrid.errors import RecordError
from studygrid.interchange.crackseg import read_experiment, read_experiments

SUMMARY = "metrics/complete_summary.json"
EPOCHS = "metrics/metrics.jsonl"
VALIDATION = "metrics/validation_metrics.json"
FINAL = {
    "val_precision": 0.85, "val_recall": 0.82, "val_f1": 0.83, "val_iou": 0.71, "val_dice": 0.83,
    "val_accuracy": 0.95, "val_loss": 0.25,
}  # fmt: skip
BEST = {
    "epoch": 85, "precision": 0.86, "recall": 0.83, "f1": 0.84, "iou": 0.72, "dice": 0.84,
    "accuracy": 0.96, "loss": 0.23,
}  # fmt: skip
# As the guide prints them; the dots of its lines of epochs are left out.
GUIDE: dict[str, str] = {
    SUMMARY: """{
  "experiment_name": "swinv2_hybrid_360x360_experiment",
  "project_name": "crack-segmentation",
  "model_type": "crackseg.model.SwinV2CnnAsppUNet",
  "dataset": "data/unified",
  "training_epochs": 100,
  "batch_size": 4,
  "learning_rate": 1e-4,
  "final_metrics": {
    "val_precision": 0.85,
    "val_recall": 0.82,
    "val_f1": 0.83,
    "val_iou": 0.71,
    "val_dice": 0.83,
    "val_accuracy": 0.95,
    "val_loss": 0.25
  },
  "best_epoch": 85,
  "total_training_time": 3600.5,
  "timestamp": "2024-01-15T10:30:00",
  "hardware_info": {
    "device": "cuda",
    "cuda_available": true,
    "gpu_name": "NVIDIA GeForce RTX 3070 Ti"
  }
}
""",
    EPOCHS: """{"epoch": 1, "train_loss": 0.65, "val_loss": 0.45, "val_iou": 0.58}
{"epoch": 2, "train_loss": 0.62, "val_loss": 0.42, "val_iou": 0.61}
{"epoch": 3, "train_loss": 0.59, "val_loss": 0.39, "val_iou": 0.64}
""",
    VALIDATION: json.dumps({"final_validation": FINAL, "best_validation": BEST}),
    "final_results.yaml": """val_precision: 0.85
val_recall: 0.82
val_f1: 0.83
val_iou: 0.71
val_dice: 0.83
val_accuracy: 0.95
val_loss: 0.25
""",
}


def write(folder: Path, **changed: str) -> Path:
    """Write the guide's example, with files changed by their stem."""
    for name, text in GUIDE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changed.get(path.stem, text))
    return folder


def summary(**changes: Any) -> str:
    return json.dumps({**json.loads(GUIDE[SUMMARY]), **changes})


def test_the_guides_own_examples_are_read(tmp_path: Path) -> None:
    found = read_experiment(write(tmp_path))
    assert found.problems == ()
    assert found.name == "swinv2_hybrid_360x360_experiment"
    assert (found.summary.training_epochs, found.summary.best_epoch) == (100, 85)
    assert found.summary.learning_rate == 1e-4
    assert found.summary.final_metrics.val_iou == 0.71
    assert found.summary.hardware_info.gpu_name == "NVIDIA GeForce RTX 3070 Ti"
    assert found.curve("val_iou") == {1: 0.58, 2: 0.61, 3: 0.64}
    assert found.validation.final_validation.content() == FINAL
    assert found.validation.best_validation.content() == BEST
    assert found.final_results is not None
    assert found.final_results.content() == FINAL
    assert (found.log, found.checkpoint, found.epoch_checkpoints) == (None, None, {})


def test_keys_of_others_are_kept(tmp_path: Path) -> None:
    rows = '{"epoch": 1, "timestamp": "2024-01-15T10:30:00", "val_auc": 0.5, "tags": ["a"]}\n'
    found = read_experiment(write(tmp_path, complete_summary=summary(seed=42), metrics=rows))
    assert found.summary.model_extra == {"seed": 42}
    assert found.curve("val_auc") == {1: 0.5}


def test_a_score_that_nobody_took_is_an_error_and_no_zero(tmp_path: Path) -> None:
    found = read_experiment(write(tmp_path))
    assert found.epochs[0].val_f1 is None
    with pytest.raises(RecordError, match=r"metrics.jsonl: no line has val_f1 \(there are epoch"):
        found.curve("val_f1")


def test_weights_and_logs_that_are_there_are_found(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "best_model.pth").touch()
    assert read_experiment(tmp_path).checkpoint == tmp_path / "best_model.pth"
    (tmp_path / "checkpoints").mkdir()
    for name in ("best_model.pth", "epoch_20.pth", "epoch_3.pth", "epoch_last.pth"):
        (tmp_path / "checkpoints" / name).touch()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "my_experiment.log").touch()
    found = read_experiment(tmp_path)
    assert found.log == tmp_path / "logs" / "my_experiment.log"
    assert found.checkpoint == tmp_path / "checkpoints" / "best_model.pth"
    assert list(found.epoch_checkpoints) == [3, 20]


def without(key: str) -> str:
    content = json.loads(GUIDE[SUMMARY])
    del content["final_metrics"][key]
    return json.dumps(content)


def yaml_with(iou: str) -> str:
    return GUIDE["final_results.yaml"].replace("0.71", iou)


@pytest.mark.parametrize(
    ("changed", "file", "message"),
    [
        ({"complete_summary": without("val_iou")}, SUMMARY, "final_metrics.val_iou: Field requ"),
        ({"complete_summary": summary(best_epoch="85")}, SUMMARY, "best_epoch: .*valid integer"),
        ({"complete_summary": summary(batch_size=True)}, SUMMARY, "batch_size: .*valid integer"),
        ({"complete_summary": summary(timestamp="now")}, SUMMARY, "timestamp: .*should be a time"),
        ({"complete_summary": summary(learning_rate="1e-4")}, SUMMARY, "learning_rate: .*number"),
        ({"complete_summary": summary(loss=float("nan"))}, SUMMARY, "loss is nan, which is no num"),
        ({"complete_summary": "[]"}, SUMMARY, "the document: "),
        ({"complete_summary": '{"experiment_name": "a'}, SUMMARY, "is not JSON"),
        (
            {"complete_summary": summary(written_by="studygrid", schema_version=99)},
            SUMMARY, "schema_version is 99, not 1",
        ),
        ({"metrics": '{"epoch": 1}\n{"epoch": 1}\n'}, EPOCHS, "line 2: epoch 1 is there already"),
        ({"metrics": '{"epoch": 1}\n\n{"ep\n'}, EPOCHS, "line 3: is not JSON"),
        ({"metrics": '{"val_iou": 0.5}\n'}, EPOCHS, "line 1: .*epoch: Field required"),
        ({"metrics": '{"epoch": 1, "val_iou": "0.5"}'}, EPOCHS, "line 1: .*val_iou: .*number"),
        ({"metrics": '{"epoch": 1, "x": [Infinity]}'}, EPOCHS, "line 1: x.0 is inf"),
        ({"validation_metrics": "{}"}, VALIDATION, "final_validation: Field required"),
        ({"final_results": yaml_with("high")}, "final_results.yaml", "val_iou: .*valid number"),
        ({"final_results": yaml_with(".nan")}, "final_results.yaml", "val_iou is nan, which"),
        ({"final_results": "a: [\n"}, "final_results.yaml", "is not YAML"),
        ({"final_results": "a: !!python/object:os.system {}\n"}, "final_results.yaml", "not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_file_and_key(
    changed: dict[str, str], file: str, message: str, tmp_path: Path
) -> None:
    write(tmp_path, **changed)
    with pytest.raises(RecordError, match=f"^{re.escape(str(tmp_path / file))}: .*{message}"):
        read_experiment(tmp_path)


@pytest.mark.parametrize("file", [SUMMARY, EPOCHS, VALIDATION])
def test_a_file_that_is_not_there_is_named(file: str, tmp_path: Path) -> None:
    (write(tmp_path) / file).unlink()
    with pytest.raises(RecordError, match=f"{re.escape(file)}: missing"):
        read_experiment(tmp_path)


def test_files_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    changed = {**FINAL, "val_iou": 0.5}
    write(
        tmp_path,
        validation_metrics=json.dumps(
            {"final_validation": changed, "best_validation": {**BEST, "epoch": 84}}
        ),
        final_results="\n".join(f"{key}: {value}" for key, value in changed.items()),
    )
    assert read_experiment(tmp_path).problems == (
        f"{VALIDATION}: the final metrics are not those of {SUMMARY}",
        f"final_results.yaml: the final metrics are not those of {SUMMARY}",
        f"{VALIDATION}: the best epoch is 84, in {SUMMARY} it is 85",
    )


def test_epochs_that_crackseg_made_up_are_told(tmp_path: Path) -> None:
    keys = ["train_loss", *FINAL]
    rows = [{"epoch": 1, **dict.fromkeys(keys, 0.5)}]
    rows += [{"epoch": epoch, **dict.fromkeys(keys, 0.0)} for epoch in (2, 3)]
    write(tmp_path, metrics="\n".join(map(json.dumps, rows)))
    assert "all scores and losses are 0 in epoch 2, 3;" in read_experiment(tmp_path).problems[0]


def test_the_experiments_of_a_folder_are_read_and_what_cannot_be_is_told(tmp_path: Path) -> None:
    write(tmp_path / "20240116-000000-b")
    write(tmp_path / "20240115-103000-a")
    write(tmp_path / "20240117-000000-c", complete_summary="{}")
    write(tmp_path / ".20240118-000000-d.part")
    (tmp_path / "notes").mkdir()
    found = read_experiments(tmp_path)
    names = [experiment.folder.name for experiment in found.experiments]
    assert names == ["20240115-103000-a", "20240116-000000-b"]
    assert len(found.problems) == 1
    assert "complete_summary.json: is not of CrackSeg's layout (" in str(found.problems[0])
    with pytest.raises(RecordError, match="does not exist, or is no folder"):
        read_experiments(tmp_path / "nothing")
