"""The keys of a configuration: where in a model of the config each of them stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from studygrid.config_errors import model_in, nearest
from studygrid.families.base import Architecture, Family
from studygrid.study import AXES, Section, Study, Training

Place = tuple[str, ...]
BASE, TRAINER = "model", "trainer"
# Other words for keys, as the guides of the projects that this one replaces have them.
ALIASES: dict[str, Place] = {
    "lr": ("training", "learning_rate"),
    "max_epochs": ("training", "epochs"),
    "hidden_dim": ("options", "hidden"),
    "latent_dim": ("options", "latent"),
    "dropout_p": ("options", "dropout"),
}
_ASIDE = {
    "grid": "--resolutions, --sizes and --seeds keep a part of the grid",
    "resolution": "--resolutions keeps some of the grid's",
    "n_train": "--sizes keeps some of the grid's",
    "seed": "--seeds keeps some of the grid's",
    "models": "each --config makes one",
    "presets": "--preset runs one of the config's",
    "results": "--results DIR names the folder",
}


class NoKeyError(Exception):
    """A word is no key of a configuration: what is wrong with it, and the way out."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Keys:
    """The keys of models of one architecture; of none, where that is not known."""

    sections: Mapping[str, type[Section]]
    has_options: bool

    @classmethod
    def of(cls, family: Family, architecture: Architecture | None) -> Keys:
        """Return the keys of a family's models of an architecture."""
        sections: dict[str, type[Section]] = {
            "training": Training,
            "loss": family.loss,
            "augmentation": family.augmentation,
        }
        if architecture is not None:
            sections = {"options": architecture.options, **sections}
        return cls(sections, architecture is not None)

    def place(self, word: str) -> Place | None:
        """Return the place of a key below the model, or None if only its options could have it.

        Raises
        ------
        NoKeyError
            If no such key is a model's, or several are.
        """
        parts = tuple(word.split("."))
        if not all(parts):
            raise NoKeyError("should be names with a dot between them")
        if parts[0] in ("options", *self.sections):
            return self._dotted(parts)
        holders = [name for name, kind in self.sections.items() if parts[0] in kind.model_fields]
        if len(holders) > 1:
            choices = " or ".join(f"{name}.{word}" for name in holders)
            raise NoKeyError("is a key of several sections", f"write {choices}")
        if holders:
            return (holders[0], *parts)
        if word in ALIASES:
            return self._alias(word)
        if word == "architecture":
            raise NoKeyError(f"is what {BASE}= names", f"write {BASE}=NAME of a model or of that")
        if parts[0] in {*_ASIDE, *Study.model_fields, *AXES}:
            raise NoKeyError(*_of_the_study(parts[0]))
        if not self.has_options:
            return None
        raise NoKeyError("no such key", self._nearest(word))

    def _dotted(self, parts: Place) -> Place | None:
        if len(parts) == 1:
            raise NoKeyError("is a whole section", f"write {parts[0]}.KEY=value")
        return None if parts[0] == "options" and not self.has_options else parts

    def _alias(self, word: str) -> Place | None:
        section, key = ALIASES[word]
        kind = self.sections.get(section)
        if kind is None:
            return None
        if key not in kind.model_fields:
            message = f"means {section}.{key}, which this model does not have"
            raise NoKeyError(message, nearest(key, kind.model_fields))
        return ALIASES[word]

    def _nearest(self, word: str) -> str | None:
        """Return the hint that names the nearest key, whichever way it may be written."""
        leaves = [(name, *place) for name, kind in self.sections.items() for place in _leaves(kind)]
        same = [".".join(place) for place in leaves if place[-1] == word]
        if same:
            return f"did you mean {' or '.join(same)}?"
        known = [*ALIASES, BASE, TRAINER, *(place[-1] for place in leaves if len(place) == 2)]
        close = nearest(word, [*known, *map(".".join, leaves)])
        if close is not None:
            return close
        options = self.sections["options"].model_fields
        listed = ", ".join([f"options.{name}" for name in options] or ["none"])
        return f"a key of training, loss or augmentation, or of the model's own options: {listed}"


def _leaves(kind: type[Section]) -> Iterator[Place]:
    for name, found in kind.model_fields.items():
        below = model_in(found.annotation)
        if below is not None and issubclass(below, Section):
            yield from ((name, *place) for place in _leaves(below))
        else:
            yield (name,)


def _of_the_study(word: str) -> tuple[str, str]:
    message = "is not a model's to say, and a configuration is a model"
    return message, _ASIDE.get(word, "it is the same for all; change it in the config")
