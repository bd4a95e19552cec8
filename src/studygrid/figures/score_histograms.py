"""How the anomaly scores of signals and of the background are distributed."""

from __future__ import annotations

from studygrid.figures import chosen_cells as chosen
from studygrid.figures.drawing import Drawing
from studygrid.figures.frame import nothing_to_draw
from studygrid.figures.largest_place import largest_place, nothing_words
from studygrid.figures.score_numbers import BACKGROUND, histograms
from studygrid.figures.score_panels import TABLE_COLUMNS, draw_histograms
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
    title = f"{study.name}: anomaly scores of background and signals"
    place = largest_place(study)
    if place is None:
        return nothing_to_draw(title, nothing_words(study), TABLE_COLUMNS)
    found = histograms(study, place, corrupted=False)
    if not found:
        runs = chosen.run_words(place.runs, "there")
        reason = f"No run there keeps the distribution of the scores of a signal. {runs}"
        return nothing_to_draw(title, reason, TABLE_COLUMNS)
    kinds = [kind for one in found for kind in one.shares if kind != BACKGROUND]
    return draw_histograms(
        study,
        place,
        found,
        title=title,
        words={kind: signal_words(kind) for kind in kinds},
        start="A signal is told from the background where its line lies beside the grey area.",
    )
