"""Which few models to look at closely: the best one, and those that differ from it most."""

from __future__ import annotations

from studygrid.figures.largest_place import Place, cells_of
from studygrid.results.one_setting import fitted_models
from studygrid.results.study_results import StudyResults

BEST_BY, APART_BY = "elbo", "kl"


def contrasting_models(study: StudyResults, place: Place, most: int) -> list[str]:
    """Return the model of the best mean ELBO, and those whose mean rates lie farthest apart.

    After the best one, each is the model whose rate (mean KL) is farthest from those of the ones
    before; of equal ones the first in the order of the config. Models that are fitted at once are
    taken only where there are no others.
    """
    elbos = _means(study, place, BEST_BY)
    rates = _means(study, place, APART_BY)
    known = [model for model in elbos if model in rates]
    fitted = fitted_models(study.plan)
    trained = [model for model in known if model not in fitted]
    left = trained or known
    if not left:
        return []
    found = [max(left, key=elbos.__getitem__)]
    while len(found) < min(most, len(left)):
        distances = {
            model: min(abs(rates[model] - rates[other]) for other in found)
            for model in left
            if model not in found
        }
        found.append(max(distances, key=distances.__getitem__))
    return found


def contrast_words(models: int) -> str:
    """Return how the models were chosen."""
    if models < 2:
        return "The model is the one of the best mean ELBO, as chosen by these same test rows."
    others = "the other one has the rate (mean KL) farthest from its own"
    if models > 2:
        others = "the others have rates (mean KL) as far as possible from it and from each other"
    return f"The first model is the one of the best mean ELBO on these test rows, {others}."


def _means(study: StudyResults, place: Place, metric: str) -> dict[str, float]:
    cells = cells_of(study, place, metric)
    return dict(zip(cells["model"].tolist(), cells["mean"].tolist(), strict=True))
