"""The documents of CrackSeg's layout, as typed values: the one schema of writers and readers.

Keys that CrackSeg's guide does not have are ours, and optional. A number that is not there is
null, and `reasons` says why, by the key's place in the document.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeInt

SCHEMA_VERSION: Final = 1
WRITER: Final = "studygrid"
METRICS: Final = ("precision", "recall", "f1", "iou", "dice", "accuracy", "loss")
CURVES: Final = (
    "train_loss",
    "val_loss",
    "val_iou",
    "val_f1",
    "val_precision",
    "val_recall",
    "val_dice",
    "val_accuracy",
)
Reasons = dict[str, str]


class Document(BaseModel):
    """A part of the layout; what another program wrote beyond our keys is kept."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, strict=True)

    def content(self) -> dict[str, Any]:
        """Return what is written: the keys that were given."""
        return self.model_dump(mode="json", exclude_unset=True)


class FinalMetrics(Document):
    """Scores on the validation split after the last epoch that was trained."""

    val_precision: float | None
    val_recall: float | None
    val_f1: float | None
    val_iou: float | None
    val_dice: float | None
    val_accuracy: float | None
    val_loss: float | None


class BestMetrics(Document):
    """Scores on the validation split after the epoch whose weights are kept."""

    epoch: NonNegativeInt | None
    precision: float | None
    recall: float | None
    f1: float | None
    iou: float | None
    dice: float | None
    accuracy: float | None
    loss: float | None


class ValidationMetrics(Document):
    """``metrics/validation_metrics.json``: the last epoch and the best one, told apart."""

    final_validation: FinalMetrics
    best_validation: BestMetrics
    reasons: Reasons = {}


class EpochRow(Document):
    """A line of ``metrics/metrics.jsonl``: an epoch that was trained.

    A score that nobody took is left out; one that has no value is null.
    """

    epoch: NonNegativeInt
    train_loss: float | None = None
    val_loss: float | None = None
    val_iou: float | None = None
    val_f1: float | None = None
    val_precision: float | None = None
    val_recall: float | None = None
    val_dice: float | None = None
    val_accuracy: float | None = None
    reasons: Reasons = {}


class HardwareInfo(Document):
    """What the experiment ran on."""

    device: str | None
    cuda_available: bool | None
    gpu_name: str | None


class RunAxes(Document):
    """The run of a study."""

    model: str
    resolution: int
    n_train: int | Literal["all"]
    seed: int


def _is_time(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("should be a time such as 2024-01-15T10:30:00") from None
    return text


class Summary(Document):
    """``metrics/complete_summary.json``; the keys after `hardware_info` are ours.

    Attributes
    ----------
    training_epochs
        The epochs that were configured; `epochs_trained` of them are in metrics.jsonl, and
        `final_epoch` is the last of these.
    test_metrics
        Scores of the kept weights on the test split.
    records_hash
        Hash of the records that an export was made from.
    """

    experiment_name: str
    project_name: str | None
    model_type: str | None
    dataset: str | None
    training_epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    final_metrics: FinalMetrics
    best_epoch: NonNegativeInt | None
    total_training_time: float | None
    timestamp: Annotated[str, AfterValidator(_is_time)]
    hardware_info: HardwareInfo
    schema_version: int | None = None
    written_by: str | None = None
    epochs_trained: int | None = None
    final_epoch: int | None = None
    stopped_by: str | None = None
    monitor: str | None = None
    study: str | None = None
    family: str | None = None
    run: RunAxes | None = None
    status: str | None = None
    finished_at: str | None = None
    train_samples: int | None = None
    parameters: int | None = None
    checkpoint_sha256: str | None = None
    data_sha256: str | None = None
    git_commit: str | None = None
    records_hash: str | None = None
    test_metrics: dict[str, float | None] | None = None
    test_facts: dict[str, Any] | None = None
    reasons: Reasons = {}
