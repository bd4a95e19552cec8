"""Event tokenizers: autoencoders of collision events. The declaration, cheap to import."""

from studygrid.families.base import Family
from studygrid.families.events.datasets import DATASETS
from studygrid.families.events.metrics import METRICS
from studygrid.families.events.models import architecture_names, find_architecture
from studygrid.families.events.options import AugmentationOptions, LossOptions

_FIGURES = "studygrid.figures"
_FINDINGS = "studygrid.families.events.findings"

FAMILY = Family(
    name="events",
    title="Event tokenizers",
    resolution_label="Token count",
    resolution_unit="tokens",
    resolution_is_task=True,
    datasets=DATASETS,
    find_architecture=find_architecture,
    architecture_names=architecture_names,
    loss=LossOptions,
    augmentation=AugmentationOptions,
    metrics=METRICS,
    primary_metric="auroc",
    task="studygrid.families.events.task:EventsTask",
    tables={
        "roc": f"{_FINDINGS}:roc",
        "pr": f"{_FINDINGS}:pr",
        "score_histogram": f"{_FINDINGS}:score_histogram",
        "code_shares": f"{_FINDINGS}:code_shares",
    },
    epoch_metrics=("token_mse", "globals_mse", "class_accuracy", "perplexity", "codebook_use"),
    figures={
        "auroc_by_signal": f"{_FIGURES}.auroc_by_signal:auroc_by_signal",
        "roc_curves": f"{_FIGURES}.roc_curves:roc_curves",
        "pr_curves": f"{_FIGURES}.pr_curves:pr_curves",
        "score_histograms": f"{_FIGURES}.score_histograms:score_histograms",
        "compression_error": f"{_FIGURES}.compression_error:compression_error",
        "codebook_use": f"{_FIGURES}.codebook_use:codebook_use",
        "corrupted_background": f"{_FIGURES}.corrupted_background:corrupted_background",
    },
    sections={"anomalies": "studygrid.report.events:anomalies"},
)

__all__ = ["FAMILY"]
