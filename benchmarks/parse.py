"""What the Snakefile adds to Snakemake's own start: every cluster job parses it again.

Runs `snakemake --list-rules` on the project and on an empty Snakefile in turn, then a dry run of
the default study with its sources known from before and anew, and prints the median of each and
of the differences, pair by pair.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "src/studygrid/execution/__pycache__"


def seconds(folder: Path, *arguments: str) -> float:
    """Return the wall time of a call of Snakemake."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def parse_pairs(count: int) -> list[tuple[float, float]]:
    """Return times of an empty Snakefile and of the project's."""
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name)
        (empty / "Snakefile").write_text("")
        for folder in (empty, ROOT):
            seconds(folder, "--list-rules")
        return [
            (seconds(empty, "--list-rules"), seconds(ROOT, "--list-rules")) for _ in range(count)
        ]


def dry_run_pairs(count: int) -> list[tuple[float, float]]:
    """Return times of dry runs with the sources known, and with each parsed anew."""
    dry = ("--dry-run", "--quiet", "all", "--configfile", "config/config.yaml")
    seconds(ROOT, *dry)
    pairs = []
    for _ in range(count):
        known = seconds(ROOT, *dry)
        for file in KEPT.glob("sources-*.json"):
            file.unlink()
        pairs.append((known, seconds(ROOT, *dry)))
    return pairs


def tell(pairs: Sequence[tuple[float, float]], first: str, second: str) -> None:
    """Print medians."""
    before, after = zip(*pairs, strict=True)
    added = [late - early for early, late in pairs]
    print(f"{first}: median {statistics.median(before):.2f} s")
    print(f"{second}: median {statistics.median(after):.2f} s")
    print(
        f"  added by it: median {statistics.median(added):.2f} s "
        f"({min(added):.2f} to {max(added):.2f}, {len(pairs)} pairs)"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=11)
    count = parser.parse_args().pairs
    tell(parse_pairs(count), "empty Snakefile", "this project")
    tell(dry_run_pairs(count), "dry run, sources known", "dry run, sources anew")


if __name__ == "__main__":
    main()
