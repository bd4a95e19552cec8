"""Tag VAEs in training, by the train job's own `main`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import f1_score, hamming_loss, jaccard_score

from studygrid.families import load_family
from studygrid.families.prepared import PreparedData
from studygrid.families.tagvae import losses
from studygrid.families.tagvae.losses import TagLoss
from studygrid.families.tagvae.models.mlp_vae import MlpVae
from studygrid.families.tagvae.models.nearest_neighbour import NearestNeighbour
from studygrid.families.tagvae.options import AugmentationOptions, LossOptions
from studygrid.families.tagvae.task import TagVaeTask
from tests.unit.conftest import Bench, Ran
from tests.unit.tagvae_bench import BASE, BASELINES, TAGS, write_tags

FAMILY = load_family("tagvae")
PARTS = ("bce", "kl", "hamming_loss", "jaccard_index", "micro_f1")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tags(tmp_path_factory.mktemp("tags") / "data")


@pytest.fixture
def bench(tmp_path: Path, data: Path) -> Bench:
    return Bench(tmp_path, data, BASE)


@pytest.fixture
def baselines(tmp_path: Path, data: Path) -> Bench:
    return Bench(tmp_path, data, {**BASE, "options": {}})


def test_it_learns_the_kinds_of_rows_and_beats_independent_tags(
    bench: Bench, baselines: Bench
) -> None:
    ran = bench.train(n_train="all", training={"steps": 300, "validations": 10})
    own = bench.evaluate(ran, "elbo", "micro_f1", "active_units_percent").metrics
    plain = baselines.train("plain", architecture="independent_bernoulli", n_train="all")
    independent = baselines.evaluate(plain, "elbo", "micro_f1").metrics
    assert own["elbo"] is not None
    assert independent["elbo"] is not None
    assert own["elbo"] > independent["elbo"] + 0.3
    assert own["micro_f1"] is not None
    assert own["micro_f1"] > 0.7
    assert own["active_units_percent"] is not None
    assert own["active_units_percent"] > 0


def test_every_epoch_has_the_parts_of_both_splits(bench: Bench) -> None:
    for row in bench.train(loss={"beta": 2.0}).epochs:
        for split in ("train", "validation"):
            for name in ("loss", *PARTS):
                assert math.isfinite(row[f"{split}_{name}"]), (split, name)
            total = row[f"{split}_bce"] + 2 * row[f"{split}_kl"]
            assert row[f"{split}_loss"] == pytest.approx(total)


def test_the_training_scores_of_an_epoch_pool_its_batches(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, Any, Any]] = []
    sums = losses.training_sums

    def spy(found: Any, tags: Any, bce: Any, kl: Any) -> Any:
        seen.append((tags.numpy(), (found.logits.detach() >= 0).numpy(), bce.detach().numpy()))
        return sums(found, tags, bce, kl)

    monkeypatch.setattr("studygrid.families.tagvae.task.training_sums", spy)
    ran = bench.train(training={"steps": 4, "validations": 2, "accumulation": 3})
    assert [len(part[0]) for part in seen] == [6, 6, 4] * 4
    for row, batches in zip(ran.epochs, (seen[:6], seen[6:]), strict=True):
        tags, predicted, bce = (np.concatenate(part) for part in zip(*batches, strict=True))
        assert row["train_bce"] == pytest.approx(bce.mean())
        assert row["train_hamming_loss"] == pytest.approx(hamming_loss(tags, predicted))
        assert row["train_jaccard_index"] == pytest.approx(
            jaccard_score(tags, predicted, average="micro")
        )
        assert row["train_micro_f1"] == pytest.approx(f1_score(tags, predicted, average="micro"))


def test_scores_of_no_tag_at_all_are_those_of_a_perfect_guess() -> None:
    found = losses.training_scores(torch.tensor([3.0, 36.0, 1.5, 0.0, 0.0, 0.0, 0.0]))
    assert found == {
        "bce": 0.5,
        "kl": 0.0,
        "hamming_loss": 0.0,
        "jaccard_index": 1.0,
        "micro_f1": 1.0,
    }


# --- Beta


def test_beta_rises_over_its_part_of_the_budget_and_stays() -> None:
    loss = TagLoss(LossOptions(beta=4.0, beta_warmup=0.5))
    assert [loss.beta_at(share) for share in (0.0, 0.125, 0.25, 0.5, 0.9)] == [0, 1, 2, 4, 4]
    assert TagLoss(LossOptions(beta=4.0)).beta_at(0.0) == 4
    assert TagLoss(LossOptions(beta_warmup=1.0)).beta_at(0.75) == 0.75


def test_training_warms_beta_up_and_validation_does_not(bench: Bench) -> None:
    ran = bench.train(loss={"beta": 3.0, "beta_warmup": 1.0})
    betas = [(row["train_loss"] - row["train_bce"]) / row["train_kl"] for row in ran.epochs]
    # Steps 0 to 5 of 6 have the beta 0, 0.5, ... 2.5; an epoch has two, of nearly equal KL.
    assert betas == pytest.approx([0.25, 1.25, 2.25], abs=0.15)
    for row in ran.epochs:
        total = row["validation_bce"] + 3 * row["validation_kl"]
        assert row["validation_loss"] == pytest.approx(total)


def test_the_record_says_which_loss_was_in_force(bench: Bench) -> None:
    applied = bench.train(loss={"beta": 3.0, "beta_warmup": 0.25}).applied
    assert applied["loss"] == {
        "class": "TagLoss",
        "beta": 3.0,
        "beta_warmup": 0.25,
        "units": "nats a row",
    }
    assert applied["augmentation"] == {}
    assert applied["data_on_device"] is True


def test_more_beta_is_less_kl(bench: Bench) -> None:
    ran = [
        bench.train(f"beta{beta}", loss={"beta": beta}, training={"steps": 120})
        for beta in (0.1, 1.0, 10.0)
    ]
    kl = [one.epochs[-1]["validation_kl"] for one in ran]
    assert kl[0] > kl[1] > kl[2]


def test_without_kl_it_is_an_autoencoder(bench: Bench) -> None:
    ran = bench.train(loss={"beta": 0.0})
    assert ran.epochs[-1]["train_loss"] == pytest.approx(ran.epochs[-1]["train_bce"])
    infinite = TagLoss(LossOptions(beta=0))(torch.ones(2), torch.full((2,), torch.inf), 0.0)
    assert infinite.item() == 1


@pytest.mark.parametrize(
    "options", [{"beta": -1}, {"beta_warmup": 1.5}, {"beta_warmup": -0.1}, {"bta": 1}]
)
def test_a_loss_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(options))):
        LossOptions.model_validate(options)


def test_there_is_no_augmentation() -> None:
    assert AugmentationOptions().model_dump() == {}
    with pytest.raises(ValidationError):
        AugmentationOptions.model_validate({"flip": 0.5})


# --- The loop


def test_two_attempts_are_the_same_run_and_seeds_differ(bench: Bench) -> None:
    first, again, other = bench.train("a"), bench.train("b"), bench.train("c", seed=1)
    assert first.outcome == again.outcome
    assert first.curve != other.curve


def test_a_resumed_run_ends_as_one_that_was_not_stopped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bench.train("whole", loss={"beta_warmup": 0.8})
    step = TagVaeTask.training_batch
    calls: list[int] = []

    def stop(self: TagVaeTask, positions: torch.Tensor, generator: torch.Generator) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(self, positions, generator)

    monkeypatch.setattr(TagVaeTask, "training_batch", stop)
    with pytest.raises(KeyboardInterrupt):
        bench.train("stopped", loss={"beta_warmup": 0.8}, extra=("--resume-share", "0.99"))
    monkeypatch.setattr(TagVaeTask, "training_batch", step)
    resumed = bench.train("stopped", loss={"beta_warmup": 0.8})
    assert resumed.resumed == 1
    assert resumed.outcome == whole.outcome


def test_bfloat16_trains_and_scores_finite_numbers(bench: Bench) -> None:
    ran = bench.train(training={"precision": "bfloat16"})
    assert ran.applied["precision"] == "bfloat16"
    plain = bench.train("plain")
    for one, other in zip(ran.epochs, plain.epochs, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_trains_on_cuda_and_does_so_again(bench: Bench, precision: str) -> None:
    training = {"precision": precision}
    ran = bench.train("a", device="cuda", training=training)
    assert all(math.isfinite(row["validation_loss"]) for row in ran.epochs)
    assert bench.train("b", device="cuda", training=training).outcome == ran.outcome


def test_a_batch_in_parts_teaches_what_the_whole_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dropout and the draw of the latent vector fall otherwise in parts.
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    options = {"dropout": 0.0}
    whole = bench.train("whole", options=options)
    parts = bench.train("parts", options=options, training={"accumulation": 3})
    assert parts.applied["micro_batch_size"] == 6
    for one, other in zip(whole.epochs, parts.epochs, strict=True):
        for name, value in one.items():
            if name.startswith(("train_", "validation_")):
                assert other[name] == pytest.approx(value, rel=1e-3), name


def test_a_part_of_one_row_with_batch_norm_names_what_to_change(bench: Bench) -> None:
    options = {"batch_norm": True}
    training = {"batch_size": 13, "accumulation": 4}
    ran = bench.train(options=options, training=training, expected=1)
    log = (ran.folder / "training.log").read_text()
    assert "cannot train on one sample at a time" in log
    assert "accumulation" in log
    bench.train("other", options=options, training={"batch_size": 12, "accumulation": 4})


def test_a_run_that_diverges_is_a_result(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = MlpVae.encode

    def broken(self: MlpVae, tags: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean, log_variance = encode(self, tags)
        return mean * math.nan, log_variance

    monkeypatch.setattr(MlpVae, "encode", broken)
    ran = bench.train()
    assert ran.record.status.value == "diverged"
    assert "training loss is nan" in str(ran.record.reason)


# --- Models that are fitted


@pytest.mark.parametrize("architecture", BASELINES)
def test_a_baseline_is_fitted_in_one_epoch_of_one_step(baselines: Bench, architecture: str) -> None:
    ran = baselines.train(architecture=architecture, loss={"beta": 2.0})
    record = ran.record
    assert record.status.value == "ok"
    assert (record.epochs, record.best_epoch) == (1, 1)
    (row,) = ran.epochs
    for name in PARTS:
        assert math.isfinite(row[f"train_{name}"])
    kl = 0.0 if architecture == "independent_bernoulli" else math.log(64)
    assert row["train_kl"] == pytest.approx(kl)
    assert row["validation_loss"] == pytest.approx(row["validation_bce"] + 2 * kl)
    assert baselines.train("again", architecture=architecture, loss={"beta": 2.0}).outcome == (
        ran.outcome
    )


@pytest.mark.parametrize("architecture", BASELINES)
def test_a_baseline_is_made_of_its_subset_alone(baselines: Bench, architecture: str) -> None:
    ran = baselines.train(architecture=architecture, n_train=20)
    data = PreparedData(baselines.data)
    other = baselines.train("other", architecture=architecture, n_train="all")
    assert ran.sha256 != other.sha256
    if architecture == "nearest_neighbour":
        rows = ran.weights["rows"].numpy()
        assert rows.shape == (20, TAGS)
        train = {bytes(row) for row in data.array("tags")[data.indices("train")]}
        assert {bytes(row) for row in rows} <= train
        assert other.weights["rows"].shape == (96, TAGS)
    else:
        counts = data.array("tags")[data.indices("train")].sum(axis=0, dtype=int)
        expected = np.log((counts + 1) / (96 - counts + 1))
        assert other.weights["logits"].numpy() == pytest.approx(expected, rel=1e-5)


def test_a_copy_reconstructs_its_own_training_rows(baselines: Bench) -> None:
    ran = baselines.train(architecture="nearest_neighbour")
    assert ran.epochs[0]["train_hamming_loss"] == 0
    assert ran.epochs[0]["validation_hamming_loss"] > 0


def test_one_training_row_is_enough(baselines: Bench) -> None:
    for architecture in BASELINES:
        ran = baselines.train(architecture, architecture=architecture, n_train=1)
        record = baselines.evaluate(ran, *FAMILY.metric_names)
        assert record.metrics["elbo"] is not None


def test_weights_of_copies_are_loaded_whatever_their_number(
    baselines: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    forward = NearestNeighbour.forward

    def spy(self: NearestNeighbour, tags: torch.Tensor, noise: Any = None) -> Any:
        sizes.append(len(self.rows))
        return forward(self, tags, noise)

    monkeypatch.setattr(NearestNeighbour, "forward", spy)
    ran: Ran = baselines.train(architecture="nearest_neighbour", n_train=33)
    sizes.clear()
    record = baselines.evaluate(ran, "kl")
    assert set(sizes) == {33}
    assert record.metrics["kl"] == pytest.approx(math.log(33))
