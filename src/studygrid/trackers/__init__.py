"""Handing runs on to experiment trackers, as files on this machine: no server, no network."""

from __future__ import annotations

TRACKERS = {
    "mlflow": "studygrid.trackers.mlflow_store:MlflowStore",
    "tensorboard": "studygrid.trackers.event_files:EventFiles",
    "wandb": "studygrid.trackers.offline_runs:OfflineRuns",
}

__all__ = ["TRACKERS"]
