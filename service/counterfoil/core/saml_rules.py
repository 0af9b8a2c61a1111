"""Rules 4 and 6 of `identity/saml.py`: what a signed answer must say, and of whom it speaks.

Pure: the answer's signature was checked before. A text of the wrong form refuses; half-read
identity is no identity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from counterfoil.core.claim_values import MAX_GROUPS, MAX_NAME_CHARS
from counterfoil.core.model import Subject
from counterfoil.core.saml import (
    BEARER,
    SUCCESS,
    Assertion,
    Conditions,
    Confirmation,
    SamlAnswer,
    parse_instant,
)
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import GroupsOverage, SamlRefused, SamlRequestUnknown

MAX_AUDIENCES: Final = 64
MAX_ID_CHARS: Final = 256
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Entra ID's link in the place of more than 150 groups: a cut list could miss a denied one.
_GROUP_LINKS: Final = (
    "http://schemas.microsoft.com/claims/groups.link",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups.link",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an answer is held to: the configuration's entry, and the one request."""

    provider: str
    entity_id: str
    acs_url: str
    request_id: str
    name_id_formats: tuple[str, ...]
    tenant: str
    subject_namespace: str | None
    subject_attribute: str | None
    groups_attribute: str
    leeway_seconds: int
    session_seconds: int


def read_login(
    answer: SamlAnswer, expected: Expected, *, now: float
) -> tuple[VerifiedSource, float]:
    """Return who logged in, and until when the assertion could be presented.

    Raises:
        SamlRefused: rule 4 or 6.
        GroupsOverage: rule 6: which groups the person has is not known.
    """
    envelope, assertion = answer.envelope, answer.assertion
    latest = now + expected.leeway_seconds
    if envelope.issuer != expected.provider or assertion.issuer != expected.provider:
        _refuse("4a", "an issuer is not the provider")
    if envelope.statuses != (SUCCESS,):
        _refuse("4b", "the status is not Success")
    if envelope.destination != expected.acs_url:
        _refuse("4c", "Destination is not our ACS URL")
    if envelope.in_response_to != expected.request_id:
        raise SamlRequestUnknown("4d", "InResponseTo is not the request of this RelayState")
    for text in (envelope.issue_instant, assertion.issue_instant):
        if _time(text, "4e") > latest:
            _refuse("4e", "issued in the future")
    ends_at = _check_conditions(assertion.conditions, expected, now)
    confirmed_until = _confirmed_until(assertion, expected, now)
    authenticated_at, session, session_end = _session(assertion, now, latest)
    if not 1 <= len(assertion.id) <= MAX_ID_CHARS:
        _refuse("5", "the assertion's ID is missing or too long")
    source = VerifiedSource(
        tenant=expected.tenant,
        provider=expected.provider,
        subject=Subject(
            issuer=expected.subject_namespace or expected.provider,
            sub=_subject(assertion, expected),
            groups=_groups(assertion, expected),
        ),
        expires_at=now + expected.session_seconds if session_end is None else session_end,
        authenticated_at=authenticated_at,
        session=session,
        source_id=assertion.id,
        issued_at=_time(assertion.issue_instant, "4e"),
    )
    return source, max(ends_at, confirmed_until) + expected.leeway_seconds


def _check_conditions(conditions: Conditions | None, expected: Expected, now: float) -> float:
    if conditions is None:
        _refuse("4e", "there are no Conditions")
    if _time(conditions.not_before, "4e") > now + expected.leeway_seconds:
        _refuse("4e", "not yet valid")
    ends_at = _time(conditions.not_on_or_after, "4e")
    if ends_at + expected.leeway_seconds <= now:
        _refuse("4e", "no longer valid")
    if conditions.others:
        _refuse("4f", "a condition is not understood")
    if not conditions.audiences:
        _refuse("4f", "there is no AudienceRestriction")
    for audiences in conditions.audiences:  # all must hold, each names any of its own
        if len(audiences) > MAX_AUDIENCES or expected.entity_id not in audiences:
            _refuse("4f", "an audience is not this service")
    return ends_at


def _confirmed_until(assertion: Assertion, expected: Expected, now: float) -> float:
    """Until when the best bearer confirmation holds; SAML asks for one that does."""
    ends = [_confirmation_end(item, expected, now) for item in assertion.confirmations]
    good = [end for end in ends if isinstance(end, float)]
    if not good:
        problems = [end for end in ends if isinstance(end, SamlRefused)]
        raise problems[0] if problems else SamlRefused("4g", "there is no SubjectConfirmation")
    return max(good)


def _confirmation_end(item: Confirmation, expected: Expected, now: float) -> float | SamlRefused:
    end = parse_instant(item.not_on_or_after)
    if item.method != BEARER:
        return SamlRefused("4g", "the confirmation is not by bearer")
    if item.identified:
        return SamlRefused("4g", "the confirmation names somebody else")
    if item.recipient != expected.acs_url:
        return SamlRefused("4c", "Recipient is not our ACS URL")
    if item.in_response_to != expected.request_id:
        return SamlRequestUnknown("4d", "the confirmation's InResponseTo is not the request")
    if item.not_before is not None:
        return SamlRefused("4g", "the confirmation has a NotBefore")
    if end is None or end + expected.leeway_seconds <= now:
        return SamlRefused("4g", "the confirmation has ended, or has no end")
    return end


def _session(
    assertion: Assertion, now: float, latest: float
) -> tuple[float, str | None, float | None]:
    """When the person proved who they are, the provider's session and its earliest end."""
    if not assertion.statements:
        _refuse("4h", "there is no AuthnStatement")
    instants = [_time(item.instant, "4h") for item in assertion.statements]
    if max(instants) > latest:
        _refuse("4h", "authenticated in the future")
    ends = [
        _time(item.session_not_on_or_after, "4h")
        for item in assertion.statements
        if item.session_not_on_or_after is not None
    ]
    end = min(ends, default=None)
    # No leeway: nothing made from this may outlive the session.
    if end is not None and end <= now:
        _refuse("4h", "the session has ended")
    index = assertion.statements[0].session_index
    if index is not None and len(index) > MAX_ID_CHARS:
        _refuse("4h", "the session index is too long")
    return min(instants), index, end


def _subject(assertion: Assertion, expected: Expected) -> str:
    name = assertion.name_id
    if name is None:
        _refuse("6", "there is no NameID")
    if name.format not in expected.name_id_formats:
        _refuse("6", "the NameID is of a format that is not allowed")
    # One text may name two people in two domains (SAML core §2.2.2).
    if name.name_qualifier not in {None, expected.provider}:
        _refuse("6", "the NameID is qualified by another provider")
    if name.sp_name_qualifier not in {None, expected.entity_id}:
        _refuse("6", "the NameID is for another service")
    if expected.subject_attribute is None:
        return _name(name.text)
    values = assertion.attributes.get(expected.subject_attribute, ())
    if len(values) != 1:
        _refuse("6", "subject_attribute has not exactly one value")
    return _name(values[0])


def _groups(assertion: Assertion, expected: Expected) -> tuple[str, ...]:
    if any(link in assertion.attributes for link in _GROUP_LINKS):
        raise GroupsOverage("SAML rule 6: a link stands in the place of the groups")
    values = assertion.attributes.get(expected.groups_attribute, ())
    if len(values) > MAX_GROUPS:
        raise GroupsOverage("SAML rule 6: more groups than are taken")
    return tuple(dict.fromkeys(_name(value) for value in values))


def _name(value: str | None) -> str:
    if value is None or not 1 <= len(value) <= MAX_NAME_CHARS:
        _refuse("6", "a name is missing, too long or not plain text")
    if value != value.strip() or _CONTROL.search(value):
        _refuse("6", "a name holds control characters or white space around it")
    return value


def _time(text: str | None, rule: str) -> float:
    value = parse_instant(text)
    if value is None:
        _refuse(rule, "a time is missing or not in UTC")
    return value


def _refuse(rule: str, text: str) -> NoReturn:
    raise SamlRefused(rule, text)
