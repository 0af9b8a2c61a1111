"""`POST /token` gives no token. Answered in OAuth's form (RFC 6749 §5.2), by `oauth_error`."""

from __future__ import annotations

from typing import ClassVar

from counterfoil.errors.base import CounterfoilError


class TokenError(CounterfoilError):
    """The request cannot be read, or asks for what there is not (RFC 8693 §2.2.2)."""

    code = "token.invalid_request"
    title = "The token request is not accepted"
    status = 400
    solution = "Compare the form's parameters with docs/identity/delegation.md."
    oauth_error: ClassVar[str] = "invalid_request"


class FormExpected(TokenError):
    """The body is not declared as a form, or is compressed."""

    code = "token.media_type"
    title = "The content type is not application/x-www-form-urlencoded"
    status = 415
    solution = "Send Content-Type: application/x-www-form-urlencoded, in UTF-8."


class UnsupportedGrantType(TokenError):
    """Any `grant_type` but token exchange."""

    code = "token.unsupported_grant_type"
    title = "Only token exchange is offered here"
    solution = "Send grant_type=urn:ietf:params:oauth:grant-type:token-exchange."
    oauth_error = "unsupported_grant_type"


class InvalidLauncher(TokenError):
    """The launcher did not prove who it is. One answer for every cause."""

    code = "token.invalid_client"
    title = "The launcher's own credential was not accepted"
    status = 401
    solution = "Send a fresh client_assertion, signed with a key of the launcher's entry."
    oauth_error = "invalid_client"


class LauncherNotAllowed(TokenError):
    """The registered launcher may not start this agent, or there is no such agent in its tenant."""

    code = "token.launcher_not_allowed"
    title = "This launcher may not start that agent"
    solution = "Ask the operator to list the launcher in the [[identity.agent]] entry."
    oauth_error = "unauthorized_client"


class SourceRefused(TokenError):
    """The subject token was not accepted (RFC 8693 §2.2.2). One answer for every cause."""

    code = "token.subject_token_refused"
    title = "The subject token was not accepted"
    solution = "Log in again, and send a fresh token of a configured identity provider."


class ProofRefused(TokenError):
    """The DPoP proof does not hold, or is missing beside a token that is bound (RFC 9449 §5)."""

    code = "token.invalid_dpop_proof"
    title = "The proof of possession was not accepted"
    solution = (
        "Send one fresh DPoP proof for this URL, by the key that the token is to be bound to."
    )
    oauth_error = "invalid_dpop_proof"


class HandOnRefused(TokenError):
    """The agent that acts may not hand on to the one asked for, or the chain is too long."""

    code = "token.hand_on_refused"
    title = "The agent may not hand on to that agent"
    solution = "Ask the operator to list that agent in hands_on_to of this one's entry."


class RunRefused(TokenError):
    """There is no such run for this person, agent and launcher, or it has ended."""

    code = "token.run_refused"
    title = "The run cannot go on"
    solution = "Open a new run with a fresh token of the person's identity provider."


class InvalidTarget(TokenError):
    """`audience` or `resource` names another service (RFC 8693 §2.2.2)."""

    code = "token.invalid_target"
    title = "Tokens are given for this service alone"
    solution = "Leave audience and resource out, or name this service."
    oauth_error = "invalid_target"


class InvalidScope(TokenError):
    """Any `scope`: what an agent may do is decided action by action."""

    code = "token.invalid_scope"
    title = "A delegation token has no scope"
    solution = "Leave scope out; each action is decided by itself."
    oauth_error = "invalid_scope"


class LogoutRefused(TokenError):
    """No logout token of a configured provider, or one that was recorded. One answer for all."""

    code = "token.logout_refused"
    title = "The logout token was not accepted"
    solution = "Send a fresh logout token of a configured identity provider."
