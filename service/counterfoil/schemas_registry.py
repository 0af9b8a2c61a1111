"""The published schemas, compiled: `validator(name)` accepts or raises `SchemaViolation`.

`jsonschema-rs` judges (0.6 µs for a usual request, 200 µs with `jsonschema`); `jsonschema`
is the reference, and a differential test holds the two to the same verdicts and places
(docs/adr/0005-json-schema-validator.md). Nothing is ever fetched: a `$ref` outside the
folder stops the start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import jsonschema_rs

from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.errors import ConfigError, SchemaViolation
from counterfoil.schema_findings import findings_of

Validate = Callable[[JsonObject], None]

# Listing every finding of a hostile 256 KiB document took 1.5 s; the first one takes 8 ms
# whatever the size. So only documents of a usual size get the whole list.
_MAX_LISTED_NODES = 256


@dataclass(frozen=True, slots=True)
class SchemaRegistry:
    """All schemas of one folder by file name without ending, and their compiled registry."""

    schemas: dict[str, dict[str, Any]]
    registry: jsonschema_rs.Registry

    @classmethod
    def load(cls, directory: Path) -> SchemaRegistry:
        """Read `schemas/*.json`.

        Raises:
            ConfigError: a file is missing, not JSON, or without `$id`.
        """
        try:
            schemas = {
                path.stem: json.loads(path.read_text("utf-8"))
                for path in sorted(directory.glob("*.json"))
            }
            resources = [(schema["$id"], schema) for schema in schemas.values()]
            return cls(schemas, jsonschema_rs.Registry(resources))
        except (OSError, ValueError, KeyError, TypeError, jsonschema_rs.ReferencingError) as error:
            raise ConfigError(f"the schemas in {directory} cannot be read: {error!r}") from error

    def compiled(self, name: str) -> jsonschema_rs.Validator:
        """Return the compiled schema of that name; its verdict is the reference's.

        Raises:
            ConfigError: no such schema, or one that does not compile.
        """
        try:
            return jsonschema_rs.Draft202012Validator(
                self.schemas[name], registry=self.registry, validate_formats=True, offline=True
            )
        except (KeyError, ValueError, jsonschema_rs.ReferencingError) as error:
            raise ConfigError(f"schema {name} cannot be compiled: {error!r}") from error

    def validator(self, name: str) -> Validate:
        """Return a function that accepts valid values and raises `SchemaViolation` else."""
        compiled = self.compiled(name)
        is_valid = compiled.is_valid

        def validate(value: JsonObject) -> None:
            if not is_valid(value):
                raise violation(compiled, value)

        return validate


def arguments_check(schema: JsonObject) -> Callable[[JsonObject], str | None]:
    """Compile a tool's closed argument schema: None for valid arguments, else what is wrong.

    Raises:
        ConfigError: the schema does not compile.
    """
    try:
        compiled = jsonschema_rs.Draft202012Validator(
            cast("dict[str, Any]", schema), validate_formats=True, offline=True
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise ConfigError(f"an argument schema cannot be compiled: {error!r}") from error

    def check(arguments: JsonObject) -> str | None:
        if compiled.is_valid(arguments):
            return None
        first = findings_of(_errors(compiled, arguments))[0]
        return f"{first.pointer} {first.detail}"

    return check


def violation(compiled: jsonschema_rs.Validator, value: JsonValue) -> SchemaViolation:
    """Explain a refusal in bounded time; quotes no value of the document."""
    findings = findings_of(_errors(compiled, value))
    first = findings[0]
    return SchemaViolation(first.detail, pointer=first.pointer, findings=findings)


def _errors(
    compiled: jsonschema_rs.Validator, value: JsonValue
) -> Iterator[jsonschema_rs.ValidationError]:
    if _is_small(value):
        yield from compiled.iter_errors(value)
        return
    try:
        compiled.validate(value)
    except jsonschema_rs.ValidationError as error:
        yield error


def _is_small(value: JsonValue) -> bool:
    pending: list[JsonValue] = [value]
    count = 0
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            count += len(item)
            pending.extend(cast("dict[str, JsonValue]", item).values())
        elif isinstance(item, list):
            count += len(item)
            pending.extend(cast("list[JsonValue]", item))
        if count > _MAX_LISTED_NODES:
            return False
    return True
