"""What cannot be built is refused before any job; what is refused is what the library refuses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from studygrid.errors import ConfigError
from studygrid.families.networks import torchvision_operators
from studygrid.families.segmentation.models import DECODERS, architecture_names
from studygrid.families.segmentation.models.limits import encoder_decoder_fault, why_impossible
from studygrid.families.segmentation.models.options import EncoderDecoderOptions
from studygrid.plan import make_plan

SIDES = (24, 48, 64, 72, 100, 128)
ENCODERS = ("resnet18", "mit_b0", "densenet121", "inceptionv4", "vgg11", "xception")


def made(decoder: str, encoder: str, **options: Any) -> nn.Module:
    """Return what the library makes, without weights."""
    torchvision_operators.ensure()
    import segmentation_models_pytorch

    # This encoder draws weights by numbers that it computes, and "meta" has none.
    with torch.device("cpu" if encoder.startswith("mit_") else "meta"):
        model: nn.Module = segmentation_models_pytorch.create_model(
            decoder, encoder_name=encoder, encoder_weights=None, in_channels=3, classes=1, **options
        )
    return model.eval()


def is_possible(decoder: str, encoder: str) -> bool:
    try:
        made(decoder, encoder)
    except ValueError:
        return False
    return True


def takes(model: nn.Module, side: int) -> bool:
    device = next(model.parameters()).device
    try:
        with torch.no_grad():
            return bool(model(torch.zeros(1, 3, side, side, device=device)).shape[-1] == side)
    except RuntimeError:
        return False


@pytest.mark.parametrize("encoder", ENCODERS)
def test_pairs_are_refused_that_the_library_cannot_build(encoder: str) -> None:
    decoders = [name for name in DECODERS if name != "dpt" or not encoder.startswith("tu-")]
    found = {name: why_impossible(name, encoder) is None for name in decoders}
    assert found == {name: is_possible(name, encoder) for name in decoders}


@pytest.mark.parametrize("encoder", ["resnet18", "mit_b0"])
@pytest.mark.parametrize("decoder", [name for name in DECODERS if name != "dpt"])
def test_sides_are_refused_that_the_library_cannot_take(decoder: str, encoder: str) -> None:
    if why_impossible(decoder, encoder) is not None:
        return
    model, options = made(decoder, encoder), EncoderDecoderOptions()
    sides = [side for side in SIDES if side > 24 or encoder != "mit_b0"]
    found = {side: encoder_decoder_fault(decoder, options, side) is None for side in sides}
    assert found == {side: takes(model, side) for side in sides}


@pytest.mark.parametrize("depth", [3, 4])
@pytest.mark.parametrize("decoder", [name for name in DECODERS if name != "dpt"])
def test_a_shallower_encoder_takes_other_sides(decoder: str, depth: int) -> None:
    options = EncoderDecoderOptions.model_validate({"encoder_depth": depth})
    widths = {"decoder_channels": (64, 32, 16, 8)[:depth]}
    own = widths if decoder in ("unet", "unetplusplus", "manet") else {}
    model = made(decoder, "resnet18", encoder_depth=depth, **own)
    found = {side: encoder_decoder_fault(decoder, options, side) is None for side in SIDES}
    assert found == {side: takes(model, side) for side in SIDES}


def test_what_cannot_be_built_is_not_suggested() -> None:
    names = architecture_names()
    assert "unet/mit_b0" in names
    assert not {"unetplusplus/mit_b0", "dpt/resnet18", "pan/densenet121"} & set(names)


# --- The config


def refusals(models: dict[str, Any], resolution: list[int], **changes: Any) -> list[str]:
    """Return what a config is refused with, but for the places in its file."""
    config: dict[str, Any] = {
        "family": "segmentation",
        "dataset": {"name": "cracks", "backgrounds": ["concrete"]},
        "models": models,
        "grid": {"resolution": resolution, **changes.pop("grid", {})},
        "training": {"epochs": 1},
    }
    try:
        make_plan(config, **changes)
    except ConfigError as error:
        return [line.strip().removeprefix("config: ") for line in str(error).splitlines()[1:]]
    return []


HINT = "; change grid.resolution, or leave the combination out with grid.exclude"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            {"architecture": "small_unet"},
            "small_unet cannot be built for 36, 50 px: the image side must be a multiple of 8 "
            "(2^depth)",
        ),
        (
            {"architecture": "unetplusplus/resnet18"},
            "unetplusplus/resnet18 cannot be built for 36, 50 px: the image side must be a "
            "multiple of 32",
        ),
        (
            {"architecture": "pan/resnet18"},
            "pan/resnet18 cannot be built for 36, 50, 64 px: the image side must be a multiple of "
            "16, and 128 or more",
        ),
        (
            {"architecture": "fpn/resnet18", "options": {"encoder_depth": 3}},
            "fpn/resnet18 cannot be built for 36, 50, 64 px: fpn needs an encoder_depth of 5",
        ),
    ],
)
def test_a_resolution_that_a_model_cannot_take_is_refused_before_any_job(
    model: dict[str, Any], said: str
) -> None:
    assert refusals({"a": model}, [36, 50, 64]) == [f"models.a: {said}{HINT}"]


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        ("dpt/resnet18", "dpt takes vision transformers of timm alone"),
        ("linknet/mit_b0", "linknet takes no encoder mit_b0 to mit_b5; segformer, unet and fpn do"),
        ("deeplabv3plus/vgg11", "which no densenet, inception, vgg or xception can"),
    ],
)
def test_a_pair_that_cannot_be_built_is_refused_once_with_the_reason(pair: str, why: str) -> None:
    (said,) = refusals({"a": {"architecture": pair}}, [36, 64])
    assert said.startswith("models.a.architecture: cannot be built: ")
    assert why in said
    assert said.endswith(f'(it is "{pair}")')


def test_combinations_that_are_left_out_are_not_refused() -> None:
    models: dict[str, Any] = {"small_unet": None, "unet": {"architecture": "unet/resnet18"}}
    without = {"exclude": [{"model": "small_unet", "resolution": 50}]}
    assert len(refusals(models, [50, 64])) == 1
    assert refusals(models, [50, 64], grid=without) == []
    assert refusals(models, [64], grid={"model": ["unet"]}) == []


def test_depth_decides_which_sides_go() -> None:
    models = {"a": {"architecture": "small_unet", "options": {"depth": 1}}}
    assert refusals(models, [36, 50]) == []


def test_results_of_such_a_study_can_still_be_read() -> None:
    models = {"a": {"architecture": "dpt/resnet18"}, "small_unet": None}
    assert refusals(models, [50, 64], check_files=False) == []


def test_the_check_imports_neither_pytorch_nor_the_library() -> None:
    code = (
        "import sys; from studygrid.plan import make_plan\n"
        "make_plan({'family': 'segmentation', 'dataset': {'name': 'cracks'},"
        " 'models': {'a': {'architecture': 'pan/tu-resnet18'}, 'small_unet': None},"
        " 'grid': {'resolution': [128]}, 'training': {'epochs': 1}})\n"
        "print({'torch', 'timm', 'segmentation_models_pytorch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
