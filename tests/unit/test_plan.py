"""A config becomes a plan: models with their overrides, the runs, and the spec of each job."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from studygrid.grid import Run
from studygrid.plan import Plan, make_plan, read_plan
from tests.conftest import ROOT, Clone

STUDIES = [ROOT / "config" / "config.yaml", *(ROOT / "config" / "studies").glob("*.yaml")]
RUN = Run("tiny_cnn", 32, "all", 0)


def plan_of(text: str = "", models: str = "{tiny_cnn: }", grid: str = "{resolution: 32}") -> Plan:
    """Make the plan of a config as YAML reads it."""
    base = f"family: classification\ndataset: {{name: elpv}}\nmodels: {models}\ngrid: {grid}\n"
    return make_plan(yaml.safe_load(base + text))


# --- Values as YAML writes them


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E-3", 1e-3),
        ("+2.5e-4", 2.5e-4),
        (".5e-1", 0.05),
        ("1.e-2", 0.01),
        ("1e0", 1.0),
        ("1.0e-3", 1e-3),
        ("0.001", 1e-3),
        ("1", 1.0),
    ],
)
def test_a_number_may_be_in_scientific_notation_with_or_without_a_dot(
    text: str, value: float
) -> None:
    plan = plan_of(f"training: {{learning_rate: {text}}}")
    assert plan.models["tiny_cnn"].training.learning_rate == value


def test_scientific_notation_gives_the_same_spec_as_the_number() -> None:
    one, other = (plan_of(f"training: {{learning_rate: {text}}}") for text in ("1e-3", "0.001"))
    assert one.train_spec(RUN).to_json() == other.train_spec(RUN).to_json()


def test_whole_numbers_may_be_in_scientific_notation_too() -> None:
    plan = plan_of(
        "training: {steps: 1e4}", grid="{resolution: [32, 1e2], n_train: [1e3], seed: [1e1]}"
    )
    assert plan.models["tiny_cnn"].training.steps == 10_000
    assert [run.path for run in plan.runs] == [
        "tiny_cnn/res32/n1000/seed10",
        "tiny_cnn/res100/n1000/seed10",
    ]


def test_scientific_notation_is_read_in_every_section(image_folder: Path) -> None:
    dataset = {"name": "image_folder", "root": str(image_folder), "test_fraction": "1e-1"}
    plan = make_plan(
        {
            "family": "classification",
            "dataset": dataset,
            "models": {
                "tiny_cnn": {"training": {"weight_decay": "1e-2"}, "options": {"dropout": "1e-1"}}
            },
            "grid": {"resolution": 8},
            "loss": {"label_smoothing": "1e-1"},
            "execution": {"resume_share": "5e-1"},
        }
    )
    model = plan.models["tiny_cnn"]
    assert plan.dataset_options.model_dump()["test_fraction"] == 0.1
    assert model.training.weight_decay == 0.01
    assert model.options.model_dump()["dropout"] == 0.1
    assert model.loss.model_dump()["label_smoothing"] == 0.1
    assert plan.study.execution.resume_share == 0.5


def test_text_that_looks_like_a_number_stays_text_where_text_is_due() -> None:
    assert plan_of("name: 1e-3").study.name == "1e-3"
    assert list(plan_of(models="{1e3: {architecture: tiny_cnn}}").models) == ["1e3"]


def test_a_section_or_list_with_nothing_below_it_is_as_if_it_were_not_there() -> None:
    empty = "".join(
        f"{key}:\n"
        for key in (
            "training", "loss", "augmentation", "evaluation", "inference", "profiling", "report",
            "execution", "presets",
        )
    )  # fmt: skip
    nothing = plan_of(
        empty,
        models="{tiny_cnn: {architecture: , options: , training: , loss: , augmentation: }}",
        grid="{resolution: 32, model: , n_train: , seed: , zip: , exclude: , include: }",
    )
    assert nothing.resolved() == plan_of().resolved()


def test_seeds_are_a_count_or_a_list() -> None:
    assert plan_of(grid="{resolution: 32, seed: 3}").axis("seed") == [0, 1, 2]
    assert plan_of(grid="{resolution: 32, seed: [7, 3]}").axis("seed") == [7, 3]


# --- Overrides


def test_overrides_are_merged_key_by_key_in_every_section() -> None:
    plan = plan_of(
        "training: {learning_rate: 0.1, batch_size: 8, early_stopping: {patience: 3, warmup: 2}}\n"
        "loss: {label_smoothing: 0.1, class_weights: balanced}\n"
        "augmentation: {horizontal_flip: 0.5, crop_padding: 2}\n",
        models="""
  tiny_cnn:
  other:
    architecture: tiny_cnn
    training: {learning_rate: 0.2, early_stopping: {patience: 5}}
    loss: {label_smoothing: 0.0}
    augmentation: {crop_padding: 4}
""",
    )
    shared, other = plan.models["tiny_cnn"], plan.models["other"]
    assert (shared.training.learning_rate, other.training.learning_rate) == (0.1, 0.2)
    assert other.training.batch_size == 8
    assert (other.training.early_stopping.patience, other.training.early_stopping.warmup) == (5, 2)
    assert other.loss.model_dump() == {"label_smoothing": 0.0, "class_weights": "balanced"}
    assert other.augmentation.model_dump() == {
        "horizontal_flip": 0.5,
        "vertical_flip": 0.0,
        "crop_padding": 4,
    }
    assert shared.loss.model_dump()["label_smoothing"] == 0.1


@pytest.mark.parametrize(
    ("shared", "override", "budget"),
    [
        ("{epochs: 5}", "{steps: 50}", (None, 50)),
        ("{steps: 50}", "{epochs: 5}", (5, None)),
        ("{steps: 50}", "{steps: 70}", (None, 70)),
        ("{}", "{steps: 50}", (None, 50)),
        ("{epochs: 5}", "{}", (5, None)),
    ],
)
def test_one_kind_of_budget_replaces_the_other(
    shared: str, override: str, budget: tuple[int | None, int | None]
) -> None:
    plan = plan_of(f"training: {shared}", models=f"{{tiny_cnn: {{training: {override}}}}}")
    training = plan.models["tiny_cnn"].training
    assert (training.epochs, training.steps) == budget


def test_null_takes_back_an_option_that_may_be_null() -> None:
    plan = plan_of(
        "training: {gradient_clip: 1.0, early_stopping: {patience: 3, warmup: 2}}",
        models="{tiny_cnn: {training: {gradient_clip: null, early_stopping: }}}",
    )
    training = plan.models["tiny_cnn"].training
    assert training.gradient_clip is None
    assert training.early_stopping.patience == 3


def test_any_architecture_of_timm_is_a_model() -> None:
    plan = plan_of(models="{vit_tiny_patch16_224: {options: {drop_rate: 1e-1}}}")
    assert plan.models["vit_tiny_patch16_224"].options.model_dump()["drop_rate"] == 0.1


# --- Models and presets


def test_presets_name_models_in_the_grid_and_its_exceptions() -> None:
    plan = plan_of(
        "presets: {small: [b, a], one: c}",
        models="{a: &x {architecture: tiny_cnn}, b: *x, c: *x, d: *x}",
        grid="""
  model: [small, d]
  resolution: [32, 48]
  seed: 1
  exclude: [{model: [small, a], resolution: 48}]
  include: [{model: one, resolution: 16}]
""",
    )
    assert [(run.model, run.resolution) for run in plan.runs] == [
        ("b", 32),
        ("a", 32),
        ("d", 32),
        ("d", 48),
        ("c", 16),
    ]
    assert plan.profiled == [(run.model, run.resolution) for run in plan.runs]


def test_axes_are_in_the_order_of_the_config() -> None:
    plan = plan_of(
        models="{a: &x {architecture: tiny_cnn}, b: *x}",
        grid="""
  resolution: [48, 32, 64]
  n_train: [all, 64, 8]
  seed: [3, 1]
  exclude: [{model: a, resolution: 48}, {resolution: 64}]
  include: [{resolution: 16, model: a}]
""",
    )
    assert plan.axis("model") == ["a", "b"]
    assert plan.axis("resolution") == [48, 32, 16]
    assert plan.axis("n_train") == ["all", 64, 8]
    assert plan.axis("seed") == [3, 1]


def test_nothing_is_profiled_where_profiling_is_off() -> None:
    assert plan_of("profiling: {enabled: false}").profiled == []


# --- The resolved config


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.name)
def test_the_resolved_config_gives_the_same_plan_again(file: Path, tmp_path: Path) -> None:
    plan = read_plan(file, check_files=False)  # its data may be elsewhere
    written = tmp_path / "study.yaml"
    written.write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    again = read_plan(written, check_files=False)
    assert again.runs == plan.runs
    assert [again.train_spec(run) for run in plan.runs] == [
        plan.train_spec(run) for run in plan.runs
    ]
    assert [again.profile_spec(*pair) for pair in plan.profiled] == [
        plan.profile_spec(*pair) for pair in plan.profiled
    ]
    assert again.resolved() == plan.resolved()


def test_the_resolved_config_survives_exceptions_presets_and_zip(tmp_path: Path) -> None:
    plan = plan_of(
        "presets: {small: [a]}",
        models="{a: &x {architecture: tiny_cnn}, b: *x}",
        grid="""
  model: [small, b]
  resolution: [32, 48]
  n_train: [8, 16]
  zip: [resolution, n_train]
  exclude: [{model: small, seed: 1}]
  include: [{model: b, resolution: 64, n_train: 8, seed: 9}]
""",
    )
    assert make_plan(plan.resolved()).runs == plan.runs


def test_tables_need_neither_data_nor_weights(image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.pt").touch()
    plan = make_plan(
        {
            "family": "classification",
            "dataset": {"name": "image_folder", "root": str(image_folder)},
            "models": {"tiny_cnn": {"options": {"weights": str(tmp_path / "weights.pt")}}},
            "grid": {"resolution": 8},
        }
    )
    (tmp_path / "weights.pt").unlink()
    resolved = plan.resolved()
    resolved["dataset"]["root"] = "nowhere"
    assert make_plan(resolved, check_files=False).runs == plan.runs


# --- The study of resolutions


def test_the_study_of_resolutions_is_eight_networks_at_five_sides() -> None:
    plan = read_plan(ROOT / "config" / "studies" / "resolution.yaml")
    assert plan.axis("model") == [
        "vgg11", "vgg13", "resnet18", "resnet34", "mobilenet_v2_small", "mobilenet_v3_small",
        "simple_cnn", "tiny_cnn",
    ]  # fmt: skip
    assert plan.axis("resolution") == [224, 256, 320, 384, 512]
    assert plan.axis("n_train") == ["all"]
    assert len(plan.cells) == 40
    assert len(plan.runs) == 40 * len(plan.axis("seed"))
    assert plan.study.results != read_plan(ROOT / "config" / "config.yaml").study.results


def test_a_study_on_the_command_line_replaces_the_default_one(
    make_clone: Callable[[dict[str, Any]], Clone], config: dict[str, Any]
) -> None:
    config["models"] = {"of_the_default": {"architecture": "tiny_cnn"}}
    clone = make_clone(config)
    (clone.folder / "resolution.yaml").write_bytes(
        (ROOT / "config" / "studies" / "resolution.yaml").read_bytes()
    )
    done = clone.snakemake("-n", "--quiet", "all", "--configfile", "resolution.yaml")
    printed = done.stdout + done.stderr
    assert "40 cells, 120 runs, 40 profiles" in printed
    assert "of_the_default" not in printed
    assert not (clone.folder / "results").exists()


# --- The cost of parsing


def test_what_the_snakefile_imports_is_light() -> None:
    code = (
        "import sys, studygrid.plan, studygrid.execution.fingerprints, "
        "studygrid.execution.session, studygrid.command_line\n"
        "from pathlib import Path\n"
        "studygrid.plan.read_plan(Path('config/config.yaml'))\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {
        "torch",
        "torchvision",
        "timm",
        "pandas",
        "matplotlib",
        "sklearn",
        "scipy",
        "numpy",
        "PIL",
    }
    assert not heavy & set(done.stdout.split())
