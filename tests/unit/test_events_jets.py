"""Particles, jets and their substructure, against what can be told by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("fastjet")

import awkward as ak

from studygrid.families.events.data.generated.events import select_events, wrapped
from studygrid.families.events.data.generated.features import CLASSES, GLOBAL_NAMES
from studygrid.families.events.data.generated.jets import leading_dijets, masses
from studygrid.families.events.data.generated.options import SelectionOptions
from studygrid.families.events.data.generated.particles import seen_particles
from studygrid.families.events.data.generated.shard_events import joined
from studygrid.families.events.data.generated.substructure import ratio, subjettiness

SELECTION = SelectionOptions()
_INVISIBLE, _CHARGED = {12, 14, 16}, {11, 13, 211, 2212}
# pT (GeV), pseudorapidity, azimuth (rad) of a particle without mass.
_Particle = tuple[float, float, float]
# Two prongs about azimuth 3, across the border at pi, and two opposite; one particle is soft.
EVENT: list[_Particle] = [
    (800.0, 0.1, 3.0),
    (400.0, 0.1, -3.0),
    (700.0, -0.4, 0.0),
    (300.0, 0.0, 0.0),
    (5.0, 2.0, 1.5),
]


def _momenta(particles: list[_Particle]) -> NDArray[np.float64]:
    pt, eta, phi = np.array(particles, np.float64).reshape(-1, 3).T
    columns = (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta))
    return np.stack(columns, axis=1)


def _seen(*events: list[_Particle]) -> Any:
    """Return events of photons, as `seen_particles` gives them, the hardest first."""
    flat = [particle for event in events for particle in sorted(event, reverse=True)]
    px, py, pz, energy = _momenta(flat).T
    pt, eta, phi = np.array(flat, np.float64).reshape(-1, 3).T
    columns = {"px": px, "py": py, "pz": pz, "E": energy, "pt": pt, "eta": eta, "phi": phi}
    columns["category"] = np.full(len(flat), CLASSES.index("photon"), np.uint8)
    return ak.unflatten(ak.zip(columns, with_name="Momentum4D"), [len(event) for event in events])


def _record(identity: int, particle: _Particle, status: int = 1) -> dict[str, Any]:
    px, py, pz, energy = _momenta([particle])[0].tolist()
    momentum = {"px": px, "py": py, "pz": pz, "e": energy}
    return {"id": identity, "status": status, "p": momentum}


def _values(particles: Any) -> dict[str, float]:
    (row,) = select_events(particles, SELECTION, 256).globals.tolist()
    return dict(zip(GLOBAL_NAMES, row, strict=True))


def test_only_stable_visible_particles_within_the_cuts_are_seen() -> None:
    along_the_beam = {"px": 0.0, "py": 0.0, "pz": 6500.0, "e": 6500.0}
    event = [
        _record(-211, (3.0, 0.0, 1.0)),
        _record(22, (9.0, -2.4, 2.0)),
        _record(12, (50.0, 0.0, 2.0)),
        _record(211, (50.0, 0.0, 2.0), status=-71),
        _record(22, (0.4, 0.0, 2.0)),
        _record(22, (50.0, 2.6, 2.0)),
        {"id": 2212, "status": 1, "p": along_the_beam},
    ]
    seen = seen_particles(ak.Array([event]), SELECTION, _is_visible, _is_charged)
    assert seen.pt.tolist() == [pytest.approx([9.0, 3.0])]
    assert seen.eta.tolist() == [pytest.approx([-2.4, 0.0])]
    assert seen.phi.tolist() == [pytest.approx([2.0, 1.0])]


def test_each_particle_has_its_class() -> None:
    identities = (-11, 13, 22, 211, -2212, 130, -2112)
    event = [_record(identity, (10.0 - at, 0.0, 0.0)) for at, identity in enumerate(identities)]
    seen = seen_particles(ak.Array([event]), SELECTION, _is_visible, _is_charged)
    assert [CLASSES[category] for category in seen.category.tolist()[0]] == [
        "electron",
        "muon",
        "photon",
        "charged_hadron",
        "charged_hadron",
        "neutral_hadron",
        "neutral_hadron",
    ]


def test_jets_are_sums_of_their_particles() -> None:
    momentum = leading_dijets(_seen(EVENT), SELECTION).momentum
    particles = _momenta(EVENT)
    assert momentum[0, 0] == pytest.approx(particles[:2].sum(axis=0))
    assert momentum[0, 1] == pytest.approx(particles[2:4].sum(axis=0))


def test_mass_of_two_particles_without_mass() -> None:
    # m^2 = 2 pT1 pT2 (cosh(d eta) - cos(d phi))
    found = masses(_momenta([(100.0, 0.2, 0.0), (50.0, -0.3, 0.4)]).sum(axis=0))
    assert found == pytest.approx(np.sqrt(2 * 100 * 50 * (np.cosh(0.5) - np.cos(0.4))))


def test_globals_of_an_event_by_hand() -> None:
    found = _values(_seen(EVENT))
    leading, second = _momenta(EVENT)[:2].sum(axis=0), _momenta(EVENT)[2:4].sum(axis=0)
    assert found["mjj"] == pytest.approx(masses(leading + second))
    assert masses(second) > masses(leading)
    assert found["heavy_mass"] == pytest.approx(masses(second))
    assert found["light_mass"] == pytest.approx(masses(leading))
    assert found["heavy_pt"] == pytest.approx(1000)
    assert found["light_pt"] == pytest.approx(np.hypot(leading[0], leading[1]))
    assert (found["heavy_particles"], found["light_particles"], found["particles"]) == (2, 2, 5)
    assert found["heavy_tau21"] == found["heavy_tau32"] == 0


def test_tokens_are_seen_from_the_leading_jet() -> None:
    events = select_events(_seen(EVENT), SELECTION, 256)
    leading = _momenta(EVENT)[:2].sum(axis=0)
    eta = np.arcsinh(leading[2] / np.hypot(*leading[:2]))
    phi = np.arctan2(leading[1], leading[0])
    expected = [
        (np.log(800), 0.1 - eta, 3.0 - phi - 2 * np.pi),
        (np.log(700), -0.4 - eta, -phi),
        (np.log(400), 0.1 - eta, -3.0 - phi),
        (np.log(300), -eta, -phi),
        (np.log(5), 2.0 - eta, 1.5 - phi),
    ]
    expected = [(a, b, np.mod(c + np.pi / 2, 2 * np.pi) - np.pi / 2) for a, b, c in expected]
    assert events.tokens == pytest.approx(np.array(expected), abs=1e-6)
    # What is within the leading jet is about 0, what is opposite about pi.
    assert np.abs(events.tokens[[0, 2], 2]).max() < 0.3
    assert np.abs(events.tokens[[1, 3], 2] - np.pi).max() < 0.3


@pytest.mark.parametrize(
    ("angle", "expected"),
    [(0.0, 0.0), (-1.5, -1.5), (-1.6, 2 * np.pi - 1.6), (4.7, 4.7), (4.8, 4.8 - 2 * np.pi)],
)
def test_angles_are_in_one_piece_about_pi(angle: float, expected: float) -> None:
    assert wrapped(np.array([angle])) == pytest.approx([expected])


def test_events_that_do_not_pass_are_left_out() -> None:
    soft = [(700.0, 0.0, 0.0), (200.0, 0.1, 0.1), (800.0, 0.0, 3.0)]
    alone = [(1500.0, 0.0, 0.0), (30.0, 0.0, 3.0)]
    turned = [(pt, eta, phi + 1.0) for pt, eta, phi in EVENT]
    particles = _seen(soft, EVENT, [], alone, [(2000.0, 0.0, 0.0)], turned)
    assert leading_dijets(particles, SELECTION).events.tolist() == [1, 5]
    events = select_events(particles, SELECTION, 256)
    assert np.diff(events.offsets).tolist() == [5, 5]
    assert events.globals[0] == pytest.approx(events.globals[1], rel=1e-5)


@pytest.mark.parametrize(
    "none", [[[]], [[], [(2000.0, 0.0, 0.0)]], [[(9.0, 0.0, 0.0), (8.0, 0.0, 0.1)]]]
)
def test_a_batch_of_which_nothing_passes_makes_no_event(none: list[list[_Particle]]) -> None:
    events = select_events(_seen(EVENT, *none)[1:], SELECTION, 256)
    assert len(events) == 0
    assert events.offsets.tolist() == [0]
    more = select_events(_seen(EVENT), SELECTION, 3)
    assert joined([events, more, events, more]).offsets.tolist() == [0, 3, 6]


def test_subjettiness_of_two_particles_by_hand() -> None:
    # The one axis is the harder particle's: only the softer one is away from it.
    jet = [(90.0, 0.0, 0.0), (30.0, 0.3, 0.4)]
    found = subjettiness(_seen(jet), radius=0.8)
    assert found == pytest.approx(np.array([[30 * 0.5 / (120 * 0.8), 0, 0]]), abs=1e-9)


def test_subjettiness_is_that_of_a_plain_reckoning() -> None:
    random = np.random.default_rng(3)
    jets = [
        [
            (float(pt), float(eta), float(phi))
            for pt, eta, phi in random.normal((40, 0, 3.1), (8, 0.4, 0.4), (count, 3))
        ]
        for count in (4, 9, 16)
    ]
    found = subjettiness(_seen(*jets), radius=1.0)
    expected = [[_plain_tau(jet, number) for number in (1, 2, 3)] for jet in jets]
    assert found == pytest.approx(np.array(expected), rel=1e-6)


def test_a_ratio_to_nothing_is_0() -> None:
    assert ratio(np.array([0.0, 1.0]), np.array([0.0, 4.0])).tolist() == [0.0, 0.25]


def _plain_tau(jet: list[_Particle], number: int) -> float:
    """Cluster by kT with the winner's direction until `number` axes are left."""
    axes = list(jet)
    while len(axes) > number:
        pairs = [(first, second) for first in axes for second in axes if first < second]
        first, second = min(pairs, key=lambda pair: min(pair[0][0], pair[1][0]) * _distance(*pair))
        winner = max(first, second)
        axes = [axis for axis in axes if axis not in (first, second)]
        axes.append((first[0] + second[0], winner[1], winner[2]))
    total = sum(pt for pt, _, _ in jet)
    return (
        sum(particle[0] * min(_distance(particle, axis) for axis in axes) for particle in jet)
        / total
    )


def _distance(first: _Particle, second: _Particle) -> float:
    turn = abs(first[2] - second[2]) % (2 * np.pi)
    return float(np.hypot(first[1] - second[1], min(turn, 2 * np.pi - turn)))


def _is_visible(identity: int) -> bool:
    return identity not in _INVISIBLE


def _is_charged(identity: int) -> bool:
    return identity in _CHARGED
