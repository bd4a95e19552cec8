"""Event tokenizers in evaluation and profiling, by the jobs' own `main` and by the task itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from sklearn.metrics import roc_auc_score

from studygrid.execution import fingerprints
from studygrid.execution.source_code import Source
from studygrid.families import load_family
from studygrid.families.events.corruption import NOISE_SD, corrupted
from studygrid.families.events.losses import EventLoss, event_errors
from studygrid.families.events.models.event_model import Reconstruction
from studygrid.families.events.options import AugmentationOptions, LossOptions
from studygrid.families.events.samples import Events
from studygrid.families.events.task import EventsTask
from studygrid.families.prepared import PreparedData
from studygrid.forward_pass import ForwardPass
from studygrid.plan import make_plan
from studygrid.profiling import job as profiling
from studygrid.records import ProfileRecord, read_record
from studygrid.spec import ProfileSpec
from tests.unit.conftest import Bench
from tests.unit.events_bench import (
    BASE,
    CLASSES,
    ENCODERS,
    FITTED,
    TOKENIZERS,
    TOKENS,
    options_of,
    write_events,
)

FAMILY = load_family("events")
EVERY = FAMILY.metric_names
EPOCH = ("loss", *FAMILY.epoch_metrics)
CPU = torch.device("cpu")
BACKGROUND = 40  # in the test split of the bench


def test_the_study_of_tokenizers_varies_the_codebook_at_its_largest_place_alone() -> None:
    config = yaml.safe_load(
        (Path(__file__).parents[2] / "config/studies/tokenizers.yaml").read_text()
    )
    plan = make_plan(config)
    for model in ("gnn_linear_2", "gnn_vq_2", "mlp_vq_8_codes_32"):
        runs = [run for run in plan.runs if run.model == model]
        assert {(run.resolution, run.n_train) for run in runs} == {(32, "all")}
        assert len(runs) == 3
    models = plan.resolved()["models"]
    fewer = models["mlp_vq_8_codes_32"]
    assert (fewer["options"]["codes"], models["mlp_vq_8"]["options"]["codes"]) == (32, 256)
    assert {**fewer, "options": {**fewer["options"], "codes": 256}} == models["mlp_vq_8"]
    for kind in ("linear", "vq"):  # as wide as the other encoders'
        of_gnn, of_mlp = (models[f"{encoder}_{kind}_2"]["options"] for encoder in ("gnn", "mlp"))
        assert of_mlp.items() <= of_gnn.items()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_events(tmp_path_factory.mktemp("events") / "data")


@pytest.fixture
def bench(tmp_path: Path, data: Path) -> Bench:
    return Bench(tmp_path, data, BASE)


def made(bench: Bench, architecture: str = "mlp", **changes: Any) -> tuple[EventsTask, Any]:
    """Return a task and a fresh model, whose codebook has seen a batch, or one that is fitted."""
    options = options_of(architecture, **changes.pop("options", {}))
    spec = bench.spec(architecture=architecture, **changes).model_copy(update={"options": options})
    data = PreparedData(bench.data)
    task = EventsTask(FAMILY, spec, data, CPU)
    task.start_training(spec, data.indices("train")[:64])
    torch.manual_seed(0)
    model = task.build_model()
    if architecture in FITTED:
        task.fit(model)
    else:
        events = task.training_batch(torch.arange(64), torch.Generator())
        with torch.no_grad():
            model(*events[:3])
    return task, model.eval()


def arrays_of(bench: Bench, split: str) -> dict[str, Any]:
    data = PreparedData(bench.data)
    indices = data.indices(split)  # type: ignore[arg-type]
    names = ("tokens", "classes", "mask", "globals", "label")
    return {name: np.asarray(data.array(name)[indices]) for name in names}


# --- Scores


@pytest.mark.parametrize(
    ("architecture", "tokenizer"),
    [*((encoder, tokenizer) for encoder in ENCODERS for tokenizer in TOKENIZERS)]
    + [(name, "none") for name in FITTED],
)
def test_scores_do_not_depend_on_the_batch_size(
    bench: Bench, architecture: str, tokenizer: str
) -> None:
    options = {} if architecture in FITTED else {"tokenizer": tokenizer}
    task, model = made(bench, architecture, options=options)
    found = [task.score(model, "test", EVERY, size) for size in (1, 7, 1000)]
    for other in found[1:]:
        assert other.undefined == found[0].undefined
        for name, value in found[0].values.items():
            expected = None if value is None else pytest.approx(value, rel=1e-5, abs=1e-5)
            assert other.values[name] == expected, name
        for name, array in found[0].per_sample.items():
            assert np.allclose(array, other.per_sample[name], rtol=1e-5, atol=1e-5), name


def test_errors_and_scores_are_of_valid_tokens_and_given_globals(bench: Bench) -> None:
    task, model = made(bench, loss={"globals_weight": 0.5, "class_weight": 2.0})
    scores = task.score(model, "test", EVERY, 16)
    arrays, facts = arrays_of(bench, "test"), PreparedData(bench.data).record.facts
    scale = {name: (np.array(s["mean"]), np.array(s["sd"])) for name, s in facts["scaling"].items()}
    features = (arrays["tokens"] - scale["tokens"][0]) / scale["tokens"][1]
    values = ((arrays["globals"] - scale["globals"][0]) / scale["globals"][1])[:, 1:]  # no mjj
    with torch.no_grad():
        found = model(
            torch.from_numpy(features.astype(np.float32)),
            torch.from_numpy(arrays["classes"]),
            torch.from_numpy(arrays["mask"]),
        )
    label = arrays["label"].astype(int)
    mse, mae, entropy, hits = [], [], [], []
    for place, mask in enumerate(arrays["mask"]):
        difference = (found.features[place].numpy() - features[place])[mask]
        mse.append((difference**2).mean())
        mae.append(np.abs(difference).mean())
        logits = found.class_logits[place].double().softmax(dim=-1).numpy()[mask]
        own = arrays["classes"][place][mask] - 1
        entropy.append(-np.log(logits[np.arange(len(own)), own]).mean())
        hits.append(logits.argmax(axis=1) == own)
    global_mse = ((found.globals.numpy() - values) ** 2).mean(axis=1)
    kept = scores.per_sample
    assert kept["index"].tolist() == PreparedData(bench.data).indices("test").tolist()
    assert kept["label"].tolist() == label.tolist()
    assert kept["token_mse"] == pytest.approx(np.array(mse), rel=1e-5, abs=1e-5)
    assert kept["token_mae"] == pytest.approx(np.array(mae), rel=1e-5, abs=1e-5)
    assert kept["globals_mse"] == pytest.approx(global_mse, rel=1e-5, abs=1e-5)
    assert kept["score"] == pytest.approx(np.array(mse) + 0.5 * global_mse, rel=1e-5, abs=1e-5)
    background = label == 0
    loss = (np.array(mse) + 0.5 * global_mse + 2 * np.array(entropy))[background].mean()
    assert scores.values["loss"] == pytest.approx(loss, abs=1e-5)
    of_background = [hit for hit, keep in zip(hits, background, strict=True) if keep]
    assert scores.values["class_accuracy"] == pytest.approx(np.concatenate(of_background).mean())
    for number, name in ((1, "xy"), (2, "tt")):
        chosen = np.isin(label, (0, number))
        auroc = roc_auc_score(label[chosen] == number, kept["score"][chosen])
        assert scores.values[f"auroc_{name}"] == pytest.approx(auroc)
    valid = arrays["mask"][background].sum(axis=1).mean()
    assert scores.values["compression_ratio"] == pytest.approx(valid * 4 * 32 / (2 * 3))
    counts = np.bincount(found.codes[background].flatten(), minlength=8)
    shares = counts[counts > 0] / counts.sum()
    assert scores.values["perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_the_loss_of_a_split_does_not_count_the_commitment(bench: Bench) -> None:
    losses = []
    for commitment in (0.0, 5.0):
        task, model = made(bench, loss={"commitment": commitment})
        losses.append(task.score(model, "validation", EPOCH, 16, details=False).values["loss"])
        batch = task.training_batch(torch.arange(20), torch.Generator())
        losses.append(task.training_loss(model, batch, 0.0)[0].item())
    assert losses[0] == losses[2]
    assert losses[1] < losses[3]


def test_globals_that_are_left_out_reach_no_model(bench: Bench, tmp_path: Path) -> None:
    """Only mjj differs between the two datasets."""
    folder = tmp_path / "changed"
    path = write_events(folder)
    values = np.load(folder / "globals.npy")
    values[:, 0] = np.random.default_rng(0).normal(1e6, 1e5, len(values))
    np.save(folder / "globals.npy", values)
    for architecture in ("mlp", *FITTED):
        task, model = made(bench, architecture)
        other = EventsTask(FAMILY, task._spec, _Unchecked(path), CPU)
        one, two = (each.score(model, "test", EVERY, 16) for each in (task, other))
        assert np.array_equal(one.per_sample["score"], two.per_sample["score"])
        if architecture == "mlp":  # it is read, for the correlation
            assert one.values["mjj_correlation"] != two.values["mjj_correlation"]
    _, model = made(bench)
    assert model.decoder.globals[-1].out_features == 2


class _Unchecked(PreparedData):
    """Prepared data whose arrays may be other ones than its record names."""

    def array(self, name: str) -> Any:
        return np.load(self.folder / f"{name}.npy")


def test_without_weight_the_globals_are_in_neither_loss_nor_score(bench: Bench) -> None:
    task, model = made(bench, loss={"globals_weight": 0.0, "class_weight": 0.0})
    scores = task.score(model, "test", EVERY, 16)
    assert scores.per_sample["score"] == pytest.approx(scores.per_sample["token_mse"])
    assert scores.values["loss"] == pytest.approx(scores.values["token_mse"])


def test_a_split_without_signals_is_scored_too(bench: Bench) -> None:
    task, model = made(bench)
    for split, count in (("train", 104), ("validation", 16)):
        scores = task.score(model, split, EVERY, 16)  # type: ignore[arg-type]
        assert len(scores.per_sample["score"]) == count
        assert scores.facts["background_events"] == count
        assert "no event of a signal" in scores.undefined["auroc"]
        assert scores.values["token_mse"] is not None
        assert scores.values["auroc_noise"] is not None


def test_without_details_there_are_values_alone(bench: Bench) -> None:
    task, model = made(bench)
    scores = task.score(model, "test", EVERY, 16, details=False)
    full = task.score(model, "test", EVERY, 16)
    assert scores.values == full.values
    assert (scores.facts, scores.tables, scores.per_sample, scores.examples) == ({}, {}, {}, {})
    assert full.facts["signal_names"] == ["xy", "tt"]
    assert full.tables.keys() == FAMILY.tables.keys()


@pytest.mark.parametrize("architecture", FITTED)
def test_what_a_model_without_tokens_lacks_is_said(bench: Bench, architecture: str) -> None:
    task, model = made(bench, architecture)
    scores = task.score(model, "test", EVERY, 16)
    for name in ("token_mse", "globals_mse", "bits_per_event", "perplexity", "auroc_noise"):
        assert scores.values[name] is None
        assert scores.undefined[name]
    assert scores.values["loss"] is not None
    assert scores.values["auroc"] is not None
    assert set(scores.per_sample) == {"index", "label", "score"}


def test_outputs_that_are_not_finite_are_no_scores_and_no_error(bench: Bench) -> None:
    task, model = made(bench)
    with torch.no_grad():
        model.decoder.tokens.bias.fill_(math.nan)
    scores = task.score(model, "test", EVERY, 16)
    for name in ("loss", "token_mse", "auroc", "auroc_noise"):
        assert scores.values[name] is None


def test_scoring_draws_from_no_generator_of_the_run(bench: Bench) -> None:
    task, model = made(bench)
    before = torch.random.get_rng_state()
    first = task.score(model, "test", EVERY, 16)
    assert torch.equal(before, torch.random.get_rng_state())
    assert task.score(model, "test", EVERY, 16).values == first.values


@pytest.mark.parametrize("tokenizer", ["linear", "vq"])
def test_a_forward_pass_in_bfloat16_scores_nearly_the_same(bench: Bench, tokenizer: str) -> None:
    task, model = made(bench, "transformer", options={"tokenizer": tokenizer})
    plain = task.score(model, "test", EVERY, 16)
    with ForwardPass(model, torch.bfloat16, CPU):
        found = task.score(model, "test", EVERY, 16)
    assert found.per_sample["token_mse"].dtype == np.float64
    assert found.values["token_mse"] == pytest.approx(plain.values["token_mse"], rel=0.05)
    assert found.values["token_mse"] != plain.values["token_mse"]


# --- Errors by hand


def test_errors_of_an_event_by_hand() -> None:
    events = Events(
        features=torch.tensor([[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]]),
        classes=torch.tensor([[2, 0]], dtype=torch.uint8),
        mask=torch.tensor([[True, False]]),
        globals=torch.tensor([[1.0, 1.0]]),
    )
    found = Reconstruction(
        features=torch.tensor([[[2.0, 2.0, 1.0], [9.0, 9.0, 9.0]]]),
        class_logits=torch.tensor([[[0.0, 1.0], [5.0, -5.0]]]),
        globals=torch.tensor([[1.0, 3.0]]),
        commitment=torch.tensor([4.0]),
        codes=torch.tensor([[0]]),
    )
    errors = event_errors(found, events)
    assert errors.token_mse.tolist() == pytest.approx([5 / 3])
    assert errors.token_mae.tolist() == [1.0]
    assert errors.globals_mse.tolist() == [2.0]
    assert errors.cross_entropy.tolist() == pytest.approx([math.log(1 + math.exp(-1))])
    assert (errors.hits.tolist(), errors.tokens.tolist()) == ([1.0], [1.0])
    loss = EventLoss(LossOptions(globals_weight=0.5, class_weight=2.0, commitment=0.25))
    total = 5 / 3 + 0.5 * 2 + 2 * math.log(1 + math.exp(-1))
    assert loss(errors).tolist() == pytest.approx([total])
    assert loss.in_training(errors, found).item() == pytest.approx(total + 0.25 * 4)
    assert loss.score(errors.token_mse, errors.globals_mse).tolist() == pytest.approx([8 / 3])


def test_there_is_no_augmentation() -> None:
    assert AugmentationOptions().model_dump() == {}


# --- Corrupted background


def test_noise_is_a_tenth_of_a_standard_deviation_and_leaves_padding() -> None:
    tokens = np.zeros((4000, 3, 3), np.float32)
    mask = np.ones((4000, 3), bool)
    mask[:, 2] = False
    sd = np.array([1.0, 2.0, 3.0])
    found = corrupted("noise", tokens, mask, sd)
    assert found.dtype == np.float32
    assert found[:, :2].std(axis=(0, 1)) == pytest.approx(NOISE_SD * sd, rel=0.05)
    assert not found[:, 2].any()
    assert np.array_equal(found, corrupted("noise", tokens, mask, sd))


def test_token_shuffle_exchanges_the_angles_of_a_fifth_of_the_tokens() -> None:
    generator = np.random.default_rng(1)
    count, tokens = 50, 30
    values = generator.normal(size=(count, tokens, 3)).astype(np.float32)
    valid = generator.integers(1, tokens + 1, count)
    valid[:3] = 1, 2, 30
    mask = np.arange(tokens) < valid[:, None]
    values *= mask[..., None]
    found = corrupted("token_shuffle", values, mask, np.ones(3))
    assert np.array_equal(found[..., 0], values[..., 0])
    moved = (found != values).any(axis=2)
    expected = np.where(valid < 2, 0, np.maximum(2, np.rint(0.2 * valid)))
    assert moved.sum(axis=1).tolist() == expected.tolist()
    assert not (moved & ~mask).any()
    for before, after in zip(values, found, strict=True):  # pairs of angles stay together
        assert sorted(map(tuple, before[:, 1:])) == sorted(map(tuple, after[:, 1:]))


def test_the_background_is_corrupted_only_where_that_is_asked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, model = made(bench)
    sizes: list[int] = []
    forward = model.forward
    monkeypatch.setattr(
        model, "forward", lambda *inputs: (sizes.append(len(inputs[0])), forward(*inputs))[1]
    )
    task.score(model, "test", EPOCH, 1000)
    assert sum(sizes) == BACKGROUND + 35
    sizes.clear()
    scores = task.score(model, "test", ["auroc_noise"], 1000)
    assert sum(sizes) == 2 * BACKGROUND + 35
    assert set(scores.facts["corrupted"]) == {"noise"}


def test_strong_noise_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studygrid.families.events.corruption.NOISE_SD", 5.0)
    task, model = made(bench)
    found = task.score(model, "test", ["auroc_noise"], 16).values["auroc_noise"]
    assert found is not None
    assert found > 0.9


# --- Jobs


@pytest.mark.parametrize("architecture", [*ENCODERS, *FITTED])
def test_the_record_of_an_evaluation_holds_all_that_is_kept(
    bench: Bench, architecture: str
) -> None:
    bench = Bench(bench.folder, bench.data, {**BASE, "options": options_of(architecture)})
    ran = bench.train(architecture=architecture)
    record = bench.evaluate(ran, *EVERY, save_scores=True)
    task = EventsTask(FAMILY, ran.record.spec, PreparedData(bench.data), CPU)
    model = task.build_model()
    model.load_state_dict(ran.weights)
    scores = task.score(model.eval(), "test", EVERY, 256)
    assert record.metrics == pytest.approx(scores.values)
    assert record.undefined == scores.undefined
    assert record.chance["auroc"] == 0.5
    assert record.facts == scores.facts
    with np.load(ran.folder / str(record.scores_file)) as arrays:
        for name, expected in scores.per_sample.items():
            assert np.array_equal(arrays[name], expected)


def profile(bench: Bench, architecture: str, **options: Any) -> ProfileRecord:
    spec = ProfileSpec.model_validate(
        {
            **{key: BASE[key] for key in ("family", "model", "resolution")},
            "architecture": architecture,
            "options": options_of(architecture, **options),
            "channels_last": False,
            "profiling": {
                "batch_sizes": [1, 4],
                "measure_sec": 0.01,
                "min_repeats": 2,
                "warmup_sec": 0.01,
            },
        }
    )
    path = bench.folder / "profiles" / architecture / "res6.json"
    arguments = ["--spec", spec.to_json(), "--code", "code", "--data", str(bench.data)]
    files = ["--output", str(path), "--log", str(path.with_suffix(".log")), "--device", "cpu"]
    assert profiling.main([*arguments, *files]) == 0, path.with_suffix(".log").read_text()
    return read_record(path, ProfileRecord)


def test_a_profile_counts_the_operations_of_an_autoencoder(bench: Bench) -> None:
    record = profile(bench, "mlp", tokenizer="linear")
    width, latent, numbers, classes, wide = 8, 2, 3, len(CLASSES) - 1, 32
    each = (3 + classes) * width + 2 * width * 2 * width  # embedding and one block
    attention = 2 * TOKENS * width * width + 2 * latent * width * width
    attention += 2 * latent * TOKENS * width
    pooled = latent * 2 * width * 2 * width
    tokenizer = 2 * latent * width * numbers
    stem = latent * width * wide + 2 * wide * 2 * wide
    heads = wide * TOKENS * (3 + classes) + latent * width * wide + wide * 2
    total = TOKENS * each + attention + pooled + tokenizer + stem + heads
    assert record.flops_per_sample == 2 * total
    assert record.input_shape == [TOKENS, 3]


@pytest.mark.parametrize("architecture", FITTED)
def test_a_profile_of_trees_is_of_as_many_and_as_deep_ones_as_there_can_be(
    bench: Bench, architecture: str
) -> None:
    record = profile(bench, architecture)
    nodes = {"isolation_forest": 511, "supervised": 31}[architecture]
    assert record.parameters == 8 * nodes * 2 + 1
    assert record.flops_per_sample == 0
    assert record.input_shape == [2]


def test_training_covers_no_code_that_evaluation_alone_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    covered: set[str] = set()
    own = fingerprints._source

    def spy(name: str) -> Source:
        covered.add(name.removeprefix("studygrid.families.events."))
        return own(name)

    monkeypatch.setattr(fingerprints, "_source", spy)
    fingerprints._fingerprint.cache_clear()
    fingerprints.train_code(FAMILY, "gnn", "loss")
    assert {"task", "scoring", "losses", "samples", "models.gnn", "models.codebook"} <= covered
    others = {"models.mlp", "models.transformer", "models.trees", "models.supervised"}
    assert not covered & {"findings", "curves", "corruption", "data.parts", *others}
    covered.clear()
    fingerprints._fingerprint.cache_clear()
    fingerprints.train_code(FAMILY, "supervised", "loss")
    assert not covered & {"models.codebook", "models.autoencoder", "models.isolation_forest"}
    fingerprints.evaluate_code(FAMILY, "gnn")
    assert {"findings", "curves", "corruption"} <= covered
