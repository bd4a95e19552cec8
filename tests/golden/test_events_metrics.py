"""Metrics of event tokenizers against scikit-learn and scipy, by hand, and at the edge."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics as sklearn

from studygrid.families.base import Undefined
from studygrid.families.events.efficiency import efficiency_at
from studygrid.families.events.metrics import METRICS
from studygrid.families.events.predictions import Predictions
from tests.golden.made_scores import COMPUTE, drawn, scored

AUROCS = {"auroc_xy": 1, "auroc_wz": 2, "auroc_tt": 3}
EFFICIENCIES = [name for name in COMPUTE if name.startswith("signal_efficiency")]
ABOUT_SCORES = [
    *(name for name in COMPUTE if name.startswith(("auroc", "signal_efficiency"))),
    "mjj_correlation",
]
ERRORS = [name for name in COMPUTE if name.startswith("token_")]


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


def test_the_metrics_are_those_that_studies_name() -> None:
    parts = ("", "_sd", "_p50", "_p95", "_p99")
    of = ("", "_xy", "_wz", "_tt")
    assert list(COMPUTE) == [
        "loss",
        *(f"token_mse{part}" for part in parts),
        *(f"token_mae{part}" for part in parts),
        "globals_mse",
        "class_accuracy",
        "bits_per_event",
        "compression_ratio",
        "perplexity",
        "codebook_use",
        *(f"auroc{signal}" for signal in of),
        *(f"signal_efficiency_1pct{signal}" for signal in of),
        *(f"signal_efficiency_01pct{signal}" for signal in of),
        "auroc_noise",
        "auroc_token_shuffle",
        "mjj_correlation",
    ]


def test_corrupted_background_stands_apart_from_signals() -> None:
    groups = {metric.name: metric.group for metric in METRICS}
    assert {groups[name] for name in ("auroc", "auroc_xy", "signal_efficiency_1pct")} == {"Signals"}
    assert {groups[name] for name in ("auroc_noise", "auroc_token_shuffle")} == {
        "Corrupted background"
    }


def test_the_declarations_import_no_numbers() -> None:
    code = (
        "import sys, studygrid.families.events.metrics; "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'torch', 'scipy', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- Signals


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
def test_aurocs_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    predictions = drawn(seed, 60, (20, 13, 7), ties)
    found = []
    for name, label in AUROCS.items():
        own = np.isin(predictions.label, (0, label))
        expected = sklearn.roc_auc_score(predictions.label[own] == label, predictions.score[own])
        found.append(COMPUTE[name](predictions))
        assert found[-1] == pytest.approx(expected)
    assert COMPUTE["auroc"](predictions) == pytest.approx(np.mean(found))


def test_scores_that_are_all_equal_say_nothing() -> None:
    same = np.ones(2000)
    predictions = scored(
        same, dict.fromkeys(("xy", "wz", "tt"), same), corrupted={"noise": same}, mjj=None
    )
    assert {COMPUTE[name](predictions) for name in ("auroc", *AUROCS, "auroc_noise")} == {0.5}
    assert {COMPUTE[name](predictions) for name in EFFICIENCIES} == {0.0}


def test_signals_of_the_users_own_are_in_the_mean_alone() -> None:
    predictions = scored([1.0, 2.0], {"mine": [3.0, 1.5]})
    assert COMPUTE["auroc"](predictions) == 0.75
    assert outcome("auroc_xy", predictions) == "the data has no signal xy: it has mine"
    no_signal = outcome("signal_efficiency_1pct_wz", predictions)
    assert no_signal == "the data has no signal wz: it has mine"


def test_a_split_of_background_alone_has_no_auroc() -> None:
    predictions = scored([1.0, 2.0], {"xy": [], "wz": []})
    assert outcome("auroc", predictions) == "the split has no event of a signal"
    assert outcome("auroc_xy", predictions) == "the split has no event of the signal xy"
    assert outcome("auroc_xy", scored([1.0])) == "the data has no signal xy: it has none"
    assert outcome("auroc", scored([1.0])) == "the data has no signal"


def test_a_signal_without_events_leaves_no_mean() -> None:
    predictions = scored([1.0, 2.0], {"xy": [3.0], "wz": []})
    assert COMPUTE["auroc_xy"](predictions) == 1
    assert outcome("auroc", predictions) == "the split has no event of the signal wz"


def test_one_event_of_each_has_an_auroc() -> None:
    assert COMPUTE["auroc"](scored([1.0], {"xy": [1.0]})) == 0.5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_refuses_what_it_is_in(bad: float) -> None:
    background = scored([1.0, bad], {"xy": [3.0]}, corrupted={"noise": np.array([1.0, 2.0])})
    reason = "1 of 2 background events have no finite anomaly score"
    for name in ("auroc", "auroc_xy", "signal_efficiency_1pct_xy", "auroc_noise"):
        assert outcome(name, background) == reason
    assert outcome("mjj_correlation", background) == reason
    signal = scored([1.0, 2.0], {"xy": [3.0, bad], "wz": [4.0]})
    assert outcome("auroc", signal) == (
        "1 of 2 events of the signal xy have no finite anomaly score"
    )
    assert COMPUTE["auroc_wz"](signal) == 1


@pytest.mark.parametrize("name", ABOUT_SCORES)
def test_a_split_without_background_has_no_value(name: str) -> None:
    predictions = scored(
        [], {"xy": [1.0], "wz": [1.0], "tt": [1.0]}, corrupted={"noise": np.zeros(0)}
    )
    assert isinstance(outcome(name, predictions), str)


# --- Efficiency


def test_efficiency_by_hand() -> None:
    # The threshold is 98: of 0 … 99 one event, 1 %, lies above it.
    background = np.arange(100.0)
    found = efficiency_at(background, np.array([97.0, 98.0, 98.5, 99.0, 200.0]), 0.01)
    assert (found.threshold, found.efficiency, found.background) == (98, 0.6, 1)


@settings(max_examples=60, deadline=None)
@given(
    background=st.lists(st.integers(0, 30), min_size=10, max_size=120),
    signal=st.lists(st.integers(0, 40), min_size=1, max_size=30),
    share=st.sampled_from([0.1, 0.2, 0.35]),
)
def test_no_threshold_lets_more_signal_through(
    background: list[int], signal: list[int], share: float
) -> None:
    below, above = np.array(background, float), np.array(signal, float)
    found = efficiency_at(below, above, share)
    false, true, _ = sklearn.roc_curve(
        np.repeat([0, 1], [len(below), len(above)]),
        np.concatenate([below, above]),
        drop_intermediate=False,
    )
    allowed = np.round(false * len(below)) <= share * len(below) + 1e-9
    assert found.efficiency == pytest.approx(true[allowed].max())
    assert found.background <= share * len(below) + 1e-9


def test_events_of_equal_score_pass_together_or_not_at_all() -> None:
    background = np.array([0.0] * 98 + [5.0] * 2)
    found = efficiency_at(background, np.array([5.0, 6.0]), 0.01)
    assert (found.threshold, found.efficiency, found.background) == (5, 0.5, 0)


@pytest.mark.parametrize(("name", "least"), [("1pct", 100), ("01pct", 1000)])
def test_too_few_background_events_show_no_such_share(name: str, least: int) -> None:
    signals = {"xy": [2.0 * least]}
    few = outcome(f"signal_efficiency_{name}", scored(np.arange(least - 1.0), signals))
    assert isinstance(few, str)
    assert f"{least - 1:,} background events" in few
    assert COMPUTE[f"signal_efficiency_{name}"](scored(np.arange(float(least)), signals)) == 1


def test_efficiencies_are_means_over_the_signals() -> None:
    predictions = drawn(3, 2000)
    for share in ("1pct", "01pct"):
        name = f"signal_efficiency_{share}"
        each = [COMPUTE[f"{name}_{signal}"](predictions) for signal in ("xy", "wz", "tt")]
        assert COMPUTE[name](predictions) == pytest.approx(np.mean(each))
        assert len(set(each)) == 3


# --- Corrupted background, mJJ


def test_corrupted_background_is_told_from_the_same_events() -> None:
    predictions = drawn(1)
    clean = predictions.score[predictions.background]
    for name in ("noise", "token_shuffle"):
        other = predictions.corrupted[name]
        labels = np.repeat([0, 1], [len(clean), len(other)])
        expected = sklearn.roc_auc_score(labels, np.concatenate([clean, other]))
        assert COMPUTE[f"auroc_{name}"](predictions) == pytest.approx(expected)


def test_corrupted_background_changes_no_auroc_of_a_signal() -> None:
    predictions = drawn(1)
    without = replace(predictions, corrupted={})
    assert COMPUTE["auroc"](without) == COMPUTE["auroc"](predictions)
    assert outcome("auroc_noise", without) == "the background was not corrupted by noise"


def test_an_empty_corrupted_background_has_no_value() -> None:
    predictions = scored([1.0], corrupted={"noise": np.zeros(0)})
    assert outcome("auroc_noise", predictions) == "the background corrupted by noise has no event"


def test_the_correlation_with_mjj_is_that_of_scipy_over_the_background() -> None:
    predictions = drawn(9)
    own = predictions.background
    assert predictions.mjj is not None
    expected = spearmanr(predictions.score[own], predictions.mjj[own]).statistic
    assert COMPUTE["mjj_correlation"](predictions) == pytest.approx(abs(expected))
    turned = replace(predictions, mjj=-predictions.mjj)
    assert COMPUTE["mjj_correlation"](turned) == pytest.approx(abs(expected))


def test_a_correlation_needs_two_things_that_vary() -> None:
    assert outcome("mjj_correlation", scored([1.0, 2.0], mjj=None)) == "there is no mJJ"
    assert outcome("mjj_correlation", scored([1.0, 2.0], mjj=np.ones(2))) == (
        "the mJJ is the same in all background events"
    )
    assert outcome("mjj_correlation", scored([1.0, 1.0])) == (
        "the anomaly score is the same in all background events"
    )


# --- Reconstruction and compression


def test_errors_are_of_the_background_alone() -> None:
    predictions = drawn(2)
    background = predictions.score[predictions.background]
    expected = {
        "token_mse": background.mean(),
        "token_mse_sd": background.std(ddof=1),
        "token_mse_p50": np.median(background),
        "token_mse_p95": np.quantile(background, 0.95),
        "token_mse_p99": np.quantile(background, 0.99),
        "globals_mse": background.mean() / 4,
    }
    expected |= {
        name.replace("mse", "mae"): value / 2
        for name, value in expected.items()
        if name.startswith("token")
    }
    for name, value in expected.items():
        assert COMPUTE[name](predictions) == pytest.approx(value)


@pytest.mark.parametrize("name", ERRORS)
def test_a_model_that_rebuilds_no_tokens_has_no_error(name: str) -> None:
    predictions = scored([1.0, 2.0], token_mse=None, token_mae=None)
    assert outcome(name, predictions) == "the model rebuilds no tokens"


def test_what_a_model_does_not_make_has_no_value() -> None:
    predictions = scored(
        [1.0], globals_mse=None, class_correct=None, code_counts=None, bits_per_event=None
    )
    assert outcome("globals_mse", predictions) == "the model rebuilds no globals"
    assert outcome("class_accuracy", predictions) == "the model rebuilds no classes"
    assert outcome("perplexity", predictions) == "the model has no codebook"
    assert outcome("codebook_use", predictions) == "the model has no codebook"
    assert outcome("bits_per_event", predictions) == "the model has no latent tokens"
    assert outcome("compression_ratio", predictions) == "the model has no latent tokens"


def test_one_background_event_has_no_sd() -> None:
    predictions = scored([2.0], {"xy": [1.0, 2.0]})
    assert outcome("token_mse_sd", predictions) == "one background event shows no spread"
    assert COMPUTE["token_mse_p99"](predictions) == 2


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_that_is_not_finite_refuses_all(name: str) -> None:
    errors = np.array([1.0, math.nan])
    predictions = scored([1.0, 2.0], token_mse=errors, token_mae=errors)
    assert "1 of 2 background events" in str(outcome(name, predictions))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_no_value(bad: float) -> None:
    predictions = scored([1.0], loss=bad, class_correct=bad, input_bits=bad)
    for name in ("loss", "class_accuracy", "compression_ratio"):
        assert isinstance(outcome(name, predictions), str)


@pytest.mark.parametrize(
    ("counts", "perplexity", "use"),
    [([5, 5, 5, 5], 4, 1), ([7, 0, 0, 0], 1, 0.25), ([1, 1, 2, 0], 2 * math.sqrt(2), 0.75)],
)
def test_perplexity_and_use_by_hand(counts: list[int], perplexity: float, use: float) -> None:
    predictions = scored([1.0], code_counts=np.array(counts))
    assert COMPUTE["perplexity"](predictions) == pytest.approx(perplexity)
    assert COMPUTE["codebook_use"](predictions) == use


def test_codes_that_nothing_used_have_no_value() -> None:
    predictions = scored([1.0], code_counts=np.zeros(4, np.int64))
    for name in ("perplexity", "codebook_use"):
        assert outcome(name, predictions) == ("no code was used: the split has no background event")


def test_compression_is_bits_before_over_bits_after() -> None:
    predictions = scored([1.0], input_bits=32.0 * 4 * 10, bits_per_event=8 * math.log2(512))
    assert COMPUTE["bits_per_event"](predictions) == 72
    assert COMPUTE["compression_ratio"](predictions) == pytest.approx(1280 / 72)
    one_code = replace(predictions, bits_per_event=0.0)
    assert "one code" in str(outcome("compression_ratio", one_code))


def test_the_definition_of_compression_says_what_the_input_counts() -> None:
    (metric,) = [metric for metric in METRICS if metric.name == "compression_ratio"]
    for words in ("32 bits for each of the 3 features", "3 bits", "globals count nothing"):
        assert words in metric.definition
    assert "a constant of the options" in metric.definition


def test_every_value_is_a_finite_number_within_its_bounds() -> None:
    predictions = drawn(4, 2000)
    for metric in METRICS:
        value = COMPUTE[metric.name](predictions)
        assert type(value) is float
        assert math.isfinite(value)
        if metric.bounds:
            assert metric.bounds[0] <= value <= metric.bounds[1]
