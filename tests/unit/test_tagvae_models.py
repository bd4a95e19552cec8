"""Models of tags: against torch.distributions, scikit-learn and formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.neighbors import NearestNeighbors
from torch.distributions import Bernoulli, Normal, kl_divergence

from studygrid.families.base import load_reference
from studygrid.families.tagvae.losses import TagLoss, bce_of_rows
from studygrid.families.tagvae.models import architecture_names, find_architecture, mlp_vae
from studygrid.families.tagvae.models import nearest_neighbour as neighbour_module
from studygrid.families.tagvae.models.mlp_vae import LOG_VARIANCE_BOUND, MlpVae, gaussian_kl
from studygrid.families.tagvae.models.nearest_neighbour import nearest_rows
from studygrid.families.tagvae.models.options import MlpVaeOptions
from studygrid.families.tagvae.models.tag_model import FittedModel, TagModel, TagShape
from studygrid.families.tagvae.options import LossOptions
from tests.unit.tagvae_bench import BASELINES, TAGS, mixture


def build(name: str, rows: int = 0, **options: Any) -> Any:
    architecture = find_architecture(name)
    assert architecture is not None
    torch.manual_seed(0)
    return load_reference(architecture.build)(
        TagShape(TAGS, rows), architecture.options.model_validate(options), name
    )


def fitted(name: str, rows: np.ndarray[Any, Any]) -> Any:
    model = build(name)
    assert isinstance(model, FittedModel)
    model.fit(torch.from_numpy(rows))
    return model.eval()


def tags(count: int = 20, seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(mixture(count, seed)).float()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- All


def test_each_architecture_is_found_by_its_name_and_makes_a_model_of_tags() -> None:
    for name in architecture_names():
        architecture = find_architecture(name)
        assert architecture is not None
        assert architecture.name == name
        assert isinstance(build(name), TagModel)
        assert isinstance(build(name), FittedModel) is architecture.fits
    assert find_architecture("mlp") is None


@pytest.mark.parametrize("name", ["mlp_vae", *BASELINES])
def test_samples_are_the_same_for_the_same_generator_alone(name: str) -> None:
    model = build(name).eval() if name == "mlp_vae" else fitted(name, mixture(30))
    with torch.inference_mode():
        first, again, other = (model.sample(400, seeded(seed)) for seed in (0, 0, 1))
    assert first.dtype == torch.uint8
    assert first.shape == (400, TAGS)
    assert set(first.unique().tolist()) == {0, 1}
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"latent": 0}, "latent"),
        ({"latent": 2.5}, "latent"),
        ({"hidden": []}, "hidden"),
        ({"hidden": [16, 0]}, "hidden"),
        ({"hidden": 16}, "hidden"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"temperature": 0}, "temperature"),
        ({"latents": 3}, "latents"),
    ],
)
def test_options_that_no_model_has_are_refused(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        build("mlp_vae", **options)


def test_options_that_a_model_may_have_are_taken() -> None:
    model = build("mlp_vae", latent=1, hidden=[5, 3], dropout=0, batch_norm=True, temperature=0.5)
    assert model.latent == 1
    assert [tuple(p.shape) for n, p in model.named_parameters() if n.startswith("encoder.0")] == [
        (5, TAGS)
    ]


# --- mlp_vae


def test_the_bound_is_that_of_torch_distributions() -> None:
    model, rows = build("mlp_vae", latent=3, hidden=[7, 5], dropout=0).eval().double(), tags()
    noise = torch.randn(len(rows), 3, generator=seeded())
    found = model(rows.double(), noise.double())
    with torch.no_grad():
        hidden = rows.double()
        for layer in model.encoder:
            hidden = layer(hidden)
        posterior = Normal(model.mean(hidden), torch.exp(model.log_variance(hidden) / 2))
        latent = posterior.mean + posterior.stddev * noise
        for layer in model.decoder:
            latent = layer(latent)
        decoded: Any = Bernoulli(logits=model.head(latent))
        likelihood = decoded.log_prob(rows.double()).sum(dim=1)
        kl = kl_divergence(posterior, Normal(0.0, 1.0))
    assert torch.allclose(bce_of_rows(found.logits, rows).double(), -likelihood, rtol=1e-5)
    assert torch.allclose(found.kl.double(), kl, rtol=1e-5, atol=1e-7)
    loss = TagLoss(LossOptions(beta=2.5))
    total = loss(bce_of_rows(found.logits, rows), found.kl.sum(dim=1), loss.beta)
    assert total.item() == pytest.approx(
        float((-likelihood + 2.5 * kl.sum(dim=1)).mean()), rel=1e-5
    )


def test_the_gradient_of_the_loss_is_that_of_finite_differences() -> None:
    rows = tags(4).double()
    noise = torch.randn(4, 2, generator=seeded(), dtype=torch.float64)
    model = MlpVae(TAGS, MlpVaeOptions(latent=2, hidden=[3], dropout=0)).double()
    inputs = tuple(
        parameter.detach().requires_grad_() for parameter in (model.mean.weight, model.head.bias)
    )

    def loss(mean_weight: torch.Tensor, head_bias: torch.Tensor) -> torch.Tensor:
        # In float64, where the model itself goes over to float32.
        hidden = model.encoder(rows)
        mean = torch.nn.functional.linear(hidden, mean_weight, model.mean.bias)
        log_variance = model.log_variance(hidden)
        latent = mean + torch.exp(log_variance / 2) * noise
        logits = torch.nn.functional.linear(model.decoder(latent), model.head.weight, head_bias)
        bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, rows, reduction="none")
        return TagLoss(LossOptions(beta=3.0))(
            bce.sum(dim=1), gaussian_kl(mean, log_variance).sum(dim=1), 3.0
        )

    assert torch.autograd.gradcheck(loss, inputs)
    model.float().eval()
    found = model(rows.float(), noise.float())
    bce = bce_of_rows(found.logits, rows)
    total = TagLoss(LossOptions(beta=3.0))(bce, found.kl.sum(dim=1), 3.0)
    ours = torch.autograd.grad(total, (model.mean.weight, model.head.bias))
    model.double()
    exact = torch.autograd.grad(loss(*inputs), inputs)
    for one, other in zip(ours, exact, strict=True):
        assert torch.allclose(one.double(), other, rtol=1e-3, atol=1e-6)


def test_evaluation_decodes_the_posterior_mean_and_training_draws() -> None:
    model, rows = build("mlp_vae", latent=3, hidden=[7], dropout=0), tags()
    first, second = model(rows).logits, model(rows).logits
    assert not torch.allclose(first, second)
    model.eval()
    found = model(rows)
    assert torch.equal(found.logits, model(rows, torch.zeros(len(rows), 3)).logits)
    assert torch.equal(found.codes, model.encode(rows)[0])


def test_training_draws_from_the_default_generator() -> None:
    model, rows = build("mlp_vae"), tags()
    found = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        found.append(model(rows).logits)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_dropout_is_of_the_input_and_of_training_alone() -> None:
    model = build("mlp_vae", latent=2, hidden=[5], dropout=0.9)
    seen: list[torch.Tensor] = []
    model.encoder[0].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    full = torch.ones(200, TAGS)
    model(full)
    assert float((seen[0] == 0).float().mean()) == pytest.approx(0.9, abs=0.03)
    model.eval()(full)
    assert torch.equal(seen[1], full)
    assert sum(isinstance(layer, torch.nn.Dropout) for layer in model.modules()) == 1


def test_a_posterior_that_overflows_gives_a_finite_loss_and_gradient() -> None:
    model, rows = build("mlp_vae", latent=2, hidden=[5], dropout=0), tags()
    for value in (1e4, -1e4):
        model.zero_grad()
        with torch.no_grad():
            model.log_variance.bias.fill_(value)
        found = model(rows)
        loss = bce_of_rows(found.logits, rows).mean() + found.kl.sum(dim=1).mean()
        loss.backward()
        assert torch.isfinite(loss)
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())
        bound = math.copysign(LOG_VARIANCE_BOUND, value)
        assert torch.equal(model.encode(rows)[1], torch.full((len(rows), 2), bound))


def test_a_posterior_that_is_almost_the_prior_has_a_kl_above_zero() -> None:
    tiny = torch.tensor([1e-4, -1e-4, 0.0])
    exact = (torch.expm1(tiny.double()) - tiny.double()) / 2
    found = gaussian_kl(torch.zeros(3), tiny)
    assert float(found.min()) == 0
    assert torch.allclose(found.double(), exact, rtol=0, atol=1e-11)


def test_bce_is_in_float32_under_bfloat16() -> None:
    model, rows = build("mlp_vae", latent=3, hidden=[16], dropout=0).eval(), tags(400)
    plain = bce_of_rows(model(rows).logits, rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.head(torch.zeros(1, 16)).dtype == torch.bfloat16
        found = model(rows)
        bce = bce_of_rows(found.logits, rows)
    assert {bce.dtype, found.logits.dtype, found.kl.dtype, found.codes.dtype} == {torch.float32}
    assert torch.allclose(bce, plain, rtol=0.02)
    coarse = model(rows).logits.bfloat16()
    assert torch.equal(bce_of_rows(coarse, rows), bce_of_rows(coarse.float(), rows))


def test_one_row_is_refused_with_batch_norm_and_in_training_alone() -> None:
    model = build("mlp_vae", batch_norm=True)
    # The training loop says of this error what to change.
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        model(tags(1))
    model(tags(2))
    model.eval()(tags(1))
    build("mlp_vae")(tags(1))


def test_batch_norm_stands_after_each_hidden_layer() -> None:
    model = build("mlp_vae", hidden=[8, 6], batch_norm=True)
    for part, widths in ((model.encoder, [8, 6]), (model.decoder, [6, 8])):
        assert [type(layer).__name__ for layer in part] == ["Linear", "BatchNorm1d", "ReLU"] * 2
        assert [layer.num_features for layer in part if hasattr(layer, "num_features")] == widths


def test_samples_are_decoded_draws_of_the_prior_and_temperature_sharpens_them() -> None:
    cold, warm = (build("mlp_vae", latent=2, hidden=[8], temperature=t).eval() for t in (1e-3, 1.0))
    warm.head.weight.data *= 20
    cold.load_state_dict(warm.state_dict())
    with torch.inference_mode():
        latent = torch.randn(20_000, 2, generator=seeded(9))
        expected = torch.sigmoid(warm.decode(latent))
        assert torch.allclose(
            warm.sample(20_000, seeded()).float().mean(dim=0), expected.mean(dim=0), atol=0.02
        )
        drawn = cold.sample(300, seeded())
        own = cold.decode(torch.randn(300, 2, generator=seeded()))
    clear = own.abs() > 0.05
    assert torch.equal(drawn[clear], (own > 0).to(torch.uint8)[clear])
    assert float(clear.float().mean()) > 0.9
    # Nothing else knows of it.
    assert torch.equal(cold(tags()).logits, warm(tags()).logits)


def test_a_model_of_many_samples_draws_them_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("mlp_vae").eval()
    monkeypatch.setattr(mlp_vae, "_ROWS_AT_ONCE", 7)
    with torch.inference_mode():
        assert model.sample(20, seeded()).shape == (20, TAGS)


# --- independent_bernoulli


def test_independent_tags_have_the_smoothed_frequencies_and_cost_their_entropy() -> None:
    rows = mixture(50)
    rows[:, 0], rows[:, 1] = 0, 1
    model = fitted("independent_bernoulli", rows)
    found = model(torch.from_numpy(rows).float())
    p = (rows.sum(axis=0) + 1) / (len(rows) + 2)
    assert torch.sigmoid(found.logits[0]).numpy() == pytest.approx(p, rel=1e-6)
    share = rows.mean(axis=0)
    entropy = -(share * np.log(p) + (1 - share) * np.log(1 - p)).sum()
    bce = bce_of_rows(found.logits, torch.from_numpy(rows))
    assert float(bce.mean()) == pytest.approx(entropy, rel=1e-6)
    assert torch.equal(found.kl.sum(dim=1), torch.zeros(len(rows)))
    assert found.codes is None
    assert all(torch.equal(found.logits[0], row) for row in found.logits)


def test_independent_samples_have_the_frequencies() -> None:
    model = fitted("independent_bernoulli", mixture(100))
    drawn = model.sample(20_000, seeded()).double()
    expected = torch.sigmoid(model.logits.double())
    assert torch.allclose(drawn.mean(dim=0), expected, atol=0.015)
    pairs = drawn.T @ drawn / len(drawn) - expected[:, None] * expected[None]
    assert float(pairs.fill_diagonal_(0).abs().max()) < 0.015


# --- nearest_neighbour


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9), st.integers(0, 10**6))
def test_neighbours_are_the_nearest_and_of_several_the_first(
    count: int, neighbours: int, width: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    rows, others = (
        generator.integers(0, 2, (n, width)).astype(np.uint8) for n in (count, neighbours)
    )
    distances = (rows[:, None] != others[None]).sum(axis=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbour_module, "ROWS_AT_ONCE", 4)
        patch.setattr(neighbour_module, "NEIGHBOURS_AT_ONCE", 3)
        places, found = nearest_rows(torch.from_numpy(rows), torch.from_numpy(others))
        if count > 1:
            own = torch.from_numpy(rows)
            left_out = nearest_rows(own, own, leave_one_out=True)
    assert places.tolist() == distances.argmin(axis=1).tolist()
    assert found.tolist() == distances.min(axis=1).tolist()
    if count > 1:
        distances = (rows[:, None] != rows[None]).sum(axis=2)
        np.fill_diagonal(distances, width + 1)
        assert left_out[0].tolist() == distances.argmin(axis=1).tolist()
        assert left_out[1].tolist() == distances.min(axis=1).tolist()


def test_distances_are_those_of_scikit_learn() -> None:
    rows, others = mixture(60, 1), mixture(300, 2)
    search = NearestNeighbors(n_neighbors=1, metric="hamming", algorithm="brute").fit(others)
    expected = search.kneighbors(rows)[0][:, 0] * TAGS
    _, found = nearest_rows(torch.from_numpy(rows), torch.from_numpy(others))
    assert found.numpy() == pytest.approx(expected)
    left_out = NearestNeighbors(n_neighbors=1, metric="hamming").fit(others).kneighbors()[0]
    model = fitted("nearest_neighbour", others)
    rate = (left_out.sum() * TAGS + 1) / (others.size + 2)
    assert float(model.rate) == pytest.approx(rate, rel=1e-5)


def test_distances_are_exact_under_bfloat16() -> None:
    generator = np.random.default_rng(0)
    rows = torch.from_numpy((generator.random((40, 700)) < 0.9).astype(np.uint8))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, found = nearest_rows(rows, rows, leave_one_out=True)
    assert found.tolist() == nearest_rows(rows, rows, leave_one_out=True)[1].tolist()
    # What two rows share is above 256, from where bfloat16 leaves numbers out.
    assert int((rows[:-1].long() * rows[1:].long()).sum(dim=1).min()) > 500


def test_a_copy_costs_what_the_mixture_s_component_costs_and_bounds_the_mixture() -> None:
    train, test = mixture(40, 1), mixture(25, 2)
    model = fitted("nearest_neighbour", train)
    found = model(torch.from_numpy(test).float())
    bce = bce_of_rows(found.logits, torch.from_numpy(test)).detach().numpy()
    distances = (test[:, None] != train[None]).sum(axis=2)
    rate = float(model.rate)
    components = distances * math.log(rate) + (TAGS - distances) * math.log(1 - rate)
    assert bce == pytest.approx(-components.max(axis=1), rel=1e-5)
    assert found.kl.numpy() == pytest.approx(np.full((25, 1), math.log(40)))
    mixture_nats = -np.log(np.exp(components).mean(axis=1))
    assert (bce + math.log(40) >= mixture_nats - 1e-5).all()
    assert found.codes is None


def test_a_training_row_is_its_own_nearest_once_fitted() -> None:
    rows = np.unique(mixture(60), axis=0)
    model = fitted("nearest_neighbour", rows)
    assert torch.equal(
        (model(torch.from_numpy(rows).float()).logits > 0).to(torch.uint8), torch.from_numpy(rows)
    )


def test_a_copy_is_a_copy_however_far_neighbours_are() -> None:
    opposite = np.stack([np.zeros(TAGS), np.ones(TAGS)]).astype(np.uint8)
    for rows in (opposite, opposite[:1]):
        model = fitted("nearest_neighbour", rows)
        assert float(model.rate) == pytest.approx(0.49)
        logits = model(torch.zeros(1, TAGS)).logits
        assert (logits < 0).all()
        assert torch.isfinite(logits).all()


def test_copies_are_drawn_from_the_training_rows_and_flipped_at_the_rate() -> None:
    rows = np.unique(mixture(60), axis=0)
    model = fitted("nearest_neighbour", rows)
    model.rate.data.fill_(0.0)
    drawn = model.sample(3000, seeded())
    assert {bytes(row) for row in drawn.numpy()} == {bytes(row) for row in rows}
    model.rate.data.fill_(0.1)
    flipped = model.sample(3000, seeded())
    assert float((drawn != flipped).float().mean()) == pytest.approx(0.1, abs=0.01)


def test_weights_of_any_number_of_rows_can_be_loaded() -> None:
    given = fitted("nearest_neighbour", mixture(33))
    for rows in (0, 5):
        model = build("nearest_neighbour", rows=rows)
        model.load_state_dict(given.state_dict())
        found, expected = model.eval()(tags()), given(tags())
        assert torch.equal(found.logits, expected.logits)
        assert torch.equal(found.kl, expected.kl)
    other = load_reference("studygrid.families.tagvae.models.nearest_neighbour:build")
    with pytest.raises(RuntimeError, match="rows"):
        other(TagShape(TAGS + 1), None, "").load_state_dict(given.state_dict())


def test_rows_that_a_profile_asks_for_are_there_before_any_fit() -> None:
    model = build("nearest_neighbour", rows=9).eval()
    assert model(tags()).logits.shape == (20, TAGS)
    assert model.rows.shape == (9, TAGS)
