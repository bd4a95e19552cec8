"""What Pythia is told for each sample. Cheap to import."""

from __future__ import annotations

from collections.abc import Sequence

from studygrid.families.events.data.generated.options import GeneratorOptions

BACKGROUND = "background"
SIGNALS = ("xy", "wz", "tt")
SAMPLES = (BACKGROUND, *SIGNALS)

_QUARKS = "1 2 3 4 5"
# Of a resonance, as share of its mass.
LEAST_MASS = 0.8


def pythia_lines(sample: str, generator: GeneratorOptions) -> list[str]:
    """Return the lines that make Pythia generate a sample, without the seed.

    Only what the sample needs is in them, so that another mass of X leaves the shards of the
    background as they are.
    """
    return [
        f"Beams:eCM = {generator.beams_gev!r}",
        *_process_lines(sample, generator),
        *generator.extra,
    ]


def _process_lines(sample: str, generator: GeneratorOptions) -> Sequence[str]:
    if sample == BACKGROUND:
        return ("HardQCD:all = on", f"PhaseSpace:pTHatMin = {generator.pt_hat_min_gev!r}")
    mass = generator.resonance_mass_gev
    if sample == "tt":
        return (
            "NewGaugeBoson:ffbar2gmZZprime = on",
            "Zprime:gmZmode = 3",
            *_mass_lines(32, mass),
            "32:onMode = off",
            "32:onIfAny = 6",
        )
    decay = _xy_decay(generator) if sample == "xy" else _WZ_DECAY
    return ("NewGaugeBoson:ffbar2Wprime = on", *_mass_lines(34, mass), *decay)


def _mass_lines(identity: int, mass: float) -> Sequence[str]:
    # Without a bound, a W' too light for its decay stops the run, and every resonance has a long
    # tail of low masses that are no signal to look for.
    return (f"{identity}:m0 = {mass!r}", f"{identity}:mMin = {LEAST_MASS * mass!r}")


_WZ_DECAY = (
    "Wprime:coup2WZ = 1.",
    "34:onMode = off",
    "34:onIfAll = 23 24",
    "23:onMode = off",
    f"23:onIfAny = {_QUARKS}",
    "24:onMode = off",
    f"24:onIfAny = {_QUARKS}",
)


def _xy_decay(generator: GeneratorOptions) -> Sequence[str]:
    """Return the two new particles and their decays; X has a charge, or Pythia finds no process."""
    x, y = generator.x_mass_gev, generator.y_mass_gev
    return (
        f"9000001:all = Xp Xm 1 3 0 {x!r} 2. {x - 20!r} {x + 20!r} 0.",
        "9000001:oneChannel = 1 1.0 100 2 -1",
        f"9000002:all = Yres void 1 0 0 {y!r} 1. {y - 10!r} {y + 10!r} 0.",
        "9000002:oneChannel = 1 1.0 100 1 -1",
        "34:oneChannel = 1 1.0 100 9000001 9000002",
    )
