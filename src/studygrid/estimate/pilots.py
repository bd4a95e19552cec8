"""What pilots measured: pilot/pilot.json in the results folder."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from studygrid.estimate.costs import PilotTime, Rates, SimpleTime
from studygrid.estimate.work import Kind
from studygrid.records import write_atomically

FILE = "pilot/pilot.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Pilot:
    """One pilot: a kind of work on one device.

    Attributes
    ----------
    model
        The model that it trained; others may do the same work.
    start_sec
        From the start of a job's process to the work itself.
    problem
        Why it gave no times: the model does not fit, say.
    """

    model: str
    code: str
    resolution: int
    batch: int
    device: str
    on_gpu: bool
    host: str
    at: float
    step_sec: float | None = None
    validation_sec: float | None = None
    setup_sec: float | None = None
    evaluate_sec: float | None = None
    start_sec: float | None = None
    parameters: int | None = None
    problem: str | None = None

    @property
    def kind(self) -> Kind:
        """What it measured."""
        return Kind(self.code, self.resolution, self.batch)

    @property
    def time(self) -> PilotTime | None:
        """The times that it gave, if any."""
        if self.step_sec is None or self.validation_sec is None or self.setup_sec is None:
            return None
        rates = Rates(self.step_sec, self.validation_sec, self.setup_sec)
        return PilotTime(self.kind, rates, self.evaluate_sec, self.at)


@dataclass(frozen=True, slots=True)
class Preparation:
    """How long it took to prepare the data at a resolution."""

    resolution: int
    host: str
    at: float
    seconds: float


@dataclass(frozen=True)
class Pilots:
    """All pilots of a study."""

    pilots: Sequence[Pilot] = ()
    prepared: Sequence[Preparation] = field(default_factory=list)

    @property
    def devices(self) -> set[str]:
        """Devices that a pilot gave times of."""
        return {pilot.device for pilot in self.pilots if pilot.time}

    @property
    def parameters(self) -> dict[str, int]:
        """The numbers of parameters that pilots counted, by the code of the work."""
        return {pilot.code: pilot.parameters for pilot in self.pilots if pilot.parameters}

    def on(self, device: str | None) -> list[PilotTime]:
        """Return what pilots on a device measured."""
        return [pilot.time for pilot in self.pilots if pilot.device == device and pilot.time]

    def problems_on(self, device: str | None) -> list[Pilot]:
        """Return the pilots on a device, or on one that they could not name, without times."""
        return [p for p in self.pilots if p.problem and p.device in (device, "")]

    def is_gpu(self, device: str | None) -> bool:
        """Tell whether a device is a GPU."""
        return any(pilot.on_gpu for pilot in self.pilots if pilot.device == device)

    def last_device(self) -> str | None:
        """Return the device of the last pilot that gave times."""
        times = [pilot for pilot in self.pilots if pilot.time]
        last = max(times, key=lambda pilot: pilot.at, default=None)
        return last.device if last else None

    def start_sec(self, device: str | None) -> float | None:
        """Return the least time that a job's process needed to start on a device."""
        starts = [p.start_sec for p in self.pilots if p.device == device and p.start_sec]
        return min(starts, default=None)

    def preparations(self) -> list[SimpleTime]:
        """Return how long data was prepared, at each resolution."""
        return [
            SimpleTime(Kind("prepare", one.resolution, 1), one.seconds, one.at, is_pilot=True)
            for one in self.prepared
        ]

    def with_new(self, pilots: Sequence[Pilot], prepared: Sequence[Preparation]) -> Pilots:
        """Return them with new ones, which take the place of earlier ones of the same."""
        kept = {(pilot.kind, pilot.device): pilot for pilot in [*self.pilots, *pilots]}
        sides = {one.resolution: one for one in [*self.prepared, *prepared]}
        return Pilots(list(kept.values()), list(sides.values()))


def read_pilots(results: Path) -> Pilots:
    """Read the pilots of a study; a file that cannot be read counts as none."""
    try:
        content = json.loads((results / FILE).read_bytes())
        if content["schema_version"] != VERSION:
            return Pilots()
        pilots = [Pilot(**entry) for entry in content["pilots"]]
        prepared = [Preparation(**entry) for entry in content["prepared"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Pilots()
    if not all(map(_is_sound, [*map(asdict, pilots), *map(asdict, prepared)])):
        return Pilots()
    return Pilots(pilots, prepared)


def _is_sound(entry: dict[str, Any]) -> bool:
    """Tell whether an entry holds times that can be times."""
    numbers = (entry.get(name) for name in ("step_sec", "seconds"))
    rest = (entry.get(name) for name in ("validation_sec", "setup_sec", "at", "start_sec"))
    try:
        positive = all(value is None or 0 < value < math.inf for value in numbers)
        return positive and all(value is None or 0 <= value < math.inf for value in rest)
    except TypeError:
        return False


def keep_pilots(results: Path, pilots: Pilots) -> None:
    """Write the pilots of a study.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    content = {
        "schema_version": VERSION,
        "pilots": [asdict(pilot) for pilot in pilots.pilots],
        "prepared": [asdict(one) for one in pilots.prepared],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(results / FILE, text.encode())
