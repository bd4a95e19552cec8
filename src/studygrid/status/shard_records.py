"""Where a study's shards are, seen from its results folder: a status is asked for from anywhere."""

from __future__ import annotations

from pathlib import Path

from studygrid.plan import Plan


def shard_records(plan: Plan, results: Path) -> list[Path]:
    """Return the records of a study's shards; none where their folder cannot be known.

    Parameters
    ----------
    results
        The results folder, as the caller names it.
    """
    if not plan.shards:
        return []
    if Path(plan.study.execution.shards).is_absolute():
        return plan.shard_records
    root = _root(Path(plan.study.results), results)
    return [] if root is None else [root / record for record in plan.shard_records]


def _root(written: Path, results: Path) -> Path | None:
    """Return the folder that a config's paths start from.

    Parameters
    ----------
    written
        The results folder as the config has it.
    """
    here, parts = Path.cwd(), written.parts
    if written.is_absolute():
        return Path() if (here / "Snakefile").is_file() else None
    place = results.absolute()
    if place.parts[-len(parts) :] != parts:
        return None
    root = place.parents[len(parts) - 1]
    return Path() if root == here else root
