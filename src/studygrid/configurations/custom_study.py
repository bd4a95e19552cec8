"""The study of configurations: where it is kept, and by whom it is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from studygrid.configurations.arguments import OPTION
from studygrid.configurations.kept import FILE, PRESET, base_of, read_config
from studygrid.configurations.made_study import Asked, MadeStudy, Making
from studygrid.errors import StudygridError
from studygrid.execution.locks import sole_writer
from studygrid.execution.results_folder import make_folder
from studygrid.plan import read_plan


@dataclass(frozen=True)
class Folders:
    """The results folders of a study and of its configurations, from the present folder.

    Attributes
    ----------
    base
        The study's config.
    study
        The study's name.
    """

    base: Path
    study: str
    results: Path
    configurations: Path


def folders_of(config: Path, given: Path | None = None) -> Folders:
    """Return the folders of a config, or of the one that a file of configurations was made from.

    Parameters
    ----------
    given
        That of the configurations, in place of the default one.

    Raises
    ------
    ConfigError
        If the config is wrong.
    """
    base = base_of(config)
    study = read_plan(base or config, check_files=False).study
    own = config.parent if base else Path(f"{study.results}_custom")
    return Folders(base or config, study.name, Path(study.results), Path(shown(given or own)))


@contextmanager
def custom_study(
    config: Path,
    asked: Asked,
    *,
    accept: Callable[[MadeStudy], object] | None = None,
    dry_run: bool = False,
) -> Iterator[MadeStudy]:
    """Make the study of some configurations, and keep its config with its results.

    Parameters
    ----------
    config
        The config to start from; of a file of configurations, the one that it was made from.
    accept
        What may still refuse the study, by an error, before it is kept.
    dry_run
        Whether to leave no file: the config is a temporary one, until the context ends.

    Raises
    ------
    ConfigError
        If the config or a configuration is wrong, with every problem.
    SelectionError
        If there is no such preset.
    StudygridError
        If the results folder is another study's.
    """
    making = _making(config, asked)
    before = _bytes(making.file)
    made = making.made()
    if accept is not None:
        accept(made)
    if dry_run:
        with TemporaryDirectory() as temporary:
            file = Path(temporary) / FILE
            making.write(made, file)
            yield replace(made, file=file)
        return
    make_folder(making.folder)
    with sole_writer(making.folder, f".{FILE}"):
        if _bytes(making.file) != before:  # another call has kept a configuration meanwhile
            made = making.made()
        with _nobody_at_work(making.folder) if made.replaced else nullcontext():
            making.write(made, making.file)
    yield made


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _nobody_at_work(folder: Path) -> AbstractContextManager[None]:
    from studygrid.retry import nobody_writes

    return nobody_writes(folder)


def _making(config: Path, asked: Asked) -> Making:
    folders = folders_of(config, asked.results)
    base, folder = folders.base, folders.configurations
    plan, content = read_plan(base), read_config(base)
    if "model" in plan.study.grid.zip:
        raise StudygridError(
            f"{OPTION}: grid.zip of {base} pairs each model with a value of its own, which a "
            "configuration has not; write it into that file as a model"
        )
    if PRESET in plan.study.presets:
        raise StudygridError(
            f"{base}: presets.{PRESET}: the configurations of a command line have this name; give "
            "the preset another"
        )
    if folder.resolve() == folders.results.resolve():
        raise StudygridError(
            f"{folder}: is the results folder of {base}; configurations need one of their own: "
            "name another with --results"
        )
    return Making(shown(base), content, plan, folder, asked)


def shown(path: Path) -> str:
    """Return a path from the present folder, if it lies below."""
    here = Path.cwd()
    whole = Path(os.path.normpath(here / path))
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)
