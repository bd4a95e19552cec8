"""Decision trees as tensors: weights that are saved and loaded as those of any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_STRUCTURE = ("feature", "left", "right", "roots")
_NUMBERS = ("threshold", "value")


@dataclass(frozen=True)
class Tree:
    """One binary tree of k nodes, the first of which is its root; each array has shape (k,).

    Attributes
    ----------
    feature
        What a node compares.
    threshold
        An event whose feature is at most that goes to the left.
    left, right
        Nodes below; below 0 where there are none.
    value
        What a leaf gives.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]


class Trees(nn.Module):
    """The sum over trees of the values of the leaves that an event falls into.

    Before `grow` they are complete trees of value 0: as many and as deep as the options let them
    be, so that a profile, which is of no training, measures what they cost.
    """

    feature: Tensor
    left: Tensor
    right: Tensor
    roots: Tensor
    threshold: Tensor
    value: Tensor

    def __init__(self, count: int, leaves: int) -> None:
        super().__init__()
        self.grow([_complete(leaves)] * count)
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]

    def grow(self, trees: Sequence[Tree]) -> None:
        """Set the trees, on the device of those before."""
        device = self.threshold.device if hasattr(self, "threshold") else torch.device("cpu")
        sizes = [len(tree.feature) for tree in trees]
        starts = np.cumsum([0, *sizes[:-1]])
        own = [start + np.arange(size) for start, size in zip(starts, sizes, strict=True)]
        arrays = {
            "feature": [np.maximum(tree.feature, 0) for tree in trees],
            "threshold": [tree.threshold for tree in trees],
            "value": [tree.value for tree in trees],
            # A leaf leads to itself, so that all events take as many steps.
            "left": [_below(tree.left, nodes) for tree, nodes in zip(trees, own, strict=True)],
            "right": [_below(tree.right, nodes) for tree, nodes in zip(trees, own, strict=True)],
            "roots": [starts],
        }
        for name, parts in arrays.items():
            dtype = np.float64 if name in _NUMBERS else np.int64
            joined = torch.from_numpy(np.concatenate(parts).astype(dtype)).to(device)
            _set(self, name, joined)

    def forward(self, values: Tensor) -> Tensor:
        """Return the sum of each event, shape (batch,), float64.

        Parameters
        ----------
        values
            What the trees compare, shape (batch, features).
        """
        values = values.double()
        node = self.roots.expand(len(values), -1)
        before = torch.empty_like(node)
        while not torch.equal(node, before):
            before = node
            goes_left = values.gather(1, self.feature[node]) <= self.threshold[node]
            node = torch.where(goes_left, self.left[node], self.right[node])
        return self.value[node].sum(dim=1)


def _below(nodes: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return places among all trees' nodes, of a leaf its own."""
    return np.where(nodes < 0, own, own[0] + nodes)


def _complete(leaves: int) -> Tree:
    """Return a tree of at least so many leaves, all at one depth."""
    inner = (1 << max(0, leaves - 1).bit_length()) - 1
    nodes = np.arange(2 * inner + 1)
    none = np.full(inner + 1, -1)
    return Tree(
        feature=np.zeros_like(nodes),
        threshold=np.zeros(len(nodes)),
        left=np.concatenate([2 * nodes[:inner] + 1, none]),
        right=np.concatenate([2 * nodes[:inner] + 2, none]),
        value=np.zeros(len(nodes)),
    )


def _set(module: Trees, name: str, values: Tensor) -> None:
    if name in _NUMBERS:
        setattr(module, name, nn.Parameter(values, requires_grad=False))
    else:
        module.register_buffer(name, values)


def _make_room(
    module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any, **__: Any
) -> None:
    """Take as many nodes and trees as the weights have: a model is built before they are read."""
    assert isinstance(module, Trees)
    for name in (*_STRUCTURE, *_NUMBERS):
        given = state_dict.get(prefix + name)
        if given is not None:
            _set(module, name, getattr(module, name).new_zeros(given.shape))
