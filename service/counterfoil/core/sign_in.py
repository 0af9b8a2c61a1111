"""An ID token that ends a sign-in at the console (OpenID Connect Core §3.1.3.7).

Signature, issuer and form are proven before (`identity/oidc.py`). Here:

1. `aud` holds the console's own client, and `azp` is it (nos. 3 to 5): a token for another
   client, or an access token for the service, signs nobody in.
2. `nonce` is the one of this browser's sign-in (no. 11): no other sign-in's token is taken.
3. Times, person, groups and tenant, as the issuer's entry says (`core/claims.py`).
"""

from __future__ import annotations

from dataclasses import replace

from counterfoil.core.claim_values import audiences_of
from counterfoil.core.claims import IssuerEntry, VerifiedClaims, read_source
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import MissingClaim, Rule, WrongAudience


def read_sign_in(
    claims: VerifiedClaims,
    entry: IssuerEntry,
    *,
    client_id: str,
    nonce: str,
    now: float,
    leeway_seconds: int,
) -> VerifiedSource:
    """Return who signed in.

    Raises:
        IdentityError: a rule does not hold.
    """
    audiences = audiences_of(claims.get("aud"))
    if claims.get("azp", None if len(audiences) > 1 else client_id) != client_id:  # 1
        raise WrongAudience("azp is not the console's client", rule=Rule.CLIENT)
    if not nonce or claims.get("nonce") != nonce:  # 2
        raise MissingClaim("nonce is not that of this sign-in", rule=Rule.PURPOSE)
    own = replace(entry, audience=client_id, login_client_id=client_id, clients=frozenset())
    return read_source(claims, own, now=now, leeway_seconds=leeway_seconds)  # 1, 3
