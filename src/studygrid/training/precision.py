"""Number formats of training and inference."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

import torch


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format of matrix products and convolutions.

    ``auto`` is bfloat16 on a CUDA device that has it in hardware, else float32: a CPU computes
    bfloat16 as well, but most of them slower.
    """
    if name == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def autocast(precision: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which a model computes in `precision`."""
    enabled = precision != torch.float32
    return torch.autocast(device.type, dtype=precision if enabled else None, enabled=enabled)


def set_arithmetic(*, deterministic: bool, compiled: bool = False) -> None:
    """Allow only algorithms that give the same bits twice, or the fastest; float32 is float32.

    By default PyTorch rounds the factors of a float32 convolution to TF32 on CUDA.

    Where an operator has no deterministic algorithm, PyTorch warns. To be called before the
    first matrix product: cuBLAS reads its setting once.
    """
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if compiled:
        torch.use_deterministic_algorithms(deterministic, warn_only=True)
    else:
        # The same switch, without importing the compiler: that takes longer than a small run.
        torch.set_deterministic_debug_mode("warn" if deterministic else "default")
    torch.backends.cudnn.benchmark = not deterministic
    torch.backends.cudnn.allow_tf32 = False
