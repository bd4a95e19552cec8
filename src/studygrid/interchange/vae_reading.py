"""Reading metrics in the layout of the guide to VAE comparison, written here or elsewhere.

The program that the guide is of writes its keys with a slash, ``test/loss``; both are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from studygrid.errors import RecordError
from studygrid.interchange.crackseg_documents import Document
from studygrid.interchange.foreign.json_files import read_json
from studygrid.interchange.vae import METRICS, SUMMARY
from studygrid.interchange.vae_documents import (
    COLUMNS,
    GUIDE_NAMES,
    PHASES,
    SCHEMA_VERSION,
    WRITER,
    Config,
    Metrics,
    Phases,
    Summary,
)

_NAMED_FAULTS: Final = 3
# What the guide's metrics are called in its tables, and in the files of its program.
_OURS: Final[Mapping[str, str]] = {
    **{column.removeprefix("test_"): name for column, name in COLUMNS.items()},
    **{guide: name for name, guide in GUIDE_NAMES.items()},
    "active_units_pct_active_units": "active_units_percent",
}
DocumentT = TypeVar("DocumentT", bound=Document)


@dataclass(frozen=True)
class VaeMetrics:
    """The metrics of a run, as a file says.

    Attributes
    ----------
    name
        Of the configuration: what its config calls it, else its file, else the file's folder.
    metrics
        Scores by split (``train``, ``validation``, ``test``), each by our name of the metric;
        metrics that we do not have keep the name of the file.
    reasons
        Why a score is null, by ``<split>.<metric>``.
    config
        Its settings, of a summary or of the summary beside it; None where there is none.
    summary
        What else the summary says; of one that studygrid did not write mostly None.
    problems
        What the files say against each other.
    """

    path: Path
    name: str
    metrics: Mapping[str, Mapping[str, float | None]]
    reasons: Mapping[str, str] = field(default_factory=dict)
    kept_epoch: int | None = None
    config: Config | None = None
    summary: Summary | None = None
    problems: tuple[str, ...] = ()

    @property
    def written_here(self) -> bool:
        """Whether studygrid wrote the summary, so that its numbers mean what ours mean."""
        return self.summary is not None and self.summary.written_by == WRITER

    @property
    def loss(self) -> dict[str, Any] | None:
        """The options of the loss that change its value; None where the config names no beta."""
        if self.config is None:
            return None
        more = self.config.model_extra or {}
        sections = (self.config.loss, self.config.model, self.config.trainer, more)
        found = next((section["beta"] for section in sections if "beta" in section), None)
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        return {"beta": float(found)} if found is not None and is_number else None


def read_vae_metrics(path: Path | str) -> VaeMetrics:
    """Read ``metrics.json``, ``summary.json``, ``<name>_metrics.json`` or ``<name>_summary.json``.

    The config of a file of metrics is that of the summary beside it, if its metrics are the same.
    NaN and Infinity, which JSON has not, are null with a reason.

    Raises
    ------
    RecordError
        If the file cannot be read, is no JSON, or holds something else than metrics by phase;
        the message names the file and the key.
    """
    path = Path(path)
    content = read_json(path)
    found = vae_metrics(content.value, path, content.faults)
    beside = _summary_beside(path)
    if found.summary is not None or not beside.is_file():
        return found
    try:
        content = read_json(beside)
        other = vae_metrics(content.value, beside, content.faults)
    except RecordError as error:
        return _with_problem(found, f"its config is not known: {error}")
    if other.metrics != found.metrics:
        return _with_problem(found, f"{beside} has other metrics, so it is not taken for its own")
    return replace(
        other, path=path, metrics=found.metrics, reasons=found.reasons, problems=found.problems
    )


def is_vae_metrics(content: Any) -> bool:
    """Tell whether JSON looks as if it were of this layout, sound or not."""
    if not isinstance(content, Mapping):
        return False
    phases = content.get("metrics", content)
    return isinstance(phases, Mapping) and any(
        isinstance(scores, Mapping)
        and any(str(key).startswith((f"{phase}_", f"{phase}/")) for key in scores)
        for phase, scores in phases.items()
        if phase in PHASES
    )


def vae_metrics(content: Any, path: Path, faults: Sequence[str] = ()) -> VaeMetrics:
    """Return the metrics that the content of a file holds.

    Parameters
    ----------
    content
        Its JSON, without NaN and Infinity.
    faults
        What was made null in it: ``<place> is NaN …``.

    Raises
    ------
    RecordError
        See `read_vae_metrics`.
    """
    if not isinstance(content, Mapping):
        raise RecordError(f"{path}: {_WRONG} (it is of the type {type(content).__name__})")
    if "metrics" in content:
        summary = _validated(content, Summary, path)
        _check_version(summary, path)
        phases: Phases = summary.metrics
        config, kept = summary.config, summary.kept_epoch
        given = {
            place.removeprefix("metrics."): why
            for place, why in {**_by_place(faults), **summary.reasons}.items()
        }
    else:
        summary, config = None, None
        metrics = _validated(content, Metrics, path)
        phases, kept = metrics, metrics.kept_epoch
        given = {**_by_place(faults), **metrics.reasons}
    scores, reasons = _by_split(phases, given, path)
    name = (config.model_name if config else None) or _name_of(path)
    return VaeMetrics(path, name, scores, reasons, kept, config, summary)


_WRONG: Final = (
    "is not of the layout of VAE metrics: it should have `train`, `val` or `test`, each with "
    "numbers by key such as `test_loss`; or `config`, and these below `metrics`"
)


def _validated(content: Any, kind: type[DocumentT], path: Path) -> DocumentT:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the document'}: {fault['msg']}"
            for fault in error.errors()
        ]
        more = ["…"] if len(faults) > _NAMED_FAULTS else []
        listed = "; ".join([*faults[:_NAMED_FAULTS], *more])
        raise RecordError(f"{path}: {_WRONG} ({listed})") from None


def _check_version(summary: Summary, path: Path) -> None:
    if summary.written_by == WRITER and summary.schema_version != SCHEMA_VERSION:
        raise RecordError(
            f"{path}: schema_version is {summary.schema_version!r}, not {SCHEMA_VERSION}; export "
            "it again"
        )


def _by_place(faults: Sequence[str]) -> dict[str, str]:
    """Return what was made null, by its place: a fault is ``<place> is <what it was>``."""
    parts = [fault.partition(" is ") for fault in faults]
    return {place: f"the file has {what.partition(',')[0]}" for place, _, what in parts}


def _by_split(
    phases: Phases, given: Mapping[str, str], path: Path
) -> tuple[dict[str, dict[str, float | None]], dict[str, str]]:
    """Return scores by our names, and why of those that are null."""
    found: dict[str, dict[str, float | None]] = {}
    reasons: dict[str, str] = {}
    for phase, split in PHASES.items():
        scores: dict[str, float | None] = {}
        for key, value in getattr(phases, phase).items():
            name = _ours(phase, key)
            if name in scores and scores[name] != value:
                both = f"{scores[name]} and {value}"
                raise RecordError(f"{path}: {phase} has {name} twice, as {both}")
            scores[name] = value
            if value is None:
                reasons[f"{split}.{name}"] = given.get(f"{phase}.{key}", "no reason is given")
        if scores:
            found[split] = scores
    if not found:
        raise RecordError(f"{path}: {_WRONG} (it has no number)")
    return found, reasons


def _ours(phase: str, key: str) -> str:
    """Return our name of a metric that a file calls ``test_kld`` or ``test/kld``."""
    bare = next((key.removeprefix(start) for start in _starts(phase) if key.startswith(start)), key)
    return _OURS.get(bare, bare)


def _starts(phase: str) -> Iterator[str]:
    yield f"{phase}/"
    yield f"{phase}_"


def _name_of(path: Path) -> str:
    for file in (METRICS, SUMMARY):
        if path.name.endswith(f"_{file}"):
            return path.name.removesuffix(f"_{file}")
    return path.absolute().parent.name if path.name in (METRICS, SUMMARY) else path.stem


def _summary_beside(path: Path) -> Path:
    return path.with_name(f"{path.name.removesuffix(METRICS)}{SUMMARY}")


def _with_problem(found: VaeMetrics, problem: str) -> VaeMetrics:
    return replace(found, problems=(*found.problems, problem))
