"""Ptychography: an object from its diffraction patterns. The declaration, cheap to import."""

from studygrid.families.base import Family
from studygrid.families.ptychography.datasets import DATASETS
from studygrid.families.ptychography.memory import MEMORY
from studygrid.families.ptychography.metrics import METRICS
from studygrid.families.ptychography.models import architecture_names, find_architecture
from studygrid.families.ptychography.options import AugmentationOptions, LossOptions

_HERE = "studygrid.families.ptychography"
_FINDINGS = f"{_HERE}.findings"

FAMILY = Family(
    name="ptychography",
    title="Ptychography",
    resolution_label="Diffraction pattern",
    resolution_unit="px",
    datasets=DATASETS,
    find_architecture=find_architecture,
    architecture_names=architecture_names,
    loss=LossOptions,
    augmentation=AugmentationOptions,
    metrics=METRICS,
    primary_metric="phase_ssim",
    task=f"{_HERE}.task:PtychographyTask",
    needs={"skimage": "scikit-image"},
    epoch_metrics=("amplitude_mae", "phase_mae"),
    stratum="block",
    subset_facts=f"{_HERE}.data.subsets:subset_facts",
    tables={
        "frc_amplitude": f"{_FINDINGS}:frc_amplitude",
        "frc_phase": f"{_FINDINGS}:frc_phase",
    },
    figures={
        "size_trends": "studygrid.figures.size_trends:size_trends",
        "pair_difference": "studygrid.figures.pair_difference:pair_difference",
        "frc_curves": "studygrid.figures.frc_curves:frc_curves",
        "reconstructions": "studygrid.figures.reconstructions:reconstructions",
    },
    sections={"generalisation": "studygrid.report.generalisation:generalisation"},
    pixel_memory=MEMORY,
)

__all__ = ["FAMILY"]
