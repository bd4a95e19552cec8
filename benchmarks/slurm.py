"""Time from submission to the last record of many short runs on Slurm, four ways.

Each run is a job for its training and one for its scores (plain); those of a rule are tasks of an
array (arrays); ten runs are a job (chunks); the whole study is a job (one job). The data is
prepared before. It runs in the folder of this project, on the cluster that `sbatch` reaches, with
profiles/slurm as it stands; tests/cluster/start-slurm starts one on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
SLURM = [*SNAKEMAKE, "--profile", "slurm"]
VARIANTS = {
    "plain": SLURM,
    "arrays": [*SLURM, "--slurm-array-jobs", "train,evaluate"],
    "chunks": [*SLURM, "--workflow-profile", "profiles/chunks"],
    "one job": [],
}


def study(results: Path, runs: int) -> list[str]:
    """Return the options of Snakemake for a study of that many short runs."""
    return [
        "--config",
        f"grid={{model: tiny_cnn, resolution: [32], n_train: [64], seed: {runs}}}",
        "execution={device: cpu}",
        f"results={results}",
    ]


def measure(variant: str, results: Path, options: argparse.Namespace) -> dict[str, float]:
    """Run the study one way; return seconds to the last record and to the end."""
    if variant == "one job":
        cores = f"--cpus-per-task={options.cores}"
        command = ["sbatch", "--wait", "--output=/dev/null", cores, "--mem=4000"]
        command += ["profiles/slurm/one-job.sh"]
    else:
        poll = str(options.poll_sec)
        command = [*VARIANTS[variant], "--slurm-init-seconds-before-status-checks", poll]
    command += ["--until", "evaluate", *study(results, options.runs)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    started = time.time()
    subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": path}, check=True, capture_output=True
    )
    ended = time.time()
    records = list(results.glob("runs/*/*/*/*/evaluate.json"))
    if len(records) != options.runs:
        raise SystemExit(f"{variant}: {len(records)} of {options.runs} runs have a record")
    last = max(record.stat().st_mtime for record in records)
    return {"to_last_record_sec": last - started, "to_end_sec": ended - started}


def main() -> None:
    """Measure in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cores", type=int, default=4, help="cores of the one job")
    parser.add_argument("--poll-sec", type=int, default=20, help="Snakemake's first look at a job")
    parser.add_argument("variants", nargs="*", default=list(VARIANTS), help="; ".join(VARIANTS))
    options = parser.parse_args()
    times: dict[str, list[dict[str, float]]] = {name: [] for name in options.variants}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for name in options.variants:
                results = Path(folder) / f"{name.replace(' ', '_')}{number}"
                prepared = f"{results}/data/res32/data.json"
                command = [*SNAKEMAKE, "--cores", "1", prepared, *study(results, options.runs)]
                subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
                times[name].append(measure(name, results, options))
                print(name, json.dumps(times[name][-1]), file=sys.stderr)
    print(f"{options.runs} runs, {options.rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<8} {'last record, s':>15} {'end, s':>8} {'a run, s':>9}")
    for name, rounds in times.items():
        last, end = (
            statistics.median(row[key] for row in rounds)
            for key in ("to_last_record_sec", "to_end_sec")
        )
        print(f"{name:<8} {last:>15.0f} {end:>8.0f} {last / options.runs:>9.2f}")


if __name__ == "__main__":
    main()
