"""The section of the question: the study, its grid, its models and its data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from studygrid.errors import RecordError
from studygrid.records import DataRecord, read_record
from studygrid.report.answers.answer import direction, in_sentence
from studygrid.report.blocks import Block, Definitions, Heading, Paragraph, Section
from studygrid.report.numbers import counted, listed
from studygrid.results.not_said import resolution_words
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table

_NAMED = 3


def question(study: StudyResults) -> Section:
    """Return what the study asks, of which models, on which data."""
    blocks: list[Block] = [
        Paragraph(asked(study)),
        Definitions(tuple(grid_words(study))),
        models_table(study),
        Heading("Data"),
        *_data(study),
    ]
    return Section("question", "The question", tuple(blocks))


def asked(study: StudyResults) -> str:
    """Return the question in a sentence."""
    varied = {
        "model": "the model",
        "resolution": f"the {in_sentence(study.family.resolution_label)}",
        "n_train": "the number of training samples",
    }
    axes = [name for axis, name in varied.items() if len(study.order[axis]) > 1]
    metric = study.metric
    what = f"{in_sentence(metric.label)} on the {study.split} split ({direction(metric)})"
    if not axes:
        return f"{study.family.title}: what {what} one model reaches in one setting."
    return f"{study.family.title}: how {what} depends on {listed(axes)}."


def grid_words(study: StudyResults) -> list[tuple[str, str]]:
    """Return the axes with their values, and what the runs are scored by."""
    order, family = study.order, study.family
    unit = f" ({family.resolution_unit})" if family.resolution_unit else ""
    cells, runs = study.plan.cells, study.plan.runs
    resolutions = [resolution_words(value, "") for value in order["resolution"]]
    full = len(order["model"]) * len(order["resolution"]) * len(order["n_train"])
    part = "" if full == len(cells) else f" of the {full:,} that the values would combine to"
    return [
        ("Models", listed(order["model"], 20)),
        (f"{family.resolution_label}{unit}", listed(resolutions, 20)),
        ("Training samples", listed(order["n_train"], 20)),
        ("Seeds", listed([str(seed) for seed in order["seed"]], 20)),
        ("Grid", f"{counted(len(cells), 'cell')}{part}, {counted(len(runs), 'run')}"),
        ("Scored by", f"{study.metric.label}: {study.metric.definition}"),
    ]


def models_table(study: StudyResults) -> Table:
    """Return the models and the settings in which they differ."""
    resolved = study.plan.resolved()["models"]
    settings = {
        name: _named_loss(study, name) | flat(resolved[name]) for name in study.order["model"]
    }
    keys = list(dict.fromkeys(key for own in settings.values() for key in own))
    differing = [key for key in keys if len({repr(own.get(key)) for own in settings.values()}) > 1]
    columns = list(dict.fromkeys(["architecture", *differing]))
    rows = [
        {"model": name} | {key: setting(own.get(key)) for key in columns}
        for name, own in settings.items()
    ]
    note = "The architecture of each model, and the settings in which the models differ."
    frame = pd.DataFrame(rows, columns=["model", *columns], dtype=object)
    headings = {"model": "Model", **{key: key for key in columns}, "architecture": "Architecture"}
    return Table("models", "Models", note, frame, tuple(map(str, frame)), headings)


def _named_loss(study: StudyResults, model: str) -> dict[str, str]:
    """Return the loss of a model whose architecture names it."""
    loss = study.plan.models[model].architecture.loss
    return {"loss": loss} if loss else {}


def flat(content: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested settings as one level, their keys joined by dots."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found


def setting(value: Any) -> str:
    """Return a setting as the config has it."""
    return "" if value is None else json.dumps(value) if not isinstance(value, str) else value


def data_records(study: StudyResults) -> tuple[dict[int, DataRecord], dict[int, str]]:
    """Return the data record of each resolution, and why those that cannot be used cannot."""
    records, faults = {}, {}
    for resolution in study.order["resolution"]:
        path = study.folder / "data" / f"res{resolution}" / "data.json"
        try:
            records[resolution] = read_record(path, DataRecord)
        except RecordError as error:
            faults[resolution] = str(error).replace(f"{study.folder}/", "")
    return records, faults


def _data(study: StudyResults) -> list[Block]:
    records, faults = data_records(study)
    dataset = study.plan.dataset
    first = next(iter(records.values()), None)
    terms = [("Dataset", dataset.name)]
    if first is None:
        terms += [("Licence", dataset.licence), ("Cite", dataset.citation)]
        reason = "; ".join(faults.values())
        return [Definitions(tuple(terms)), Paragraph(f"No data record can be read: {reason}", True)]
    terms += [("Source", first.spec.source), ("Licence", first.licence), ("Cite", first.citation)]
    terms += [
        (name.replace("_", " ").capitalize(), value)
        for name, value in first.facts.items()
        if isinstance(value, str)
    ]
    blocks: list[Block] = [Definitions(tuple(terms)), _splits(records, study.family.strata)]
    if faults:
        blocks.append(Paragraph(f"Not read: {'; '.join(faults.values())}", True))
    blocks += _duplicates(records)
    return blocks


def _splits(records: Mapping[int, DataRecord], strata: Sequence[str]) -> Table:
    first = next(iter(records.values()))
    classes = list(strata) or first.facts.get("classes")
    counts_of = {resolution: _sizes(record) for resolution, record in records.items()}
    differ = len(set(counts_of.values())) > 1
    rows: list[dict[str, Any]] = []
    listed = records.items() if differ else [(0, first)]
    for resolution, name, split in (
        (resolution, *found) for resolution, record in listed for found in record.splits.items()
    ):
        place = {"resolution": resolution} if differ else {}
        row: dict[str, Any] = {**place, "split": name, "samples": split.count}
        counts = split.class_counts or []
        named = isinstance(classes, list) and len(classes) == len(counts)
        names = (
            map(str, classes) if named and classes else (f"class {i}" for i in range(len(counts)))
        )
        rows.append(row | dict(zip(names, counts, strict=True)))
    kind = "kind" if strata else "class"
    counted_too = any(split.class_counts for split in first.splits.values())
    note = "Samples of each split" + (f", and of each {kind} in it; " if counted_too else "; ")
    note += "they differ between resolutions." if differ else "the same for every run."
    frame = pd.DataFrame(rows)
    headings = {"resolution": "Resolution", "split": "Split", "samples": "Samples"}
    return Table("splits", "Splits", note, frame, tuple(map(str, frame)), headings)


def _sizes(record: DataRecord) -> tuple[int, ...]:
    return tuple(split.count for split in record.splits.values())


def _duplicates(records: Mapping[int, DataRecord]) -> list[Block]:
    blocks: list[Block] = []
    for resolution, record in records.items():
        found = record.duplicates_across_splits
        if found:
            samples = "; ".join(
                f"{' = '.join(one.samples)} ({' and '.join(one.splits)})" for one in found[:_NAMED]
            )
            more = f"; and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
            text = (
                f"At resolution {resolution}, {counted(len(found), 'group')} of samples of the "
                f"same content {'lies' if len(found) == 1 else 'lie'} in different splits, so "
                f"test scores may be too good: {samples}{more}."
            )
            blocks.append(Paragraph(text, True))
    if not blocks:
        text = "No sample has the same content as one of another split."
        blocks.append(Paragraph(text))
    return blocks
