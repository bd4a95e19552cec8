"""Fixtures that make small data and small studies by code."""

from __future__ import annotations

import atexit
import copy
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that run Snakemake first: short ones at the end keep all processes busy."""
    items.sort(key=_is_short)


def _is_short(item: pytest.Item) -> bool:
    return item.get_closest_marker("workflow") is None


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the machine's locks to this process and its children: no other job is waited for."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("t")
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make 96 images of 24 px in two classes that a small network tells apart."""
    root = tmp_path_factory.mktemp("images")
    make_images(root, count=48)
    return root


def make_images(root: Path, count: int, side: int = 24) -> None:
    """Write `count` images for each of the classes `stripes` and `dots`."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side]
    patterns = {"stripes": (rows // 3) % 2, "dots": ((rows // 3) + (columns // 3)) % 2}
    for name, pattern in patterns.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            noise = generator.normal(0, 60, (side, side))
            image = np.clip(96 + 64 * pattern + noise, 0, 255).astype(np.uint8)
            Image.fromarray(image).save(root / name / f"{number:03}.png")


@pytest.fixture
def config(image_folder: Path) -> dict[str, Any]:
    """Return a config that trains in a blink."""
    return small_config(image_folder)


def small_config(root: Path) -> dict[str, Any]:
    return {
        "name": "Stripes or dots",
        "family": "classification",
        "dataset": {"name": "image_folder", "root": str(root)},
        "models": {"tiny_cnn": None, "simple_cnn": {"options": {"width": 4}}},
        "grid": {"resolution": [16], "n_train": [16, 32], "seed": 2},
        "training": {"steps": 6, "validations": 2, "batch_size": 8, "learning_rate": 0.01},
        "profiling": {
            "batch_sizes": [1],
            "measure_sec": 0.01,
            "min_repeats": 3,
            "warmup_sec": 0.01,
        },
        # All of them take longer to draw than the study to run; unit tests draw the others.
        "report": {"figures": ["metric_by_resolution", "status_matrix"]},
    }


def _environment(source: Path) -> dict[str, str]:
    """Return an environment whose code is that of a folder.

    Each test starts dozens of processes: without bytecode each would compile all code again.
    """
    left_out = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    kept = {key: value for key, value in os.environ.items() if key not in left_out}
    return kept | {"PYTHONPATH": str(source)}


_WARM = """
from pathlib import Path
from studygrid.execution.source_code import keep_sources, read_source
for file in Path("src").rglob("*.py"):
    read_source(file)
keep_sources()
"""


@functools.cache
def _project() -> Path:
    """Return a copy of the project's workflow whose code is compiled and parsed already."""
    folder = Path(tempfile.mkdtemp(prefix="studygrid-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("Snakefile", "workflow", "profiles", "scripts", "envs", "src", "slurm"):
        source = ROOT / name
        if source.is_symlink():
            (folder / name).symlink_to(source.readlink())
        elif source.is_dir():
            ignore = shutil.ignore_patterns("*.egg-info", "__pycache__")
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy2(source, folder / name)
    for command in (["-m", "compileall", "-q", "src"], ["-c", _WARM]):
        environment = _environment(folder / "src")
        subprocess.run([sys.executable, *command], cwd=folder, env=environment, check=True)
    return folder


class Clone:
    """A copy of the project's workflow in a folder of its own, with a config to change."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder, self.config = folder, copy.deepcopy(config)

    @classmethod
    def of_project(cls, folder: Path, config: dict[str, Any]) -> Clone:
        shutil.copytree(_project(), folder, symlinks=True, dirs_exist_ok=True)
        return cls(folder, config)

    def copy_to(self, folder: Path) -> Clone:
        """Copy it with its results and what Snakemake remembers of them."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Clone(folder, self.config)

    def write_config(self) -> None:
        path = self.folder / "config" / "config.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(self.config, sort_keys=False))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", *arguments]

    def environment(self) -> dict[str, str]:
        # The clone's own code, not the installed package.
        return _environment(self.folder / "src")

    def snakemake(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake as a user does, with the config as it stands."""
        self.write_config()
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert (done.returncode == 0) is ok, done.stdout[-3000:] + done.stderr[-6000:]
        return done

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.snakemake("--cores", "2", *arguments)

    def to_do(self, *arguments: str) -> set[str]:
        """Return what a run would make now, below the results folder."""
        done = self.snakemake("--dry-run", *arguments)
        lines = (line.strip() for line in (done.stdout + done.stderr).splitlines())
        listed = (line.removeprefix("output: ") for line in lines if line.startswith("output: "))
        return {
            name.strip().removeprefix("results/") for names in listed for name in names.split(",")
        }

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a source file of the clone."""
        file = self.folder / path
        text = file.read_text("utf-8")
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new, 1), "utf-8")

    def record(self, path: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "results" / path).read_text())
        return content


@pytest.fixture
def make_clone(tmp_path: Path) -> Callable[[dict[str, Any]], Clone]:
    """Return a function that makes a clone of the project with a config."""

    def make(config: dict[str, Any]) -> Clone:
        folder = tmp_path / "clone"
        folder.mkdir()
        return Clone.of_project(folder, config)

    return make
