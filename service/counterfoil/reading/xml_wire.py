"""What a worker and its XML child say to each other, in the frames of `wire.py`.

To the child: `["answer", document, {issuer: [certificate, …]}, [issuer, …]]`, the latter
those whose encrypted assertions can be decrypted; `["assertion", document, [certificate, …]]`
for what was decrypted; or `["metadata", document, entity id or None, [certificate, …]]`.
Back: `["ok", {…}]`, `["sealed", {…}]` for an answer that has to be decrypted, or
`["refused", rule, text, encrypted, unknown_key]`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from counterfoil.core.saml import (
    Assertion,
    AuthnStatement,
    Conditions,
    Confirmation,
    ContentCipher,
    Envelope,
    IdpMetadata,
    NameId,
    OaepHash,
    SamlAnswer,
    Sealed,
    SealedAnswer,
    SignOnService,
)
from counterfoil.reading.wire import Packed, WireError


def pack(value: SamlAnswer | SealedAnswer | Assertion | IdpMetadata) -> Packed:
    """A good answer of the child's."""
    return ["sealed" if isinstance(value, SealedAnswer) else "ok", asdict(value)]


def unpack_answer(packed: Packed) -> SamlAnswer | SealedAnswer:
    """What an IdP signed, or what has to be decrypted of it, from the child.

    Raises:
        WireError: something else.
    """
    try:
        match packed:
            case ["sealed", dict() as value]:
                return _sealed(value)
        value = _value(packed)
        assertion = _assertion(value["assertion"])
        return SamlAnswer(envelope=_envelope(value["envelope"]), assertion=assertion)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise WireError("not an answer") from error


def unpack_assertion(packed: Packed) -> Assertion:
    """What an IdP signed and encrypted, from the child.

    Raises:
        WireError: something else.
    """
    try:
        return _assertion(_value(packed))
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise WireError("not an assertion") from error


def unpack_metadata(packed: Packed) -> IdpMetadata:
    """A provider's metadata, from the child.

    Raises:
        WireError: something else.
    """
    try:
        value = _value(packed)
        services = tuple(SignOnService(**item) for item in value.pop("services"))
        certificates = tuple(value.pop("certificates"))
        return IdpMetadata(services=services, certificates=certificates, **value)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise WireError("not metadata") from error


def _sealed(value: dict[str, Any]) -> SealedAnswer:
    sealed = value["sealed"]
    return SealedAnswer(
        envelope=_envelope(value["envelope"]),
        sealed=Sealed(
            cipher=ContentCipher(sealed.pop("cipher")),
            digest=OaepHash(sealed.pop("digest")),
            mask=OaepHash(sealed.pop("mask")),
            **sealed,
        ),
    )


def _envelope(value: dict[str, Any]) -> Envelope:
    return Envelope(statuses=tuple(value.pop("statuses")), **value)


def _assertion(value: dict[str, Any]) -> Assertion:
    name_id, conditions = value.pop("name_id"), value.pop("conditions")
    return Assertion(
        name_id=None if name_id is None else NameId(**name_id),
        conditions=None if conditions is None else _conditions(conditions),
        confirmations=tuple(Confirmation(**c) for c in value.pop("confirmations")),
        statements=tuple(AuthnStatement(**s) for s in value.pop("statements")),
        attributes={n: tuple(v) for n, v in value.pop("attributes").items()},
        **value,
    )


def _conditions(value: dict[str, Any]) -> Conditions:
    audiences = tuple(tuple(item) for item in value.pop("audiences"))
    return Conditions(audiences=audiences, others=tuple(value.pop("others")), **value)


def _value(packed: Packed) -> dict[str, Any]:
    match packed:
        case ["ok", dict() as value]:
            return value
        case _:
            raise WireError("an answer of another form")
