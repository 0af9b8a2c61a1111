"""The claims of a launcher's assertion (RFC 7523 §3), its signature being proven.

1. `iss` and `sub` are both the launcher's id.
2. `aud` is this service and nobody else, so that no other server can use the assertion here.
3. `exp` is there, not past, and at most `MAX_AHEAD_SECONDS` ahead; `iat`, `nbf` not ahead.
4. `jti` is there; whoever reads it spends it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from counterfoil.core.canonical import is_finite_number
from counterfoil.core.claims import VerifiedClaims
from counterfoil.core.model import JsonValue
from counterfoil.errors import InvalidLauncher

MAX_AHEAD_SECONDS = 300
_JTI = re.compile(r"[!-~]{8,256}", re.ASCII)


def read_assertion(
    claims: VerifiedClaims,
    *,
    launcher: str,
    audiences: Collection[str],
    now: float,
    leeway_seconds: int,
) -> tuple[str, float]:
    """Return `jti`, to be spent, and until when the assertion could be used again.

    Raises:
        InvalidLauncher: a rule does not hold.
    """
    if claims.get("iss") != launcher or claims.get("sub") != launcher:  # 1
        raise InvalidLauncher
    audience = claims.get("aud")  # 2
    values = [audience] if isinstance(audience, str) else audience
    if not isinstance(values, list) or len(values) != 1 or values[0] not in audiences:
        raise InvalidLauncher
    expires_at = _time(claims.get("exp"))  # 3
    if not now < expires_at <= now + MAX_AHEAD_SECONDS + leeway_seconds:
        raise InvalidLauncher
    for name in ("iat", "nbf"):
        if name in claims and _time(claims[name]) > now + leeway_seconds:
            raise InvalidLauncher
    token_id = claims.get("jti")  # 4
    if not isinstance(token_id, str) or not _JTI.fullmatch(token_id):
        raise InvalidLauncher
    return token_id, expires_at


def _time(value: JsonValue) -> float:
    if not is_finite_number(value):
        raise InvalidLauncher
    return float(value)  # type: ignore[arg-type]
