"""What is wrong with settings: one line each, with the dotted path and a remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError

from counterfoil.config_source import Place, Settings, dotted, suggestion
from counterfoil.errors import ConfigError
from counterfoil.resources import packaged

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHOWN_CHARS = 60
_SECRET: tuple[Place, ...] = (("ledger", "url"), ("ledger", "password"))  # never repeated

# Asked for by the design, not part of this release: said, never silently ignored.
_NOT_YET = (
    (("policy", "verification_key"), "Signed bundles are not in this release. Leave it out."),
)
_NOT_YET_VALUES = (
    (("policy", "opa"), r"https?:", 'OPA over the network is not in this release. Use "embedded".'),
    (
        ("policy", "bundle"),
        r"[a-z][a-z0-9+.-]+://",
        "Bundles from elsewhere are not in this release. Name a folder or file of this machine.",
    ),
)


def config_schema() -> dict[str, Any]:
    """Return `schemas/config.json`.

    Raises:
        ConfigError: the installation is incomplete.
    """
    path = packaged("schemas") / "config.json"
    try:
        schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read. Install the package again.") from error
    return schema


def findings_of(settings: Settings, schema: Mapping[str, Any]) -> list[str]:
    """Judge the shape of all settings; empty means that they may be built."""
    findings = [*_not_yet(settings)]
    skipped = {finding.split(":", 1)[0] for finding in findings}
    for error in Draft202012Validator(schema).iter_errors(settings):
        findings += [line for line in _lines(error) if line.split(":", 1)[0] not in skipped]
    findings += _control_characters(settings, ())
    return sorted(set(findings))


def schema_finding(schema: Any) -> str | None:
    """Tell why `schema` is not a JSON Schema of our dialect, or None."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"is not a JSON Schema: {error.message[:_SHOWN_CHARS]}"
    return None


def finding(place: Place, problem: str, remedy: str) -> str:
    """One line, always in the same form."""
    return f"{dotted(place) or 'configuration'}: {problem} {remedy}".rstrip()


def _lines(error: ValidationError) -> Iterator[str]:
    place: Place = tuple(error.absolute_path)
    schema: Any = error.schema
    instance: Any = error.instance
    remedy = schema.get("description", "")
    if error.validator == "additionalProperties":
        known = schema["properties"]
        for name in sorted(set(instance) - set(known)):
            near = suggestion(name, known)
            remedy = near.strip() or f"Known here: {', '.join(known)}."
            yield finding((*place, name), "there is no such setting.", remedy)
    elif error.validator == "required":
        for name in schema["required"]:
            if name not in instance:
                remedy = schema["properties"][name]["description"]
                yield finding((*place, name), "is required.", remedy)
    else:
        shown = "this" if place in _SECRET else _shown(instance)
        yield finding(place, f"{shown} is not accepted.", remedy)


def _not_yet(settings: Settings) -> Iterator[str]:
    for place, remedy in _NOT_YET:
        section = settings.get(place[0])
        if isinstance(section, dict) and place[1] in section:
            yield finding(place, "is set.", remedy)
    for place, form, remedy in _NOT_YET_VALUES:
        section = settings.get(place[0])
        value = section.get(place[1]) if isinstance(section, dict) else None
        if isinstance(value, str) and re.match(form, value):
            yield finding(place, "asks for something else.", remedy)


def _control_characters(value: Any, place: Place) -> Iterator[str]:
    # A pattern's `$` also matches before a final newline: no setting holds one at all.
    if isinstance(value, str) and _CONTROL.search(value):
        yield finding(place, "holds a control character.", "Write it without line ends or tabs.")
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from _control_characters(below, (*place, name))
    elif isinstance(value, list):
        for i, below in enumerate(value):
            yield from _control_characters(below, (*place, i))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
