"""From the runs of one training-set size to the rows of its comparison_metrics.csv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studygrid.errors import RecordError
from studygrid.families.base import Metric
from studygrid.grid import Run
from studygrid.interchange.generalization import COLUMNS, PARTS, VALUE, guide_name
from studygrid.records import EvaluateRecord, Status, read_record
from studygrid.results.frames import frame_rows
from studygrid.results.reading import RunFacts
from studygrid.results.rows import Row
from studygrid.results.study_results import StudyResults

# Of a bound: what the fact is called, and what is said of it.
_BEYOND, _BELOW = "beyond_nyquist", "below_first_ring"
_BOUNDS = {
    _BEYOND: "the correlation never falls below the threshold",
    _BELOW: "the correlation is below the threshold from the first ring on",
}
_PLACES = {_BEYOND: "beyond Nyquist", _BELOW: "below the first ring"}
_RANGE = "largest less smallest value of the truth in the scored area: PSNR's peak"


def comparison_rows(study: StudyResults, runs: Sequence[Run]) -> list[Row]:
    """Return a row a run and metric; a run without a result has them empty, with its reason.

    Raises
    ------
    RecordError
        If a record changed while it was read.
    """
    reasons = _reasons(study)
    return [row for run in runs for row in _run_rows(study, run, *reasons[run])]


def _reasons(study: StudyResults) -> dict[Run, tuple[str, str | None]]:
    """Return the status of each planned run, and why it has no result."""
    rows = frame_rows(study.frame[["status", "reason"]])
    return {
        run: (row["status"], row["reason"]) for run, row in zip(study.plan.runs, rows, strict=True)
    }


def _run_rows(study: StudyResults, run: Run, status: str, reason: str | None) -> Iterator[Row]:
    facts = study.facts.get(run)
    axes = {
        "model": run.model,
        "seed": run.seed,
        "status": status,
        "n_train": run.n_train,
        "resolution": run.resolution,
    }
    found = _metrics(study, facts, reason)
    if facts is not None and status == Status.OK:
        found += _beside(study, run, facts)
    for row in found:
        yield {**dict.fromkeys(COLUMNS), **axes, **row}


def _metrics(study: StudyResults, facts: RunFacts | None, reason: str | None) -> list[Row]:
    """Return a row a metric, or a pair of them: amplitude and phase are one row."""
    rows: dict[str, Row] = {}
    for metric in study.family.metrics:
        name, part = guide_name(metric.name)
        row = rows.setdefault(name, {"metric": name, "unit": {}, "reason": {}, "note": {}})
        value = facts.metrics.get(metric.name) if facts else None
        why = reason or (facts.undefined.get(metric.name) if facts else None)
        row[part] = value
        row["unit"][part] = metric.unit
        row["reason"][part] = None if value is not None else why or "no value"
        row["note"][part] = _bound_note(metric, facts) if facts and value is not None else None
    words = ("unit", "reason", "note")
    return [{**row, **{key: _said(row[key]) for key in words}} for row in rows.values()]


def _bound_note(metric: Metric, facts: RunFacts) -> str | None:
    """Return which way a value is a bound; None of one that is none.

    It is a mean over the scans, so it is one if that of one scan is.
    """
    found = [fact for fact in _BOUNDS if metric.name in (facts.scored.get(fact) or ())]
    if not found:
        return None
    several = len(facts.scored.get("alignment") or ()) > 1
    where = " in one scan or more" if several else ""
    said = ", and ".join(f"{_BOUNDS[fact]}{where}" for fact in found)
    if len(found) > 1:
        return f"{said}: a mean of bounds of both kinds"
    least = (found[0] == _BEYOND) == metric.higher_is_better
    return f"{said}: at {'least' if least else 'most'} this, {_PLACES[found[0]]}"


def _said(by_part: Mapping[str, str | None]) -> str | None:
    """Return what is said of both parts, or of each."""
    found = {part: text for part, text in by_part.items() if text}
    if len(found) == len(by_part) and len(set(found.values())) == 1:
        return next(iter(found.values()))
    return "; ".join(f"{part}: {text}" for part, text in found.items()) or None


def _beside(study: StudyResults, run: Run, facts: RunFacts) -> list[Row]:
    """Return what is no metric: how each scan was aligned, how much was trained on, and times."""
    path = study.folder / "runs" / run.path / "evaluate.json"
    record = read_record(path, EvaluateRecord)
    if record.origin.finished_at != facts.finished_at:
        raise RecordError(f"{path}: changed while it was exported; do it again")
    scans = [scan for scan in facts.scored.get("alignment", ()) if isinstance(scan, Mapping)]
    rows = [
        {**row, "metric": row["metric"] if len(scans) == 1 else f"{row['metric']} {scan['scan']}"}
        for scan in scans
        if "undefined" not in scan
        for row in _scan_rows(scan)
    ]
    numbers = {
        "train_groups": (facts.subset.get("groups"), "groups"),
        "train_images": (facts.subset.get("images"), "patterns"),
        "train_time_s": (facts.training.get("train_time_sec"), "s"),
        "computation_time_s": (record.evaluate_time_sec, "s"),
    }
    return rows + [
        {"metric": name, VALUE: value, "unit": unit}
        for name, (value, unit) in numbers.items()
        if value is not None
    ]


def _scan_rows(scan: Mapping[str, Any]) -> Iterator[Row]:
    ranges = [scan[key] for key in ("amplitude_range", "phase_range_rad") if scan.get(key)]
    if len(ranges) == len(PARTS):
        spans = {part: high - low for part, (low, high) in zip(PARTS, ranges, strict=True)}
        unit = "amplitude: 1; phase: rad"
        yield {"metric": "psnr_data_range", **spans, "unit": unit, "note": _RANGE}
    pairs = {
        "registration_offset": (scan.get("shift_px"), "px"),
        "removed_phase_ramp": (scan.get("ramp_rad_px"), "rad/px"),
    }
    for name, (pair, unit) in pairs.items():
        for axis, value in zip(("dy", "dx"), pair or (), strict=False):
            yield {"metric": f"{name}_{axis}", VALUE: value, "unit": unit}
    if scan.get("registered") is False:
        yield {
            "metric": "registration_refused",
            VALUE: 1,
            "unit": "",
            "note": f"a shift of {scan.get('shift_found_px')} px was found, and none applied",
        }
    for key, name, unit in (
        ("phase_offset_rad", "removed_phase_offset", "rad"),
        ("amplitude_scale", "fitted_amplitude_scale", ""),
    ):
        if scan.get(key) is not None:
            yield {"metric": name, VALUE: scan[key], "unit": unit}
