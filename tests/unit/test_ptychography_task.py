"""Ptychography in evaluation and profiling, by the jobs' own `main` and by the task itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studygrid.execution import fingerprints
from studygrid.families import load_family
from studygrid.families.prepared import PreparedData
from studygrid.families.ptychography import scoring
from studygrid.families.ptychography.assembling import assemble_groups
from studygrid.families.ptychography.models.patches import Patches
from studygrid.families.ptychography.physics import amplitude, extract, illumination
from studygrid.families.ptychography.task import PtychographyTask
from studygrid.profiling import job as profiling
from studygrid.records import ProfileRecord, read_record
from studygrid.spec import ProfileSpec
from tests.unit.conftest import Bench, script
from tests.unit.ptychography_bench import BASE, ENGINE, POSITIONS, SIDE, write_scans

FAMILY = load_family("ptychography")
EVERY = FAMILY.metric_names
CPU = torch.device("cpu")
COUNT = POSITIONS**2


@pytest.fixture(scope="module")
def data_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return a function that writes prepared data of a gridsize, once."""
    written: dict[int, Path] = {}

    def made(gridsize: int = 1) -> Path:
        if gridsize not in written:
            folder = tmp_path_factory.mktemp("scans") / "data"
            written[gridsize] = write_scans(folder, gridsize=gridsize)
        return written[gridsize]

    return made


@pytest.fixture
def bench(tmp_path: Path, data_of: Callable[..., Path]) -> Bench:
    return Bench(tmp_path, data_of(), BASE)


def made(data: Path, architecture: str = "pinn", **changes: Any) -> tuple[PtychographyTask, Any]:
    """Return a task and a fresh model, ready to be scored."""
    base = ENGINE if architecture == "iterative" else BASE
    spec = Bench(Path(), data, {**base, "architecture": architecture}).spec(**changes)
    prepared = PreparedData(data)
    task = PtychographyTask(FAMILY, spec, prepared, CPU)
    task.start_training(spec, prepared.indices("train"))
    torch.manual_seed(0)
    return task, task.build_model().eval()


def same(name: str, one: float | None, other: float | None) -> bool:
    # A fresh network's amplitude is all but constant, and its Fourier ring correlation of noise.
    tolerance = 0.05 if "frc" in name else 1e-4
    return one == (None if other is None else pytest.approx(other, rel=tolerance))


# --- Scores


@pytest.mark.parametrize("gridsize", [1, 2])
@pytest.mark.parametrize("architecture", ["pinn", "baseline", "iterative"])
def test_scores_do_not_depend_on_the_batch_size(
    data_of: Callable[[int], Path], architecture: str, gridsize: int
) -> None:
    task, model = made(data_of(gridsize), architecture)
    found = [task.score(model, "test", EVERY, size) for size in (1, 7, COUNT, 1000)]
    first = found[0]
    for other in found[1:]:
        assert other.undefined == first.undefined
        assert other.chance == first.chance
        for name in EVERY:
            assert same(name, other.values[name], first.values[name]), name
        for name, array in first.examples.items():
            assert np.allclose(array, other.examples[name], atol=1e-4), name


def test_scoring_draws_from_no_generator_of_the_run(data_of: Callable[..., Path]) -> None:
    task, model = made(data_of())
    before = torch.random.get_rng_state()
    first = task.score(model, "validation", EVERY, 16, details=False)
    assert torch.equal(before, torch.random.get_rng_state())
    assert task.score(model, "validation", EVERY, 16, details=False) == first


def test_the_object_is_assembled_of_every_patch_of_every_group(
    data_of: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, model = made(data_of(2), options={"phase_passes": 0})
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def spy(patches: torch.Tensor, weights: Any, positions: torch.Tensor, *rest: Any) -> Any:
        seen.append((patches.clone(), positions))
        return assemble_groups(patches, weights, positions, *rest)

    monkeypatch.setattr(scoring, "assemble_groups", spy)
    task.score(model, "test", ["loss"], 7)
    ((patches, positions),) = seen
    data = PreparedData(data_of(2))
    groups = data.array("groups")[data.indices("test")]
    assert patches.shape == (COUNT, 4, SIDE, SIDE)
    assert np.array_equal(positions.numpy(), data.array("positions")[groups])
    patterns = torch.from_numpy(data.array("patterns")[groups])
    with torch.no_grad():
        expected: Patches = model(patterns)
    assert torch.allclose(patches, expected.transmission, atol=1e-5)


def test_the_pattern_error_is_of_the_assembled_object(data_of: Callable[..., Path]) -> None:
    task, model = made(data_of(), options={"phase_passes": 3})
    value = task.score(model, "test", ["pattern_error"], 16).values["pattern_error"]
    data = PreparedData(data_of())
    rows = data.indices("test")
    measured, positions = (
        torch.from_numpy(np.array(data.array(name)[rows])) for name in ("patterns", "positions")
    )
    probe = torch.from_numpy(np.array(data.array("probes")[2]))
    with torch.no_grad():
        patches = model(measured.unsqueeze(1)).transmission
    shape = tuple(data.record.facts["scans"][2]["object_shape"])
    found, _ = assemble_groups(patches, illumination(probe), positions[:, None], shape, 3)
    calculated = amplitude(extract(found, positions, SIDE), probe)
    error = (calculated - measured).abs().sum() / measured.sum()
    assert value == pytest.approx(error.item(), rel=1e-4)


def test_what_is_kept_of_the_test_split(data_of: Callable[..., Path]) -> None:
    task, model = made(data_of())
    scores = task.score(model, "test", EVERY, 16)
    assert {"truth_amplitude", "truth_phase", "amplitude", "phase"} <= set(scores.examples)
    assert {"frc_amplitude", "frc_phase"} <= set(FAMILY.tables)
    assert scores.tables["frc_phase"]
    assert scores.chance["phase_mae"] > 0
    (alignment,) = scores.facts["alignment"]
    assert alignment["scan"] == "test scan"
    assert scores.facts["phase_passes"] == 2
    assert scores.per_sample["loss"].mean() == pytest.approx(scores.values["loss"])
    indices = PreparedData(data_of()).indices("test")
    assert scores.per_sample["index"].tolist() == indices.tolist()
    assert set(scores.per_sample["scan"].tolist()) == {0}


def test_another_split_has_its_own_details_where_they_are_asked_for(
    data_of: Callable[..., Path],
) -> None:
    task, model = made(data_of())
    asked = task.score(model, "validation", ["loss", "phase_mae"], 16)
    (alignment,) = asked.facts["alignment"]
    assert alignment["scan"] == "validation scan"
    assert asked.tables["frc_phase"]
    plain = task.score(model, "validation", ["loss", "phase_mae"], 16, details=False)
    assert plain.values == asked.values
    for kept in (plain.chance, plain.facts, plain.tables, plain.per_sample, plain.examples):
        assert kept == {}


def test_the_truth_is_not_seen_by_the_pattern_loss_of_the_test_split(
    tmp_path: Path, data_of: Callable[..., Path]
) -> None:
    unknown = write_scans(tmp_path / "unknown", unknown=("train", "validation", "test"))
    task, model = made(data_of())
    blind, again = made(unknown)
    known = task.score(model, "test", ["loss", "pattern_error", "phase_mae"], 16)
    scores = blind.score(again, "test", ["loss", "pattern_error", "phase_mae"], 16)
    assert scores.values["loss"] == known.values["loss"]
    assert scores.values["pattern_error"] == known.values["pattern_error"]
    assert scores.values["phase_mae"] is None
    assert "not known" in scores.undefined["phase_mae"]
    assert scores.examples == {}


def test_the_engine_makes_the_same_of_patterns_however_they_are_grouped(
    data_of: Callable[[int], Path],
) -> None:
    found = []
    for gridsize in (1, 2):
        task, model = made(data_of(gridsize), "iterative")
        found.append(task.score(model, "test", EVERY, 64).values)
    for name in EVERY:
        assert same(name, found[0][name], found[1][name]), name


# --- Jobs


def test_a_run_is_scored_by_its_kept_weights(bench: Bench) -> None:
    ran = bench.train(n_train="all")
    record = bench.evaluate(ran, *EVERY, batch_size=9)
    assert record.test_count == COUNT
    assert record.examples_file == "examples.npz"
    assert record.chance.keys() <= set(EVERY)
    spec = ran.record.spec
    task = PtychographyTask(FAMILY, spec, PreparedData(bench.data), CPU)
    model = task.build_model()
    model.load_state_dict(ran.weights)
    values = task.score(model.eval(), "test", EVERY, 64).values
    for name in EVERY:
        assert same(name, record.metrics[name], values[name]), name


@pytest.mark.parametrize("gridsize", [1, 2])
@pytest.mark.parametrize("architecture", ["pinn", "iterative"])
def test_profiles_are_of_a_group_of_patterns(
    tmp_path: Path, data_of: Callable[[int], Path], architecture: str, gridsize: int
) -> None:
    base = ENGINE if architecture == "iterative" else BASE
    sizes = {"batch_sizes": [1, 3], "measure_sec": 0.01, "min_repeats": 2, "warmup_sec": 0.01}
    spec = ProfileSpec.model_validate(
        {
            **{key: base[key] for key in ("family", "model", "architecture", "options")},
            "resolution": SIDE,
            "channels_last": architecture == "pinn",
            "profiling": sizes,
        }
    )
    output = tmp_path / "profile.json"
    arguments = ["--spec", spec.to_json(), "--code", "code", "--data", str(data_of(gridsize))]
    paths = ["--output", str(output), "--log", str(tmp_path / "log"), "--device", "cpu"]
    assert profiling.main([*arguments, *paths]) == 0, (tmp_path / "log").read_text()
    record = read_record(output, ProfileRecord)
    assert record.input_shape == [gridsize**2, SIDE, SIDE]
    assert [one.batch_size for one in record.latency] == [1, 3]
    assert bool(record.parameters) is (architecture == "pinn")
    assert record.flops_per_sample is None or architecture == "pinn" or record.flops_per_sample == 0


# --- Code


def test_a_change_of_findings_or_of_the_engine_trains_no_network_again() -> None:
    def modules(code: Callable[..., str], *arguments: Any) -> set[str]:
        seen: set[str] = set()

        def fingerprint(names: Iterable[str]) -> str:
            seen.update(names)
            return ""

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fingerprints, "fingerprint", fingerprint)
            code(FAMILY, *arguments)
        return reached(seen)

    trained = modules(fingerprints.train_code, "pinn", "loss")
    scored = modules(fingerprints.evaluate_code, "pinn")
    here = "studygrid.families.ptychography"
    assert {f"{here}.losses", f"{here}.assembling", f"{here}.models.network"} <= trained
    assert f"{here}.findings" not in trained
    assert f"{here}.findings" in scored
    assert f"{here}.models.engine" not in trained | scored
    assert f"{here}.models.engine" in modules(fingerprints.train_code, "iterative", "loss")


def reached(names: set[str]) -> set[str]:
    """Return modules and all of the project that they import."""
    pending, seen = list(names), set[str]()
    while pending:
        name = pending.pop()
        if name not in seen and fingerprints._file(name) is not None:
            seen.add(name)
            pending.extend(fingerprints._imports(name))
    return seen


def test_the_declaration_is_cheap_to_import() -> None:
    code = (
        "import sys; from studygrid.families import load_family; load_family('ptychography'); "
        "print([m for m in ('torch', 'numpy', 'pandas', 'scipy', 'skimage') if m in sys.modules])"
    )
    _, environment = script("train.py")
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
