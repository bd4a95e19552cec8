"""Axes to runs: the product and its exceptions, in the order of the config, and paths back."""

from __future__ import annotations

import itertools
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from studygrid.grid import Run, expand, run_of_path
from studygrid.study import Grid

ORDER = ("model", "resolution", "n_train", "seed")
ALNUM = "abcXYZ0189"
NAMES = st.builds(
    "".join,
    st.tuples(st.sampled_from(ALNUM), st.text(f"{ALNUM}_.-", max_size=8), st.sampled_from(ALNUM)),
)
SIZES = st.one_of(st.integers(1, 10**9), st.just("all"))


def axis(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=4, unique=True)


AXES = st.fixed_dictionaries(
    {
        "model": axis(NAMES),
        "resolution": axis(st.integers(1, 10**6)),
        "n_train": axis(SIZES),
        "seed": axis(st.integers(0, 10**12)),
    }
)
RUNS = st.builds(Run, NAMES, st.integers(1, 10**6), SIZES, st.integers(0, 10**12))


def runs_of(axes: dict[str, Any], **more: Any) -> list[Run]:
    runs, errors = expand(Grid.model_validate({**axes, **more}), axes["model"])
    assert errors == []
    return runs


def faults_of(axes: dict[str, Any], **more: Any) -> list[tuple[tuple[str | int, ...], str]]:
    _, errors = expand(Grid.model_validate({**axes, **more}), axes["model"])
    return [(error.place, str(error)) for error in errors]


def part(values: list[Any], data: st.DataObject) -> list[Any]:
    return data.draw(st.lists(st.sampled_from(values), min_size=1, unique=True))


@given(RUNS)
def test_a_path_leads_back_to_its_run(run: Run) -> None:
    assert run_of_path(run.path) == run
    assert run_of_path(f"results/runs/{run.path}/train.json".rpartition("/")[0]) == run


@given(RUNS, RUNS)
def test_two_runs_never_share_a_path(one: Run, other: Run) -> None:
    assert (one.path == other.path) is (one == other)


@given(RUNS)
def test_a_path_stays_below_the_results(run: Run) -> None:
    parts = PurePosixPath(run.path).parts
    assert len(parts) == 4
    assert ".." not in parts


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tiny_cnn/res32/n64",
        "tiny_cnn/res32/n64/seed0/train.json",
        "tiny_cnn/res32/nsome/seed0",
        "tiny_cnn/res-32/n64/seed0",
        "tiny_cnn/32/64/0",
    ],
)
def test_a_path_of_another_form_is_no_run(path: str) -> None:
    with pytest.raises(ValueError, match="is no run folder"):
        run_of_path(path)


@given(AXES)
def test_the_runs_are_the_product_in_the_order_of_the_config(axes: dict[str, Any]) -> None:
    product = [Run(*values) for values in itertools.product(*(axes[name] for name in ORDER))]
    assert runs_of(axes) == product
    assert len(set(product)) == len(product)


@given(AXES, st.data())
def test_zipped_axes_move_together(axes: dict[str, Any], data: st.DataObject) -> None:
    zipped = data.draw(st.lists(st.sampled_from(list(axes)), min_size=2, unique=True))
    length = min(len(axes[name]) for name in zipped)
    axes = {name: values[:length] if name in zipped else values for name, values in axes.items()}
    runs = runs_of(axes, zip=zipped)
    rows = set(zip(*(axes[name] for name in zipped), strict=True))
    assert {tuple(getattr(run, name) for name in zipped) for run in runs} == rows
    others = [values for name, values in axes.items() if name not in zipped]
    assert len(runs) == len(set(runs)) == length * len(list(itertools.product(*others)))


@given(AXES, st.data())
def test_the_keys_of_an_exclusion_all_match_and_any_of_their_values(
    axes: dict[str, Any], data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(list(axes)), min_size=1, unique=True))
    entry = {name: part(axes[name], data) for name in chosen}
    everything = runs_of(axes)
    kept = [
        run for run in everything if any(getattr(run, name) not in entry[name] for name in entry)
    ]
    assume(kept)
    assert runs_of(axes, exclude=[entry]) == kept


@given(AXES, st.data())
def test_an_exclusion_can_be_taken_back_by_an_inclusion(
    axes: dict[str, Any], data: st.DataObject
) -> None:
    entry = {name: part(values, data) for name, values in axes.items()}
    everything = runs_of(axes)
    assert set(runs_of(axes, exclude=[entry], include=[entry])) == set(everything)


@given(AXES, st.integers(0, 10**12))
def test_an_included_entry_takes_all_values_of_an_axis_that_it_does_not_name(
    axes: dict[str, Any], seed: int
) -> None:
    assume(seed not in axes["seed"])
    added = set(runs_of(axes, include=[{"seed": seed}])) - set(runs_of(axes))
    product = itertools.product(axes["model"], axes["resolution"], axes["n_train"], [seed])
    assert added == {Run(*values) for values in product}


SMALL = {"model": ["b", "a"], "resolution": [48, 32], "n_train": ["all", 8], "seed": [1, 0]}


def test_an_included_value_comes_after_those_of_its_axis() -> None:
    runs = runs_of(SMALL, include=[{"resolution": 16}])
    assert list(dict.fromkeys(run.resolution for run in runs)) == [48, 32, 16]
    assert [run.model for run in runs] == ["b"] * 12 + ["a"] * 12


def test_an_inclusion_keeps_zipped_axes_together_unless_it_names_one() -> None:
    zipped = {"zip": ["resolution", "n_train"]}
    together = set(runs_of(SMALL, **zipped, include=[{"seed": 7}]))
    assert {(run.resolution, run.n_train) for run in together} == {(48, "all"), (32, 8)}
    apart = set(runs_of(SMALL, **zipped, include=[{"seed": 7, "resolution": 48}]))
    assert {(run.resolution, run.n_train) for run in apart if run.seed == 7} == {
        (48, "all"),
        (48, 8),
    }


def test_each_exclusion_must_exclude_something_that_is_left() -> None:
    entries = [{"model": "a"}, {"model": "a", "seed": 0}]
    assert faults_of(SMALL, exclude=entries) == [
        (("exclude", 1), "excludes nothing: no run has these values")
    ]


def test_a_run_may_be_included_once() -> None:
    new = {"model": "a", "resolution": 16, "n_train": 8, "seed": 0}
    assert faults_of(SMALL, include=[new, new]) == [
        (("include", 1), "includes a run that is there already: a/res16/n8/seed0")
    ]


def test_a_grid_without_runs_is_refused_unless_runs_are_included() -> None:
    everything = {"exclude": [{"model": ["a", "b"]}]}
    assert faults_of(SMALL, **everything) == [(("exclude",), "leaves no run")]
    assert len(runs_of(SMALL, **everything, include=[{"model": "a", "seed": 5}])) == 4


def test_zipped_axes_of_unequal_length_are_refused() -> None:
    axes = {**SMALL, "seed": [0, 1, 2]}
    assert faults_of(axes, zip=["seed", "resolution"]) == [
        (("zip",), "needs axes of equal length; seed has 3, resolution has 2")
    ]
