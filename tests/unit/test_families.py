"""Families are found by name or in a file of the user's own, or refused in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studygrid.errors import ConfigError
from studygrid.families import family_names, load_family
from studygrid.families.classification import FAMILY
from studygrid.plan import make_plan

OWN = """\
from dataclasses import replace
from studygrid.families.classification import FAMILY as BASE

FAMILY = replace(BASE, name="own", title="My own")
NUMBER = 3
"""


@pytest.fixture(autouse=True)
def _imports_are_undone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("own_family"):
            del sys.modules[name]
    load_family.cache_clear()


def own_file(folder: Path, name: str = "own_family", text: str = OWN) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def test_a_built_in_family_is_found_by_name() -> None:
    assert load_family("classification") is FAMILY
    assert "classification" in family_names()


def test_a_family_of_the_users_own_file_is_one_like_any_other(tmp_path: Path) -> None:
    name = f"{own_file(tmp_path)}:FAMILY"
    assert load_family(name).title == "My own"
    config = {
        "family": name,
        "dataset": {"name": "elpv"},
        "models": {"tiny_cnn": None},
        "grid": {"resolution": 8},
    }
    plan = make_plan(config)
    assert plan.train_spec(plan.runs[0]).family == name


def test_the_parts_of_an_own_family_are_importable_by_the_name_of_its_file(tmp_path: Path) -> None:
    load_family(f"{own_file(tmp_path)}:FAMILY")
    assert sys.modules["own_family"].NUMBER == 3
    assert str(tmp_path) in sys.path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clasification", "there is no family 'clasification'; did you mean 'classification'?"),
        ("vision", "there is no family 'vision'; valid: classification"),
        ("{folder}/nowhere.py:FAMILY", "does not exist"),
        ("{folder}/own_family.py:FAMLY", "has no 'FAMLY'; name the Family value that it defines"),
        ("{folder}/own_family.py:NUMBER", "is a int, not a studygrid Family"),
    ],
)
def test_what_is_no_family_is_refused_in_words(name: str, message: str, tmp_path: Path) -> None:
    own_file(tmp_path)
    with pytest.raises(ConfigError) as error:
        load_family(name.format(folder=tmp_path))
    assert message in str(error.value)


def test_a_file_that_has_the_name_of_another_module_is_refused(tmp_path: Path) -> None:
    path = own_file(tmp_path, "json")
    with pytest.raises(ConfigError, match="has the name of another module"):
        load_family(f"{path}:FAMILY")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FAMILY = ", "cannot be loaded: SyntaxError"),
        ("import nothing_of_that_name", "cannot be loaded: ModuleNotFoundError"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
    ],
)
def test_a_family_that_cannot_be_imported_is_a_problem_of_the_config(
    text: str, message: str, tmp_path: Path
) -> None:
    config: dict[str, Any] = {"family": f"{own_file(tmp_path, 'own_family_broken', text)}:FAMILY"}
    with pytest.raises(ConfigError) as error:
        make_plan(config)
    assert f"config: family: {message}" in str(error.value)
    assert "config: grid: missing" in str(error.value)
