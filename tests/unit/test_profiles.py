"""The profiles that the project ships: what must hold of their keys."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ROOT / "profiles"
CHUNKS = "chunks"
RULES = "".join(path.read_text("utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))


def profile(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROFILES / name / "profile.yaml").read_text("utf-8"))
    return content


def clusters() -> list[str]:
    """Return the profiles that --profile takes: all but those read in place of the default."""
    names = sorted(path.parent.name for path in PROFILES.glob("*/profile.yaml"))
    return [name for name in names if name not in ("default", CHUNKS)]


def test_there_are_cluster_profiles() -> None:
    assert "slurm" in clusters()


@pytest.mark.parametrize("name", clusters())
@pytest.mark.parametrize("wins", ["default", CHUNKS])
def test_no_key_of_a_profile_that_wins_is_in_a_cluster_profile(name: str, wins: str) -> None:
    assert not set(profile(wins)) & set(profile(name))


def test_the_profile_for_chunks_has_every_key_of_the_default_that_it_replaces() -> None:
    default, chunks = profile("default"), profile(CHUNKS)
    assert set(default) <= set(chunks)
    differing = {key for key in default if default[key] != chunks[key]}
    assert differing == {"retries"}


def test_retries_stand_in_profiles_and_in_no_rule() -> None:
    assert profile("default")["retries"] >= 1
    assert not re.search(r"^\s*retries\s*:", RULES, re.MULTILINE)


def test_only_jobs_that_take_long_are_sent_to_the_cluster() -> None:
    rules = set(re.findall(r"^rule (\w+):", RULES, re.MULTILINE))
    listed = re.findall(r"^localrules:\n((?: +\w+,\n)+)", RULES, re.MULTILINE)
    local = set(re.findall(r"\w+", "".join(listed)))
    assert rules - local == {"shard", "prepare", "train", "evaluate", "infer", "profile"}


def test_a_gpu_is_asked_for_by_the_name_that_reaches_slurm() -> None:
    assert re.search(r"^\s*gpu=", RULES, re.MULTILINE)
    texts = [RULES, *(path.read_text("utf-8") for path in PROFILES.glob("*/profile.yaml"))]
    for text in texts:
        assert not re.search(r"^[\s#]*gpus\s*[=:]", text, re.MULTILINE)


def test_the_state_of_slurm_jobs_is_asked_of_squeue_and_never_of_arrays() -> None:
    slurm = profile("slurm")
    assert slurm["slurm-status-command"] == "squeue"
    assert "slurm-array-jobs" not in slurm
    # The plugin goes back to sacct where finished jobs stay visible for less than three of these;
    # Slurm keeps them for 300 s.
    assert slurm["slurm-init-seconds-before-status-checks"] * 3 <= 300


def test_a_profile_measures_on_one_core_in_a_cluster_job() -> None:
    # The rule takes all cores of the machine it is asked on: that of the submit node, or more
    # than the job has.
    assert profile("slurm")["set-threads"]["profile"] == 1


def test_the_profile_is_found_by_its_name_from_the_root_of_a_clone() -> None:
    assert (ROOT / "slurm").is_symlink()
    assert (ROOT / "slurm" / "profile.yaml").samefile(PROFILES / "slurm" / "profile.yaml")


def test_the_one_job_script_runs_snakemake_here_on_the_cores_of_the_job(tmp_path: Path) -> None:
    for command in ("srun", "snakemake"):
        (tmp_path / command).write_text('#!/bin/sh\necho "$@"\n')
        (tmp_path / command).chmod(0o755)
    done = subprocess.run(
        [PROFILES / "slurm" / "one-job.sh", "aggregate"],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_CPUS_PER_TASK": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.split()
    assert words[-6:] == ["snakemake", "--executor", "local", "--cores", "3", "aggregate"]
    assert "--cpus-per-task=3" in words
