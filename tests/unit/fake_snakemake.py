"""A folder that looks like a clone, and what stands in for Snakemake there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from studygrid.commands import run as command
from studygrid.grid import Run, run_of_path
from studygrid.plan import Plan, read_plan

DEFAULT = Path("config/config.yaml")


def no_work(plan: Plan, runs: list[Run]) -> None:
    """Leave nothing."""


class FakeSnakemake:
    """Stands in for Snakemake: keeps its command lines and the config of each, and does as told."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.plans: list[Plan] = []
        self.does: Callable[[Plan, list[Run]], None] = no_work
        self.status = 0

    def __call__(self, arguments: list[str], folder: Path) -> int:
        assert Path.cwd() == folder
        self.commands.append(arguments)
        self.plans.append(read_plan(Path(self.configfile)))
        self.does(self.plans[-1], [run_of_path(path) for path in self.runs])
        return self.status

    @property
    def configfile(self) -> str:
        arguments = self.commands[-1]
        if "--configfile" not in arguments:
            return str(DEFAULT)
        return arguments[arguments.index("--configfile") + 1]

    @property
    def runs(self) -> list[str]:
        """The runs that the last call asked for, below the results folder."""
        return [
            part.partition("/runs/")[2].removesuffix("/evaluate.json")
            for part in self.commands[-1]
            if part.endswith("evaluate.json")
        ]


def fake_clone(
    folder: Path, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> FakeSnakemake:
    """Make a folder look like a clone with a default config, and go there."""
    (folder / "workflow" / "rules").mkdir(parents=True)
    (folder / "workflow" / "rules" / "common.smk").write_text("")
    (folder / DEFAULT).parent.mkdir()
    (folder / DEFAULT).write_text(yaml.safe_dump(config, sort_keys=False))
    monkeypatch.chdir(folder)
    fake = FakeSnakemake()
    monkeypatch.setattr(command, "call", fake)
    return fake
