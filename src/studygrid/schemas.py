"""JSON Schemas of the config and of the records: for editors, and for readers of other languages.

They are generated from the pydantic models, so that these stay the only home of each key.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from studygrid.config_models import PATH_NAME
from studygrid.families import BUILT_IN, load_family
from studygrid.families.base import Dataset, Family
from studygrid.figures import figures_of
from studygrid.records import RECORD_KINDS
from studygrid.section import SCIENTIFIC
from studygrid.study import Study

Schema = dict[str, Any]
FOLDER = Path("workflow/schemas")
COMMAND = "python scripts/write_schemas.py"

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NULL: Schema = {"type": "null"}
_NUMBER_AS_TEXT: Schema = {"type": "string", "pattern": f"^{SCIENTIFIC}$"}
# An architecture list longer than this depends on the version of the library that it is of.
_MOST_SUGGESTED = 50


class _RecordSchema(GenerateJsonSchema):
    """Without a title at each key, which would only repeat it."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class _ConfigSchema(_RecordSchema):
    """A number may be a text such as 1e-3: so do validators of YAML 1.1 see it."""

    def int_schema(self, schema: Any) -> Schema:
        return {"anyOf": [super().int_schema(schema), _NUMBER_AS_TEXT]}

    def float_schema(self, schema: Any) -> Schema:
        return {"anyOf": [super().float_schema(schema), _NUMBER_AS_TEXT]}


def all_schemas() -> dict[str, Schema]:
    """Return every schema by its file name."""
    families = {name: config_schema(load_family(name)) for name in BUILT_IN}
    records = {f"{kind.model_fields['kind'].default}_record": kind for kind in RECORD_KINDS}
    schemas = families | {name: record_schema(kind) for name, kind in records.items()}
    return {f"{name}.schema.json": schema for name, schema in schemas.items()}


def record_schema(kind: type[BaseModel]) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a kind of record, as it is written."""
    schema = kind.model_json_schema(mode="serialization", schema_generator=_RecordSchema)
    return {"$schema": _DIALECT, **schema}


def config_schema(family: Family) -> Schema:
    """Return the JSON Schema (draft 2020-12) of the config of a family's studies."""
    schema = Study.model_json_schema(schema_generator=_ConfigSchema)
    parts: dict[str, Schema] = schema["$defs"]
    metrics = {"enum": list(family.metric_names)}
    loss, augmentation = _define(family.loss, parts), _define(family.augmentation, parts)
    _replace(schema, "family", {"const": family.name})
    datasets = [_dataset(one, parts) for one in family.datasets.values()]
    _replace(schema, "dataset", {"oneOf": datasets})
    schema["properties"]["models"]["propertyNames"] = {"pattern": f"^{PATH_NAME}$"}
    _replace(parts["Training"], "monitor", metrics)
    _replace(parts["Report"], "metric", {"anyOf": [metrics, _NULL]})
    names = {"type": "array", "items": {"enum": list(figures_of(family))}, "minItems": 1}
    _replace(parts["Report"], "figures", {"anyOf": [names, _NULL]})
    bounded = [metric.name for metric in family.metrics if metric.bounds is not None]
    parts["Ranking"]["properties"]["weights"]["propertyNames"] = {"enum": bounded}
    _replace(parts["ModelConfig"], "training", _reference("Training"))
    for part in (schema, parts["ModelConfig"]):
        _replace(part, "loss", loss)
        _replace(part, "augmentation", augmentation)
    _replace_architectures(parts["ModelConfig"], family, parts)
    for part in (schema, *parts.values()):
        _allow_empty(part, parts)
    short: Schema = _shortened(schema)
    short["$defs"]["NumberAsText"] = _NUMBER_AS_TEXT
    return {"$schema": _DIALECT, **short, "title": f"A study of the family {family.name}"}


def _shortened(schema: Any) -> Any:
    """Return a schema that says once what a number as text is, and has no choice in a choice."""
    if schema == _NUMBER_AS_TEXT:
        return _reference("NumberAsText")
    if isinstance(schema, list):
        return [_shortened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    short = {key: _shortened(value) for key, value in schema.items()}
    if "anyOf" in short:
        choices = [
            choice["anyOf"] if [*choice] == ["anyOf"] else [choice] for choice in short["anyOf"]
        ]
        short["anyOf"] = list(chain.from_iterable(choices))
    return short


def _replace(schema: Schema, key: str, value: Schema) -> None:
    """Set what a key may hold; its description and a default that is no section stay."""
    before = schema["properties"][key]
    kept = {name: before[name] for name in ("description", "default") if before.get(name)}
    schema["properties"][key] = {**value, **kept}


def _define(model: type[BaseModel], parts: dict[str, Schema]) -> Schema:
    """Add the schema of a section; return the reference to it."""
    schema = model.model_json_schema(schema_generator=_ConfigSchema)
    parts.update(schema.pop("$defs", {}))
    parts[model.__name__] = schema
    return _reference(model.__name__)


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _dataset(dataset: Dataset, parts: dict[str, Schema]) -> Schema:
    schema = dataset.options.model_json_schema(schema_generator=_ConfigSchema)
    parts.update(schema.pop("$defs", {}))
    return {
        **schema,
        "title": dataset.name,
        "properties": {"name": {"const": dataset.name}, **schema["properties"]},
        "required": ["name", *schema.get("required", [])],
    }


def _replace_architectures(schema: Schema, family: Family, parts: dict[str, Schema]) -> None:
    """Suggest the architectures that are always there; any other name is valid as well."""
    by_code = defaultdict(list)
    options: dict[type[BaseModel], None] = {}
    for name in family.architecture_names():
        architecture = family.find_architecture(name)
        assert architecture is not None
        by_code[architecture.build].append(name)
        options[architecture.options] = None
    suggested = [
        name for names in by_code.values() if len(names) <= _MOST_SUGGESTED for name in names
    ]
    names = {"anyOf": [{"enum": suggested}, {"type": "string"}, _NULL]}
    _replace(schema, "architecture", names)
    _replace(schema, "options", {"anyOf": [_define(model, parts) for model in options]})


def _allow_empty(schema: Schema, parts: Mapping[str, Schema]) -> None:
    """Let a section or a list have nothing below its key, which YAML reads as null."""
    for name, content in schema.get("properties", {}).items():
        if name not in schema.get("required", ()) and _is_part(content, parts):
            said = {key: content.pop(key) for key in ("description", "default") if key in content}
            if isinstance(said.get("default"), dict):
                del said["default"]  # each key below has its own
            schema["properties"][name] = {"anyOf": [content, _NULL], **said}


def _is_part(schema: Schema, parts: Mapping[str, Schema]) -> bool:
    if "$ref" in schema:
        return _is_part(parts[schema["$ref"].rpartition("/")[2]], parts)
    choices = schema.get("anyOf", schema.get("oneOf", []))
    if choices:
        return _NULL not in choices and any(_is_part(choice, parts) for choice in choices)
    return schema.get("type") in ("object", "array")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Write the JSON Schemas.", allow_abbrev=False)
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"default: {FOLDER}")
    parser.add_argument("--check", action="store_true", help="only compare with what is there")
    options = parser.parse_args(argv)
    if not options.check:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, text in _texts().items():
            (options.folder / name).write_text(text, "utf-8")
        return 0
    changes = drift(options.folder)
    if changes:
        print(f"{changes}\n\nThe schemas are out of date; run: {COMMAND}", file=sys.stderr)
    return 1 if changes else 0


def drift(folder: Path) -> str:
    """Return the differences between the schema files of a folder and what they should be."""
    texts = _texts()
    there = {path.name: path.read_text("utf-8") for path in folder.glob("*.schema.json")}
    return "\n".join(
        line
        for name in sorted(texts.keys() | there.keys())
        for line in difflib.unified_diff(
            there.get(name, "").splitlines(),
            texts.get(name, "").splitlines(),
            f"{name} as it is",
            f"{name} as it should be",
            lineterm="",
        )
    )


def _texts() -> dict[str, str]:
    return {
        name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in all_schemas().items()
    }


if __name__ == "__main__":
    sys.exit(main())
