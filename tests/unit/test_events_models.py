"""The models of events: sets of particles, codebooks and trees, by themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.ensemble import IsolationForest
from torch import Tensor, nn

from studygrid.families.base import load_reference
from studygrid.families.events.models import architecture_names, find_architecture
from studygrid.families.events.models.bits import bits_per_event
from studygrid.families.events.models.codebook import Codebook
from studygrid.families.events.models.event_model import EventShape, ScoringModel
from studygrid.families.events.models.gnn import nearest_neighbours
from studygrid.families.events.models.options import AutoencoderOptions
from studygrid.families.events.models.trees import Tree, Trees
from tests.unit.events_bench import ENCODERS, FITTED, TOKENIZERS, options_of

SHAPE = EventShape(tokens=7, classes=4, globals=2, angle_scale=(0.5, 1.5))
BATCH = 5


def build(architecture: str, shape: EventShape = SHAPE, **options: Any) -> Any:
    found = find_architecture(architecture)
    assert found is not None
    chosen = found.options.model_validate(options_of(architecture, **options))
    torch.manual_seed(0)
    return load_reference(found.build)(shape, chosen, architecture)


def events(tokens: int = 7, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return features, classes and mask of events of one token and more."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(BATCH, tokens, 3, generator=generator)
    classes = torch.randint(1, 5, (BATCH, tokens), generator=generator)
    mask = torch.arange(tokens) < torch.tensor([tokens, 1, 2, 3, tokens])[:, None]
    return features, classes * mask, mask


def trained_codebook(model: nn.Module) -> Any:
    """Let a codebook see a batch, so that its codes are apart."""
    model.train()
    model(*events(seed=3))
    return model.eval()


# --- Sets of particles


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_order_of_the_particles_changes_nothing(encoder: str, tokenizer: str) -> None:
    model = trained_codebook(build(encoder, tokenizer=tokenizer))
    features, classes, mask = events()
    order = torch.tensor([4, 0, 6, 2, 5, 1, 3])
    found = model(features, classes, mask)
    other = model(features[:, order], classes[:, order], mask[:, order])
    assert_close(found, other)
    assert not torch.allclose(found.features[0], found.features[4])  # it does see the particles


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("training", [False, True])
def test_what_stands_where_no_particle_is_changes_nothing(
    encoder: str, tokenizer: str, training: bool
) -> None:
    model = trained_codebook(build(encoder, tokenizer=tokenizer, restart_below=0.0))
    features, classes, mask = events()
    other, others = features.clone(), classes.clone()
    other[~mask], others[~mask] = math.nan, 3
    state = {key: value.clone() for key, value in model.state_dict().items()}
    results = []
    for inputs in ((features, classes, mask), (other, others, mask)):
        model.load_state_dict(state)
        model.train(training)
        results.append(model(*inputs))
    for one, two in zip(*results, strict=True):
        assert (one is two is None) or torch.equal(one, two)
    # But what stands where a particle is does change something.
    moved = model.eval()(features + 0.3 * mask[..., None], classes, mask)
    pairs = zip(moved[:4], results[0][:4], strict=True)
    assert not all(torch.equal(one, two) for one, two in pairs)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_more_padding_changes_no_latent_token(encoder: str) -> None:
    features, classes, mask = events()
    model = build(encoder, tokenizer="linear").eval()
    pad = (0, 0, 0, 4)
    padded = (
        nn.functional.pad(features, pad, value=9.0),
        nn.functional.pad(classes, (0, 4)),
        nn.functional.pad(mask, (0, 4)),
    )
    assert_close(model(features, classes, mask), model(*padded))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_event_does_not_see_the_others_of_its_batch(encoder: str) -> None:
    model = trained_codebook(build(encoder))
    inputs = events()
    whole = model(*inputs)
    for place in range(BATCH):
        alone = model(*(part[place : place + 1] for part in inputs))
        for one, two in zip(alone, whole, strict=True):
            assert torch.allclose(one[0], two[place], atol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_one_token_an_event_is_enough(encoder: str) -> None:
    model = build(encoder, EventShape(tokens=1, classes=4, globals=2))
    features, classes, mask = events(tokens=1)
    found = model(features, classes, mask)
    assert found.features.shape == (BATCH, 1, 3)
    (found.features.sum() + found.globals.sum()).backward()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_weight_learns(encoder: str) -> None:
    model = build(encoder, tokenizer="vq")
    found = model(*events())
    sum(part.square().sum() for part in found[:4]).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def assert_close(one: Any, other: Any) -> None:
    for name, first, second in zip(one._fields, one, other, strict=True):
        assert (first is second is None) or torch.allclose(first, second, atol=1e-5), name


# --- Nearest neighbours


def test_neighbours_are_the_nearest_others_and_phi_goes_round() -> None:
    angles = torch.tensor([[[0.0, 3.0], [0.0, -3.0], [0.0, 2.0], [5.0, 3.0], [0.0, 3.1]]])
    mask = torch.tensor([[True, True, True, True, False]])
    found = nearest_neighbours(angles, mask, 2)
    assert found.place[0, 0].tolist() == [1, 2]  # -3 is 0.28 from 3, and the last is not there
    assert found.mask[0, :4].all()
    assert found.offset[0, 0, 0].tolist() == pytest.approx([0, 2 * math.pi - 6])
    assert found.place[0, 3].tolist() == [0, 1]


def test_neighbours_that_are_not_there_are_masked() -> None:
    angles, mask = torch.zeros(1, 4, 2), torch.tensor([[True, True, False, False]])
    found = nearest_neighbours(angles + torch.arange(4)[None, :, None], mask, 9)
    assert found.place.shape == (1, 4, 3)
    assert found.mask[0, 0].tolist() == [True, False, False]
    assert found.mask[0, 1].tolist() == [True, False, False]


def test_neighbours_are_found_in_radians_and_not_in_standard_deviations() -> None:
    """Of two others, one is nearer in units of sd and the other in eta and phi themselves."""
    shape = EventShape(tokens=3, classes=4, globals=2, angle_scale=(10.0, 0.1))
    model = build("gnn", shape, neighbours=1, tokenizer="linear").eval()
    features = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 0.2, 0.0], [0.0, 0.0, 1.0]]])
    classes, mask = torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 3, dtype=torch.bool)
    seen = []
    model.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1]))
    model(features, classes, mask)
    assert seen[0][0, 1].tolist() == pytest.approx([2.0, 0.0])
    assert seen[0][0, 2].tolist() == pytest.approx([0.0, 0.1])
    assert nearest_neighbours(seen[0], mask, 1).place[0, 0].item() == 2


# --- The codebook


def reference_update(
    codes: np.ndarray[Any, Any],
    use: np.ndarray[Any, Any],
    vectors: np.ndarray[Any, Any],
    decay: float,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return codes and their use after a batch: appendix A.1 of the paper, word for word."""
    nearest = ((vectors[:, None] - codes) ** 2).sum(axis=2).argmin(axis=1)
    new_use, new_codes = use.copy(), codes.copy()
    for k in range(len(codes)):
        own = vectors[nearest == k]
        mean_sum = use[k] * codes[k] * decay + (1 - decay) * own.sum(axis=0)
        new_use[k] = use[k] * decay + (1 - decay) * len(own)
        new_codes[k] = mean_sum / new_use[k]
    return new_codes, new_use


def test_the_codebook_follows_by_moving_averages_as_the_paper_has_them() -> None:
    torch.manual_seed(0)
    book = Codebook(4, 3, decay=0.9, restart_below=0.0).train()
    book.use.copy_(torch.tensor([2.0, 1.0, 0.5, 3.0]))
    codes, use = book.codes.double().numpy(), book.use.double().numpy()
    for step in range(20):
        vectors = torch.randn(6, 5, 3, generator=torch.Generator().manual_seed(step))
        book(vectors)
        codes, use = reference_update(codes, use, vectors.flatten(0, 1).double().numpy(), 0.9)
        assert np.allclose(book.codes.numpy(), codes, atol=1e-5)
        assert np.allclose(book.use.numpy(), use, atol=1e-5)


def test_a_code_that_nothing_is_nearest_to_keeps_its_place_to_the_last_bit() -> None:
    book = Codebook(2, 2, decay=0.5, restart_below=0.0).train()
    book.codes.copy_(torch.tensor([[0.0, 0.0], [100.0, 100.1]]))
    book.use.fill_(1)
    for _ in range(2000):
        book(torch.full((4, 2), 0.3))
    assert book.codes[1].tolist() == torch.tensor([100.0, 100.1]).tolist()
    assert torch.allclose(book.codes[0], torch.full((2,), 0.3))
    assert book.codes.isfinite().all()


def test_in_evaluation_the_codebook_stays_and_gives_its_codes() -> None:
    torch.manual_seed(0)
    book = Codebook(8, 3, decay=0.9, restart_below=0.1)
    book(torch.randn(20, 3))
    before = {key: value.clone() for key, value in book.state_dict().items()}
    vectors = torch.randn(4, 5, 3)
    coded = book.eval()(vectors)
    assert all(torch.equal(before[key], value) for key, value in book.state_dict().items())
    nearest = torch.cdist(vectors.flatten(0, 1), book.codes).argmin(dim=1).view(4, 5)
    assert torch.equal(coded.codes, nearest)
    assert torch.equal(coded.vectors, book.codes[nearest])
    expected = (vectors - coded.vectors).square().mean(dim=-1)
    assert torch.allclose(coded.commitment, expected)


def test_the_gradient_goes_straight_through() -> None:
    book = Codebook(4, 3, decay=0.9, restart_below=0.1).train()
    vectors = torch.randn(6, 3, requires_grad=True)
    weights = torch.randn(6, 3)
    coded = book(vectors)
    (coded.vectors * weights).sum().backward()
    assert vectors.grad is not None
    assert torch.equal(vectors.grad, weights)


def test_the_commitment_pulls_vectors_to_their_codes_and_no_code_to_them() -> None:
    book = Codebook(4, 3, decay=0.9, restart_below=0.0).train()
    book.use.fill_(1)
    codes = book.codes.clone()
    vectors = torch.randn(6, 3, requires_grad=True)
    coded = book(vectors)
    coded.commitment.sum().backward()
    assert vectors.grad is not None
    expected = 2 * (vectors.detach() - codes[coded.codes]) / 3
    assert torch.allclose(vectors.grad, expected, atol=1e-6)
    assert not book.codes.requires_grad


def test_the_first_batch_sets_every_code_and_dead_ones_start_again() -> None:
    torch.manual_seed(0)
    book = Codebook(5, 2, decay=0.9, restart_below=0.2).train()
    first = torch.randn(30, 2)
    start = Codebook(5, 2, decay=0.9, restart_below=0.2).train()
    start._restart(first)
    rows = {tuple(row) for row in first.tolist()}
    assert {tuple(row) for row in start.codes.tolist()} <= rows
    assert len({tuple(row) for row in start.codes.tolist()}) == 5  # each another one
    assert start.use.tolist() == [6.0] * 5
    book.codes.copy_(torch.tensor([[0.0, 0.0], [9.0, 9.0], [9.0, 8.0], [8.0, 9.0], [8.0, 8.0]]))
    book.use.fill_(2.0)
    steps = 0
    while int((book.use < 0.2 * 2).sum()) == 0:
        book(0.01 * torch.randn(10, 2))
        steps += 1
    # 2 * 0.9^n < 0.2 * 10 / 5, of the four that nothing is near to.
    assert steps == math.ceil(math.log(0.2) / math.log(0.9))
    book(0.01 * torch.randn(10, 2))
    assert book.codes.abs().max() < 1
    assert (book.use >= 0.4).all()


def test_the_first_batch_sets_every_code_also_where_none_starts_again() -> None:
    first = 100 + torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    books = []
    for restart_below in (0.0, 0.1):
        torch.manual_seed(0)
        books.append(Codebook(5, 2, decay=0.9, restart_below=restart_below).train())
        books[-1](first)
    assert torch.equal(books[0].codes, books[1].codes)
    assert torch.equal(books[0].use, books[1].use)
    assert (books[0].codes - 100).abs().max() < 10
    books[0].codes[0] = -1e3  # nothing is near to it any more
    for _ in range(200):
        books[0](first)
    assert (books[0].codes[0] == -1e3).all()


def test_more_codes_than_vectors_start_at_them_round_and_round() -> None:
    book = Codebook(7, 2, decay=0.9, restart_below=0.5).train()
    vectors = torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    book._restart(vectors)
    assert sorted(book.codes[:, 0].tolist()) in (
        [1, 1, 1, 2, 2, 3, 3],
        [1, 1, 2, 2, 2, 3, 3],
        [1, 1, 2, 2, 3, 3, 3],
    )


def test_without_restarts_dead_codes_stay() -> None:
    book = Codebook(2, 2, decay=0.5, restart_below=0.0).train()
    book.codes.copy_(torch.tensor([[0.0, 0.0], [50.0, 50.0]]))
    book.use.copy_(torch.tensor([1.0, 0.0]))
    for _ in range(100):
        book(torch.zeros(4, 2))
    assert book.codes[1].tolist() == [50.0, 50.0]
    assert book.use[1] == 0


def test_restarts_are_drawn_by_the_generator_of_the_step() -> None:
    def restarted(seed: int) -> Tensor:
        book = Codebook(5, 2, decay=0.9, restart_below=0.2).train()
        torch.manual_seed(seed)
        book(torch.arange(40.0).view(20, 2))
        return book.codes

    assert torch.equal(restarted(1), restarted(1))
    assert not torch.equal(restarted(1), restarted(2))


def test_the_codebook_is_in_the_weights() -> None:
    model = build("mlp", tokenizer="vq")
    names = set(model.state_dict())
    assert {"tokenizer.codebook.codes", "tokenizer.codebook.use"} <= names


def test_a_codebook_compares_in_float32_under_autocast() -> None:
    book = Codebook(8, 3, decay=0.9, restart_below=0.1)
    book(torch.randn(20, 3))
    vectors = torch.randn(50, 3)
    book.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coded = book(vectors)
    assert coded.vectors.dtype == torch.float32
    assert torch.equal(coded.codes, book(vectors).codes)


# --- Precision and sizes


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_outputs_are_float32_under_autocast_and_near_those_without(
    encoder: str, tokenizer: str
) -> None:
    model = trained_codebook(build(encoder, tokenizer=tokenizer))
    plain = model(*events())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(*events())
    for one, two in zip(plain[:4], found[:4], strict=True):
        assert two.dtype == torch.float32
        if tokenizer != "vq":  # a latent token may have another code
            assert torch.allclose(one, two, atol=0.1)


@pytest.mark.parametrize(
    ("options", "bits"),
    [
        ({"tokenizer": "none", "width": 8, "latent_tokens": 3}, 3 * 8 * 32),
        ({"tokenizer": "linear", "latent_dim": 5, "latent_tokens": 3}, 3 * 5 * 32),
        ({"tokenizer": "vq", "codes": 64, "latent_tokens": 3}, 18),
        ({"tokenizer": "vq", "codes": 3, "latent_tokens": 2}, 2 * math.log2(3)),
    ],
)
def test_bits_of_an_event(options: dict[str, Any], bits: float) -> None:
    chosen = AutoencoderOptions.model_validate(options)
    assert bits_per_event(chosen) == pytest.approx(bits)


def test_latent_tokens_have_the_size_that_the_options_name() -> None:
    for tokenizer, width in (("none", 8), ("linear", 3), ("vq", 3)):
        model = build("mlp", tokenizer=tokenizer, latent_tokens=2)
        passed: list[Tensor] = []
        part = model.tokenizer if tokenizer == "none" else model.tokenizer.down
        part.register_forward_hook(
            lambda module, inputs, output, kept=passed: kept.append(
                output if isinstance(output, Tensor) else output[0]
            )
        )
        model(*events())
        assert passed[0].shape == (BATCH, 2, width)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tokenizer": "vqvae"}, "tokenizer"),
        ({"tokenizer": "none", "latent_dim": 3}, "leave `latent_dim` out"),
        ({"width": 10, "heads": 4}, "4 heads do not divide"),
        ({"codes": 1}, "codes"),
        ({"codebook_decay": 1.0}, "codebook_decay"),
        ({"latent": 3}, "latent"),
    ],
)
def test_options_that_make_no_model_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AutoencoderOptions.model_validate(options)


def test_without_a_bottleneck_the_latent_tokens_are_as_wide_as_the_network() -> None:
    options = AutoencoderOptions.model_validate({"tokenizer": "none", "width": 24})
    assert options.latent_dim == 24
    assert AutoencoderOptions.model_validate({"tokenizer": "none"}).latent_dim == 64
    again = AutoencoderOptions.model_validate(options.model_dump())
    assert again == options


def test_the_losses_of_the_three_kinds_of_models_are_told_apart() -> None:
    losses = {name: find_architecture(name).loss for name in architecture_names()}  # type: ignore[union-attr]
    assert {losses[name] for name in ENCODERS} == {"reconstruction"}
    assert len({*losses.values()}) == 3
    assert "" not in losses.values()


# --- Trees


def test_trees_add_the_values_of_the_leaves_that_events_fall_into() -> None:
    stump = Tree(
        feature=np.array([1, 0, 0]),
        threshold=np.array([0.5, 0.0, 0.0]),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        value=np.array([0.0, 1.0, 10.0]),
    )
    leaf = Tree(*(np.array([value]) for value in (0, 0.0, -1, -1, 100.0)))
    trees = Trees(1, 2)
    trees.grow([stump, leaf, stump])
    values = torch.tensor([[9.0, 0.5], [9.0, 0.6]])
    assert trees(values).tolist() == [102.0, 120.0]


def made_globals(count: int, seed: int, shift: float = 0.0) -> Tensor:
    generator = np.random.default_rng(seed)
    values = generator.normal(shift, 1, (count, 3)).astype(np.float32)
    values[:, 2] = np.rint(values[:, 2])  # a whole number, as a multiplicity is
    return torch.from_numpy(values)


@pytest.mark.parametrize("count", [1, 2, 3, 300])
def test_a_forest_scores_as_scikit_learn_does(count: int) -> None:
    train, test = made_globals(count, 0), made_globals(200, 1, shift=0.5)
    model: ScoringModel = build("isolation_forest", trees=20, events_per_tree=64)
    model.fit(train, None, 7)
    forest = IsolationForest(n_estimators=20, max_samples=min(64, count), random_state=7)
    forest.fit(train.numpy())
    expected = -forest.score_samples(test.numpy())
    assert np.allclose(model(test).numpy(), expected, rtol=0, atol=1e-6)


def test_supervised_tells_what_it_has_seen_and_adds_up_to_its_loss() -> None:
    model: ScoringModel = build("supervised", trees=30, events_per_leaf=5)
    background, signal = made_globals(200, 0), made_globals(60, 1, shift=1.5)
    model.fit(background, signal, 0)
    scores = model(made_globals(100, 2))
    assert model(made_globals(100, 3, shift=1.5)).mean() > 0.7
    assert scores.mean() < 0.3
    assert torch.allclose(model.losses(scores), -torch.log(1 - scores))


@pytest.mark.parametrize("architecture", FITTED)
def test_fitted_trees_are_saved_and_loaded_whatever_their_size(architecture: str) -> None:
    model: ScoringModel = build(architecture, trees=12)
    model.fit(made_globals(90, 0), made_globals(50, 1, shift=1.0), 0)
    other = build(architecture, trees=12)
    other.load_state_dict(model.state_dict())
    test = made_globals(40, 2)
    assert torch.equal(other(test), model(test))
    assert [p.numel() for p in other.parameters()] == [p.numel() for p in model.parameters()]


def test_trees_that_were_not_grown_are_complete_and_say_nothing() -> None:
    trees = Trees(3, leaves=5)
    assert trees.roots.tolist() == [0, 15, 30]
    assert trees(made_globals(4, 0)).tolist() == [0.0] * 4
    assert Trees(2, leaves=1)(made_globals(4, 0)).tolist() == [0.0] * 4
