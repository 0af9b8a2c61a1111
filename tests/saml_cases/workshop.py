"""Where SAML documents are made: the provider, an attacker with keys, and one open request."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.saml_idp import Answer, SamlIdp
from simulators.saml_signing import Make, Signing, sign

ALICE, MALLORY, ADMIN = "alice@example.test", "mallory@example.test", "admin@example.test"


@dataclass(slots=True, kw_only=True)
class Workshop:
    """Everything that a document needs to be accepted, and what an attacker adds."""

    idp: SamlIdp
    request_id: str
    now: float
    acs_url: str

    @property
    def stranger(self) -> Signing:
        """The attacker's own key."""
        return _stranger()

    def answer(self, **changes: Any) -> Answer:
        """An honest answer to the open request, unsigned."""
        return self.idp.answer(
            **{"request_id": self.request_id, "now": self.now, "acs_url": self.acs_url, **changes}
        )

    def honest(self, **changes: Any) -> str:
        """One whose assertion the provider signed."""
        return self.idp.signed(self.answer(**changes))

    def made(self, **make: Any) -> str:
        """One whose signature the provider made in another way."""
        return self.idp.signed(self.answer(), make=Make(**make))

    def by(self, signing: Signing, **make: Any) -> str:
        """One that somebody else signed."""
        return sign(self.answer().xml(), "Assertion", signing, Make(**make))


@cache
def _stranger() -> Signing:
    return Signing.rsa()  # one a test process: a key takes a tenth of a second to make


Recipe: TypeAlias = Callable[[Workshop], "str | bytes"]
Hostile: TypeAlias = Mapping[str, tuple[str, Recipe]]
"""By name: the rule of `identity/saml.py` that refuses, and the document."""


def edited(pattern: str, new: str) -> Recipe:
    """An honest answer that somebody edited at one place after it was signed."""

    def make(workshop: Workshop) -> str:
        text, count = re.subn(pattern, new, workshop.honest(), count=1, flags=re.DOTALL)
        assert count == 1, pattern
        return text

    return make


def said(**changes: Any) -> Recipe:
    """What the provider really signed, saying something else; a change may be a function."""

    def make(workshop: Workshop) -> str:
        base = workshop.answer()
        values = {name: v(base) if callable(v) else v for name, v in changes.items()}
        return workshop.idp.signed(replace(base, **values))

    return make


def key_value(signing: Signing) -> str:
    """A KeyInfo that holds the key itself."""
    assert isinstance(signing.key, rsa.RSAPrivateKey)
    numbers = signing.key.public_key().public_numbers()

    def text(value: int) -> str:
        return b64encode(value.to_bytes((value.bit_length() + 7) // 8)).decode()

    return (
        "<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue>"
        f"<ds:Modulus>{text(numbers.n)}</ds:Modulus><ds:Exponent>{text(numbers.e)}</ds:Exponent>"
        "</ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>"
    )
