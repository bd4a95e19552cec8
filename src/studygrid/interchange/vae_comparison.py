"""The comparison of a study's runs in the layout of the guide to VAE comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studygrid.comparison import Comparison, compare_runs, losses_of, text
from studygrid.grid import Run
from studygrid.interchange.vae import COMPARISON, DETAILED, REPORT
from studygrid.interchange.vae_documents import COLUMNS
from studygrid.results.frames import frame_rows
from studygrid.results.study_results import StudyResults
from studygrid.tables.delimited import csv_bytes

_TITLE = "VAE CONFIGURATION COMPARISON REPORT"
_MOST_NAMED = 6


def comparison_files(study: StudyResults, runs: Sequence[Run]) -> dict[str, bytes]:
    """Return the three files that compare some runs of a study, by their place."""
    wanted = set(runs)
    chosen = [run in wanted for run in study.plan.runs]
    frame = study.frame.loc[chosen].assign(
        folder=[str(study.folder / "runs" / run.path) for run in study.plan.runs if run in wanted]
    )
    varying = [axis for axis in ("resolution", "n_train") if len(study.order[axis]) > 1]
    found = compare_runs(
        frame, study.family.metrics, losses=losses_of(study.plan), shown_axes=varying
    )
    return {
        COMPARISON: csv_bytes(guide_rows(found)),
        DETAILED: csv_bytes(_detailed_rows(found)),
        REPORT: report(study, found).encode(),
    }


def guide_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the rows of comparison.csv: the guide's 13 columns, a mean over seeds in each."""
    return [
        {
            "configuration": row["configuration"],
            **{column: row.get(f"test_{name}_mean") for column, name in COLUMNS.items()},
        }
        for row in frame_rows(comparison.table)
    ]


def _detailed_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the whole table, and which metrics rank none of the configurations, and why."""
    reasons: dict[str, str] = {}
    for peers in comparison.peers:
        found = [comparison.best_among(peers, metric) for metric in comparison.metrics]
        said = "; ".join(
            f"{best.metric.name}: {best.not_comparable}" for best in found if best.not_comparable
        )
        reasons |= dict.fromkeys(peers.names, said)
    rows = frame_rows(comparison.table)
    for row in rows:
        row["not_ranked_by"] = reasons.get(row["configuration"]) or None
    return rows


def report(study: StudyResults, comparison: Comparison) -> str:
    """Return the report: who is best by each metric, under the guide's names."""
    names = {name: column for column, name in COLUMNS.items()}
    return text(
        comparison,
        title=_TITLE,
        names=names,
        resolution=study.family.resolution_label.lower(),
        notes=collapsed({"": study}, comparison),
    )


def collapsed(studies: Mapping[str, StudyResults], comparison: Comparison) -> list[str]:
    """Warn of models whose latent space codes nothing: the least KL is theirs.

    Parameters
    ----------
    studies
        The studies that are compared, by what the column `study` has for their runs.
    """
    found = {
        (name, run.model, run.resolution, str(run.n_train), run.seed)
        for name, study in studies.items()
        for run, facts in study.facts.items()
        if facts.scored.get("collapsed") is True
    }
    parts = []
    for one in comparison.configurations:
        place = (one.study, one.model, one.resolution, one.n_train)
        count = sum((*place, row["seed"]) in found for row in one.ok)
        if count:
            parts.append(f"{one.name} ({count} of {len(one.ok)} runs)")
    if not parts:
        return []
    more = [f"and {len(parts) - _MOST_NAMED} more"] if len(parts) > _MOST_NAMED else []
    return [
        "Collapsed, no latent unit codes anything: "
        f"{', '.join([*parts[:_MOST_NAMED], *more])}. Their low KL is no merit."
    ]
