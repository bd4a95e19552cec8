"""A Slurm for the tests, and studies that run on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.slurm import Slurm, output
from tests.conftest import Clone, small_config

QUICK = ("--slurm-init-seconds-before-status-checks", "3")
TABLES = "aggregate"  # the study without its figures and reports, which no cluster changes
RUNS = "runs/tiny_cnn/res16/n16"


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """Start a Slurm, or use the one that `start-slurm` has started, which then stays."""
    if os.getuid() != 0:
        pytest.skip("not root: Slurm's daemons cannot be started")
    if shutil.which("apt-get") is None:
        pytest.skip("no apt-get: Slurm is installed from Debian's packages")
    configuration = Path("/etc/slurm/slurm.conf")
    if configuration.exists() and "start-slurm" not in configuration.read_text():
        pytest.skip("a cluster is configured on this machine already")
    cluster = Slurm()
    runs_already = Path("/run/studygrid-slurm/slurmctld.pid").exists()
    cluster.start()
    yield cluster
    if not runs_already:
        cluster.stop()


class ClusterClone(Clone):
    """A clone of the project whose studies run on Slurm."""

    def environment(self) -> dict[str, str]:
        # Locks of other work on this machine, which lie there, would hold its jobs up.
        temporary = self.folder.parent / f"{self.folder.name}-tmp"
        temporary.mkdir(exist_ok=True)
        return super().environment() | {"TMPDIR": str(temporary)}

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def run_of(self, seed: int) -> Path:
        return self.results / RUNS / f"seed{seed}"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Snakemake with the profile `slurm`; its output goes to a file."""
        self.write_config()
        with (self.folder / "snakemake.out").open("a") as file:
            return subprocess.Popen(
                self.command("--profile", "slurm", *QUICK, *arguments),
                cwd=self.folder,
                env=self.environment(),
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def printed(self) -> str:
        return (self.folder / "snakemake.out").read_text()

    def on_slurm(self, *arguments: str, ok: bool = True) -> str:
        """Run Snakemake with the profile `slurm` to its end; return what it printed."""
        process = self.start(*arguments)
        try:
            status = process.wait(480)
        finally:
            process.kill()
        assert (status == 0) is ok, self.printed()[-6000:]
        return self.printed()


@pytest.fixture(scope="module")
def make_cluster_clone(
    tmp_path_factory: pytest.TempPathFactory, image_folder: Path, slurm: Slurm
) -> Iterator[Callable[..., ClusterClone]]:
    """Return a function that makes a clone; its jobs and processes end with the tests."""
    clones = []

    def make(**changes: Any) -> ClusterClone:
        folder = tmp_path_factory.mktemp("cluster") / "clone"
        folder.mkdir()
        clone = ClusterClone.of_project(folder, short_study(image_folder) | changes)
        assert isinstance(clone, ClusterClone)
        clones.append(clone)
        return clone

    yield make
    for clone in clones:
        jobs = slurm.jobs(clone.folder)
        if jobs:
            output("scancel", *jobs)


def short_study(images: Path) -> dict[str, Any]:
    """Return a study of two runs of one model, on the CPU, without profiles."""
    config = small_config(images)
    return config | {
        "models": {"tiny_cnn": None},
        "grid": {"resolution": [16], "n_train": [16], "seed": 2},
        "training": config["training"] | {"steps": 600, "validations": 6},
        "profiling": {"enabled": False},
        "report": {"figures": ["status_matrix"]},
        "execution": {"device": "cpu"},
    }
