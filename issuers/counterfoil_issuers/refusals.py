"""Why a holder gets no credential, in OAuth's words (RFC 6749 §5.2, 7523 §3, 9396 §5, 9449 §5).

`code` is stable, as all codes of the product; docs/issuers/index.md explains each. Nothing
here holds a word of the request.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar


class Refused(Exception):
    """No credential; `detail` is for the log and for a caller alike, and holds no secret."""

    code: ClassVar[str]
    oauth_error: ClassVar[str] = "invalid_grant"
    status: ClassVar[int] = HTTPStatus.BAD_REQUEST
    solution: ClassVar[str]

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedRequest(Refused):
    """Not the form that is served here."""

    code = "issuer.malformed_request"
    oauth_error = "invalid_request"
    solution = "Send the form of docs/issuers/index.md: grant_type and assertion."


class RequestRefused(Refused):
    """The signed request does not hold: form, signature, audience, time."""

    code = "issuer.request_refused"
    solution = "Ask the service to authorize the action again, and send its signed_request here."


class AlreadyTaken(Refused):
    """The request was sent before; it is good for one credential, and for one try."""

    code = "issuer.already_taken"
    solution = "Ask the service to authorize the action again: a signed request counts once."


class HolderNotProven(Refused):
    """Whoever sent it does not prove the key that the request is bound to."""

    code = "issuer.holder_not_proven"
    oauth_error = "invalid_dpop_proof"
    solution = "Send a fresh DPoP proof, or the client certificate, of the key in cnf."


class NotExpressible(Refused):
    """The target cannot express exactly these permissions."""

    code = "issuer.permission_not_renderable"
    oauth_error = "invalid_authorization_details"
    solution = "Split the action, or ask for a permission that the target can express."


class RedeemRefused(Refused):
    """The service does not let it be redeemed: revoked, expired, redeemed before, unknown."""

    code = "issuer.redeem_refused"
    solution = "Ask the service to authorize the action again."


class Unavailable(Refused):
    """It cannot be made now; nothing is left of it, or what is left is being ended."""

    code = "issuer.unavailable"
    oauth_error = "temporarily_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    solution = "Ask the service to authorize the action again, shortly."
