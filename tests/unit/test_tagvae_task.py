"""Tag VAEs in evaluation and profiling, by the jobs' own `main` and by the task itself."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, hamming_loss, jaccard_score

from studygrid.execution import fingerprints
from studygrid.execution.source_code import Source
from studygrid.families import load_family
from studygrid.families.prepared import PreparedData
from studygrid.families.tagvae import scoring
from studygrid.families.tagvae.models.tag_model import TagModel
from studygrid.families.tagvae.task import TagVaeTask
from studygrid.profiling import job as profiling
from studygrid.records import ProfileRecord, read_record
from studygrid.spec import ProfileSpec, TrainSpec
from tests.unit.conftest import Bench, Ran
from tests.unit.tagvae_bench import BASE, BASELINES, COUNTS, TAGS, write_tags

FAMILY = load_family("tagvae")
EVERY = FAMILY.metric_names
PRIOR = [name for name in EVERY if name.startswith("prior_")]
LATENT = ["active_units_percent", "silhouette"]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tags(tmp_path_factory.mktemp("tags") / "data")


@pytest.fixture
def bench(tmp_path: Path, data: Path) -> Bench:
    return Bench(tmp_path, data, BASE)


def task_of(bench: Bench, **changes: Any) -> TagVaeTask:
    """Return the task of a run, before any training."""
    return TagVaeTask(FAMILY, bench.spec(**changes), PreparedData(bench.data), CPU)


def made(bench: Bench, architecture: str = "mlp_vae", **changes: Any) -> tuple[TagVaeTask, Any]:
    """Return a task and a fresh model, or one that is fitted, ready to be scored."""
    options = {} if architecture in BASELINES else BASE["options"]
    spec = bench.spec(architecture=architecture, **changes)
    spec = spec.model_copy(update={"options": {**options, **changes.get("options", {})}})
    task = TagVaeTask(FAMILY, spec, PreparedData(bench.data), CPU)
    task.start_training(spec, PreparedData(bench.data).indices("train")[:64])
    torch.manual_seed(0)
    model = task.build_model()
    if architecture in BASELINES:
        task.fit(model)
    return task, model.eval()


def rows_of(bench: Bench, split: str) -> np.ndarray[Any, Any]:
    data = PreparedData(bench.data)
    return np.asarray(data.array("tags")[data.indices(split)])  # type: ignore[arg-type]


def trained(bench: Bench, ran: Ran) -> tuple[TagVaeTask, TagModel]:
    """Return the task of a run, and the model with its kept weights."""
    spec: TrainSpec = ran.record.spec
    task = TagVaeTask(FAMILY, spec, PreparedData(bench.data), CPU)
    model = task.build_model()
    model.load_state_dict(ran.weights)
    assert isinstance(model, TagModel)
    return task, model.eval()


def close(one: Iterable[Any], other: Iterable[Any], tolerance: float) -> bool:
    return np.allclose(np.asarray(one, float), np.asarray(other, float), rtol=0, atol=tolerance)


def noise_of(model: Any, rows: torch.Tensor, task_seed: int) -> torch.Tensor:
    """Return the noise that the rows of a split are scored with."""
    seen: list[torch.Tensor] = []

    def spy(tags: torch.Tensor, noise: Any = None) -> Any:
        if noise is not None:
            seen.append(noise)
        return type(model).forward(model, tags, noise)

    model.forward = spy
    tags = rows.numpy().astype(np.uint8)
    scoring.score_split(model, iter([rows]), tags, 1.0, seed=task_seed, samples=False)
    del model.forward
    return torch.cat(seen)


# --- Scores


@pytest.mark.parametrize("architecture", ["mlp_vae", *BASELINES])
def test_scores_do_not_depend_on_the_batch_size(bench: Bench, architecture: str) -> None:
    task, model = made(bench, architecture)
    found = [task.score(model, "test", EVERY, size) for size in (1, 7, COUNTS["test"], 1000)]
    for other in found[1:]:
        assert other.undefined == found[0].undefined
        for name in EVERY:
            assert other.values[name] == pytest.approx(found[0].values[name], abs=1e-6), name
        for name, array in found[0].per_sample.items():
            assert close(array, other.per_sample[name], 1e-5), name
        for name, table in found[0].tables.items():
            assert close(table, other.tables[name], 1e-6), name


def test_scoring_draws_from_no_generator_of_the_run(bench: Bench) -> None:
    task, model = made(bench)
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = task.score(model, "validation", EVERY, 16, details=False)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(2)
    assert task.score(model, "validation", EVERY, 16, details=False) == first


def test_bce_is_at_a_draw_of_the_posterior_and_the_reconstruction_at_its_mean(
    bench: Bench,
) -> None:
    task, model = made(bench)
    rows = torch.from_numpy(rows_of(bench, "test")).float()
    scores = task.score(model, "test", EVERY, 16)
    with torch.no_grad():
        mean, log_variance = model.encode(rows)
        noise = noise_of(model, rows, task_seed=bench.spec().seed)
        drawn = model.decode(mean + torch.exp(log_variance / 2) * noise)
        predicted = (torch.sigmoid(model.decode(mean)) >= 0.5).numpy()
        bce = torch.nn.functional.binary_cross_entropy_with_logits(
            drawn, rows, reduction="none"
        ).sum(dim=1)
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
    assert close(scores.per_sample["bce"], bce, 1e-5)
    assert close(scores.per_sample["kl"], kl, 1e-5)
    assert scores.values["bce"] == pytest.approx(bce.mean().item(), abs=1e-5)
    assert scores.values["elbo"] == pytest.approx(-(bce + kl).mean().item(), abs=1e-5)
    assert scores.values["hamming_loss"] == pytest.approx(hamming_loss(rows.numpy(), predicted))
    assert scores.values["jaccard_index"] == pytest.approx(
        jaccard_score(rows.numpy(), predicted, average="micro")
    )
    assert scores.values["micro_f1"] == pytest.approx(
        f1_score(rows.numpy(), predicted, average="micro")
    )
    wrong = (rows.numpy() != predicted).sum(axis=1)
    assert scores.per_sample["hamming_distance"].tolist() == wrong.tolist()
    assert scores.per_sample["tags_per_row"].tolist() == rows.sum(dim=1).tolist()
    assert scores.per_sample["reconstructed_tags_per_row"].tolist() == predicted.sum(1).tolist()


def test_the_loss_of_a_split_counts_the_whole_of_beta(bench: Bench) -> None:
    task, model = made(bench, loss={"beta": 4.0, "beta_warmup": 1.0})
    values = task.score(model, "validation", EVERY, 16).values
    assert values["bce"] is not None
    assert values["kl"] is not None
    assert values["loss"] == pytest.approx(values["bce"] + 4 * values["kl"])
    assert values["elbo"] == pytest.approx(-values["bce"] - values["kl"])


def test_rows_are_drawn_from_the_prior_only_where_they_are_asked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, model = made(bench)
    drawn: list[int] = []
    sample = type(model).sample

    def spy(self: Any, count: int, generator: torch.Generator) -> torch.Tensor:
        drawn.append(count)
        rows: torch.Tensor = sample(self, count, generator)
        return rows

    monkeypatch.setattr(type(model), "sample", spy)
    scores = task.score(model, "test", [name for name in EVERY if name not in PRIOR], 16)
    assert drawn == []
    assert scores.facts["samples"] == 0
    assert scores.facts["prior_tags_per_row"] is None
    assert "cooccurrence_prior" not in scores.examples
    assert {row[2] for row in scores.tables["tag_frequency"]} == {0}
    assert scores.undefined == {}
    assert task.score(model, "test", PRIOR[:1], 16).facts["samples"] == COUNTS["test"]
    assert drawn == [COUNTS["test"]]


def test_what_is_kept_of_the_test_split_agrees_with_its_rows(bench: Bench) -> None:
    task, model = made(bench)
    rows = rows_of(bench, "test")
    scores = task.score(model, "test", EVERY, 16)
    facts, tables = scores.facts, scores.tables
    assert scores.class_shares is None
    assert facts["rows"] == facts["samples"] == len(rows)
    assert facts["latent_units"] == model.latent == len(tables["latent_units"])
    assert facts["beta"] == 1.0
    percent = scores.values["active_units_percent"]
    assert percent == pytest.approx(100 * facts["active_units"] / model.latent)
    assert facts["data_tags_per_row"] == pytest.approx(rows.sum(axis=1).mean())
    assert facts["data_unique_percent"] == pytest.approx(
        100 * len(np.unique(rows, axis=0)) / len(rows)
    )
    assert scores.values["prior_tags_per_row_error"] == pytest.approx(
        abs(facts["prior_tags_per_row"] - facts["data_tags_per_row"])
    )
    frequency, lengths = (np.array(tables[name]) for name in ("tag_frequency", "tags_per_row"))
    assert frequency.shape == (TAGS, 3)
    assert frequency[:, 0].tolist() == rows.sum(axis=0).tolist()
    assert lengths[:, 0].tolist() == list(range(len(lengths)))
    assert lengths[:, 1:].sum(axis=0).tolist() == [len(rows)] * 3
    assert (lengths[:, :1] * lengths[:, 1:]).sum(axis=0).tolist() == frequency.sum(axis=0).tolist()
    assert sum(row[1] for row in tables["latent_units"]) == pytest.approx(scores.values["kl"])
    shown = scores.examples
    assert shown["cooccurrence_data"] == pytest.approx(rows.T.astype(float) @ rows / len(rows))
    assert shown["cooccurrence_prior"].shape == (TAGS, TAGS)
    assert shown["projection"].shape == (len(rows), 2)
    assert shown["projection_label"].shape == (len(rows),)
    assert shown["projection_share"].shape == (2,)
    assert scores.per_sample["index"].tolist() == list(range(181 - 45, 181))


@pytest.mark.parametrize("architecture", [*BASELINES, "mlp_vae"])
def test_seeds_draw_other_rows_from_the_prior_and_one_seed_the_same(
    bench: Bench, architecture: str
) -> None:
    def drawn(seed: int) -> Any:
        task, model = made(bench, architecture, seed=seed)
        return task.score(model, "test", EVERY, 16).tables["tag_frequency"]

    first = drawn(0)
    assert drawn(0) == first
    assert [row[2] for row in drawn(1)] != [row[2] for row in first]


@pytest.mark.parametrize("architecture", BASELINES)
def test_a_model_without_a_latent_space_says_so(bench: Bench, architecture: str) -> None:
    task, model = made(bench, architecture)
    scores = task.score(model, "test", EVERY, 16)
    assert all("no latent space" in scores.undefined[name] for name in LATENT)
    # No tag is more likely than not by itself, so independent ones reconstruct none.
    others = set(scores.undefined) - set(LATENT)
    assert bool(others) is (architecture == "independent_bernoulli")
    assert all(name.startswith("reconstruction_") for name in others)
    assert scores.facts["latent_units"] is None
    assert scores.facts["active_units"] is None
    assert scores.facts["collapsed"] is False
    assert "latent_units" not in scores.tables
    assert not any(name.startswith("projection") for name in scores.examples)
    kl = 0.0 if architecture == "independent_bernoulli" else math.log(64)
    assert scores.values["kl"] == pytest.approx(kl)


def test_outputs_that_are_not_finite_are_no_scores_and_no_error(bench: Bench) -> None:
    task, model = made(bench)
    with torch.no_grad():
        model.mean.bias.fill_(math.nan)
    scores = task.score(model, "test", EVERY, 16)
    assert all(value is None for value in scores.values.values())
    assert scores.facts["active_units"] is None
    assert scores.facts["rows"] == COUNTS["test"]
    assert scores.facts["data_tags_per_row"] > 0


def test_a_dead_posterior_is_called_collapsed(bench: Bench) -> None:
    task, model = made(bench)
    with torch.no_grad():
        for layer in (model.mean, model.log_variance):
            layer.weight.zero_()
            layer.bias.zero_()
    scores = task.score(model, "test", EVERY, 16)
    assert scores.facts["collapsed"] is True
    assert scores.facts["active_units"] == 0
    assert scores.values["kl"] == 0


def test_noise_belongs_to_the_row_and_not_to_the_model(bench: Bench) -> None:
    seen: list[torch.Tensor] = []
    for options in ({}, {"hidden": [5]}):
        _, model = made(bench, options=options)
        rows = rows_of(bench, "test")
        forward = model.forward

        def spy(tags: torch.Tensor, noise: Any = None, run: Any = forward) -> Any:
            if noise is not None:
                seen.append(noise)
            return run(tags, noise)

        model.forward = spy
        batches = iter(torch.split(torch.from_numpy(rows).float(), 20))
        with torch.inference_mode():
            scoring.score_split(model, batches, rows, 1.0, seed=0, samples=False)
    half = len(seen) // 2
    assert torch.equal(torch.cat(seen[:half]), torch.cat(seen[half:]))
    assert len(set(torch.cat(seen[:half]).flatten().tolist())) == COUNTS["test"] * 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("architecture", ["mlp_vae", *BASELINES])
def test_scores_are_those_of_the_cpu_on_cuda(bench: Bench, architecture: str) -> None:
    task, model = made(bench, architecture)
    expected = task.score(model, "test", EVERY, 16)
    cuda = torch.device("cuda")
    spec = bench.spec(architecture=architecture).model_copy(
        update={"options": {} if architecture in BASELINES else BASE["options"]}
    )
    other = TagVaeTask(FAMILY, spec, PreparedData(bench.data), cuda)
    found = other.score(model.to(cuda), "test", EVERY, 7)
    for name in ("bce", "kl", "hamming_loss"):
        assert found.values[name] == pytest.approx(expected.values[name], abs=1e-4)
    # A draw that lies at its probability may fall to either side.
    prior = [np.array(one.tables["tag_frequency"])[:, 2] for one in (expected, found)]
    assert np.abs(prior[0] - prior[1]).max() <= 1
    if architecture in BASELINES:
        other.start_training(spec, PreparedData(bench.data).indices("train")[:64])
        fresh = other.build_model().to(cuda)
        other.fit(fresh)
        for one, two in zip(fresh.parameters(), model.parameters(), strict=True):
            assert torch.allclose(one.float(), two.float())


def test_training_covers_no_code_that_evaluation_alone_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    covered: set[str] = set()
    own = fingerprints._source

    def spy(name: str) -> Source:
        covered.add(name.removeprefix("studygrid.families.tagvae."))
        return own(name)

    monkeypatch.setattr(fingerprints, "_source", spy)
    fingerprints._fingerprint.cache_clear()
    fingerprints.train_code(FAMILY, "mlp_vae", "loss")
    kept = {"findings", "diversity", "cooccurrence", "latent"}
    assert {"task", "scoring", "losses", "models.mlp_vae", "metrics.loss"} <= covered
    assert not covered & {*kept, "models.nearest_neighbour", "data.rows"}
    fingerprints.evaluate_code(FAMILY, "mlp_vae")
    assert kept <= covered


# --- The evaluate job


@pytest.mark.parametrize("architecture", ["mlp_vae", *BASELINES])
def test_the_record_of_an_evaluation_holds_all_that_is_kept(
    bench: Bench, architecture: str
) -> None:
    options = {} if architecture in BASELINES else BASE["options"]
    bench = Bench(bench.folder, bench.data, {**BASE, "options": options})
    ran = bench.train(architecture=architecture)
    record = bench.evaluate(ran, *EVERY, save_scores=True)
    task, model = trained(bench, ran)
    scores = task.score(model, "test", EVERY, 256)
    assert record.metrics == pytest.approx(scores.values)
    assert record.undefined == scores.undefined
    assert record.facts == scores.facts
    assert record.tables == {name: list(map(list, rows)) for name, rows in scores.tables.items()}
    assert record.chance == {}
    for file, expected in (
        (record.scores_file, scores.per_sample),
        (record.examples_file, scores.examples),
    ):
        assert file is not None
        with np.load(ran.folder / file) as arrays:
            assert set(arrays) == set(expected)
            assert all(np.array_equal(arrays[name], expected[name]) for name in arrays)


# --- Profiles


def profile(bench: Bench, architecture: str, **options: Any) -> ProfileRecord:
    spec = ProfileSpec.model_validate(
        {
            **{key: BASE[key] for key in ("family", "model", "resolution")},
            "architecture": architecture,
            "options": options,
            "channels_last": False,
            "profiling": {
                "batch_sizes": [1, 4],
                "measure_sec": 0.01,
                "min_repeats": 2,
                "warmup_sec": 0.01,
            },
        }
    )
    path = bench.folder / "profiles" / architecture / "res12.json"
    arguments = ["--spec", spec.to_json(), "--code", "code", "--data", str(bench.data)]
    files = ["--output", str(path), "--log", str(path.with_suffix(".log")), "--device", "cpu"]
    assert profiling.main([*arguments, *files]) == 0, path.with_suffix(".log").read_text()
    return read_record(path, ProfileRecord)


def test_a_profile_counts_the_operations_of_decoding_the_posterior_mean(bench: Bench) -> None:
    record = profile(bench, "mlp_vae", latent=3, hidden=[16, 8])
    layers = [(TAGS, 16), (16, 8), (8, 3), (8, 3), (3, 8), (8, 16), (16, TAGS)]
    assert record.flops_per_sample == 2 * sum(a * b for a, b in layers)
    assert record.parameters == sum((a + 1) * b for a, b in layers)
    assert record.input_shape == [TAGS]
    assert [latency.batch_size for latency in record.latency] == [1, 4]


def test_a_profile_of_copies_looks_through_the_whole_training_split(bench: Bench) -> None:
    record = profile(bench, "nearest_neighbour")
    assert record.flops_per_sample == 2 * COUNTS["train"] * TAGS
    assert record.parameters == COUNTS["train"] * TAGS + 1


def test_a_profile_of_independent_tags_counts_no_operation(bench: Bench) -> None:
    record = profile(bench, "independent_bernoulli")
    assert record.flops_per_sample == 0
    assert record.parameters == TAGS


def test_an_example_is_rows_of_tags(bench: Bench) -> None:
    (rows,) = task_of(bench).example(200)
    assert rows.shape == (200, TAGS)
    assert set(rows.flatten().tolist()) == {0.0, 1.0}
