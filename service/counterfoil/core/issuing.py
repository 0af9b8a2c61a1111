"""What credential issuers send: who they are, redeems, reports, and where their reading stands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

from counterfoil.core.model import JsonObject
from counterfoil.core.strict_json import parse
from counterfoil.core.times import seconds_of
from counterfoil.errors import SchemaViolation

ISSUED, ENDED = "issued", "ended"
_CURSOR: Final = re.compile(r"([0-9a-f]{8})\.([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A credential issuer of a tenant that has proven that it is it: the `aud` of its grants."""

    name: str
    tenant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemRequest:
    """The body of `POST /grants/{jti}/redeem`."""

    action_digest: str
    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialReport:
    """The body of `POST /decisions/{id}/issued`: a credential was made, or works no more.

    `findings` are of `{code, object}`; `expires_at` is RFC 3339.
    """

    jti: str
    credential: str
    status: str
    expires_at: str | None = None
    public: JsonObject = field(default_factory=dict)
    cause: str | None = None
    handed_over: tuple[str, ...] = ()
    findings: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """How much of its grants' events an issuer has read, one number for each way they end.

    `ledger` is a mark of the ledger's name: numbers of another one say nothing. `outcomes` is
    the place in the tenant's log below which all are known, `revocations` the number of the
    last revocation, `deadline` the last second whose deadlines are known.
    """

    ledger: str
    outcomes: int = 0
    revocations: int = 0
    deadline: int = 0

    def passed(self, part: str, place: int) -> Cursor:
        """The cursor of somebody who has read up to `place` of one of the numbers, by its name."""
        numbers: dict[str, int] = {"outcomes": self.outcomes, "revocations": self.revocations}
        return Cursor(self.ledger, **{**numbers, "deadline": self.deadline, part: place})

    def __str__(self) -> str:
        return f"{self.ledger}.{self.outcomes}.{self.revocations}.{self.deadline}"


def ledger_mark(name: str) -> str:
    """What a cursor says of a ledger's name. A recovered ledger has another one."""
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def read_cursor(text: str | None, ledger: str) -> Cursor:
    """A cursor that was given out; without one, or with another ledger's, the beginning.

    Raises:
        SchemaViolation: another text.
    """
    if text is None:
        return Cursor(ledger)
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise SchemaViolation("not a cursor that was given here", pointer="#/after")
    mark, *numbers = match.groups()
    return Cursor(ledger, *map(int, numbers)) if mark == ledger else Cursor(ledger)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerRequestReader:
    """Reads what issuers send, within one bound on bytes."""

    max_bytes: int
    validate_redeem: Callable[[JsonObject], None]
    validate_report: Callable[[JsonObject], None]

    def read_redeem(self, body: bytes) -> RedeemRequest:
        """Return what is to be redeemed.

        Raises:
            RequestError: not strict JSON, too large, or not of the published shape.
        """
        value = parse(body, max_bytes=self.max_bytes)
        self.validate_redeem(value)
        return RedeemRequest(
            action_digest=cast("str", value["action_digest"]),
            credential=cast("str", value["credential"]),
        )

    def read_report(self, body: bytes) -> CredentialReport:
        """Return what is reported.

        Raises:
            RequestError: as `read_redeem`.
        """
        value = parse(body, max_bytes=self.max_bytes)
        self.validate_report(value)
        expires_at = cast("str | None", value.get("expires_at"))
        if expires_at is not None:
            _check_time(expires_at)
        return CredentialReport(
            jti=cast("str", value["jti"]),
            credential=cast("str", value["credential"]),
            status=cast("str", value["status"]),
            expires_at=expires_at,
            public=cast("JsonObject", value.get("public", {})),
            cause=cast("str | None", value.get("cause")),
            handed_over=tuple(cast("list[str]", value.get("handed_over", []))),
            findings=tuple(cast("list[JsonObject]", value.get("findings", []))),
        )


def _check_time(text: str) -> None:
    try:
        seconds_of(text)
    except ValueError as error:
        raise SchemaViolation("not an RFC 3339 time in UTC", pointer="#/expires_at") from error
