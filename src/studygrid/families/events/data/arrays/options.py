"""Config options of the user's own files of events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from studygrid.families.events.data.options import EventOptions
from studygrid.section import Section

Name = Annotated[str, Field(min_length=1)]
Paths = Name | Annotated[list[Name], Field(min_length=1)]
Column = Literal[
    "pt", "log_pt", "eta", "phi", "delta_eta", "delta_phi", "class", "pdg_id", "ignored"
]

_MOMENTUM = ("pt", "log_pt")
_KINDS = ("class", "pdg_id")
_ANGLES = (("eta", "phi"), ("delta_eta", "delta_phi"))


class ArrayNames(Section):
    """Names of the arrays in the files; in HDF5 a path, such as ``events/tokens``."""

    tokens: Name = Field("tokens", description="Of the tokens, (events, tokens, columns).")
    mask: Name = Field(
        "mask", description="Of which tokens are there, (events, tokens), 1 or true where one is."
    )
    globals: Name | Annotated[list[Name], Field(min_length=1)] | None = Field(
        "globals",
        description="Of the globals, (events, globals), or a list of arrays (events,), one a "
        "global, which it is named by; null: none, see `globals_from_tokens`.",
    )
    labels: Name = Field(
        "labels",
        description="Of the labels, (events,): 0 is background, 1 the first signal, and so on.",
    )
    classes: Name | None = Field(
        None,
        description="Of the particles' classes, (events, tokens), where no token column has them.",
    )
    axis: Name | None = Field(
        None,
        description="Of eta and phi of the leading jet, (events, 2), which are taken from columns "
        "`eta` and `phi`; null: those of the token with the most transverse momentum are.",
    )
    split: Name | None = Field(
        None,
        description="Of each event's split, (events,): train, validation, test or reference, or 0 "
        "to 3 in that order; null: split here.",
    )


class TokenArraysOptions(EventOptions):
    """Your own events, in .npz or HDF5 files."""

    file: Paths | None = Field(
        None,
        description="The file of background and signals, told apart by their labels, or a list of "
        "files.",
    )
    background: Paths | None = Field(
        None, description="In place of `file`: the file of background events, or a list of files."
    )
    signals: dict[Name, Paths] = Field(
        {}, description="With `background`: the name of each signal and its file or files."
    )
    signal_names: list[Name] | None = Field(
        None,
        description="With `file`: name of the signal of label 1, 2 and so on; null: `signal`, or "
        "`signal_1`, `signal_2` and so on.",
    )
    arrays: ArrayNames = Field(
        ArrayNames.model_validate({}), description="Names of the arrays in the files."
    )
    token_columns: list[Column] = Field(
        ["log_pt", "delta_eta", "delta_phi", "class"],
        description="What the columns of the tokens are, in their order. `log_pt` is the natural "
        "logarithm, `delta_eta` and `delta_phi` are from the leading jet, angles are in rad; "
        "`ignored` is passed over.",
    )
    pt_unit: Literal["GeV", "MeV"] = Field("GeV", description="Unit of `pt` or `log_pt`.")
    classes: dict[Name, int | list[int]] = Field(
        {"charged_hadron": 1, "neutral_hadron": 2, "photon": 3, "electron": 4, "muon": 5},
        description="Name of each class and the number, or numbers, that stand for it in the "
        "files. Not for `pdg_id`, whose numbers are the Particle Data Group's.",
    )
    mask_from_zeros: bool = Field(
        False,
        description="Whether a token whose columns are all 0 is none. Only for files without mask.",
    )
    global_names: list[Name] | None = Field(
        None,
        description="Names of the columns of the globals; null: `global_0`, `global_1` and so on.",
    )
    global_units: dict[Name, str] = Field({}, description="Unit of each global that has one.")
    globals_from_tokens: bool = Field(
        False,
        description="Whether the number of tokens (`particles`) and the sum of their transverse "
        "momenta (`ht`) are globals too.",
    )

    @model_validator(mode="after")
    def _files_have_one_form(self) -> TokenArraysOptions:
        if (self.file is None) == (self.background is None):
            raise ValueError("name either `file`, or `background` (and `signals`)")
        if self.file is not None and self.signals:
            raise ValueError(
                "`signals` names files beside `background`; with `file`, use `signal_names`"
            )
        if self.background is not None and self.signal_names is not None:
            raise ValueError("`signal_names` is for `file`; `signals` has the names of its files")
        names = [*self.signals, *(self.signal_names or [])]
        if "background" in names:
            raise ValueError("no signal may be called background")
        _refuse_repeated("signal_names", names)
        return self

    @model_validator(mode="after")
    def _columns_make_a_token(self) -> TokenArraysOptions:
        columns = self.token_columns
        _refuse_repeated("token_columns", [name for name in columns if name != "ignored"])
        if sum(name in columns for name in _MOMENTUM) != 1:
            raise ValueError("`token_columns` should name one of pt and log_pt")
        angles: set[str] = {name for name in columns if any(name in pair for pair in _ANGLES)}
        if angles not in [set(pair) for pair in _ANGLES]:
            raise ValueError("`token_columns` should name eta and phi, or delta_eta and delta_phi")
        if sum(name in columns for name in _KINDS) + (self.arrays.classes is not None) > 1:
            raise ValueError(
                "`token_columns` and `arrays.classes` should name the classes once: class, pdg_id "
                "or the array"
            )
        if self.arrays.axis is not None and "eta" not in columns:
            raise ValueError("`arrays.axis` is for columns eta and phi; leave it out")
        return self

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> TokenArraysOptions:
        numbers = [
            number
            for given in self.classes.values()
            for number in ([given] if isinstance(given, int) else given)
        ]
        if not self.classes or "padding" in self.classes or len(self.classes) > 255:
            raise ValueError("`classes` should name 1 to 255 classes, none of them `padding`")
        _refuse_repeated("classes", numbers)
        if isinstance(self.arrays.globals, list):
            _refuse_repeated("arrays.globals", self.arrays.globals)
            if self.global_names is not None:
                raise ValueError("`global_names` is for one array of globals; a list has its names")
        _refuse_repeated("global_names", self.global_names or [])
        return self

    @property
    def paths(self) -> dict[str, list[str]]:
        """Return the files by the config key that names them, in order."""
        if self.file is not None:
            return {"file": _listed(self.file)}
        named = {"background": _listed(self.background or [])}
        return named | {f"signals.{name}": _listed(given) for name, given in self.signals.items()}


def _listed(paths: str | list[str]) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)


def _refuse_repeated(key: str, values: Sequence[str | int]) -> None:
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"`{key}` names {twice[0]!r} twice")
