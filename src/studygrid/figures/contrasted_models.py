"""Which models of a study of event tokenizers are drawn where there is no room for all."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from studygrid.figures.panels import evenly
from studygrid.results.one_setting import fitted_models
from studygrid.results.study_results import StudyResults

WORDS = (
    "the references, which are only fitted, and of the others the best, the worst and those evenly "
    "between by their mean AUROC"
)


def contrasted(
    study: StudyResults, models: Sequence[str], runs: pd.DataFrame, most: int
) -> list[str]:
    """Return at most `most` models, in the order of the config: `WORDS` says which.

    Parameters
    ----------
    models
        Those that can be drawn.
    runs
        Of `signal_numbers.signal_runs`.
    """
    ordered = [model for model in study.order["model"] if model in models]
    if len(ordered) <= most:
        return ordered
    fitted = set(fitted_models(study.plan))
    references = [model for model in ordered if model in fitted][: most // 2]
    others = [model for model in ordered if model not in fitted]
    means = runs.groupby("model")["auroc"].mean()
    # Ranked, those evenly spread are the best, the worst, and some between.
    known = [model for model in others if model in means.index]
    ranked = sorted(known, key=means.to_dict().__getitem__)
    picked = evenly(ranked or others, most - len(references))
    return [model for model in ordered if model in {*references, *picked}]
