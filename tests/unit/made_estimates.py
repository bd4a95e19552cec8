"""A study made up of records, and its estimate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studygrid.estimate.estimating import Estimate, estimate
from studygrid.estimate.measured import read_measured
from studygrid.estimate.pilots import Pilots
from studygrid.estimate.screen import screen
from studygrid.estimate.todo import to_do
from studygrid.execution import fingerprints
from studygrid.grid import Run
from studygrid.records import Origin, write_record
from studygrid.status.words import Words
from tests.unit.made_records import (
    ORIGIN,
    evaluate_record,
    profile_record,
    small_plan,
    train_record,
)

STARTED = datetime.fromisoformat(ORIGIN.started_at).timestamp()


def origin(
    code: str,
    seconds: float = 60.0,
    device: str = "Some GPU",
    at: float = 0,
    uuid: str | None = None,
) -> Origin:
    """Return the origin of a job that started `at` seconds after the others."""
    kind = "cuda" if "GPU" in device else "cpu"
    facts = {"name": device, "type": kind, "uuid": uuid}
    found = ORIGIN.hardware.device.model_copy(update=facts)
    times = [datetime.fromtimestamp(STARTED + at + more, UTC) for more in (0, seconds)]
    return ORIGIN.model_copy(
        update={
            "code": code,
            "total_time_sec": seconds,
            "hardware": ORIGIN.hardware.model_copy(update={"device": found}),
            "started_at": times[0].isoformat(),
            "finished_at": times[1].isoformat(),
        }
    )


class Study:
    """A plan whose records are as its present code would leave them."""

    def __init__(self, results: Path, **config: Any) -> None:
        self.results, self.plan = results, small_plan(**config)

    def train(
        self,
        run: Run,
        seconds: float = 60.0,
        device: str = "Some GPU",
        at: float = 0,
        code: str | None = None,
        uuid: str | None = None,
        **more: Any,
    ) -> Path:
        """Write both records of a run."""
        model = self.plan.models[run.model]
        name, family = model.architecture.name, self.plan.family
        present = fingerprints.train_code(family, name, model.training.monitor)
        train = train_record(
            self.plan,
            run,
            origin=origin(code or present, seconds, device, at, uuid),
            train_time_sec=0.9 * seconds,
            **more,
        )
        folder = self.results / "runs" / run.path
        write_record(folder / "train.json", train)
        scored = origin(fingerprints.evaluate_code(family, name), 2.0, device, at + seconds + 1)
        write_record(folder / "evaluate.json", evaluate_record(self.plan, train, origin=scored))
        return folder

    def profile(self) -> None:
        for at, (model, side) in enumerate(self.plan.profiled):
            name = self.plan.models[model].architecture.name
            record = profile_record(
                self.plan,
                model,
                side,
                origin=origin(fingerprints.profile_code(self.plan.family, name), 5.0, at=6.0 * at),
            )
            write_record(self.results / "profiles" / model / f"res{side}.json", record)

    def estimate(self, *, pilots: Pilots | None = None, **options: Any) -> Estimate:
        measured = read_measured(self.results)
        jobs = to_do(self.plan, self.results, measured)
        given = {"workers": 2, "cores": 2, **options}
        found = pilots or Pilots()
        return estimate(self.plan, self.results, jobs, measured, found, **given)


def shown(found: Estimate) -> str:
    from rich.console import Console

    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(screen(found, Words()))
    return capture.get()
