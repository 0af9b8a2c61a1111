"""An allow becomes a grant: the signed request for exactly the decision's permissions.

What an issuer may make is what stands in the claims, nothing else; so the claims are the
decision's own permissions, byte for byte, and each rendering is read back and compared.
An allow whose permissions nobody can grant exactly becomes a deny with a `grant.*` code:
running it would need a standing credential, which is what this product replaces. One request
is for one resource: an action with rights at two is told how to become two actions.

No time in a grant outlives the caller's token, or the approval that it rests on: `exp` is
the last moment to redeem, `credential_deadline` the last moment the credential may work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from counterfoil.core.canonical import canonical_bytes
from counterfoil.core.model import (
    Caller,
    Decision,
    Effect,
    Grant,
    Interpretation,
    JsonObject,
    JsonValue,
    Permission,
    Reason,
    Resource,
)
from counterfoil.core.renderings import NotRenderable, render_all
from counterfoil.core.times import rfc3339_second

MAX_REDEEM_SECONDS = 300  # from `iat` to `exp`
MAX_CREDENTIAL_SECONDS = 3_600  # from `iat` to `credential_deadline`, whatever policy says
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 -- RFC 8693 §2.1
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 -- RFC 8693 §3
FORM = "application/x-www-form-urlencoded"

HELD_BY_THE_HOOK = frozenset({"code", "filesystem"})
"""Permissions that no credential could carry: whoever runs the action holds to them, by the
allow's obligations. An allow of them alone has no grant; beside others they stay out of it."""

NO_ISSUER = Reason(
    code="grant.no_issuer",
    title="No issuer can grant these permissions",
    solution="Ask the operator to name an issuer in the [[resource]] entry.",
)
NOT_RENDERABLE = Reason(
    code="grant.permission_not_renderable",
    title="The target cannot express exactly these permissions",
    solution="Split the action, or ask the policy's author for a permission that it can.",
)
SEVERAL_RESOURCES = Reason(
    code="grant.several_resources",
    title="The action needs credentials of several resources at once",
    solution="Send one action for each resource. The details name them, and which parts of the "
    "text are at each; what one part hands to another goes through a file.",
)
NO_TIME_LEFT = Reason(
    code="grant.no_time_left",
    title="The caller's token, or the approval, ends before a credential could work",
    solution="Get a fresh delegation token, or a fresh approval, and send the action again.",
)


class ApprovedUntil(NamedTuple):
    """The approval that an allow rests on; the credential does not outlive it."""

    approval_id: str
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTerms:
    """Our own `iss`, and where each issuer is asked, if anybody registered that.

    `exchange` are RFC 8693 endpoints by issuer, `credentials` those of registered issuers by
    (tenant, issuer).
    """

    issuer: str
    exchange: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[tuple[str, str], str] = field(default_factory=dict)


def issue_grant(
    decision: Decision,
    caller: Caller,
    reading: Interpretation,
    resource: Resource | None,
    *,
    decision_id: str,
    action_digest: str,
    terms: GrantTerms,
    request_id: str,
    jti: str,
    now: float,
    approved: ApprovedUntil | None = None,
) -> tuple[Decision, Grant | None]:
    """Return the decision and its grant; or a deny where no exact grant is possible.

    Only an allow gets a grant. An allow that needs no permission at a registered
    resource (a tool without a target, a file, code) stays an allow and has none.
    """
    if decision.effect is not Effect.ALLOW:
        return decision, None
    to_grant = _carried(decision.permissions)
    if decision.permissions and not to_grant:
        return decision, None
    ambient = _carried(reading.ambient)
    places = _places((*to_grant, *ambient))
    if len(places) > 1:
        return _denied(decision, SEVERAL_RESOURCES, **_apart(places, reading)), None
    if resource is None or resource.issuer is None:
        if to_grant:
            return _denied(decision, NO_ISSUER), None
        return decision, None
    try:
        _check_locations((*to_grant, *ambient), resource)
        renderings = render_all((*to_grant, *ambient))
    except NotRenderable as error:
        return _denied(decision, NOT_RENDERABLE, problem=str(error)), None
    last = caller.expires_at if approved is None else min(caller.expires_at, approved.expires_at)
    times = _times(decision, last, now)
    if times is None:
        return _denied(decision, NO_TIME_LEFT), None
    claims = _claims(decision, to_grant, caller, times) | {
        "iss": terms.issuer,
        "aud": resource.issuer,
        "txn": decision_id,
        "jti": jti,
        "ambient_details": list(ambient),
        "action_digest": action_digest,
    }
    if approved is not None:
        claims["approval_id"] = approved.approval_id
    return decision, Grant(
        id=request_id,
        jti=jti,
        expires_at=float(times.exp),
        credential_deadline=float(times.credential_deadline),
        audience=resource.issuer,
        claims=claims,
        renderings=renderings,
        exchange_endpoint=terms.exchange.get(resource.issuer),
        credential_endpoint=terms.credentials.get((caller.tenant, resource.issuer)),
    )


class _Times(NamedTuple):
    iat: int
    exp: int
    credential_deadline: int


def _times(decision: Decision, last: float, now: float) -> _Times | None:
    # Rounded down, all of them: no moment in a grant lies past the last one of what it rests on.
    iat = math.floor(now)
    deadline = min(iat + min(decision.ttl_seconds, MAX_CREDENTIAL_SECONDS), math.floor(last))
    if deadline <= iat:
        return None
    return _Times(iat, min(iat + MAX_REDEEM_SECONDS, deadline), deadline)


def _claims(
    decision: Decision, to_grant: Sequence[Permission], caller: Caller, times: _Times
) -> dict[str, JsonValue]:
    claims: dict[str, JsonValue] = {
        "sub": caller.subject.sub,
        "sub_iss": caller.subject.issuer,
        "iat": times.iat,
        "nbf": times.iat,
        "exp": times.exp,
        "credential_deadline": times.credential_deadline,
        "authorization_details": list(to_grant),
        "policy": _policy(decision.policy_revision),
    }
    if caller.actor is not None:
        claims["act"] = act_claim(caller.actor.issuer, (caller.actor.sub, *caller.actor.via))
    if caller.key_thumbprint is not None:  # proven by the caller: the credential may be bound too
        claims["cnf"] = {"jkt": caller.key_thumbprint}
    return claims


def act_claim(issuer: str, chain: Sequence[str]) -> JsonObject:
    """RFC 8693 §4.1: the current agent outermost, each before it one level deeper."""
    current: dict[str, JsonValue] = {"iss": issuer, "sub": chain[0], "sub_profile": "ai_agent"}
    return {**current, "act": act_claim(issuer, chain[1:])} if len(chain) > 1 else current


def scoped_token_request(grant: Grant, sign: Callable[[JsonObject], str]) -> JsonObject:
    """The response member of that name, `schemas/scoped_token_request.json`, signed.

    No token is in it, neither the caller's nor a credential.
    """
    details = grant.claims["authorization_details"]
    issued_at = grant.claims["iat"]
    assert isinstance(issued_at, int)  # noqa: S101 -- `issue_grant` wrote it
    value: dict[str, JsonValue] = {
        "id": grant.id,
        "decision_id": grant.claims["txn"],
        "expires_at": rfc3339_second(grant.expires_at),
        "max_lifetime_seconds": int(grant.credential_deadline) - issued_at,
        "single_use": True,
        "authorization_details": details,
        "signed_request": sign(grant.claims),
        "renderings": grant.renderings,
    }
    if grant.credential_endpoint is not None:
        value["credential_endpoint"] = grant.credential_endpoint
    if grant.exchange_endpoint is not None:
        value["token_exchange"] = _token_exchange(grant.exchange_endpoint, details)
    return value


def _token_exchange(endpoint: str, details: JsonValue) -> JsonObject:
    # Pairs: `resource` and `audience` repeat (RFC 8693 §2.1). The subject token itself is
    # added by the issuer, which got it from the launcher; it never passes here.
    parameters = [
        ["grant_type", TOKEN_EXCHANGE],
        ["requested_token_type", ACCESS_TOKEN],
        ["subject_token_type", ACCESS_TOKEN],
        *(["resource", location] for location in _locations(details)),
        ["authorization_details", canonical_bytes(details).decode("utf-8")],
    ]
    return {"endpoint": endpoint, "content_type": FORM, "parameters": parameters}


def _locations(details: JsonValue) -> list[str]:
    found: dict[str, None] = {}
    for item in details if isinstance(details, list) else ():
        for location in item.get("locations", ()) if isinstance(item, dict) else ():
            found[str(location)] = None
    return list(found)


def _check_locations(permissions: tuple[Permission, ...], resource: Resource) -> None:
    # One request goes to one issuer, who knows this resource and no other.
    for permission in permissions:
        if permission.get("type") != resource.type:
            raise NotRenderable("a permission is of another type than the resource")
        locations = permission.get("locations")
        if not isinstance(locations, (list, tuple)) or list(locations) != [resource.location]:
            raise NotRenderable("a permission lies at another location than the resource")


def _carried(permissions: Sequence[Permission]) -> tuple[Permission, ...]:
    """Those that a credential carries, in their order."""
    return tuple(item for item in permissions if item.get("type") not in HELD_BY_THE_HOOK)


def _places(permissions: Sequence[Permission]) -> dict[tuple[str, str], list[int]]:
    """Where permissions lie, each with its operations.

    One that is at no one place is left out: the check against the resource refuses it.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for item in permissions:
        locations, operations = item.get("locations"), item.get("operations")
        if isinstance(locations, (list, tuple)) and len(locations) == 1:
            place = found.setdefault((str(item.get("type")), str(locations[0])), [])
            if isinstance(operations, (list, tuple)):
                place.extend(index for index in operations if isinstance(index, int))
    return found


def _apart(
    places: Mapping[tuple[str, str], Sequence[int]], reading: Interpretation
) -> dict[str, JsonValue]:
    """The resources, and which parts of the text (places of characters) are at each."""
    count = len(reading.operations)
    resources: list[JsonValue] = []
    for (kind, location), indexes in places.items():
        spans = {reading.operations[index].span for index in indexes if 0 <= index < count}
        parts: list[JsonValue] = [list(span) for span in sorted(filter(None, spans))]
        resources.append({"type": kind, "location": location, "parts": parts})
    every: list[JsonValue] = [*sorted({index for found in places.values() for index in found})]
    return {"resources": resources, "operations": every}


def _policy(revision: str) -> JsonObject:
    return {"revision": revision, "digest": revision.rpartition("+")[2]}


def _denied(decision: Decision, reason: Reason, **details: JsonValue) -> Decision:
    if details:
        reason = replace(reason, details=details)
    return Decision(effect=Effect.DENY, reasons=(reason,), policy_revision=decision.policy_revision)
