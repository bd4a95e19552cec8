"""Event tokenizers in training, by the train job's own `main`."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.metrics import accuracy_score

from studygrid.families import load_family
from studygrid.families.events import losses
from studygrid.families.events.models.codebook import Codebook
from studygrid.families.events.options import LossOptions
from studygrid.families.events.task import EventsTask
from studygrid.families.prepared import PreparedData, array_sha256
from studygrid.records import DataRecord, read_record, write_record
from tests.unit.conftest import Bench, Ran
from tests.unit.events_bench import BASE, ENCODERS, FITTED, TOKENIZERS, options_of, write_events

FAMILY = load_family("events")
PARTS = ("token_mse", "globals_mse", "class_accuracy")
OF_CODES = ("perplexity", "codebook_use")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_events(tmp_path_factory.mktemp("events") / "data")


@pytest.fixture
def bench(tmp_path: Path, data: Path) -> Bench:
    return Bench(tmp_path, data, BASE)


def bench_of(bench: Bench, architecture: str, data: Path | None = None, **options: Any) -> Bench:
    """Return a bench for an architecture."""
    base = {**BASE, "architecture": architecture, "options": options_of(architecture, **options)}
    return Bench(bench.folder, data or bench.data, base)


# --- It learns


@pytest.mark.parametrize(
    ("encoder", "tokenizer"), [("mlp", "vq"), ("transformer", "none"), ("gnn", "linear")]
)
def test_the_loss_falls_and_signals_are_stranger_than_background(
    bench: Bench, encoder: str, tokenizer: str
) -> None:
    bench = bench_of(bench, encoder, tokenizer=tokenizer)
    ran = bench.train(n_train="all", training={"steps": 60, "validations": 6})
    losses_ = [row["validation_loss"] for row in ran.epochs]
    assert losses_[-1] < 0.9 * losses_[0]
    assert ran.epochs[-1]["train_token_mse"] < 0.9 * ran.epochs[0]["train_token_mse"]
    metrics = bench.evaluate(ran, "auroc", "auroc_tt", "token_mse").metrics
    assert metrics["auroc_tt"] is not None
    assert metrics["auroc_tt"] > 0.7
    assert metrics["token_mse"] is not None
    assert metrics["token_mse"] < 1.1


@pytest.mark.parametrize("architecture", FITTED)
def test_a_model_that_is_fitted_finds_the_signals_too(bench: Bench, architecture: str) -> None:
    bench = bench_of(bench, architecture, trees=50)
    ran = bench.train(n_train="all")
    auroc = bench.evaluate(ran, "auroc_tt").metrics["auroc_tt"]
    assert auroc is not None
    assert auroc > 0.7


# --- Epochs and records


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_every_epoch_has_the_parts_of_both_splits(bench: Bench, tokenizer: str) -> None:
    bench = bench_of(bench, "mlp", tokenizer=tokenizer)
    ran = bench.train(loss={"globals_weight": 0.5, "class_weight": 0.0, "commitment": 0.0})
    for row in ran.epochs:
        for split in ("train", "validation"):
            for name in ("loss", *PARTS):
                assert math.isfinite(row[f"{split}_{name}"]), (split, name)
            total = row[f"{split}_token_mse"] + 0.5 * row[f"{split}_globals_mse"]
            assert row[f"{split}_loss"] == pytest.approx(total)
            for name in OF_CODES:
                assert (row.get(f"{split}_{name}") is None) is (tokenizer != "vq")


def test_the_training_scores_of_an_epoch_pool_its_batches(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Any, Any, int]] = []
    own = losses.training_sums

    def spy(errors: Any, found: Any, codes: int) -> Any:
        seen.append((errors, found, codes))
        return own(errors, found, codes)

    monkeypatch.setattr("studygrid.families.events.task.training_sums", spy)
    ran = bench.train(training={"steps": 4, "validations": 2, "accumulation": 3})
    assert [len(errors.tokens) for errors, _, _ in seen] == [6, 6, 4] * 4
    for row, batches in zip(ran.epochs, (seen[:6], seen[6:]), strict=True):
        joined = {
            name: np.concatenate(
                [getattr(errors, name).detach().numpy() for errors, _, _ in batches]
            )
            for name in ("token_mse", "globals_mse", "hits", "tokens")
        }
        assert row["train_token_mse"] == pytest.approx(joined["token_mse"].mean())
        assert row["train_globals_mse"] == pytest.approx(joined["globals_mse"].mean())
        accuracy = joined["hits"].sum() / joined["tokens"].sum()
        assert row["train_class_accuracy"] == pytest.approx(accuracy)
        codes = np.concatenate([found.codes.flatten().numpy() for _, found, _ in batches])
        counts = np.bincount(codes, minlength=8)
        shares = counts[counts > 0] / counts.sum()
        assert row["train_perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
        assert row["train_codebook_use"] == (counts > 0).mean()


def test_scores_of_classes_are_those_of_scikit_learn() -> None:
    truth, found = np.array([1, 2, 1, 1]), np.array([1, 1, 1, 2])
    hits = float((truth == found).sum())
    scores = losses.training_scores(torch.tensor([2.0, 1.0, 3.0, hits, 4.0]).double())
    assert scores == {
        "token_mse": 0.5,
        "globals_mse": 1.5,
        "class_accuracy": accuracy_score(truth, found),
    }


def test_the_record_says_which_loss_was_in_force(bench: Bench) -> None:
    loss = {"globals_weight": 0.5, "class_weight": 0.0, "commitment": 1.0}
    applied = bench.train(loss=loss).applied
    assert applied["loss"] == {
        "class": "EventLoss",
        **loss,
        "units": "standard deviations squared",
    }
    assert applied["data_on_device"] is True
    linear = bench_of(bench, "mlp", tokenizer="linear").train("linear").applied["loss"]
    assert "commitment" not in linear
    forest = bench_of(bench, "isolation_forest").train("forest").applied["loss"]
    assert forest == {"class": "isolation"}


@pytest.mark.parametrize("options", [{"globals_weight": -1}, {"commitment": "x"}, {"beta": 1}])
def test_a_loss_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(options))):
        LossOptions.model_validate(options)


def test_more_commitment_keeps_latent_tokens_nearer_to_their_codes(bench: Bench) -> None:
    distances = []
    for commitment in (0.0, 50.0):
        ran = bench.train(f"c{commitment}", loss={"commitment": commitment}, training={"steps": 40})
        task = EventsTask(FAMILY, ran.record.spec, bench.prepared(), torch.device("cpu"))
        model: Any = task.build_model()
        model.load_state_dict(ran.weights)
        task.start_training(ran.record.spec, bench.prepared().indices("train"))
        batch = task.training_batch(torch.arange(64), torch.Generator())
        distances.append(model.eval()(*batch[:3]).commitment.mean().item())
    assert distances[1] < 0.5 * distances[0]


# --- The loop


@pytest.mark.parametrize("encoder", ENCODERS)
def test_two_attempts_are_the_same_run_and_seeds_differ(bench: Bench, encoder: str) -> None:
    bench = bench_of(bench, encoder)
    first, again, other = bench.train("a"), bench.train("b"), bench.train("c", seed=1)
    assert first.outcome == again.outcome
    assert first.curve != other.curve


def test_a_resumed_run_has_the_codebook_of_one_that_was_not_stopped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"restart_below": 0.9}  # so that codes are drawn anew in every step
    whole = bench.train("whole", options=options)
    step = EventsTask.training_batch
    calls: list[int] = []

    def stop(self: EventsTask, positions: torch.Tensor, generator: torch.Generator) -> Any:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(self, positions, generator)

    monkeypatch.setattr(EventsTask, "training_batch", stop)
    with pytest.raises(KeyboardInterrupt):
        bench.train("stopped", options=options, extra=("--resume-share", "0.99"))
    monkeypatch.setattr(EventsTask, "training_batch", step)
    resumed = bench.train("stopped", options=options)
    assert resumed.resumed == 1
    assert resumed.outcome == whole.outcome
    codes = "tokenizer.codebook.codes"
    assert torch.equal(resumed.weights[codes], whole.weights[codes])


def test_the_kept_codebook_is_that_of_the_best_epoch(bench: Bench) -> None:
    ran = bench.train(training={"steps": 30, "validations": 10})
    best = bench.evaluate(ran, "perplexity", "token_mse")
    task = EventsTask(FAMILY, ran.record.spec, bench.prepared(), torch.device("cpu"))
    model = task.build_model()
    model.load_state_dict(ran.weights)
    values = task.score(model.eval(), "validation", ["loss", "perplexity"], 7).values
    row = ran.epochs[ran.record.best_epoch - 1]
    assert values["loss"] == pytest.approx(row["validation_loss"])
    assert values["perplexity"] == pytest.approx(row["validation_perplexity"])
    assert best.metrics["perplexity"] is not None


def test_bfloat16_trains_and_scores_finite_numbers(bench: Bench) -> None:
    for encoder in ENCODERS:
        own = bench_of(bench, encoder, tokenizer="linear")
        ran = own.train(encoder, training={"precision": "bfloat16"})
        assert ran.applied["precision"] == "bfloat16"
        plain = own.train(f"{encoder}_plain")
        for one, other in zip(ran.epochs, plain.epochs, strict=True):
            assert one["train_loss"] == pytest.approx(other["train_loss"], rel=0.05)
    coded = bench.train("vq", training={"precision": "bfloat16"})
    assert coded.weights["tokenizer.codebook.codes"].dtype == torch.float32


def test_a_batch_in_parts_teaches_what_the_whole_does(bench: Bench) -> None:
    """Without a codebook, which follows each part."""
    bench = bench_of(bench, "transformer", tokenizer="linear")
    whole = bench.train("whole")
    parts = bench.train("parts", training={"accumulation": 3})
    assert parts.applied["micro_batch_size"] == 6
    for one, other in zip(whole.epochs, parts.epochs, strict=True):
        for name, value in one.items():
            if name.startswith(("train_", "validation_")) and value is not None:
                assert other[name] == pytest.approx(value, rel=1e-3), name


def test_a_run_that_diverges_is_a_result(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Codebook.forward

    def broken(self: Codebook, vectors: torch.Tensor) -> Any:
        coded = forward(self, vectors)
        return coded._replace(vectors=coded.vectors * math.nan)

    monkeypatch.setattr(Codebook, "forward", broken)
    ran = bench.train()
    assert ran.record.status.value == "diverged"
    assert "training loss is nan" in str(ran.record.reason)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_it_trains_on_cuda_and_does_so_again(bench: Bench, encoder: str, precision: str) -> None:
    bench = bench_of(bench, encoder)
    training = {"precision": precision}
    ran = bench.train("a", device="cuda", training=training)
    assert all(math.isfinite(row["validation_loss"]) for row in ran.epochs)
    assert bench.train("b", device="cuda", training=training).outcome == ran.outcome


# --- Models that are fitted, and who sees signals


@pytest.mark.parametrize("architecture", FITTED)
def test_a_model_is_fitted_in_one_epoch_of_one_step(bench: Bench, architecture: str) -> None:
    bench = bench_of(bench, architecture)
    ran = bench.train()
    record = ran.record
    assert (record.status.value, record.epochs, record.best_epoch) == ("ok", 1, 1)
    (row,) = ran.epochs
    assert math.isfinite(row["train_loss"])
    assert math.isfinite(row["validation_loss"])
    assert bench.train("again").outcome == ran.outcome
    assert bench.train("larger", n_train="all").sha256 != ran.sha256
    assert bench.train("seed", seed=1).sha256 != ran.sha256


def copy_with(data: Path, folder: Path, **arrays: Any) -> Path:
    """Return prepared data with other arrays, whose record names them."""
    shutil.copytree(data.parent, folder)
    record = read_record(folder / "data.json", DataRecord)
    described = dict(record.arrays)
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
        described[name] = described[name].model_copy(
            update={"sha256": array_sha256(values), "shape": list(values.shape)}
        )
    write_record(folder / "data.json", record.model_copy(update={"arrays": described}))
    return folder / "data.json"


@pytest.mark.parametrize("architecture", [*ENCODERS, *FITTED])
def test_only_supervised_reads_the_reference_signals(
    bench: Bench, tmp_path: Path, architecture: str
) -> None:
    prepared = bench.prepared()
    reference = prepared.array("reference")
    garbage = np.arange(3, dtype=np.int64)  # background, and not as many
    other = copy_with(bench.data, tmp_path / "garbage", reference=garbage)
    first = bench_of(bench, architecture).train("a")
    second = bench_of(bench, architecture, other).train("b")
    assert len(reference) == 35
    assert (first.sha256 == second.sha256) is (architecture != "supervised")


@pytest.mark.parametrize("architecture", [*ENCODERS, *FITTED])
def test_no_model_learns_from_signals_of_the_test_split(
    bench: Bench, tmp_path: Path, architecture: str
) -> None:
    """Events of the test split are made garbage: the weights are the same to the last bit."""
    prepared = PreparedData(bench.data)
    test = prepared.indices("test")
    changed = {name: np.array(prepared.array(name)) for name in ("tokens", "globals", "classes")}
    for values in changed.values():
        values[test] = 1
    other = copy_with(bench.data, tmp_path / "garbage", **changed)
    first = bench_of(bench, architecture).train("a")
    assert bench_of(bench, architecture, other).train("b").sha256 == first.sha256


def test_supervised_without_reference_signals_is_refused(bench: Bench, tmp_path: Path) -> None:
    data = write_events(tmp_path / "alone", counts=(60,))
    ran = bench_of(bench, "supervised", data).train(n_train=20, expected=1)
    log = (ran.folder / "training.log").read_text()
    assert "raise dataset.reference_fraction" in log
    bench_of(bench, "isolation_forest", data).train("forest", n_train=20)


def test_one_training_event_is_enough_for_a_forest(bench: Bench) -> None:
    bench = bench_of(bench, "isolation_forest")
    ran: Ran = bench.train(n_train=1)
    assert bench.evaluate(ran, "loss").metrics["loss"] is not None
