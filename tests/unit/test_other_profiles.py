"""The profiles of clusters, and what docs/cluster.md says of them.

The plugins of HTCondor and of generic clusters are no dependencies: what they know was read from
their sources once (htcondor 0.3.0, cluster-generic 1.0.9). It is compared where they are installed.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT, Clone

PROFILES = ROOT / "profiles"
SETTINGS = {
    "htcondor": {"jobdir", "shared_fs_prefixes", "held_timeout"},
    "cluster-generic": {"submit_cmd", "status_cmd", "cancel_cmd", "cancel_nargs", "sidecar_cmd"},
}
RESOURCES = {
    "htcondor": {
        "allowed_execute_duration",
        "getenv",
        "gpus_minimum_memory",
        "htcondor_request_mem_mb",
        "request_gpus",
        "requirements",
    },
}


def content_of(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROFILES / name / "profile.yaml").read_text("utf-8"))
    return content


# A profile that names an executor is for a cluster; the others go with one.
ALL = sorted(path.parent.name for path in PROFILES.glob("*/profile.yaml"))
CLUSTERS = [name for name in ALL if "executor" in content_of(name)]


def resources_of(profile: dict[str, Any]) -> set[str]:
    """Return the names of all resources that a profile sets."""
    of_rules = profile.get("set-resources", {}).values()
    return set(profile.get("default-resources", {})).union(*of_rules)


def plugin(executor: str) -> Any:
    name = f"snakemake_executor_plugin_{executor.replace('-', '_')}"
    return pytest.importorskip(name, reason=f"the plugin of {executor} is not installed")


def test_all_profiles_are_seen() -> None:
    assert set(CLUSTERS) >= {"slurm", "htcondor", "kubernetes", "awsbatch"}
    assert "default" in set(ALL) - set(CLUSTERS)


@pytest.mark.parametrize("name", ALL)
def test_every_key_of_a_profile_is_an_option_of_snakemake_or_of_its_plugin(name: str) -> None:
    profile = content_of(name)
    executor = profile.get("executor", "")
    cli = importlib.import_module("snakemake.cli")
    options = {
        text.removeprefix("--")
        for action in cli.get_argument_parser()._actions
        for text in action.option_strings
    }
    settings = SETTINGS.get(executor, set())
    options |= {f"{executor}-{setting.replace('_', '-')}" for setting in settings}
    assert set(profile) <= options


@pytest.mark.parametrize("executor", SETTINGS)
def test_the_settings_of_a_plugin_are_as_they_were_read(executor: str) -> None:
    settings = plugin(executor).ExecutorSettings
    assert SETTINGS[executor] == {field.name for field in fields(settings)}


@pytest.mark.parametrize("executor", RESOURCES)
def test_a_plugin_reads_every_resource_that_its_profile_sets(executor: str) -> None:
    assert resources_of(content_of(executor)) <= RESOURCES[executor]
    source = inspect.getsource(plugin(executor))
    assert [name for name in RESOURCES[executor] if f'"{name}"' not in source] == []


@pytest.mark.parametrize("name", CLUSTERS)
def test_no_cluster_profile_has_a_key_that_the_default_profile_would_override(name: str) -> None:
    assert set(content_of(name)).isdisjoint(content_of("default"))


@pytest.mark.parametrize("name", ALL)
def test_no_profile_asks_for_gpus_or_gives_a_rule_retries(name: str) -> None:
    """The Slurm plugin submits `gpus` without a GPU; a rule's retries are spent inside the job."""
    text = (PROFILES / name / "profile.yaml").read_text("utf-8")
    assert not re.search(r"^[\s#]*gpus:", text, re.MULTILINE)
    assert "retries" not in resources_of(content_of(name))


def test_no_rule_has_retries() -> None:
    rules = [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    assert len(rules) > 1
    assert [path.name for path in rules if re.search(r"^\s+retries:", path.read_text(), re.M)] == []


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_profile_job_asks_a_cluster_for_a_fixed_number_of_cores(name: str) -> None:
    """The rule asks for the whole machine, which a cluster's Snakemake does not know."""
    assert content_of(name)["set-threads"]["profile"] == 1


@pytest.mark.parametrize("name", ["kubernetes", "awsbatch"])
def test_whatever_a_submit_command_names_is_set_for_every_rule(name: str) -> None:
    profile = content_of(name)
    named = set(re.findall(r"{resources\.(\w+)}", profile["cluster-generic-submit-cmd"]))
    assert named == {"mem_mb", "gpu", "runtime"}
    assert named <= set(profile["default-resources"])


@pytest.mark.parametrize("name", ["kubernetes", "awsbatch"])
@pytest.mark.parametrize("command", ["submit", "status", "cancel"])
def test_the_commands_of_a_profile_can_be_run(name: str, command: str) -> None:
    setting = content_of(name)[f"cluster-generic-{command}{'-cmd'}"]
    program = setting.split()[0]
    assert program == f"profiles/{name}/{command}"
    assert os.access(ROOT / program, os.X_OK)


def test_the_table_of_sbatch_names_every_key_of_the_slurm_profile() -> None:
    text = (PROFILES / "slurm" / "profile.yaml").read_text("utf-8")
    rules = {"train", "evaluate", "profile", "prepare"}
    # Keys that are commented out, too: people will take them.
    keys = set(re.findall(r"^(?:#? +)?(?:# )?([a-z][\w-]*):", text, re.MULTILINE)) - rules
    assert {"executor", "slurm_account", "gpu_model", "slurm-requeue", "runtime"} <= keys
    section = (ROOT / "docs" / "cluster.md").read_text("utf-8").split("## What becomes of")[1]
    table = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| `")]
    named = {name for line in table for name in re.findall(r"`([\w-]+)`", line.split("|")[1])}
    assert keys - named == set()


FakeCommand = Callable[[str, str], Path]


@pytest.fixture
def fake_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommand:
    """Return a function that puts a shell script in a program's place."""

    def make(name: str, script: str) -> Path:
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return tmp_path

    return make


def output_of(program: str, *arguments: str) -> str:
    command = [str(PROFILES / program), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def submitted_job(fake_command: FakeCommand, gpus: int) -> dict[str, Any]:
    folder = fake_command("kubectl", "cat > job.json; printf '%s ' \"$@\" > arguments; echo ns/it")
    amounts = ["--cpus", "2", "--mem-mb", "3000", "--gpus", str(gpus), "--minutes", "30"]
    assert output_of("kubernetes/submit", "--rule", "My_Rule", *amounts, "/s/a job.sh") == "ns/it"
    assert (folder / "arguments").read_text().startswith("create --filename - ")
    job: dict[str, Any] = json.loads((folder / "job.json").read_text())
    return job


def test_a_job_of_kubernetes_asks_for_what_its_rule_needs(fake_command: FakeCommand) -> None:
    job = submitted_job(fake_command, gpus=1)
    assert job["metadata"]["generateName"] == "studygrid-my-rule-"
    pod = job["spec"]["template"]["spec"]
    assert pod["activeDeadlineSeconds"] == 1800
    assert "activeDeadlineSeconds" not in job["spec"]  # that one counts the wait for a node
    (container,) = pod["containers"]
    assert container["args"] == ["/bin/sh", "/s/a job.sh"]
    # Kubernetes takes a GPU as a limit alone, or as a limit and an equal request.
    amounts = {"cpu": "2", "memory": "3000M", "nvidia.com/gpu": "1"}
    assert container["resources"] == {"requests": amounts, "limits": amounts}


def test_a_job_of_kubernetes_without_a_gpu_names_none(fake_command: FakeCommand) -> None:
    job = submitted_job(fake_command, gpus=0)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}


def test_every_retry_of_kubernetes_is_snakemakes(fake_command: FakeCommand) -> None:
    job = submitted_job(fake_command, gpus=0)
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("echo 'it '", "running"),
        ("echo 'it SuccessCriteriaMet'", "running"),
        ("echo 'it SuccessCriteriaMet Complete'", "success"),
        ("echo 'it FailureTarget'", "running"),
        ("echo 'it FailureTarget Failed'", "failed"),
        ("true", "failed"),  # there is no such Job
        ("exit 1", "running"),  # the cluster does not answer
    ],
)
def test_the_status_of_a_job_of_kubernetes(
    fake_command: FakeCommand, answer: str, status: str
) -> None:
    fake_command("kubectl", answer)
    assert output_of("kubernetes/status", "ns/it") == status


def test_a_job_of_aws_batch_asks_for_what_its_rule_needs(fake_command: FakeCommand) -> None:
    folder = fake_command("aws", 'for one; do echo "$one"; done > arguments; echo 17')
    amounts = ["2", "3000", "1", "30"]
    submit = ["awsbatch/submit", "queue", "definition", "train", *amounts, "/s/a job.sh"]
    assert output_of(*submit) == "17"
    given = (folder / "arguments").read_text().splitlines()
    options = dict(zip(given[2::2], given[3::2], strict=True))
    assert (options["--job-queue"], options["--job-definition"]) == ("queue", "definition")
    assert options["--timeout"] == "attemptDurationSeconds=1800"
    asked = json.loads(options["--container-overrides"])
    assert asked["command"] == ["/bin/sh", "/s/a job.sh"]
    needs = {need["type"]: need["value"] for need in asked["resourceRequirements"]}
    assert needs == {"VCPU": "2", "MEMORY": "3000", "GPU": "1"}
    output_of(
        "awsbatch/submit", "queue", "definition", "train", "2", "3000", "0", "30", "/s/job.sh"
    )
    assert '"GPU"' not in (folder / "arguments").read_text()


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("echo RUNNABLE", "running"),
        ("echo SUCCEEDED", "success"),
        ("echo FAILED", "failed"),
        ("echo None", "failed"),  # there is no such job
        ("exit 254", "running"),  # the service does not answer
    ],
)
def test_the_status_of_a_job_of_aws_batch(
    fake_command: FakeCommand, answer: str, status: str
) -> None:
    fake_command("aws", answer)
    assert output_of("awsbatch/status", "17") == status


@pytest.mark.workflow
@pytest.mark.parametrize("name", ["htcondor", "kubernetes", "awsbatch"])
def test_snakemake_plans_a_study_with_the_profile(
    make_clone: Callable[[dict[str, Any]], Clone], config: dict[str, Any], name: str
) -> None:
    plugin(content_of(name)["executor"])
    to_do = make_clone(config).to_do("--profile", f"profiles/{name}")
    assert "runs/tiny_cnn/res16/n16/seed0/train.json" in to_do
