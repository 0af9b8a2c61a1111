"""A grant cannot be redeemed, or reported on, like this: no credential may be made of it."""

from __future__ import annotations

from counterfoil.errors.base import CounterfoilError
from counterfoil.errors.request import GrantRevoked


class GrantError(CounterfoilError):
    """A grant cannot be used like this; nothing was permitted by the attempt."""

    code = "grant.not_possible"
    title = "The grant cannot be used like this"
    status = 409
    solution = "Make no credential. Let the agent send the action again; it is decided anew."


class AlreadyRedeemed(GrantError):
    """Redeemed before, by whomever: a grant becomes one credential."""

    code = "grant.already_redeemed"
    title = "The grant was redeemed already"


class GrantExpired(GrantError):
    """Its `exp` has passed, the last moment to redeem it."""

    code = "grant.expired"
    title = "The grant has expired"


class GrantOver(GrantError):
    """The outcome of its decision was reported, so there is no job any more."""

    code = "grant.over"
    title = "What the grant was for is reported as done"


class GrantDigestMismatch(GrantError):
    """The issuer would act on another action than the one that was decided."""

    code = "grant.digest_mismatch"
    title = "The action digest is not that of the decision"


class CredentialMismatch(GrantError):
    """The credential is not called as a credential of this grant must be."""

    code = "grant.credential_mismatch"
    title = "The credential's name is not that of the grant"
    solution = "Name it `cf-` and the first 26 characters of base32(SHA-256) as docs/issuers say."


class RedeemRevoked(GrantRevoked):
    """The run, person, agent, token, session or approval that it rests on was ended."""

    solution = GrantError.solution


class GrantErased(GrantError):
    """Its person was erased, so nobody can tell any more what was granted."""

    code = "grant.erased"
    title = "The record of the grant was erased"


class NotRedeemed(GrantError):
    """A credential is reported that no redeem of this issuer allowed."""

    code = "grant.not_redeemed"
    title = "The grant was not redeemed"
    solution = "Redeem the grant first; end what was made without it."


class GrantReportConflict(GrantError):
    """Another report of the same step, or one that comes after the end."""

    code = "grant.report_conflict"
    title = "Another report was already made about this credential"
    solution = "Each step is reported once; repeating the same body is fine."
