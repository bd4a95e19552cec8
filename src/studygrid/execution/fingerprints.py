"""Fingerprints of code: a job is re-run when the code that decides its result has changed.

A fingerprint covers the modules that a job names and all modules of the project that these
import. It is taken from the syntax tree without docstrings, so that a comment, a docstring or
the layout of the source changes nothing.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from studygrid.execution.source_code import Import, Source, keep_sources, read_source
from studygrid.families.base import Family, module_of
from studygrid.figures import figures_of
from studygrid.figures.inference_figures import INFERENCE_FIGURES
from studygrid.records import SCHEMA_VERSION

# What these decide reaches a job as values: in its spec, or in the version of its record.
_CARRIED_BY_VALUE = (
    "studygrid.axes",
    "studygrid.command_line",
    "studygrid.config_",
    "studygrid.errors",
    "studygrid.execution",
    "studygrid.families.base",
    "studygrid.grid",
    "studygrid.plan",
    "studygrid.records",
    "studygrid.section",
    "studygrid.spec",
    "studygrid.study",
    "studygrid.version",
)
_TEMPLATES = (".css", ".html", ".jinja", ".js")


def shard_code(family: Family, dataset: str) -> str:
    """Return the fingerprint of what makes the shards of a dataset, and of that alone."""
    return fingerprint([module_of(family.datasets[dataset].make_shard)])


def prepare_code(family: Family, dataset: str) -> str:
    """Return the fingerprint of ``prepare`` for a dataset of a family."""
    return fingerprint(["studygrid.preparation", module_of(family.datasets[dataset].prepare)])


def train_code(family: Family, architecture: str, monitor: str) -> str:
    """Return the fingerprint of ``train`` for an architecture and a monitored metric."""
    scored = {"loss", monitor, *family.epoch_metrics}
    return fingerprint(
        [
            "studygrid.training",
            *_model_code(family, architecture),
            *(module_of(family.metric(name).compute) for name in scored),
        ]
    )


def evaluate_code(family: Family, architecture: str) -> str:
    """Return the fingerprint of ``evaluate`` for an architecture."""
    return fingerprint(["studygrid.evaluation", *_scoring_code(family, architecture)])


def infer_code(family: Family, architecture: str) -> str:
    """Return the fingerprint of ``infer`` for an architecture."""
    return fingerprint(["studygrid.inference", *_scoring_code(family, architecture)])


def profile_code(family: Family, architecture: str) -> str:
    """Return the fingerprint of ``profile`` for an architecture."""
    return fingerprint(["studygrid.profiling", *_model_code(family, architecture)])


def aggregate_code() -> str:
    """Return the fingerprint of the tables."""
    return fingerprint(
        ["studygrid.results.rows", "studygrid.results.summary", "studygrid.tables.job"]
    )


def figures_code(family: Family, figures: Iterable[str]) -> str:
    """Return the fingerprint of the figures of that name."""
    references = figures_of(family)
    drawn = (module_of(references[name]) for name in figures)
    return fingerprint(["studygrid.figures.job", *drawn])


def inference_summary_code(figures: Iterable[str]) -> str:
    """Return the fingerprint of ``inference_summary`` with the figures of that name."""
    drawn = (module_of(INFERENCE_FIGURES[name]) for name in figures)
    return fingerprint(["studygrid.inference_summary", *drawn])


def report_code(family: Family) -> str:
    """Return the fingerprint of the report."""
    return fingerprint(["studygrid.report", *map(module_of, family.sections.values())])


def _scoring_code(family: Family, architecture: str) -> list[str]:
    metrics = [module_of(metric.compute) for metric in family.metrics]
    tables = map(module_of, family.tables.values())
    chances = [metric.chance.__module__ for metric in family.metrics if metric.chance]
    return [*_model_code(family, architecture), *metrics, *tables, *chances]


def _model_code(family: Family, architecture: str) -> list[str]:
    found = family.find_architecture(architecture)
    assert found is not None
    return [module_of(family.task), module_of(found.build)]


def fingerprint(modules: Iterable[str]) -> str:
    """Return a short hash of the code of modules and of what they import of the project.

    Parameters
    ----------
    modules
        Dotted names of modules or packages; of a package, all its modules count.
    """
    return _fingerprint(tuple(sorted(set(modules))))


@cache
def _fingerprint(modules: tuple[str, ...]) -> str:
    pending = [part for name in modules for part in _with_submodules(name)]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or _is_carried_by_value(name) or _file(name) is None:
            continue
        seen.add(name)
        pending.extend(_imports(name))
    digest = hashlib.sha256(f"records {SCHEMA_VERSION}".encode())
    for name in sorted(seen):
        digest.update(f"\n{name} {_source(name).code}{_templates_hash(name)}".encode())
    keep_sources()
    return digest.hexdigest()[:16]


def _is_carried_by_value(name: str) -> bool:
    # So do the config options of a family: in its module `options`.
    return name.startswith(_CARRIED_BY_VALUE) or name.endswith(".options")


@cache
def _file(name: str) -> Path | None:
    """Return the source of a module of the project or of a user's family; else None."""
    path: list[str] | None = None
    parts = name.split(".")
    for position in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: position + 1]), path)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or [])
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    file = Path(spec.origin)
    installed = "site-packages" in file.parts or file.is_relative_to(Path(sys.base_prefix) / "lib")
    return file if parts[0] == "studygrid" or not installed else None


def _with_submodules(name: str) -> Iterator[str]:
    yield name
    file = _file(name)
    if file is not None and file.name == "__init__.py":
        for source in sorted(file.parent.glob("*.py")):
            if source.name != "__init__.py":
                yield f"{name}.{source.stem}"


@cache
def _source(name: str) -> Source:
    file = _file(name)
    assert file is not None
    return read_source(file)


@cache
def _templates_hash(name: str) -> str:
    """Return the hash of the templates in a package's folder; nothing where there are none."""
    file = _file(name)
    assert file is not None
    beside = sorted(file.parent.glob("*")) if file.name == "__init__.py" else []
    found = [path for path in beside if path.suffix in _TEMPLATES]
    content = b"".join(path.name.encode() + path.read_bytes() for path in found)
    return f" {hashlib.sha256(content).hexdigest()}" if found else ""


@cache
def _imports(name: str) -> tuple[str, ...]:
    """Return the modules that a module imports anywhere, but for type checking alone."""
    return tuple(found for each in _source(name).imports for found in _imported(name, each))


def _imported(name: str, found: Import) -> Iterator[str]:
    base = found.module
    if found.names is None:
        yield base
        return
    if found.level:
        file = _file(name)
        levels = found.level - (file is not None and file.name == "__init__.py")
        parent = ".".join(name.split(".")[: len(name.split(".")) - levels])
        base = f"{parent}.{base}" if base else parent
    for part in found.names:
        # `from package import module` runs that module; other names live in the package itself.
        below = f"{base}.{part}"
        is_package = (file := _file(base)) is not None and file.name == "__init__.py"
        yield below if is_package and _file(below) is not None else base
