"""What the best cell costs: in words."""

from __future__ import annotations

from collections.abc import Sequence

from studygrid.report.answers.answer import (
    Answer,
    cell_name,
    half_width,
    in_sentence,
    with_unit,
)
from studygrid.report.answers.costs import Cost, cheapest, costs_of
from studygrid.report.numbers import counted, duration, interval, large, listed, number
from studygrid.results.rows import Row
from studygrid.results.study_results import StudyResults
from studygrid.tables.rankings import BEST, NOT_TOLD_APART


def cost_answer(study: StudyResults, ranked: Sequence[Row]) -> Answer:
    """Say what the best cell costs, and which cell that may be as good costs least."""
    sizes = study.plan.study.profiling.batch_sizes if study.plan.profiled else []
    best, *others = ranked
    known = costs_of(study.frame, sizes)
    cost = known[_cell(best)]
    alike = [row for row in others if row["verdict"] in (BEST, NOT_TOLD_APART)]
    costs = {_cell(row): (row, known[_cell(row)]) for row in alike}
    sentences = [*_inference(study, cost), *_model(cost), *_training(cost)]
    least, size = cheapest([own for _, own in costs.values()], cost), cost.smallest_batch
    if least is not None and size is not None and costs:
        aside = _aside([own for _, own in costs.values()], cost)
        if least is cost:
            sentences.append(
                "None of the cells that it cannot be told apart from takes less time a sample, in "
                f"batches of {size}{aside}."
            )
        else:
            sentences += _cheaper(study, cost, least, size, aside)
            sentences += _lead(study, costs[least.cell][0])
    elif any(row["p_holm"] is not None for row in others):
        sentences.append("No cheaper cell may be as good: it is told apart from all others.")
    return Answer("cost", "What it costs", tuple(sentences))


def _cell(row: Row) -> tuple[str, int, str]:
    return row["model"], row["resolution"], row["n_train"]


def _name(study: StudyResults, cost: Cost) -> str:
    return cell_name(study, dict(zip(("model", "resolution", "n_train"), cost.cell, strict=True)))


def _inference(study: StudyResults, best: Cost) -> list[str]:
    if study.collected and not best.latency_sec:
        return ["No file says what inference of the best cell costs, on a device that it names."]
    if not study.plan.profiled:
        return ["Inference was not profiled: `profiling.enabled` is false."]
    if not best.latency_sec:
        return ["There is no profile of the inference of the best cell."]
    times = [f"{duration(time)} in batches of {size}" for size, time in best.latency_sec.items()]
    threads = f" with {counted(best.threads, 'CPU thread')}" if best.threads else ""
    return [
        f"A sample takes the best cell, {_name(study, best)}, {listed(times)} (median) on "
        f"{best.device}{threads}."
    ]


def _model(best: Cost) -> list[str]:
    if best.parameters is None:
        return []
    flops, work = best.flops_per_sample, ""
    if flops:
        work = f" and {large(flops)}FLOPs a sample (a multiplication and an addition are two)"
    return [f"It has {best.parameters:,} parameters{work}."]


def _training(best: Cost) -> list[str]:
    if best.train_time_sec is None:
        return []
    if len(best.train_devices) > 1:
        return [f"Its runs trained on several devices ({listed(list(best.train_devices))})."]
    device = "".join(f" on {device}" for device in best.train_devices)
    return [f"Training took {duration(best.train_time_sec)} a run (median){device}."]


def _aside(costs: Sequence[Cost], best: Cost) -> str:
    """Say how many cells are left out because their times are of other devices, or none."""
    number_aside = sum(cost.device != best.device for cost in costs)
    if not number_aside:
        return ""
    return f" ({counted(number_aside, 'such cell')} not measured on that device left aside)"


def _cheaper(study: StudyResults, best: Cost, least: Cost, size: int, aside: str) -> list[str]:
    ratio = best.latency_sec[size] / least.latency_sec[size]
    saving = f"the best takes {number(ratio)} times that" if ratio >= 1.005 else "as the best"
    training = ""
    if least.train_time_sec and best.train_time_sec and least.train_devices == best.train_devices:
        training = f"; training took {duration(least.train_time_sec)} a run"
    return [
        f"The cheapest cell that cannot be told apart from it is {_name(study, least)}{aside}: "
        f"{duration(least.latency_sec[size])} a sample in batches of {size}, {saving}"
        f"{training}."
    ]


def _lead(study: StudyResults, row: Row) -> list[str]:
    """Say how the cheaper cell's score differs: not told apart may still be far apart."""
    half = half_width(row, "difference_")
    if half is None:
        return []
    score = with_unit(number(row["mean"], half_width(row)), study.metric)
    difference = with_unit(number(row["difference"], half, sign=True), study.metric)
    ends = interval(row["difference_ci_low"], row["difference_ci_high"])
    return [
        f"Its mean {in_sentence(study.metric.label)} is {score}, which differs from the best by "
        f"{difference} (95 % interval {ends}, not widened for the many comparisons): so much may "
        "be lost with it."
    ]
