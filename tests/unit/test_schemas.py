"""The JSON Schemas agree with the models, and with the configs that stand here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from studygrid import schemas
from tests.conftest import ROOT

FOLDER = ROOT / "workflow" / "schemas"
CONFIGS = [ROOT / "config" / "config.yaml", *(ROOT / "config" / "studies").glob("*.yaml")]


def faults(config: Any) -> list[str]:
    family = config.get("family", "classification")
    schema = json.loads((FOLDER / f"{family}.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(config)]


def test_the_schemas_agree_with_the_models() -> None:
    difference = schemas.drift(FOLDER)
    assert not difference, f"run python scripts/write_schemas.py\n{difference}"


def test_a_change_of_a_model_is_shown_as_a_diff(tmp_path: Path) -> None:
    assert schemas.main(["--folder", str(tmp_path)]) == 0
    path = tmp_path / "train_record.schema.json"
    path.write_text(path.read_text().replace("best_epoch", "best_turn"))
    assert "-" in schemas.drift(tmp_path)
    assert "best_turn" in schemas.drift(tmp_path)
    assert schemas.main(["--folder", str(tmp_path), "--check"]) == 1


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.json")))
def test_every_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((FOLDER / name).read_text()))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_the_configs_are_valid(path: Path) -> None:
    assert faults(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize(
    "change",
    [
        {"trainig": {}},
        {"training": {"learning_rat": 1e-3}},
        {"training": {"learning_rate": "fast"}},
        {"training": {"optimizer": "adamx"}},
        {"dataset": {"name": "elvp"}},
        {"dataset": {"name": "image_folder"}},
        {"loss": {"label_smoothin": 0.1}},
        {"models": {"a": {"training": {"epoch": 3}}}},
        {"grid": {"resolution": ["large"]}},
        {"grid": {"resolution": [32], "n_train": ["most"]}},
    ],
)
def test_what_is_misspelt_is_not_valid(change: dict[str, Any]) -> None:
    config = yaml.safe_load(CONFIGS[0].read_text())
    assert faults({**config, **change})


def test_numbers_with_an_exponent_may_be_text() -> None:
    config = yaml.safe_load(CONFIGS[0].read_text())
    config["training"]["learning_rate"] = "1e-3"
    assert faults(config) == []


def test_sections_and_lists_may_have_nothing_below_them() -> None:
    config = yaml.safe_load(CONFIGS[0].read_text())
    config |= dict.fromkeys(("training", "loss", "augmentation", "presets", "profiling", "report"))
    config["models"]["tiny_cnn"] = dict.fromkeys(("architecture", "options", "training", "loss"))
    config["grid"] |= dict.fromkeys(("model", "n_train", "seed", "zip", "exclude", "include"))
    assert faults(config) == []
    assert faults({**config, "grid": None})
    assert faults({**config, "results": None})
