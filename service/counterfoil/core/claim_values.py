"""What single claims may hold: names, times, lists. A wrong form refuses the whole token."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from counterfoil.core.canonical import is_finite_number
from counterfoil.core.model import JsonValue
from counterfoil.errors import GroupsOverage, MissingClaim, Rule

MAX_GROUPS = 200  # what Entra ID puts into a token before it goes over to a link
MAX_NAME_CHARS = 256  # OIDC Core §2 allows 255 for `sub`
MAX_AUDIENCES = 64
MAX_PATH_PARTS = 8
_KEYCLOAK_KIND = "kc-jkt-type"
LATEST_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z: what RFC 3339 can still write

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)  # 32 bytes, canonical
_PARTS = re.compile(r"(?:[^.\\]|\\.)+")


def claim_path(text: str) -> tuple[str, ...]:
    r"""Read a configured claim: `realm_access.roles` is nested, `\.` is a dot in a name.

    A name that is a URL (`https://example.com/groups`) is one name.

    Raises:
        ValueError: an empty part, a lone backslash, or too many parts.
    """
    if "://" in text:
        return (text,)
    parts = _PARTS.findall(text)
    if ".".join(parts) != text or not 1 <= len(parts) <= MAX_PATH_PARTS:
        raise ValueError("not a claim's name or path")
    return tuple(re.sub(r"\\(.)", r"\1", part) for part in parts)


def claim_at(claims: Mapping[str, JsonValue], path: Sequence[str]) -> JsonValue:
    """The claim at a path, None where there is none."""
    value: JsonValue = claims
    for part in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def name_of(value: JsonValue, what: str, rule: Rule) -> str:
    """A name as it stands.

    Raises:
        MissingClaim: no text, too long, or with control characters.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME_CHARS:
        raise MissingClaim(f"{what} is missing or malformed", rule=rule)
    if _CONTROL.search(value):
        raise MissingClaim(f"{what} holds control characters", rule=rule)
    return value


def time_of(value: JsonValue, what: str, rule: Rule = Rule.TIME) -> float:
    """Seconds since the epoch.

    Raises:
        MissingClaim: not a finite number of a year that can be written.
    """
    if not is_finite_number(value) or not 0 <= value <= LATEST_TIME:  # type: ignore[operator]
        raise MissingClaim(f"{what} is missing or not a time", rule=rule)
    return float(value)  # type: ignore[arg-type]


def audiences_of(value: JsonValue) -> Sequence[str]:
    """`aud`: a string or an array of strings (RFC 7519 §4.1.3).

    Raises:
        MissingClaim: anything else.
    """
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_AUDIENCES:
        raise MissingClaim("aud is missing or malformed", rule=Rule.AUDIENCE)
    names = [item for item in values if isinstance(item, str)]
    if len(names) != len(values):
        raise MissingClaim("aud is missing or malformed", rule=Rule.AUDIENCE)
    return names


def groups_of(value: JsonValue, separator: str | None) -> tuple[str, ...]:
    """A list of names, or one text: one name, or several with a configured separator.

    Raises:
        GroupsOverage: more than the cap. To cut the list could drop the one a deny rests on.
        MissingClaim: malformed.
    """
    if value is None:
        return ()
    values = _split(value, separator) if isinstance(value, str) else value
    if not isinstance(values, list):
        raise MissingClaim("the groups claim is malformed", rule=Rule.GROUPS)
    if len(values) > MAX_GROUPS:
        raise GroupsOverage(f"more than {MAX_GROUPS} groups")
    return tuple(
        dict.fromkeys(name_of(item, "a name in the groups claim", Rule.GROUPS) for item in values)
    )


def _split(text: str, separator: str | None) -> list[str]:
    if separator is None:
        return [text]
    if separator == " ":
        return text.split(" ") if text else []
    return [part.strip(" ") for part in text.split(separator)] if text else []


def thumbprint_of(value: JsonValue) -> str:
    """`cnf` that binds to a key by its RFC 7638 thumbprint (RFC 9449 §6.1), and nothing else.

    Keycloak says beside it what the thumbprint is for.

    Raises:
        MissingClaim: anything else: a binding that nobody checks would be none.
    """
    if not isinstance(value, Mapping) or value.keys() - {_KEYCLOAK_KIND} != {"jkt"}:
        raise MissingClaim("cnf holds something else than jkt", rule=Rule.BINDING)
    if value.get(_KEYCLOAK_KIND, "DPoP") != "DPoP":
        raise MissingClaim("cnf holds something else than jkt", rule=Rule.BINDING)
    thumbprint = value["jkt"]
    if not isinstance(thumbprint, str) or not is_digest(thumbprint):
        raise MissingClaim("cnf.jkt is no SHA-256 thumbprint", rule=Rule.BINDING)
    return thumbprint


def is_digest(text: str) -> bool:
    """Whether it is SHA-256 in canonical base64url."""
    return _DIGEST.fullmatch(text) is not None
