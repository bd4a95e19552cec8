"""start-slurm and stop-slurm themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cluster.slurm import HERE, PIDS, Slurm

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("script", ["start-slurm", "stop-slurm"])
def test_they_say_that_they_need_root(slurm: Slurm, script: str) -> None:
    content = (HERE / "common.sh").read_text() + (HERE / script).read_text()
    # Read from standard input: the user nobody may not see this folder.
    text = content.replace('. "$HERE/common.sh"', "").replace('. "$HERE/configuration.sh"', "")
    text = text.replace('. "$(dirname "$0")/common.sh"', "").replace('$(dirname "$0")', "/")
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "bash", "-s"],
        input=text,
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert done.returncode == 1
    assert "needs root" in done.stderr


def test_a_second_start_leaves_the_daemons_as_they_are(slurm: Slurm) -> None:
    def daemons() -> dict[str, str]:
        return {path.stem: path.read_text() for path in PIDS.glob("*.pid")}

    before = daemons()
    assert {"slurmctld", "slurmd"} <= set(before)
    slurm.start()
    assert daemons() == before


def test_the_configuration_is_marked_as_written_by_it(slurm: Slurm) -> None:
    assert "start-slurm" in Path("/etc/slurm/slurm.conf").read_text().splitlines()[0]
