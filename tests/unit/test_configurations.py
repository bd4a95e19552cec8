"""`studygrid run --preset` and `--config`: what they mean, what they refuse, what they leave."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from studygrid.cli import main
from studygrid.configurations.arguments import Given, Setting
from studygrid.configurations.custom_study import custom_study
from studygrid.configurations.deriving import derive
from studygrid.configurations.faults import Faults
from studygrid.configurations.keys import ALIASES, Keys, NoKeyError
from studygrid.configurations.made_study import Asked, MadeStudy
from studygrid.errors import ConfigError, StudygridError
from studygrid.execution.results_lock import hold_results
from studygrid.families import load_family
from studygrid.grid import Run
from studygrid.plan import Plan, read_plan
from tests.conftest import ROOT
from tests.unit.fake_snakemake import DEFAULT, FakeSnakemake, fake_clone
from tests.unit.resomap_studies import write_scores, write_study

CONFIG: dict[str, Any] = {
    "name": "Cells",
    "family": "classification",
    "dataset": {"name": "elpv"},
    "models": {
        "tiny_cnn": None,
        "wide": {
            "architecture": "simple_cnn",
            "options": {"width": 64, "dropout": 0.1},
            "training": {"learning_rate": 0.003, "steps": 50, "early_stopping": {"patience": 2}},
            "loss": {"label_smoothing": 0.1},
        },
        "spare": {"architecture": "tiny_cnn"},
    },
    "presets": {"small": ["tiny_cnn"], "both": ["wide", "tiny_cnn"], "more": ["spare", "wide"]},
    "grid": {"model": ["tiny_cnn", "wide"], "resolution": [32, 48], "n_train": [64], "seed": 2},
    "training": {"steps": 20, "validations": 2, "batch_size": 16},
}
TAGS: dict[str, Any] = {
    "name": "Tags",
    "family": "tagvae",
    "dataset": {"name": "tag_mixture"},
    "models": {
        "small": {"architecture": "mlp_vae", "options": {"latent": 32, "hidden": [128]}},
        "beta_balanced": {
            "architecture": "mlp_vae",
            "options": {"latent": 64, "hidden": [256]},
            "loss": {"beta": 4},
        },
        "independent": {"architecture": "independent_bernoulli"},
    },
    "grid": {"resolution": [16], "n_train": [64], "seed": 1},
    "training": {"epochs": 3, "learning_rate": 0.0005},
}
CUSTOM = Path("results_custom/config.yaml")


@pytest.fixture
def snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSnakemake:
    return fake_clone(tmp_path, CONFIG, monkeypatch)


def run(*arguments: str) -> int:
    return main(["run", *arguments])


def write_base(change: Callable[[dict[str, Any]], None]) -> None:
    content = yaml.safe_load(DEFAULT.read_text())
    change(content)
    DEFAULT.write_text(yaml.safe_dump(content, sort_keys=False))


def kept() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(CUSTOM.read_text())
    return content


def refused(capsys: pytest.CaptureFixture[str], snakemake: FakeSnakemake, *arguments: str) -> str:
    """Run a command line that is refused before anything starts; return what it says."""
    before = CUSTOM.read_bytes() if CUSTOM.exists() else None
    capsys.readouterr()
    snakemake.commands.clear()
    assert run(*arguments) == 1
    assert snakemake.commands == []
    assert (CUSTOM.read_bytes() if CUSTOM.exists() else None) == before
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    return said


# --- Presets


@pytest.mark.parametrize(
    ("arguments", "models"),
    [
        (["--preset", "small"], ["tiny_cnn"]),
        (["--preset", "both"], ["tiny_cnn", "wide"]),
        (["--preset", "small", "both"], ["tiny_cnn", "wide"]),
        (["--preset", "small,both"], ["tiny_cnn", "wide"]),
        (["--preset", "small", "--models", "wide"], ["tiny_cnn", "wide"]),
    ],
)
def test_a_preset_runs_its_models(
    arguments: list[str], models: list[str], snakemake: FakeSnakemake
) -> None:
    assert run(*arguments, "--resolutions", "32", "--seeds", "1") == 0
    assert snakemake.runs == [f"{model}/res32/n64/seed1" for model in models]
    assert "--configfile" not in snakemake.commands[-1]


def test_the_preset_all_is_every_model_of_the_config(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, snakemake, "--preset", "all")
    assert "leaves out spare" in said
    assert "`model: [tiny_cnn, wide, spare]`" in said
    write_base(lambda content: content["grid"].pop("model"))
    assert run("--preset", "all", "--seeds", "0", "--resolutions", "48") == 0
    assert snakemake.runs == [f"{name}/res48/n64/seed0" for name in CONFIG["models"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "smal"], "--preset smal: no such preset; did you mean 'small'?"),
        (["--preset", "zzz"], "--preset zzz: no such preset; valid: all, small, both, more"),
        (["--preset", "wide"], "--preset wide: is a model, named with --models"),
        (["--preset", "more"], "the grid of config/config.yaml leaves out spare"),
        (["--preset", "small", "--models", "wid"], "did you mean 'wide'?"),
        (["--results", "there"], "--results: is for configurations; give --config too"),
        (["--replace"], "--replace: is for configurations; give --config too"),
    ],
)
def test_what_is_no_preset_of_the_grid_is_refused(
    arguments: list[str], message: str, snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, snakemake, *arguments)


# --- The keys of a configuration


def keys_of(family: str, architecture: str) -> Keys:
    found = load_family(family)
    return Keys.of(found, found.find_architecture(architecture))


@pytest.mark.parametrize(
    ("family", "architecture", "key", "place"),
    [
        ("classification", "tiny_cnn", "training.learning_rate", "training.learning_rate"),
        ("classification", "tiny_cnn", "learning_rate", "training.learning_rate"),
        ("classification", "tiny_cnn", "lr", "training.learning_rate"),
        ("classification", "tiny_cnn", "max_epochs", "training.epochs"),
        ("classification", "tiny_cnn", "epochs", "training.epochs"),
        ("classification", "tiny_cnn", "batch_size", "training.batch_size"),
        ("classification", "tiny_cnn", "width", "options.width"),
        ("classification", "tiny_cnn", "dropout_p", "options.dropout"),
        ("classification", "tiny_cnn", "label_smoothing", "loss.label_smoothing"),
        ("classification", "tiny_cnn", "crop_padding", "augmentation.crop_padding"),
        (
            "classification",
            "tiny_cnn",
            "early_stopping.patience",
            "training.early_stopping.patience",
        ),
        ("tagvae", "mlp_vae", "beta", "loss.beta"),
        ("tagvae", "mlp_vae", "hidden_dim", "options.hidden"),
        ("tagvae", "mlp_vae", "latent_dim", "options.latent"),
        ("tagvae", "mlp_vae", "latent", "options.latent"),
    ],
)
def test_a_key_is_found_where_the_model_has_it(
    family: str, architecture: str, key: str, place: str
) -> None:
    assert keys_of(family, architecture).place(key) == tuple(place.split("."))


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        ("lerning_rate", "no such key", "did you mean 'learning_rate'?"),
        ("optons.width", "no such key", "did you mean 'options.width'?"),
        ("patience", "no such key", "did you mean training.early_stopping.patience?"),
        ("modle", "no such key", "did you mean 'model'?"),
        ("xyzzy", "no such key", "own options: options.weights, options.width, options.dropout"),
        ("latent_dim", "means options.latent, which this model does not have", "valid: weights"),
        ("hidden_dim", "means options.hidden, which this model does not have", "width"),
        ("training", "is a whole section", "write training.KEY=value"),
        ("training.", "should be names with a dot between them", None),
        ("grid.seed", "is not a model's to say", "--seeds"),
        ("seed", "is not a model's to say", "--seeds keeps some of the grid's"),
        ("n_train", "is not a model's to say", "--sizes"),
        ("resolution", "is not a model's to say", "--resolutions"),
        ("results", "is not a model's to say", "--results DIR"),
        ("dataset.name", "is not a model's to say", "change it in the config"),
        ("evaluation.batch_size", "is not a model's to say", "change it in the config"),
        ("architecture", "is what model= names", "write model=NAME"),
    ],
)
def test_what_is_no_key_is_refused_with_the_way_out(
    key: str, message: str, hint: str | None
) -> None:
    with pytest.raises(NoKeyError) as error:
        keys_of("classification", "tiny_cnn").place(key)
    assert message in str(error.value)
    assert hint in error.value.hint if hint else error.value.hint is None  # type: ignore[operator]


def test_a_key_of_several_sections_must_say_which() -> None:
    from studygrid.families.classification.options import LossOptions
    from studygrid.study import Training

    keys = Keys({"options": LossOptions, "training": Training, "loss": LossOptions}, True)
    with pytest.raises(NoKeyError) as error:
        keys.place("label_smoothing")
    assert error.value.hint == "write options.label_smoothing or loss.label_smoothing"


def test_every_alias_is_a_key_of_some_family() -> None:
    keys = keys_of("tagvae", "mlp_vae")
    for alias, (section, key) in ALIASES.items():
        assert key in keys.sections[section].model_fields, alias
        assert all(alias not in kind.model_fields for kind in keys.sections.values()), alias


# --- The model that a configuration makes


def made(config: dict[str, Any], *words: str) -> dict[str, Any]:
    """Return the model that some words make; nothing may be wrong with them."""
    settings = (word.partition("=") for word in words)
    given = Given("mine", tuple(Setting(key, yaml.safe_load(text)) for key, _, text in settings))
    faults = Faults()
    only = next(iter(config["models"])) if len(config["models"]) == 1 else None
    found = derive(given, config["models"], only, load_family(config["family"]), faults)
    faults.raise_all()
    return found.content


WIDE = CONFIG["models"]["wide"]


def test_a_configuration_starts_from_a_model_with_all_that_it_changes() -> None:
    assert made(CONFIG, "model=wide") == WIDE
    assert made(CONFIG, "model=tiny_cnn") == {"architecture": "tiny_cnn"}
    changed = made(CONFIG, "model=wide", "width=8", "loss.label_smoothing=0", "optimizer=sgd")
    assert changed["options"] == {"width": 8, "dropout": 0.1}
    assert changed["loss"] == {"label_smoothing": 0}
    assert changed["training"] == {**WIDE["training"], "optimizer": "sgd"}


def test_a_configuration_starts_from_an_architecture_too() -> None:
    assert made(CONFIG, "model=resnet18") == {"architecture": "resnet18"}


@pytest.mark.parametrize("name", ["vae/wide", "net/of/wide", "wide"])
def test_what_stands_before_the_last_slash_is_dropped(name: str) -> None:
    assert made(CONFIG, f"model={name}") == WIDE


def test_a_name_with_a_slash_of_its_own_is_taken_whole() -> None:
    cracks = {"family": "segmentation", "models": {"resnet18": {"architecture": "small_unet"}}}
    assert made(cracks, "model=unet/resnet18") == {"architecture": "unet/resnet18"}
    assert made(cracks, "model=any/resnet18") == {"architecture": "small_unet"}


def test_the_only_model_of_a_config_need_not_be_named() -> None:
    one = {**CONFIG, "models": {"wide": WIDE}}
    assert made(one, "width=8")["options"] == {"width": 8, "dropout": 0.1}
    with pytest.raises(ConfigError, match="model: is missing; start from a model: tiny_cnn, wide"):
        made(CONFIG, "width=8")


def test_the_training_section_may_be_another_models() -> None:
    assert made(CONFIG, "model=tiny_cnn", "trainer=vae/wide")["training"] == WIDE["training"]
    assert "training" not in made(CONFIG, "model=wide", "trainer=vae/default")
    changed = made(CONFIG, "model=wide", "trainer=default", "lr=1e-3")
    assert changed["training"] == {"learning_rate": "1e-3"}


def test_epochs_and_steps_replace_each_other() -> None:
    by_epochs = made(CONFIG, "model=wide", "epochs=4")
    assert by_epochs["training"]["epochs"] == 4
    assert "steps" not in by_epochs["training"]
    model = {"architecture": "tiny_cnn", "training": {"epochs": 9}}
    by_steps = made({**CONFIG, "models": {"m": model}}, "steps=30")
    assert by_steps["training"] == {"steps": 30}


def test_weights_that_make_up_one_choice_are_replaced_at_once() -> None:
    model = {"architecture": "small_unet", "loss": {"focal": 0.6, "dice": 0.4, "dice_smooth": 2}}
    cracks = {"family": "segmentation", "models": {"m": model}}
    assert made(cracks, "bce=1")["loss"] == {"dice_smooth": 2, "bce": 1}


def test_the_guides_words_for_a_vae_are_understood() -> None:
    guide = ("model=vae/beta_balanced", "trainer=vae/default", "beta=10.0", "hidden_dim=512")
    assert made(TAGS, *guide, "latent_dim=8", "dropout_p=0.1") == {
        "architecture": "mlp_vae",
        "options": {"latent": 8, "hidden": [512], "dropout": 0.1},
        "loss": {"beta": 10.0},
    }
    assert made(TAGS, "model=small", "hidden_dim=[64, 32]")["options"]["hidden"] == [64, 32]


# The custom configurations of ../vae-comparison.md, the guide to VAE comparison, as written there.
GUIDE = [
    ("--config my_vae model=vae/small trainer=vae/default", {"my_vae": ("small", {})}),
    (
        "--config vae_custom1 model=vae/small epochs=100 "
        "--config vae_custom2 model=vae/medium epochs=200",
        {
            "vae_custom1": ("small", {"epochs": 100}),
            "vae_custom2": ("medium", {"epochs": 200}),
        },
    ),
    (
        "--config standard_vae model=vae/medium trainer=vae/default "
        "--config beta_vae_4 model=vae/beta_balanced beta=4.0 "
        "--config beta_vae_10 model=vae/beta_balanced beta=10.0",
        {
            "standard_vae": ("medium", {}),
            "beta_vae_4": ("beta_balanced", {"beta": 4}),
            "beta_vae_10": ("beta_balanced", {"beta": 10}),
        },
    ),
    (
        "--config lr_5e4 model=vae/medium trainer=vae/default lr=5e-4 "
        "--config lr_1e3 model=vae/medium trainer=vae/default lr=1e-3 "
        "--config lr_1e4 model=vae/medium trainer=vae/default lr=1e-4",
        {
            "lr_5e4": ("medium", {"learning_rate": 5e-4}),
            "lr_1e3": ("medium", {"learning_rate": 1e-3}),
            "lr_1e4": ("medium", {"learning_rate": 1e-4}),
        },
    ),
]


@pytest.mark.parametrize(("words", "expected"), GUIDE, ids=["one", "two", "beta", "rates"])
def test_the_guides_commands_make_what_they_say(
    words: str, expected: dict[str, tuple[str, dict[str, float]]], snakemake: FakeSnakemake
) -> None:
    content = yaml.safe_load((ROOT / "config" / "studies" / "tags.yaml").read_text())
    smaller = {"dataset": {"name": "tag_mixture"}, "results": "results/tags"}
    grid = {"resolution": [16], "n_train": [64], "seed": 1}
    Path("tags.yaml").write_text(yaml.safe_dump({**content, **smaller, "grid": grid}))
    assert run("--configfile", "tags.yaml", *words.split()) == 0
    assert snakemake.configfile == "results/tags_custom/config.yaml"
    assert snakemake.runs == [f"{name}/res16/n64/seed0" for name in expected]
    models = snakemake.plans[-1].models
    for name, (base, settings) in expected.items():
        model, start = models[name], models[base]
        assert model.options == start.options
        now, before = ({**m.training.model_dump(), **m.loss.model_dump()} for m in (model, start))
        budget = {"steps"} if "epochs" in settings else set()
        assert {key for key in now if now[key] != before[key]} <= {*settings, *budget}
        assert {key: now[key] for key in settings} == settings


# --- What is refused


def test_all_that_is_wrong_with_all_configurations_is_said_at_once(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    first = "--config first model=tiny_cn epochs=0 lr=-1 batch_size=1.5 trainer=wid lr=2"
    second = "--config second model=wide widht=3 training.learning_rte=1 steps=5 validations=9"
    third = ["--config", "third", "model=tiny_cnn", "width", "loss.label_smoothing=", "x=[1"]
    others = "--config wide model=wide --config al/l model=wide --config Tiny_cnn model=wide"
    clash = "--config small model=wide epochs=2 max_epochs=3 --config model=wide lr=1"
    arguments = [*first.split(), *second.split(), *third, *others.split(), *clash.split()]
    said = refused(capsys, snakemake, *arguments, "--preset", "smal", "--models", "widee")
    assert [line.strip() for line in said.splitlines()] == [
        "error: 19 problems; nothing was started:",
        "--config first: lr: is given twice; keep one",
        '--config first: model: no such model or architecture (it is "tiny_cn"); did you mean '
        "'tiny_cnn'?",
        "--config first: trainer: no such model (it is \"wid\"); did you mean 'wide'?",
        "--config first: epochs: should be greater than 0 (it is 0)",
        "--config first: batch_size: should be a whole number (it is 1.5)",
        "--config first: lr: should be greater than 0 (it is -1)",
        "--config second: widht: no such key (it is 3); did you mean 'width'?",
        "--config second: training.learning_rte: unknown key (it is 1); did you mean "
        "'learning_rate'?",
        "--config third: width: should be key=value, such as lr=1e-3",
        "--config third: loss.label_smoothing: has no value; write loss.label_smoothing=null where "
        "you mean none",
        '--config third: x: the value is not YAML (it is "[1"); put text in quotes',
        "--config wide: config/config.yaml has a model of this name; give another",
        "--config al/l: can't be a folder's name: letters, digits, _ . - only, 64 at most (it is "
        "\"al/l\"); did you mean 'al_l'?",
        "--config Tiny_cnn: differs from 'tiny_cnn' in case only; give one of them another name",
        "--config small: a preset has this name; give another",
        "--config small: epochs, max_epochs: set the same, training.epochs; keep one",
        "--config model=wide: a configuration begins with its name, and a name has no =; write "
        "--config my_model model=wide",
        "--models: widee: no such model; did you mean 'wide'?",
        "--preset: smal: no such preset; did you mean 'small'?",
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2024-13-45", 'the value is not YAML (it is "2024-13-45")'),
        ("0x_", 'the value is not YAML (it is "0x_")'),
        ("nan", 'should be a number (it is "nan")'),
        ("inf", 'should be a number (it is "inf")'),
    ],
)
def test_a_value_that_is_no_number_is_named_with_its_key(
    value: str, message: str, snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, snakemake, "--config", "mine", "model=wide", f"lr={value}")
    assert f"--config mine: lr: {message}" in said
    assert "without quotes" not in said


def test_settings_that_do_not_go_together_are_named_together(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, snakemake, "--config", "mine", "model=wide", "steps=5", "validations=9")
    assert "mine: steps, validations: `validations` (9) should not exceed `steps` (5)" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "7"], "no run has seed=7"),
        (["--sizes", "65"], "no run has n_train=65"),
        (["--resolutions", "33"], "To run it, add it to config/config.yaml"),
    ],
)
def test_a_part_that_the_grid_has_not_keeps_no_configuration(
    arguments: list[str],
    message: str,
    snakemake: FakeSnakemake,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = refused(capsys, snakemake, "--config", "mine", "model=wide", *arguments)
    assert message in said
    assert not CUSTOM.parent.exists()


def test_a_fault_of_the_config_itself_is_said_as_of_any_study(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    write_base(lambda content: content["training"].update(learning_rate=-1))
    said = refused(capsys, snakemake, "--config", "mine", "model=tiny_cnn")
    assert re.search(r"config/config.yaml:\d+: training.learning_rate", said)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["presets"].update(configurations=["wide"]), "give the preset another"),
        (lambda c: c["grid"].update(zip=["model", "resolution"]), "grid.zip of config/config.yaml"),
    ],
    ids=["the preset's name", "zipped models"],
)
def test_a_config_that_can_have_no_configurations_says_why(
    change: Callable[[dict[str, Any]], None],
    message: str,
    snakemake: FakeSnakemake,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_base(change)
    assert message in refused(capsys, snakemake, "--config", "mine", "model=tiny_cnn")


# --- Where it is kept


def test_configurations_are_a_study_of_their_own(snakemake: FakeSnakemake) -> None:
    arguments = ["--config", "slow", "model=wide", "lr=1e-4", "--config", "narrow"]
    assert run(*arguments, "model=net/tiny_cnn", "width=4", "--seeds", "1") == 0
    assert snakemake.configfile == str(CUSTOM)
    assert snakemake.runs == [
        f"{name}/res{side}/n64/seed1" for name in ("slow", "narrow") for side in (32, 48)
    ]
    plan = snakemake.plans[-1]
    assert plan.study.results == "results_custom"
    assert plan.axis("model") == ["slow", "narrow"]
    assert plan.models["slow"].training.learning_rate == 1e-4
    assert plan.models["slow"].training.steps == 50
    assert plan.models["narrow"].options.model_dump()["width"] == 4
    base = read_plan(DEFAULT)
    assert plan.models["wide"] == base.models["wide"]
    assert plan.study.training == base.study.training
    header = [line for line in CUSTOM.read_text().splitlines() if line.startswith("#")]
    assert "# From config/config.yaml" in header
    assert "--config slow model=wide lr=1e-4" in "\n".join(header)


def test_configurations_of_earlier_calls_stay(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--config", "one", "model=tiny_cnn", "width=4") == 0
    assert run("--config", "two", "model=one", "lr=0.5", "--preset", "small") == 0
    assert kept()["grid"]["model"] == ["tiny_cnn", "one", "two"]
    assert kept()["presets"]["configurations"] == ["one", "two"]
    assert kept()["models"]["two"]["options"] == {"width": 4}
    assert {run.partition("/")[0] for run in snakemake.runs} == {"tiny_cnn", "two"}
    assert run("--config", "three", "model=wide", "--models", "three,one", "--seeds", "0") == 0
    assert {run.partition("/")[0] for run in snakemake.runs} == {"one", "three"}
    capsys.readouterr()
    assert run("--config", "one", "model=tiny_cnn", "options.width=4", "--models", "two") == 0
    assert {run.partition("/")[0] for run in snakemake.runs} == {"one", "two"}
    assert kept()["grid"]["model"] == ["tiny_cnn", "one", "two", "three"]
    assert "results_custom/config.yaml: as before: one" in capsys.readouterr().err


def test_it_is_a_config_for_every_command(snakemake: FakeSnakemake) -> None:
    assert run("--config", "one", "model=tiny_cnn", "width=4") == 0
    assert run("--configfile", str(CUSTOM), "--preset", "configurations", "--seeds", "0") == 0
    assert snakemake.runs == ["one/res32/n64/seed0", "one/res48/n64/seed0"]
    assert run("--configfile", str(CUSTOM), "--config", "two", "model=wide") == 0
    assert snakemake.configfile == str(CUSTOM)
    assert kept()["presets"]["configurations"] == ["one", "two"]
    assert kept()["name"] == "Cells: configurations"
    assert "# From config/config.yaml" in CUSTOM.read_text()


def test_changes_of_the_config_reach_the_configurations(snakemake: FakeSnakemake) -> None:
    assert run("--config", "one", "model=tiny_cnn", "width=4") == 0
    write_base(lambda content: content["grid"].update(seed=5))
    assert run("--config", "two", "model=tiny_cnn", "width=8", "--resolutions", "32") == 0
    assert kept()["grid"]["seed"] == 5
    assert len(snakemake.runs) == 5


def test_another_configuration_of_the_same_name_is_refused(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--config", "mine", "model=tiny_cnn", "lr=1e-3", "batch_size=16") == 0
    said = refused(capsys, snakemake, "--config", "mine", "model=wide", "lr=1e-4", "epochs=3")
    assert "--config mine: is there already with other settings: " in said
    for difference in (
        'architecture is "tiny_cnn" there and "simple_cnn" here',
        "training.learning_rate is 0.001 there and 0.0001 here",
        "training.steps is 20 there and null here",
        "training.epochs is null there and 3 here",
    ):
        assert difference in said
    assert "batch_size" not in said  # 16 is the study's own
    assert "--replace" in said


def test_a_configuration_is_replaced_where_that_is_said(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--config", "mine", "model=tiny_cnn", "lr=1e-3") == 0
    assert run("--config", "mine", "model=tiny_cnn", "lr=1e-4", "--replace") == 0
    assert "with other settings than before: mine" in capsys.readouterr().err
    assert read_plan(CUSTOM).models["mine"].training.learning_rate == 1e-4


def test_none_is_replaced_while_the_study_runs(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--config", "mine", "model=tiny_cnn") == 0
    lock = hold_results(CUSTOM.parent)
    try:
        arguments = ["--config", "mine", "model=tiny_cnn", "lr=1e-4", "--replace"]
        assert "results_custom" in refused(capsys, snakemake, *arguments)
    finally:
        lock.release()
    assert run("--config", "mine", "model=tiny_cnn", "lr=1e-4", "--replace") == 0


def test_a_dry_run_leaves_nothing(snakemake: FakeSnakemake) -> None:
    assert run("--config", "mine", "model=tiny_cnn", "lr=1e-3", "-n") == 0
    assert snakemake.plans[-1].study.results == "results_custom"
    assert snakemake.commands[-1][-1] == "--dry-run"
    assert len(snakemake.runs) == 4
    assert not Path("results_custom").exists()
    assert not Path(snakemake.configfile).exists()


def test_another_results_folder_is_another_study(snakemake: FakeSnakemake, tmp_path: Path) -> None:
    assert run("--config", "mine", "model=tiny_cnn", "--results", "results/mine") == 0
    assert snakemake.plans[-1].study.results == "results/mine"
    elsewhere = tmp_path.parent / f"{tmp_path.name}_elsewhere"
    assert run("--config", "mine", "model=wide", "--results", str(elsewhere)) == 0
    assert snakemake.plans[-1].study.results == str(elsewhere)
    assert not CUSTOM.exists()


def test_a_folder_of_another_study_is_refused(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = ["--config", "mine", "model=tiny_cnn"]
    said = refused(capsys, snakemake, *mine, "--results", "results")
    assert "results: is the results folder of config/config.yaml" in said
    write_study(read_plan(DEFAULT), Path("other"))
    said = refused(capsys, snakemake, *mine, "--results", "other")
    assert "other: holds a study that was not made so" in said
    Path("own").mkdir()
    Path("own/config.yaml").write_text(DEFAULT.read_text())
    said = refused(capsys, snakemake, *mine, "--results", "own")
    assert "own/config.yaml: was not made by configurations" in said
    assert run(*mine, "--results", "here") == 0
    Path("second.yaml").write_text(DEFAULT.read_text())
    second = ["--configfile", "second.yaml", "--config", "two", "model=tiny_cnn"]
    said = refused(capsys, snakemake, *second, "--results", "here")
    assert "here/config.yaml: was made from config/config.yaml, not from second.yaml" in said


def test_names_that_the_config_takes_later_are_refused(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--config", "mine", "model=tiny_cnn", "--models", "wide") == 0
    two = ["--config", "two", "model=tiny_cnn"]
    write_base(lambda content: content["models"].update(mine={"architecture": "tiny_cnn"}))
    assert "has a model 'mine' now" in refused(capsys, snakemake, *two)
    DEFAULT.write_text(yaml.safe_dump(CONFIG))

    def rename(content: dict[str, Any]) -> None:
        content["models"]["broad"] = content["models"].pop("wide")
        content["grid"]["model"] = ["tiny_cnn"]
        content["presets"] = {}

    write_base(rename)
    assert "its grid has 'wide'" in refused(capsys, snakemake, *two)


def test_a_configuration_that_no_longer_fits_is_named(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--config", "mine", "model=tiny_cnn", "validations=15") == 0
    write_base(lambda content: content["training"].update(steps=10))
    said = refused(capsys, snakemake, "--config", "two", "model=tiny_cnn")
    assert "results_custom/config.yaml: models.mine.training: `validations` (15)" in said
    assert run("--config", "mine", "model=tiny_cnn", "validations=5", "--replace") == 0


def test_the_grids_exceptions_hold_for_the_models_that_they_name(snakemake: FakeSnakemake) -> None:
    exceptions = {
        "exclude": [
            {"model": ["both"], "resolution": 48, "seed": 1},
            {"resolution": 32, "seed": 0},
        ],
        "include": [{"model": "spare", "resolution": 64}, {"model": "wide", "resolution": 96}],
    }
    write_base(lambda content: content["grid"].update(exceptions))
    assert run("--config", "mine", "model=wide", "--models", "spare", "tiny_cnn") == 0
    assert snakemake.runs == [
        "tiny_cnn/res32/n64/seed1",
        "tiny_cnn/res48/n64/seed0",
        "mine/res32/n64/seed1",
        "mine/res48/n64/seed0",
        "mine/res48/n64/seed1",
        "spare/res64/n64/seed0",
        "spare/res64/n64/seed1",
    ]


def test_what_is_there_of_them_is_said_before_the_start(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(plan: Plan, runs: list[Run]) -> None:
        write_study(plan, Path(plan.study.results))
        write_scores(plan, Path(plan.study.results), plan.runs[0])

    snakemake.does = work
    assert run("--config", "mine", "model=tiny_cnn") == 0
    assert run("--config", "two", "model=mine", "lr=1", "--config", "mine", "model=tiny_cnn") == 0
    said = capsys.readouterr().err
    assert "configurations in results_custom/config.yaml: new: two; as before: mine" in said
    assert "starting 8 of the study's 8 runs; 1 have records already" in said


def _keep(folder: Path, name: str) -> None:
    import os

    os.chdir(folder)
    with custom_study(DEFAULT, Asked([[name, "model=tiny_cnn"]])):
        pass


def test_calls_at_the_same_time_lose_no_configuration(
    snakemake: FakeSnakemake, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("fork")
    names = [f"mine_{number}" for number in range(4)]
    calls = [context.Process(target=_keep, args=(tmp_path, name)) for name in names]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert [call.exitcode for call in calls] == [0] * len(calls)
    assert sorted(kept()["presets"]["configurations"]) == names
    assert sorted(kept()["grid"]["model"]) == names


def test_a_command_that_holds_strange_letters_stays_one_line(snakemake: FakeSnakemake) -> None:
    made: list[MadeStudy] = []
    asked = Asked([["mine", "model=tiny_cnn"]], command="studygrid run\nfamily: no\u2028x")
    with custom_study(DEFAULT, asked) as study:
        made.append(study)
    assert read_plan(CUSTOM).study == made[0].plan.study


def test_a_file_whose_origin_is_gone_says_so(
    snakemake: FakeSnakemake, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("second.yaml").write_text(DEFAULT.read_text())
    assert run("--configfile", "second.yaml", "--config", "mine", "model=tiny_cnn") == 0
    Path("second.yaml").unlink()
    two = custom_study(CUSTOM, Asked([["two", "model=tiny_cnn"]]))
    with (
        pytest.raises(StudygridError, match=r"was made from second\.yaml, which is not there"),
        two,
    ):
        pass
