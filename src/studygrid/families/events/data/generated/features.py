"""What a generated event is told by: its particles' classes and its globals. Cheap to import."""

from __future__ import annotations

CLASSES = ("padding", "charged_hadron", "neutral_hadron", "photon", "electron", "muon")

# Of the two jets with the most transverse momentum the one with more mass is the heavy one.
GLOBALS = (
    ("mjj", "GeV"),
    ("heavy_mass", "GeV"),
    ("heavy_pt", "GeV"),
    ("heavy_tau21", "1"),
    ("heavy_tau32", "1"),
    ("heavy_particles", "1"),
    ("light_mass", "GeV"),
    ("light_pt", "GeV"),
    ("light_tau21", "1"),
    ("light_tau32", "1"),
    ("light_particles", "1"),
    ("particles", "1"),
)
GLOBAL_NAMES = tuple(name for name, _ in GLOBALS)
