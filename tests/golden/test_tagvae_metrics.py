"""Metrics of tag VAEs against scikit-learn and torchmetrics, by hand, and at the edge."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from sklearn import metrics as sklearn
from torch.nn import functional

from studygrid.families.base import Undefined
from studygrid.families.networks import torchvision_operators
from studygrid.families.tagvae.metrics import METRICS
from studygrid.families.tagvae.predictions import Predictions
from tests.golden.made_tags import COMPUTE, drawn, predictions_of, two_of_rows

torchvision_operators.ensure()  # torchmetrics imports torchvision
import torchmetrics.functional.classification as torchmetrics  # noqa: E402

torch.set_num_threads(1)

RECONSTRUCTION = ["hamming_loss", "jaccard_index", "micro_f1"]
LATENT = ["active_units_percent", "silhouette"]
DIVERSITY = ["unique_percent", "entropy_nats", "entropy_bits", "gini", "tags_per_row_error"]
COOCCURRENCE = [f"cooccurrence_{name}" for name in ("cosine", "kl", "js", "pearson")]
SIDES = ["reconstruction", "prior"]


@pytest.fixture(autouse=True)
def _no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def outcome(name: str, predictions: Predictions) -> float | str:
    """Return a metric's value, or the reason why it has none."""
    try:
        return COMPUTE[name](predictions)
    except Undefined as why:
        return str(why)


def outcomes(predictions: Predictions) -> dict[str, float | str]:
    """Return the values or reasons of all metrics."""
    return {name: outcome(name, predictions) for name in COMPUTE}


def test_the_metrics_are_those_that_studies_name() -> None:
    both = [f"{side}_{name}" for names in (DIVERSITY, COOCCURRENCE) for side in SIDES
            for name in names]  # fmt: skip
    assert list(COMPUTE) == ["loss", "bce", "kl", "elbo", *RECONSTRUCTION, *LATENT, *both]
    assert [metric.name for metric in METRICS if metric.of_loss] == ["loss"]
    assert len({metric.label for metric in METRICS}) == len(METRICS)
    assert {metric.group for metric in METRICS} == {
        "Loss", "Reconstruction", "Latent space", "Diversity", "Co-occurrence",
    }  # fmt: skip
    assert all(metric.definition and metric.source and metric.undefined for metric in METRICS)


def test_the_declaration_imports_no_library_of_numbers() -> None:
    code = (
        "import sys, studygrid.families.tagvae.metrics\n"
        "print(*{'numpy', 'scipy', 'sklearn', 'torch', 'pandas'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


# Loss


def test_loss_and_its_parts_are_means_over_the_rows_in_nats() -> None:
    made = dataclasses.replace(
        predictions_of([[1, 0], [0, 1]], [[1, 0], [0, 1]], beta=4.0),
        bce=np.array([10.0, 20.0]),
        kl=np.array([1.0, 3.0]),
    )
    assert COMPUTE["bce"](made) == 15
    assert COMPUTE["kl"](made) == 2
    assert COMPUTE["loss"](made) == 15 + 4 * 2
    assert COMPUTE["elbo"](made) == -17


def test_the_elbo_does_not_move_with_beta_and_the_loss_does() -> None:
    one, four = (dataclasses.replace(drawn(), beta=beta) for beta in (1.0, 4.0))
    assert COMPUTE["elbo"](one) == COMPUTE["elbo"](four) == -COMPUTE["loss"](one)
    assert COMPUTE["loss"](four) > COMPUTE["loss"](one)


def test_the_loss_is_what_pytorch_makes_of_logits_and_a_gaussian() -> None:
    torch.manual_seed(0)
    tags, logits = (torch.rand(50, 7) < 0.3).double(), torch.randn(50, 7, dtype=torch.float64)
    mean, log_variance = torch.randn(50, 3).double(), torch.randn(50, 3).double()
    likelihood = -functional.binary_cross_entropy_with_logits(logits, tags, reduction="none").sum(1)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    rate = torch.distributions.kl_divergence(posterior, prior).sum(1)
    made = dataclasses.replace(
        predictions_of(tags.numpy(), tags.numpy(), beta=0.5),
        bce=-likelihood.numpy(),
        kl=rate.numpy(),
    )
    assert COMPUTE["elbo"](made) == pytest.approx(float((likelihood - rate).mean()))
    assert COMPUTE["loss"](made) == pytest.approx(float((0.5 * rate - likelihood).mean()))


# Reconstruction


def by_sklearn(name: str, true: ArrayLike, ours: ArrayLike) -> float:
    """Return a score of reconstruction by scikit-learn."""
    if name == "hamming_loss":
        return float(sklearn.hamming_loss(true, ours))
    score = {"jaccard_index": sklearn.jaccard_score, "micro_f1": sklearn.f1_score}[name]
    return float(score(true, ours, average="micro", zero_division=0))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", RECONSTRUCTION)
def test_reconstruction_equals_scikit_learn(name: str, seed: int) -> None:
    made = drawn(seed=seed)
    expected = by_sklearn(name, made.tags, made.probabilities >= 0.5)
    assert 0 < expected < 1
    assert COMPUTE[name](made) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "by_torchmetrics"),
    [
        ("hamming_loss", torchmetrics.multilabel_hamming_distance),
        ("jaccard_index", torchmetrics.multilabel_jaccard_index),
        ("micro_f1", torchmetrics.multilabel_f1_score),
    ],
)
def test_reconstruction_equals_torchmetrics(name: str, by_torchmetrics: Callable[..., Any]) -> None:
    made = drawn(seed=4)
    probabilities, tags = torch.from_numpy(made.probabilities), torch.from_numpy(made.tags).long()
    # Its threshold is exclusive; no drawn probability lies on it.
    assert not (made.probabilities == 0.5).any()
    expected = by_torchmetrics(probabilities, tags, num_labels=9, average="micro")
    assert COMPUTE[name](made) == pytest.approx(float(expected), abs=1e-6)


def test_a_tag_is_reconstructed_from_a_probability_of_one_half() -> None:
    below = np.nextafter(np.float32(0.5), np.float32(0))
    made = dataclasses.replace(
        predictions_of([[1, 1]], [[0, 0]]), probabilities=np.array([[0.5, below]], np.float32)
    )
    assert made.reconstructed.tolist() == [[1, 0]]
    assert made.reconstructed.dtype == np.uint8
    assert COMPUTE["hamming_loss"](made) == 0.5


def test_scores_by_hand() -> None:
    made = predictions_of([[1, 1, 0, 0], [1, 0, 0, 1]], [[1, 0, 1, 0], [1, 0, 0, 0]])
    assert COMPUTE["hamming_loss"](made) == 3 / 8
    assert COMPUTE["jaccard_index"](made) == 2 / 5
    assert COMPUTE["micro_f1"](made) == 4 / 7


def test_nothing_that_is_reconstructed_as_nothing_is_right() -> None:
    made = predictions_of(np.zeros((3, 4)), np.zeros((3, 4)))
    assert [COMPUTE[name](made) for name in RECONSTRUCTION] == [0, 1, 1]
    assert by_sklearn("jaccard_index", made.tags, made.reconstructed) == 0  # as the definition says
    assert by_sklearn("micro_f1", made.tags, made.reconstructed) == 0


@pytest.mark.parametrize("empty", ["truth", "reconstruction"])
def test_nothing_on_one_side_alone_scores_zero(empty: str) -> None:
    none, some = np.zeros((2, 3)), [[1, 0, 0], [0, 1, 1]]
    made = predictions_of(*((none, some) if empty == "truth" else (some, none)))
    assert [COMPUTE[name](made) for name in RECONSTRUCTION] == [0.5, 0, 0]


# Over the whole split


def batches(predictions: Predictions, size: int = 32) -> list[Predictions]:
    """Return the predictions of batches, as the guide's program scores them."""

    def part(at: slice) -> Predictions:
        cut: dict[str, Any] = {
            name: value[at]
            for name, value in vars(predictions).items()
            if isinstance(value, np.ndarray)
        }
        return dataclasses.replace(predictions, **cut)

    starts = range(0, len(predictions.tags), size)
    return [part(slice(start, start + size)) for start in starts]


@pytest.mark.parametrize(
    "name", ["silhouette", "reconstruction_entropy_nats", "prior_unique_percent", "prior_gini",
             "prior_cooccurrence_js"]
)  # fmt: skip
def test_no_metric_is_a_mean_over_batches(name: str) -> None:
    made = drawn(n=330)
    over_batches = np.mean([COMPUTE[name](batch) for batch in batches(made)])
    assert abs(COMPUTE[name](made) - over_batches) > 1e-3


def test_overlap_is_of_the_tags_of_all_batches_together() -> None:
    tags = np.repeat([8 * [1], [1] + 7 * [0]], 32, axis=0)  # 32 rows of 8 tags, 32 rows of one
    ours = tags * np.repeat([1, 0], 32)[:, None]  # all of the first are right, none of the others
    made = predictions_of(tags, ours)
    of_batches = [COMPUTE["jaccard_index"](batch) for batch in batches(made)]
    assert of_batches == [1, 0]
    assert COMPUTE["jaccard_index"](made) == 8 / 9
    assert COMPUTE["micro_f1"](made) == 16 / 17
    assert COMPUTE["hamming_loss"](made) == 1 / 16


def test_the_entropy_of_a_split_exceeds_what_a_batch_can_show() -> None:
    every = (np.arange(1024)[:, None] >> np.arange(10)) & 1  # 1,024 different rows of 10 tags
    made = predictions_of(every, every, samples=every)
    of_batches = [COMPUTE["prior_entropy_nats"](batch) for batch in batches(made)]
    assert np.mean(of_batches) == pytest.approx(math.log(32))
    for side in SIDES:
        assert COMPUTE[f"{side}_entropy_nats"](made) == pytest.approx(math.log(1024))
        assert COMPUTE[f"{side}_entropy_bits"](made) == pytest.approx(10)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_rows_does_not_matter(seed: int) -> None:
    made = drawn(n=40)
    random = np.random.default_rng(seed)
    order = random.permutation(40)
    shuffled = Predictions(
        tags=made.tags[order],
        probabilities=made.probabilities[order],
        bce=made.bce[order],
        kl=made.kl[order],
        beta=made.beta,
        codes=None if made.codes is None else made.codes[order],
        samples=None if made.samples is None else made.samples[random.permutation(40)],
    )
    assert outcomes(shuffled) == pytest.approx(outcomes(made), abs=1e-12)


@settings(deadline=None, max_examples=80)
@given(two=two_of_rows())
def test_values_lie_in_their_bounds_and_are_numbers(two: Any) -> None:
    made = predictions_of(two[0], two[1], samples=two[1], codes=two[0])
    for metric in METRICS:
        value = outcome(metric.name, made)
        if not isinstance(value, str):
            low, high = metric.bounds or (-math.inf, math.inf)
            assert low <= value <= high, metric.name
            assert math.isfinite(value)
            assert math.copysign(1, value) > 0 or value != 0, f"{metric.name} is -0.0"


@settings(deadline=None, max_examples=40)
@given(two=two_of_rows())
def test_the_same_rows_score_the_same_from_both_sides(two: Any) -> None:
    made = predictions_of(two[0], two[1], samples=two[1])
    for name in DIVERSITY + COOCCURRENCE:
        ours, drawn_rows = (outcome(f"{side}_{name}", made) for side in SIDES)
        assert ours == drawn_rows


def test_only_metrics_of_the_prior_look_at_the_samples() -> None:
    made = drawn()
    other = dataclasses.replace(made, samples=np.eye(9, dtype=np.uint8))
    before, after = outcomes(made), outcomes(other)
    changed = {name for name in COMPUTE if before[name] != after[name]}
    assert changed == {name for name in COMPUTE if name.startswith("prior_")}


# At the edge


def test_of_no_rows_no_metric_has_a_value() -> None:
    made = predictions_of(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 2)))
    assert set(outcomes(made).values()) == {"the split has no rows"}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("field", ["probabilities", "bce", "kl"])
def test_of_outputs_that_are_not_finite_no_metric_has_a_value(field: str, bad: float) -> None:
    made = drawn()
    values = getattr(made, field).copy()
    values[3] = bad
    broken = dataclasses.replace(made, **{field: values})
    assert set(outcomes(broken).values()) == {"1 of 200 rows have an output that is not finite"}


def test_codes_that_are_not_finite_leave_the_latent_space_without_a_value() -> None:
    made = drawn()
    assert made.codes is not None
    codes = made.codes.copy()
    codes[[3, 7], 1] = np.nan
    found = outcomes(dataclasses.replace(made, codes=codes))
    reasons = {name: value for name, value in found.items() if isinstance(value, str)}
    assert reasons == dict.fromkeys(LATENT, "2 of 200 rows have a code that is not finite")


def test_a_model_without_a_latent_space_lacks_its_scores_alone() -> None:
    found = outcomes(dataclasses.replace(drawn(), codes=None))
    reasons = {name: value for name, value in found.items() if isinstance(value, str)}
    assert reasons == dict.fromkeys(LATENT, "the model has no latent space")


@pytest.mark.parametrize("samples", [None, np.zeros((0, 9), np.uint8)], ids=["none", "no rows"])
def test_a_model_that_drew_nothing_lacks_scores_of_the_prior_alone(samples: Any) -> None:
    found = outcomes(dataclasses.replace(drawn(), samples=samples))
    reasons = {name: value for name, value in found.items() if isinstance(value, str)}
    prior = [name for name in COMPUTE if name.startswith("prior_")]
    assert reasons == dict.fromkeys(prior, "no row was drawn from the prior")


def expected_of_edges(
    tags: ArrayLike, ours: ArrayLike, codes: ArrayLike | None
) -> dict[str, float | str]:
    """Return all that is not of the loss, ours being the samples too."""
    found = outcomes(predictions_of(tags, ours, samples=ours, codes=codes))
    for name in DIVERSITY + COOCCURRENCE:
        assert found[f"prior_{name}"] == found[f"reconstruction_{name}"]
    return {
        name.removeprefix("reconstruction_"): value
        for name, value in found.items()
        if not name.startswith("prior_") and name not in ("loss", "bce", "kl", "elbo")
    }


def test_one_row() -> None:
    found = expected_of_edges([[1, 1, 1, 0]], [[1, 1, 0, 0]], [[0.5, 3.0]])
    assert found == {
        "hamming_loss": 0.25,
        "jaccard_index": pytest.approx(2 / 3),
        "micro_f1": 0.8,
        "active_units_percent": "one row shows no variance",
        "silhouette": "1 rows with a tag have 1 labels: a silhouette needs two labels or more, "
        "and fewer than rows",
        "unique_percent": 100,
        "entropy_nats": 0,
        "entropy_bits": 0,
        "gini": 0.5,
        "tags_per_row_error": 1,
        "cooccurrence_cosine": pytest.approx(1 / math.sqrt(3)),
        "cooccurrence_kl": pytest.approx(
            1 / 3 * math.log((1 / 3) / 0.6) + 2 / 3 * math.log((1 / 3) / 0.2)
        ),
        "cooccurrence_js": pytest.approx(
            (math.log2(3 / 2) + 1 / 3 * math.log2(1 / 2) + 2 / 3 * math.log2(2)) / 2
        ),
        "cooccurrence_pearson": pytest.approx(np.corrcoef([1, 1, 0, 1, 0, 0], [1] + 5 * [0])[0, 1]),
    }


def test_one_tag() -> None:
    found = expected_of_edges([[1], [1], [1]], [[1], [0], [1]], [[0.0], [1.0], [2.0]])
    assert found["hamming_loss"] == pytest.approx(1 / 3)
    assert found["jaccard_index"] == pytest.approx(2 / 3)
    assert found["silhouette"] == (
        "3 rows with a tag have 1 labels: a silhouette needs two labels or more, "
        "and fewer than rows"
    )
    assert found["unique_percent"] == pytest.approx(200 / 3)
    assert found["gini"] == 0  # one tag cannot be unequal
    for name in COOCCURRENCE:
        assert found[name] == "one tag alone makes no pair"


def test_two_tags_make_one_pair() -> None:
    found = expected_of_edges([[1, 1], [1, 0]], [[1, 1], [1, 1]], None)
    assert found["cooccurrence_cosine"] == 1
    assert found["cooccurrence_kl"] == 0
    assert found["cooccurrence_js"] == 0
    assert found["cooccurrence_pearson"] == "all 1 pairs of tags are equally frequent in the data"


def test_all_rows_alike() -> None:
    rows = np.tile([1, 1, 0, 1], (6, 1))
    found = expected_of_edges(rows, rows, np.arange(12).reshape(6, 2))
    assert [found[name] for name in RECONSTRUCTION] == [0, 1, 1]
    assert found["unique_percent"] == pytest.approx(100 / 6)
    assert found["entropy_nats"] == found["entropy_bits"] == 0
    assert found["gini"] == 0.25
    assert found["tags_per_row_error"] == 0
    assert isinstance(found["silhouette"], str)
    assert [found[name] for name in COOCCURRENCE] == pytest.approx([1, 0, 0, 1])


@pytest.mark.parametrize("empty", ["truth", "reconstruction", "both"])
def test_no_tag_active(empty: str) -> None:
    none, some = np.zeros((4, 3)), np.array([[1, 1, 0], [0, 1, 1], [1, 1, 1], [1, 0, 0]])
    tags = some if empty == "reconstruction" else none
    ours = some if empty == "truth" else none
    found = expected_of_edges(tags, ours, np.eye(4))
    both = empty == "both"
    assert found["jaccard_index"] == found["micro_f1"] == float(both)
    assert found["tags_per_row_error"] == (0 if both else 2)
    if empty == "truth":
        assert found["gini"] == pytest.approx(1 / 12)
    else:
        assert found["gini"] == "no row has a tag"
        assert found["entropy_nats"] == 0
    side = "model" if empty == "reconstruction" else "data"
    for name in COOCCURRENCE:
        assert found[name] == f"no row of the {side} has two tags"


def test_tags_that_never_meet_make_no_pair() -> None:
    found = expected_of_edges([[1, 0], [0, 1]], [[1, 1], [0, 1]], None)
    for name in COOCCURRENCE:
        assert found[name] == "no row of the data has two tags"
