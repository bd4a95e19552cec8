"""Which cells a figure shows where it cannot show all, and the words for them."""

from __future__ import annotations

import math

import pandas as pd

from studygrid.losses import why_not_comparable
from studygrid.results.not_said import NOT_SAID, resolution_in_sentence
from studygrid.results.study_results import StudyResults

DOTS_BELOW = 10  # from so many seeds on, a dot a seed hides more than it shows
_STATUSES = {"ok": "ok", "diverged": "diverged", "oom": "ran out of memory", "missing": "missing"}
_NAME_CHARACTERS = 24


def metric_cells(study: StudyResults) -> pd.DataFrame:
    """Return the cells of the study's metric.

    Returns
    -------
    One row a cell, in axis order: the columns of `StudyResults.summary`, the size `n_train` as
        text, and `samples`, how many that is (NaN where no run of the size tells).
    """
    cells = study.summary.loc[study.summary["metric"] == f"test_{study.metric.name}"]
    counts = {
        resolution: sample_counts(study.frame, resolution)
        for resolution in dict.fromkeys(cells["resolution"])
    }
    places = zip(cells["resolution"], cells["n_train"], strict=True)
    samples = [counts[resolution][size] for resolution, size in places]
    return cells.reset_index(drop=True).assign(samples=samples)


def metric_runs(study: StudyResults) -> pd.DataFrame:
    """Return all runs with the study's metric as `value`, NaN where a run has none."""
    frame = study.frame[["model", "resolution", "n_train", "seed", "status"]].copy()
    frame["value"] = study.frame[f"test_{study.metric.name}"].astype(float)
    return frame


def sample_counts(frame: pd.DataFrame, resolution: int) -> dict[str, float]:
    """Return how many samples each size is at a resolution; NaN for ``all`` if no run tells."""
    frame = frame.loc[frame["resolution"] == resolution]
    known = pd.to_numeric(frame["train_samples"]).groupby(frame["n_train"]).max()
    written = pd.to_numeric(known.index.to_series(), errors="coerce")
    return {str(size): float(count) for size, count in known.fillna(written).items()}


def largest_shared_size(cells: pd.DataFrame) -> str:
    """Return the largest training-set size that every model with a result has a result at.

    Where there is none, it is the largest of those that most models share. `cells` is of
    `metric_cells` and has a result at least.
    """
    results = cells.loc[cells["n"] > 0]
    models = results.groupby("n_train")["model"].nunique()
    shared = results.loc[results["n_train"].isin(models.index[models == models.max()])]
    return str(
        shared.sort_values("samples", kind="stable", na_position="first")["n_train"].iloc[-1]
    )


def best_cells(study: StudyResults) -> pd.DataFrame:
    """Return the cell of each model whose mean over its seeds is best, the best model first.

    The columns are those of `metric_cells`; models without a result are not there, and of equal
    means the first in the order of the config counts. Where resolutions are different tasks, it is
    a model's best cell at the largest resolution that it has a result at. Where the metric is not
    comparable between models, these stand in the order of the config.
    """
    cells = metric_cells(study)
    best = in_order_of_rank(study, cells.loc[cells["n"] > 0]).drop_duplicates("model")
    if why_not_ranked(study):
        best = best.sort_index()
    return best.reset_index(drop=True)


def in_order_of_rank(study: StudyResults, cells: pd.DataFrame) -> pd.DataFrame:
    """Return cells with the best first, by `mean`; the largest resolution first if it is a task."""
    ascending = not study.metric.higher_is_better
    found = cells.sort_values("mean", ascending=ascending, kind="stable")
    if study.tasks_differ:
        found = found.sort_values("resolution", ascending=False, kind="stable")
    return found


def why_not_ranked(study: StudyResults) -> str | None:
    """Return why the study's models are not ranked by its metric, as a sentence, or None."""
    return why_not_comparable(study.plan, study.metric)


def first_words(study: StudyResults) -> str:
    """Return which models are drawn where there is no room for all."""
    return "that come first in the config" if why_not_ranked(study) else "with the best cells"


def runs_of(runs: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that belong to one of the cells."""
    axes = ["model", "resolution", "n_train"]
    return runs.merge(cells[axes].drop_duplicates(), on=axes, how="inner")


def size_words(size: str, samples: float) -> str:
    """Return a training-set size in words: ``64 samples``, ``all 1599 samples``."""
    if size == NOT_SAID:
        return "an unknown number of samples"
    if size != "all":
        return f"{size} samples"
    return "all samples" if pd.isna(samples) else f"all {samples:.0f} samples"


def shared_size_words(size: str, cells: pd.DataFrame) -> str:
    """Return the training-set size of cells in words; ``all`` may differ between resolutions."""
    counts = set(cells["samples"].dropna())
    return size_words(size, counts.pop() if len(counts) == 1 else math.nan)


def resolution_words(study: StudyResults, resolution: float) -> str:
    """Return a resolution with its unit."""
    family = study.family
    return resolution_in_sentence(resolution, family.resolution_unit, family.resolution_label)


def short(name: str, most: int = _NAME_CHARACTERS) -> str:
    """Return a name on one line, cut in its middle where it is too long."""
    name = " ".join(name.split())
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}…{name[len(name) - end :]}"


def metric_words(study: StudyResults) -> str:
    """Return the test metric as the label of an axis."""
    metric = study.metric
    return f"{metric.label} ({study.split}{', ' + metric.unit if metric.unit else ''})"


def better_words(study: StudyResults) -> str:
    """Return which way is better, or why neither is."""
    reason = why_not_ranked(study)
    if reason:
        return reason
    better = f"{'Higher' if study.metric.higher_is_better else 'Lower'} is better."
    return f"{better} {study.tasks_differ}" if study.tasks_differ else better


def mean_words(counts: pd.Series[int], dots: bool) -> str:
    """Return what marks, bars and dots are, from how many runs the cells have."""
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "Marks are single runs: 1 seed a cell, so there is no interval."
    seeds = f"{low} to {high}" if low < high else f"{low}"
    drawn = ", dots the runs" if dots else ""
    return (
        f"Marks are means over n = {seeds} seeds{drawn}, "
        "vertical bars the 95 % Student-t intervals of the means."
    )


def run_words(runs: pd.DataFrame, where: str) -> str:
    """Return what became of planned runs.

    Parameters
    ----------
    runs
        Their `status`, and `value` where runs without one are counted too.
    where
        Which they are: ``of the study``.
    """
    counts = runs["status"].value_counts(sort=False)
    known = [status for status in _STATUSES if status in counts.index]
    others = sorted(str(status) for status in counts.index if status not in _STATUSES)
    parts = [
        f"{counts[status]} {status_words(status)}"
        for status in dict.fromkeys(["ok", *known, *others])
        if status in counts.index
    ]
    without = int((runs["value"].isna() & (runs["status"] == "ok")).sum()) if "value" in runs else 0
    if without:
        parts.append(f"{without} of the ok ones without a value")
    planned = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return f"Of the {planned} planned {where}: {', '.join(parts)}."


def status_words(status: str) -> str:
    """Return a status as a word of a sentence."""
    return _STATUSES.get(status, status)


def shown_range(
    values: pd.Series[float], lows: pd.Series[float], highs: pd.Series[float]
) -> tuple[float, float, bool]:
    """Return the limits of an axis, and whether an interval leaves them.

    An interval of two seeds can be ten times as long as the spread of all models: it must not
    press what was measured into a line.
    """
    low, high = float(values.min()), float(values.max())
    span = (high - low) or 0.1 * abs(high) or 0.1
    reach = pd.concat([values, lows.clip(lower=low - span), highs.clip(upper=high + span)])
    bottom, top = float(reach.min()), float(reach.max())
    margin = 0.06 * (top - bottom or span)
    cut = bool(lows.min() < bottom - margin or highs.max() > top + margin)
    return bottom - margin, top + margin, cut
