"""Image classification: the declaration of the family, cheap to import."""

from studygrid.families.base import Family
from studygrid.families.classification.datasets import DATASETS
from studygrid.families.classification.metrics import METRICS
from studygrid.families.classification.models import architecture_names, find_architecture
from studygrid.families.classification.options import AugmentationOptions, LossOptions

FAMILY = Family(
    name="classification",
    title="Image classification",
    resolution_label="Image side",
    resolution_unit="px",
    datasets=DATASETS,
    find_architecture=find_architecture,
    architecture_names=architecture_names,
    loss=LossOptions,
    augmentation=AugmentationOptions,
    metrics=METRICS,
    primary_metric="balanced_accuracy",
    task="studygrid.families.classification.task:ClassificationTask",
    epoch_metrics=("accuracy",),
    stratum="labels",
    tables={
        "confusion_matrix": "studygrid.families.classification.metrics.confusion:confusion_matrix",
        "reliability": "studygrid.families.classification.metrics.reliability:reliability",
    },
    figures={
        "confusion_matrices": "studygrid.figures.confusion_matrices:confusion_matrices",
        "calibration": "studygrid.figures.calibration:calibration",
    },
)

__all__ = ["FAMILY"]
