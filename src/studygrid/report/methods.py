"""The section of methods: how the numbers were made, and why so."""

from __future__ import annotations

import pandas as pd

from studygrid.report.blocks import Block, Heading, Paragraph, Points, Section
from studygrid.report.numbers import counted, listed
from studygrid.report.question import data_records, flat, setting
from studygrid.results.study_results import StudyResults
from studygrid.tables.contents import Table

STATISTICS = (
    "A cell is summed up by the mean over its seeds and the 95 % interval of Student's t. It keeps "
    "its coverage at two seeds where scores are about normal; a percentile bootstrap of three "
    "values holds the true mean in about 73 % of cases in place of 95 %, so none is used.",
    "Student's interval knows no bounds: of few runs that differ much it can leave the range that "
    "a metric can take.",
    "Two cells are compared pair by pair: runs of one seed share their training subset and their "
    "test split, so the difference of each pair is free of what both share. Its mean has a "
    "Student-t interval and a two-sided paired t test.",
    "Comparisons of all cells with the best are corrected together by Holm's step-down procedure, "
    "so that the chance of one false “told apart” among them is at most 5 %.",
    "Beside the t test stands the exact sign-flip test, which does not assume that differences are "
    "normal. With n pairs it cannot give less than 2^(1-n): 0.25 with three, 0.0625 with five, "
    "0.031 with six.",
    "Failed and missing runs are counted and have no score: no value is put in for them. Times of "
    "different devices are never averaged or compared.",
    "Numbers have as many decimals as give half their interval two significant digits. Without an "
    "interval they have three significant digits in sentences and four in tables.",
)


def methods(study: StudyResults) -> Section:
    """Return statistics, metrics, training, subsets and profiling as they were done."""
    blocks: list[Block] = [
        Heading("Statistics"),
        Points(STATISTICS),
        Heading("Metrics"),
        Paragraph("Each is pooled over the whole test split, never averaged over batches."),
        metrics_table(study),
        Heading("Training"),
        Points(tuple(_training(study))),
        shared_settings(study),
        Heading("Cost of inference"),
        Points(tuple(_profiling(study))),
    ]
    return Section("methods", "Methods", tuple(blocks))


def metrics_table(study: StudyResults) -> Table:
    """Return what each metric of the family is."""
    rows = [
        {
            "metric": f"{metric.label} ({metric.name})",
            "better": "higher" if metric.higher_is_better else "lower",
            "unit": metric.unit or "none",
            "definition": metric.definition,
            "source": metric.source,
            "undefined": metric.undefined,
        }
        for metric in study.family.metrics
    ]
    headings = {
        "metric": "Metric",
        "better": "Better",
        "unit": "Unit",
        "definition": "Definition",
        "source": "Source",
        "undefined": "Where undefined",
    }
    note = f"The study is about {study.metric.label}."
    frame = pd.DataFrame(rows, dtype=object)
    return Table("metrics", "Definitions of the metrics", note, frame, tuple(headings), headings)


def _training(study: StudyResults) -> list[str]:
    monitors = dict.fromkeys(model.training.monitor for model in study.plan.models.values())
    rule = f"best validation {listed(list(monitors))}"
    return [
        f"Scores are of the weights with the {rule}; the test split takes no part in choosing "
        "them.",
        _subsets(study),
        "One seed a run is spawned into streams of their own for initialisation, data order, "
        "augmentation and subset, so that a change of one leaves the draws of the others.",
    ]


def _subsets(study: StudyResults) -> str:
    if any(record.sequential for record in data_records(study)[0].values()):
        return (
            "Training subsets are the first samples of the training split, in its order, for every "
            "seed: none is drawn, and each smaller one is the beginning of the larger ones."
        )
    stratum = study.family.stratum
    drawn = f"stratified by {stratum}" if stratum else "not stratified"
    return (
        "Training subsets are drawn from the training split alone, nested (for one seed each "
        f"smaller subset lies within the larger ones) and {drawn}."
    )


def shared_settings(study: StudyResults) -> Table:
    """Return the settings that all models have in common."""
    resolved = study.plan.resolved()["models"]
    models = [flat(resolved[name]) for name in study.order["model"]]
    shared = {
        key: value
        for key, value in models[0].items()
        if value is not None and all(repr(own.get(key)) == repr(value) for own in models)
    }
    rows = [{"setting": key, "value": setting(value)} for key, value in shared.items()]
    frame = pd.DataFrame(rows, columns=["setting", "value"], dtype=object)
    note = "Settings that all models share; those in which they differ stand with the question."
    headings = {"setting": "Setting", "value": "Value"}
    return Table("settings", "Shared settings", note, frame, tuple(headings), headings)


def _profiling(study: StudyResults) -> list[str]:
    profiling = study.plan.study.profiling
    if not study.plan.profiled:
        return ["Inference was not profiled."]
    batches = listed([str(size) for size in profiling.batch_sizes])
    points = [
        f"Each model is timed at each resolution with made-up input in batches of {batches}, on "
        f"{counted(profiling.threads, 'CPU thread')}, precision {profiling.precision}. Weights do "
        "not change the cost, so it is measured once for all seeds and sizes.",
        "Passes are run until their times settle (the median of a window within 5 % of that of "
        f"the window before; {profiling.warmup_sec:g} s at most), then timed for "
        f"{profiling.measure_sec:g} s and at least {profiling.min_repeats} times. The time given "
        "is the median, its spread the interquartile range. Times a sample are shares of a batch.",
        "No other job of the study runs while one is timed; whether the machine was otherwise "
        "idle stands in the runs table (profile_ran_alone).",
        "FLOPs count a multiplication and an addition as two.",
    ]
    alone = study.frame["profile_ran_alone"].dropna()
    if len(alone) and not alone.astype(bool).all():
        models = study.frame.loc[study.frame["profile_ran_alone"].eq(False), "model"]
        names = listed(list(dict.fromkeys(models)))
        points.append(f"Warning: the machine was busy while these were timed: {names}.")
    return points
