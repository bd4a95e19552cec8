"""What all jobs share: their log, their errors, their device."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from studygrid.errors import StudygridError

log = logging.getLogger("studygrid")


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser of the options that every job has."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--spec", required=True, help="the job's spec, as JSON")
    parser.add_argument("--code", default="unknown", help="fingerprint of the job's code")
    parser.add_argument("--log", type=Path, help="file to append the log to")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    return parser


def run_job(job: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run a job with its log; return the exit status.

    An error for the user is one line on standard error and in the log; any other error is a
    traceback in the log and one line that says where.
    """
    start_log(options.log)
    try:
        torch.set_num_threads(options.threads)
        job(options)
    except StudygridError as error:
        log.error("%s", error)
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        log.exception("the job failed")
        place = options.log or "the log above"
        print(f"error: {type(error).__name__}: {error} (details in {place})", file=sys.stderr)
        return 1
    return 0


def start_log(path: Path | None) -> None:
    """Send the log to a file (appended, with times), or to standard error without one."""
    handler: logging.Handler = logging.StreamHandler()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def choose_device(name: str) -> torch.device:
    """Return the device of that name; `auto` is CUDA where there is one.

    Raises
    ------
    StudygridError
        If CUDA is asked for and there is none.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise StudygridError(
            "execution.device is cuda, but PyTorch finds no CUDA device here; "
            "write auto or cpu, or install a CUDA build of PyTorch and a driver"
        )
    return torch.device("cuda", torch.cuda.current_device())
