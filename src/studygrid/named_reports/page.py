"""The page of a report: its sections with their figures, its runs, and what it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from studygrid.errors import StudygridError
from studygrid.named_reports.drawn import PREFIX, Failed
from studygrid.named_reports.inputs import NamedReport, ReportInputs
from studygrid.named_reports.table import table
from studygrid.report.blocks import Block, Definitions, Drawn, Figure, Heading, Paragraph, Section
from studygrid.report.drawn import DrawnFiles, NotDrawn
from studygrid.report.page import Head, page_of
from studygrid.report.sections import with_own_ids

SECTIONS = "sections"
_MAIN = (
    "encoder",
    "tokenizer",
    "model",
    "latent_dim",
    "seed",
    "epochs",
    "best_epoch",
    "loss.total_best",
    "total_time_s",
    "throughput_mean",
    "metric_perplex_final",
)
_HEADINGS = {
    "run_dir": "Run",
    "encoder": "Encoder",
    "tokenizer": "Tokenizer",
    "model": "Model",
    "latent_dim": "Latent size",
    "seed": "Seed",
    "epochs": "Epochs",
    "best_epoch": "Best epoch",
    "loss.total_best": "Best validation loss",
    "total_time_s": "Training time (s)",
    "throughput_mean": "Training throughput (samples/s)",
    "metric_perplex_final": "Final perplexity",
    "reason": "Reason",
}


def written_sections(
    report: NamedReport, inputs: ReportInputs
) -> tuple[list[Section], list[Failed]]:
    """Return the sections that a report writes, or why its function failed."""
    if report.sections is None:
        return [], []
    try:
        sections = list(report.sections(inputs))
        _check(report, sections)
    except OSError:
        raise
    except Exception as error:  # a user's own function may raise anything
        return [], [Failed.by(SECTIONS, error)]
    return sections, []


def _check(report: NamedReport, sections: Sequence[object]) -> None:
    for section in sections:
        if not isinstance(section, Section):
            raise StudygridError(f"they should be Sections; one is a {type(section).__name__}")
        for block in section.blocks:
            if isinstance(block, Figure) and block.name not in report.figure_names:
                known = ", ".join(report.figure_names)
                raise StudygridError(
                    f"the section {section.title!r} places the figure {block.name!r}, and the "
                    f"report has no such figure (it has {known})"
                )


def report_page(
    report_id: str,
    inputs: ReportInputs,
    phases: Mapping[str, tuple[Path, Sequence[str]]],
    sections: Sequence[Section],
    failed: Sequence[Failed],
    made: Sequence[tuple[str, str]],
) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    phases
        ``training`` and, where it is on, ``inference``: the folder of their figures, and the
        names of those that were chosen.
    failed
        Figures and sections whose functions failed.
    made
        What the report was made from, as terms and what they are.
    """
    figures = _drawn(phases, failed)
    placed = [_placed(section, figures) for section in sections]
    here = {
        block.name for section in sections for block in section.blocks if isinstance(block, Figure)
    }
    for phase, (_, names) in phases.items():
        rest = [Figure(name) for name in names if name not in here]
        if rest:
            title = f"Figures of the {phase} phase"
            placed.append(_placed(Section(f"{phase}-figures", title, tuple(rest)), figures))
    for failure in failed:
        if failure.name == SECTIONS:
            note = f"The report's sections could not be written: {failure.reason}."
            placed.insert(0, Section("not-written", "Not written", (Paragraph(note, True),)))
    provenance = Section("provenance", "How it was made", (Definitions(tuple(made)),))
    everything = with_own_ids([*placed, _runs(inputs), provenance])
    kind = f"Report {inputs.name}"
    head = Head(inputs.title, kind, kind, _facts(report_id, inputs), "files of the runs below")
    return page_of(head, everything)


def _drawn(
    phases: Mapping[str, tuple[Path, Sequence[str]]], failed: Sequence[Failed]
) -> dict[str, Drawn | NotDrawn]:
    why = {failure.name: failure.reason for failure in failed}
    found: dict[str, Drawn | NotDrawn] = {}
    for phase, (folder, names) in phases.items():
        files = DrawnFiles(folder, tuple(names), f"{phase}/figures")
        for name in names:
            if name in why:
                plain = name.replace("_", " ").capitalize()
                found[name] = NotDrawn(name, plain, why[name])
            else:
                found[name] = replace(files.read(f"{PREFIX}{name}"), name=name)
    return found


def _placed(section: Section, figures: Mapping[str, Drawn | NotDrawn]) -> Section:
    """Return a section with its figures; those not drawn are said at its end, with the reason."""
    blocks: list[Block] = []
    lacking: list[tuple[str, str]] = []
    for block in section.blocks:
        if not isinstance(block, Figure):
            blocks.append(block)
            continue
        found = figures.get(block.name)
        if isinstance(found, Drawn):
            blocks.append(found)
        elif found is not None:
            lacking.append((f"{found.title} ({found.name})", found.reason))
    if lacking:
        blocks += [Heading("Not drawn"), Definitions(tuple(lacking))]
    return replace(section, blocks=tuple(blocks))


def _facts(report_id: str, inputs: ReportInputs) -> tuple[tuple[str, str], ...]:
    facts = [("Runs", f"{len(inputs.runs_df):,}")]
    if inputs.incomplete:
        facts.append(("Incomplete runs", f"{len(inputs.incomplete):,}"))
    scored = inputs.config.inference.dataset_split if inputs.inference is not None else "off"
    return (*facts, ("Inference", scored), ("Report", report_id))


def _runs(inputs: ReportInputs) -> Section:
    frame = inputs.runs_df
    main = [name for name in _MAIN if name in frame and frame[name].notna().any()]
    note = "One row a run that has ended. Every column of every run is in training/summary.csv."
    blocks: list[Block] = [
        table(
            frame,
            title="Complete runs",
            note=note,
            columns=main,
            headings=_HEADINGS,
            name="runs-read",
        )
    ]
    if inputs.incomplete:
        left_out = pd.DataFrame(list(inputs.incomplete), columns=["run_dir", "reason"])
        note = "Runs that were found and are in no number of this report."
        blocks.append(
            table(left_out, title="Left out", note=note, headings=_HEADINGS, name="runs-left-out")
        )
    return Section("runs", "Runs", tuple(blocks))


def words_of(value: object) -> str:
    """Return a value of the config in words."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {words_of(item)}" for key, item in value.items()) or "none"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(words_of(item) for item in value) or "none"
    return {True: "yes", False: "no", None: "none"}.get(value, str(value))  # type: ignore[call-overload,no-any-return]
