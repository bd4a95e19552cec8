"""isolation_forest: how soon an event stands alone among background, by its globals."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.tree import ExtraTreeRegressor
from torch import Tensor, nn

from studygrid.families.events.models.event_model import EventShape, ScoringModel
from studygrid.families.events.models.options import IsolationForestOptions
from studygrid.families.events.models.trees import Tree, Trees


def build(shape: EventShape, options: IsolationForestOptions, architecture: str) -> nn.Module:
    """Return an isolation forest of trees that know nothing yet."""
    return Forest(options)


class Forest(ScoringModel):
    """Scikit-learn's isolation forest on the globals: Liu, Ting and Zhou, ICDM 2008.

    The score is ``2^(-mean path / c)`` of their equation 2, which is minus scikit-learn's
    `score_samples`; it lies between 0 and 1. It is reported as the loss of an event too, since
    a forest is not trained with one.
    """

    def __init__(self, options: IsolationForestOptions) -> None:
        super().__init__()
        self._options = options
        self.trees = Trees(options.trees, options.events_per_tree)
        # Mean path of as many events as each tree is grown on, times the trees.
        self.scale = nn.Parameter(torch.ones((), dtype=torch.float64), requires_grad=False)

    @torch.no_grad()
    def fit(self, background: Tensor, signal: Tensor | None, seed: int) -> None:
        """Grow the trees on background events alone."""
        options = self._options
        forest = IsolationForest(
            n_estimators=options.trees,
            max_samples=min(options.events_per_tree, len(background)),
            random_state=seed,
        )
        forest.fit(background.cpu().numpy())
        self.trees.grow([_tree(estimator) for estimator in forest.estimators_])
        mean_path = float(_mean_path(np.array([forest.max_samples_]))[0])
        # Of a single event all paths are 0; their share of 0 is counted as 1, as by scikit-learn.
        self.scale.fill_(options.trees * mean_path if mean_path else torch.nan)

    def forward(self, values: Tensor) -> Tensor:
        """Return the anomaly score."""
        share = self.trees(values) / self.scale
        return torch.exp2(-share.nan_to_num(nan=1.0))

    def losses(self, scores: Tensor) -> Tensor:
        """Return the scores themselves."""
        return scores


def _tree(estimator: ExtraTreeRegressor) -> Tree:
    """Return a tree whose leaves have the length of the path to an event that falls into them."""
    tree = estimator.tree_
    depth = np.zeros(tree.node_count)
    for node in np.flatnonzero(tree.children_left >= 0):  # nodes stand before those below them
        depth[[tree.children_left[node], tree.children_right[node]]] = depth[node] + 1
    return Tree(
        feature=tree.feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        value=depth + _mean_path(tree.n_node_samples),
    )


def _mean_path(events: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean path of an unsuccessful search among n events: equation 1 of the paper."""
    n = np.maximum(events, 2).astype(np.float64)
    harmonic = np.log(n - 1) + np.euler_gamma
    path = np.where(events > 2, 2 * harmonic - 2 * (n - 1) / n, 1.0)
    return np.where(events > 1, path, 0.0)
