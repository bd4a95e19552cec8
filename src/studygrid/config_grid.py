"""The grid of a config: names and presets resolved to models, sizes checked, runs expanded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from studygrid.config_errors import ABSENT, Problems, nearest
from studygrid.config_places import Place
from studygrid.families.base import Dataset
from studygrid.grid import Run, expand
from studygrid.section import Section, read_number
from studygrid.study import Grid


def check_grid(raw: Mapping[str, Any], problems: Problems) -> list[Run]:
    """Return the runs, none if something is wrong with the grid or a preset."""
    models, section = raw.get("models"), raw.get("grid")
    if not isinstance(models, Mapping):
        return []
    resolver = _Names(models, raw.get("presets"), problems)
    if not isinstance(section, Mapping):
        return []
    chosen = resolver.axis(section.get("model") or "all", ("grid", "model"))
    changed = {
        part: [resolver.entry(entry, ("grid", part, at)) for at, entry in _entries(section, part)]
        for part in ("exclude", "include")
    }
    try:
        grid = Grid.model_validate({**section, **changed})
    except ValidationError:
        return []  # noted with the study
    if not resolver.sound:
        return []
    runs, errors = expand(grid, chosen)
    for error in errors:
        value = ABSENT if error.value is None else error.value
        problems.add(("grid", *error.place), str(error), value)
    return runs


def _entries(section: Mapping[str, Any], part: str) -> Iterator[tuple[int, Any]]:
    entries = section.get(part)
    return enumerate(entries) if isinstance(entries, list) else iter(())


class _Names:
    """Models and presets by name; what is no list of names is noted with the study."""

    def __init__(self, models: Mapping[str, Any], presets: Any, problems: Problems) -> None:
        self._models, self._problems, self.sound = models, problems, True
        given = presets if isinstance(presets, Mapping) else {}
        self._presets = {preset: list(_names(members)) for preset, members in given.items()}
        for preset in self._presets:
            self._check_preset(preset)

    def _check_preset(self, preset: str) -> None:
        place: Place = ("presets", preset)
        if preset == "all":
            self._note(place, "the word all means every model; give another name")
        elif preset in self._models:
            self._note(place, "a model has this name; give another")
        for position, member in self._presets[preset]:
            if member not in self._models:
                hint = nearest(member, self._models)
                self._note((*place, position), "no such model", member, hint)

    def axis(self, value: Any, place: Place) -> list[str]:
        """Return the models of the axis; none may come twice."""
        found: dict[str, str] = {}
        for position, name in _names(value):
            for model in self._resolve(name, (*place, position)):
                # That the same word stands twice is noted with the study.
                if found.setdefault(model, name) != name:
                    message = f"names {model} a second time; keep one"
                    self._note((*place, position), message, name)
                    break
        return list(found)

    def entry(self, entry: Any, place: Place) -> Any:
        """Return an entry of `exclude` or `include` with the models that it names."""
        if not isinstance(entry, Mapping) or entry.get("model") is None:
            return entry
        found = [
            model
            for position, name in _names(entry["model"])
            for model in self._resolve(name, (*place, "model", position))
        ]
        return {**entry, "model": list(dict.fromkeys(found))}

    def _resolve(self, name: str, place: Place) -> list[str]:
        if name == "all":
            return list(self._models)
        if name in self._models:
            return [name]
        if name not in self._presets:
            hint = nearest(name, ["all", *self._models, *self._presets])
            self._note(place, "no such model or preset", name, hint)
        return [member for _, member in self._presets.get(name, [])]

    def _note(
        self, place: Place, message: str, value: Any = ABSENT, hint: str | None = None
    ) -> None:
        self._problems.add(place, message, value, hint)
        self.sound = False


def _names(value: Any) -> Iterator[tuple[int, str]]:
    for position, name in enumerate(value if isinstance(value, list) else [value]):
        if isinstance(name, str):
            yield position, name


def check_sizes(
    raw: Mapping[str, Any], dataset: Dataset, options: Section, problems: Problems
) -> None:
    """Note sizes larger than the training split, or equal to it beside `all`."""
    available = dataset.train_size(options)
    if available is None or not isinstance(raw.get("grid"), Mapping):
        return
    sizes = list(_values(raw["grid"], "n_train"))
    for place, value in sizes:
        if not isinstance(value, int) or isinstance(value, bool) or value < available:
            continue
        message = f"the training split of {dataset.name} has {available} samples"
        if value > available:
            problems.add(place, message, value, "write a smaller number, or all")
        elif "all" in (other for _, other in sizes):
            problems.add(place, f"{message}, which is what all means; keep one", value)


def check_largest(
    raw: Mapping[str, Any], dataset: Dataset, options: Section, problems: Problems
) -> None:
    """Note resolutions that the dataset cannot be prepared at."""
    largest = dataset.largest(options)
    if largest is None or not isinstance(raw.get("grid"), Mapping):
        return
    most, why = largest
    for place, value in _values(raw["grid"], "resolution"):
        if isinstance(value, int) and not isinstance(value, bool) and value > most:
            message = f"is above what {dataset.name} has, {most} by {why}"
            problems.add(place, message, value, "write a smaller number, or change that")


def _values(grid: Mapping[str, Any], axis: str) -> Iterator[tuple[Place, Any]]:
    sections: list[tuple[Place, Any]] = [(("grid",), grid)]
    sections += [(("grid", "include", at), entry) for at, entry in _entries(grid, "include")]
    for place, section in sections:
        if isinstance(section, Mapping):
            values = read_number(section.get(axis))
            listed = values if isinstance(values, list) else [values]
            yield from (((*place, axis, at), value) for at, value in enumerate(listed))
