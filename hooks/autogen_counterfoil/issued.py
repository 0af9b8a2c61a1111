"""The credential of one call: fetched where the tool uses it, held by that call, gone after it.

`current_grant().credential()` sends the signed request to the issuer that the service has named,
with a proof of the run's key (RFC 9449), and gets a credential for exactly the permissions of
the decision. It is asked for once: the request counts once, whoever sends it.

Its secrets are never shown: not by `repr`, not in an error, not in what is reported. A result
or an error of the tool that holds one of them is kept back (`Held.leaks`).
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn
from urllib.parse import urlencode

import httpx

from autogen_counterfoil.canonical import JsonObject, canonical
from autogen_counterfoil.dpop import DPoPKey
from autogen_counterfoil.errors import AnswerNotTrustedError, CredentialNotIssuedError
from autogen_counterfoil.exchange import checked_url
from autogen_counterfoil.wire import read_json

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SECONDS: Final = 30.0
"""The most that an issuer may take: a cluster has to enforce the limits first."""
MAX_ANSWER_BYTES: Final = 262_144
LEAST_SECRET: Final = 8
"""Shorter members (a port, a database's name) are no secrets, and stand in honest results."""
_PUBLIC: Final = frozenset(
    {"host", "port", "dbname", "user", "username", "registry", "server", "namespace", "url"}
    | {"region", "expires_at", "ca"}
)
_OK: Final = 200


class Credential(Mapping[str, str]):
    """What an issuer gave, by name. Read a member to use it; nothing here prints one.

    `expires_in` are the seconds that it works at most, from when it came.
    """

    __slots__ = ("_members", "expires_in")

    def __init__(self, members: Mapping[str, str], *, expires_in: int) -> None:
        self._members = dict(members)
        self.expires_in = expires_in

    def __getitem__(self, name: str) -> str:
        """Return one member.

        Raises:
            KeyError: there is none of that name.
        """
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        """Name the members, never what they are."""
        return f"Credential({', '.join(sorted(self._members))})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: it belongs to one call."""
        raise TypeError("a credential stays in its call")

    def secrets(self) -> list[str]:
        """Every value that nobody else may read."""
        found = [value for name, value in self._members.items() if name not in _PUBLIC]
        return [value for value in found if len(value) >= LEAST_SECRET]

    def forget(self) -> None:
        """Drop it: the call is over."""
        self._members.clear()


@dataclass(slots=True)
class Held:
    """The credential of one grant: none yet, one, or none any more. Thread safe.

    Args:
        endpoint: where the issuer gives it; None where the service has named none.
        signed_request: the scoped token request, signed by the service.
        permissions: what the credential must be for, and nothing else.
        key: the key that the request is bound to, None for a run without one.
        tls: trust for https.
        insecure_http: allow plain HTTP to another machine.
    """

    endpoint: str | None
    signed_request: str = field(repr=False)
    permissions: tuple[JsonObject, ...]
    key: DPoPKey | None = None
    tls: ssl.SSLContext | None = None
    insecure_http: bool = False
    _credential: Credential | None = field(default=None, repr=False)
    _asked: bool = False
    _over: bool = False
    _secrets: list[str] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get(self) -> Credential:
        """Return the credential; the first time it is fetched. Blocks, `SECONDS` at most.

        Raises:
            CredentialNotIssuedError: there is none, or the call is over.
        """
        with self._lock:
            if self._over:
                raise CredentialNotIssuedError("the call that it was for is over")
            if self._credential is not None:
                return self._credential
            if self._asked:
                raise CredentialNotIssuedError("it was asked for before, and is given once")
            self._asked = True
            self._credential = self._fetched()
            self._secrets = self._credential.secrets()
            return self._credential

    def end(self) -> None:
        """The call is over: what was given is dropped, and nothing is given any more."""
        with self._lock:
            self._over = True
            if self._credential is not None:
                self._credential.forget()

    def leaks(self, text: str) -> bool:
        """Whether a text holds one of the secrets."""
        return any(secret in text for secret in self._secrets)

    def _fetched(self) -> Credential:
        if self.endpoint is None:
            raise CredentialNotIssuedError("the service names no issuer for this resource")
        try:
            endpoint = checked_url(self.endpoint, insecure_http=self.insecure_http)
        except ValueError as error:
            raise CredentialNotIssuedError(f"its address: {error}") from error
        body = urlencode({"grant_type": GRANT_TYPE, "assertion": self.signed_request})
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        if self.key is not None:
            headers["DPoP"] = self.key.proof("POST", endpoint, token=self.signed_request)
        status, answer = self._posted(endpoint, body.encode("ascii"), headers)
        return self._read(status, answer)

    def _posted(self, endpoint: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """One try: a second one would find the request redeemed."""
        end = time.monotonic() + SECONDS
        answer = bytearray()
        try:
            with (
                httpx.Client(
                    trust_env=False,
                    follow_redirects=False,
                    verify=self.tls or True,
                    timeout=SECONDS,
                ) as client,
                client.stream("POST", endpoint, content=body, headers=headers) as response,
            ):
                for chunk in response.iter_raw():
                    answer += chunk
                    if len(answer) > MAX_ANSWER_BYTES or time.monotonic() > end:
                        raise CredentialNotIssuedError("its answer is too large, or too late")
                return response.status_code, bytes(answer)
        except httpx.HTTPError as error:
            # `from None`: a client's error may quote what was sent
            raise CredentialNotIssuedError(f"no answer: {type(error).__name__}") from None

    def _read(self, status: int, body: bytes) -> Credential:
        try:
            value = read_json(body)
        except AnswerNotTrustedError:
            raise CredentialNotIssuedError(f"HTTP {status} without JSON") from None
        if status != _OK:
            raise CredentialNotIssuedError(_told(value, status), code=_code(value))
        members, seconds = value.get("credential"), value.get("expires_in")
        details = value.get("authorization_details")
        if canonical(details) != canonical(list(self.permissions)):
            # RFC 9396 §7: what was granted. Wider or other than asked is not used at all.
            raise CredentialNotIssuedError("it is not for exactly the decided permissions")
        if (
            not isinstance(members, dict)
            or not members
            or not all(isinstance(item, str) for item in members.values())
            or not isinstance(seconds, int)
        ):
            raise CredentialNotIssuedError("its answer is not of the published shape")
        return Credential({str(k): str(v) for k, v in members.items()}, expires_in=seconds)


def _told(value: JsonObject, status: int) -> str:
    described = value.get("error_description")
    return described[:500] if isinstance(described, str) else f"HTTP {status}"


def _code(value: JsonObject) -> str:
    uri = value.get("error_uri")
    return uri.rpartition(":")[2][:128] if isinstance(uri, str) else ""
