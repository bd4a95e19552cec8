"""The sections of a collected study in place of those that rest on records and a config."""

from __future__ import annotations

from studygrid.report import methods as ours
from studygrid.report import provenance as records
from studygrid.report.blocks import Block, Definitions, Heading, Paragraph, Points, Section
from studygrid.report.numbers import listed
from studygrid.report.question import asked, grid_words, models_table
from studygrid.results.collected import split_words
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table

_PAIRED_BY_NAME = (
    "Two cells are compared pair by pair, by the seed that the files name; whether such runs share "
    "their training subset and their data, only files of studygrid say. A run without a seed is "
    "paired with none. The mean difference has a Student-t interval and a two-sided paired t test."
)


def question(study: StudyResults) -> Section:
    """Return what the runs are of, as far as their files say it."""
    assert study.collected
    terms = [*grid_words(study), ("Dataset", study.plan.dataset.name)]
    if not study.collected.is_ours:
        scored = ("Scored by", f"{study.metric.label}, as the files have it (see Methods)")
        terms = [scored if term == "Scored by" else (term, text) for term, text in terms]
    blocks: list[Block] = [
        Paragraph(asked(study)),
        Definitions(tuple(terms)),
        models_table(study),
    ]
    return Section("question", "The question", tuple(blocks))


def methods(study: StudyResults) -> Section:
    """Return how the tables were made, and what is not known of how the scores were."""
    blocks: list[Block] = [
        Heading("Statistics"),
        Points(tuple(_statistics())),
        Heading("Metrics"),
        Paragraph(_defined(study)),
        *_metrics(study),
        Heading("Training"),
        Points((*_training(study), *split_words(study.split))),
        ours.shared_settings(study),
        Heading("Cost of inference"),
        Paragraph(_profiling(study)),
    ]
    return Section("methods", "Methods", tuple(blocks))


def provenance(study: StudyResults) -> Section | None:
    """Return what the records of those runs say that have some; None where none has."""
    facts = list(study.facts.values())
    if not facts:
        return None
    note = (
        f"Of the {len(facts):,} runs with records of studygrid; the other layouts do not record "
        "code, data and machine as these do."
    )
    blocks: list[Block] = [Paragraph(note)]
    blocks += [Paragraph(text, warning=True) for text in records.warnings(study, facts)]
    return Section("provenance", "Provenance", (*blocks, records.environments(facts)))


def _statistics() -> list[str]:
    paired = "Two cells are compared pair by pair"
    return [_PAIRED_BY_NAME if text.startswith(paired) else text for text in ours.STATISTICS]


def _defined(study: StudyResults) -> str:
    assert study.collected
    if study.collected.is_ours:
        return "Each is pooled over the whole split, never averaged over batches."
    return (
        "The files name these metrics and do not say how they were computed. The definitions are "
        "those of studygrid; another program may average over batches, or count otherwise."
    )


def _metrics(study: StudyResults) -> list[Block]:
    table = ours.metrics_table(study)
    there = [
        bool(study.frame[f"test_{metric.name}"].notna().any()) for metric in study.family.metrics
    ]
    frame = table.frame.loc[there].reset_index(drop=True)
    note = f"{table.note} Metrics that no file has are left out."
    return [Table(table.name, table.title, note, frame, table.main, table.headings)]


def _training(study: StudyResults) -> list[str]:
    assert study.collected
    layouts = listed(sorted({source.layout for source in study.collected.sources.values()}))
    if study.collected.is_ours:
        return ["Scores are of the weights with the best monitored validation score."]
    return [
        f"Which weights were scored, how subsets were drawn and what was seeded is not recorded by "
        f"{layouts}, unless the settings below say it."
    ]


def _profiling(study: StudyResults) -> str:
    if study.plan.profiled:
        return (
            "Times and memory are as the files have them; how they were measured is not recorded "
            "but for the device and the size of the batches."
        )
    return (
        "No file says on which device and in which batches inference was timed. What numbers there "
        "are of it stand in the runs table, and are not compared."
    )
