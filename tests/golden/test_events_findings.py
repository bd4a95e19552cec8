"""What evaluations of event tokenizers keep: facts, curves, histograms, numbers of each event."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as sklearn

from studygrid.families.base import Undefined
from studygrid.families.events import findings
from studygrid.families.events.histograms import shared_edges
from tests.golden.made_scores import COMPUTE, drawn, scored


def test_facts_of_a_signal_are_those_of_its_metrics() -> None:
    predictions = drawn(5, 2000)
    facts = findings.facts(predictions)
    assert facts["background_events"] == 2000
    assert facts["signal_names"] == ["xy", "wz", "tt"]
    for label, (name, events) in enumerate((("xy", 150), ("wz", 90), ("tt", 60)), start=1):
        own = facts["signals"][name]
        assert (own["label"], own["events"]) == (label, events)
        assert own["auroc"] == COMPUTE[f"auroc_{name}"](predictions)
        assert own["auroc_low"] < own["auroc"] < own["auroc_high"]
        assert own["auroc_high"] - own["auroc"] == pytest.approx(1.96 * own["auroc_se"], rel=1e-4)
        assert own["1pct"]["efficiency"] == COMPUTE[f"signal_efficiency_1pct_{name}"](predictions)
        assert own["1pct"]["background"] == 20
        assert own["01pct"]["background"] == 2
        among = np.isin(predictions.label, (0, label))
        assert own["average_precision"] == pytest.approx(
            sklearn.average_precision_score(
                predictions.label[among] == label, predictions.score[among]
            )
        )
    assert facts["corrupted"]["noise"]["auroc"] == COMPUTE["auroc_noise"](predictions)
    assert abs(facts["mjj_correlation"]) == COMPUTE["mjj_correlation"](predictions)
    json.dumps(facts, allow_nan=False)


def test_the_sign_of_the_correlation_is_kept() -> None:
    predictions = drawn(5)
    assert predictions.mjj is not None
    there = findings.facts(predictions)["mjj_correlation"]
    back = findings.facts(replace(predictions, mjj=-predictions.mjj))["mjj_correlation"]
    assert there > 0 > back


def test_facts_say_what_has_no_value() -> None:
    predictions = scored([1.0, 2.0], {"xy": [], "wz": [math.nan], "tt": [9.0]}, mjj=None)
    facts = findings.facts(predictions)
    assert facts["signals"]["xy"]["undefined"] == "the split has no event of the signal xy"
    assert "no finite" in facts["signals"]["wz"]["undefined"]
    # One event, told apart without error.
    assert facts["signals"]["tt"]["auroc"] == 1
    assert facts["signals"]["tt"]["auroc_low"] is None
    assert facts["signals"]["tt"]["1pct"] is None
    assert facts["mjj_correlation"] is None
    json.dumps(facts, allow_nan=False)


def test_curves_have_the_area_of_the_metrics() -> None:
    predictions = drawn(6, 5000, (1500, 900, 600))
    rows = np.array(findings.roc(predictions))
    assert set(rows[:, 0]) == {1, 2, 3}
    for label, name in ((1, "xy"), (2, "wz"), (3, "tt")):
        own = rows[rows[:, 0] == label]
        assert len(own) <= 250
        area = np.trapezoid(own[:, 2], own[:, 1])
        assert area == pytest.approx(COMPUTE[f"auroc_{name}"](predictions), abs=1e-6)
        assert own[0, 1:].tolist() == [0, 0]
        assert own[-1, 1:].tolist() == [1, 1]


def test_precision_recall_curves_end_at_the_share_of_signal() -> None:
    rows = np.array(findings.pr(drawn(6, 400, (100, 50))))
    last = rows[np.flatnonzero(np.diff(rows[:, 0], append=9))]
    np.testing.assert_allclose(last, [[1, 1, 100 / 500], [2, 1, 50 / 450]])


def test_signals_without_a_score_are_left_out_of_the_curves() -> None:
    predictions = scored([1.0, 2.0], {"xy": [], "wz": [3.0], "tt": [math.inf]})
    assert {row[0] for row in findings.roc(predictions)} == {2}
    assert {row[0] for row in findings.score_histogram(predictions)} == {0, 2}


@pytest.mark.parametrize("table", [findings.roc, findings.pr])
def test_background_alone_has_no_curve(table: object) -> None:
    assert callable(table)
    with pytest.raises(Undefined):
        table(scored([1.0, 2.0], {"xy": []}))
    with pytest.raises(Undefined):
        table(scored([1.0, math.nan], {"xy": [1.0]}))


def test_histograms_have_every_event_in_shared_bins() -> None:
    predictions = drawn(7)
    rows = np.array(findings.score_histogram(predictions))
    assert set(rows[:, 0]) == {0, 1, 2, 3, -1, -2}
    background = rows[rows[:, 0] == 0]
    scores = predictions.score
    for label in (0, 1, 2, 3):
        own = rows[rows[:, 0] == label]
        np.testing.assert_array_equal(own[:, 1:3], background[:, 1:3])
        assert own[:, 3].sum() == pytest.approx(1)
        low, high = own[10, 1:3]
        inside = (scores >= low) & (scores < high) & (predictions.label == label)
        assert own[10, 3] == pytest.approx(inside.sum() / (predictions.label == label).sum())
    noise = rows[rows[:, 0] == -1]
    np.testing.assert_array_equal(noise[:, 1:3], background[:, 1:3])
    assert noise[:, 3].sum() == pytest.approx(1)
    assert (background[:, 2] > background[:, 1]).all()


def test_a_long_tail_does_not_press_the_rest_into_one_bin() -> None:
    background = np.concatenate([np.random.default_rng(0).normal(size=1000), [1e9]])
    edges = shared_edges({0: background})
    assert edges[-1] == 1e9
    assert (edges < 5).sum() > 40


def test_scores_that_are_all_equal_have_one_bin() -> None:
    rows = findings.score_histogram(scored([2.0, 2.0], {"xy": [2.0]}))
    assert rows == [[0, 2.0, 2.0, 1.0], [1, 2.0, 2.0, 1.0]]


def test_equal_scores_but_one_have_bins() -> None:
    rows = np.array(findings.score_histogram(scored([2.0] * 1000, {"xy": [2.0] * 999 + [3.0]})))
    assert rows[rows[:, 0] == 1, 3].sum() == pytest.approx(1)
    assert (rows[:, 2] > rows[:, 1]).all()


def test_chance_is_half_the_area_and_the_share_itself() -> None:
    found = findings.chance(drawn(0))
    assert found["auroc"] == found["auroc_tt"] == found["auroc_noise"] == 0.5
    assert found["signal_efficiency_1pct"] == found["signal_efficiency_1pct_xy"] == 0.01
    assert found["signal_efficiency_01pct_wz"] == 0.001
    assert "mjj_correlation" not in found
    assert "token_mse" not in found
    assert findings.chance(scored([1.0], {"xy": []})) == {}


def test_numbers_of_each_event_are_kept_where_there_are_any() -> None:
    predictions = scored([1.0, 2.0], {"xy": [3.0]})
    kept = findings.per_sample(predictions, np.array([7, 8, 9]))
    assert list(kept) == ["index", "label", "score", "token_mse", "token_mae", "globals_mse"]
    assert kept["label"].tolist() == [0, 0, 1]
    assert kept["token_mae"].tolist() == [0.5, 1, 1.5]
    without = replace(predictions, token_mse=None, token_mae=None, globals_mse=None)
    assert list(findings.per_sample(without, np.arange(3))) == ["index", "label", "score"]
