"""Config options of the user's own scans."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, field_validator, model_validator

from studygrid.families.ptychography.data.options import GroupOptions

Path = Annotated[str, Field(min_length=1)]
Paths = Path | list[Path]


class ScanFilesOptions(GroupOptions):
    """Scans in .npz files: of some objects for training, of others for the test."""

    train: Paths = Field(..., description="The .npz file to train on, or a list of them.")
    test: Paths = Field(
        ..., description="The .npz file of an object that is not trained on, or a list of them."
    )
    validation: Paths | None = Field(
        None,
        description="An .npz file, or a list of them, of the validation split; null: a strip at "
        "the end of each training scan.",
    )
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1,
        description="Share of each training scan's patterns in its validation strip; without "
        "meaning where `validation` is given.",
    )
    photons: PositiveFloat = Field(
        1e6,
        description="Mean counts of a pattern, which normalised amplitudes do not tell: the "
        "noise that the Poisson loss expects follows from it.",
    )

    @field_validator("train", "test", "validation")
    @classmethod
    def _some(cls, paths: Paths | None) -> Paths | None:
        if paths == []:
            raise ValueError("the list is empty; name a file")
        return paths

    @model_validator(mode="after")
    def _each_file_has_one_part(self) -> ScanFilesOptions:
        named = [path for paths in self.paths_by_split.values() for path in paths]
        twice = sorted({path for path in named if named.count(path) > 1})
        if twice:
            raise ValueError(
                f"{twice[0]!r} is named twice among `train`, `validation` and `test`; the test "
                "object is one that is not trained on"
            )
        return self

    @property
    def paths_by_split(self) -> dict[str, list[str]]:
        """Return the files of each split, in the order of the config."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {
            split: [paths] if isinstance(paths, str) else list(paths)
            for split, paths in named.items()
            if paths is not None
        }
