"""How the anomaly score of the background changes when its events are corrupted: no signal."""

from __future__ import annotations

from studygrid.figures.drawing import Drawing
from studygrid.figures.score_panels import draw_histograms
from studygrid.figures.signal_numbers import corruption_words
from studygrid.results.study_results import StudyResults


def corrupted_background(study: StudyResults) -> Drawing:
    """Draw the distributions of the anomaly score of the background and of itself corrupted.

    It is for families whose evaluations keep the table ``score_histogram`` and the fact
    ``corrupted``. A panel is the first seed of a model, at the largest resolution and training-set
    size that most share; of more than six models, the references (models that are only fitted), and
    of the others the best, the worst and those evenly between by their mean AUROC.

    Returns
    -------
    A drawing whose table has one row a bin: `model`, `resolution`, `n_train`, `seed`, `kind`
        (``background`` or the corruption), `score_low`, `score_high`, the `share` of these events
        in the bin, the `density` (share over width), and the `auroc` of the corruption in that run.
    """
    return draw_histograms(
        study,
        title=f"{study.name}: background against itself, corrupted (no signal)",
        start="The same background events, corrupted: it says what the score reacts to, and "
        "nothing of signals.",
        words=corruption_words,
        missing="No run there keeps the scores of corrupted background.",
        corrupted=True,
    )
