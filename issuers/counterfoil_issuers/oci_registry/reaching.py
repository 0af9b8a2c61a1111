"""Whether a registry sends its clients to this realm: `counterfoil issuer oci_registry --check`.

The only question that this issuer ever asks a registry, and without a credential: who is asked for
tokens stands in the challenge (distribution, "Token Authentication Specification").
"""

from __future__ import annotations

import http.client
import re
import ssl
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from counterfoil_issuers.contract import TargetError
from counterfoil_issuers.oci_registry.realm import PATH

_SECONDS: Final = 10.0
_PARAMETER: Final = re.compile(r'([a-z]+)="([^"]{0,1024})"', re.ASCII)


def findings(location: str, service: str) -> list[str]:
    """What an operator should put right, a sentence each.

    Args:
        location: the registry, as configured.
        service: what its tokens are made for.

    Raises:
        TargetError: it does not answer.
    """
    scheme, parameters = _challenge(location)
    if scheme != "bearer":
        return ["The registry asks nobody for tokens. Set auth.token in its configuration."]
    found = []
    if parameters.get("service") != service:
        found.append(f"The registry is not called {service}. Name auth.token.service in service.")
    if urlsplit(parameters.get("realm", "")).path != PATH:
        found.append(f"Its clients are sent elsewhere. Let auth.token.realm end in {PATH}.")
    return found


def _challenge(location: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(location)
    host = parts.netloc
    try:
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, timeout=_SECONDS, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, timeout=_SECONDS)
        try:
            connection.request("GET", "/v2/")
            answer = connection.getresponse()
            text = answer.getheader("WWW-Authenticate") or ""
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise TargetError(f"{location} does not answer: {type(error).__name__}") from error
    if answer.status != HTTPStatus.UNAUTHORIZED:
        return "", {}
    scheme, _, rest = text.partition(" ")
    return scheme.lower(), dict(_PARAMETER.findall(rest))
