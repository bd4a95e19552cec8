"""Weights & Biases: offline runs, to be sent by ``wandb sync`` when and where a person wishes."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from studygrid.trackers.content import TrackedRun

_NOT_IN_PROJECTS = re.compile(r"[/\\#?%:\x00-\x1f]")
_LONGEST_PROJECT, _LONGEST_TAG = 128, 64


class OfflineRuns:
    """Writes offline runs below ``wandb/``; a run's id is the same each time."""

    environment: ClassVar[dict[str, str]] = {
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_CONSOLE": "off",
        "DO_NOT_TRACK": "true",
    }

    def __init__(self, output: Path) -> None:
        self._output = output
        self._wandb: ModuleType | None = None

    def open(self) -> None:
        """Import wandb."""
        import wandb

        self._wandb = wandb

    def write(self, run: TrackedRun) -> Path:
        """Write a run; return its folder."""
        assert self._wandb is not None
        self._output.mkdir(parents=True, exist_ok=True)
        made = self._wandb.init(
            dir=str(self._output),
            mode="offline",
            project=_NOT_IN_PROJECTS.sub("_", run.study)[:_LONGEST_PROJECT] or "study",
            id=run.id,
            name=run.name,
            group=run.name.rpartition("/")[0],
            job_type="train",
            tags=[run.tags[name][:_LONGEST_TAG] for name in ("family", "model", "status")],
            notes=run.tags.get("reason"),
            config={**run.parameters, "tags": dict(run.tags)},
            settings=self._settings(run),
        )
        for point in run.curve:
            made.log({**point.values, "epoch": point.epoch}, step=point.epoch)
        made.summary.update({**run.metrics, "status": run.status, "kept_epoch": run.kept_epoch})
        folder = Path(made.dir).parent
        made.finish(exit_code=0 if run.ok else 1)
        # On a full disk, wandb's own process loses the file without an error.
        if not any(file.stat().st_size for file in folder.glob("*.wandb")):
            raise OSError(f"wandb wrote nothing to {folder}; the disk may be full")
        return folder

    def remove(self, run: TrackedRun, place: Path | None) -> None:
        """Delete an earlier export."""
        for folder in (self._output / "wandb").glob(f"offline-run-*-{run.id}"):
            shutil.rmtree(folder)

    def close(self) -> None:
        """Stop the process that wandb writes with."""
        if self._wandb is not None:
            self._wandb.teardown()

    def how_to_view(self) -> str:
        """Return the command that sends the runs to a server."""
        return f"wandb sync {shlex.quote(str(self._output))}/wandb/offline-run-*"

    def _settings(self, run: TrackedRun) -> Any:
        assert self._wandb is not None
        return self._wandb.Settings(
            console="off",
            silent=True,
            disable_code=True,
            disable_git=True,
            disable_job_creation=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
        )
