"""The pins, the extras and the conda environment agree."""

from __future__ import annotations

import re
import tomllib

import yaml

from tests.conftest import ROOT


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9_.-]+", requirement)
    assert match is not None
    return normal(match[0])


def pins() -> dict[str, str]:
    lines = (ROOT / "envs" / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {normal(name): version for name, version in pairs}


def project() -> dict[str, object]:
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    table: dict[str, object] = content["project"]
    return table


def test_every_dependency_of_every_extra_is_pinned() -> None:
    table = project()
    extras = table["optional-dependencies"]
    assert isinstance(extras, dict)
    names = "events,ptychography,segmentation,tags,report,trackers,slurm,dev"
    assert ",".join(extras) == f"{names},all"
    assert extras["all"] == [f"studygrid[{names}]"]
    needed = [*table["dependencies"], *(r for e, rs in extras.items() if e != "all" for r in rs)]  # type: ignore[misc]
    assert {name_of(requirement) for requirement in needed} - pins().keys() == set()


def test_torch_is_pinned_to_a_public_version() -> None:
    assert pins()["torch"] == "2.13.0"
    assert not [version for version in pins().values() if "+" in version]


def test_the_conda_environment_holds_the_pinned_dependencies() -> None:
    environment = yaml.safe_load((ROOT / "envs" / "studygrid.yaml").read_text())
    listed = environment["dependencies"][-1]["pip"]
    dependencies = project()["dependencies"]
    assert isinstance(dependencies, list)
    expected = {f"{name_of(item)}=={pins()[name_of(item)]}" for item in dependencies}
    assert {f"{name_of(item)}=={item.split('==')[1]}" for item in listed} == expected
