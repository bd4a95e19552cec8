"""What the Snakefile's parse adds to Snakemake's own start: every cluster job parses it again.

Runs `snakemake --list-rules` on the project and on an empty Snakefile in turn, and prints the
median of each and of the differences, pair by pair.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def seconds(folder: Path) -> float:
    """Return the wall time of one parse."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "--list-rules"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=11)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name)
        (empty / "Snakefile").write_text("")
        for folder in (empty, ROOT):
            seconds(folder)
        times = [(seconds(empty), seconds(ROOT)) for _ in range(pairs)]
    without, own = zip(*times, strict=True)
    added = [after - before for before, after in times]
    print(f"empty Snakefile: median {statistics.median(without):.2f} s")
    print(f"this project:    median {statistics.median(own):.2f} s")
    print(
        f"added by it:     median {statistics.median(added):.2f} s "
        f"({min(added):.2f} to {max(added):.2f}, {pairs} pairs)"
    )


if __name__ == "__main__":
    main()
