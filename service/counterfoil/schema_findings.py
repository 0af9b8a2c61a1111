"""A validator's errors as findings for people: JSON Pointer, keyword, one sentence.

The sentences are ours and quote no value: a value may be a secret or a token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final
from urllib.parse import quote

import jsonschema_rs

from counterfoil.errors import Finding

MAX_FINDINGS = 20
_MAX_NAME = 48  # an unknown member's name is quoted; a token pasted as one is cut short
_URI_FRAGMENT_SAFE = "/~!$&'()*+,;=:@?"  # RFC 3986 §3.5

_KIND = jsonschema_rs.ValidationErrorKind
_SUBJECT_DETAIL = "unknown member: who asks comes from the bearer token alone, never from the body"
_SENTENCES: Final = {
    "type": "must be of type {0}",
    "enum": "must be one of the listed values",
    "const": "must be the one listed value",
    "minLength": "must have at least {0} characters",
    "maxLength": "must have at most {0} characters",
    "pattern": "must match the published pattern",
    "format": "must have the format {0}",
    "minItems": "must have at least {0} items",
    "maxItems": "must have at most {0} items",
    "uniqueItems": "must not hold an item twice",
    "minProperties": "must have at least {0} members",
    "maxProperties": "must have at most {0} members",
    "minimum": "must be at least {0}",
    "maximum": "must be at most {0}",
    "propertyNames": "a member's name is too short, too long or not allowed",
}


def findings_of(errors: Iterable[jsonschema_rs.ValidationError]) -> tuple[Finding, ...]:
    """Return at most `MAX_FINDINGS` distinct findings in document order, at least one."""
    found = dict.fromkeys(finding for error in errors for finding in _findings(error))
    return tuple(islice(found, MAX_FINDINGS)) or (Finding("#", "schema", "not of this shape"),)


def _findings(error: jsonschema_rs.ValidationError) -> Iterator[Finding]:
    kind, path = error.kind, error.instance_path
    if isinstance(kind, _KIND.Required):
        yield Finding(pointer_of([*path, kind.property]), "required", "is missing")
    elif isinstance(kind, _KIND.UnevaluatedProperties | _KIND.AdditionalProperties):
        for name in islice(kind.unexpected, MAX_FINDINGS):
            detail = _SUBJECT_DETAIL if name == "subject" else "unknown member"
            yield Finding(pointer_of([*path, name]), "unknown_member", detail)
    else:
        sentence = _SENTENCES.get(kind.name, "is not of the published shape")
        yield Finding(pointer_of(path), _snake(kind.name), sentence.format(_shown(kind)))


def _shown(kind: jsonschema_rs.ValidationErrorKind) -> str:
    """The schema's own number or name that was missed; never the document's value."""
    if isinstance(kind, _KIND.Type):
        return " or ".join(kind.types)
    if isinstance(kind, _KIND.Format):
        return kind.format
    return str(getattr(kind, "limit", ""))


def pointer_of(path: Iterable[str | int]) -> str:
    """Return a JSON Pointer in its URI fragment form (RFC 6901 §6), long names cut."""
    parts = (str(part)[:_MAX_NAME].replace("~", "~0").replace("/", "~1") for part in path)
    return "#" + "".join("/" + quote(part, safe=_URI_FRAGMENT_SAFE) for part in parts)


def _snake(keyword: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", keyword).lower()
