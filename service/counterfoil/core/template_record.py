"""How templates stand in the record: in the trail of the decision whose approval gave them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, cast

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import JsonObject, JsonValue
from counterfoil.core.template import Template, holes_json, read_holes

GIVEN, USED, ENDED = "template_given", "template_used", "template_ended"


class TemplateEvent(Protocol):
    """An event read back (`ports.StoredEvent`)."""

    @property
    def kind(self) -> str:
        """Which event."""

    @property
    def plain(self) -> JsonObject:
        """Codes, ids and times."""

    @property
    def payload(self) -> Mapping[str, bytes]:
        """What was said, opened."""


def given_json(template: Template) -> bytes:
    """The payload of `template_given`, which `follow` reads back."""
    return canonical_bytes(
        {
            "holes": holes_json(template.holes),
            "person": None if template.person is None else list(template.person),
            "groups": list(template.groups),
        }
    )


def follow(template: Template | None, event: TemplateEvent) -> Template | None:
    """The template one event later; an event of another one changes nothing."""
    if event.kind == GIVEN and template is None:
        return _given(event)
    if template is None or event.plain.get("template") != template.id:
        return template
    if event.kind == USED:
        return template.with_use()
    return replace(template, ended=True) if event.kind == ENDED else template


def _given(event: TemplateEvent) -> Template:
    """Of an erased person it holds nothing, and answers for nobody."""
    data = event.payload.get("template")
    said: Mapping[str, JsonValue] = {} if data is None else json.loads(data)
    person = cast("Sequence[str] | None", said.get("person"))
    return Template(
        id=cast("str", event.plain["template"]),
        holes=read_holes(said.get("holes", [])),
        uses=cast("int", event.plain["uses"]),
        until=cast("int", event.plain["until"]),
        person=None if person is None else (person[0], person[1]),
        groups=tuple(cast("Sequence[str]", said.get("groups", ()))),
    )
