"""The manifest of a report: from which runs, data, code and numbers it was made.

Its bytes depend on its content alone, so that a report made again from the same records has the
same id.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic_core import from_json

from studygrid.axes import AXES
from studygrid.backlinks import add_backlinks
from studygrid.errors import RecordError, StudygridError
from studygrid.execution.fingerprints import fingerprint
from studygrid.grid import Run
from studygrid.records import DataRecord, read_record, write_atomically
from studygrid.results.reading import RunFacts
from studygrid.results.study_results import StudyResults, read_study
from studygrid.spec import to_json
from studygrid.tables.files import table_files
from studygrid.version import __version__

ID_LENGTH = 16

_ROOT_TABLES = ("aggregated_metrics.csv", "summary_statistics.csv")
_INFERENCE_TABLES = ("summary.json", "runs.csv")
_CODE = {
    "results": ("studygrid.results",),
    "statistics": ("studygrid.statistics",),
    "tables": ("studygrid.tables",),
    "figures": ("studygrid.figures",),
    "report": ("studygrid.report",),
}


def main(argv: list[str] | None = None) -> int:
    """Run the manifest job of a command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Write what a report was made from.", allow_abbrev=False
    )
    parser.add_argument("--study", type=Path, required=True, help="study.yaml of the results")
    parser.add_argument("--figures", nargs="*", default=[], help="names of the report's figures")
    parser.add_argument("--report", type=Path, help="the report's file")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write")
    parser.add_argument("--log", type=Path, required=True, help="file to write the log to")
    options = parser.parse_args(argv)
    try:
        study = read_study(options.study.parent)
        content = manifest(study, options.figures, options.report)
        write_manifest(options.output, content)
        linked, refused = add_backlinks(study, options.output, content["report_id"])
    except StudygridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    message = f"report {content['report_id']}: {linked} runs point to it"
    message += f"; {len(refused)} could not be written to: {refused[0]} …" if refused else ""
    write_atomically(options.log, f"{message}\n".encode())
    return 0


def manifest(
    study: StudyResults, figures: Iterable[str], report: Path | None = None
) -> dict[str, Any]:
    """Return what a report was made from.

    Parameters
    ----------
    study
        The study.
    figures
        The names of the report's figures; their CSVs lie in ``figures/`` of the results.
    report
        The report's file, or None as long as it is not written: it does not enter `report_id`,
        so that the report can show it.

    Returns
    -------
    `report_id` (16 hexadecimal digits, the start of the SHA-256 of the rest as JSON with sorted
    keys, without `report`), `study`, `family`, `metric`, `newest_run_finished_at` (UTC; the
    time at which the last of the results was there, not that of the report), `counts`,
    `studygrid` (version and code fingerprints of what makes reports), `trained_with` (commit,
    libraries and devices of the runs, with how many runs each has), `data`, `profiles`,
    `figures`, `inference` (None where it is not enabled), `tables`, `runs`, `report`. Paths are
    relative to the results folder; what is not there has the hash None.

    Raises
    ------
    RecordError
        If the report's file is not there.
    """
    origins = {run: _train_record(study.folder, run) for run in study.facts}
    content = {
        "study": study.name,
        "family": study.family.name,
        "metric": study.metric.name,
        "newest_run_finished_at": _newest(study.facts.values()),
        "counts": dict(sorted(Counter(study.frame["status"]).items())),
        "studygrid": {
            "version": __version__,
            "code": {part: fingerprint(modules) for part, modules in _CODE.items()},
        },
        "trained_with": _trained_with(origins.values()),
        "data": [_data(study, resolution) for resolution in study.plan.axis("resolution")],
        "profiles": [
            {"model": model, "resolution": resolution}
            | _file(study.folder, f"profiles/{model}/res{resolution}.json")
            for model, resolution in study.plan.profiled
        ],
        "figures": [
            {"name": name} | _file(study.folder, f"figures/{name}.csv") for name in figures
        ],
        "inference": _inference(study),
        "tables": [_file(study.folder, name) for name in _tables()],
        "runs": _runs(study, origins),
    }
    digest = hashlib.sha256(to_json(content).encode()).hexdigest()
    return {"report_id": digest[:ID_LENGTH], **content, "report": _report(study.folder, report)}


def write_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Write a manifest as YAML that `yaml.safe_load` reads."""
    text: str = yaml.dump(
        dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    write_atomically(path, text.encode())


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes equal values out each time, in place of a reference to the first."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _tables() -> list[str]:
    return [*_ROOT_TABLES, *(f"tables/{name}" for name in table_files())]


def _inference(study: StudyResults) -> dict[str, Any] | None:
    """Return with which settings inference scored, and what it left."""
    plan = study.plan
    if not plan.study.inference.enabled:
        return None
    return {
        **plan.infer_spec().model_dump(mode="json", exclude={"metrics"}),
        "files": [_file(study.folder, f"inference/{name}") for name in _INFERENCE_TABLES],
        "figures": [
            {"name": name} | _file(study.folder, f"inference/figures/{name}.csv")
            for name in plan.inference_figures
        ],
        "records": [_file(study.folder, f"runs/{run.path}/inference.json") for run in plan.runs],
    }


def _newest(facts: Iterable[RunFacts]) -> str | None:
    return max((found.finished_at for found in facts), default=None)


def _runs(study: StudyResults, origins: Mapping[Run, Mapping[str, Any]]) -> list[dict[str, Any]]:
    specs = study.plan.train_spec_texts()
    rows = zip(study.plan.runs, specs, study.frame["status"], study.frame["reason"], strict=True)
    return [
        {
            **{axis: getattr(run, axis) for axis in AXES},
            "status": str(status),
            "reason": reason if isinstance(reason, str) else None,
            "config_sha256": hashlib.sha256(spec.encode()).hexdigest(),
            **_trained(run, study.facts.get(run), origins.get(run, {})),
        }
        for run, spec, status, reason in rows
    ]


def _trained(run: Run, facts: RunFacts | None, train: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run that ended came from and left."""
    if facts is None:
        return {}
    kept = train["checkpoint"]
    checkpoint = kept and {
        "file": f"runs/{run.path}/{kept['file']}",
        "sha256": kept["sha256"],
        "epoch": kept["epoch"],
    }
    return {
        "finished_at": facts.finished_at,
        "checkpoint": checkpoint,
        "streams": train["streams"],
        "code": train["origin"]["code"],
        "data_sha256": facts.data_sha256,
        "subset_sha256": train["subset"]["sha256"],
    }


def _train_record(results: Path, run: Run) -> dict[str, Any]:
    # It was checked whole when the facts were read.
    path = results / "runs" / run.path / "train.json"
    try:
        record: dict[str, Any] = from_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: changed while the manifest was made ({error})") from None
    return record


def _trained_with(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the distinct machines and commits that runs were trained with, by their counts."""
    found = Counter(to_json(_environment(record["origin"])) for record in records)
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [from_json(text) | {"runs": count} for text, count in ordered]


def _environment(origin: Mapping[str, Any]) -> dict[str, Any]:
    hardware, software = origin["hardware"], origin["software"]
    return {
        "device": hardware["device"]["name"],
        "device_count": hardware["device_count"],
        "threads": hardware["threads"],
        **software,
    }


def _data(study: StudyResults, resolution: int) -> dict[str, Any]:
    name = f"data/res{resolution}/data.json"
    facts: dict[str, Any] = {"dataset": study.plan.dataset.name, "resolution": resolution}
    facts |= {"record": name, "licence": study.plan.dataset.licence}
    try:
        record = read_record(study.folder / name, DataRecord)
    except RecordError:
        used = {
            found.data_sha256 for run, found in study.facts.items() if run.resolution == resolution
        }
        only = used.pop() if len(used) == 1 else None
        return facts | {"record": None, "sha256": only, "splits": None}
    return facts | {
        "licence": record.licence,
        "citation": record.citation,
        "source": record.spec.source,
        "sha256": record.sha256,
        "splits": {split: found.count for split, found in record.splits.items()},
    }


def _report(results: Path, report: Path | None) -> dict[str, Any] | None:
    if report is None:
        return None
    if not report.is_file():
        raise RecordError(f"{report} does not exist: make the report before its manifest")
    return {"file": Path(os.path.relpath(report, results)).as_posix(), "sha256": sha256_of(report)}


def _file(results: Path, name: str) -> dict[str, Any]:
    path = results / name
    return {"file": name, "sha256": sha256_of(path) if path.is_file() else None}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
