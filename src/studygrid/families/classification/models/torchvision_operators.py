"""Import torchvision where its compiled operators cannot be loaded.

A torchvision built for CUDA beside a PyTorch built for the CPU cannot load its library, and then
even ``import torchvision`` fails: it describes two operators that nothing has declared
(pytorch/vision#9085). No classifier uses them, so declaring them is enough.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import Literal

import torch

from studygrid.errors import StudygridError

_DESCRIBED_ON_IMPORT = ("nms", "qnms")


@cache
def ensure() -> Literal["native", "declared"]:
    """Make ``import torchvision`` (and timm, which imports it) work in this process.

    Returns
    -------
    str
        ``native`` where torchvision's compiled operators work, ``declared`` where their names
        alone were declared: everything but ``torchvision.ops`` and ``torchvision.io`` works.

    Raises
    ------
    StudygridError
        If torchvision is not installed.
    """
    if not _declared() and not _load_compiled(_folders()):
        for name in _DESCRIBED_ON_IMPORT:
            torch.library.define(
                f"torchvision::{name}",
                "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            )
        return "declared"
    # A kernel for any device tells a compiled operator from one that was only declared.
    name = f"torchvision::{_DESCRIBED_ON_IMPORT[0]}"
    compiled = torch._C._dispatch_has_kernel_for_dispatch_key(name, "CPU")
    return "native" if compiled else "declared"


def _declared() -> bool:
    return hasattr(torch.ops.torchvision, _DESCRIBED_ON_IMPORT[0])


def _folders() -> list[str]:
    spec = None if sys.modules.get("torchvision", ...) is None else find_spec("torchvision")
    if spec is None:
        raise StudygridError(
            "torchvision is not installed, and this architecture needs it; install it with "
            "`pip install torchvision`, in the version that goes with this PyTorch "
            f"({torch.__version__})"
        )
    return list(spec.submodule_search_locations or ())


def _load_compiled(folders: list[str]) -> bool:
    library = PathFinder.find_spec("_C", folders)
    if library is None or library.origin is None:
        return False
    try:
        torch.ops.load_library(library.origin)
    except (OSError, RuntimeError):
        return False
    return _declared()
