"""Generated events: shards, what decides them, and the physics in them."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from studygrid.errors import DataError
from studygrid.families.base import Architecture, Shard
from studygrid.families.events.data.generated import shard as shard_module
from studygrid.families.events.data.generated import sources
from studygrid.families.events.data.generated.features import CLASSES, GLOBAL_NAMES
from studygrid.families.events.data.generated.options import GeneratedEventsOptions
from studygrid.families.events.data.generated.sources import (
    check_generated_events,
    generated_events_shards,
    generated_events_train_size,
    random_seed,
    supervised_lacks_events,
)
from studygrid.section import Section

pytest.importorskip("pythia8mc")

from studygrid.families.events.data.generated.prepare import prepare
from studygrid.families.events.data.generated.pythia import Generator
from studygrid.families.events.data.generated.shard import make_shard
from studygrid.families.events.data.generated.shard_file import read_shard

# Without multiparton interactions Pythia starts in a third of the time.
SIGNALS = {"xy": 6, "wz": 5, "tt": 4}
QUICK = {"extra": ["PartonLevel:MPI = off"]}


def _options(**changed: Any) -> GeneratedEventsOptions:
    signals = {"xy": 6, "wz": 0, "tt": 0}
    return GeneratedEventsOptions.model_validate(
        {"background": 12, "signals": signals, "shard_events": 8, "generator": QUICK, **changed}
    )


def _shard(sample: str, events: int, **changed: Any) -> dict[str, Any]:
    """Return what decides the first shard of a sample."""
    signals = {"xy": events, "wz": events, "tt": events}
    options = _options(background=max(events, 10), signals=signals, shard_events=events, **changed)
    shards = generated_events_shards(options)
    return dict(next(shard.options for shard in shards if shard.name == f"{sample}-0000"))


@pytest.fixture(scope="module")
def xy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shard of the signal W' -> X Y."""
    file = tmp_path_factory.mktemp("shards") / "xy.npz"
    make_shard(_shard("xy", 40), file)
    return file


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shard of the first 5 events of `xy`."""
    file = tmp_path_factory.mktemp("shards") / "few.npz"
    make_shard(_shard("xy", 5), file)
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return all shards of `_options`."""
    folder = tmp_path_factory.mktemp("made")
    files = {}
    for shard in generated_events_shards(_options()):
        files[shard.name] = folder / f"{shard.name}.npz"
        make_shard(shard.options, files[shard.name])
    return files


def test_shards_hold_the_events_that_are_asked_for() -> None:
    asked = {shard.name: shard.samples for shard in generated_events_shards(_options())}
    assert asked == {
        "background-0000": 8,
        "background-0001": 4,
        "xy-0000": 6,
    }


def test_more_events_begin_with_the_same_full_shards() -> None:
    few, many = (
        {shard.name: shard for shard in generated_events_shards(_options(background=count))}
        for count in (20, 40)
    )
    for name in ("background-0000", "background-0001", "xy-0000"):
        assert few[name] == many[name]


def test_a_shard_depends_on_nothing_that_its_sample_does_not_need() -> None:
    changed = {**QUICK, "x_mass_gev": 400.0}
    before, after = (
        {shard.name: shard for shard in generated_events_shards(options)}
        for options in (
            _options(signals=SIGNALS),
            _options(signals=SIGNALS, generator=changed, split_seed=3, left_out=[]),
        )
    )
    assert [name for name in before if before[name] != after[name]] == ["xy-0000"]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"max_particles": 255},
        {"selection": {"leading_jet_pt_min_gev": 1200.0}},
        {"generator": {**QUICK, "beams_gev": 14000.0}},
    ],
)
def test_what_decides_an_event_makes_other_shards(change: dict[str, Any]) -> None:
    before, after = generated_events_shards(_options()), generated_events_shards(_options(**change))
    assert not [shard for shard in before if shard in after]


def test_no_two_shards_have_the_same_seed() -> None:
    seeds = [
        random_seed(seed, sample, number)
        for seed in (0, 1, 2, 4000)
        for sample in ("background", "xy", "wz", "tt")
        for number in (0, 1, 49_999)
    ]
    assert len(set(seeds)) == len(seeds)
    # Pythia's bounds.
    assert min(seeds) >= 1
    assert max(seeds) <= 900_000_000


@pytest.mark.parametrize(
    ("change", "key", "fault"),
    [
        ({"left_out": ["mjj2"]}, "left_out", "did you mean 'mjj'"),
        ({"left_out": list(GLOBAL_NAMES)}, "left_out", "leaves no global"),
        ({"background": 10, "test_fraction": 0.01}, "background", "leave none for test"),
        ({"generator": {"extra": ["Random:seed = 3"]}}, "generator.extra", "take it out"),
    ],
)
def test_options_that_cannot_be_are_refused(change: dict[str, Any], key: str, fault: str) -> None:
    ((found, message),) = check_generated_events(_options(**change))
    assert found == key
    assert fault in message


def test_the_default_options_are_right() -> None:
    assert check_generated_events(GeneratedEventsOptions()) == []


def test_a_missing_package_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "installed_versions", lambda: {"awkward": "2"})
    ((_, message),) = check_generated_events(_options())
    assert "pythia8mc, fastjet, which is not installed: pip install" in message


def test_particles_too_heavy_for_the_resonance_are_refused() -> None:
    with pytest.raises(ValidationError, match="should be below 2800"):
        _options(generator={"x_mass_gev": 2000.0, "y_mass_gev": 800.0})


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({}, False),
        ({"reference_fraction": 0.0}, True),
        ({"signals": {"xy": 1, "wz": 1, "tt": 0}}, True),
        ({"signals": {"xy": 0, "wz": 0, "tt": 2}}, False),
    ],
)
def test_supervised_needs_signal_events(change: dict[str, Any], refused: bool) -> None:
    supervised, other = (Architecture(name, "m:f", Section) for name in ("supervised", "mlp"))
    assert (supervised_lacks_events(_options(**change), supervised) is not None) == refused
    assert supervised_lacks_events(_options(**change), other) is None


def test_equal_options_make_equal_bytes_and_print_nothing(
    tmp_path: Path, few: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_shard(_shard("xy", 5), tmp_path / "again.npz")
    print("and then")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("and then\n", "")
    assert _sha256(tmp_path / "again.npz") == _sha256(few)


def test_another_seed_makes_other_events(tmp_path: Path, few: Path) -> None:
    make_shard(_shard("xy", 5, seed=1), tmp_path / "other.npz")
    assert not np.isin(read_shard(tmp_path / "other.npz")[0].globals, read_shard(few)[0].globals)[
        :, 0
    ].any()


def test_a_shard_of_more_events_begins_with_one_of_fewer(few: Path, xy: Path) -> None:
    fewer, more = read_shard(few)[0], read_shard(xy)[0].first(5)
    for field in dataclasses.fields(fewer):
        assert np.array_equal(getattr(fewer, field.name), getattr(more, field.name))


def test_a_shard_knows_how_it_was_made(tmp_path: Path) -> None:
    facts = make_shard(_shard("background", 10), tmp_path / "shard.npz")
    assert read_shard(tmp_path / "shard.npz")[1] == facts
    assert facts["events"] == 10 <= facts["selected"] <= facts["generated"]
    assert set(facts["versions"]) == {"pythia8mc", "fastjet", "awkward"}
    # QCD jets above 1150 GeV at 13 TeV; 10 events tell it to a few ten percent.
    assert 2 < facts["cross_section_pb"] < 7
    assert 0 < facts["cross_section_error_pb"] < facts["cross_section_pb"]


def test_the_signal_is_where_its_masses_are(xy: Path) -> None:
    events, _ = read_shard(xy)
    value = {name: float(np.median(events.globals[:, at])) for at, name in enumerate(GLOBAL_NAMES)}
    assert 470 < value["heavy_mass"] < 520
    assert 90 < value["light_mass"] < 140
    assert 3300 < value["mjj"] < 3600
    assert value["heavy_tau21"] < 0.4
    assert len(events) == 40
    assert np.isfinite(events.globals).all()


def test_tokens_are_as_they_should_be(xy: Path) -> None:
    events, _ = read_shard(xy)
    log_pt, delta_eta, delta_phi = events.tokens.T
    assert (log_pt > np.log(0.5)).all()
    assert (np.abs(delta_eta) < 5).all()
    assert (delta_phi >= np.float32(-np.pi / 2)).all()
    assert (delta_phi <= np.float32(3 * np.pi / 2)).all()
    # One jet lies about 0, the other opposite, in one piece about pi.
    weight = np.exp(log_pt)
    near = np.abs(delta_phi) < 1
    opposite = np.abs(delta_phi - np.pi) < 1
    assert weight[near].sum() > 0.3 * weight.sum()
    assert weight[opposite].sum() > 0.3 * weight.sum()
    starts = events.offsets[1:-1]
    falls = np.diff(log_pt) <= 0
    falls[starts - 1] = True
    assert falls.all()
    shares = np.bincount(events.classes, minlength=len(CLASSES)) / len(events.classes)
    assert shares[0] == 0
    assert shares[CLASSES.index("charged_hadron")] > 0.4
    assert shares[CLASSES.index("photon")] > 0.25


def test_only_the_hardest_particles_are_kept(tmp_path: Path, few: Path) -> None:
    make_shard(_shard("xy", 5, max_particles=7), tmp_path / "shard.npz")
    cut, whole = read_shard(tmp_path / "shard.npz")[0], read_shard(few)[0]
    assert np.diff(cut.offsets).tolist() == [7] * 5
    for event in range(5):
        start = whole.offsets[event]
        tokens = cut.tokens[7 * event : 7 * event + 7]
        assert np.array_equal(tokens, whole.tokens[start : start + 7])
    assert np.array_equal(cut.globals, whole.globals)


def test_other_versions_than_asked_for_are_refused(tmp_path: Path) -> None:
    options = _shard("xy", 2) | {"versions": {"pythia8mc": "8.100", "fastjet": "3", "awkward": "2"}}
    with pytest.raises(DataError, match=r"to be made by pythia8mc 8.100, .* and here is pythia"):
        make_shard(options, tmp_path / "shard.npz")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("Foo:bar = 3", "refuses the line 'Foo:bar = 3'; it says: PYTHIA Error"),
        ("PhaseSpace:pTHatMin = 9000.", "cannot start with .*9000.*; it says: PYTHIA"),
    ],
)
def test_what_pythia_cannot_do_is_one_clear_error(line: str, fault: str, tmp_path: Path) -> None:
    options = _shard("background", 2, generator={"extra": [*QUICK["extra"], line]})
    with pytest.raises(DataError, match=fault) as error:
        make_shard(options, tmp_path / "shard.npz")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


class _Stubborn:
    """Pythia that makes nothing in its first batches."""

    def __init__(self, pythia: Any, fruitless: int) -> None:
        self._pythia, self._left = pythia, fruitless

    def nextBatch(self, count: int) -> Any:  # noqa: N802 (Pythia's name)
        self._left -= 1
        return [] if self._left >= 0 else self._pythia.nextBatch(count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pythia, name)


def test_batches_without_events_are_passed_over_unless_they_go_on() -> None:
    printed = "\n PYTHIA Abort from somewhere: why\n"
    generator = Generator(_shard("wz", 2)["lines"], 1, lambda: printed)
    generator._pythia = _Stubborn(generator._pythia, 3)
    assert 0 < len(generator.batch(2)) <= 2
    generator._pythia = _Stubborn(generator._pythia, 1000)
    with pytest.raises(DataError, match=r"no event in 10 batches .* says: PYTHIA Abort .*: why$"):
        generator.batch(2)


def test_a_selection_that_nothing_passes_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_module, "_TRIED", 20)
    options = _shard("wz", 2, selection={"leading_jet_pt_min_gev": 6000.0})
    with pytest.raises(DataError, match="of 20 events of 'wz' only 0 pass"):
        make_shard(options, tmp_path / "shard.npz")


def test_shards_are_prepared_at_any_resolution(made: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    (tmp_path / "many").mkdir()
    few = prepare(_options(), 3, tmp_path / "few", shards=made)
    prepare(_options(), 200, tmp_path / "many", shards=made)
    small, large = (np.load(tmp_path / name / "tokens.npy") for name in ("few", "many"))
    assert small.shape == (18, 3, 3)
    assert np.array_equal(small, large[:, :3])
    mask = np.load(tmp_path / "many" / "mask.npy")
    assert not large[~mask].any()
    assert (~mask).any()
    assert few.splits["train"].count == generated_events_train_size(_options())
    assert few.facts["signals"] == ["xy"]


def test_prepared_events_are_those_of_their_shards(made: dict[str, Path], tmp_path: Path) -> None:
    prepare(_options(), 4, tmp_path, shards=made)
    label, values = (np.load(tmp_path / f"{name}.npy") for name in ("label", "globals"))
    assert np.bincount(label).tolist() == [12, 6]
    background = [read_shard(made[f"background-{at:04d}"])[0].globals for at in range(2)]
    assert np.array_equal(values[label == 0], np.concatenate(background))
    assert np.array_equal(values[label == 1], read_shard(made["xy-0000"])[0].globals)


def test_the_record_tells_how_events_were_made(made: dict[str, Path], tmp_path: Path) -> None:
    facts = prepare(_options(), 4, tmp_path, shards=made).facts
    assert facts["selection"]["leading_jet_pt_min_gev"] == 1000
    assert facts["versions"] == read_shard(made["xy-0000"])[1]["versions"]
    background = facts["samples"]["background"]
    assert (background["events"], background["shards"]) == (12, 2)
    assert background["generated"] >= 12
    assert 0.8 < background["efficiency"] <= 1
    assert 2 < background["cross_section_pb"] < 7
    assert "HardQCD:all = on" in background["pythia"]


def test_a_resolution_above_what_shards_keep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"257 is above dataset.max_particles \(256\)"):
        prepare(_options(), 257, tmp_path, shards={})


def test_a_missing_shard_is_named(made: dict[str, Path], tmp_path: Path) -> None:
    without = {name: file for name, file in made.items() if name != "xy-0000"}
    with pytest.raises(DataError, match="1 shards are missing: xy-0000"):
        prepare(_options(), 3, tmp_path, shards=without)


def test_a_shard_of_other_events_is_refused(made: dict[str, Path], tmp_path: Path) -> None:
    wrong = made | {"xy-0000": made["background-0001"]}
    with pytest.raises(DataError, match="holds 4 events and should hold 6"):
        prepare(_options(), 3, tmp_path, shards=wrong)


@pytest.mark.parametrize("content", [b"", b"nothing", None])
def test_a_broken_shard_is_one_clear_error(
    content: bytes | None, tmp_path: Path, few: Path
) -> None:
    file = tmp_path / "shard.npz"
    file.write_bytes(few.read_bytes()[:-2000] if content is None else content)
    with pytest.raises(DataError, match="cannot be read as a shard of events"):
        read_shard(file)


def test_a_shard_is_declared_in_plain_values() -> None:
    shard = generated_events_shards(_options())[0]
    assert isinstance(shard, Shard)
    assert isinstance(shard.options["selection"], dict)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
