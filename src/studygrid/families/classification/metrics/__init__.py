"""Metrics of classification: what each is. Their code stands one a module beside this."""

from __future__ import annotations

from collections.abc import Sequence

from studygrid.families.base import Metric

_HERE = "studygrid.families.classification.metrics"


def _majority(shares: Sequence[float]) -> float:
    return max(shares)


def _one_in_k(shares: Sequence[float]) -> float:
    return 1 / len(shares)


def _half(shares: Sequence[float]) -> float:
    return 0.5


METRICS = (
    Metric(
        name="loss",
        label="Loss",
        higher_is_better=False,
        unit="nats",
        definition="Mean cross-entropy of the true class, without label smoothing or weights.",
        source="scikit-learn log_loss",
        undefined="never",
        compute=f"{_HERE}.cross_entropy:cross_entropy",
        of_loss=True,
    ),
    Metric(
        name="accuracy",
        label="Accuracy",
        higher_is_better=True,
        unit="",
        definition="Share of samples whose most probable class is the true one.",
        source="scikit-learn accuracy_score",
        undefined="never",
        compute=f"{_HERE}.accuracy:accuracy",
        chance=_majority,
        bounds=(0, 1),
    ),
    Metric(
        name="balanced_accuracy",
        label="Balanced accuracy",
        higher_is_better=True,
        unit="",
        definition="Mean over the classes present of the share of their samples found.",
        source="scikit-learn balanced_accuracy_score",
        undefined="never; a class without samples does not count",
        compute=f"{_HERE}.balanced_accuracy:balanced_accuracy",
        chance=_one_in_k,
        bounds=(0, 1),
    ),
    Metric(
        name="precision",
        label="Precision (macro)",
        higher_is_better=True,
        unit="",
        definition="Mean over the classes of the share of predictions of a class that are right.",
        source="scikit-learn precision_score(average='macro', zero_division=0)",
        undefined="0 for a class that is never predicted",
        compute=f"{_HERE}.precision_recall:precision",
        bounds=(0, 1),
    ),
    Metric(
        name="recall",
        label="Recall (macro)",
        higher_is_better=True,
        unit="",
        definition="Mean over the classes of the share of a class's samples found.",
        source="scikit-learn recall_score(average='macro', zero_division=0)",
        undefined="0 for a class without samples",
        compute=f"{_HERE}.precision_recall:recall",
        bounds=(0, 1),
    ),
    Metric(
        name="f1",
        label="F1 (macro)",
        higher_is_better=True,
        unit="",
        definition="Mean over the classes of the harmonic mean of precision and recall.",
        source="scikit-learn f1_score(average='macro', zero_division=0)",
        undefined="0 for a class neither present nor predicted",
        compute=f"{_HERE}.precision_recall:f1",
        bounds=(0, 1),
    ),
    Metric(
        name="auroc",
        label="AUROC",
        higher_is_better=True,
        unit="",
        definition="Area under the ROC curve; with more than two classes the mean over the "
        "classes of one against the rest.",
        source="scikit-learn roc_auc_score(multi_class='ovr', average='macro')",
        undefined="null where the split lacks a class",
        compute=f"{_HERE}.auroc:auroc",
        chance=_half,
        bounds=(0, 1),
    ),
    Metric(
        name="ece",
        label="Expected calibration error",
        higher_is_better=False,
        unit="",
        definition="Mean gap between confidence and accuracy over 15 equal bins of the "
        "confidence in the predicted class, weighted by their samples.",
        source="Guo et al., On calibration of modern neural networks, ICML 2017, eq. 3",
        undefined="never",
        compute=f"{_HERE}.calibration:expected_calibration_error",
        bounds=(0, 1),
    ),
)
