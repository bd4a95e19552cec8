"""What the inference phase of a study or of a report left: records to one row a run."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from studygrid.axes import AXES
from studygrid.errors import RecordError
from studygrid.families import load_family
from studygrid.families.base import Family, Metric
from studygrid.grid import Run, run_of_path
from studygrid.plan import Plan, read_plan
from studygrid.records import InferenceRecord, TrainRecord, read_record
from studygrid.results.frames import frame_of
from studygrid.results.rows import MISSING, Row
from studygrid.spec import InferSpec, TrainSpec

FILE = "inference.json"
_SETTINGS = ("split", "count", "batch_size", "throughput_samples_per_sec")
_AGAIN = "delete it and run `snakemake all` again"


@dataclass(frozen=True)
class InferenceResults:
    """Runs that were scored again, however far that has come.

    Attributes
    ----------
    frame
        One row a run: `run_dir`, the axes (`n_train` as text), `architecture`, `status`, `reason`,
        `split`, `count`, `batch_size`, `throughput_samples_per_sec`, `inference_precision` (the
        number format), each metric under its own name, ``autocast_effect_<metric>`` where
        autocast was on, `undefined`. A run without a usable record has the status ``missing`` and
        the reason.
    records
        Of each run that has one, by `run_dir`.
    files
        The record file of each run, by `run_dir`; it need not lie in the run's folder.
    families
        The families of the runs.
    """

    frame: pd.DataFrame
    records: Mapping[str, InferenceRecord]
    files: Mapping[str, Path] = field(repr=False)
    families: tuple[Family, ...] = field(repr=False)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of the runs' families, in the order of their declaration."""
        found = {metric.name: metric for family in self.families for metric in family.metrics}
        return tuple(found.values())

    @property
    def split(self) -> str | None:
        """The split that was scored; None where there is no record, or several splits."""
        splits = {record.split for record in self.records.values()}
        return splits.pop() if len(splits) == 1 else None

    def table(self, run_dir: str, name: str) -> list[list[int | float]] | None:
        """Return a table of a run's predictions, if it has it."""
        record = self.records.get(run_dir)
        return None if record is None else record.tables.get(name)

    def scores(self, run_dir: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a run's samples; None where they were not kept.

        Raises
        ------
        RecordError
            If the file that the record names is missing or cannot be read.
        """
        record = self.records.get(run_dir)
        return None if record is None else _arrays(self.files[run_dir], record.scores_file)

    def examples(self, run_dir: str) -> dict[str, NDArray[Any]] | None:
        """Return what the model made of a few samples; None where the family keeps none.

        Raises
        ------
        RecordError
            If the file that the record names is missing or cannot be read.
        """
        record = self.records.get(run_dir)
        return None if record is None else _arrays(self.files[run_dir], record.examples_file)


def read_inference(folder: Path) -> InferenceResults:
    """Read the inference phase of a results folder as it stands; each planned run has a row.

    Raises
    ------
    ConfigError, RecordError
        If its study.yaml cannot be used, or is not there.
    """
    file = folder / "study.yaml"
    if not file.is_file():
        raise RecordError(
            f"{file} does not exist: {folder} is no results folder, or nothing has run in it yet"
        )
    return planned_inference(read_plan(file, check_files=False), folder)


def planned_inference(plan: Plan, folder: Path) -> InferenceResults:
    """Read the inference phase of a plan as it stands; each planned run has a row.

    A record of other settings than the plan's, or of other weights than the run's, is not used.
    """
    spec = plan.infer_spec()
    files: dict[str, Path] = {}
    runs: dict[str, Run] = {}
    for run in plan.runs:
        run_dir = str(folder / "runs" / run.path)
        files[run_dir], runs[run_dir] = Path(run_dir) / FILE, run
    expected = {name: (plan.train_spec(run), spec) for name, run in runs.items()}
    return _results(files, runs, {}, expected, (plan.family,))


def read_inference_records(
    files: Mapping[str, Path], reasons: Mapping[str, str] | None = None
) -> InferenceResults:
    """Read records of inference, wherever they lie.

    Parameters
    ----------
    files
        The record file of each run, by what the frame calls `run_dir`.
    reasons
        Why a run was not scored, by the same name, in place of that its record is missing.
    """
    return _results(files, {}, reasons or {}, {}, ())


def _results(
    files: Mapping[str, Path],
    runs: Mapping[str, Run],
    reasons: Mapping[str, str],
    expected: Mapping[str, tuple[TrainSpec, InferSpec]],
    families: tuple[Family, ...],
) -> InferenceResults:
    records: dict[str, InferenceRecord] = {}
    missing: dict[str, str] = {}
    for run_dir, file in files.items():
        try:
            record = read_record(file, InferenceRecord)
            if run_dir in expected:
                _check(file, record, *expected[run_dir])
            records[run_dir] = record
        except RecordError as error:
            missing[run_dir] = reasons.get(run_dir, str(error))
    names = dict.fromkeys(record.run.family for record in records.values())
    found = families or tuple(load_family(name) for name in names)
    metrics = dict.fromkeys(name for family in found for name in family.metric_names)
    rows = [
        _row(run_dir, runs.get(run_dir), records.get(run_dir), missing.get(run_dir), list(metrics))
        for run_dir in files
    ]
    frame = frame_of(rows)
    frame["n_train"] = [row["n_train"] and str(row["n_train"]) for row in rows]
    return InferenceResults(frame, records, files, found)


def _check(file: Path, record: InferenceRecord, run: TrainSpec, spec: InferSpec) -> None:
    """Refuse a record whose numbers are not of the run and the settings that its path stands for.

    Raises
    ------
    RecordError
        If it is of other settings or of other weights; it names what differs.
    """
    differing = [
        name
        for have, want in ((record.run, run), (record.spec, spec))
        for name in type(want).model_fields
        if getattr(have, name) != getattr(want, name)
    ]
    if differing:
        raise RecordError(
            f"{file}: is of other settings than the study's ({', '.join(differing)}); {_AGAIN}"
        )
    train = read_record(file.parent / "train.json", TrainRecord)
    if record.checkpoint_sha256 != (train.checkpoint and train.checkpoint.sha256):
        raise RecordError(f"{file}: scores other weights than train.json names; {_AGAIN}")


def _row(
    run_dir: str,
    run: Run | None,
    record: InferenceRecord | None,
    reason: str | None,
    metrics: Sequence[str],
) -> Row:
    run = record.run.run if record else run or _run_of(run_dir)
    values = record.metrics if record else {}
    effect = (record.autocast_effect if record else None) or {}
    undefined = record.undefined if record else {}
    return {
        "run_dir": run_dir,
        **{axis: getattr(run, axis, None) for axis in AXES},
        "architecture": record.run.architecture if record else None,
        "status": record.status.value if record else MISSING,
        "reason": record.reason if record else reason,
        **{name: getattr(record, name, None) for name in _SETTINGS},
        # A metric of classification is called precision.
        "inference_precision": record.precision if record else None,
        **{name: values.get(name) for name in metrics},
        **{f"autocast_effect_{name}": value for name, value in effect.items()},
        "undefined": "; ".join(f"{name}: {why}" for name, why in undefined.items()) or None,
    }


def _run_of(run_dir: str) -> Run | None:
    try:
        return run_of_path(run_dir)
    except ValueError:
        return None


def _arrays(record: Path, name: str | None) -> dict[str, NDArray[Any]] | None:
    if name is None:
        return None
    file = record.parent / name
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise RecordError(
            f"{file}: cannot be read ({error}), and {record} names it; delete {record} and score "
            "again"
        ) from None
