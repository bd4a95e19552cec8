"""Architectures of the classification family: built through the names that a config uses."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from studygrid.errors import ConfigError, StudygridError
from studygrid.families.base import load_reference
from studygrid.families.classification.models import find_architecture
from studygrid.families.classification.models.torchvision_models import NAMES as TORCHVISION
from studygrid.families.networks import torchvision_operators
from studygrid.families.networks.shape import InputShape
from studygrid.families.networks.weights import load_weights

OWN = ("tiny_cnn", "simple_cnn")
TIMM = ("test_resnet", "test_efficientnet", "test_vit")
ALL = (*OWN, *TORCHVISION, *TIMM)


def build(
    name: str, channels: int = 1, classes: int = 2, resolution: int = 32, **options: Any
) -> nn.Module:
    architecture = find_architecture(name)
    assert architecture is not None
    shape = InputShape(channels, classes, resolution)
    model = load_reference(architecture.build)(
        shape, architecture.options.model_validate(options), name
    )
    assert isinstance(model, nn.Module)
    return model


def build_without_values(name: str, **arguments: Any) -> nn.Module:
    """Build on the meta device: shapes and a forward pass, but neither memory nor time."""
    with torch.device("meta"):
        return build(name, **arguments)


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a model asked for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("channels", "classes"), [(1, 7), (3, 2)])
def test_the_classes_set_the_outputs_and_the_resolution_sets_nothing(
    name: str, channels: int, classes: int
) -> None:
    counts = set()
    for resolution in (32, 224):
        model = build_without_values(
            name, channels=channels, classes=classes, resolution=resolution
        ).eval()
        images = torch.empty(4, channels, resolution, resolution, device="meta")
        assert model(images).shape == (4, classes)
        counts.add(parameters(model))
    assert len(counts) == 1 or name == "test_vit"


def test_a_vision_transformer_grows_by_its_position_embedding_alone() -> None:
    small, large = (build_without_values("test_vit", resolution=side) for side in (32, 64))
    shapes = [{key: value.shape for key, value in m.state_dict().items()} for m in (small, large)]
    assert {key for key in shapes[0] if shapes[0][key] != shapes[1][key]} == {"pos_embed"}


# The counts that torchvision's documentation gives for 1000 classes of colour images.
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("vgg11", 132_863_336),
        ("vgg13", 133_047_848),
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("mobilenet_v3_small", 2_542_856),
        ("efficientnet_b0", 5_288_548),
    ],
)
def test_torchvision_models_have_their_published_parameters(name: str, count: int) -> None:
    assert parameters(build_without_values(name, channels=3, classes=1000)) == count


def test_mobilenet_v2_small_is_half_as_wide_as_timm_counts_it() -> None:
    arguments = {"channels": 3, "classes": 1000}
    ours = build_without_values("mobilenet_v2_small", **arguments)
    theirs = build_without_values("mobilenetv2_050", **arguments)
    # torchvision widens the last layer to 1280 channels at any width, and so does timm.
    assert parameters(ours) == parameters(theirs)


def test_own_networks_have_the_parameters_counted_by_hand() -> None:
    # Convolutions without bias, two numbers a normalised channel, the classifier with bias.
    tiny = 9 * (3 * 8 + 8 * 16 + 16 * 32) + 2 * (8 + 16 + 32) + (32 + 1) * 5
    simple = 25 * 3 * 16 + 9 * (16 * 32 + 32 * 64) + 2 * (16 + 32 + 64) + (64 + 1) * 5
    wide = 25 * 3 * 20 + 9 * (20 * 40 + 40 * 80) + 2 * (20 + 40 + 80) + (80 + 1) * 5
    assert parameters(build_without_values("tiny_cnn", channels=3, classes=5)) == tiny
    assert parameters(build_without_values("simple_cnn", channels=3, classes=5)) == simple
    assert parameters(build_without_values("simple_cnn", channels=3, classes=5, width=20)) == wide


# vgg13 is vgg11 with two convolutions more, and takes seconds.
@pytest.mark.parametrize("name", [name for name in ALL if name != "vgg13"])
def test_a_backward_pass_gives_every_parameter_a_finite_gradient(name: str) -> None:
    torch.manual_seed(0)
    # Colour for one half and grey for the other: the stem is the only difference.
    channels = 3 if ALL.index(name) % 2 else 1
    model = build(name, channels=channels, classes=7, resolution=64)
    assert model.training
    scores = model(torch.randn(2, channels, 64, 64))
    nn.functional.cross_entropy(scores, torch.tensor([0, 6])).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key


@pytest.mark.parametrize("name", ["tiny_cnn", "simple_cnn", "mobilenet_v3_small", "test_vit"])
def test_in_evaluation_an_image_scores_the_same_in_any_company(name: str) -> None:
    torch.manual_seed(0)
    model = build(name, classes=7).eval()
    images = torch.randn(3, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model(images)[:1], model(images[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["tiny_cnn", "simple_cnn", "resnet18", "mobilenet_v2_small", "test_vit"]
)
def test_a_seed_fixes_the_initial_weights(name: str) -> None:
    states = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        states.append(build(name).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(not torch.equal(states[0][key], states[2][key]) for key in states[0])


@pytest.mark.parametrize("name", TORCHVISION)
def test_a_grey_stem_differs_from_the_colour_stem_in_its_input_channels_alone(name: str) -> None:
    def facts(module: nn.Module) -> str:
        return module.extra_repr() if isinstance(module, nn.Conv2d) else type(module).__name__

    grey, colour = (
        {
            key: facts(module)
            for key, module in build_without_values(name, channels=c).named_modules()
        }
        for c in (1, 3)
    )
    assert list(grey) == list(colour)
    different = [key for key in grey if grey[key] != colour[key]]
    assert len(different) == 1
    assert grey[different[0]] == colour[different[0]].replace("3,", "1,", 1)


def test_a_grey_stem_starts_from_the_distribution_of_the_colour_stem() -> None:
    torch.manual_seed(0)
    stem = build("resnet18", channels=1).conv1
    assert isinstance(stem, nn.Conv2d)
    # He et al. 2015, fan-out: variance 2 / (64 channels x 49 pixels).
    assert stem.weight.std().item() == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("name", "resolution"),
    [("vgg11", 16), ("simple_cnn", 4), ("convnext_atto", 8), ("vit_tiny_patch16_224", 8)],
)
def test_images_too_small_for_a_model_are_a_config_error(name: str, resolution: int) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: cannot take .* {resolution} px"):
        build_without_values(name, resolution=resolution)


def test_patches_that_leave_a_border_of_the_image_are_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"30 px .*patches of 16 px"):
        build_without_values("vit_tiny_patch16_224", resolution=30)


def test_own_networks_take_images_of_8_px() -> None:
    for name in OWN:
        assert build(name, resolution=8).eval()(torch.zeros(2, 1, 8, 8)).shape == (2, 2)


def test_dropout_options_reach_the_model() -> None:
    for name, option in (("tiny_cnn", "dropout"), ("simple_cnn", "dropout")):
        dropout = build_without_values(name, **{option: 0.25}).dropout
        assert isinstance(dropout, nn.Dropout)
        assert dropout.p == 0.25
    assert build_without_values("test_resnet", drop_rate=0.25).drop_rate == 0.25


def test_an_option_that_a_timm_model_lacks_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="vgg11_bn: has no option drop_path_rate"):
        build_without_values("vgg11_bn", drop_path_rate=0.1)


def test_a_name_that_timm_does_not_register_is_a_config_error() -> None:
    from studygrid.families.classification.models import timm_models
    from studygrid.families.classification.options import TimmOptions

    with pytest.raises(ConfigError, match=r"no_such_net: timm .* has no such model"):
        timm_models.build(InputShape(1, 2, 32), TimmOptions.model_validate({}), "no_such_net")


def test_ensuring_torchvision_again_changes_nothing() -> None:
    torchvision_operators.ensure()
    import torchvision

    operator = torch.ops.torchvision.nms
    torchvision_operators.ensure()
    assert torch.ops.torchvision.nms is operator
    assert sys.modules["torchvision"] is torchvision


def test_a_missing_torchvision_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(StudygridError, match="torchvision is not installed"):
        build("resnet18")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    path = tmp_path / "weights.pth"
    torch.save(build("tiny_cnn", channels=1, classes=2).state_dict(), path)
    return path


def test_weights_of_the_same_model_are_loaded_whole(saved: Path) -> None:
    state = build("tiny_cnn", weights=str(saved)).state_dict()
    assert all(torch.equal(state[key], value) for key, value in torch.load(saved).items())


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_weights_may_lie_one_level_down(saved: Path, tmp_path: Path, key: str) -> None:
    torch.save({"epoch": 3, key: torch.load(saved)}, tmp_path / "nested.pth")
    state = build("tiny_cnn", weights=str(tmp_path / "nested.pth")).state_dict()
    assert all(torch.equal(state[key], value) for key, value in torch.load(saved).items())


def test_a_head_and_stem_of_another_size_are_left_out_and_logged(
    saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        state = build("tiny_cnn", channels=3, classes=7, weights=str(saved)).state_dict()
    left_out = {"features.0.weight", "classifier.weight", "classifier.bias"}
    assert all(key in caplog.text for key in left_out)
    for key, value in torch.load(saved).items():
        assert key in left_out or torch.equal(state[key], value)


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v3_small", "test_vit", "test_efficientnet"]
)
def test_only_the_head_is_left_out_when_only_the_classes_differ(name: str, tmp_path: Path) -> None:
    torch.save(build(name, classes=2).state_dict(), tmp_path / "weights.pth")
    model = build(name, classes=3)
    head = [key for key, value in model.state_dict().items() if value.shape[:1] == (3,)]
    assert sorted(load_weights(model, tmp_path / "weights.pth")) == sorted(head)
    assert len(head) == 2


def test_a_head_is_left_out_whole_even_if_its_bias_would_fit(tmp_path: Path) -> None:
    narrow, wide = nn.Sequential(nn.Linear(2, 5)), nn.Sequential(nn.Linear(3, 5))
    torch.save(narrow.state_dict(), tmp_path / "weights.pth")
    assert load_weights(wide, tmp_path / "weights.pth") == ("0.weight", "0.bias")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("simple_cnn", {}, "missing: block1.0.weight, .* and .* more; unknown: features.0.weight"),
        ("tiny_cnn", {"width": 16}, r"of another shape: features.1.weight \(8, the model has 16\)"),
    ],
)
def test_weights_of_another_architecture_are_a_config_error(
    saved: Path, name: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        build(name, weights=str(saved), **arguments)


def test_weights_of_a_vision_transformer_at_another_resolution_are_a_config_error(
    tmp_path: Path,
) -> None:
    torch.save(build("test_vit", resolution=32).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(ConfigError, match="of another shape: pos_embed"):
        build("test_vit", resolution=64, weights=str(tmp_path / "weights.pth"))


def test_a_missing_weights_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.pth: no such file"):
        build("tiny_cnn", weights=str(tmp_path / "nothing.pth"))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_a_weights_file_that_is_none_is_a_config_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read as a state dict"):
        build("tiny_cnn", weights=str(tmp_path / "weights.pth"))


def test_a_file_without_a_state_dict_is_a_config_error(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "weights.pth")
    with pytest.raises(ConfigError, match="holds no state dict"):
        build("tiny_cnn", weights=str(tmp_path / "weights.pth"))


class _MakesFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("pickled_by_torch", [True, False])
def test_code_in_a_weights_file_is_not_run(tmp_path: Path, pickled_by_torch: bool) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "made_by_the_file"
    if pickled_by_torch:
        torch.save({"state_dict": _MakesFolder(trace)}, path)
    else:
        path.write_bytes(pickle.dumps(_MakesFolder(trace), protocol=2))
    with pytest.raises(ConfigError, match="cannot be read as a state dict"):
        build("tiny_cnn", weights=str(path))
    assert not trace.exists()
