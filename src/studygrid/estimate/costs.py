"""From measured jobs to the time that others take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

from studygrid.estimate.growth import Growth
from studygrid.estimate.spread import Deviation, Noise, by_group
from studygrid.estimate.work import Kind, Work

# A pilot measures a machine that does nothing else.
_PILOT_SD = 0.25


@dataclass(frozen=True, slots=True)
class Rates:
    """What a kind of work costs: a step, a validation, what comes before and after."""

    step_sec: float
    validation_sec: float
    setup_sec: float

    def seconds(self, steps: float, epochs: float) -> float:
        """Return the time of a whole train job."""
        return self.step_sec * steps + self.validation_sec * epochs + self.setup_sec


@dataclass(frozen=True, slots=True)
class TrainTime:
    """A train job that was measured; `seconds` is None where it took several attempts.

    Attributes
    ----------
    share
        Part of the budget that it used.
    """

    kind: Kind
    steps: int
    epochs: int
    train_sec: float
    seconds: float | None
    validation_sec: float | None
    at: float
    share: float = 1.0
    may_stop_early: bool = False


@dataclass(frozen=True, slots=True)
class PilotTime:
    """What a pilot measured of a kind of work."""

    kind: Kind
    rates: Rates
    evaluate_sec: float | None
    at: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a job takes, as far as is known.

    Attributes
    ----------
    log
        Logarithm of the expected seconds.
    group
        Jobs of one group are wrong together.
    group_sd
        How unsure the expectation of the group is, on the logarithmic scale.
    basis
        What it rests on, in words.
    is_scaled
        Whether it was carried over from another resolution or batch size.
    shares
        Parts of the budget that runs with early stopping used; of one, the whole is expected.
    """

    log: float
    group: object
    group_sd: float
    basis: str
    is_scaled: bool = False
    shares: Sequence[float] = (1.0,)


class TrainCosts:
    """The time of train jobs.

    Parameters
    ----------
    times
        Measured jobs of one device.
    pilots
        What pilots on it measured; a kind that runs were measured of needs none.
    dimension, unit
        How a sample grows with resolution, and the unit of that.
    """

    def __init__(
        self,
        times: Sequence[TrainTime],
        pilots: Sequence[PilotTime] = (),
        dimension: float = 2.0,
        unit: str = "px",
    ) -> None:
        self._rates = {pilot.kind: pilot.rates for pilot in pilots}
        self._pilots = set(self._rates) - {time.kind for time in times}
        groups: dict[Kind, list[TrainTime]] = {}
        for time in times:
            groups.setdefault(time.kind, []).append(time)
        self._rates |= {kind: _rates(group) for kind, group in groups.items()}
        deviations = [
            Deviation(time.kind, _deviation(time, self._rates[time.kind]), time.at)
            for time in times
        ]
        self.noise = Noise.of(deviations)
        self._mean = {
            kind: fmean(one.log for one in group) for kind, group in by_group(deviations).items()
        }
        self._count = {kind: len(group) for kind, group in groups.items()}
        self._shares = _shares(times)
        steps = {kind: rates.step_sec for kind, rates in self._rates.items()}
        self._growth = Growth(dimension, steps, unit)

    def forecast(self, work: Work) -> Forecast | None:
        """Return how long a run takes; None if nothing of its kind was measured."""
        carried = self._growth.carry(work.kind)
        if carried is None:
            return None
        nearest, factor, sd, words = carried
        seconds = self._rates[nearest].seconds(work.steps, work.epochs)
        count = self._count.get(nearest, 1)
        group_sd = math.hypot(sd, self.noise.sd / math.sqrt(count))
        if nearest in self._pilots:
            group_sd = math.hypot(group_sd, _PILOT_SD)
            basis = "a pilot"
        else:
            basis = f"{count} run{'' if count == 1 else 's'}"
        shares = self._shares.get(work.kind.code) or self._shares.get(None) or (1.0,)
        return Forecast(
            log=math.log(seconds) + self._mean.get(nearest, 0.0) + factor,
            group=("train", work.kind),
            group_sd=group_sd,
            basis=f"{basis}, {words}" if words else basis,
            is_scaled=bool(words),
            shares=shares if work.may_stop_early else (1.0,),
        )

    def knows(self, kind: Kind) -> bool:
        """Tell whether this very kind was measured."""
        return kind in self._rates

    @property
    def early_stopping_known(self) -> bool:
        """Whether some run with early stopping has ended."""
        return bool(self._shares)


@dataclass(frozen=True, slots=True)
class SimpleTime:
    """A job whose time is measured as a whole."""

    kind: Kind
    seconds: float
    at: float
    is_pilot: bool = False


@dataclass
class SimpleCosts:
    """The time of jobs that are measured as a whole: evaluations, and profiles.

    Parameters
    ----------
    rule
        What the jobs are.
    times
        Measured jobs of one device.
    dimension, unit
        As of `TrainCosts`.
    """

    rule: str
    times: Sequence[SimpleTime]
    dimension: float = 2.0
    unit: str = "px"
    noise: Noise = field(init=False)

    def __post_init__(self) -> None:
        usable = [time for time in self.times if time.seconds > 0]
        measured = {time.kind for time in usable if not time.is_pilot}
        # A pilot's is used only where no job was measured.
        usable = [time for time in usable if not time.is_pilot or time.kind not in measured]
        deviations = [Deviation(time.kind, math.log(time.seconds), time.at) for time in usable]
        self._groups = by_group(deviations)
        self._pilots = {time.kind for time in usable if time.is_pilot}
        self.noise = Noise.of(deviations)
        middle = {
            kind: math.exp(fmean(one.log for one in group))
            for kind, group in self._groups.items()
            if isinstance(kind, Kind)
        }
        self._middle = middle
        self._growth = Growth(self.dimension, middle, self.unit)

    def forecast(self, kind: Kind) -> Forecast | None:
        """Return how long a job takes; None if nothing of its kind was measured."""
        carried = self._growth.carry(kind)
        if carried is None:
            return None
        nearest, factor, sd, words = carried
        count = len(self._groups[nearest])
        group_sd = math.hypot(sd, self.noise.sd / math.sqrt(count))
        if nearest in self._pilots:
            group_sd = math.hypot(group_sd, _PILOT_SD)
            basis = "a pilot"
        else:
            basis = f"{count} job{'' if count == 1 else 's'}"
        return Forecast(
            log=math.log(self._middle[nearest]) + factor,
            group=(self.rule, kind),
            group_sd=group_sd,
            basis=f"{basis}, {words}" if words else basis,
            is_scaled=bool(words),
        )


def _rates(group: Sequence[TrainTime]) -> Rates:
    """Return the rates of runs of one kind: the median of each part."""
    step = median(time.train_sec / time.steps for time in group)
    whole = [time for time in group if time.seconds is not None]
    known = [time.validation_sec for time in whole if time.validation_sec is not None]
    rests = [max((time.seconds or 0.0) - time.train_sec, 0.0) for time in whole]
    if not rests:
        return Rates(step, 0.0, 0.0)
    epochs = median(time.epochs for time in whole)
    validation = min(median(known) if known else math.inf, median(rests) / max(epochs, 1))
    return Rates(step, validation, max(median(rests) - validation * epochs, 0.0))


def _deviation(time: TrainTime, rates: Rates) -> float:
    if time.seconds is None:
        return math.log(time.train_sec / (rates.step_sec * time.steps))
    return math.log(time.seconds / rates.seconds(time.steps, time.epochs))


def _shares(times: Iterable[TrainTime]) -> dict[str | None, list[float]]:
    """Return the parts of their budgets that runs used, by code and of all (None)."""
    shares: dict[str | None, list[float]] = {}
    for time in times:
        if time.may_stop_early:
            for code in (time.kind.code, None):
                shares.setdefault(code, []).append(time.share)
    return shares
