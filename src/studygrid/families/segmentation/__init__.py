"""Segmentation: a class for each pixel. The declaration of the family, cheap to import."""

from studygrid.families.base import Family
from studygrid.families.segmentation.datasets import DATASETS
from studygrid.families.segmentation.memory import MEMORY
from studygrid.families.segmentation.metrics import METRICS
from studygrid.families.segmentation.models import architecture_names, find_architecture
from studygrid.families.segmentation.options import AugmentationOptions, LossOptions

_FIGURES = "studygrid.figures"

FAMILY = Family(
    name="segmentation",
    title="Segmentation",
    resolution_label="Image side",
    resolution_unit="px",
    datasets=DATASETS,
    find_architecture=find_architecture,
    architecture_names=architecture_names,
    loss=LossOptions,
    augmentation=AugmentationOptions,
    metrics=METRICS,
    primary_metric="iou",
    task="studygrid.families.segmentation.task:SegmentationTask",
    needs={
        "skimage": "scikit-image",
        "segmentation_models_pytorch": "segmentation-models-pytorch",
    },
    epoch_metrics=("iou", "f1", "precision", "recall", "dice", "accuracy"),
    stratum="has_foreground",
    strata=("empty", "with foreground"),
    tables={
        "confusion_matrix": "studygrid.families.segmentation.metrics.confusion:confusion_matrix",
    },
    figures={
        "overlays": f"{_FIGURES}.overlays:overlays",
        "precision_recall_curve": f"{_FIGURES}.precision_recall_curves:precision_recall_curve",
        "score_by_width": f"{_FIGURES}.score_by_width:score_by_width",
        "confusion_matrices": f"{_FIGURES}.confusion_matrices:confusion_matrices",
    },
    pixel_memory=MEMORY,
)

__all__ = ["FAMILY"]
