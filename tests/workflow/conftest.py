"""A finished study, made once; each test gets a copy to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Clone, small_config


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory, image_folder: Path) -> Clone:
    folder = tmp_path_factory.mktemp("finished") / "clone"
    folder.mkdir()
    clone = Clone.of_project(folder, small_config(image_folder))
    clone.run("all")
    return clone


@pytest.fixture
def study(finished_study: Clone, tmp_path: Path) -> Clone:
    return finished_study.copy_to(tmp_path / "clone")
