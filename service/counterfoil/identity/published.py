"""A worker's side of what is fetched: the published file, and the way to ask for a newer one.

The providers' process (`providers.py`) alone calls identity providers. It publishes each
issuer's key set as a file in the run directory; a worker follows the file as any other key
file, and the metadata of SAML providers likewise. So a request never waits for a provider, but
for one case: a token names a `kid` that the set lacks, or an answer is signed by an unknown
key, as after a rotation. Then the worker asks the process to fetch now, which it does at most
once per interval whoever asks, and waits a bounded time for the answer.
"""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import threading
from pathlib import Path
from typing import Final

from counterfoil.config_model import OidcIssuer, RemoteProvider, SamlProvider
from counterfoil.identity.jwks import KeyFile, KeySet

SOCKET_NAME: Final = "idp.sock"
FOLDER: Final = "issuers"
MAX_STALE_SECONDS: Final = 86_400.0
"""How long known keys go on while no fetch succeeds. Somebody who can keep us from fetching
keeps a key alive that the provider has withdrawn; that must end."""
RENEWAL_SECONDS: Final = 3.0  # what a request may wait for newer keys
MAX_WAITING: Final = 16  # of one worker, for one issuer: the rest is refused at once
UNREACHABLE_SECONDS: Final = 1.0  # before the process is asked again when it was not there
MAX_LINE_BYTES: Final = 524_288  # an answer of a provider within a line of ours

_log = logging.getLogger(__name__)


class ProvidersUnavailable(Exception):
    """The providers' process gave no answer in time."""


class Providers:
    """Asks the providers' process; one connection a question. Thread safe."""

    def __init__(self, run_directory: Path) -> None:
        self._path = str(run_directory / SOCKET_NAME)

    def ask(self, question: dict[str, str], seconds: float) -> dict[str, object]:
        """Return the answer to one question.

        Raises:
            ProvidersUnavailable: nobody there, no answer in time, or none that can be read.
        """
        # Two local writes and a read: the time-out, counted anew for each, is the bound
        # because the process answers in one piece.
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
                peer.settimeout(seconds)
                peer.connect(self._path)
                peer.sendall(json.dumps(question).encode("ascii") + b"\n")
                with peer.makefile("rb") as lines:
                    line = lines.readline(MAX_LINE_BYTES)
            answer = json.loads(line)
        except (OSError, ValueError) as error:
            raise ProvidersUnavailable(type(error).__name__) from error
        if not isinstance(answer, dict):
            raise ProvidersUnavailable("no answer")
        return answer


class Renewal:
    """A worker's way to newer content of one provider, asked for seldom. Thread safe.

    Args:
        question: what the providers' process is asked.
        what: what is asked for, for the log.
        providers: the way there.
    """

    def __init__(self, question: dict[str, str], what: str, providers: Providers) -> None:
        self._question, self._what, self._providers = question, what, providers
        self._lock = threading.Lock()
        self._asked_at: float | None = None  # guarded by _lock, like all below
        self._rest_seconds = 0.0
        self._waiting = 0

    def ask(self, now: float) -> bool:
        """Have it fetched, unless that was done just now; whether anybody was asked."""
        if not self._may_ask(now):
            return False
        rest = UNREACHABLE_SECONDS
        try:
            answer = self._providers.ask(self._question, RENEWAL_SECONDS)
            rest = _seconds(answer.get("rest_seconds"))
        except ProvidersUnavailable as error:
            _log.warning("newer %s could not be asked for: %s", self._what, error)
        finally:
            with self._lock:
                self._waiting -= 1
                self._asked_at, self._rest_seconds = now, rest
        return True

    def _may_ask(self, now: float) -> bool:
        with self._lock:
            asked_at = self._asked_at
            resting = asked_at is not None and 0 <= now - asked_at < self._rest_seconds
            if resting or self._waiting >= MAX_WAITING:
                return False
            self._waiting += 1
            return True


class PublishedKeys:
    """The keys of one issuer that are fetched (`KeyFile`'s methods). Thread safe."""

    def __init__(self, issuer: str, path: Path, providers: Providers) -> None:
        self._file = KeyFile(path, max_age_seconds=MAX_STALE_SECONDS)
        self._renewal = Renewal({"renew": issuer}, f"keys of {issuer}", providers)

    def current(self, now: float) -> KeySet:
        """Return the keys that were published last.

        Raises:
            IdentityUnavailable: none ever were, or they are too old.
        """
        return self._file.current(now)

    def renewed(self, now: float) -> KeySet:
        """Return the keys after one could not be found: newer ones where there are any.

        Raises:
            IdentityUnavailable: as `current`.
        """
        if self._renewal.ask(now):
            self._file.look(now)
        return self._file.current(now)


def metadata_path(run_directory: Path, provider: SamlProvider) -> Path:
    """Where a SAML provider's metadata is published; its stem is what one asks for."""
    trusted = provider.metadata_certificate_file
    parts = ["saml", provider.issuer, provider.metadata_url, trusted and str(trusted)]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    return run_directory / FOLDER / f"{name}.xml"


def metadata_renewal(path: Path, provider: SamlProvider, providers: Providers) -> Renewal:
    """The way to newer metadata of one provider."""
    return Renewal({"renew_metadata": path.stem}, f"metadata of {provider.issuer}", providers)


def keys_path(run_directory: Path, issuer: str, provider: RemoteProvider) -> Path:
    """Where an issuer's keys are published; elsewhere once they come from elsewhere."""
    name = json.dumps([issuer, provider.jwks_uri])
    return run_directory / FOLDER / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def key_source(
    issuer: OidcIssuer, run_directory: Path, providers: Providers
) -> KeyFile | PublishedKeys:
    """The keys of one entry: its own file, or what is published of its provider."""
    if issuer.jwks_file is not None:
        return KeyFile(issuer.jwks_file)
    path = keys_path(run_directory, issuer.entry.issuer, issuer.provider)
    return PublishedKeys(issuer.entry.issuer, path, providers)


def _seconds(value: object) -> float:
    return max(0.0, float(value)) if isinstance(value, (int, float)) else UNREACHABLE_SECONDS
