"""What is left of a plan to do, by its records and the code that made them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from studygrid.errors import RecordError, StudygridError
from studygrid.estimate.measured import Measured, Scored, Trained
from studygrid.execution import fingerprints
from studygrid.grid import Run
from studygrid.plan import Plan
from studygrid.records import DataRecord, Status, read_record
from studygrid.spec import ShardSpec

# Why there is a record that cannot be used.
OTHER_SETTINGS = "of other settings than the study's"
OTHER_CODE = "made by other code than there is now"


@dataclass(frozen=True)
class ToDo:
    """The jobs to do.

    Attributes
    ----------
    runs
        The runs that were asked for.
    train, evaluate
        Runs to train, and runs to score: those and what was trained but not scored.
    prepare, profile
        Resolutions to prepare, and (model, resolution) to profile.
    shard
        Shards to make first, of data that is to be prepared.
    infer
        Runs to score once more, where inference is enabled.
    failed
        Runs that are done and have no score: diverged, or out of memory.
    again
        How many runs have a record that cannot be used, by the reason.
    """

    runs: list[Run]
    train: list[Run] = field(default_factory=list)
    evaluate: list[Run] = field(default_factory=list)
    prepare: list[int] = field(default_factory=list)
    profile: list[tuple[str, int]] = field(default_factory=list)
    failed: int = 0
    again: Counter[str] = field(default_factory=Counter)
    shard: list[ShardSpec] = field(default_factory=list)
    infer: list[Run] = field(default_factory=list)

    @property
    def jobs(self) -> dict[str, int]:
        """How many jobs of each rule there are to do, in the order in which they run."""
        shards = {"shard": len(self.shard)} if self.shard else {}
        infer = {"infer": len(self.infer)} if self.infer else {}
        return {
            **shards,
            "prepare": len(self.prepare),
            "train": len(self.train),
            "evaluate": len(self.evaluate),
            **infer,
            "profile": len(self.profile),
        }


def to_do(plan: Plan, results: Path, measured: Measured) -> ToDo:
    """Return what is to do of a plan.

    A record counts as there if it is of the study's settings and of the present code. Snakemake
    looks at times of files as well: what it would do exactly, `snakemake -n` says.
    """
    train, evaluate, infer, again = [], [], [], Counter[str]()
    failed = 0
    score, code = plan.evaluate_spec().to_json(), _Code(plan)
    inference = plan.infer_spec().to_json()
    for run, spec in zip(plan.runs, plan.train_spec_texts(), strict=True):
        trained = measured.trained.get(run)
        why = _why_again(trained, spec, code.train(run.model)) if trained else None
        if why is not None:
            again[why] += 1
        if trained is None or why is not None:
            train.append(run)
            evaluate.append(run)
            infer.append(run)
            continue
        if not _is_same(trained.inferred, inference, code.infer(run.model)):
            infer.append(run)
        if not _is_same(trained.scored, score, code.evaluate(run.model)):
            evaluate.append(run)
        elif trained.status != Status.OK:
            failed += 1
    prepare = _to_prepare(plan, results)
    return ToDo(
        runs=plan.runs,
        train=train,
        evaluate=evaluate,
        prepare=prepare,
        profile=_to_profile(plan, measured, code),
        failed=failed,
        again=again,
        shard=missing_shards(plan) if prepare else [],
        infer=infer if plan.study.inference.enabled else [],
    )


class _Code:
    """The present code of each job of a model."""

    def __init__(self, plan: Plan) -> None:
        family, models = plan.family, plan.models

        def train(model: str) -> str:
            found = models[model]
            name = found.architecture.name
            return fingerprints.train_code(family, name, found.training.monitor)

        def evaluate(model: str) -> str:
            return fingerprints.evaluate_code(family, models[model].architecture.name)

        def infer(model: str) -> str:
            return fingerprints.infer_code(family, models[model].architecture.name)

        def profile(model: str) -> str:
            return fingerprints.profile_code(family, models[model].architecture.name)

        self.train, self.evaluate = cache(train), cache(evaluate)
        self.infer, self.profile = cache(infer), cache(profile)


def _why_again(trained: Trained, spec: str, code: str) -> str | None:
    if trained.spec != spec:
        return OTHER_SETTINGS
    return OTHER_CODE if trained.job.code != code else None


def _is_same(scored: Scored | None, spec: str, code: str) -> bool:
    return scored is not None and scored.spec == spec and scored.job.code == code


def _to_prepare(plan: Plan, results: Path) -> list[int]:
    return [side for side in plan.axis("resolution") if not is_prepared(plan, side, results)]


def missing_shards(plan: Plan) -> list[ShardSpec]:
    """Return the shards that have no record; where only the file is gone, `prepare` makes it."""
    shards = zip(plan.shards, plan.shard_records, strict=True)
    return [spec for spec, record in shards if not record.is_file()]


def is_prepared(plan: Plan, side: int, results: Path) -> bool:
    """Tell whether the data is prepared at a resolution, from the raw data as it is now."""
    try:
        record = read_record(results / "data" / f"res{side}" / "data.json", DataRecord)
        return record.spec == plan.data_spec(side, results / "data")
    except (RecordError, OSError):
        return False
    except StudygridError:
        return True  # the raw data is gone; what was made of it is there


def _to_profile(plan: Plan, measured: Measured, code: _Code) -> list[tuple[str, int]]:
    pairs = []
    for model, side in plan.profiled:
        profile = measured.profiled.get((model, side))
        spec = plan.profile_spec(model, side).to_json()
        if profile is None or profile.spec != spec or profile.job.code != code.profile(model):
            pairs.append((model, side))
    return pairs
