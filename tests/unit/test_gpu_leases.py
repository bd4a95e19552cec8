"""Leases on a real device: who has it is in the record, and a profile has it alone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from studygrid.execution.devices import visible_gpus
from tests.unit.conftest import Bench, Ran, script

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
LONG = {"training": {"steps": 400, "validations": 2}}


def start(bench: Bench, name: str, *extra: str) -> subprocess.Popen[bytes]:
    arguments = bench.arguments(name, bench.spec(**LONG), device="cuda")
    command, environment = script("train.py", *arguments, *extra)
    return subprocess.Popen(command, env=environment)


def spans(bench: Bench, names: Sequence[str]) -> list[tuple[datetime, datetime]]:
    found = []
    for name in names:
        events = Ran(bench.folder / name).events
        times = [datetime.fromisoformat(event["time_utc"]) for event in events]
        found.append((times[0], times[-1]))
    return sorted(found)


def run_at_once(bench: Bench, names: Sequence[str], *extra: str) -> list[tuple[datetime, datetime]]:
    processes = [start(bench, name, *extra) for name in names]
    assert [process.wait(300) for process in processes] == [0] * len(names)
    return spans(bench, names)


def test_the_record_names_the_device(bench: Bench) -> None:
    run_at_once(bench, ["run"])
    record = Ran(bench.folder / "run").record
    uuid = record.origin.hardware.device.uuid
    assert uuid in [gpu.uuid for gpu in visible_gpus()]
    assert record.attempts[0].device_uuid == uuid


def test_runs_share_no_device_unless_they_may(bench: Bench) -> None:
    if len(visible_gpus()) > 1:
        pytest.skip("there is a device for each")
    first, second = run_at_once(bench, ["first", "second"])
    assert first[1] <= second[0]
    third, fourth = run_at_once(bench, ["third", "fourth"], "--runs-per-gpu", "2")
    assert fourth[0] < third[1]


def test_a_shared_device_gives_the_same_weights(bench: Bench) -> None:
    run_at_once(bench, ["alone"])
    run_at_once(bench, ["one", "other"], "--runs-per-gpu", "2")
    alone, one, other = (Ran(bench.folder / name).sha256 for name in ("alone", "one", "other"))
    assert one == other == alone


def test_a_profile_has_the_device_alone(bench: Bench, tmp_path: Path) -> None:
    if len(visible_gpus()) > 1:
        pytest.skip("there is a device for each")
    spec = bench.spec()
    profile: dict[str, Any] = {
        **{key: getattr(spec, key) for key in ("family", "model", "architecture", "options")},
        **{"resolution": spec.resolution, "channels_last": False},
        "profiling": {"batch_sizes": [1], "measure_sec": 2.0},
    }
    command, environment = script(
        "profile_model.py",
        *("--spec", json.dumps(profile), "--data", str(bench.data), "--device", "cuda"),
        *("--output", str(tmp_path / "profile.json")),
    )
    training = start(bench, "run", "--runs-per-gpu", "4")
    profiling = subprocess.Popen(command, env=environment)
    assert [training.wait(300), profiling.wait(300)] == [0, 0]
    record = json.loads((tmp_path / "profile.json").read_text())
    assert record["ran_alone"]
    began, ended = spans(bench, ["run"])[0]
    measured = (record["origin"]["started_at"], record["origin"]["finished_at"])
    start_at, end_at = (datetime.fromisoformat(text) for text in measured)
    assert end_at <= began or ended <= start_at
