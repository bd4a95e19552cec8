"""Start a model from a file of weights."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from studygrid.errors import ConfigError

_log = logging.getLogger(__name__)
_NESTED_UNDER = ("state_dict", "model")
_SHOWN = 3


def load_weights(model: nn.Module, path: str | Path) -> tuple[str, ...]:
    """Load a state dict into a model, but for a stem or head of another size.

    Parameters
    ----------
    model
        The model; its stem (first convolution) and head (last linear layer or convolution, or
        what timm calls the classifier) keep their fresh values where the file's are of another
        shape: other image channels, other classes.
    path
        A file that ``torch.save`` wrote: a state dict, or a dict that holds one as
        ``state_dict`` or ``model``. Nothing but tensors and plain values is unpickled.

    Returns
    -------
    tuple of str
        The entries that were left out.

    Raises
    ------
    ConfigError
        If the file is missing or no state dict, or an entry is missing, is unknown to the model
        or has another shape anywhere else.
    """
    given = _read_state_dict(Path(path))
    own = model.state_dict()
    left_out = _of_other_size(model, own, given)
    faults = {
        "missing": [key for key in own if key not in given],
        "unknown": [key for key in given if key not in own],
        "of another shape": [
            f"{key} ({_size(given[key])}, the model has {_size(own[key])})"
            for key in own
            if key in given and given[key].shape != own[key].shape and key not in left_out
        ],
    }
    if any(faults.values()):
        listed = "; ".join(f"{what}: {_first(keys)}" for what, keys in faults.items() if keys)
        raise ConfigError(f"weights {path}: are of another architecture ({listed})")
    model.load_state_dict(
        {key: value for key, value in given.items() if key not in left_out}, strict=False
    )
    if left_out:
        _log.warning(
            "weights %s: left out %s, of another size than the model's; freshly initialised",
            path,
            ", ".join(left_out),
        )
    return left_out


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ConfigError(f"weights {path}: no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[:1]
        raise ConfigError(
            f"weights {path}: cannot be read as a state dict ({''.join(reason)}); save it with "
            "torch.save(model.state_dict(), path)"
        ) from error
    for name in _NESTED_UNDER:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    if not isinstance(content, Mapping) or not all(
        isinstance(value, Tensor) for value in content.values()
    ):
        raise ConfigError(
            f"weights {path}: holds no state dict, neither as it is nor under "
            f"{' or '.join(_NESTED_UNDER)}"
        )
    return dict(content)


def _of_other_size(
    model: nn.Module, own: Mapping[str, Tensor], given: Mapping[str, Tensor]
) -> tuple[str, ...]:
    left_out: list[str] = []
    for name in _stem_and_heads(model):
        keys = [key for key in own if key.rpartition(".")[0] == name and key in given]
        # A whole layer or none of it: a bias alone would belong to weights that are gone.
        if any(given[key].shape != own[key].shape for key in keys):
            left_out += keys
    return tuple(left_out)


def _stem_and_heads(model: nn.Module) -> list[str]:
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
    }
    stem = next((name for name, layer in layers.items() if isinstance(layer, nn.Conv2d)), None)
    heads = [next(reversed(layers))]
    get_classifier = getattr(model, "get_classifier", None)
    if get_classifier is not None:
        classifiers = get_classifier()
        classifiers = classifiers if isinstance(classifiers, tuple) else (classifiers,)
        heads = [name for name, layer in layers.items() if any(layer is c for c in classifiers)]
    return [name for name in (stem, *heads) if name is not None]


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _first(keys: Sequence[str]) -> str:
    more = len(keys) - _SHOWN
    return ", ".join(keys[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
