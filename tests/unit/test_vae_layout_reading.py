"""Reading metrics in the guide's layout: ours, the guide's own examples, and what is neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studygrid.errors import RecordError
from studygrid.interchange.vae import is_vae_metrics, read_vae_metrics

# The examples of the guide, without its dots.
GUIDE_METRICS: dict[str, Any] = {
    "train": {"train_loss": 1234.5, "train_bce": 890.3, "train_kld": 344.2},
    "val": {
        "val_loss": 1200.1,
        "val_bce": 870.5,
        "val_kld": 329.6,
        "val_hamming_loss": 0.15,
        "val_jaccard_index": 0.68,
    },
    "test": {
        "test_loss": 1195.8,
        "test_bce": 865.2,
        "test_kld": 330.6,
        "test_diversity_pct_unique_combinations": 87.5,
        "test_diversity_entropy": 8.3,
        "test_cooccurrence_cosine_similarity": 0.82,
    },
}
GUIDE_SUMMARY: dict[str, Any] = {
    "config": {
        "model_name": "vae_small",
        "model": {"latent_dim": 32, "hidden_dim": 128, "dropout_p": 0.3},
        "trainer": {"max_epochs": 250, "learning_rate": 5e-4},
    },
    "metrics": GUIDE_METRICS,
}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def refused(path: Path) -> str:
    with pytest.raises(RecordError) as error:
        read_vae_metrics(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_the_guides_metrics(tmp_path: Path) -> None:
    found = read_vae_metrics(write(tmp_path / "vae_small_metrics.json", GUIDE_METRICS))
    assert found.name == "vae_small"
    assert found.metrics["train"] == {"loss": 1234.5, "bce": 890.3, "kl": 344.2}
    assert found.metrics["validation"]["jaccard_index"] == 0.68
    assert found.metrics["test"] == {
        "loss": 1195.8,
        "bce": 865.2,
        "kl": 330.6,
        "reconstruction_unique_percent": 87.5,
        "reconstruction_entropy_nats": 8.3,
        "reconstruction_cooccurrence_cosine": 0.82,
    }
    assert (found.config, found.summary, found.loss) == (None, None, None)
    assert not found.written_here


def test_the_guides_summary(tmp_path: Path) -> None:
    found = read_vae_metrics(write(tmp_path / "summary.json", GUIDE_SUMMARY))
    assert found.name == "vae_small"
    assert found.config is not None
    assert found.config.model["latent_dim"] == 32
    assert found.config.trainer == {"max_epochs": 250, "learning_rate": 5e-4}
    assert found.metrics["test"]["kl"] == 330.6
    assert not found.written_here


def slashed(phase: str, scores: dict[str, float]) -> dict[str, float]:
    return {key.replace(f"{phase}_", f"{phase}/", 1): value for key, value in scores.items()}


def test_keys_with_a_slash_are_the_same(tmp_path: Path) -> None:
    content = {phase: slashed(phase, scores) for phase, scores in GUIDE_METRICS.items()}
    assert "test/diversity_entropy" in content["test"]
    plain = read_vae_metrics(write(tmp_path / "a_metrics.json", GUIDE_METRICS))
    assert read_vae_metrics(write(tmp_path / "b_metrics.json", content)).metrics == plain.metrics


def test_other_names_of_metrics_are_known_and_unknown_ones_are_kept(tmp_path: Path) -> None:
    test = {
        "test/active_units_pct_active_units": 100.0,
        "test/silhouette_score": 0.1,
        "test_pct_active_units_of_mine": 3,
        "kld": 4.0,
        "epoch": 250,
    }
    found = read_vae_metrics(write(tmp_path / "metrics.json", {"test": test}))
    assert found.metrics == {
        "test": {
            "active_units_percent": 100.0,
            "silhouette": 0.1,
            "pct_active_units_of_mine": 3.0,
            "kl": 4.0,
            "epoch": 250.0,
        }
    }


def test_a_name_comes_from_the_file_or_its_folder(tmp_path: Path) -> None:
    names = {
        "outputs/vae_training/my_run/metrics.json": "my_run",
        "models/metrics/a_metrics_metrics.json": "a_metrics",
        "models/metrics/b.json": "b",
    }
    for file, name in names.items():
        assert read_vae_metrics(write(tmp_path / file, GUIDE_METRICS)).name == name


def test_the_config_comes_from_the_summary_beside(tmp_path: Path) -> None:
    for prefix in ("", "vae_small_"):
        path = write(tmp_path / f"{prefix}metrics.json", GUIDE_METRICS)
        write(tmp_path / f"{prefix}summary.json", GUIDE_SUMMARY)
        found = read_vae_metrics(path)
        assert (found.path, found.name, found.problems) == (path, "vae_small", ())
        assert found.config is not None


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({**GUIDE_SUMMARY, "metrics": {"test": {"test_loss": 1.0}}}, "has other metrics"),
        ({"config": {}}, "its config is not known: "),
        ("{", "its config is not known: "),
    ],
)
def test_a_summary_that_does_not_fit_is_not_taken(
    tmp_path: Path, other: Any, expected: str
) -> None:
    path = write(tmp_path / "metrics.json", GUIDE_METRICS)
    write(tmp_path / "summary.json", other)
    found = read_vae_metrics(path)
    assert found.config is None
    assert expected in found.problems[0]
    assert str(tmp_path / "summary.json") in found.problems[0]


@pytest.mark.parametrize(
    ("config", "loss"),
    [
        ({"loss": {"beta": 4}}, {"beta": 4.0}),
        ({"model": {"beta": 0.5}}, {"beta": 0.5}),
        ({"trainer": {"beta": 2}}, {"beta": 2.0}),
        ({"beta": 10}, {"beta": 10.0}),
        ({"loss": {"beta_warmup": 0.5}}, None),
        ({"loss": {"beta": "4"}}, None),
        ({"loss": {"beta": True}}, None),
    ],
)
def test_beta_is_found_where_it_stands(
    tmp_path: Path, config: dict[str, Any], loss: dict[str, float] | None
) -> None:
    content = {"config": config, "metrics": GUIDE_METRICS}
    assert read_vae_metrics(write(tmp_path / "summary.json", content)).loss == loss


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_null_with_a_reason(tmp_path: Path, number: str) -> None:
    for text in (
        f'{{"test": {{"test_loss": {number}, "test_kld": 1}}}}',
        f'{{"config": {{}}, "metrics": {{"test": {{"test_loss": {number}, "test_kld": 1}}}}}}',
    ):
        found = read_vae_metrics(write(tmp_path / "x.json", text))
        assert found.metrics["test"] == {"loss": None, "kl": 1.0}
        shown = {"1e999": "Infinity"}.get(number, number)
        assert found.reasons == {"test.loss": f"the file has {shown}"}


def test_a_null_has_its_reason_or_says_that_there_is_none(tmp_path: Path) -> None:
    content = {
        "test": {"test_silhouette_score": None, "test_kld": None},
        "reasons": {"test.test_silhouette_score": "one label"},
    }
    found = read_vae_metrics(write(tmp_path / "metrics.json", content))
    assert found.reasons == {"test.silhouette": "one label", "test.kl": "no reason is given"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([], "it is of the type list"),
        ("7", "it is of the type int"),
        ({}, "it has no number"),
        ({"test": {}}, "it has no number"),
        ({"results": {"accuracy": 0.5}}, "it has no number"),
        ({"test": [1, 2]}, "test: Input should be a valid dictionary"),
        ({"test": {"test_loss": "0.5"}}, "test.test_loss: Input should be a valid number"),
        ({"test": {"test_loss": True}}, "test.test_loss: Input should be a valid number"),
        ({"test": {"test_loss": [0.5]}}, "test.test_loss: Input should be a valid number"),
        ({"metrics": GUIDE_METRICS}, "config: Field required"),
        ({"config": {}, "metrics": {"accuracy": 0.5}}, "it has no number"),
        ({"config": [], "metrics": GUIDE_METRICS}, "config: Input should be a valid dict"),
        ({"config": {"model": 3}, "metrics": GUIDE_METRICS}, "config.model: "),
        ({"test": {"test_kld": 1.0, "test/kld": 2.0}}, "test has kl twice, as 1.0 and 2.0"),
        ({"test": {"test_loss": 1.0}, "kept_epoch": -1}, "kept_epoch: "),
        ("{", "is not JSON"),
        ("", "is empty"),
        ('{"test": {"test_loss": 1, "test_loss": 2}}', "'test_loss' stands twice"),
    ],
)
def test_another_thing_is_refused(tmp_path: Path, content: Any, expected: str) -> None:
    assert expected in refused(write(tmp_path / "metrics.json", content))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "metrics.json")


def test_the_same_number_under_two_keys_is_one(tmp_path: Path) -> None:
    content = {"test": {"test_kld": 1.0, "test/kld": 1.0}}
    assert read_vae_metrics(write(tmp_path / "x.json", content)).metrics == {"test": {"kl": 1.0}}


def test_another_version_of_ours_is_refused(tmp_path: Path) -> None:
    content = {**GUIDE_SUMMARY, "written_by": "studygrid", "schema_version": 99}
    assert "schema_version is 99, not 1; export it again" in refused(
        write(tmp_path / "summary.json", content)
    )


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (GUIDE_METRICS, True),
        (GUIDE_SUMMARY, True),
        ({"test": {"test/loss": "broken"}}, True),
        ({"metrics": {"test": {"test_loss": 1}}}, True),
        ({"test": {"accuracy": 1}}, False),
        ({"test": [1]}, False),
        ({"metrics": [1]}, False),
        ({"loss": 1}, False),
        ([], False),
        (None, False),
    ],
)
def test_a_file_of_the_layout_is_told_from_another(content: Any, is_one: bool) -> None:
    assert is_vae_metrics(content) is is_one
