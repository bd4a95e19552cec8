"""The study that some configurations make, checked whole; nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studygrid.config_check import Checked, check
from studygrid.config_errors import Problems, dotted, nearest
from studygrid.configurations.arguments import Given, read_given
from studygrid.configurations.deriving import Derived, derive
from studygrid.configurations.differences import differences
from studygrid.configurations.faults import Faults
from studygrid.configurations.grids import grid_of
from studygrid.configurations.kept import (
    FILE,
    PRESET,
    Kept,
    read_kept,
    write_config,
)
from studygrid.configurations.presets import models_of
from studygrid.errors import SelectionError, StudygridError
from studygrid.execution.results_folder import STUDY_FILE
from studygrid.families.base import Family
from studygrid.plan import Plan
from studygrid.study import ModelConfig

Content = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What a command line asks for.

    Attributes
    ----------
    configurations
        The words after each ``--config``.
    presets, models
        What is run beside them.
    results
        The results folder, in place of the default one.
    replace
        Whether a configuration may take the place of another of its name.
    command
        The command line, to be named in the file.
    """

    configurations: Sequence[Sequence[str]]
    presets: Sequence[str] = ()
    models: Sequence[str] = ()
    results: Path | None = None
    replace: bool = False
    command: str = ""


@dataclass(frozen=True)
class MadeStudy:
    """A study of configurations.

    Attributes
    ----------
    file
        Its config file.
    plan
        The study whole.
    models
        Its models that the command line names, the configurations last.
    new, replaced
        The configurations that were not there yet, or were there with other settings.
    content
        The content of the file.
    """

    file: Path
    plan: Plan
    models: Sequence[str]
    new: Sequence[str]
    replaced: Sequence[str]
    content: Content

    def __str__(self) -> str:
        """Say what became of the configurations."""
        same = [
            name
            for name in self.plan.study.presets[PRESET]
            if name not in (*self.new, *self.replaced) and name in self.models
        ]
        said = {
            "new": self.new,
            "with other settings than before": self.replaced,
            "as before": same,
        }
        listed = "; ".join(f"{what}: {', '.join(names)}" for what, names in said.items() if names)
        return f"configurations in {self.file}: {listed}"


@dataclass(frozen=True)
class Making:
    """A config, and what is asked to be made of it."""

    base: str
    content: Content
    plan: Plan
    folder: Path
    asked: Asked

    @property
    def file(self) -> Path:
        """The config file that it is kept in."""
        return self.folder / FILE

    @property
    def family(self) -> Family:
        """The family of the study."""
        return self.plan.family

    @property
    def models(self) -> Content:
        """The models of the config, as they stand there."""
        models: Content = self.content["models"]
        return models

    @property
    def presets(self) -> Mapping[str, Sequence[str]]:
        """The presets of the config."""
        return self.plan.study.presets

    def made(self) -> MadeStudy:
        """Return the study, which is checked whole; no file is written."""
        kept, faults = self._kept(), Faults()
        given = read_given(self.asked.configurations, faults)
        derived = self._derived(given, kept, faults)
        others = self._others([*kept.models, *(each.name for each in given)], kept, faults)
        changed = self._changed(derived, kept, faults)
        content = self._study(derived, kept, others, changed)
        checked = self._checked(content, derived, kept, faults)
        faults.raise_all()
        assert checked is not None
        names = [each.given.name for each in derived]
        return MadeStudy(
            self.file,
            Plan(**vars(checked)),
            list(dict.fromkeys([*others, *names])),
            [name for name in names if name not in kept.models],
            changed,
            content,
        )

    def write(self, made: MadeStudy, file: Path) -> None:
        """Write the study's config."""
        write_config(file, made.content, self.base, self.asked.command)

    def _kept(self) -> Kept:
        """Return what earlier calls left in the folder."""
        if not self.file.exists():
            if (self.folder / STUDY_FILE).exists():
                raise StudygridError(
                    f"{self.folder}: holds a study that was not made so; name another folder with "
                    "--results"
                )
            return Kept(self.base, {}, [])
        kept = read_kept(self.file)
        if kept.base != self.base:
            raise StudygridError(
                f"{self.file}: was made from {kept.base}, not from {self.base}; name another "
                "folder with --results"
            )
        gone = [name for name in kept.others if name not in self.models]
        if gone:
            raise StudygridError(
                f"{self.file}: its grid has {gone[0]!r}, and {self.base} has no such model any "
                "more; delete it there, or name another folder with --results"
            )
        taken = [name for name in kept.models if name in self.models]
        if taken:
            raise StudygridError(
                f"{self.base}: has a model {taken[0]!r} now, the name of a configuration in "
                f"{self.file}; give the model another name, or name another folder with --results"
            )
        return kept

    def _derived(self, given: Sequence[Given], kept: Kept, faults: Faults) -> list[Derived]:
        known = {**self.models, **{name: m for name, m in kept.models.items() if _is_sound(m)}}
        only = next(iter(self.models)) if len(self.models) == 1 else None
        found = []
        for each in given:
            if each.name in self.models:
                message = f"{self.base} has a model of this name; give another"
                faults.add(each.option, "", message)
            elif each.name in (*self.presets, PRESET):
                faults.add(each.option, "", "a preset has this name; give another")
            is_own = each.name not in self.models
            others = {n: m for n, m in known.items() if not (is_own and n == each.name)}
            found.append(derive(each, others, only, self.family, faults))
            if is_own and found[-1].is_based:
                known[each.name] = found[-1].content
        return found

    def _others(self, made: Sequence[str], kept: Kept, faults: Faults) -> list[str]:
        """Return the models that are named beside the configurations; these may be among them."""
        known = [*self.models, *made]
        for name in self.asked.models:
            if name not in known:
                faults.add("--models", name, "no such model", hint=nearest(name, known))
        presets = {**self.presets, PRESET: list(kept.models)}
        try:
            named = models_of(self.asked.presets, self.models, presets)
        except SelectionError as error:
            faults.add("--preset", "", str(error).removeprefix("--preset "))
            named = []
        return list(dict.fromkeys([*named, *(m for m in self.asked.models if m in known)]))

    def _changed(self, derived: Sequence[Derived], kept: Kept, faults: Faults) -> list[str]:
        """Return the configurations that are there with other settings, if they may be replaced."""
        changed = []
        for each in derived:
            name = each.given.name
            if name not in kept.models or not each.is_based:
                continue
            found = differences(kept.models[name], each.content, name, self.content, self.family)
            if found and not self.asked.replace:
                hint = "give it another name, or --replace makes it and its runs anew"
                message = f"is there already with other settings: {', '.join(found)}"
                faults.add(each.given.option, "", message, hint=hint)
            elif found:
                changed.append(name)
        return changed

    def _study(
        self,
        derived: Sequence[Derived],
        kept: Kept,
        others: Sequence[str],
        changed: Sequence[str],
    ) -> Content:
        """Return the config of the study."""
        made = {
            each.given.name: each.content
            for each in derived
            if each.given.name not in kept.models or each.given.name in changed
        }
        configurations = {**kept.models, **made}
        beside = [m for m in dict.fromkeys([*kept.others, *others]) if m not in configurations]
        return {
            **self.content,
            "name": f"{self.plan.study.name}: configurations",
            "models": {**self.models, **configurations},
            "presets": {**self.presets, PRESET: list(configurations)},
            "grid": grid_of(
                self.content["grid"], self.models, self.presets, beside, configurations
            ),
            "results": str(self.folder),
        }

    def _checked(
        self, content: Content, derived: Sequence[Derived], kept: Kept, faults: Faults
    ) -> Checked | None:
        """Check the study as a config file is; note each problem where it was given."""
        problems = Problems()
        checked = check(content, True, problems)
        by_name = {each.given.name: each for each in derived}
        for problem in problems:
            part, name = (*map(str, problem.place[:2]), "", "")[:2]
            where = dotted(problem.place, content)
            if part == "models" and name in by_name:
                by_name[name].note(problem, faults)
            elif part == "presets" and name in by_name:
                continue  # a name that is refused already
            elif part == "models" and name in kept.models:
                hint = "give it anew with --replace, or delete it there"
                faults.add(str(self.file), where, problem.message, problem.value, hint)
            else:
                of = f"{self.base} with these configurations"
                faults.add(of, where, problem.message, problem.value, problem.hint)
        return checked


def _is_sound(model: Any) -> bool:
    try:
        ModelConfig.model_validate(model or {})
    except ValidationError:
        return False
    return True
