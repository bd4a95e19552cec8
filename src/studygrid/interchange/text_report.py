"""detailed_report.txt: a study for a terminal or a mail, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from studygrid.interchange.cells import CellResult, cells_of, one_line, ranked
from studygrid.interchange.results_summary import group_name, results_summary
from studygrid.interchange.text_table import padded, short_names, text_table, wrapped
from studygrid.results.collected import split_words
from studygrid.results.not_said import NO_RESOLUTION, NOT_SAID

if TYPE_CHECKING:
    from studygrid.families.base import Metric
    from studygrid.results.selection import Selection
    from studygrid.results.study_results import StudyResults

WIDTH = 100
TOP = 10
_NAME_COLUMNS = 28
_SHORT_LABELS = {"accuracy": "Accuracy", "f1": "F1"}


def detailed_report(
    study: StudyResults,
    selection: Selection | None = None,
    cells: Sequence[CellResult] | None = None,
) -> str:
    """Return the report of a study as far as it has come.

    Parameters
    ----------
    study
        The study.
    selection
        What it was restricted to, if it was; the report says so.
    cells
        The cells of the study, if they are known already.
    """
    cells = cells_of(study) if cells is None else cells
    words = Words(study)
    summary = results_summary(study, selection, cells)
    parts = [
        _head(study, summary),
        _sources(study),
        _unscored(cells, words),
        _top(study, cells, words, summary),
        *(_groups(study, cells, words, summary, axis) for axis in ("model", "resolution")),
        _groups(study, cells, words, summary, "n_train") if words.sizes else [],
        _all(study, cells, words),
        words.key(),
    ]
    return "\n".join("\n".join([*part, ""]) for part in parts if part)


class Words:
    """How a study's cells and numbers are written."""

    def __init__(self, study: StudyResults) -> None:
        self._unit = one_line(study.family.resolution_unit)
        self._label = one_line(study.family.resolution_label.lower())
        self._names = short_names(study.order["model"], _NAME_COLUMNS)
        self._resolutions = max(map(len, map(self.resolution, study.order["resolution"])))
        self._sizes = max(map(len, study.order["n_train"]))
        self._name = max(15, *map(cell_len, self._names.values()))
        self.sizes = len(study.order["n_train"]) > 1
        others = [name for name in _SHORT_LABELS if name in study.family.metric_names]
        self.others = [study.family.metric(name) for name in others if name != study.metric.name]

    def model(self, name: str) -> str:
        """Return a model's name, cut if it is long."""
        return self._names[name]

    def resolution(self, value: object) -> str:
        """Return a resolution with its unit: ``320px``, ``20 tokens``."""
        if value == NO_RESOLUTION:
            return NOT_SAID
        return f"{value}{'' if self._unit == 'px' else ' '}{self._unit}".rstrip()

    def place(self, result: CellResult) -> str:
        """Return where a cell stands beside its model: ``@ 320px, n=64``."""
        size = f", n={result.cell.n_train}" if self.sizes else ""
        return f"@ {self._at(result)}{size}"

    def _at(self, result: CellResult) -> str:
        words = self.resolution(result.cell.resolution)
        return f"{self._label} {words}" if words == NOT_SAID else words

    def cell(self, result: CellResult) -> str:
        """Return a cell in words."""
        return f"{self.model(result.cell.model)} {self.place(result)}"

    def aligned(self, result: CellResult) -> str:
        """Return a cell in words that stand below those of other cells."""
        resolution = padded(self._at(result), self._resolutions, left=False)
        size = f", n={padded(str(result.cell.n_train), self._sizes)}" if self.sizes else ""
        return f"{padded(self.model(result.cell.model), self._name)} @ {resolution}{size}"

    def key(self) -> list[str]:
        """Return what the names that were cut stand for."""
        cut = [(short, name) for name, short in self._names.items() if short != name]
        lines = [line for short, name in cut for line in _wrapped(f"{short} = {name}")]
        return [*_title("NAMES THAT WERE CUT"), *lines] if cut else []


def label(metric: Metric) -> str:
    """Return a metric's label, as short as the guide has it."""
    return _SHORT_LABELS.get(metric.name, one_line(metric.label))


def shown(value: float | None) -> str:
    """Return a number in four decimals, or in powers of ten where these would not do."""
    if value is None:
        return "-"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3e}"


def with_interval(result: CellResult, metric: Metric) -> str:
    """Return a cell's mean and half of its interval, where it has one."""
    found = result.summaries[metric.name]
    if found.mean is None or found.ci_high is None:
        return shown(found.mean)
    mean, half = shown(found.mean), found.ci_high - found.mean
    if "e" in mean or half >= 1e5:
        return f"{mean} ± {shown(half)}"
    return f"{mean} ± <0.0001" if 0 < half < 5e-5 else f"{mean} ± {half:.4f}"


def direction(metric: Metric) -> str:
    """Return which way a metric is better."""
    return "higher is better" if metric.higher_is_better else "lower is better"


def counts(totals: Mapping[str, Any]) -> str:
    """Return how many runs ended how."""
    return (
        f"{totals['planned_runs']} runs planned: {totals['ok_runs']} ok, "
        f"{totals['failed_runs']} failed, {totals['missing_runs']} missing"
    )


def selection_words(selection: Selection) -> str:
    """Return a selection as it was typed."""
    return " ".join(f"{axis}={','.join(map(str, values))}" for axis, values in selection.items())


def result_line(words: Words, metric: Metric, result: CellResult) -> str:
    """Return a cell and its scores in one line; what does not fit is left out from the right."""
    found = result.summaries[metric.name]
    name = label(metric) if len(label(metric)) <= 24 else metric.name
    parts = [f"{words.aligned(result)} | {name}: {with_interval(result, metric)}"]
    runs = f" | {found.n}/{len(result.runs)} runs"
    for other in words.others:
        part = f"{label(other)}: {shown(result.mean(other.name))}"
        if cell_len(" | ".join([*parts, part])) + len(runs) <= WIDTH:
            parts.append(part)
    return " | ".join(parts) + runs


def _head(study: StudyResults, summary: dict[str, Any]) -> list[str]:
    metric, totals = study.metric, summary["totals"]
    unit = f" in {metric.unit}" if metric.unit else ""
    chosen, latest_run = (summary["generated_from"][key] for key in ("selection", "latest_run"))
    reason = summary["metric"]["why_not_ranked"]
    dataset = summary["generated_from"]["dataset"]
    on_data = f" on {dataset}" if dataset else ""
    lines = [
        f"{study.family.name}{on_data}; ranked by {label(metric)}{unit} on the {study.split} "
        f"split, {direction(metric)}."
        if reason is None
        else f"{study.family.name}{on_data}; not ranked. {reason}",
        *([study.tasks_differ] if study.tasks_differ and reason is None else []),
        *([f"Restricted to {selection_words(chosen)}."] if chosen else []),
        f"{counts(totals)}; "
        f"{totals['complete_cells']} of {totals['planned_cells']} cells complete.",
        *([] if study.collected else [f"Latest run: {latest_run or 'none'}."]),
        "A score is the mean over the seeds of a cell; ± is half of Student's t 95 % interval.",
        *([] if totals["complete"] else [_INCOMPLETE]),
    ]
    title = _wrapped(f"RESULTS OF {study.name}")
    words = [part for line in lines for part in _wrapped(line)]
    return ["=" * WIDTH, *title, "=" * WIDTH, *words]


def _sources(study: StudyResults) -> list[str]:
    """Return where the runs of a collected study come from."""
    found = study.collected
    if found is None:
        return []
    foreign = sum(not source.written_here for source in found.sources.values())
    looked = ", ".join(map(str, found.looked_in))
    remarks = len(found.problems)
    sentences = [
        f"{len(found.sources)} runs were collected from {looked}, {foreign} of them of other "
        "programs. “Planned” are those that were found.",
        *(f"Layout {name}: {words.title}." for name, words in found.layouts.items()),
        *split_words(study.split),
        *found.notes,
        f"{remarks} remarks on files that could not be used, or not whole: see problems.csv."
        if remarks
        else "Nothing that lies there was left out.",
    ]
    wrapped_lines = (line for sentence in sentences for line in _wrapped(sentence))
    return [*_title("WHERE THESE RUNS COME FROM"), *wrapped_lines]


_INCOMPLETE = (
    "The grid is not complete: averages are over the settings that all groups have, where it "
    "is not said otherwise."
)


def _unscored(cells: Sequence[CellResult], words: Words) -> list[str]:
    lines = [
        line
        for result in cells
        for found in result.unscored
        for line in _wrapped(f"{words.cell(result)}, {found}")
    ]
    return [*_title("FAILED AND MISSING RUNS"), *lines] if lines else []


def _top(
    study: StudyResults, cells: Sequence[CellResult], words: Words, summary: dict[str, Any]
) -> list[str]:
    best = ranked(cells, study.metric, study.plan)[:TOP]
    lines = [result_line(words, study.metric, result) for result in best]
    nothing = _wrapped(summary["metric"]["why_not_ranked"] or "No run has a result yet.")
    return [*_title(f"TOP {TOP} BEST RESULTS"), *(lines or nothing)]


def _groups(
    study: StudyResults,
    cells: Sequence[CellResult],
    words: Words,
    summary: dict[str, Any],
    axis: str,
) -> list[str]:
    names: dict[str, Callable[[Any], str]] = {
        "model": words.model,
        "resolution": words.resolution,
        "n_train": "n={}".format,
    }
    titles = {"model": "MODEL", "resolution": "RESOLUTION", "n_train": "TRAINING-SET SIZE"}
    lines = _title(f"RESULTS BY {titles[axis]}")
    for value in study.order[axis]:
        own = [cell for cell in cells if str(getattr(cell.cell, axis)) == str(value)]
        found = summary["statistics"][f"by_{axis}"].get(group_name(axis, value))
        lines += [f"{names[axis](value)}:", *_group(study, own, words, found, axis), ""]
    return lines[:-1]


def _group(
    study: StudyResults,
    cells: Sequence[CellResult],
    words: Words,
    found: dict[str, Any] | None,
    axis: str,
) -> list[str]:
    if found is None:
        return [f"  Experiments: 0 of {len(cells)}"]
    lines = [f"Experiments: {found['num_experiments']} of {found['planned_experiments']}"]
    for metric in [study.metric, *words.others]:
        values = found["metrics"][metric.name]
        lines.append(f"Avg {label(metric)}: {shown(values['avg'])}{_over(values, found)}")
        best = ranked(cells, metric, study.plan)
        if best:
            where = words.place(best[0]) if axis == "model" else f"by {words.cell(best[0])}"
            lines.append(f"Best {label(metric)}: {with_interval(best[0], metric)} {where}")
    lines.append(f"Avg Inference Time: {_time(found)}")
    return [part for line in lines for part in _wrapped(f"  {line}", "    ")]


def _over(values: dict[str, Any], found: dict[str, Any]) -> str:
    if not values["comparable_between_models"]:
        return " (not comparable between these cells)"
    if values["averaged_cells"] == found["planned_experiments"]:
        return ""
    several = f"{values['averaged_cells']} of {found['planned_experiments']} cells"
    return f" (over {several})" if found["comparable"] else f" (over {several}: not comparable)"


def _time(found: dict[str, Any]) -> str:
    if found["avg_inference_time_sec"] is not None:
        return f"{seconds(found['avg_inference_time_sec'])}s"
    devices = ", ".join(map(one_line, found["inference_devices"]))
    return f"not averaged, measured in different ways on {devices}" if devices else "not measured"


def seconds(value: float) -> str:
    """Return a time in seconds, in four decimals or three digits, whichever says more."""
    return f"{value:.4f}" if value >= 0.01 else f"{value:.3g}"


def _all(study: StudyResults, cells: Sequence[CellResult], words: Words) -> list[str]:
    metrics = [study.metric, *words.others]
    head = ["Model", "Resolution", *(["n_train"] if words.sizes else []), "Runs"]
    head += [label(study.metric), *map(label, words.others), "Loss", "s a sample", "samples/s"]
    if study.metric.name == "loss":
        head.remove("Loss")
    rows = [head]
    for result in cells:
        size = [str(result.cell.n_train)] if words.sizes else []
        loss = [] if study.metric.name == "loss" else [shown(result.mean("loss"))]
        cost = result.cost
        rows.append(
            [
                words.model(result.cell.model),
                words.resolution(result.cell.resolution),
                *size,
                f"{len(result.ok)}/{len(result.runs)}",
                with_interval(result, study.metric),
                *(shown(result.mean(metric.name)) for metric in metrics[1:]),
                *loss,
                "-" if cost.sec_per_sample is None else seconds(cost.sec_per_sample),
                "-" if cost.throughput is None else f"{cost.throughput:.1f}",
            ]
        )
    return [*_title("ALL RESULTS"), *text_table(rows, WIDTH)]


def _title(text: str) -> list[str]:
    return [text, "-" * WIDTH]


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return wrapped(one_line(text), WIDTH, indent)
