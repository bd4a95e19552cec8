"""What warm workers save, and what a run costs beside its training, on this machine.

A part of the default study with and without them, in turn. Each run starts from prepared data and
ends with its evaluate records; the wall time of the whole call of Snakemake counts. The overhead
is
that time on all cores, less what the records say of training and scoring. Run it where nothing
else runs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GRID = "grid={resolution: [32], n_train: [64], seed: 4}"
RUNS, CORES = 12, 2


def snakemake(results: Path, warm: bool, *arguments: str) -> float:
    """Run a part of the default study; return the seconds it took."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        str(CORES),
        *arguments,
        "--quiet",
        "all",
    ]
    execution = f"execution={{warm_workers: {str(warm).lower()}}}"
    command += ["--config", GRID, execution, f"results={results}"]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def worked_sec(results: Path) -> float:
    """Return the time that the runs trained and scored."""
    total = 0.0
    for kind, field in (("train", "train_time_sec"), ("evaluate", "evaluate_time_sec")):
        for path in results.glob(f"runs/*/*/*/*/{kind}.json"):
            total += json.loads(path.read_text())[field]
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        results = Path(name) / "results"
        snakemake(results, True, f"{results}/data/res32/data.json")
        times = []
        overheads: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(pairs):
            pair = []
            for warm in (True, False):
                shutil.rmtree(results / "runs", ignore_errors=True)
                wall = snakemake(results, warm, "--until", "evaluate")
                pair.append(wall)
                overheads[warm].append((wall * CORES - worked_sec(results)) / RUNS)
            times.append(pair)
    ratios = [cold / warm for warm, cold in times]
    print(f"{RUNS} runs, warm: median {statistics.median(warm for warm, _ in times):.1f} s")
    print(f"{RUNS} runs, cold: median {statistics.median(cold for _, cold in times):.1f} s")
    for warm, name in ((True, "warm"), (False, "cold")):
        print(
            f"overhead a run, {name}: median {statistics.median(overheads[warm]):.2f} core seconds"
        )
    print(
        f"cold / warm:   median {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}, {pairs} pairs)"
    )


if __name__ == "__main__":
    main()
