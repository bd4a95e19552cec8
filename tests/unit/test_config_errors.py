"""A broken config is refused with every problem at once: line, key, value and the way out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from studygrid import config_check, config_models
from studygrid.config_errors import nearest
from studygrid.errors import ConfigError
from studygrid.plan import make_plan, read_plan
from studygrid.study import Training
from tests.conftest import Clone

BASE = """\
name: Probe
family: classification
dataset:
  name: elpv
models:
  tiny_cnn:
  simple_cnn:
grid:
  resolution: [32, 48]
  n_train: [64, all]
  seed: 2
training:
  epochs: 2
"""
Refused = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def messages(text: str) -> list[str]:
    """Return the lines of what a config file is refused with."""
    Path("c.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError) as error:
        read_plan(Path("c.yaml"))
    first, *lines = str(error.value).splitlines()
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    assert first == f"the config has {count}; nothing was started:"
    return [line.strip() for line in lines]


def changed(old: str, new: str) -> str:
    assert BASE.count(old) == 1
    return BASE.replace(old, new)


def test_the_base_is_valid() -> None:
    Path("c.yaml").write_text(BASE)
    assert len(read_plan(Path("c.yaml")).runs) == 2 * 2 * 2 * 2


# --- One problem, one message: file:line, dotted key, what, value, hint

MISSPELT = [
    (
        BASE + "trainig: {}\n",
        "c.yaml:14: trainig: unknown key (it is {}); did you mean 'training'?",
    ),
    (
        BASE + "  lerning_rate: 0.1\n",
        "c.yaml:14: training.lerning_rate: unknown key (it is 0.1); "
        "did you mean 'learning_rate'?",
    ),
    (
        changed("  tiny_cnn:", "  tiny_cnn:\n    training:\n      lerning_rate: 0.1"),
        "c.yaml:8: models.tiny_cnn.training.lerning_rate: unknown key (it is 0.1); "
        "did you mean 'learning_rate'?",
    ),
    (
        changed("  tiny_cnn:", "  tiny_cnn:\n    trainig: {epochs: 2}"),
        'c.yaml:7: models.tiny_cnn.trainig: unknown key (it is {"epochs": 2}); '
        "did you mean 'training'?",
    ),
    (
        changed("  tiny_cnn:", "  tiny_cnn:\n    options: {widht: 4}"),
        "c.yaml:7: models.tiny_cnn.options.widht: unknown key (it is 4); did you mean 'width'?",
    ),
    (
        BASE + "  early_stopping: {patince: 2}\n",
        "c.yaml:14: training.early_stopping.patince: unknown key (it is 2); "
        "did you mean 'patience'?",
    ),
    (
        BASE + "seed: 3\n",
        "c.yaml:14: seed: unknown key (it is 3); did you mean 'grid.seed'?",
    ),
    (
        changed("name: elpv", "name: elpv\n  root: /images"),
        'c.yaml:5: dataset.root: unknown key (it is "/images"); '
        "there is nothing to set here; delete it",
    ),
    (
        BASE + "  optimizer: adma\n",
        'c.yaml:14: training.optimizer: should be one of sgd, adam, adamw (it is "adma"); '
        "did you mean 'adam'?",
    ),
    (
        BASE + "  schedule: cosin\n",
        "c.yaml:14: training.schedule: should be one of constant, cosine, step "
        "(it is \"cosin\"); did you mean 'cosine'?",
    ),
    (
        changed("  tiny_cnn:", "  own: {architecture: efficientnetb0}"),
        "c.yaml:6: models.own.architecture: classification has no such architecture "
        "(it is \"efficientnetb0\"); did you mean 'efficientnet_b0'?",
    ),
    (
        changed("  tiny_cnn:", "  wide_resnet502:"),
        "c.yaml:6: models.wide_resnet502: classification has no such architecture; a name of "
        "your own needs `architecture:` below it (it is \"wide_resnet502\"); "
        "did you mean 'wide_resnet50_2'?",
    ),
    (
        changed("elpv", "elvp"),
        "c.yaml:4: dataset.name: classification has no such dataset (it is \"elvp\"); "
        "did you mean 'elpv'?",
    ),
    (
        changed("family: classification", "family: clasification"),
        "c.yaml:2: family: there is no family 'clasification'; did you mean 'classification'?",
    ),
    (
        BASE + "  monitor: acuracy\n",
        "c.yaml:14: training.monitor: classification has no such metric (it is \"acuracy\"); "
        "did you mean 'accuracy'?",
    ),
    (
        changed("  tiny_cnn:", "  tiny_cnn: {training: {monitor: area}}"),
        "c.yaml:6: models.tiny_cnn.training.monitor: classification has no such metric "
        '(it is "area"); valid: loss, accuracy, balanced_accuracy, precision, recall, f1, '
        "auroc, ece",
    ),
    (
        BASE + "report: {metric: aucroc}\n",
        "c.yaml:14: report.metric: classification has no such metric (it is \"aucroc\"); "
        "did you mean 'auroc'?",
    ),
    (
        BASE + "report: {figures: [cost, heatmap_metric]}\n",
        "c.yaml:14: report.figures[1]: classification has no such figure "
        "(it is \"heatmap_metric\"); valid: metric_by_resolution, metric_by_n_train, "
        "metric_heatmap, seed_spread, learning_curves, cost, best_against_throughput, "
        "time_to_threshold, status_matrix, confusion_matrices, calibration",
    ),
    (
        BASE + "report: {figures: [cots]}\n",
        "c.yaml:14: report.figures[0]: classification has no such figure (it is \"cots\"); "
        "did you mean 'cost'? All: metric_by_resolution, metric_by_n_train, metric_heatmap, "
        "seed_spread, learning_curves, cost, best_against_throughput, time_to_threshold, "
        "status_matrix, confusion_matrices, calibration",
    ),
    (
        BASE + "report: {figures: [cost, cost]}\n",
        "c.yaml:14: report.figures[1]: is named twice (it is \"cost\")",
    ),
    (BASE + "report: {figures: []}\n", "c.yaml:14: report.figures: should not be empty (it is [])"),
    (
        changed("  seed: 2", "  seed: 2\n  model: [tiny_cn]"),
        "c.yaml:12: grid.model[0]: no such model or preset (it is \"tiny_cn\"); "
        "did you mean 'tiny_cnn'?",
    ),
    (
        BASE + "presets: {small: [tiny_cnn, simple_cn]}\n",
        "c.yaml:14: presets.small[1]: no such model (it is \"simple_cn\"); "
        "did you mean 'simple_cnn'?",
    ),
]  # fmt: skip

OF_ANOTHER_TYPE = [
    ("  batch_size: many", "batch_size: should be a whole number (it is \"many\")"),
    ("  batch_size: '32'", 'batch_size: should be a whole number (it is "32"); '
                           "write it without quotes"),
    ("  batch_size: true", "batch_size: should be a whole number (it is true)"),
    ("  batch_size: 2.5", "batch_size: should be a whole number (it is 2.5)"),
    ("  batch_size:", "batch_size: is empty; give it a value, or delete the key"),
    ("  learning_rate: fast", 'learning_rate: should be a number (it is "fast")'),
    ("  learning_rate: '0.1'", 'learning_rate: should be a number (it is "0.1"); '
                               "write it without quotes"),
    ("  learning_rate: true", "learning_rate: should be a number (it is true)"),
    ("  compile: 1", "compile: should be true or false (it is 1)"),
    ("  monitor: 2024-05-01", "monitor: should be text (it is 2024-05-01); put it in quotes"),
    ("  early_stopping: 3", "early_stopping: should be a section: keys, each with a value "
                            "(it is 3)"),
]  # fmt: skip

IMPOSSIBLE = [
    ("  batch_size: 0", "batch_size: should be greater than 0 (it is 0)"),
    ("  batch_size: -1", "batch_size: should be greater than 0 (it is -1)"),
    ("  learning_rate: 0.0", "learning_rate: should be greater than 0 (it is 0.0)"),
    ("  learning_rate: -1e-3", "learning_rate: should be greater than 0 (it is -0.001)"),
    ("  learning_rate: .nan", "learning_rate: should be a finite number (it is NaN)"),
    ("  weight_decay: .inf", "weight_decay: should be a finite number (it is Infinity)"),
    ("  weight_decay: 1e999", "weight_decay: should be a finite number (it is Infinity)"),
    ("  momentum: -0.1", "momentum: should be 0 or more (it is -0.1)"),
    ("  momentum: 1", "momentum: should be less than 1 (it is 1)"),
    ("  step_factor: 2.0", "step_factor: should be 1 or less (it is 2.0)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MISSPELT)
def test_what_is_misspelt_is_named_with_the_nearest_valid_word(text: str, expected: str) -> None:
    assert messages(text) == [expected]


@pytest.mark.parametrize(("line", "expected"), OF_ANOTHER_TYPE)
def test_a_value_of_another_type_is_refused(line: str, expected: str) -> None:
    assert messages(f"{BASE}{line}\n") == [f"c.yaml:14: training.{expected}"]


@pytest.mark.parametrize(("line", "expected"), IMPOSSIBLE)
def test_an_impossible_value_is_refused(line: str, expected: str) -> None:
    assert messages(f"{BASE}{line}\n") == [f"c.yaml:14: training.{expected}"]


def test_a_probability_lies_between_0_and_1() -> None:
    text = f"{BASE}augmentation: {{horizontal_flip: 1.5}}\nloss: {{label_smoothing: -1e-1}}\n"
    assert messages(text) == [
        "c.yaml:14: augmentation.horizontal_flip: should be 1 or less (it is 1.5)",
        "c.yaml:15: loss.label_smoothing: should be 0 or more (it is -0.1)",
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("  epochs: 2\n  steps: 3", "`epochs` (2) and `steps` (3) are both given; keep one"),
        ("  epochs: null", "the budget is missing; give `epochs` or `steps`"),
        ("  steps: 5", "`validations` (10) should not exceed `steps` (5)"),
        (
            "  batch_size: 4\n  accumulation: 8",
            "`accumulation` (8) should not exceed `batch_size` (4)",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(lines: str, expected: str) -> None:
    assert messages(changed("  epochs: 2", lines)) == [f"c.yaml:12: training: {expected}"]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ("[64, 1600]", "[1]: the training split of elpv has 1599 samples (it is 1600); "
                       "write a smaller number, or all"),
        ("5000", ": the training split of elpv has 1599 samples (it is 5000); "
                 "write a smaller number, or all"),
        ("[2e3]", "[0]: the training split of elpv has 1599 samples (it is 2000); "
                  "write a smaller number, or all"),
        ("[1599, all]", "[0]: the training split of elpv has 1599 samples, which is what all "
                        "means; keep one (it is 1599)"),
        ("[64, al]", '[1]: should be a whole number of 1 or more, or the word all (it is "al")'),
        ("[0]", "[0]: should be a whole number of 1 or more, or the word all (it is 0)"),
        ("'64'", ': should be a whole number of 1 or more, or the word all (it is "64"); '
                 "write it without quotes"),
    ],
)  # fmt: skip
def test_a_size_is_at_most_the_training_split(sizes: str, expected: str) -> None:
    assert messages(changed("[64, all]", sizes)) == [f"c.yaml:10: grid.n_train{expected}"]


def test_the_whole_split_may_be_written_as_a_number_where_all_is_not() -> None:
    Path("c.yaml").write_text(changed("[64, all]", "[64, 1599]"))
    assert read_plan(Path("c.yaml")).axis("n_train") == [64, 1599]


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        ("0", "a number here is the count of seeds, 1 to 1000; a seed is written [7] (it is 0)"),
        (
            "20240501",
            "a number here is the count of seeds, 1 to 1000; a seed is written [7] "
            "(it is 20240501)",
        ),
        ("many", 'should be a count of seeds, or a list of seeds (it is "many")'),
        ("[1, 1]", "1 is given twice; keep one (it is [1, 1])"),
        ("[]", "should not be empty (it is [])"),
    ],
)
def test_seeds_are_a_count_or_a_list(seed: str, expected: str) -> None:
    assert messages(changed("seed: 2", f"seed: {seed}")) == [f"c.yaml:11: grid.seed: {expected}"]


GRIDS = [
    ("model: [tiny_cnn, tiny_cnn]",
     'grid.model: "tiny_cnn" is given twice; keep one (it is ["tiny_cnn", "tiny_cnn"])'),
    ("model: [tiny_cnn, all]",
     'grid.model[1]: names tiny_cnn a second time; keep one (it is "all")'),
    ("model: []", "grid.model: should not be empty (it is [])"),
    ("zip: [seed, n_train, bogus]",
     "grid.zip[2]: should be one of model, resolution, n_train, seed (it is \"bogus\"); "
     "valid: model, resolution, n_train, seed"),
    ("zip: [seed]", 'grid.zip: should name two axes or more (it is ["seed"])'),
    ("zip: [seed, seed]",
     'grid.zip: "seed" is given twice; keep one (it is ["seed", "seed"])'),
    ("exclude: [{seed: 7}]",
     'grid.exclude[0]: excludes nothing: no run has these values (it is {"seed": [7]})'),
    ("exclude: [{model: all}]", "grid.exclude: leaves no run"),
    ("exclude: [{seed: 0}, {seed: 1}]", "grid.exclude: leaves no run"),
    ("exclude: [{}]",
     "grid.exclude[0]: should name at least one axis of model, resolution, n_train, seed"),
    ("exclude: [{model: null}]",
     "grid.exclude[0]: should name at least one axis of model, resolution, n_train, seed"),
    ("exclude: [{sed: 1}]", "grid.exclude[0].sed: unknown key (it is 1); did you mean 'seed'?"),
    ("exclude: [{model: tinycnn}]",
     "grid.exclude[0].model: no such model or preset (it is \"tinycnn\"); "
     "did you mean 'tiny_cnn'?"),
    ("exclude: {seed: 1}",
     'grid.exclude: should be a list: [first, second] (it is {"seed": 1})'),
    ("include: [{model: tiny_cnn, seed: 1, resolution: 32, n_train: 64}]",
     "grid.include[0]: includes a run that is there already: tiny_cnn/res32/n64/seed1 "
     '(it is {"model": ["tiny_cnn"], "resolution": [32], "n_train": [6...)'),
    ("include: [{resolution: 64, n_train: 5000}]",
     "grid.include[0].n_train: the training split of elpv has 1599 samples (it is 5000); "
     "write a smaller number, or all"),
    ("include: [{seed: [5, 5]}]",
     "grid.include[0].seed: 5 is given twice; keep one (it is [5, 5])"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), GRIDS)
def test_a_grid_that_cannot_be_meant_is_refused(line: str, expected: str) -> None:
    text = changed("  seed: 2", f"  seed: 2\n  {line}")
    assert messages(text) == [f"c.yaml:12: {expected}"]


def test_zipped_axes_are_of_equal_length() -> None:
    assert messages(changed("seed: 2", "seed: 3\n  zip: [resolution, seed]")) == [
        "c.yaml:12: grid.zip: needs axes of equal length; resolution has 2, seed has 3 "
        '(it is ["resolution", "seed"])'
    ]


def test_lists_may_not_be_empty() -> None:
    text = changed("[32, 48]", "[]").replace("[64, all]", "[]")
    text += "profiling: {batch_sizes: []}\npresets: {none: []}\n"
    assert messages(text) == [
        f"c.yaml:{place}: should not be empty (it is [])"
        for place in (
            "9: grid.resolution",
            "10: grid.n_train",
            "14: profiling.batch_sizes",
            "15: presets.none",
        )
    ]


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("tiny_cnn: [tiny_cnn]", "tiny_cnn: a model has this name; give another"),
        ("all: [tiny_cnn]", "all: the word all means every model; give another name"),
    ],
)
def test_a_preset_has_a_name_of_its_own(preset: str, expected: str) -> None:
    assert messages(f"{BASE}presets: {{{preset}}}\n") == [f"c.yaml:14: presets.{expected}"]


NOT_A_FOLDER = "can't be a folder's name: letters, digits, _ . - only, 64 at most"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../x", f"{NOT_A_FOLDER} (it is \"../x\"); did you mean 'x'?"),
        ("a/b", f"{NOT_A_FOLDER} (it is \"a/b\"); did you mean 'a_b'?"),
        ("my model", f"{NOT_A_FOLDER} (it is \"my model\"); did you mean 'my_model'?"),
        ("a..b", f"{NOT_A_FOLDER} (it is \"a..b\"); did you mean 'a_b'?"),
        ("'{x}'", f"{NOT_A_FOLDER} (it is \"{{x}}\"); did you mean 'x'?"),
        ("-x", f"{NOT_A_FOLDER} (it is \"-x\"); did you mean 'x'?"),
        (".x", f"{NOT_A_FOLDER} (it is \".x\"); did you mean 'x'?"),
        ("x.", f"{NOT_A_FOLDER} (it is \"x.\"); did you mean 'x'?"),
        ("''", f'{NOT_A_FOLDER} (it is "")'),
        ("ü", f'{NOT_A_FOLDER} (it is "ü")'),
        ("CON", "no folder can have this name on Windows; give another"),
        ("nul.v2", "no folder can have this name on Windows; give another"),
        ("ALL", "the word all means every model; give another name"),
        (
            "Simple_CNN",
            None,
        ),
        ("12", "the key should be text; put it in quotes"),
        ("yes", "the key should be text; put it in quotes"),
    ],
)
def test_a_model_has_the_name_of_a_folder(name: str, expected: str | None) -> None:
    text = changed("  simple_cnn:\n", f"  {name}: {{architecture: simple_cnn}}\n  simple_cnn:\n")
    if expected is None:
        assert messages(text) == [
            "c.yaml:8: models.simple_cnn: differs from 'Simple_CNN' in case only; "
            "give one of them another name"
        ]
    else:
        key = name.strip("'")
        assert messages(text) == [f"c.yaml:7: models.{key}: {expected}"]


def test_a_name_of_65_characters_is_cut() -> None:
    text = changed("  tiny_cnn:", f"  {'x' * 65}: {{architecture: tiny_cnn}}")
    assert f"did you mean '{'x' * 64}'?" in messages(text)[0]


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("''", 'should be a folder of its own, such as results (it is "")'),
        (".", 'should be a folder of its own, such as results (it is ".")'),
        ("../..", 'should be a folder of its own, such as results (it is "../..")'),
        ("/", 'should be a folder of its own, such as results (it is "/")'),
        ("3", "should be text (it is 3); put it in quotes"),
        ("[a]", 'should be text (it is ["a"])'),
        ("c.yaml", 'c.yaml is a file, not a folder (it is "c.yaml")'),
        ("c.yaml/out", 'c.yaml is a file, not a folder (it is "c.yaml/out")'),
        ("", "is empty; give it a value, or delete the key"),
    ],
)
def test_results_is_a_folder_of_its_own(folder: str, expected: str) -> None:
    assert messages(f"{BASE}results: {folder}\n") == [f"c.yaml:14: results: {expected}"]


@pytest.mark.parametrize(
    "folder", ["a{model}", "~/out", "-out", "s3://bucket/x", '"a\\nb"', "a\\b"]
)
def test_results_has_nothing_that_snakemake_or_a_shell_would_read(folder: str) -> None:
    (message,) = messages(f"{BASE}results: {folder}\n")
    assert message.startswith("c.yaml:14: results: should be a folder's path, without braces")


@pytest.mark.parametrize(
    ("given", "used"), [("out/", "out"), ("./a//b/", "a/b"), ("../x", "../x"), ("/a b/ü", "/a b/ü")]
)
def test_results_is_a_path_without_detours(given: str, used: str) -> None:
    Path("c.yaml").write_text(f"{BASE}results: {given}\n", "utf-8")
    assert read_plan(Path("c.yaml")).study.results == used


# --- The file as a whole


def test_a_key_that_is_given_twice_is_refused_where_it_stands_again() -> None:
    text = changed("  tiny_cnn:", "  tiny_cnn: {options: {width: 4, width: 5}}") + "name: Again\n"
    assert messages(text) == [
        "c.yaml:6: models.tiny_cnn.options.width: is given twice; YAML keeps the last only",
        "c.yaml:14: name: is given twice; YAML keeps the last only",
    ]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "name: x\n", "grid:\nmodels:\ndataset:\n"])
def test_keys_without_a_default_are_asked_for(text: str) -> None:
    wanted = {
        f"{key}: missing; it has no default" for key in ("family", "dataset", "models", "grid")
    }
    assert {message.split(": ", 1)[1] for message in messages(text)} == wanted


def test_keys_without_a_default_are_asked_for_in_their_sections() -> None:
    assert messages(changed("  resolution: [32, 48]\n", "")) == [
        "c.yaml:8: grid.resolution: missing; it has no default"
    ]
    assert messages(changed("name: elpv", "nmae: elpv")) == [
        "c.yaml:3: dataset.name: missing; classification has elpv, fashion_mnist, image_folder, "
        "arrays"
    ]


SECTION = "should be a section: keys, each with a value"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b\n", f'1: the config: {SECTION} (it is ["a", "b"]); write each as a key, a:'),
        ("hello\n", f'1: the config: {SECTION} (it is "hello")'),
        (
            changed("models:\n  tiny_cnn:\n  simple_cnn:", "models: [tiny_cnn, simple_cnn]"),
            f'5: models: {SECTION} (it is ["tiny_cnn", "simple_cnn"]); '
            "write each as a key, tiny_cnn:",
        ),
        (
            changed("  tiny_cnn:", "  tiny_cnn: resnet18"),
            f'6: models.tiny_cnn: {SECTION} (it is "resnet18")',
        ),
        (
            changed("  tiny_cnn:", "  tiny_cnn: {training: 20}"),
            f"6: models.tiny_cnn.training: {SECTION} (it is 20)",
        ),
        (BASE + "loss: focal\n", f'14: loss: {SECTION} (it is "focal")'),
    ],
)
def test_what_should_be_a_section_is_one(text: str, expected: str) -> None:
    assert messages(text) == [f"c.yaml:{expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1,\nb: }\n", "c.yaml:2: is not YAML: expected the node content, but found '}'"),
        (
            "a:\n\tb: 1\n",
            "c.yaml:2: is not YAML: found character '\\t' that cannot start any token",
        ),
        ("a: 1\n---\nb: 2\n", "c.yaml:2: is not YAML: but found another document"),
        ("a: &x [1, *x]\n", "c.yaml:1: an alias (*) of what it stands in; write it out"),
        ("{[1]: 2}: 3\n", "c.yaml:1: is not YAML: found unhashable key"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(text: str, expected: str) -> None:
    Path("c.yaml").write_text(text)
    with pytest.raises(ConfigError) as error:
        read_plan(Path("c.yaml"))
    assert str(error.value) == expected


def test_a_file_that_cannot_be_read_is_refused() -> None:
    for content in (None, b"\xff\xfe\x00"):
        if content is not None:
            Path("c.yaml").write_bytes(content)
        with pytest.raises(ConfigError, match=r"^c\.yaml: cannot be read as YAML: "):
            read_plan(Path("c.yaml"))


# --- Many at once


def test_all_problems_are_told_at_once_in_the_order_of_the_file_each_once() -> None:
    text = """\
name: Broken
family: classification
dataset: {name: elvp}
models:
  tinycnn:
  ../x: {architecture: tiny_cnn}
  simple_cnn:
    training: {learning_rate: fast, batch_size: 16}
    loss: {label_smothing: 0.1}
  resnet18:
grid:
  resolution: [32, 32]
  seed: 2
  exclude:
    - {model: simplecnn}
    - {sed: 1}
training:
  epochs: two
  optimizer: adma
  monitor: acuracy
reslts: out
report: {metric: aucroc}
presets: {x: [foo]}
"""
    start = [
        "3: dataset.name: classification has no such dataset",
        "5: models.tinycnn: classification has no such architecture",
        "6: models.../x: can't be a folder's name",
        "8: models.simple_cnn.training.learning_rate: should be a number",
        "9: models.simple_cnn.loss.label_smothing: unknown key",
        "12: grid.resolution: 32 is given twice",
        "15: grid.exclude[0].model: no such model or preset",
        "16: grid.exclude[1].sed: unknown key",
        "18: training.epochs: should be a whole number",
        "19: training.optimizer: should be one of",
        "20: training.monitor: classification has no such metric",
        "21: reslts: unknown key",
        "22: report.metric: classification has no such metric",
        "23: presets.x[0]: no such model",
    ]
    found = messages(text)
    assert len(found) == len(start)
    for message, expected in zip(found, start, strict=True):
        assert message.startswith(f"c.yaml:{expected}")


def test_a_fault_of_the_shared_section_is_told_once_whatever_models_override() -> None:
    text = changed("  tiny_cnn:", "  tiny_cnn: {training: {accumulation: 64}}").replace(
        "  epochs: 2", "  batch_size: 64\n  epochs: two"
    )
    assert messages(text) == ['c.yaml:14: training.epochs: should be a whole number (it is "two")']


def test_a_fault_that_an_override_makes_is_placed_at_the_model() -> None:
    text = changed("  tiny_cnn:", "  tiny_cnn:\n    training: {accumulation: 64}")
    assert messages(text) == [
        "c.yaml:7: models.tiny_cnn.training: `accumulation` (64) should not exceed "
        "`batch_size` (32)"
    ]


def test_data_and_weights_must_be_there() -> None:
    text = changed("dataset:\n  name: elpv", "dataset: {name: image_folder, root: nowhere}")
    text = text.replace("  tiny_cnn:", "  tiny_cnn: {options: {weights: nowhere.pt}}")
    assert messages(text) == [
        'c.yaml:3: dataset.root: folder nowhere does not exist (it is "nowhere")',
        'c.yaml:5: models.tiny_cnn.options.weights: there is no such file (it is "nowhere.pt")',
    ]


# --- Several files, and the command line


def test_each_problem_is_placed_in_the_file_that_decides() -> None:
    Path("a.yaml").write_text(BASE)
    Path("b.yaml").write_text("# later\ngrid: {seed: 0}\ntraining: {epochs: 0}\n")
    config: dict[str, Any] = {
        "name": "Probe",
        "family": "classification",
        "dataset": {"name": "elpv"},
        "models": {"tiny_cnn": None, "simple_cnn": None},
        "grid": {"resolution": [32, 48], "n_train": [64, "all"], "seed": 0},
        "training": {"epochs": 0, "compile": 1},
        "execution": {"device": "gpu"},
    }
    with pytest.raises(ConfigError) as error:
        make_plan(config, [Path("a.yaml"), Path("b.yaml")])
    assert [line.split(": ")[:2] for line in str(error.value).splitlines()[1:]] == [
        ["  b.yaml:2", "grid.seed"],
        ["  b.yaml:3", "training.epochs"],
        ["  --config", "training.compile"],
        ["  --config", "execution.device"],
    ]


def test_a_fault_of_the_first_file_stays_its_own() -> None:
    Path("a.yaml").write_text(BASE + "name: Again\n")
    Path("b.yaml").write_text("name: Third\n")
    with pytest.raises(ConfigError, match=r"a\.yaml:14: name: is given twice"):
        make_plan({}, [Path("a.yaml"), Path("b.yaml")])


def test_without_a_file_the_key_is_the_place() -> None:
    with pytest.raises(ConfigError, match=r"config: grid\.seed: a number here"):
        make_plan({"grid": {"seed": 0, "resolution": 32}})


def test_a_file_elsewhere_is_named_by_its_whole_path(tmp_path_factory: Any) -> None:
    file = tmp_path_factory.mktemp("elsewhere") / "c.yaml"
    file.write_text(BASE + "trainig: 1\n")
    with pytest.raises(ConfigError, match=f"{file}:14: trainig"):
        read_plan(file)


def test_a_merged_section_is_placed_where_its_text_stands() -> None:
    text = changed(
        "  tiny_cnn:\n  simple_cnn:",
        "  tiny_cnn: &shared\n    training: {epochs: two}\n  simple_cnn:\n    <<: *shared",
    )
    assert [message.split(": ")[:2] for message in messages(text)] == [
        ["c.yaml:7", "models.tiny_cnn.training.epochs"],
        ["c.yaml:7", "models.simple_cnn.training.epochs"],
    ]


def test_json_is_read_too() -> None:
    Path("c.json").write_text(
        '{"family":\t"classification",\n "training": {"learning_rate": -1e-3}}'
    )
    with pytest.raises(ConfigError, match=r"c\.json:2: training\.learning_rate: .*-0\.001"):
        read_plan(Path("c.json"))


# --- Hints


@pytest.mark.parametrize(
    ("word", "words", "hint"),
    [
        ("Adam", ["sgd", "adam"], "did you mean 'adam'?"),
        ("x", ["sgd", "adam"], "valid: sgd, adam"),
        ("x", [f"name{number}" for number in range(26)], None),
        ("x", [], None),
        (3, ["three"], "valid: three"),
    ],
)
def test_a_hint_names_the_nearest_word_or_the_few_there_are(
    word: object, words: list[str], hint: str | None
) -> None:
    assert nearest(word, words) == hint


# --- Through Snakemake


def test_snakemake_starts_nothing_and_prints_the_problems(
    make_clone: Callable[[dict[str, Any]], Clone], config: dict[str, Any]
) -> None:
    config["training"]["lerning_rate"] = 0.1
    config["grid"]["seed"] = 0
    clone = make_clone(config)
    done: subprocess.CompletedProcess[str] = clone.snakemake("--cores", "1", ok=False)
    printed = done.stdout + done.stderr
    assert "the config has 2 problems; nothing was started:" in printed
    assert (
        "training.lerning_rate: unknown key (it is 0.1); did you mean 'learning_rate'?" in printed
    )
    assert "config/config.yaml:" in printed
    assert "Traceback" not in printed
    assert "src/studygrid" not in printed
    assert not (clone.folder / "results").exists()


EVENTS = """\
family: events
dataset: {name: generated_events, background: 40, signals: {xy: 20}, max_particles: 32}
models:
  mlp: {OVERRIDES}
  isolation_forest: {FOREST}
grid: {resolution: [16, RESOLUTION], n_train: [all], seed: 1}
training: {epochs: 2}
"""


def events(overrides: str = "", forest: str = "", resolution: int = 32) -> str:
    text = EVENTS.replace("OVERRIDES", overrides).replace("FOREST", forest)
    return text.replace("RESOLUTION", str(resolution))


def test_a_resolution_is_at_most_what_the_dataset_has() -> None:
    assert messages(events(resolution=33)) == [
        "c.yaml:6: grid.resolution[1]: is above what generated_events has, 32 by "
        "dataset.max_particles (it is 33); write a smaller number, or change that"
    ]
    words = {"classification": "tagvae", "elpv": "tag_mixture\n  tags: 40", "tiny_cnn": "mlp_vae"}
    words |= {"  simple_cnn:\n": "", "[64, all]": "[9]"}
    tags = reduce(lambda text, word: text.replace(word, words[word]), words, BASE)
    assert messages(tags) == [
        "c.yaml:9: grid.resolution[1]: is above what tag_mixture has, 40 by dataset.tags (it is "
        "48); write a smaller number, or change that"
    ]


def test_what_a_fitted_model_would_not_read_is_refused() -> None:
    why = "is fitted at once, without gradients, and would not read it"
    forest = "training: {learning_rate: 0.1, batch_size: 8}, loss: {globals_weight: 1}"
    assert messages(events(forest=forest)) == [
        f"c.yaml:5: models.isolation_forest.training.learning_rate: isolation_forest {why} (it is "
        "0.1); leave it out",
        "c.yaml:5: models.isolation_forest.loss.globals_weight: the loss of isolation_forest has "
        "no options (it is 1.0); leave it out",
    ]
    Path("c.yaml").write_text(events("loss: {globals_weight: 1}", "training: {batch_size: 8}"))
    read_plan(Path("c.yaml"))


def test_the_keys_that_a_fitted_model_does_not_read_are_keys_of_training() -> None:
    assert set(Training.model_fields) >= config_models.OF_GRADIENTS


def test_codes_without_a_codebook_are_refused() -> None:
    said = messages(events("options: {tokenizer: linear, codes: 64}"))
    assert said == [
        "c.yaml:4: models.mlp.options: `codes` is of the tokenizer vq, and this one is linear, "
        "which has no codebook; leave it out"
    ]


def test_a_family_whose_packages_are_missing_is_refused_with_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config_check, "find_spec", lambda module: None)
    text = BASE.replace("classification", "segmentation").replace("tiny_cnn", "small_unet", 1)
    text = text.replace("  simple_cnn:\n", "").replace("name: elpv", "name: cracks")
    said = messages(text)
    assert "c.yaml:2: family: needs scikit-image and segmentation-models-pytorch" in said[0]
    assert "pip install -c envs/constraints.txt -e '.[segmentation]'" in said[0]
