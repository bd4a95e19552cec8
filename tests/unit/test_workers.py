"""Warm workers do what the script alone would do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studygrid.execution import workers

JOB = """
import os, pathlib, signal, sys, time

def main():
    print("out", *sys.argv[1:]); print("err", os.getcwd(), file=sys.stderr)
    print("variable", os.environ.get("OWN"), "warm", "torch" in sys.modules)
    if "raise" in sys.argv: raise ValueError("broken")
    if "exit" in sys.argv: sys.exit(7)
    if "kill" in sys.argv: os.kill(os.getpid(), signal.SIGKILL)
    if "wait" in sys.argv:
        signal.signal(signal.SIGTERM, lambda *a: (pathlib.Path("stopped").touch(), sys.exit(143)))
        pathlib.Path("started").touch(); sys.stdout.flush(); time.sleep(30)
    return 3 if "three" in sys.argv else 0
"""


@pytest.fixture(scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("modules")
    (folder / "ownjob.py").write_text(JOB)
    (folder / "start.py").write_text("from studygrid.execution.workers import run\nrun('ownjob')\n")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before]))
    os.environ["OWN_FOLDER"] = str(folder)
    server = workers.Server()
    yield
    server.stop()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def start(tmp_path: Path, *arguments: str, warm: bool = True) -> subprocess.Popen[str]:
    environment = {**os.environ, "OWN": "mine"}
    if not warm:
        environment.pop(workers.VARIABLE)
    return subprocess.Popen(
        [sys.executable, f"{os.environ['OWN_FOLDER']}/start.py", *arguments],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.usefixtures("_server")
@pytest.mark.parametrize(
    ("argument", "status"), [("fine", 0), ("three", 3), ("exit", 7), ("raise", 1)]
)
def test_status_output_folder_and_environment_are_the_scripts_own(
    tmp_path: Path, argument: str, status: int
) -> None:
    for warm in (True, False):
        process = start(tmp_path, argument, warm=warm)
        out, err = process.communicate(timeout=60)
        assert process.returncode == status
        assert out.splitlines()[:2] == [f"out {argument}", f"variable mine warm {warm}"]
        assert err.startswith(f"err {tmp_path}")
        assert ("ValueError: broken" in err) is (argument == "raise")


@pytest.mark.usefixtures("_server")
def test_a_killed_child_ends_the_script_with_a_failure(tmp_path: Path) -> None:
    process = start(tmp_path, "kill")
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGKILL


@pytest.mark.usefixtures("_server")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_the_job_is_asked_to_stop_when_its_script_is(
    tmp_path: Path, signum: signal.Signals
) -> None:
    process = start(tmp_path, "wait")
    _wait_for(tmp_path / "started")
    process.send_signal(signum)
    process.communicate(timeout=60)
    _wait_for(tmp_path / "stopped")
    if signum == signal.SIGTERM:
        assert process.returncode == 143


def test_without_a_server_the_script_does_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alone.py").write_text("def main():\n    return 5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv(workers.VARIABLE, str(tmp_path / "nobody"))
    with pytest.raises(SystemExit) as end:
        workers.run("alone")
    assert end.value.code == 5


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)
