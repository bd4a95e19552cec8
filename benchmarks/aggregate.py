"""How long 10,000 runs take to read, and to read again when one record has changed.

Writes made-up records, then runs the aggregate job on them as the workflow does, each time in a
process of its own: with nothing read before, with one changed record, with no change.

    python benchmarks/aggregate.py [--runs 10000]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from studygrid.plan import Plan, make_plan  # noqa: E402
from studygrid.results.reading import CACHE_NAME  # noqa: E402
from tests.unit.made_records import write_profiles, write_run  # noqa: E402


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        plan = _write_study(results, options.runs)
        print(f"{len(plan.runs)} runs, {_size_mb(results):.0f} MB of records")
        measured: dict[str, list[Cost]] = {"nothing read before": [], "one changed": [], "none": []}
        for repeat in range(options.repeats):
            (results / CACHE_NAME).unlink(missing_ok=True)
            measured["nothing read before"].append(_aggregate(results))
            write_run(plan, results, plan.runs[repeat], score=0.9)
            measured["one changed"].append(_aggregate(results))
            measured["none"].append(_aggregate(results))
    for name, costs in measured.items():
        for what in ("wall_sec", "cpu_sec"):
            values = [getattr(cost, what) for cost in costs]
            low, middle, high = min(values), statistics.median(values), max(values)
            print(f"{name}, {what}: median {middle:.2f} ({low:.2f} to {high:.2f})")
    pairs = zip(measured["nothing read before"], measured["one changed"], strict=True)
    ratio = statistics.median(before.cpu_sec / after.cpu_sec for before, after in pairs)
    print(f"CPU, anew / one changed: median {ratio:.1f}")
    peak = max(cost.peak_mb for costs in measured.values() for cost in costs)
    print(f"peak memory: {peak:.0f} MB")


class Cost(NamedTuple):
    """What a process took."""

    wall_sec: float
    cpu_sec: float
    peak_mb: float


def _write_study(results: Path, runs: int) -> Plan:
    seeds = 10
    cells = max(1, runs // seeds)
    sizes = list(range(16, 16 + min(cells, 100)))
    models = {f"model_{i:03}": {"architecture": "tiny_cnn"} for i in range(-(-cells // len(sizes)))}
    config = {
        "family": "classification",
        "dataset": {"name": "elpv"},
        "models": models,
        "grid": {"resolution": [32], "n_train": sizes, "seed": seeds},
    }
    plan = make_plan(config, check_files=False)
    (results / "study.yaml").write_text(yaml.safe_dump(plan.resolved(), sort_keys=False))
    for number, run in enumerate(plan.runs):
        write_run(plan, results, run, score=number % 97 / 97)
    write_profiles(plan, results)
    return plan


def _aggregate(results: Path) -> Cost:
    """Run the job in a process of its own."""
    command = [sys.executable, str(ROOT / "scripts" / "aggregate.py"), "--study"]
    command += [str(results / "study.yaml"), "--runs", str(results / "aggregated_metrics.csv")]
    command += ["--summary", str(results / "summary_statistics.csv")]
    command += ["--log", str(results / "aggregate.log")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    wall = time.perf_counter() - started
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*.json")) / 1e6


if __name__ == "__main__":
    main()
