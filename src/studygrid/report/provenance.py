"""The section of provenance: code, data, weights, machines and seeds of the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from studygrid.errors import RecordError
from studygrid.records import ProfileRecord, TrainRecord, read_record
from studygrid.report.blocks import Block, Definitions, Paragraph, Section
from studygrid.report.numbers import counted, listed
from studygrid.report.question import data_records
from studygrid.results.reading import RunFacts
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table
from studygrid.tables.headings import headings

_MOST_SEEDS = 20
_YES_NO = {True: "yes", False: "no", None: "not known"}
_STREAMS = ("initialisation", "order", "augmentation", "subset")
_WHERE: Mapping[str, Callable[[RunFacts], object]] = {
    "Device": lambda facts: facts.origin.device,
    "Driver": lambda facts: facts.origin.driver,
    "Platform": lambda facts: facts.origin.platform,
    "PyTorch": lambda facts: facts.origin.torch,
    "CUDA": lambda facts: facts.origin.cuda,
    "NumPy": lambda facts: facts.origin.numpy,
    "Python": lambda facts: facts.origin.python,
    "studygrid": lambda facts: facts.origin.studygrid,
    "Git commit": lambda facts: facts.origin.git_commit,
    "Uncommitted changes": lambda facts: _YES_NO[facts.origin.git_dirty],
    "Code of training": lambda facts: facts.origin.train_code,
    "Code of evaluation": lambda facts: facts.origin.evaluate_code,
}
# Code differs by architecture; these should be one for all runs.
_ONE_FOR_ALL = ("Device", "Driver", "PyTorch", "CUDA", "studygrid", "Git commit")


def provenance(study: StudyResults) -> Section:
    """Return what the runs were made from, where and when."""
    facts = list(study.facts.values())
    blocks: list[Block] = [Definitions(tuple(_when(study, facts)))]
    blocks += [Paragraph(text, warning=True) for text in warnings(study, facts)]
    if facts:
        blocks.append(environments(facts))
    blocks += [_data(study), *_profiles(study), *_seeds(study), *_checkpoints(study)]
    return Section("provenance", "Provenance", tuple(blocks))


def _when(study: StudyResults, facts: list[RunFacts]) -> list[tuple[str, str]]:
    if not facts:
        return [("Runs", "none has usable records")]
    started = min(own.origin.started_at for own in facts)
    finished = max(own.finished_at for own in facts)
    return [
        ("First run started", _minute(started)),
        ("Last run finished", _minute(finished)),
        ("Runs with records", f"{len(facts):,} of {len(study.frame):,}"),
    ]


def _minute(time: str) -> str:
    return f"{time[:16].replace('T', ' ')} UTC" if time.endswith("+00:00") else time


def warnings(study: StudyResults, facts: list[RunFacts]) -> list[str]:
    """Say where the runs are not of one machine, code or data."""
    found = []
    for name in _ONE_FOR_ALL:
        values = Counter(_text(_WHERE[name](own)) for own in facts)
        if len(values) > 1:
            parts = listed([f"{value} ({count:,})" for value, count in sorted(values.items())])
            found.append(f"The runs are of several kinds in “{name}”: {parts}.")
    if any(own.origin.git_dirty for own in facts):
        number = sum(bool(own.origin.git_dirty) for own in facts)
        found.append(
            f"{counted(number, 'run')} ran from code with changes that were not committed: the "
            "commit alone does not say what ran, the fingerprints of the code do."
        )
    for resolution in study.order["resolution"]:
        hashes = {
            own.data_sha256 for run, own in study.facts.items() if run.resolution == resolution
        }
        if len(hashes) > 1:
            found.append(f"At resolution {resolution} the runs were trained on different data.")
    return found


def _text(value: object) -> str:
    return "none" if value is None else str(value)


def environments(facts: list[RunFacts]) -> Table:
    """Return the machines, libraries and code that runs recorded, and how many each."""
    rows = []
    for name, value in _WHERE.items():
        counts = Counter(_text(value(own)) for own in facts)
        rows += [
            {"what": name, "value": found, "runs": count} for found, count in sorted(counts.items())
        ]
    note = (
        "What the runs say of the machine, the libraries and the code that made them. The code "
        "is the fingerprint of all modules that a job imports, without comments."
    )
    words = {"what": "What", "value": "Value", "runs": "Runs"}
    frame = pd.DataFrame(rows)
    return Table("environments", "Hardware, software and code", note, frame, tuple(words), words)


def _data(study: StudyResults) -> Table:
    records, faults = data_records(study)
    rows = []
    for resolution in study.order["resolution"]:
        used = {own.data_sha256 for run, own in study.facts.items() if run.resolution == resolution}
        record = records.get(resolution)
        rows.append(
            {
                "resolution": resolution,
                "sha256": record.sha256 if record else faults[resolution],
                "used": ", ".join(sorted(used)),
            }
        )
    words = {
        "resolution": study.family.resolution_label,
        "sha256": "SHA-256 of the prepared data",
        "used": "SHA-256 as the runs recorded it",
    }
    note = "Hashes of the data at each resolution: as it lies there, and as the runs recorded it."
    frame = pd.DataFrame(rows)
    return Table("data", "Data", note, frame, tuple(words), words)


def _profiles(study: StudyResults) -> list[Block]:
    rows = []
    for model, resolution in study.plan.profiled:
        path = study.folder / "profiles" / model / f"res{resolution}.json"
        try:
            origin = read_record(path, ProfileRecord).origin
        except RecordError:
            continue
        rows.append((origin.hardware.device.name, origin.software.torch, origin.code))
    if not rows:
        return []
    words = {"device": "Device", "torch": "PyTorch", "code": "Code", "profiles": "Profiles"}
    counts = [
        dict(zip(words, (*key, count), strict=True)) for key, count in sorted(Counter(rows).items())
    ]
    note = "Where inference was profiled, with which library, by which code."
    frame = pd.DataFrame(counts)
    return [Table("profile_origins", "Profiles", note, frame, tuple(words), words)]


def _seeds(study: StudyResults) -> list[Block]:
    """Return the streams of each seed, as the first readable run of it recorded them."""
    rows: list[dict[str, Any]] = []
    firsts = {run.seed: run for run in reversed(list(study.facts))}
    for seed in study.order["seed"][:_MOST_SEEDS]:
        if seed not in firsts:
            continue
        path = study.folder / "runs" / firsts[seed].path / "train.json"
        try:
            streams = read_record(path, TrainRecord).streams
        except RecordError:
            continue
        rows.append({"seed": str(seed)} | {name: str(getattr(streams, name)) for name in _STREAMS})
    if not rows:
        return []
    note = "The number that each stream of random numbers starts from, in the first run of a seed."
    words = {name: name.capitalize() for name in ("seed", *_STREAMS)}
    frame = pd.DataFrame(rows)
    return [Table("streams", "Seeds and their streams", note, frame, tuple(words), words)]


def _checkpoints(study: StudyResults) -> list[Block]:
    columns = ["model", "resolution", "n_train", "seed", "checkpoint_sha256"]
    frame = study.frame.loc[study.frame["checkpoint_sha256"].notna(), columns]
    if frame.empty:
        return []
    note = "The weights that were scored: best_model.pth in the folder of each run."
    words = headings(columns, study.family) | {"checkpoint_sha256": "SHA-256"}
    found = frame.reset_index(drop=True)
    return [Table("checkpoints", "Checkpoints", note, found, tuple(columns), words)]
