"""Packages that make the events. Cheap to import."""

from __future__ import annotations

import importlib.metadata

PACKAGES = ("pythia8mc", "fastjet", "awkward")


def installed_versions() -> dict[str, str]:
    """Return the version of each package that makes a shard, and of those alone that are there."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
