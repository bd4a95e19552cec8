"""The study of two files of scans over training-set sizes, made from a config, and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from studygrid.configurations.custom_study import shown
from studygrid.configurations.generalization_data import (
    Asked,
    Content,
    Size,
    check_same,
    check_sizes,
    dataset_of,
    pattern_shape,
)
from studygrid.configurations.kept import FILE, one_line, read_config
from studygrid.errors import StudygridError
from studygrid.execution.locks import sole_writer
from studygrid.execution.results_folder import make_folder
from studygrid.families.content import SOURCES
from studygrid.grid import Run
from studygrid.plan import Plan, make_plan, read_plan
from studygrid.records import write_atomically
from studygrid.results.one_setting import models_without_learning

FAMILY: Final = "ptychography"
_HEADER: Final = """\
# A generalization study of two files of scans, and what runs it.
# From {base}
# Last by: {command}
# Each such call writes this file anew from that one: change the study there.
"""


@dataclass(frozen=True)
class GeneralizationStudy:
    """A study as it was made.

    Attributes
    ----------
    file
        Its config.
    plan
        The study whole: also sizes and seeds that earlier calls asked for.
    part
        What this call asks for.
    """

    file: Path
    plan: Plan
    part: Plan


@contextmanager
def generalization_study(
    config: Path, asked: Asked, *, dry_run: bool = False
) -> Iterator[GeneralizationStudy]:
    """Make the study, and keep its config with its results.

    Parameters
    ----------
    config
        The config to start from: models, training, sizes and seeds.
    dry_run
        Whether to leave no file: the config is a temporary one, until the context ends.

    Raises
    ------
    ConfigError
        If the config is wrong.
    DataError
        If a file cannot be used.
    StudygridError
        If the folder holds a study of other files, or the files are too small for what is asked.
    """
    file = asked.folder / FILE
    if dry_run:
        new = [place for place in (asked.folder, asked.output) if not place.exists()]
        with TemporaryDirectory() as temporary:
            content, study = _made(config, asked, _kept(file), file)
            _write(Path(temporary) / FILE, content, config, asked.command)
            try:
                yield replace(study, file=Path(temporary) / FILE)
            finally:
                if asked.folder in new:
                    _drop_hashes(asked.folder, new)
        return
    _made(config, asked, _kept(file), file)  # refused before there is a folder
    make_folder(asked.folder)
    with sole_writer(asked.folder, f".{FILE}"):
        # Anew: another call may have just kept other sizes.
        content, study = _made(config, asked, _kept(file), file)
        _write(file, content, config, asked.command)
    yield study


def _drop_hashes(folder: Path, new: Sequence[Path]) -> None:
    """Take away what asking Snakemake leaves where there was no study: hashes of the two files."""
    (folder / "data" / SOURCES).unlink(missing_ok=True)
    with suppress(OSError):  # another call has begun the study meanwhile, or there is nothing
        for place in (folder / "data", *new):
            place.rmdir()


def _kept(file: Path) -> Content:
    return read_config(file) if file.is_file() else {}


def _write(file: Path, content: Content, base: Path, command: str) -> None:
    header = _HEADER.format(base=shown(base), command=one_line(command))
    body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_atomically(file, (header + body).encode())


def _made(
    config: Path, asked: Asked, kept: Content, file: Path
) -> tuple[Content, GeneralizationStudy]:
    base = _base(config)
    content = read_config(config)
    dataset = dataset_of(content.get("dataset", {}), asked)
    check_same(kept.get("dataset", {}), dataset, asked.output, config)
    sizes: list[Size] = list(dict.fromkeys(asked.sizes or base.study.grid.n_train))
    seeds = list(range(asked.seeds)) if asked.seeds else list(base.study.grid.seed)
    check_sizes(sizes, dataset, asked)
    made = {
        **content,
        "name": kept.get("name", f"{base.study.name}: {asked.train.stem}"),
        "dataset": dataset,
        "grid": _grid(
            base, config, kept.get("grid", {}), sizes, seeds, pattern_shape(asked.train)[-1]
        ),
        "results": str(shown(asked.folder)),
    }
    plan = make_plan(made)
    runs = [run for run in plan.runs if _is_asked(run, made["grid"], sizes, seeds)]
    return made, GeneralizationStudy(file, plan, replace(plan, runs=runs))


def _is_asked(run: Run, grid: Content, sizes: Sequence[Size], seeds: Sequence[int]) -> bool:
    for entry in grid.get("include", ()):
        if run.model in entry["model"]:
            return run.seed in entry.get("seed", seeds)
    return run.seed in seeds and run.n_train in sizes


def _base(config: Path) -> Plan:
    """Return the plan of the config, which may name data that is not there."""
    plan = read_plan(config, check_files=False)
    if plan.family.name != FAMILY:
        raise StudygridError(
            f"{config}: is a study of the family {plan.family.name}; a generalization study of "
            f"scans is one of the family {FAMILY}, as config/studies/generalization.yaml is"
        )
    return plan


# --- The grid


def _grid(
    base: Plan,
    config: Path,
    kept: Mapping[str, Any],
    sizes: Sequence[Size],
    seeds: Sequence[int],
    side: int,
) -> Content:
    """Return the grid: all sizes and seeds so far; what does not learn runs at one size."""
    grid = base.study.grid
    fixed = models_without_learning(base)
    learning = [model for model in base.axis("model") if model not in fixed]
    if (
        grid.zip
        or grid.exclude
        or any(set(entry.model or ["all"]) - {*fixed} for entry in grid.include)
    ):
        raise StudygridError(
            f"{config}: its grid has zip, exclude or include, which do not fit the sizes of a "
            "command line; leave them out there, but for an include of models that do not learn"
        )
    every: list[Size] = [*kept.get("n_train", ()), *sizes]
    numbers = sorted({size for size in every if isinstance(size, int)})
    found: Content = {
        "model": learning or fixed,
        "resolution": [side],
        "n_train": [*numbers, *(["all"] if "all" in every else [])],
        "seed": sorted({*kept.get("seed", ()), *seeds}),
    }
    if learning and fixed:
        entries = kept.get("include", ())
        # Where it ran first: at another size it would be the same once more.
        before = {model: entry["n_train"] for entry in entries for model in entry["model"]}
        found["include"] = [
            {
                "model": [model],
                "n_train": before.get(model, [_largest(sizes)]),
                **_own_seeds(base, model),
            }
            for model in fixed
        ]
    return found


def _own_seeds(base: Plan, model: str) -> Content:
    """Return the seeds of a model, where they are not those of the grid."""
    seeds = sorted({run.seed for run in base.runs if run.model == model})
    return {} if seeds == sorted(base.study.grid.seed) else {"seed": seeds}


def _largest(sizes: Sequence[Size]) -> Size:
    numbers = [size for size in sizes if isinstance(size, int)]
    return "all" if "all" in sizes else max(numbers)
