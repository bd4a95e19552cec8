"""Warm workers: jobs forked from a process that has PyTorch loaded already.

Importing PyTorch takes as long as a small run. A server that Snakemake's process starts imports
it once; a job's script sends its command line and its open files there, a child is forked for
it, and the script waits for the child and ends as it does. Without a server (on a cluster, on
a pasted command line) the script does the work itself, to the same bits.

This module is imported by every job's script: it imports nothing that costs time.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

VARIABLE = "STUDYGRID_WORKER"
_PRELOADED = (
    "sklearn.metrics",
    "torch._dynamo",  # an optimiser's first step imports it
    "studygrid.evaluation",
    "studygrid.preparation",
    "studygrid.profiling.job",
    "studygrid.training.job",
)
_MESSAGE = struct.Struct("!q")
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(module: str) -> NoReturn:
    """Run ``main()`` of a job's module, warm where there is a server, and exit with its status."""
    connection = _connect(os.environ.get(VARIABLE))
    if connection is None:
        sys.exit(importlib.import_module(module).main())
    sys.exit(_follow(connection, module))


def _connect(path: str | None) -> socket.socket | None:
    if not path:
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        return None
    return connection


def _follow(connection: socket.socket, module: str) -> int:
    """Have a job done by the server; hand on signals; return its exit status."""
    job = {"module": module, "argv": sys.argv, "cwd": str(Path.cwd()), "env": dict(os.environ)}
    content = json.dumps(job).encode()
    socket.send_fds(connection, [_MESSAGE.pack(len(content))], [0, 1, 2])
    connection.sendall(content)
    process = _receive(connection)
    if process is None:
        return importlib.import_module(module).main() or 0

    def forward(signum: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signum)

    for signum in _FORWARDED:
        signal.signal(signum, forward)
    status = _receive(connection)
    # A child that was killed says nothing.
    return 128 + signal.SIGKILL if status is None else status


def _receive(connection: socket.socket) -> int | None:
    data = b""
    while len(data) < _MESSAGE.size:
        piece = connection.recv(_MESSAGE.size - len(data))
        if not piece:
            return None
        data += piece
    return int(_MESSAGE.unpack(data)[0])


class Server:
    """The server, started beside Snakemake and ended with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="studygrid-")
        path = str(Path(self._folder.name) / "worker")
        # One thread before the fork: threads do not survive it.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        # Bound here: a job that comes while the server still imports waits for it.
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(256)
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(listener.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
            )
        os.environ[VARIABLE] = path

    def stop(self) -> None:
        """End the server."""
        os.environ.pop(VARIABLE, None)
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


def serve(file: int) -> None:
    """Fork a child for each job, until the process that started the server is gone."""
    parent = os.getppid()
    # Jobs get the terminal's interrupt themselves.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=file) as listener:
        listener.settimeout(1.0)
        for module in _PRELOADED:
            importlib.import_module(module)
        while os.getppid() == parent:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            if os.fork() == 0:
                listener.close()
                _work(connection)
            connection.close()


def _work(connection: socket.socket) -> NoReturn:
    """Do one job in a forked child."""
    status = 1
    try:
        for signum in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(signum, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        connection.setblocking(True)
        job = _take_over(connection)
        connection.sendall(_MESSAGE.pack(os.getpid()))
        threading.Thread(target=_end_with_client, args=(connection,), daemon=True).start()
        status = importlib.import_module(job["module"]).main() or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        with contextlib.suppress(OSError):
            connection.sendall(_MESSAGE.pack(status))
        os._exit(status & 0xFF)


def _take_over(connection: socket.socket) -> dict[str, str]:
    """Take the place of the client: its files, folder, environment and command line."""
    head, files, _, _ = socket.recv_fds(connection, _MESSAGE.size, 3)
    (length,) = _MESSAGE.unpack(head)
    content = bytearray()
    while len(content) < length:
        content += connection.recv(length - len(content))
    job = json.loads(content)
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    sys.argv = job["argv"]
    return {"module": job["module"]}


def _end_with_client(connection: socket.socket) -> None:
    """Ask the job to stop when its client is gone."""
    with contextlib.suppress(OSError):
        connection.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
