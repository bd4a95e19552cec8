"""The section of outcomes: what was run, and what failed with which reason."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from studygrid.axes import AXES
from studygrid.records import Status
from studygrid.report.blocks import Block, Paragraph, Section
from studygrid.report.numbers import counted
from studygrid.results.not_said import value_in_file
from studygrid.results.rows import MISSING
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table

# Of a run's or a profile's record; the folder of the results may hold spaces.
_FOLDER = re.compile(r"^(?:.*/)?(?:runs/[^/]+/res\d+/n\w+/seed\d+|profiles)/")


def outcomes(study: StudyResults) -> Section:
    """Return how many planned runs ended how, by model, and the reasons."""
    frame = study.frame
    counts = _counted(frame)
    ok, planned = counts["ok"], counts["planned"]
    what = "found" if study.collected else "planned"
    text = (
        f"{counted(planned, 'run')} {what}: {ok:,} ok, {counts['failed']:,} failed, "
        f"{counts['missing']:,} missing. A failed run diverged or ran out of memory, which is a "
        "result; a missing one has no usable record yet."
    )
    blocks: list[Block] = [Paragraph(text, warning=ok < planned), _by_model(frame)]
    bad = frame[frame["status"] != Status.OK.value]
    if len(bad):
        blocks.append(_reasons(study, bad))
    blocks += _undefined(frame) + _profiles(study)
    return Section("outcomes", "What was run, and what failed", tuple(blocks))


def _counted(frame: pd.DataFrame) -> dict[str, int]:
    ok = int((frame["status"] == Status.OK.value).sum())
    missing = int((frame["status"] == MISSING).sum())
    failed = len(frame) - ok - missing
    return {"planned": len(frame), "ok": ok, "failed": failed, "missing": missing}


def _by_model(frame: pd.DataFrame) -> Table:
    rows = [
        {"model": model, **_counted(frame[frame["model"] == model])}
        for model in dict.fromkeys(frame["model"])
    ]
    note = "How the planned runs of each model ended."
    counts = pd.DataFrame(rows)
    headings = {name: name.capitalize() for name in map(str, counts)}
    return Table("outcomes", "Outcomes by model", note, counts, tuple(headings), headings)


def shortened(reason: str) -> str:
    """Return a reason without the folder of its file, so that equal reasons are equal text."""
    return _FOLDER.sub("", reason)


def _reasons(study: StudyResults, bad: pd.DataFrame) -> Table:
    groups: dict[tuple[str, str], list[Any]] = {}
    for _, row in bad.iterrows():
        key = (str(row["status"]), shortened(str(row["reason"] or "no reason given")))
        groups.setdefault(key, []).append(row)
    rows = [
        {"status": status, "reason": reason, "runs": len(own), "first": _run(own[0])}
        for (status, reason), own in sorted(groups.items(), key=lambda group: -len(group[1]))
    ]
    note = "Runs without a result, grouped by reason; the most frequent first."
    frame = pd.DataFrame(rows)
    headings = {"status": "Status", "reason": "Reason", "runs": "Runs", "first": "First of them"}
    return Table("reasons", "Reasons", note, frame, tuple(headings), headings)


def _run(row: Any) -> str:
    model, resolution, size, seed = (value_in_file(axis, row[axis]) for axis in AXES)
    places = {"res": resolution, "n": size, "seed": seed}
    return "/".join([model, *(f"{name}{at}" for name, at in places.items() if at is not None)])


def _undefined(frame: pd.DataFrame) -> list[Block]:
    found = frame["undefined"].dropna()
    if found.empty:
        return []
    reasons = "; ".join(dict.fromkeys(map(str, found)))
    return [Paragraph(f"Metrics without a value in {counted(len(found), 'run')}: {reasons}.", True)]


def _profiles(study: StudyResults) -> list[Block]:
    pairs = study.plan.profiled
    if study.collected:
        return []  # the section of methods says what is known
    if not pairs:
        return [Paragraph("Inference was not profiled.")]
    columns = ["model", "resolution", "profile_status", "profile_reason"]
    profiles = study.frame[columns].drop_duplicates(["model", "resolution"])
    bad = profiles[profiles["profile_status"] != Status.OK.value]
    text = f"{counted(len(pairs), 'profile')} of inference planned: {len(pairs) - len(bad):,} ok."
    if bad.empty:
        return [Paragraph(text)]
    reasons = [
        f"{row['model']} at {row['resolution']}: {row['profile_status']} "
        f"({shortened(str(row['profile_reason']))})"
        for _, row in bad.head(5).iterrows()
    ]
    more = f"; and {len(bad) - 5:,} more" if len(bad) > 5 else ""
    return [Paragraph(f"{text} Not measured: {'; '.join(reasons)}{more}.", True)]
