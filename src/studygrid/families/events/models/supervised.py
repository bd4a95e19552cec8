"""supervised: boosted trees that have seen the signals; a mark of what the globals can tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from studygrid.errors import StudygridError
from studygrid.families.events.models.event_model import EventShape, ScoringModel
from studygrid.families.events.models.options import SupervisedOptions
from studygrid.families.events.models.trees import Tree, Trees

_MOST = 1 - 1e-12
_SIDES = ("left", "right")


def build(shape: EventShape, options: SupervisedOptions, architecture: str) -> nn.Module:
    """Return boosted trees that know nothing yet."""
    return Boosted(options)


class Boosted(ScoringModel):
    """Scikit-learn's histogram-based gradient boosting on the globals.

    Trained on the training events as background and on all reference signals as one signal; the
    two have equal weight. The score is the probability of signal.
    """

    def __init__(self, options: SupervisedOptions) -> None:
        super().__init__()
        self._options = options
        self.trees = Trees(options.trees, options.leaves)
        self.start = nn.Parameter(torch.zeros((), dtype=torch.float64), requires_grad=False)

    @torch.no_grad()
    def fit(self, background: Tensor, signal: Tensor | None, seed: int) -> None:
        """Grow the trees on background and signal."""
        assert signal is not None
        options = self._options
        classifier = HistGradientBoostingClassifier(
            max_iter=options.trees,
            max_leaf_nodes=options.leaves,
            learning_rate=options.learning_rate,
            min_samples_leaf=options.events_per_leaf,
            class_weight="balanced",
            early_stopping=False,
            random_state=seed,
        )
        values = torch.cat([background, signal]).cpu().numpy()
        labels = np.repeat([0, 1], [len(background), len(signal)])
        # Of several threads the sums depend on their number.
        with threadpool_limits(limits=1):
            classifier.fit(values, labels)
        self.trees.grow([_tree(stage[0].nodes) for stage in classifier._predictors])
        self.start.fill_(float(classifier._baseline_prediction.item()))
        self._require_the_same(classifier, background)

    def forward(self, values: Tensor) -> Tensor:
        """Return the probability of signal."""
        return torch.sigmoid(self.start + self.trees(values))

    def losses(self, scores: Tensor) -> Tensor:
        """Return minus the log of the probability of background."""
        return -torch.log1p(-scores.clamp(max=_MOST))

    def _require_the_same(self, classifier: HistGradientBoostingClassifier, values: Tensor) -> None:
        """Refuse trees that were read wrongly: scikit-learn does not promise how they are kept."""
        expected = classifier.predict_proba(values.cpu().numpy())[:, 1]
        found = self(values).cpu().numpy()
        if not np.allclose(found, expected, rtol=0, atol=1e-6):
            raise StudygridError(
                "supervised: this version of scikit-learn keeps its boosted trees otherwise than "
                "studygrid reads them; install the one in envs/constraints.txt"
            )


def _tree(nodes: Any) -> Tree:
    """Return a tree of scikit-learn's array of nodes."""
    is_leaf = nodes["is_leaf"].astype(bool)
    # Their own numbers are unsigned.
    left, right = (np.where(is_leaf, -1, nodes[side].astype(np.int64)) for side in _SIDES)
    return Tree(
        feature=np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=left,
        right=right,
        value=nodes["value"].astype(np.float64),
    )
