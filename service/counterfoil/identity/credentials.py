"""The one way in: an unverified bearer token becomes a `Caller`, or is refused.

A token that was verified is remembered until it expires, its issuer's keys change, or
`MAX_REMEMBERED_SECONDS` passed, whichever comes first. Refusals are never remembered, so
nobody can fill the memory with rubbish. The token itself is not kept, only its SHA-256.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from counterfoil.config_model import Config
from counterfoil.core.claims import read_caller, read_source
from counterfoil.core.model import Caller
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import (
    ConfigError,
    IdentityUnavailable,
    MissingClaim,
    MissingCredential,
    Rule,
)
from counterfoil.identity.jwks import KeyFile, KeySet
from counterfoil.identity.oidc import TrustedIssuer, verify_token
from counterfoil.identity.published import Providers, PublishedKeys, key_source
from counterfoil.ports import Health, Proof

CACHE_ENTRIES: Final = 4_096  # per worker; about 2 MB of usual callers
MAX_REMEMBERED_SECONDS: Final = 60.0  # bounds what a missed change of keys could cost


@dataclass(frozen=True, slots=True)
class _Remembered:
    caller: Caller
    verified_at: float
    until: float
    keys: KeyFile | PublishedKeys
    key_set: KeySet


class Verifier:
    """Implements `ports.IdentityVerifier` and `ports.SourceVerifier`.

    Thread safe; one per worker.
    """

    def __init__(self, config: Config) -> None:
        directory = config.server.run_directory
        providers = Providers(directory)
        self._issuers = {
            issuer.entry.issuer: TrustedIssuer.of(issuer, key_source(issuer, directory, providers))
            for issuer in config.identity.oidc
        }
        self._roles = config.roles
        self._leeway_seconds = config.identity.leeway_seconds
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()  # guarded by _lock
        self._lock = threading.Lock()

    def verify(self, unverified_token: str, *, now: float, grace_seconds: float = 0.0) -> Caller:
        """Return who presents the token.

        With `grace_seconds`, a token that expired up to so long ago still says who reports
        (outcomes only); such a caller is never remembered.

        Raises:
            MissingCredential: the token is empty.
            IdentityError: any other refusal; one public text, nothing of the token in it.
        """
        if not unverified_token:
            raise MissingCredential
        name = sha256(unverified_token.encode("utf-8", "surrogatepass")).digest()
        known = self._recall(name, now)
        if known is not None:
            return known
        claims, issuer, key_set = verify_token(unverified_token, self._issuers, now=now)
        caller = read_caller(
            claims,
            issuer.entry,
            self._roles,
            now=now,
            leeway_seconds=self._leeway_seconds,
            grace_seconds=grace_seconds,
        )
        _refuse_bound(caller.key_thumbprint)
        if caller.expires_at <= now:
            return caller
        until = min(caller.expires_at, now + MAX_REMEMBERED_SECONDS)
        self._remember(name, _Remembered(caller, now, until, issuer.keys, key_set))
        return caller

    def verify_source(
        self,
        unverified_token: str,
        *,
        now: float,
        proof: Proof | None = None,  # noqa: ARG002 -- no bound token passes yet (rule 11)
    ) -> VerifiedSource:
        """Return the person whom a provider's own token is about (`ports.SourceVerifier`).

        Raises:
            MissingCredential: the token is empty.
            IdentityError: any other refusal; one public text, nothing of the token in it.
        """
        if not unverified_token:
            raise MissingCredential
        claims, issuer, _ = verify_token(unverified_token, self._issuers, now=now)
        source = read_source(claims, issuer.entry, now=now, leeway_seconds=self._leeway_seconds)
        _refuse_bound(source.key_thumbprint)
        return source

    def health(self, *, now: float) -> Health:
        """Whether anybody can be known: the keys of some issuer are there. Never raises."""
        lacking = sum(1 for issuer in self._issuers.values() if not _has_keys(issuer, now))
        ready = lacking == 0 or lacking < len(self._issuers)
        detail = f"{lacking} of {len(self._issuers)} issuers have no keys" if lacking else ""
        return Health(ready=ready, detail=detail)

    def _recall(self, name: bytes, now: float) -> Caller | None:
        entry = self._remembered.get(name)
        if entry is None:
            return None
        # A clock that was set back takes nbf and iat with it: verify again.
        fresh = entry.verified_at <= now < entry.until
        with self._lock:
            if fresh and entry.keys.current(now) is entry.key_set:
                if name in self._remembered:
                    self._remembered.move_to_end(name)
                return entry.caller
            self._remembered.pop(name, None)
        return None

    def _remember(self, name: bytes, entry: _Remembered) -> None:
        with self._lock:
            self._remembered[name] = entry
            self._remembered.move_to_end(name)
            if len(self._remembered) > CACHE_ENTRIES:
                self._remembered.popitem(last=False)


def _has_keys(issuer: TrustedIssuer, now: float) -> bool:
    try:
        issuer.keys.current(now)
    except IdentityUnavailable:
        return False
    return True


def _refuse_bound(key_thumbprint: str | None) -> None:
    # Rule 11: a token bound to a key is worth nothing without the proof, and none is read yet.
    if key_thumbprint is not None:
        raise MissingClaim("a token with cnf needs a proof", rule=Rule.PROOF)


def check_key_files(config: Config, *, now: float) -> None:
    """Read every key file once, for the start. Fetched keys may come later.

    A worker that starts later under a broken file answers 503 for that issuer alone.

    Raises:
        ConfigError: a key file is missing or holds no key that may verify.
    """
    for i, issuer in enumerate(config.identity.oidc):
        if issuer.jwks_file is None:
            continue
        try:
            KeyFile(issuer.jwks_file).current(now)
        except IdentityUnavailable as error:
            raise ConfigError(
                f"{issuer.jwks_file} holds no key that may verify. Write the issuer's public "
                "signing keys (RSA from 2048 bits, P-256 or Ed25519), each with its kid.",
                pointer=f"identity.oidc[{i}].jwks_file",
            ) from error
