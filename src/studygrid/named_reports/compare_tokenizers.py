"""The report compare_tokenizers: what a discrete latent costs, and what it saves."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from studygrid.named_reports.figures.cell_numbers import along_words
from studygrid.named_reports.figures.cells import cells_of, common_words
from studygrid.named_reports.figures.inference import INFERENCE_FIGURES
from studygrid.named_reports.figures.measures import error_of, left_out_words, values_of
from studygrid.named_reports.figures.pareto_error_vs_compression import pareto_error_vs_compression
from studygrid.named_reports.figures.ranking import HEADINGS, answer_words, ranking_of
from studygrid.named_reports.figures.throughput_vs_best_val import throughput_vs_best_val
from studygrid.named_reports.figures.time_to_threshold import time_to_threshold
from studygrid.named_reports.figures.val_mse_vs_time import val_mse_vs_time
from studygrid.named_reports.figures.vq_perplexity_boxplot import vq_perplexity_boxplot
from studygrid.named_reports.inputs import NamedReport, ReportInputs
from studygrid.named_reports.table import table
from studygrid.report.blocks import Block, Figure, Paragraph, Points, Section

# What another value of makes another task, or another training set.
_BY = ("resolution", "n_train")


def sections(inputs: ReportInputs) -> Iterator[Section]:
    """Write which tokenizer loses how much, and what it saves."""
    yield Section("answer", "Which tokenizer loses how much", tuple(_answer(inputs)))
    yield Section("saved", "What it saves", (Figure("pareto_error_vs_compression"),))
    yield Section("codes", "How the codes are used", (Figure("vq_perplexity_boxplot"),))
    names = ("val_mse_vs_time", "time_to_threshold", "throughput_vs_best_val")
    yield Section("time", "How long it takes", tuple(map(Figure, names)))
    if inputs.inference is not None:
        yield Section(
            "inference", "Scored again", (_scored(inputs), *map(Figure, INFERENCE_FIGURES))
        )


def _answer(inputs: ReportInputs) -> Iterator[Block]:
    measure = error_of(inputs)
    cells = cells_of(inputs.runs_df)
    by = (*_BY, "globals_weight") if measure.caution else _BY
    ranking = ranking_of(cells, values_of(inputs, measure), by=by)
    yield Points(tuple(answer_words(ranking, measure.label)))
    if measure.caution:
        yield Paragraph(measure.caution, warning=True)
    for words in (along_words(cells), left_out_words(inputs)):
        if words:
            yield Paragraph(words, warning=True)
    yield _table(ranking, measure.label, common_words(cells))


def _table(ranking: pd.DataFrame, what: str, shared: str) -> Block:
    note = (
        f"One row a cell: runs that differ in nothing but their seed. {what} of the kept epoch, "
        "lower is better; the best is chosen by these same numbers, which flatters it."
    )
    has_tasks = bool((ranking["task"] != "").any())
    columns = [name for name in map(str, ranking) if name != "task" or has_tasks]
    return table(
        ranking[columns],
        title="Cells by error",
        note=f"{note} All runs: {shared}." if shared else note,
        columns=columns,
        headings=HEADINGS,
        name="cells",
    )


def _scored(inputs: ReportInputs) -> Paragraph:
    assert inputs.inference is not None
    counts = inputs.inference.frame["status"].value_counts(sort=False)
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    split = inputs.inference.split or "several splits"
    return Paragraph(f"The kept weights of {len(inputs.inference.frame)} runs, on {split}: {said}.")


REPORT = NamedReport(
    title="Tokenizers compared",
    description="Autoencoders with and without a tokenizer: error, compression, codes and time.",
    figures={
        "val_mse_vs_time": val_mse_vs_time,
        "pareto_error_vs_compression": pareto_error_vs_compression,
        "vq_perplexity_boxplot": vq_perplexity_boxplot,
        "throughput_vs_best_val": throughput_vs_best_val,
        "time_to_threshold": time_to_threshold,
    },
    inference_figures=INFERENCE_FIGURES,
    sections=sections,
)
