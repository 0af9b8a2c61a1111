"""The service provider for tests: the real verifier over a real XML child, one open request."""

from __future__ import annotations

import re
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from counterfoil.config import load_config
from counterfoil.core.saml_login import PendingLogin
from counterfoil.identity.saml import ServiceProvider
from counterfoil.ports_saml import SamlLogin, SignOn
from counterfoil.reading.xml_reader import XmlReader
from saml_cases.workshop import Workshop
from simulators.saml_idp import SP, SamlIdp

NOW = 1_800_000_000.0
URL = "http://127.0.0.1:8282"
ACS = f"{URL}/saml/acs"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # of RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CALLBACK = "http://127.0.0.1:53682/"


@dataclass(slots=True)
class Door:
    """What an answer comes through; `now` is the service's clock."""

    idp: SamlIdp
    folder: Path
    reader: XmlReader
    provider: ServiceProvider
    now: float = NOW

    def start(self, *, state: str = "state-of-a-login", now: float | None = None) -> SignOn:
        """Start a login."""
        pending = PendingLogin(
            code_challenge=CHALLENGE,
            redirect_uri=CALLBACK,
            state=state,
            started_at=int(self.now if now is None else now),
        )
        return self.provider.start(pending, provider=None)

    def workshop(self, sign_on: SignOn) -> tuple[Workshop, str]:
        """The workshop for the request that a browser takes to the provider, and its RelayState."""
        request, relay = request_of(sign_on)
        found = re.search(r' ID="([^"]+)"', request)
        assert found is not None
        return Workshop(idp=self.idp, request_id=found[1], now=self.now, acs_url=ACS), relay

    def verify(self, document: str | bytes, relay: str) -> SamlLogin:
        """Give the verifier a document as a browser posts it."""
        data = (
            document if isinstance(document, bytes) else document.encode("utf-8", "surrogatepass")
        )
        return self.provider.verify(
            b64encode(data).decode(), relay, now=self.now, deadline=time.monotonic() + 30
        )


def request_of(sign_on: SignOn) -> tuple[str, str]:
    """The AuthnRequest and the RelayState that the browser carries."""
    if sign_on.fields is not None:
        return b64decode(sign_on.fields["SAMLRequest"]).decode(), sign_on.fields["RelayState"]
    query = parse_qs(urlsplit(sign_on.location).query)
    deflated = b64decode(query["SAMLRequest"][0])
    return zlib.decompress(deflated, -zlib.MAX_WBITS).decode(), query["RelayState"][0]


@contextmanager
def open_door(folder: Path, idp: SamlIdp, *, more: str = "", identity: str = "") -> Iterator[Door]:
    """A service provider for one provider; `more` are lines of its entry, `identity` of the table."""
    (folder / "idp.xml").write_text(idp.metadata())
    config = folder / "counterfoil.toml"
    config.write_text(
        f"[identity]\n{identity}\n[[identity.saml]]\n"
        f'metadata_file = "idp.xml"\nentity_id = "{SP}"\n{more}\n'
    )
    reader = XmlReader()
    door: Door | None = None
    try:
        provider = ServiceProvider(
            load_config(config, {}).identity,
            public_url=URL,
            request_key=b"k" * 32,
            reader=reader,
            run_directory=folder / "run",
            now=lambda: NOW if door is None else door.now,
            monotonic=time.monotonic,
        )
        door = Door(idp, folder, reader, provider)
        yield door
    finally:
        reader.close()
