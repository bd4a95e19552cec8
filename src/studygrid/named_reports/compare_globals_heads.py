"""The report compare_globals_heads: what the weight of the globals does to the tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from studygrid.named_reports.figures.all_curves import all_train_curves, all_val_curves
from studygrid.named_reports.figures.cell_numbers import along_words
from studygrid.named_reports.figures.cells import cells_of, common_words
from studygrid.named_reports.figures.grids import (
    grid_best_rec_globals,
    grid_best_rec_tokens,
    grid_best_val_loss,
)
from studygrid.named_reports.figures.inference import INFERENCE_FIGURES
from studygrid.named_reports.figures.measures import GLOBALS, TOKENS, left_out_words, values_of
from studygrid.named_reports.figures.tradeoff_scatter import tradeoff_scatter
from studygrid.named_reports.figures.weight_effects import HEADINGS, effect_words, weight_effects
from studygrid.named_reports.inputs import NamedReport, ReportInputs
from studygrid.named_reports.table import table
from studygrid.report.blocks import Block, Figure, Paragraph, Points, Section

_GRIDS = ("grid_best_rec_tokens", "grid_best_rec_globals", "grid_best_val_loss")


def sections(inputs: ReportInputs) -> Iterator[Section]:
    """Write what another weight of the globals changes."""
    yield Section("answer", "What the weight of the globals does", tuple(_answer(inputs)))
    yield Section("grids", "Tokenizers by weights", tuple(map(Figure, _GRIDS)))
    curves = ("all_val_curves", "all_train_curves")
    yield Section("curves", "Every curve", tuple(map(Figure, curves)))
    if inputs.inference is not None:
        yield Section("inference", "Scored again", tuple(map(Figure, INFERENCE_FIGURES)))


def _answer(inputs: ReportInputs) -> Iterator[Block]:
    cells = cells_of(inputs.runs_df)
    if "globals_weight" not in cells.told_by:
        shared = common_words(cells)
        said = f" ({shared})" if shared else ""
        yield Paragraph(
            f"All runs have one weight of the globals, or name none{said}: there is no effect of "
            "it to see.",
            warning=True,
        )
    else:
        parts = [
            weight_effects(cells, values_of(inputs, measure)).assign(measure=measure.label)
            for measure in (TOKENS, GLOBALS)
        ]
        effects = pd.concat(parts, ignore_index=True)
        columns = ["measure", *(name for name in map(str, effects) if name != "measure")]
        yield Points(tuple(effect_words(effects)))
        yield table(
            effects[columns],
            title="Each weight against the least above zero",
            note="One row a weight and an error: its mean less that of the reference weight, over "
            "the seeds that both have, all else alike; 95 % Student-t intervals, p of the paired "
            "t test after Holm's correction over this table's rows of one error.",
            columns=columns,
            headings=HEADINGS,
            name="effects",
        )
    yield Figure("tradeoff_scatter")
    for words in (along_words(cells), left_out_words(inputs)):
        if words:
            yield Paragraph(words, warning=True)


REPORT = NamedReport(
    title="Weights of the globals compared",
    description="Autoencoders whose loss weighs the globals differently: tokens against globals.",
    figures={
        "grid_best_val_loss": grid_best_val_loss,
        "grid_best_rec_globals": grid_best_rec_globals,
        "grid_best_rec_tokens": grid_best_rec_tokens,
        "tradeoff_scatter": tradeoff_scatter,
        "all_val_curves": all_val_curves,
        "all_train_curves": all_train_curves,
    },
    inference_figures=INFERENCE_FIGURES,
    sections=sections,
)
