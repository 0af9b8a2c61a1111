"""Who calls could not be established, or may not do this."""

from __future__ import annotations

from typing import ClassVar

from counterfoil.errors.base import CounterfoilError
from counterfoil.errors.rules import Rule


class IdentityError(CounterfoilError):
    """Who is calling could not be established. One generic answer for all (rule 13).

    `detail` and `rule` are for the log: callers never see them. Neither holds anything of
    the token, not even a name out of it.
    """

    code = "identity.invalid_token"
    title = "The credential was not accepted"
    status = 401
    solution = "Get a fresh token for this service from a configured issuer and send it as Bearer."
    usual_rule: ClassVar[Rule | None] = None

    def __init__(self, detail: str = "", *, pointer: str = "", rule: Rule | None = None) -> None:
        super().__init__(detail, pointer=pointer)
        self.rule = rule or self.usual_rule


class MissingCredential(IdentityError):
    """No `Authorization: Bearer`."""

    code = "identity.missing_credential"
    title = "A bearer token is required"
    solution = "Send Authorization: Bearer with a token of a configured issuer."


class IssuerRefused(IdentityError):
    """A credential issuer did not prove which `[[issuer]]` it is. One answer for every cause."""

    code = "identity.issuer_refused"
    title = "The issuer's own credential was not accepted"
    solution = "Send a fresh assertion by a key of the [[issuer]] entry, or show its certificate."


class UnknownIssuer(IdentityError):
    """`iss` is not configured."""

    usual_rule = Rule.ISSUER


class InvalidSignature(IdentityError):
    """No key of the issuer verifies the token, or its form is not canonical."""

    usual_rule = Rule.SIGNATURE


class ExpiredCredential(IdentityError):
    """`exp` passed, or `nbf`/`iat` lie in the future."""

    usual_rule = Rule.TIME


class WrongAudience(IdentityError):
    """`aud` does not hold this service's id."""

    usual_rule = Rule.AUDIENCE


class MissingClaim(IdentityError):
    """A required claim is missing or of the wrong type."""

    usual_rule = Rule.CLAIMS


class InvalidProof(IdentityError):
    """The token is bound to a key whose proof did not come, or does not hold (RFC 9449)."""

    usual_rule = Rule.PROOF


class GroupsOverage(IdentityError):
    """The person has more groups than the token holds: which ones is not known."""

    code = "identity.groups_overage"
    title = "The token does not hold all groups of the person"
    solution = (
        "Have the provider put fewer groups into the token: those assigned to this application,"
        " or application roles (docs/identity/)."
    )
    usual_rule = Rule.GROUPS


class RevokedCredential(IdentityError):
    """It was ended before its time: its person, agent, run, session or itself was revoked."""


class ActorRequired(IdentityError):
    """A token without a registered actor (DESIGN step 2)."""

    code = "identity.actor_required"
    title = "The token names no registered agent"
    solution = "Use a delegation token, whose `act` claim names the agent."
    usual_rule = Rule.ACTOR


class IdentityUnavailable(IdentityError):
    """The issuer's keys cannot be read now."""

    code = "identity.unavailable"
    title = "The issuer's keys are not available"
    status = 503
    solution = "Try again shortly; the operator should check the issuer's key file."
    usual_rule = Rule.KEY_SET


class CallerError(CounterfoilError):
    """The caller is known, and may not do this."""

    code = "caller.not_allowed"
    title = "The caller may not do this"
    status = 403
    solution = "Ask the operator for the role that the documentation of this path names."


class RoleRequired(CallerError):
    """The caller lacks the role that the path wants."""


class AgentNotAllowed(CallerError):
    """A token with `act` reached beyond what agents may call (DESIGN §3)."""

    code = "identity.agent_not_allowed"
    title = "An agent's token may not do this"
    solution = "Call this with a person's own credential, without an `act` claim."
