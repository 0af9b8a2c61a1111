"""Who calls could not be established, or may not do this."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError


class IdentityError(CounterfoilError):
    """Who is calling could not be established. One generic answer for all (rule 13)."""

    code = "identity.invalid_token"
    title = "The credential was not accepted"
    status = 401
    solution = "Get a fresh token for this service from a configured issuer and send it as Bearer."


class MissingCredential(IdentityError):
    """No `Authorization: Bearer`."""

    code = "identity.missing_credential"
    title = "A bearer token is required"
    solution = "Send Authorization: Bearer with a token of a configured issuer."


class UnknownIssuer(IdentityError):
    """`iss` is not configured."""


class InvalidSignature(IdentityError):
    """No key of the issuer verifies the token, or its form is not canonical."""


class ExpiredCredential(IdentityError):
    """`exp` passed, or `nbf`/`iat` lie in the future."""


class WrongAudience(IdentityError):
    """`aud` does not hold this service's id."""


class MissingClaim(IdentityError):
    """A required claim is missing or of the wrong type."""


class ActorRequired(IdentityError):
    """A token without a registered actor (DESIGN step 2)."""

    code = "identity.actor_required"
    title = "The token names no registered agent"
    solution = "Use a delegation token, whose `act` claim names the agent."


class IdentityUnavailable(IdentityError):
    """The issuer's keys cannot be read now."""

    code = "identity.unavailable"
    title = "The issuer's keys are not available"
    status = 503
    solution = "Try again shortly; the operator should check the issuer's key file."


class CallerError(CounterfoilError):
    """The caller is known, and may not do this."""

    code = "caller.not_allowed"
    title = "The caller may not do this"
    status = 403
    solution = "Ask the operator for the role that the documentation of this path names."


class AgentNotAllowed(CallerError):
    """A token with `act` reached beyond what agents may call (DESIGN §3)."""

    code = "identity.agent_not_allowed"
    title = "An agent's token may not do this"
    solution = "Call this with a person's own credential, without an `act` claim."
