"""Floating-point operations of a forward pass, counted at the operators that really ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from studygrid.errors import StudygridError


def _attention_flops(
    query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: Any, **__: Any
) -> int:
    """Return the operations of ``query @ key.T`` and of ``weights @ value``, from the shapes."""
    batch, heads, queries, width = query
    return 2 * batch * heads * queries * key[2] * (width + value[3])


# PyTorch counts the attention kernels of CUDA alone; without this, attention on a CPU is free.
_MISSING_FORMULAS = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
}


def count_flops(model: nn.Module, example: tuple[Tensor, ...], *, may_be_none: bool = False) -> int:
    """Count the floating-point operations of one forward pass in evaluation mode.

    A multiplication and an addition are two operations, so this is twice the
    multiply-accumulates that fvcore and timm print. Counted are convolutions, matrix products
    and attention (unmasked, as if it were not causal); element-wise operations, normalisation,
    pooling and Fourier transforms are not.

    Parameters
    ----------
    model
        Any module; its mode is restored.
    example
        The arguments of ``model``: one sample, with its batch axis, on the model's device.
    may_be_none
        Whether the model may run no operation that counts, as a fitted table does.

    Returns
    -------
    int
        Operations for the whole `example`.

    Raises
    ------
    StudygridError
        If nothing was counted, and something should be: the model runs operators that have no
        formula.
    """
    counter = FlopCounterMode(display=False, custom_mapping=_MISSING_FORMULAS)
    was_training = model.training
    had_fast_path = torch.backends.mha.get_fastpath_enabled()
    try:
        model.eval()
        # nn.TransformerEncoderLayer and nn.MultiheadAttention fuse themselves into one operator
        # without a formula: under no_grad, and where no parameter needs a gradient.
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.enable_grad(), counter:
            model(*example)
    finally:
        torch.backends.mha.set_fastpath_enabled(had_fast_path)
        model.train(was_training)
    flops = counter.get_total_flops()
    if flops == 0 and not may_be_none:
        raise StudygridError(
            f"FLOPs of {type(model).__name__}: none were counted. It runs no convolution or "
            "matrix product that PyTorch has a formula for (a scripted or quantised model, say)"
        )
    return int(flops)
