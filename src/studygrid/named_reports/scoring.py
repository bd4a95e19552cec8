"""The inference phase of a report: the kept weights of its runs, scored again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from studygrid.errors import StudygridError
from studygrid.execution.progress import ProgressBar
from studygrid.named_reports.run_files import RunFiles
from studygrid.results.inference import InferenceResults, read_inference_records
from studygrid.study import Inference

RECORD = "inference.json"


def score_runs(
    runs: Sequence[RunFiles], settings: Inference, folder: Path
) -> tuple[InferenceResults, dict[str, str]]:
    """Score the runs of a report, one after the other; write only into a folder.

    Parameters
    ----------
    runs
        Runs that have all that is needed.
    folder
        Run number i leaves its record in ``<folder>/<i>/inference.json``.

    Returns
    -------
    results, failed
        What was found, and why runs could not be scored, by their folders: such a run has a row
        of the status ``missing``.
    """
    from studygrid.execution.jobs import leased_device
    from studygrid.inference import infer

    failed: dict[str, str] = {}
    files = {run.run_dir: folder / f"{number:04d}" / RECORD for number, run in enumerate(runs)}
    options = argparse.Namespace(device="auto", runs_per_gpu=1)
    with leased_device(options) as lease, ProgressBar("scoring", len(runs), 0, "runs") as bar:
        for run in runs:
            assert run.train_path is not None
            assert run.data_path is not None
            target = files[run.run_dir].parent
            target.mkdir(parents=True, exist_ok=True)
            try:
                infer(
                    run.train_path,
                    run.data_path,
                    settings,
                    lease.device,
                    target,
                    checkpoint=run.checkpoint,
                )
            except OSError:
                raise  # a full disk is no fault of the run
            except Exception as error:  # one run must not cost what the others took
                failed[run.run_dir] = _why(error)
            bar.advance()
    return read_inference_records(files, failed), failed


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, StudygridError) else f"{type(error).__name__}: {error}"
