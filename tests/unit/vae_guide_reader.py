"""Reading a VAE comparison with nothing but its guide at hand: it knows no studygrid.

Run as a script it prints what it has read: ``python vae_guide_reader.py PROJECT``.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

COLUMNS = [
    "configuration",
    "test_loss",
    "test_bce",
    "test_kld",
    "hamming_loss",
    "jaccard_index",
    "pct_active_units",
    "silhouette_score",
    "pct_unique_combinations",
    "entropy",
    "gini_coefficient",
    "cosine_similarity",
    "kl_divergence",
]
GROUPS = ["Loss", "Reconstruction", "Latent Space", "Diversity", "Co-occurrence"]
KEYS = {
    "train": ["train_loss", "train_bce", "train_kld"],
    "val": ["val_loss", "val_bce", "val_kld", "val_hamming_loss", "val_jaccard_index"],
    "test": [
        "test_loss",
        "test_bce",
        "test_kld",
        "test_diversity_pct_unique_combinations",
        "test_diversity_entropy",
        "test_cooccurrence_cosine_similarity",
    ],
}


def read(project: Path) -> dict[str, Any]:
    """Read all files that the guide names, and check what it says of them."""
    names = sorted(
        path.name.removesuffix("_metrics.json")
        for path in (project / "models" / "metrics").glob("*_metrics.json")
    )
    models = {name: _model(project, name) for name in names}
    runs = sorted((project / "outputs" / "vae_training").iterdir())
    for folder in runs:
        metrics = json.loads((folder / "metrics.json").read_text())
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["metrics"] == {phase: metrics[phase] for phase in KEYS}
        assert metrics == models[summary["config"]["model_name"]]["all"]
    comparison = project / "outputs" / "vae_experiments"
    with (comparison / "comparison.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert all(list(row) == COLUMNS for row in table)
    report = (comparison / "comparison_report.txt").read_text()
    return {
        "models": models,
        "runs": [folder.name for folder in runs],
        "table": {row["configuration"]: row for row in table},
        "best": _best(report),
        "report": report,
    }


def _model(project: Path, name: str) -> dict[str, Any]:
    folder = project / "models" / "metrics"
    metrics = json.loads((folder / f"{name}_metrics.json").read_text())
    summary = json.loads((folder / f"{name}_summary.json").read_text())
    for phase, keys in KEYS.items():
        assert not [key for key in keys if key not in metrics[phase]], phase
    config = summary["config"]
    assert config["model_name"] == name
    trainer = config["trainer"]
    print(f"{name}: {config['model']}")
    print(f"  {trainer.get('max_epochs')} epochs, learning rate {trainer['learning_rate']}")
    print(f"  test loss {metrics['test']['test_loss']}")
    return {"all": metrics, "config": config, **metrics}


def _best(report: str) -> dict[str, tuple[str, float]]:
    """Return the best configuration by each metric, as the guide's excerpt has its lines."""
    lines = report.splitlines()
    assert "VAE CONFIGURATION COMPARISON REPORT" in lines
    assert any(line.startswith("Total configurations evaluated: ") for line in lines)
    headings = [line.lower() for line in lines if " metrics (" in line.lower()]
    for group, heading in zip(GROUPS, headings, strict=True):
        assert heading.startswith(f"{group.lower()} metrics")
    found = {}
    for line in lines:
        name, colon, rest = line.partition(": Best=")
        if colon:
            configuration, value = rest.rstrip(")").split("(")
            found[name.strip()] = (configuration.strip(), float(value))
    return found


if __name__ == "__main__":
    read(Path(sys.argv[1]))
