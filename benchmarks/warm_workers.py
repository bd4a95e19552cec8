"""What warm workers save: a part of the default study with and without them, in turn.

Each run starts from prepared data and ends with its evaluate records; the wall time of the whole
call of Snakemake counts. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GRID = "grid={resolution: [32], n_train: [64], seed: 4}"


def snakemake(results: Path, warm: bool, *arguments: str) -> float:
    """Run a part of the default study; return the seconds it took."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--quiet", "all"]
    execution = f"execution={{warm_workers: {str(warm).lower()}}}"
    command += ["--config", GRID, execution, f"results={results}"]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        results = Path(name) / "results"
        snakemake(results, True, f"{results}/data/res32/data.json")
        times = []
        for _ in range(pairs):
            pair = []
            for warm in (True, False):
                shutil.rmtree(results / "runs", ignore_errors=True)
                pair.append(snakemake(results, warm, "--until", "evaluate"))
            times.append(pair)
    ratios = [cold / warm for warm, cold in times]
    print(f"12 runs, warm: median {statistics.median(warm for warm, _ in times):.1f} s")
    print(f"12 runs, cold: median {statistics.median(cold for _, cold in times):.1f} s")
    print(
        f"cold / warm:   median {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}, {pairs} pairs)"
    )


if __name__ == "__main__":
    main()
