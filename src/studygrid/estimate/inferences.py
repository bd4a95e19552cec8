"""How long the inference of a run takes: as others did, or as its evaluation does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from studygrid.estimate.costs import Forecast, SimpleCosts, SimpleTime
from studygrid.estimate.measured import Trained
from studygrid.estimate.spread import Z
from studygrid.estimate.work import Kind
from studygrid.plan import Plan

# Of an inference that none was measured of, beside what is unsure of the evaluation: another
# split may be several times as large.
_UNMEASURED_SD = math.log(3) / Z


def inference_times(plan: Plan, here: Sequence[Trained], device: str | None) -> list[SimpleTime]:
    """Return what inferences with the plan's settings took on a device."""
    spec = plan.infer_spec().to_json()
    return [
        SimpleTime(_kind(run.kind), run.inferred.job.seconds, run.inferred.job.end)
        for run in here
        if run.is_measure
        and run.kind
        and run.inferred
        and run.inferred.spec == spec
        and run.inferred.job.device == device
    ]


def inference_forecast(
    measured: SimpleCosts, evaluation: Forecast | None, kind: Kind, *, passes: int
) -> Forecast | None:
    """Return how long an inference takes; None if no evaluation of its kind was measured either.

    Parameters
    ----------
    measured
        Costs of inferences with the same settings.
    evaluation
        Of the same run.
    passes
        How often the split is scored: under autocast in float32 too.
    """
    found = measured.forecast(_kind(kind))
    if found is not None or evaluation is None:
        return found
    return replace(
        evaluation,
        log=evaluation.log + math.log(passes),
        group=("infer", kind),
        group_sd=math.hypot(evaluation.group_sd, _UNMEASURED_SD),
        basis=f"evaluations: {evaluation.basis}",
    )


def _kind(kind: Kind) -> Kind:
    """Return the kind of an inference: it does not depend on the batch of training."""
    return Kind(kind.code, kind.resolution, 1)
