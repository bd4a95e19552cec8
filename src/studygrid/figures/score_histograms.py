"""How the anomaly scores of signals and of the background are distributed."""

from __future__ import annotations

from studygrid.figures.drawing import Drawing
from studygrid.figures.score_panels import draw_histograms
from studygrid.figures.signal_numbers import signal_words
from studygrid.results.study_results import StudyResults


def score_histograms(study: StudyResults) -> Drawing:
    """Draw the distributions of the anomaly score of the background and of each signal.

    It is for families whose evaluations keep the table ``score_histogram`` and the fact
    ``signals``. A panel is the first seed of a model, at the largest resolution and training-set
    size that most share; of more than six models, the references (models that are only fitted), and
    of the others the best, the worst and those evenly between by their mean AUROC.

    Returns
    -------
    A drawing whose table has one row a bin: `model`, `resolution`, `n_train`, `seed`, `kind`
        (``background`` or the signal), `score_low`, `score_high`, the `share` of these events in
        the bin, the `density` (share over width), and the `auroc` of the signal in that run.
    """
    return draw_histograms(
        study,
        title=f"{study.name}: anomaly scores of background and signals",
        start="A signal is told from the background where its line lies beside the grey area.",
        words=signal_words,
        missing="No run there keeps the distribution of the scores of a signal.",
        corrupted=False,
    )
