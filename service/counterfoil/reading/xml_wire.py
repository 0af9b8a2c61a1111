"""What a worker and its XML child say to each other, in the frames of `wire.py`.

To the child: `["answer", document, {issuer: [certificate, …]}]` or
`["metadata", document, entity id or None, [certificate, …]]`. Back: `["ok", {…}]`, or
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
    Envelope,
    IdpMetadata,
    NameId,
    SamlAnswer,
    SignOnService,
)
from counterfoil.reading.wire import Packed, WireError


def pack(value: SamlAnswer | IdpMetadata) -> Packed:
    """A good answer of the child's."""
    return ["ok", asdict(value)]


def unpack_answer(packed: Packed) -> SamlAnswer:
    """What an IdP signed, from the child.

    Raises:
        WireError: something else.
    """
    try:
        value = _value(packed)
        envelope, assertion = value["envelope"], value["assertion"]
        name_id, conditions = assertion.pop("name_id"), assertion.pop("conditions")
        statuses = tuple(envelope.pop("statuses"))
        return SamlAnswer(
            envelope=Envelope(statuses=statuses, **envelope),
            assertion=Assertion(
                name_id=None if name_id is None else NameId(**name_id),
                conditions=None if conditions is None else _conditions(conditions),
                confirmations=tuple(Confirmation(**c) for c in assertion.pop("confirmations")),
                statements=tuple(AuthnStatement(**s) for s in assertion.pop("statements")),
                attributes={n: tuple(v) for n, v in assertion.pop("attributes").items()},
                **assertion,
            ),
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise WireError("not an answer") from error


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


def _conditions(value: dict[str, Any]) -> Conditions:
    audiences = tuple(tuple(item) for item in value.pop("audiences"))
    return Conditions(audiences=audiences, others=tuple(value.pop("others")), **value)


def _value(packed: Packed) -> dict[str, Any]:
    match packed:
        case ["ok", dict() as value]:
            return value
        case _:
            raise WireError("an answer of another form")
