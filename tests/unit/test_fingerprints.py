"""Fingerprints change with the code that decides a result, and with nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from studygrid.execution import fingerprints
from studygrid.execution.source_code import Source
from studygrid.families import load_family
from studygrid.families.base import module_of
from studygrid.families.classification import FAMILY


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that writes the modules of a package and returns its fingerprint."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "userfamily"
    folder.mkdir()
    (folder / "__init__.py").write_text("")

    def write(top: str, **modules: str) -> str:
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        for cached in ("_fingerprint", "_file", "_source", "_templates_hash", "_imports"):
            getattr(fingerprints, cached).cache_clear()
        return fingerprints.fingerprint([top])

    return write


CODE = '"""Doc."""\n\ndef f(x):\n    """Doc."""\n    return x + 1  # comment\n'


@pytest.mark.parametrize(
    "same",
    [
        '"""Other doc."""\n\ndef f(x):\n    """Other."""\n    return x + 1\n',
        "def f(x):\n    return (x + 1)\n",
        "# a comment\n\n\ndef f(x):\n\n    return x + \\\n        1\n",
    ],
)
def test_comments_docstrings_and_layout_change_nothing(
    package: Callable[..., str], same: str
) -> None:
    assert package("userfamily.code", code=CODE) == package("userfamily.code", code=same)


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    return x + 2\n",
        "def f(y):\n    return y + 1\n",
        "def f(x):\n    return x + 1\n\nZ = 1\n",
        "def f(x):\n    'doc'\n    'not a docstring'\n    return x + 1\n",
    ],
)
def test_other_code_is_another_fingerprint(package: Callable[..., str], other: str) -> None:
    assert package("userfamily.code", code=CODE) != package("userfamily.code", code=other)


@pytest.mark.parametrize(
    "statement",
    [
        "import userfamily.helper",
        "from userfamily import helper",
        "from userfamily.helper import x",
        "from . import helper",
        "from .helper import x",
        "def lazy():\n    from userfamily import helper",
    ],
)
def test_what_is_imported_counts_however_it_is_imported(
    package: Callable[..., str], statement: str
) -> None:
    before = package("userfamily.entry", entry=f"{statement}\n", helper="x = 1\n")
    assert package("userfamily.entry", helper="x = 2\n") != before


def test_the_templates_of_a_package_count_and_its_other_files_do_not(
    package: Callable[..., str], tmp_path: Path
) -> None:
    before = package("userfamily", entry="x = 1\n")
    (tmp_path / "userfamily" / "notes.txt").write_text("notes")
    assert package("userfamily") == before
    (tmp_path / "userfamily" / "page.html").write_text("<p>")
    assert package("userfamily") != before


def test_what_is_imported_for_type_checking_alone_does_not_count(
    package: Callable[..., str],
) -> None:
    entry = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import helper\n"
    before = package("userfamily.entry", entry=entry, helper="x = 1\n")
    assert package("userfamily.entry", helper="x = 2\n") == before


def test_modules_that_import_each_other_end() -> None:
    assert fingerprints.fingerprint(["studygrid.training"])


def covered(modules: list[str]) -> set[str]:
    pending, seen = list(modules), set()
    while pending:
        name = pending.pop()
        if name in seen or fingerprints._file(name) is None:
            continue
        if not fingerprints._is_carried_by_value(name):
            seen.add(name)
            pending += fingerprints._imports(name)
    return seen


def test_training_covers_no_metric_but_the_monitored_and_no_other_architecture() -> None:
    for architecture in ("tiny_cnn", "resnet18"):
        modules = fingerprints._model_code(FAMILY, architecture)
        names = {name.rpartition(".")[2] for name in covered(modules)}
        assert "task" in names
        assert "augmentation" in names
        assert ("tiny_cnn" in names) is (architecture == "tiny_cnn")
        assert not names & {
            "auroc",
            "accuracy",
            "calibration",
            "datasets",
            "elpv",
            "figures",
            "options",
        }


TRAINED = ("aligned", "alignment", "pixel_errors", "over_scans", "registration")
OF_TEST_SCORES = {"frc", "resolution", "similarity", "multi_scale", "findings"}


@pytest.mark.parametrize("architecture", ["pinn", "baseline", "iterative"])
def test_ptychography_is_not_trained_again_for_an_edit_of_its_rings_or_similarity(
    architecture: str,
) -> None:
    family = load_family("ptychography")
    model = fingerprints._model_code(family, architecture)
    scored = {"loss", *family.epoch_metrics}
    monitored = [module_of(family.metric(name).compute) for name in scored]
    trained = last_names(["studygrid.training", *model, *monitored])
    assert trained.issuperset({"task", "scoring", "predictions", *TRAINED})
    assert not trained & OF_TEST_SCORES
    profiled = last_names(["studygrid.profiling", *model])
    assert "predictions" in profiled
    assert not profiled & {*TRAINED, *OF_TEST_SCORES}
    every = [module_of(metric.compute) for metric in family.metrics]
    evaluated = last_names([*model, *every, *map(module_of, family.tables.values())])
    assert evaluated.issuperset({*TRAINED, *OF_TEST_SCORES})


def last_names(modules: list[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in covered(modules)}


@pytest.mark.parametrize("architecture", ["pinn", "iterative"])
def test_an_edit_of_the_rings_changes_what_is_evaluated_alone(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = load_family("ptychography")

    def taken() -> list[str]:
        fingerprints._fingerprint.cache_clear()
        return [
            fingerprints.train_code(family, architecture, "loss"),
            fingerprints.profile_code(family, architecture),
            fingerprints.evaluate_code(family, architecture),
        ]

    before, source = taken(), fingerprints._source

    def edited(name: str) -> Source:
        changes = {"code": "edited"} if name.endswith(".ptychography.frc") else {}
        return source(name)._replace(**changes)

    with monkeypatch.context() as patched:
        patched.setattr(fingerprints, "_source", edited)
        after = taken()
    fingerprints._fingerprint.cache_clear()
    assert after[:2] == before[:2]
    assert after[2] != before[2]


def test_the_standard_library_and_installed_packages_do_not_count() -> None:
    assert fingerprints._file("json") is None
    assert fingerprints._file("numpy") is None
    assert "json" in sys.modules
