"""Whether a grant may be redeemed now, by what it asks and what the record says.

1. Its person was not erased: what was granted can be read.
2. The issuer means the decided action, and will name the credential as the grant says.
3. It was not redeemed before, and its job is not over.
4. Its `exp` has not passed.

Whose it is was settled before; whether it was revoked is asked beside this.
"""

from __future__ import annotations

from counterfoil.core.credential import credential_name
from counterfoil.core.grant_record import GrantedJob, GrantRecord
from counterfoil.core.issuing import RedeemRequest
from counterfoil.errors import (
    AlreadyRedeemed,
    CredentialMismatch,
    GrantDigestMismatch,
    GrantErased,
    GrantExpired,
    GrantOver,
)


def redeemable(grant: GrantRecord, request: RedeemRequest, *, now: float) -> GrantedJob:
    """Return what was granted, if the grant may be redeemed.

    Raises:
        GrantError: a rule does not hold.
    """
    job = grant.job
    if job is None:  # 1
        raise GrantErased
    if request.action_digest != job.action_digest:  # 2
        raise GrantDigestMismatch
    if request.credential != credential_name(grant.jti):  # 2
        raise CredentialMismatch
    if grant.redeemed:  # 3
        raise AlreadyRedeemed
    if grant.over:  # 3
        raise GrantOver
    if now >= grant.expires:  # 4
        raise GrantExpired
    return job
