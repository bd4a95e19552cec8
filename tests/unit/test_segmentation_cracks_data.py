"""What is said of the drawn cracks: splits, facts, sources, and what can be missing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from studygrid.errors import DataError
from studygrid.families.base import SPLITS
from studygrid.families.segmentation.data.cracks import backgrounds, sources
from studygrid.families.segmentation.data.cracks.prepare import prepare
from tests.unit.test_segmentation_cracks import QUICK, options, read

# Splits and facts


def test_no_photograph_and_no_cell_is_in_two_splits() -> None:
    seen = np.zeros((backgrounds.TEXTURE_SIDE, backgrounds.TEXTURE_SIDE), int)
    for top, left, height, width in backgrounds.TEXTURE_PARTS.values():
        seen[top : top + height, left : left + width] += 1
    assert (seen == 1).all()
    lines = (sources.cells_folder() / "labels.csv").read_text().splitlines()
    number = {line.split()[0]: position for position, line in enumerate(lines)}
    probability = {line.split()[0]: float(line.split()[1]) for line in lines}
    names = {split: set(backgrounds.cell_names(split)) for split in SPLITS}
    blocks = {
        split: {number[name] // backgrounds.CELL_BLOCK for name in names[split]} for split in SPLITS
    }
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not blocks[first] & blocks[second]
    assert all(probability[name] == 0 for split in SPLITS for name in names[split])
    assert sum(map(len, names.values())) == sum(value == 0 for value in probability.values())
    assert min(map(len, names.values())) > 200


def test_a_split_draws_on_its_part_of_a_photograph_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    side = backgrounds.TEXTURE_SIDE
    numbered = np.arange(side**2, dtype=np.float64).reshape(side, side)
    quilted: list[np.ndarray] = []
    monkeypatch.setattr(backgrounds, "_read", lambda path: numbered)
    monkeypatch.setattr(backgrounds, "quilt", lambda part, *more: quilted.append(part) or part)
    for split in SPLITS:
        top, left, height, width = backgrounds.TEXTURE_PARTS[split]
        own = numbered[top : top + height, left : left + width]
        for name in sources.TEXTURES:
            part = backgrounds.texture_part.__wrapped__(name, split)
            np.testing.assert_allclose(part, (own - own.mean()) / own.std(), atol=1e-6)
        assert all((part == own).all() for part in quilted[-2:])
    assert len(quilted) == 6


def test_facts_tell_what_was_drawn(tmp_path: Path) -> None:
    parts = prepare(options(train=12, validation=4, test=6, empty_fraction=0.3), 32, tmp_path)
    masks, images = read(tmp_path, "masks"), read(tmp_path, "images")
    indices = {split: read(tmp_path, split) for split in SPLITS}
    assert [len(indices[split]) for split in SPLITS] == [12, 4, 6]
    assert sorted(np.concatenate(list(indices.values()))) == list(range(22))
    assert images.shape == (22, 1, 32, 32)
    assert set(np.unique(masks)) == {0, 1}
    empty = ~masks.any(axis=(1, 2))
    np.testing.assert_array_equal(read(tmp_path, "has_foreground"), ~empty)
    facts = parts.facts
    assert facts["classes"] == ["background", "crack"]
    assert facts["channels"] == 1
    assert facts["empty_masks"] == {split: int(empty[indices[split]].sum()) for split in SPLITS}
    assert 0 < sum(facts["empty_masks"].values()) < 22
    assert facts["foreground_share"]["train"] == pytest.approx(masks[indices["train"]].mean())
    assert facts["mean"] == pytest.approx([images[indices["train"]].mean()])
    assert {split: sum(facts["backgrounds"][split].values()) for split in SPLITS} == {
        "train": 12,
        "validation": 4,
        "test": 6,
    }
    assert set(facts["background_origins"]) == set(QUICK)
    assert 0.003 < facts["crack_width_share"]["train"] < 0.04
    assert facts["emptied_by_resizing"] == 0
    assert json.loads(json.dumps(facts)) == facts


def test_cracks_that_a_resolution_cannot_show_are_counted(tmp_path: Path) -> None:
    made = options(train=12, validation=6, test=6, empty_fraction=0, width=[0.002, 0.08])
    facts = prepare(made, 16, tmp_path).facts
    assert 0 < facts["emptied_by_resizing"] < 24
    assert facts["emptied_by_resizing"] == sum(facts["empty_masks"].values())
    assert facts["crack_width_share"]["train"] is not None


# What can be missing


def test_a_full_disk_is_refused_before_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DataError, match="make room"):
        prepare(options(train=1, validation=1, test=1), 32, tmp_path)
    assert not (tmp_path / "images.npy").exists()


def test_the_source_names_what_the_chosen_backgrounds_are_made_of(tmp_path: Path) -> None:
    def source(*names: str) -> str:
        return sources.cracks_source(options(backgrounds=list(names)), tmp_path)

    assert source("concrete") == "drawn by studygrid"
    assert "elpv-dataset 1." in source("concrete", "cells")
    assert "sha256" in source("brick")
    assert len({source("brick"), source("gravel"), source("brick", "gravel")}) == 3
    assert sources.cracks_train_size(options(train=77)) == 77


@pytest.mark.parametrize(
    ("names", "module", "package"),
    [(["concrete", "grass"], "skimage", "scikit-image"), (["cells"], "elpv_dataset", "elpv-dat")],
)
def test_a_missing_package_is_named_where_its_pictures_are_asked_for(
    names: list[str], module: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sources.find_spec
    monkeypatch.setattr(sources, "find_spec", lambda name: found(name) if name != module else None)
    ((key, message),) = sources.check_cracks(options(backgrounds=names))
    assert key == "backgrounds"
    assert package in message
    with pytest.raises(DataError, match=package):
        sources.cracks_source(options(backgrounds=names), tmp_path)
    assert sources.check_cracks(options(backgrounds=["concrete"])) == []


def test_what_the_snakefile_imports_stays_cheap() -> None:
    code = (
        "import sys, studygrid.families.segmentation.data.cracks.sources; "
        "print({'numpy', 'PIL', 'scipy', 'skimage', 'torch'} & sys.modules.keys())"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


def test_a_split_that_comes_out_without_a_crack_is_refused(tmp_path: Path) -> None:
    few = options(train=4, validation=1, test=4, empty_fraction=0.9)
    with pytest.raises(DataError, match=r"no mask of the .* split has foreground"):
        prepare(few, 64, tmp_path)
