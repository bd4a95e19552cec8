"""Architectures of segmentation: built through the names that a config uses."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from studygrid.errors import ConfigError, StudygridError
from studygrid.families.base import load_reference
from studygrid.families.networks import torchvision_operators
from studygrid.families.networks.shape import InputShape
from studygrid.families.networks.sources import encoder_names
from studygrid.families.segmentation.models import (
    DECODERS,
    architecture_names,
    find_architecture,
)

USUAL = ("small_unet", "unet/resnet18", "deeplabv3plus/resnet18", "segformer/mit_b0")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a model asked for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def build(
    name: str, channels: int = 1, outputs: int = 1, side: int = 64, **options: Any
) -> nn.Module:
    architecture = find_architecture(name)
    assert architecture is not None
    shape = InputShape(channels, outputs, side)
    model = load_reference(architecture.build)(
        shape, architecture.options.model_validate(options), name
    )
    assert isinstance(model, nn.Module)
    return model


def library() -> Any:
    torchvision_operators.ensure()
    import segmentation_models_pytorch

    return segmentation_models_pytorch


def test_the_names_are_those_of_the_library() -> None:
    assert set(DECODERS) == set(library().MODEL_ARCHITECTURES_MAPPING)
    assert encoder_names() == set(library().encoders.get_encoder_names())


@pytest.mark.parametrize("name", USUAL)
def test_the_image_s_channels_and_the_classes_are_the_model_s(name: str) -> None:
    for channels, outputs in ((1, 1), (3, 4)):
        model = build(name, channels, outputs).eval()
        with torch.no_grad():
            assert model(torch.zeros(2, channels, 64, 64)).shape == (2, outputs, 64, 64)


@pytest.mark.parametrize("decoder", [name for name in DECODERS if name != "dpt"])
def test_every_decoder_can_be_built(decoder: str) -> None:
    build(f"{decoder}/resnet18", side=128)


def test_a_transformer_of_timm_gets_the_study_s_resolution() -> None:
    build("dpt/tu-vit_tiny_patch16_224")


@pytest.mark.parametrize("name", USUAL)
def test_a_seed_decides_the_first_weights(name: str) -> None:
    def first() -> dict[str, torch.Tensor]:
        torch.manual_seed(3)
        return build(name).state_dict()

    one, other = first(), first()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    "name", ["unet", "unet/", "unet/nonsense", "nonsense/resnet18", "small_unet/resnet18", ""]
)
def test_other_names_are_not_found(name: str) -> None:
    assert find_architecture(name) is None


def test_suggestions_begin_with_the_usual_ones_and_name_each_once() -> None:
    names = architecture_names()
    assert names[0] == "small_unet"
    assert len(set(names)) == len(names)
    assert all(find_architecture(name) is not None for name in names[:20])


def test_options_change_the_model() -> None:
    sizes = [
        sum(parameter.numel() for parameter in model.parameters())
        for model in (
            build("small_unet", width=4),
            build("small_unet", width=8),
            build("small_unet", width=8, depth=2),
            build("unet/resnet18"),
            build("unet/resnet18", encoder_depth=3, decoder_channels=[64, 32, 16]),
            build("unet/resnet18", decoder_attention="scse"),
            build("fpn/resnet18"),
        )
    ]
    assert len(set(sizes)) == len(sizes)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("deeplabv3plus/resnet18", {"decoder_attention": "scse"}, "no option decoder_attention"),
        ("unet/resnet18", {"encoder_depth": 3}, "cannot be built with encoder_depth 3"),
        ("segformer/mit_b0", {"decoder_channels": 64}, "no option decoder_channels"),
    ],
)
def test_an_option_that_a_model_has_not_is_refused(
    name: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        build(name, **options)


@pytest.mark.parametrize(("name", "side"), [("small_unet", 60), ("unetplusplus/resnet18", 48)])
def test_a_side_that_a_model_cannot_take_is_refused(name: str, side: int) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: cannot take 1-channel images of {side} px"):
        build(name, side=side)


def test_weights_of_another_size_of_head_are_left_out(tmp_path: Path) -> None:
    given = build("small_unet", width=4)
    torch.save(given.state_dict(), tmp_path / "weights.pth")
    model = build("small_unet", outputs=3, width=4, weights=str(tmp_path / "weights.pth"))
    own, before = model.state_dict(), given.state_dict()
    assert all(torch.equal(own[key], before[key]) for key in own if not key.startswith("head."))


def test_a_missing_library_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Read while the library is there: the job finds it missing, not the config's check.
    assert encoder_names()
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(StudygridError, match=r"studygrid\[segmentation\]"):
        build("unet/resnet18")
    build("small_unet", width=2)
