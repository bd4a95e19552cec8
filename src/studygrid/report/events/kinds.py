"""Which models have seen signals, and which are only fitted."""

from __future__ import annotations

from studygrid.results.study_results import StudyResults

FOREST, SUPERVISED = "isolation_forest", "supervised"


def models_of(study: StudyResults, architecture: str) -> list[str]:
    """Return the models of an architecture, in the order of the config."""
    models = study.plan.models
    return [name for name in study.order["model"] if models[name].architecture.name == architecture]
