"""Which of a run's settings and numbers mean anything for its kind of model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from studygrid.errors import StudygridError
from studygrid.families import load_family
from studygrid.families.base import Architecture, Family
from studygrid.spec import TrainSpec

TOKENIZER: Final = "tokenizer"
# Settings of a codebook: they say nothing of a model that has none.
_CODEBOOK: Final = (
    "options.codes",
    "options.codebook_decay",
    "options.restart_below",
    "loss.commitment",
)
_LOSSES: Final = (
    "loss.total_best",
    "loss.total_final",
    "loss.recon_best",
    "loss.rec_globals_best",
)


def tokenizer_of(spec: TrainSpec) -> str | None:
    """Return the option `tokenizer`; None of a model without it in a family whose others have it.

    Of a family in which no architecture has the option it is ``none``, as in the guide.
    """
    if TOKENIZER in spec.options:
        return str(spec.options[TOKENIZER])
    family, _ = _kind(spec)
    has_others = family is not None and any(
        TOKENIZER in own.options.model_fields for own in _architectures(family)
    )
    return None if has_others else "none"


def loss_kind(spec: TrainSpec) -> str | None:
    """Return the name of the loss that an architecture decides; None where it decides none."""
    _, architecture = _kind(spec)
    return architecture.loss or None if architecture is not None else None


def is_fitted(spec: TrainSpec) -> bool:
    """Tell whether the model is made at once, without epochs of steps."""
    _, architecture = _kind(spec)
    return architecture is not None and architecture.fits


def has_loss_of_its_own(spec: TrainSpec) -> bool:
    """Tell whether a fitted model has a loss with which no model of its family is trained."""
    family, architecture = _kind(spec)
    if family is None or architecture is None or not (architecture.fits and architecture.loss):
        return False
    trained = {own.loss for own in _architectures(family) if not own.fits}
    return architecture.loss not in trained


def meaningless_columns(spec: TrainSpec) -> tuple[str, ...]:
    """Return the columns that a run has no value in, whatever its epochs say."""
    losses = _LOSSES if has_loss_of_its_own(spec) else ()
    return (*losses, "throughput_mean") if is_fitted(spec) else losses


def meaningless_settings(spec: TrainSpec) -> set[str]:
    """Return the dotted keys of options and loss settings that the model does not read."""
    tokenizer = tokenizer_of(spec)
    has_tokenizers = TOKENIZER in spec.options or tokenizer is None
    found = set(_CODEBOOK) if has_tokenizers and tokenizer != "vq" else set[str]()
    if has_loss_of_its_own(spec):
        found |= {f"loss.{key}" for key in spec.loss}
    if is_fitted(spec):
        found.add("loss.globals_weight")
    return found


def _kind(spec: TrainSpec) -> tuple[Family | None, Architecture | None]:
    """Return family and architecture; None of a family that is not installed here.

    A family that is a file is not looked at: reading a record must not run what it names.
    """
    if ".py:" in spec.family:
        return None, None
    try:
        family = load_family(spec.family)
    except (StudygridError, ImportError):
        return None, None
    return family, family.find_architecture(spec.architecture)


def _architectures(family: Family) -> Iterator[Architecture]:
    for name in family.architecture_names():
        found = family.find_architecture(name)
        if found is not None:
            yield found
