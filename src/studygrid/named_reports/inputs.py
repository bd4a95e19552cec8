"""What a report is made from: the runs, their epochs, and what inference found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from studygrid.config_errors import nearest
from studygrid.errors import ConfigError
from studygrid.figures.drawing import Drawing
from studygrid.named_reports.config import ReportConfig
from studygrid.report.blocks import Section

if TYPE_CHECKING:
    from studygrid.results.inference import InferenceResults


_FIGURE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class ReportInputs:
    """What the functions of a report get.

    Attributes
    ----------
    name, title
        The report's.
    config
        The report's YAML with the overrides of the command line.
    runs_df
        One row a selected, complete run: ``run_dir``, ``encoder``, ``tokenizer``, ``seed``,
        ``loss.total_best``, ``total_time_s`` and so on, and a column for each override.
    per_epoch
        From a ``run_dir`` to its epochs: ``epoch``, ``split`` (train or val), ``train_loss``,
        ``val_loss``, ``epoch_time_s``, ``throughput``, ``metric_*``.
    order
        The ``run_dir`` of each row of `runs_df`, in its order.
    incomplete
        Runs that were found and left out since they did not end, each with the reason.
    problems
        Files beside the runs that could not be used whole, each with the reason.
    inference
        What inference found in the same runs; None where it is off, and always None in the
        figures of the training phase, which are drawn before it.
    """

    name: str
    title: str
    config: ReportConfig
    runs_df: pd.DataFrame
    per_epoch: Mapping[str, pd.DataFrame]
    order: tuple[str, ...]
    incomplete: tuple[tuple[str, str], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    inference: InferenceResults | None = None

    def epochs(self, run_dir: str, split: str = "val") -> pd.DataFrame:
        """Return the epochs of a run on a split, in order."""
        rows = self.per_epoch[run_dir]
        return rows.loc[rows["split"] == split].sort_values("epoch", ignore_index=True)

    def threshold(self, name: str) -> float | None:
        """Return a threshold of the report's YAML; None where it is null there.

        Raises
        ------
        ConfigError
            If the report has no threshold of that name.
        """
        known = self.config.thresholds
        if name not in known:
            hint = nearest(name, known) or "the report's YAML has none"
            raise ConfigError(
                f"thresholds.{name}: the report {self.name} reads it, and its YAML has no such "
                f"threshold; {hint}"
            )
        return known[name]


FigureFunction = Callable[[ReportInputs], Drawing]
SectionsFunction = Callable[[ReportInputs], Iterable[Section]]


@dataclass(frozen=True, kw_only=True)
class NamedReport:
    """A report as a plug-in: a function that writes its sections, and its figures by name.

    Its name is that of its YAML or Python file, or of its entry point.

    Attributes
    ----------
    title
        What heads the page.
    figures
        Figures of the training phase, by name: functions of `ReportInputs` that return a
        `Drawing`. They are drawn in the house style.
    inference_figures
        Figures of the inference phase; they are drawn where inference is on.
    sections
        Returns the sections of the page. They place figures by name
        (``Figure("loss_distribution")``); figures that they do not place follow in a section of
        their own. Without it, the page has the runs and the figures.
    description
        A sentence for ``studygrid report --list``.
    """

    title: str
    figures: Mapping[str, FigureFunction]
    inference_figures: Mapping[str, FigureFunction] = field(default_factory=dict)
    sections: SectionsFunction | None = None
    description: str = ""

    def __post_init__(self) -> None:
        names = self.figure_names
        wrong = next((name for name in names if not _FIGURE.fullmatch(name)), None)
        if wrong is not None:
            raise ValueError(
                f"figure {wrong!r}: its name names its files: letters, digits, - and _ alone"
            )
        twice = next((name for name in self.figures if name in self.inference_figures), None)
        if twice is not None:
            raise ValueError(f"figure {twice!r} is of both phases; give one another name")

    @property
    def figure_names(self) -> tuple[str, ...]:
        """The names of all figures, those of training first."""
        return (*self.figures, *self.inference_figures)
