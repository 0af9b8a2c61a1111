"""A deployment whose people of tenant acme can also log in by SAML, and a browser to do it."""

from __future__ import annotations

import secrets
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from counterfoil.core.canonical import digest
from counterfoil.core.token_request import TokenType
from counterfoil.flows.saml_codes import LedgerSamlCodes
from counterfoil.ports_saml import SignOn
from counterfoil.ports_tokens import SamlCodes
from deployment import URL, Deployment, deployed
from saml_cases.workshop import MALLORY, Workshop
from saml_door import request_of
from service import PROMPT
from simulators.http_door import Answer
from simulators.saml_idp import SP, SamlIdp

CALLBACK = "http://127.0.0.1:53682/"


@dataclass(slots=True, kw_only=True)
class Login:
    """One login as its launcher and browser know it."""

    verifier: str
    state: str
    relay: str
    workshop: Workshop


@dataclass(slots=True)
class World:
    """The deployment with its SAML provider."""

    deployment: Deployment
    idp: SamlIdp
    signed_names: frozenset[str] = frozenset({MALLORY})

    @property
    def codes(self) -> SamlCodes:
        """What `POST /token` takes codes from."""
        adapters = self.deployment.app.extensions["counterfoil"]
        return LedgerSamlCodes(
            clock=adapters.clock,
            ids=adapters.ids,
            ledger=adapters.ledger,
            answers=adapters.ledger,
            random=secrets.token_bytes,
            ledger_timeout_seconds=20.0,
        )

    def login_query(self, **changes: str | None) -> dict[str, str]:
        """The parameters of an honest `GET /saml/login`; None leaves one out."""
        query = {
            "code_challenge": digest(b"v" * 43),
            "code_challenge_method": "S256",
            "redirect_uri": CALLBACK,
            "state": "a-state-of-mine",
            **changes,
        }
        return {name: value for name, value in query.items() if value is not None}

    def get(self, path: str, **query: str) -> Answer:
        """What a browser asks for."""
        return self.deployment.call("GET", f"{path}?{urlencode(query)}", None)

    def start(self, **changes: str | None) -> Login:
        """Start a login; the browser is on its way to the provider."""
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(12)
        query = self.login_query(
            code_challenge=digest(verifier.encode()), **{"state": state, **changes}
        )
        answer = self.get("/saml/login", **query)
        assert answer.status == 302, answer.data
        request, relay = request_of(SignOn(location=answer.headers["Location"]))
        identifier = request.partition(' ID="')[2].partition('"')[0]
        workshop = Workshop(
            idp=self.idp,
            request_id=identifier,
            now=time.time(),  # noqa: TID251
            acs_url=f"{URL}/saml/acs",
        )
        return Login(verifier=verifier, state=state, relay=relay, workshop=workshop)

    def post(self, document: str | bytes, relay: str, **more: str) -> Answer:
        """The browser posts what the provider gave it."""
        data = document if isinstance(document, bytes) else document.encode()
        fields = {"SAMLResponse": b64encode(data).decode(), "RelayState": relay, **more}
        return self.deployment.post_form("/saml/acs", fields)

    def code(self, login: Login, document: str | None = None) -> str:
        """Finish a login: the code that comes back to the launcher."""
        answer = self.post(document or login.workshop.honest(), login.relay)
        assert answer.status == 303, answer.data
        return str(returned(answer)["code"])

    def exchange(self, code: str, verifier: str, **parameters: Any) -> Answer:
        """`POST /token` with a code."""
        wanted = {
            "subject_token_type": TokenType.SAML_CODE.value,
            "code_verifier": verifier,
            "agent": "coder",
            "prompt": PROMPT,
            **parameters,
        }
        return self.deployment.exchange(code, **wanted)


def returned(answer: Answer) -> dict[str, str]:
    """What the launcher gets at its loopback address."""
    location = urlsplit(answer.headers["Location"])
    assert location.geturl().startswith(f"{CALLBACK}?")
    return dict(parse_qsl(location.query, strict_parsing=True))


def assert_problem(answer: Answer, code: str = "identity.saml_refused", status: int = 401) -> None:
    """A problem document that says no more than it must, and sends nobody anywhere."""
    assert answer.status == status, answer.data
    problem = answer.problem()
    assert problem["code"] == code
    assert "Location" not in answer.headers
    assert "detail" not in problem or status in {413, 422}


@contextmanager
def saml_world(folder: Path, *, more: str = "", idp: SamlIdp | None = None) -> Iterator[World]:
    """A deployment with SAML in tenant acme; `more` are lines of its entry."""
    provider = idp or SamlIdp()
    metadata = folder / "idp.xml"
    metadata.write_text(provider.metadata())
    entry = (
        f'[[identity.saml]]\nentity_id = "{SP}"\nmetadata_file = "{metadata}"\ntenant = "acme"\n'
    )
    with deployed(folder, more=entry + more) as deployment:
        try:
            yield World(deployment, provider)
        finally:
            deployment.app.extensions["counterfoil"].xml_reader.close()
