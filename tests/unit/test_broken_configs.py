"""A broken config says what is wrong, where, and what to write; all of it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studygrid.errors import ConfigError
from studygrid.plan import read_plan

WHOLE = """\
family: classification
dataset: {name: elpv}
models:
  tiny_cnn:
  simple_cnn: {training: {learning_rate: 1e-2}}
grid:
  resolution: [32, 48]
  n_train: [64, all]
  seed: 2
training: {epochs: 3, learning_rate: 1e-3}
"""


@pytest.fixture
def complaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that changes the whole config and returns the error's message."""
    monkeypatch.chdir(tmp_path)

    def read(*changes: tuple[str, str]) -> str:
        text = WHOLE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        Path("study.yaml").write_text(text)
        with pytest.raises(ConfigError) as error:
            read_plan(Path("study.yaml"))
        return str(error.value)

    return read


def test_the_whole_config_is_fine_and_1e_3_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(WHOLE)
    plan = read_plan(tmp_path / "study.yaml")
    assert plan.study.training.learning_rate == 0.001
    assert plan.models["simple_cnn"].training.learning_rate == 0.01
    assert (len(plan.cells), len(plan.runs)) == (8, 16)


BROKEN = {
    "misspelt section": (("\ntraining:", "\ntrainig:"), ":10: trainig: unknown key", "'training'"),
    "misspelt option": (("epochs: 3", "epoch: 3"), ":10: training.epoch: unknown", "'epochs'"),
    "misspelt override": (
        ("learning_rate: 1e-2", "lerning_rate: 1e-2"),
        ":5: models.simple_cnn.training.lerning_rate: unknown key",
        "'learning_rate'",
    ),
    "unknown architecture": (
        ("  tiny_cnn:", "  resnet81:"),
        ":4: models.resnet81: classification has no such architecture",
        "'resnet18'",
    ),
    "unknown dataset": (("elpv", "elvp"), ":2: dataset.name: ", "'elpv'"),
    "unknown choice": (
        ("epochs: 3", "epochs: 3, optimizer: adan"),
        ':10: training.optimizer: should be one of sgd, adam, adamw (it is "adan")',
        "'adam'",
    ),
    "unknown metric": (
        ("epochs: 3", "epochs: 3, monitor: acuracy"),
        ':10: training.monitor: classification has no such metric (it is "acuracy")',
        "'accuracy'",
    ),
    "text for a number": (("1e-3", "fast"), ":10: training.learning_rate: ", '"fast"'),
    "a number in quotes": (("epochs: 3", "epochs: '3'"), ":10: training.epochs: ", '"3"'),
    "true for a number": (("epochs: 3", "batch_size: true"), ":10: training.batch_size: ", "true"),
    "an impossible value": (("epochs: 3", "epochs: 0"), ":10: training.epochs: ", "it is 0"),
    "not a number": (("1e-3", ".nan"), ":10: training.learning_rate: ", "finite"),
    "two budgets": (("epochs: 3", "epochs: 3, steps: 9"), ":10: training: ", "`steps`"),
    "a size beyond the data": (
        ("64, all", "64, 5000"),
        ":8: grid.n_train[1]: the training split of elpv has 1599 samples (it is 5000)",
        "all",
    ),
    "the whole split twice": (("64, all", "1599, all"), ":8: grid.n_train[0]: ", "all"),
    "a value twice": (("[32, 48]", "[32, 32]"), ":7: grid.resolution: ", "32 is given twice"),
    "an empty axis": (("[32, 48]", "[]"), ":7: grid.resolution: ", "[]"),
    "nothing left": (
        ("  seed: 2", "  seed: 2\n  exclude: [{seed: [0, 1]}]"),
        ":10: grid.exclude: ",
        "no run",
    ),
    "excludes nothing": (
        ("  seed: 2", "  seed: 2\n  exclude: [{seed: 7}]"),
        ":10: grid.exclude[0]: excludes nothing",
        "7",
    ),
    "a duplicate cell": (
        ("  seed: 2", "  seed: 2\n  include: [{resolution: 32, seed: 1}]"),
        ":10: grid.include[0]: ",
        "there already",
    ),
    "zip of unequal axes": (
        ("  seed: 2", "  seed: 3\n  zip: [resolution, seed]"),
        ":10: grid.zip: ",
        "resolution has 2, seed has 3",
    ),
    "a name that is no folder's": (
        ("  tiny_cnn:", "  '../x': {architecture: tiny_cnn}"),
        ":4: models.../x: can't be a folder's name",
        "'x'",
    ),
    "a key twice": (
        ("  tiny_cnn:\n", "  tiny_cnn:\n  tiny_cnn:\n"),
        ":5: models.tiny_cnn: is given twice",
        "",
    ),
    "an unknown model": (
        ("grid:", "presets: {small: [tiny_cn]}\ngrid:"),
        ":6: presets.small[0]: no such model",
        "'tiny_cnn'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_problem_is_named_with_its_place_and_the_way_out(
    complaint: Callable[..., str], name: str
) -> None:
    change, *expected = BROKEN[name]
    text = complaint(change)
    assert text.startswith("the config has 1 problem; nothing was started:\n  study.yaml:"), text
    for part in expected:
        assert part in text, text


def test_all_problems_are_told_at_once_in_the_order_of_the_file(
    complaint: Callable[..., str],
) -> None:
    chosen: list[Any] = ["unknown dataset", "misspelt override", "unknown architecture"]
    chosen += ["a size beyond the data", "an impossible value"]
    chosen.remove("a size beyond the data")  # not known without the dataset
    text = complaint(*(BROKEN[name][0] for name in chosen))
    lines = text.splitlines()
    assert lines[0] == "the config has 4 problems; nothing was started:"
    places = [int(line.split(":")[1]) for line in lines[1:]]
    assert places == sorted(places) == [2, 4, 5, 10]
