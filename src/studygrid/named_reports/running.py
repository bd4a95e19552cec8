"""Making a report: from its config to a folder with its figures, tables, page and manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studygrid.backlinks import link_runs
from studygrid.execution.events import utc_now
from studygrid.interchange.thesis import read_runs
from studygrid.named_reports.config import ReportConfig
from studygrid.named_reports.discovery import FoundReport
from studygrid.named_reports.drawn import Failed, draw_figures
from studygrid.named_reports.inputs import ReportInputs
from studygrid.named_reports.manifest import FILE, report_manifest, write_manifest
from studygrid.named_reports.output import final_folder, finish_folder, make_folder
from studygrid.named_reports.page import report_page, words_of, written_sections
from studygrid.named_reports.reading import read_config
from studygrid.named_reports.run_files import RunFiles, check_scorable, files_of_runs
from studygrid.named_reports.scoring import score_runs
from studygrid.named_reports.summaries import not_made, write_inference, write_training
from studygrid.records import write_atomically
from studygrid.version import __version__

PAGE = "report.html"
ERRORS = "errors.log"
_TRAINING, _INFERENCE = "training", "inference"


@dataclass(frozen=True)
class MadeReport:
    """A report that was made.

    Attributes
    ----------
    incomplete
        Runs that were left out, each with the reason.
    failed
        Figures and sections whose functions failed; their tracebacks are in ``errors.log``.
    not_scored
        Runs that inference could not score, and why.
    not_linked
        Pointer files that could not be written, and why.
    """

    folder: Path
    incomplete: tuple[tuple[str, str], ...]
    failed: tuple[Failed, ...]
    not_scored: dict[str, str]
    not_linked: tuple[str, ...]


def make_report(found: FoundReport, words: Sequence[str]) -> MadeReport:
    """Make a report; nothing is written before all that can be checked is.

    Parameters
    ----------
    found
        The report.
    words
        ``key=value``, which override its YAML.

    Raises
    ------
    StudygridError
        If the config, the runs or what inference needs cannot be used; the message has all that
        is wrong.
    """
    config = read_config(found.name, found.report, found.yaml, words)
    inputs = _inputs(found, config)
    files = files_of_runs(inputs)
    if config.inference.enabled:
        check_scorable(files)
    folder = make_folder(Path(config.env.output_root).expanduser(), found.name)
    return _Making(found, tuple(words), inputs, files, folder, utc_now()).make()


def _inputs(found: FoundReport, config: ReportConfig) -> ReportInputs:
    facts = read_runs(config.inputs.sweep_dir, config.inputs.run_dirs, config.inputs.select)
    return ReportInputs(
        name=found.name,
        title=found.report.title,
        config=config,
        runs_df=facts.runs_df,
        per_epoch=facts.per_epoch,
        order=tuple(facts.order),
        incomplete=tuple(facts.incomplete),
        problems=tuple(facts.problems),
    )


@dataclass(frozen=True)
class _Making:
    """A report on its way; `folder` is hidden until it is whole."""

    found: FoundReport
    words: tuple[str, ...]
    inputs: ReportInputs
    files: list[RunFiles]
    folder: Path
    created_at: str

    @property
    def report_id(self) -> str:
        """The name that its folder will have."""
        return final_folder(self.folder).name

    def make(self) -> MadeReport:
        report, inputs = self.found.report, self.inputs
        phases = self._phases()
        # The figures of training come first: what is wrong with one shows before the hours that
        # inference may take.
        place, names = phases[_TRAINING]
        write_training(self.folder / _TRAINING, self.created_at, inputs, names)
        failed = draw_figures(report.figures, names, inputs, place)
        not_scored: dict[str, str] = {}
        if _INFERENCE in phases:
            below = self.folder / _INFERENCE
            settings = inputs.config.inference
            results, not_scored = score_runs(self.files, settings, below / "runs")
            write_inference(below, results, self.files, not_scored)
            inputs = replace(inputs, inference=results)
            place, names = phases[_INFERENCE]
            failed += draw_figures(report.inference_figures, names, inputs, place)
        sections, unwritten = written_sections(report, inputs)
        failed += unwritten
        if any(one.trace for one in failed):
            write_atomically(self.folder / ERRORS, not_made(failed).encode())
        page = report_page(self.report_id, inputs, phases, sections, failed, self._made_from())
        write_atomically(self.folder / PAGE, page.encode())
        content = report_manifest(
            self.report_id,
            self.folder,
            self.created_at,
            self.found,
            self.words,
            inputs,
            self.files,
            phases,
            failed,
        )
        write_manifest(self.folder / FILE, content)
        runs = [Path(run_dir) for run_dir in inputs.order]
        made = finish_folder(self.folder)
        _, refused = link_runs(runs, made / FILE, self.report_id)
        return MadeReport(made, inputs.incomplete, tuple(failed), not_scored, tuple(refused))

    def _phases(self) -> dict[str, tuple[Path, list[str]]]:
        """Return of each phase the folder of its figures, and the names of those to draw.

        A list that names no figure of a phase leaves that phase all of its figures.
        """
        report, config = self.found.report, self.inputs.config
        of_phase = {_TRAINING: report.figures}
        if config.inference.enabled:
            of_phase[_INFERENCE] = report.inference_figures
        chosen = config.outputs.which_figures or []
        return {
            phase: (
                self.folder / phase / "figures",
                [name for name in chosen if name in figures] or list(figures),
            )
            for phase, figures in of_phase.items()
        }

    def _made_from(self) -> list[tuple[str, str]]:
        config = self.inputs.config
        inference = config.inference.model_dump(exclude={"enabled"})
        commits = self.inputs.runs_df["git_commit"].dropna().unique().tolist()
        return [
            ("Report", f"{self.found.name} ({self.found.source})"),
            ("Made at", f"{self.created_at[:16].replace('T', ' ')} UTC"),
            ("Runs from", config.inputs.sweep_dir or words_of(config.inputs.run_dirs)),
            ("Selection", words_of(config.inputs.select or "all that have ended")),
            ("Thresholds", words_of(config.thresholds)),
            ("Inference", words_of(inference) if config.inference.enabled else "off"),
            ("Overrides", " ".join(self.words) or "none"),
            ("studygrid", __version__),
            ("Commits of the runs", words_of(commits)),
        ]
