"""Import torchvision where its compiled operators cannot be loaded.

A torchvision built for CUDA beside a PyTorch built for the CPU cannot load its library, and then
even ``import torchvision`` fails: it describes two operators that nothing has declared
(pytorch/vision#9085). No classifier uses them, so declaring them is enough.
"""

from __future__ import annotations

from importlib.machinery import PathFinder
from importlib.util import find_spec

import torch

from studygrid.errors import StudygridError

_DESCRIBED_ON_IMPORT = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def ensure() -> None:
    """Make ``import torchvision`` (and timm, which imports it) work in this process.

    Where the compiled operators can be loaded they are; elsewhere everything works but
    ``torchvision.ops`` and ``torchvision.io``. Calling it again changes nothing.

    Raises
    ------
    StudygridError
        If torchvision is not installed.
    """
    package = find_spec("torchvision")
    if package is None:
        raise StudygridError(
            "torchvision is not installed, and this architecture needs it: install the version "
            f"that goes with this PyTorch ({torch.__version__}) with `pip install torchvision`"
        )
    if not _declared() and not _load_compiled(package.submodule_search_locations or []):
        for name in _DESCRIBED_ON_IMPORT:
            torch.library.define(f"torchvision::{name}", _SIGNATURE)


def _declared() -> bool:
    return hasattr(torch.ops.torchvision, _DESCRIBED_ON_IMPORT[0])


def _load_compiled(folders: list[str]) -> bool:
    library = PathFinder.find_spec("_C", folders)
    if library is None or library.origin is None:
        return False
    try:
        torch.ops.load_library(library.origin)  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError):
        return False
    return _declared()
