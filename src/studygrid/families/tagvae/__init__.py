"""Tag VAEs: rows of tags, rebuilt and drawn. The declaration of the family, cheap to import."""

from studygrid.families.base import Family
from studygrid.families.tagvae.datasets import DATASETS
from studygrid.families.tagvae.metrics import METRICS
from studygrid.families.tagvae.models import architecture_names, find_architecture
from studygrid.families.tagvae.options import AugmentationOptions, LossOptions

_FINDINGS = "studygrid.families.tagvae.findings"
_FIGURES = "studygrid.figures"

FAMILY = Family(
    name="tagvae",
    title="Tag VAE",
    resolution_label="Vocabulary",
    resolution_unit="tags",
    resolution_is_task=True,
    datasets=DATASETS,
    find_architecture=find_architecture,
    architecture_names=architecture_names,
    loss=LossOptions,
    augmentation=AugmentationOptions,
    metrics=METRICS,
    primary_metric="elbo",
    task="studygrid.families.tagvae.task:TagVaeTask",
    epoch_metrics=("bce", "kl", "hamming_loss", "jaccard_index", "micro_f1"),
    tables={
        "tag_frequency": f"{_FINDINGS}:tag_frequency",
        "tags_per_row": f"{_FINDINGS}:tags_per_row",
    },
    figures={
        "loss_parts": f"{_FIGURES}.loss_parts:loss_parts",
        "rate_distortion": f"{_FIGURES}.rate_distortion:rate_distortion",
        "active_units": f"{_FIGURES}.active_units:active_units",
        "diversity_reconstruction": f"{_FIGURES}.diversity_reconstruction:diversity_reconstruction",
        "tag_frequency": f"{_FIGURES}.tag_frequency:tag_frequency",
        "tags_per_row": f"{_FIGURES}.tags_per_row:tags_per_row",
        "cooccurrence": f"{_FIGURES}.cooccurrence:cooccurrence",
        "latent_projection": f"{_FIGURES}.latent_projection:latent_projection",
    },
    sections={"learned": "studygrid.report.learned:learned"},
)

__all__ = ["FAMILY"]
