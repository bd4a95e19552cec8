"""What several parts of the family use is written once."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from studygrid.families.ptychography import aligned, alignment, losses, phase_plane, phases
from studygrid.families.ptychography.metrics import resolution
from studygrid.families.ptychography.thresholds import THRESHOLDS
from studygrid.figures import frc_curves, ring_curves


@pytest.mark.parametrize("module", [resolution, ring_curves, frc_curves])
def test_scores_and_figures_have_the_same_thresholds(module: object) -> None:
    assert vars(module)["THRESHOLDS"] is THRESHOLDS


def test_thresholds_are_cheap_to_import() -> None:
    code = "import sys, studygrid.families.ptychography.thresholds\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "scipy", "torch", "skimage"} & set(found.stdout.split())


@pytest.mark.parametrize("module", [aligned, alignment, phase_plane])
def test_phases_are_wrapped_by_one_function(module: object) -> None:
    assert vars(module)["wrapped"] is phases.wrapped


def test_phases_are_wrapped_alike_in_numpy_and_in_torch() -> None:
    angles = np.linspace(-9.9, 9.9, 67)
    found = phases.wrapped(angles)
    assert (np.abs(found) <= np.pi).all()
    assert np.exp(1j * found) == pytest.approx(np.exp(1j * angles))
    assert losses.wrapped(torch.from_numpy(angles)).numpy() == pytest.approx(found)
