"""What it gains or costs that small runs share a GPU: the same runs one, two and four at a time.

The wall time of a whole call of Snakemake counts, from prepared data to the train records. Needs a
CUDA device and at least as many cores as runs share it.
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

import torch

ROOT = Path(__file__).resolve().parents[1]
SHARING = (1, 2, 4)


def snakemake(results: Path, sharing: int, runs: int, steps: int, *arguments: str) -> float:
    """Train runs of the default study on the GPU; return the seconds it took."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(max(SHARING)), *arguments]
    command += ["--quiet", "all", "--config", f"results={results}"]
    command += [f"grid={{model: [simple_cnn], resolution: [48], n_train: [256], seed: {runs}}}"]
    command += [f"training={{steps: {steps}}}"]
    command += [f"execution={{device: cuda, runs_per_gpu: {sharing}}}"]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device here")
    seconds: dict[int, list[float]] = {sharing: [] for sharing in SHARING}
    with tempfile.TemporaryDirectory() as name:
        results = Path(name) / "results"
        prepared = f"{results}/data/res48/data.json"
        snakemake(results, 1, options.runs, options.steps, prepared)
        for _ in range(options.rounds):
            for sharing in SHARING:
                shutil.rmtree(results / "runs", ignore_errors=True)
                taken = snakemake(results, sharing, options.runs, options.steps, "--until", "train")
                seconds[sharing].append(taken)
    print(f"{options.runs} runs of {options.steps} steps on {torch.cuda.get_device_name()}")
    for sharing in SHARING:
        ratios = [one / many for one, many in zip(seconds[1], seconds[sharing], strict=True)]
        print(
            f"{sharing} at a time: median {statistics.median(seconds[sharing]):.1f} s, "
            f"throughput x {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}, {options.rounds} rounds)"
        )


if __name__ == "__main__":
    main()
