"""Comparing runs from anywhere: results of ours, frames of them, and files of other programs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pandas as pd

from studygrid.comparison import Comparison, compare_runs, losses_of
from studygrid.errors import ConfigError, NoRunsError, StudygridError
from studygrid.families import family_names, load_family
from studygrid.families.base import Family, Metric
from studygrid.interchange.foreign.collecting import CollectedRuns, collect
from studygrid.plan import read_plan
from studygrid.results.collected import split_words
from studygrid.results.loading import Problem, Runs
from studygrid.results.study_results import StudyResults

Given = str | Path | pd.DataFrame | Runs | CollectedRuns
LossesByStudy = Mapping[tuple[str, str], Mapping[str, Any]]
_SCORE: Final = "test_"


@dataclass(frozen=True)
class Part:
    """The runs of one of the things that are compared.

    Attributes
    ----------
    frame
        One row a run, with `study`; scores are in ``test_<metric>`` whatever their split is.
    split
        The split that they are of.
    losses
        What is known of the losses, by study and model.
    """

    family: str
    frame: pd.DataFrame
    split: str = "test"
    losses: LossesByStudy = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Compared:
    """A comparison, and what a reader must know of the runs behind it.

    Attributes
    ----------
    split
        The split that scores are of: in the comparison they are ``test_<metric>`` whatever it is.
    notes
        What was done to the runs, and what they lack, in sentences.
    problems
        Files that could not be used, or not whole, and why.
    """

    comparison: Comparison
    family: Family
    split: str
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]


def compare(
    given: Given | Iterable[Given] | Mapping[str, Given],
    *,
    metrics: Sequence[str] | None = None,
    family: str | None = None,
) -> Comparison:
    """Compare the configurations of several studies, ours and those of other programs.

    Parameters
    ----------
    given
        Folders (results of ours, or in any layout that `studygrid.collect` knows), frames of
        `studygrid.load_runs`, what that or `studygrid.collect` returned; or a mapping from names,
        which the studies get, to any of these.
    metrics
        The metrics to compare by; if None, those of the family that some run has.
    family
        The family of runs whose files name none, and of frames that fit several families.

    Returns
    -------
    Comparison
        Its `table` has one row a configuration; `best` tells who is best by a metric, and what
        the seeds can tell from it; `studygrid.comparison.text` writes it all down.

    Raises
    ------
    NoRunsError
        If a folder has no run.
    StudygridError
        If the runs are of several families, or these have not the metrics.

    Warns
    -----
    UserWarning
        Of each thing that a reader must know: files that were left out, scores of another split.
    """
    found = compared(given, metrics=metrics, family=family)
    for note in found.notes:
        warnings.warn(note, stacklevel=2)
    if found.problems:
        first = "; ".join(map(str, found.problems[:3]))
        warnings.warn(f"not used, or not whole: {len(found.problems)}: {first}", stacklevel=2)
    return found.comparison


def compared(
    given: Given | Iterable[Given] | Mapping[str, Given],
    *,
    metrics: Sequence[str] | None = None,
    family: str | None = None,
    resolution: int | None = None,
    n_train: int | str | None = None,
) -> Compared:
    """Compare as `compare` does; say what must be known in place of warning of it."""
    filling = {"family": family, "resolution": resolution, "n_train": n_train}
    listed, again = _listed(given)
    parts = [part for name, one in listed for part in _parts(one, name, filling)]
    if not parts:
        raise NoRunsError("there is nothing to compare: name a folder or a frame")
    found = _family([part.family for part in parts])
    parts, notes = _of_one_split(parts)
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    chosen = _metrics(found, frame, metrics)
    losses = {key: loss for part in parts for key, loss in part.losses.items()}
    comparison = compare_runs(frame, chosen, losses=losses)
    every = [note for part in parts for note in part.notes]
    return Compared(
        comparison,
        found,
        "test" if any(part.split == "test" for part in parts) else parts[0].split,
        tuple(dict.fromkeys([*again, *notes, *_twice(parts), *every])),
        tuple(dict.fromkeys(problem for part in parts for problem in part.problems)),
    )


def _listed(
    given: Given | Iterable[Given] | Mapping[str, Given],
) -> tuple[list[tuple[str | None, Given]], list[str]]:
    """Return what is compared, with names that were given, and which places were named again."""
    if isinstance(given, Mapping):
        return [(str(name), one) for name, one in given.items()], []
    if isinstance(given, Given):
        return [(None, given)], []
    found: list[tuple[str | None, Given]] = []
    notes: list[str] = []
    first: dict[str, str | Path] = {}
    for one in given:
        if isinstance(one, str | Path):
            place = os.path.realpath(one)
            if (before := first.get(place)) is not None:
                where = "" if str(one) == str(before) else f"is {before}, and "
                notes.append(f"{one} {where}was named twice: it counts once.")
                continue
            first[place] = one
        found.append((None, one))
    return found, notes


def _parts(given: Given, name: str | None, filling: Mapping[str, Any]) -> Iterator[Part]:
    if isinstance(given, str | Path):
        found = collect(given, **filling)
        yield from (_of_study(one, name or str(given)) for one in found.studies.values())
    elif isinstance(given, CollectedRuns):
        for family, study in given.studies.items():
            yield _of_study(study, name or (study.name if len(given.studies) == 1 else family))
    elif isinstance(given, Runs):
        part = _of_frame(given.frame, name, filling["family"])
        yield replace(part, problems=tuple(given.problems))
    elif isinstance(given, pd.DataFrame):
        yield _of_frame(given, name, filling["family"])
    else:
        raise StudygridError(
            f"a {type(given).__name__} cannot be compared: give a folder, a frame of load_runs, or "
            "what load_runs or collect returned"
        )


def _of_study(study: StudyResults, name: str) -> Part:
    assert study.collected
    known = {
        key: loss
        for key, loss in losses_of(study.plan, name).items()
        if study.plan.models[key[1]].loss.is_known
    }
    ours = [note for note in study.collected.notes if not note.startswith("No file has")]
    return Part(
        study.family.name,
        study.frame.assign(study=name),
        study.split,
        known,
        tuple(ours),
        study.collected.problems,
    )


def _of_frame(frame: pd.DataFrame, name: str | None, given: str | None) -> Part:
    """Return the part that a frame of `load_runs` is; its studies say the family and the losses."""
    if "study" not in frame:
        frame = frame.assign(study=name or "")
    families: list[str] = []
    losses: dict[tuple[str, str], Mapping[str, Any]] = {}
    names = _study_names(frame, name)
    for study, shown in names.items():
        file = Path(study) / "study.yaml"
        if not study or not file.is_file():
            continue
        try:
            plan = read_plan(file, check_files=False)
        except ConfigError:
            continue
        families.append(plan.family.name)
        losses |= losses_of(plan, shown)
    family = _family([*families, *([given] if given and not families else [])] or _fitting(frame))
    return Part(family.name, frame.assign(study=frame["study"].map(names)), losses=losses)


def _study_names(frame: pd.DataFrame, name: str | None) -> dict[str, str]:
    studies = [str(study) for study in dict.fromkeys(frame["study"])]
    if name is None:
        return {study: study for study in studies}
    return {study: name if len(studies) == 1 else f"{name}: {study}" for study in studies}


def _fitting(frame: pd.DataFrame) -> list[str]:
    """Return the one family whose metrics are those of a frame.

    Raises
    ------
    StudygridError
        If there is none, or several.
    """
    names = {str(column).removeprefix(_SCORE) for column in frame if str(column).startswith(_SCORE)}
    fitting = [name for name in family_names() if names <= set(load_family(name).metric_names)]
    if len(fitting) != 1 or not names:
        listed = ", ".join(sorted(names)) or "none"
        which = f"several families have them ({', '.join(fitting)})" if fitting else "no family has"
        raise StudygridError(f"a frame does not say its family: its metrics are {listed}; {which}")
    return fitting


def _family(names: Iterable[str]) -> Family:
    several = list(dict.fromkeys(names))
    if len(several) > 1:
        raise StudygridError(
            f"the runs are of several families ({', '.join(several)}), which have no score in "
            "common; name folders of one"
        )
    return load_family(several[0])


def _twice(parts: Sequence[Part]) -> list[str]:
    """Say which studies hold the same runs: those that scored the same weights."""
    weights = [set(_column(part.frame, "checkpoint_sha256").dropna()) for part in parts]
    notes = []
    for (one, own), (other, its) in combinations(zip(parts, weights, strict=True), 2):
        if shared := len(own & its):
            names = [str(part.frame["study"].iloc[0]) for part in (one, other)]
            notes.append(
                f"{names[0]} and {names[1]} hold {shared} {'run' if shared == 1 else 'runs'} of "
                "the same weights, which are compared twice: leave one of both out."
            )
    return notes


def _of_one_split(parts: Sequence[Part]) -> tuple[list[Part], list[str]]:
    """Return the parts with scores of one split alone, and what must be said of it."""
    if all(part.split == parts[0].split for part in parts):
        return list(parts), split_words(parts[0].split)
    kept = [part if part.split == "test" else _without_scores(part) for part in parts]
    left = [str(part.frame["study"].iloc[0]) for part in parts if part.split != "test"]
    return kept, [
        f"{', '.join(left)}: has scores of the validation split alone, which are not compared with "
        "those of a test split."
    ]


def _without_scores(part: Part) -> Part:
    scores = [name for name in part.frame if str(name).startswith(_SCORE)]
    return replace(part, frame=part.frame.drop(columns=scores))


def _metrics(
    family: Family, frame: pd.DataFrame, names: Sequence[str] | None
) -> tuple[Metric, ...]:
    if names is None:
        there = [name for name in family.metric_names if _has_value(frame, name)]
        return tuple(map(family.metric, there or family.metric_names))
    unknown = [name for name in names if name not in family.metric_names]
    if unknown:
        known = ", ".join(family.metric_names)
        raise StudygridError(f"{family.name} has no metric {', '.join(unknown)}; it has {known}")
    return tuple(map(family.metric, dict.fromkeys(names)))


def _column(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    return frame[name] if name in frame else pd.Series(dtype=object)


def _has_value(frame: pd.DataFrame, metric: str) -> bool:
    return bool(_column(frame, f"{_SCORE}{metric}").notna().any())
