"""What a grant's credential is called, and which decision a grant belongs to.

A decision has at most one grant, and a grant becomes at most one credential: so the three are
found from each other, without a table that could say something else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

CREDENTIAL_DOMAIN: Final = b"counterfoil/credential/v1\n"
CREDENTIAL_NAME: Final = re.compile(r"cf-[a-z2-7]{26}", re.ASCII)
"""What a credential is called at its target: good as a role, an account, a label, a session."""

_DECISION, _GRANT = "dec_", "jti_"


def credential_name(jti: str) -> str:
    """The name of the one credential that a request can ever become; 130 bits of its `jti`."""
    digest = hashlib.sha256(CREDENTIAL_DOMAIN + jti.encode()).digest()
    return "cf-" + base64.b32encode(digest).decode().lower()[:26]


def jti_of(decision_id: str) -> str:
    """The `jti` of the grant that this decision may have."""
    return _GRANT + decision_id.removeprefix(_DECISION)


def decision_of(jti: str) -> str:
    """The decision whose grant this would be."""
    return _DECISION + jti.removeprefix(_GRANT)
