"""The config of a report: its YAML, with the overrides of the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from studygrid.config_errors import model_in
from studygrid.section import Section
from studygrid.study import Inference

# Keys below which the user's own stand; and keys that are for the YAML alone.
_OPEN = {"inputs.select": "COLUMN", "thresholds": "NAME"}
_NOT_GIVEN = ("defaults", "report")


def _listed(value: Any) -> Any:
    """Return one value that stands alone as a list of it."""
    return [value] if isinstance(value, str | bool | int | float) else value


Texts = Annotated[list[str], BeforeValidator(_listed)]
Values = Annotated[list[str | bool | int | float | None], BeforeValidator(_listed)]


class Inputs(Section):
    """Which runs a report is of."""

    sweep_dir: str | None = Field(
        None, description="Folder of a sweep, or of a study's results, that holds the runs; a glob."
    )
    run_dirs: Texts = Field([], description="Folders of single runs, or globs of them.")
    select: dict[str, Values] | None = Field(
        None, description="Columns of the runs and the values to keep; several columns mean AND."
    )


class Outputs(Section):
    """What a report shows."""

    which_figures: list[str] | None = Field(
        None,
        description="The figures to draw, in this order; all when left out. A phase of which none "
        "is named draws all of its own.",
    )


class ReportInference(Inference):
    """How the kept weights of the runs are scored once more, without training."""

    enabled: bool = Field(False, description="Whether the runs are scored again.")


class Environment(Section):
    """Where a report is written."""

    output_root: str = Field(
        "outputs", description="Folder in which `reports/report_<time>_<name>` is made."
    )


class ReportConfig(Section):
    """The config of a report."""

    # Hydra's way to inherit the base config, which every report does here.
    defaults: list[Literal["config", "_self_"]] = Field([], description="Accepted and ignored.")
    report: str | None = Field(
        None,
        description="The report's Python file, as the YAML's folder sees it, or the name of a "
        "report; when left out, the Python file or the report of the YAML's own name.",
    )
    inputs: Inputs = Field(Inputs(), description=Inputs.__doc__)
    outputs: Outputs = Field(Outputs(), description=Outputs.__doc__)
    thresholds: dict[str, float | None] = Field(
        {}, description="Numbers that the report's figures and sections read, by name."
    )
    inference: ReportInference = Field(ReportInference(), description=ReportInference.__doc__)
    data: str | None = Field(
        None,
        description="Record of the prepared data (data.json) that inference scores, for runs "
        "that do not name theirs; it may not be other data than a run names.",
    )
    env: Environment = Field(Environment(), description=Environment.__doc__)


def key_words(model: type[BaseModel] = ReportConfig, above: str = "") -> list[tuple[str, str]]:
    """Return every key of a report's config, dotted, with what it says and its default."""
    return list(_key_words(model, above))


def _key_words(model: type[BaseModel], above: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        key, below = f"{above}{name}", model_in(field.annotation)
        if below is not None:
            yield from _key_words(below, f"{key}.")
        elif key in _OPEN:
            yield f"{key}.{_OPEN[key]}", field.description or ""
        elif key not in _NOT_GIVEN:
            default = json.dumps(field.default)
            yield key, f"{field.description} Default: {default}."
