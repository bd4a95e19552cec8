"""From the records of a run to its documents in the layout of the guide to VAE comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studygrid.comparison.configurations import axes_words
from studygrid.errors import RecordError
from studygrid.families.base import Family
from studygrid.grid import Run
from studygrid.interchange.crackseg_documents import RunAxes
from studygrid.interchange.vae import METRICS, SUMMARY, copy_of, run_file
from studygrid.interchange.vae_documents import (
    GUIDE_NAMES,
    MODEL_OPTIONS,
    PHASES,
    SCHEMA_VERSION,
    WRITER,
    Config,
    Metrics,
    Phases,
    Scores,
    Summary,
)
from studygrid.plan import Plan
from studygrid.records import EvaluateRecord, TrainRecord, read_record
from studygrid.results.epochs import read_epochs
from studygrid.results.frames import frame_rows
from studygrid.results.study_results import StudyResults
from studygrid.spec import TrainSpec
from studygrid.trackers.content import identity

Row = Mapping[str, Any]


def run_names(plan: Plan) -> dict[Run, str]:
    """Return a name for each run of a study, its own: ``small_res100_n500_seed1``.

    It is the model, and of the axes those that are not the same in the whole study.
    """
    words = axes_words([vars(run) for run in plan.runs])
    return {run: f"{run.model}{more}" for run, more in zip(plan.runs, words, strict=True)}


def run_id(run: Run) -> str:
    """Return the name of a run's folder: all of its axes, whatever the study has."""
    return f"{run.model}-res{run.resolution}-n{run.n_train}-seed{run.seed}"


def run_places(run: Run, name: str) -> tuple[str, str, str, str]:
    """Return where a run's metrics and summary are, and their copies."""
    own = run_id(run)
    return (
        run_file(own, METRICS),
        run_file(own, SUMMARY),
        copy_of(name, METRICS),
        copy_of(name, SUMMARY),
    )


def documents_of(study: StudyResults, run: Run, name: str) -> tuple[Metrics, Summary]:
    """Return the two documents of a run that ended well.

    Raises
    ------
    RecordError
        If its records went away, or its epochs are not those of its record.
    """
    folder = study.folder / "runs" / run.path
    train = read_record(folder / "train.json", TrainRecord)
    evaluate = read_record(folder / "evaluate.json", EvaluateRecord)
    if evaluate.origin.finished_at != study.facts[run].finished_at:
        raise RecordError(f"{folder}: changed while it was exported; do it again")
    row = _kept_epoch(study, run, train)
    found = {
        "train": dict(_of_epoch(row, "train")),
        "val": dict(_of_epoch(row, "validation")),
        "test": evaluate.metrics,
    }
    phases = {phase: _named(phase, scores) for phase, scores in found.items()}
    reasons = dict(_reasons(found, evaluate, study.family))
    kept = train.best_epoch
    metrics = Metrics.model_validate(
        {**phases, "kept_epoch": kept, **({"reasons": reasons} if reasons else {})}
    )
    summary = Summary.model_validate(
        {
            "config": _config(study, train.spec, name),
            "metrics": Phases.model_validate(phases),
            "kept_epoch": kept,
            **_provenance(study, run, train, evaluate),
            "reasons": {f"metrics.{place}": why for place, why in reasons.items()},
        }
    )
    return metrics, summary


def _kept_epoch(study: StudyResults, run: Run, train: TrainRecord) -> Row:
    """Return the line of the epoch whose weights were kept."""
    folder = study.folder / "runs" / run.path
    path, again = folder / "epochs.jsonl", f"delete {folder / 'train.json'} to train again"
    frame, problems = read_epochs({run: folder})
    if path in problems:
        raise RecordError(f"{path}: {problems[path]}; {again}")
    own = frame.loc[frame["epoch"] == train.best_epoch]
    if own.empty:
        raise RecordError(f"{path}: has no line of the kept epoch {train.best_epoch}; {again}")
    # A run that was resumed may have an epoch twice: the later one went into the model.
    row = frame_rows(own)[-1]
    if row.get(f"validation_{train.monitor}") != train.best_value:
        raise RecordError(f"{path}: is of another training than train.json; {again}")
    return row


def _of_epoch(row: Row, split: str) -> Iterator[tuple[str, float | None]]:
    """Yield the scores that an epoch has of a split, by our names, the loss first."""
    prefix = f"{split}_"
    own = [key for key in row if key.startswith(prefix)]
    for key in sorted(own, key=f"{prefix}loss".__ne__):
        yield key.removeprefix(prefix), None if row[key] is None else float(row[key])


def _named(phase: str, scores: Mapping[str, float | None]) -> Scores:
    return {f"{phase}_{GUIDE_NAMES.get(name, name)}": value for name, value in scores.items()}


def _reasons(
    found: Mapping[str, Mapping[str, float | None]], evaluate: EvaluateRecord, family: Family
) -> Iterator[tuple[str, str]]:
    """Yield why scores are null, by their place in metrics.json."""
    for phase, scores in found.items():
        for name in (name for name, value in scores.items() if value is None):
            why = evaluate.undefined.get(name) if phase == "test" else None
            if why is None:
                known = name in family.metric_names
                when = f"; undefined: {family.metric(name).undefined}" if known else ""
                why = f"no value on the {PHASES[phase]} split{when}"
            yield f"{phase}.{phase}_{GUIDE_NAMES.get(name, name)}", why


def _config(study: StudyResults, spec: TrainSpec, name: str) -> Config:
    options = {MODEL_OPTIONS.get(key, key): value for key, value in spec.options.items()}
    hidden = options.get("hidden_dim")
    if isinstance(hidden, Sequence) and len(hidden) == 1:
        options["hidden_dim"] = hidden[0]  # the guide's models have one hidden layer
    training = spec.training.model_dump(mode="json")
    epochs = spec.training.epochs
    return Config(
        model_name=name,
        model={"name": spec.model, "architecture": spec.architecture, **options},
        trainer={**({"max_epochs": epochs} if epochs else {}), **training},
        loss=spec.loss,
        data={
            "name": study.plan.dataset.name,
            **study.plan.dataset_options.model_dump(mode="json"),
            "vocabulary": spec.resolution,
            "n_train": spec.n_train,
        },
        seed=spec.seed,
    )


def _provenance(
    study: StudyResults, run: Run, train: TrainRecord, evaluate: EvaluateRecord
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "written_by": WRITER,
        "study": study.name,
        "family": study.family.name,
        "run": RunAxes(**vars(run)),
        "status": evaluate.status.value,
        "monitor": train.monitor,
        "epochs_trained": train.epochs,
        "stopped_by": train.stopped_by,
        "train_time_sec": train.train_time_sec,
        "train_samples": train.subset.count,
        "test_samples": evaluate.test_count,
        "parameters": train.applied.parameters if train.applied else None,
        "device": train.origin.hardware.device.name,
        "checkpoint_sha256": evaluate.checkpoint_sha256,
        "data_sha256": train.data_sha256,
        "git_commit": train.origin.software.git_commit,
        "finished_at": evaluate.origin.finished_at,
        "records_hash": identity(study, run),
        "test_facts": evaluate.facts,
    }
