"""What can be told of the mixture without drawing it. Cheap to import."""

from __future__ import annotations

from pathlib import Path

from studygrid.families.tagvae.data.mixture.options import TagMixtureOptions


def tag_mixture_train_size(options: TagMixtureOptions) -> None:
    """Return None: how many rows differ within a vocabulary is known when they are drawn."""


def tag_mixture_tags(options: TagMixtureOptions) -> tuple[int, str]:
    """Return how many tags there are, and which key says so."""
    return options.tags, "dataset.tags"


def tag_mixture_source(options: TagMixtureOptions, cache: Path) -> str:
    """Return that there is no raw data; the generator is code, which a fingerprint covers."""
    return "drawn by studygrid"
