"""A person logs in by SAML: the service speaks with their provider, we get a single-use code."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from counterfoil.cli.login_http import LoginFailed
from counterfoil.cli.login_loopback import listening
from counterfoil.core.canonical import digest

STATE_BYTES = 12  # 16 characters, so that RelayState keeps to the 80 bytes of SAML bindings §3.4.3


@dataclass(frozen=True, slots=True)
class SamlCode:
    """A code of the service and the PKCE verifier that it is bound to."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)


def by_saml(
    url: str,
    *,
    provider: str | None,
    port: int,
    wait_seconds: int,
    browse: Callable[[str], None],
) -> SamlCode:
    """Log in with the browser at the service's SAML provider.

    Args:
        url: the service, as it names itself (`grant.issuer`).
        provider: the identity provider's entity id, None for the only one.
        port: where to listen, 0 for any port.
        wait_seconds: how long the browser may take to come back.
        browse: shows a page to the person.

    Raises:
        LoginFailed: nobody came back, or somebody else's answer did.
    """
    state, verifier = secrets.token_urlsafe(STATE_BYTES), secrets.token_urlsafe(48)
    with listening(port, state) as loopback:
        query = {
            "code_challenge": digest(verifier.encode()),
            "code_challenge_method": "S256",
            "redirect_uri": loopback.redirect_uri,
            "state": state,
            **({} if provider is None else {"provider": provider}),
        }
        browse(f"{url}/saml/login?{urlencode(query)}")
        back = loopback.wait(wait_seconds)
    if back.get("iss") != url:  # RFC 9207
        raise LoginFailed(
            "the answer came from another service (iss)",
            "Write login.url as the service names itself: its grant.issuer.",
        )
    if not back.get("code"):
        raise LoginFailed("the service sent no code", "Log in again.")
    return SamlCode(back["code"], verifier)
