"""The input and output of a network on images, and the check that a model has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studygrid.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class InputShape:
    """What the data asks of a model: image channels, number of classes, image side in px."""

    channels: int
    classes: int
    resolution: int


def check_forward(
    model: nn.Module, shape: InputShape, architecture: str, outputs: tuple[int, ...], task: str
) -> None:
    """Pass one blank image through a model.

    Only a pass tells whether an architecture's poolings, windows and patches fit an image side.

    Parameters
    ----------
    outputs
        The shape of what it should give for one image.
    task
        What a model of this shape is called.

    Raises
    ------
    ConfigError
        If the model cannot take images of this size, or gives anything else.
    """
    import torch

    parameter = next(model.parameters())
    image = parameter.new_zeros(1, shape.channels, shape.resolution, shape.resolution)
    was_training = model.training
    try:
        with torch.no_grad():
            scores = model.eval()(image)
    except (AssertionError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise wrong_resolution(architecture, shape, str(error)) from error
    finally:
        model.train(was_training)
    got = getattr(scores, "shape", type(scores).__name__)
    if got != (1, *outputs):
        expected = "x".join(map(str, outputs))
        raise ConfigError(
            f"architecture {architecture}: gives {got} for one image, not {expected} scores; "
            f"it is no plain {task}"
        )


def wrong_resolution(architecture: str, shape: InputShape, reason: str) -> ConfigError:
    """Return the error of an architecture that cannot take images of a size."""
    first_line = next(iter(reason.strip().splitlines()), "it gives no reason")
    return ConfigError(
        f"architecture {architecture}: cannot take {shape.channels}-channel images of "
        f"{shape.resolution} px ({first_line}); choose another resolution, or leave this "
        "combination out with `grid.exclude`"
    )
