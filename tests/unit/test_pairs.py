"""Which models of a study are a pair: one network, two losses, and nothing else that differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studygrid.families.base import Family
from studygrid.families.ptychography import FAMILY
from studygrid.grid import Run
from studygrid.interchange.foreign.plan import collected_plan
from studygrid.interchange.foreign.runs import ForeignRun
from studygrid.plan import Plan, make_plan
from studygrid.results.pairs import Pair, losses_of, pairs_of

PINN: dict[str, Any] = {"architecture": "pinn"}
BASELINE: dict[str, Any] = {"architecture": "baseline"}
ITERATIVE: dict[str, Any] = {"architecture": "iterative"}


def plan_of(models: dict[str, Any], **config: Any) -> Plan:
    return make_plan(
        {
            "name": "Pairs",
            "family": "ptychography",
            "dataset": {"name": "simulated_scans"},
            "models": models,
            "grid": {"resolution": [64], "n_train": [64], "seed": 1},
            **config,
        }
    )


def pairs(models: dict[str, Any], **config: Any) -> list[tuple[str, str]]:
    return [(pair.first, pair.second) for pair in pairs_of(plan_of(models, **config))]


def collected(config: dict[str, dict[str, Any]], family: Family = FAMILY) -> Plan:
    """Return the plan of runs of another program, by what their files say of each model."""
    runs = {
        Run(name, 64, 128, 0): ForeignRun("other", name, (Path(name),), config=said)
        for name, said in config.items()
    }
    return collected_plan("Collected", family, runs, "phase_ssim", [])


def test_two_losses_of_one_network_are_a_pair() -> None:
    plan = plan_of({"pinn": PINN, "baseline": BASELINE, "iterative": ITERATIVE})
    assert pairs_of(plan) == [Pair("pinn", "baseline")]
    assert losses_of(plan, Pair("pinn", "baseline")) == ("pattern", "object")


def test_names_say_nothing_and_the_order_is_that_of_the_config() -> None:
    assert pairs({"b": BASELINE, "iterative": ITERATIVE, "a": PINN}) == [("b", "a")]


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"width": 24}},
        {"training": {"learning_rate": 0.01}},
        {"training": {"early_stopping": {"patience": 7}}},
        {"loss": {"phase": 2.0}},
    ],
    ids=["options", "training", "nested", "loss options"],
)
def test_models_that_differ_in_more_are_no_pair(change: dict[str, Any]) -> None:
    assert pairs({"pinn": PINN | change, "baseline": BASELINE}) == []
    both = {"pinn": PINN | change, "baseline": BASELINE | change}
    assert pairs(both) == [("pinn", "baseline")]


def test_every_pair_is_found_with_its_own_settings() -> None:
    wide = {"options": {"width": 24}}
    found = pairs(
        {
            "pinn": PINN,
            "pinn_wide": PINN | wide,
            "baseline": BASELINE,
            "baseline_wide": BASELINE | wide,
        }
    )
    assert found == [("pinn", "baseline"), ("pinn_wide", "baseline_wide")]


def test_a_model_without_runs_is_in_no_pair() -> None:
    grid = {"model": ["pinn"], "resolution": [64], "n_train": [64], "seed": 1}
    assert pairs({"pinn": PINN, "baseline": BASELINE}, grid=grid) == []


def test_other_code_is_no_pair() -> None:
    def find(name: str) -> Any:
        found = FAMILY.find_architecture(name)
        if found is None or name != "baseline":
            return found
        return replace(found, build="elsewhere:build")

    family = replace(FAMILY, find_architecture=find)
    names: dict[str, dict[str, Any]] = {"pinn": {}, "baseline": {}}
    assert pairs_of(collected(names)) == [Pair("pinn", "baseline")]
    assert pairs_of(collected(names, family)) == []


def test_families_whose_architectures_name_no_loss_have_no_pairs() -> None:
    plan = make_plan(
        {
            "name": "No pairs",
            "family": "classification",
            "dataset": {"name": "fashion_mnist"},
            "models": {"a": {"architecture": "tiny_cnn"}, "b": {"architecture": "simple_cnn"}},
            "grid": {"resolution": [28], "n_train": [64], "seed": 1},
        },
        check_files=False,
    )
    assert pairs_of(plan) == []


def test_collected_models_are_known_by_the_architecture_that_their_files_say() -> None:
    plan = collected({"a": {"architecture": "pinn"}, "b": {"architecture": "baseline"}})
    assert pairs_of(plan) == [Pair("a", "b")]
    assert losses_of(plan, Pair("a", "b")) == ("pattern", "object")


def test_collected_models_whose_files_say_nothing_are_known_by_their_names() -> None:
    assert pairs_of(collected({"pinn": {}, "baseline": {}, "other": {}})) == [
        Pair("pinn", "baseline")
    ]


def test_collected_settings_differ_only_where_both_files_say_them() -> None:
    said = {"options": {"width": 16}, "training": {"learning_rate": 0.001}}
    assert pairs_of(collected({"pinn": said, "baseline": {}})) == [Pair("pinn", "baseline")]
    other = {"options": {"width": 24}}
    assert pairs_of(collected({"pinn": said, "baseline": other})) == []
    part = {"options": {"depth": 3}, "training": {"learning_rate": 0.001}}
    assert pairs_of(collected({"pinn": said, "baseline": part})) == [Pair("pinn", "baseline")]
