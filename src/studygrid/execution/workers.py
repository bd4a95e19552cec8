"""Warm workers: jobs forked from a process that has PyTorch loaded already.

Importing PyTorch takes as long as a small run. A server that Snakemake's process starts imports
it once; a job's script sends its command line and its open files there, a child is forked for
it, and the script waits for the child and ends as it does. Without a server (on a cluster, on
a pasted command line) the child is forked from the script, and does the same to the same bits.

This module is imported by every job's script: it imports nothing that costs time.
"""

from __future__ import annotations

import contextlib
import functools
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
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

VARIABLE = "STUDYGRID_WORKER"
_PRELOADED = (
    "sklearn.metrics",
    "torch._dynamo",  # an optimiser's first step imports it
    "studygrid.evaluation",
    "studygrid.inference",
    "studygrid.preparation",
    "studygrid.profiling.job",
    "studygrid.training.job",
)
_MESSAGE = struct.Struct("!q")
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(module: str) -> NoReturn:
    """Run ``main()`` of a job's module in a child, and exit as it does; warm, where a server is.

    What kills the child leaves this process, which is small, to say so.
    """
    kills_before = memory_kills()
    process, connection = _start_warm(module) or _start_cold(module)

    forwarded: list[int] = []

    def forward(signum: int, frame: FrameType | None) -> None:
        forwarded.append(signum)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signum)

    for signum in _FORWARDED:
        if signal.getsignal(signum) is not signal.SIG_IGN:  # as SIGHUP is under nohup
            signal.signal(signum, forward)
    status = _receive(connection)
    if status is None:
        number = _killed_by(process) or next(iter(forwarded), None)
        with contextlib.suppress(OSError, ValueError):  # a full disk: there is nowhere to say it
            from studygrid.execution.kills import report_kill

            report_kill(sys.argv, number, memory_kills() > kills_before)
        status = 128 + (number or signal.SIGKILL)
    sys.exit(status)


def _start_warm(module: str) -> tuple[int, socket.socket] | None:
    """Have a job done by the server; None where there is none."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    connection = socket.socket(socket.AF_UNIX)
    job = {"module": module, "argv": sys.argv, "cwd": str(Path.cwd()), "env": dict(os.environ)}
    content = json.dumps(job).encode()
    try:
        connection.connect(path)
        socket.send_fds(connection, [_MESSAGE.pack(len(content))], [0, 1, 2])
        connection.sendall(content)
        process = _receive(connection)
    except OSError:
        return None
    return None if process is None else (process, connection)


def _start_cold(module: str) -> tuple[int, socket.socket]:
    connection, childs = socket.socketpair()
    process = os.fork()
    if process == 0:
        connection.close()
        _do(childs, lambda: module)
    childs.close()
    _receive(connection)  # its number, as from the server; nothing if it is gone already
    return process, connection


def _killed_by(process: int) -> int | None:
    """Return the signal that killed a child of this process; None of a child of the server."""
    try:
        _, status = os.waitpid(process, 0)
    except ChildProcessError:
        return None
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else None


def memory_kills() -> int:
    """Return how many processes the kernel has killed for want of memory since it started."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


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
                _do(connection, functools.partial(_take_over, connection))
            connection.close()


def _do(connection: socket.socket, find: Callable[[], str]) -> NoReturn:
    """Do the job whose module is found, in a forked child."""
    status, is_known = 1, False
    try:
        for signum in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(signum, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        connection.setblocking(True)
        module = find()
        connection.sendall(_MESSAGE.pack(os.getpid()))
        is_known = True
        threading.Thread(target=_end_with_client, args=(connection,), daemon=True).start()
        status = importlib.import_module(module).main() or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # its code cannot be imported: a job handles its own errors
        sys.excepthook(*sys.exc_info())
        with contextlib.suppress(OSError, ValueError):
            from studygrid.execution.kills import report_error

            report_error(sys.argv, error)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        with contextlib.suppress(OSError):
            if is_known:  # what comes first is taken for the process's number
                connection.sendall(_MESSAGE.pack(status))
        os._exit(status & 0xFF)


def _take_over(connection: socket.socket) -> str:
    """Take the place of the client: files, folder, environment, command line; return its module."""
    head, files, _, _ = socket.recv_fds(connection, _MESSAGE.size, 3)
    (length,) = _MESSAGE.unpack(head)
    content = bytearray()
    while len(content) < length:
        piece = connection.recv(length - len(content))
        if not piece:
            raise ConnectionError("the job's script ended before it had said what to do")
        content += piece
    job = json.loads(content)
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    sys.argv = job["argv"]
    return str(job["module"])


def _end_with_client(connection: socket.socket) -> None:
    """Ask the job to stop when its client is gone."""
    with contextlib.suppress(OSError):
        connection.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
