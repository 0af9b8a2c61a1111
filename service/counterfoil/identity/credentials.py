"""The one way in: an unverified bearer token becomes a `Caller`, or is refused.

A token that was verified is remembered until it expires, its issuer's keys change, or
`MAX_REMEMBERED_SECONDS` passed, whichever comes first. Refusals are never remembered, so
nobody can fill the memory with rubbish. The token itself is not kept, only its SHA-256.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from counterfoil.config_model import Config
from counterfoil.core.agents import AgentRegistry
from counterfoil.core.claims import (
    IssuerEntry,
    VerifiedClaims,
    read_caller,
    read_source,
    with_origin,
)
from counterfoil.core.model import Caller
from counterfoil.core.sources import VerifiedSource
from counterfoil.errors import (
    ConfigError,
    IdentityUnavailable,
    InvalidProof,
    MissingCredential,
)
from counterfoil.identity.certificates import check_certificates
from counterfoil.identity.delegation import OwnTokens, own_issuer
from counterfoil.identity.dpop import ProofVerifier
from counterfoil.identity.introspection import (
    REMEMBERED_SECONDS,
    client_authorization,
    introspect,
    is_opaque,
)
from counterfoil.identity.jwks import KeyFile, KeySet
from counterfoil.identity.oidc import TrustedIssuer, verify_token
from counterfoil.identity.published import Providers, PublishedKeys, key_source
from counterfoil.identity.signing import Es256Signer
from counterfoil.ports import Health, Proof

CACHE_ENTRIES: Final = 4_096  # per worker; about 2 MB of usual callers
MAX_REMEMBERED_SECONDS: Final = 60.0  # bounds what a missed change of keys could cost


@dataclass(frozen=True, slots=True)
class _Remembered:
    caller: Caller
    verified_at: float
    until: float
    keys: KeyFile | PublishedKeys | None  # None: the provider vouched, not a key
    key_set: KeySet | None


class Verifier:
    """Implements `ports.IdentityVerifier`, `ports.SourceVerifier` and `ports_tokens.Proofs`.

    Thread safe; one per worker. Without `proofs` no token that is bound to a key counts,
    without `signer` no delegation token of ours but in development.
    """

    def __init__(
        self,
        config: Config,
        proofs: ProofVerifier | None = None,
        signer: Es256Signer | None = None,
    ) -> None:
        directory = config.server.run_directory
        providers = Providers(directory)
        self._issuers = {
            issuer.entry.issuer: TrustedIssuer.of(issuer, key_source(issuer, directory, providers))
            for issuer in config.identity.oidc
        }
        self._own = OwnTokens(config.token, AgentRegistry.of(config.identity.agents))
        own = {} if signer is None else {config.token.issuer: own_issuer(config, signer)}
        self._trusted = {**own, **self._issuers}  # in development an entry has our name
        self._proofs = proofs
        self._providers = providers
        self._introspects = next(
            (item.entry for item in config.identity.oidc if item.provider.introspection), None
        )
        self._roles = config.roles
        self._leeway_seconds = config.identity.leeway_seconds
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()  # guarded by _lock
        self._lock = threading.Lock()

    def verify(
        self,
        unverified_token: str,
        *,
        now: float,
        grace_seconds: float = 0.0,
        proof: Proof | None = None,
    ) -> Caller:
        """Return who presents the token (`ports.IdentityVerifier`).

        With `grace_seconds`, a token that expired up to so long ago still says who reports
        (outcomes only); such a caller is never remembered. What is remembered of a bound
        token is not enough: each request brings its own proof.

        Raises:
            MissingCredential: the token is empty.
            IdentityError: any other refusal; one public text, nothing of the token in it.
            LedgerError: a proof could not be spent.
        """
        if not unverified_token:
            raise MissingCredential
        caller = self._caller(unverified_token, now=now, grace_seconds=grace_seconds)
        if caller.key_thumbprint is not None:
            self._prove(proof, caller.key_thumbprint, unverified_token, now=now, presented=True)
        elif proof is not None:  # RFC 9449 §7.1: that scheme is for bound tokens
            raise InvalidProof("the token is not bound to a key")
        return caller

    def verify_source(
        self, unverified_token: str, *, now: float, proof: Proof | None = None
    ) -> VerifiedSource:
        """Return the person whom a provider's own token is about (`ports.SourceVerifier`).

        Raises:
            MissingCredential: the token is empty.
            IdentityError: any other refusal; one public text, nothing of the token in it.
            LedgerError: a proof could not be spent.
        """
        if not unverified_token:
            raise MissingCredential
        claims, entry, _, _ = self._proven(unverified_token, self._issuers, now=now)
        source = read_source(claims, entry, now=now, leeway_seconds=self._leeway_seconds)
        if source.key_thumbprint is not None:
            bound_to = source.key_thumbprint
            self._prove(proof, bound_to, unverified_token, now=now, presented=False)
            return source
        if proof is None:
            return source
        return replace(source, key_thumbprint=self.prove(proof, now=now))

    def verify_subject(
        self, unverified_token: str, *, now: float, proof: Proof | None = None
    ) -> Caller:
        """Return who a delegation token is about that came in a form (`SubjectTokens`).

        Raises:
            IdentityError: for every refusal.
            LedgerError: a proof could not be spent.
        """
        caller = self._caller(unverified_token, now=now, grace_seconds=0.0)
        if caller.key_thumbprint is not None:
            bound_to = caller.key_thumbprint
            self._prove(proof, bound_to, unverified_token, now=now, presented=False)
            return caller
        if proof is None:
            return caller
        return replace(caller, key_thumbprint=self.prove(proof, now=now))

    def provider_claims(
        self, unverified_token: str, *, now: float, types: frozenset[str]
    ) -> tuple[VerifiedClaims, IssuerEntry]:
        """The claims of what a provider signed for another purpose, and the provider's entry.

        Raises:
            IdentityError: no configured provider signed it as one of `types`.
        """
        claims, issuer, _ = verify_token(unverified_token, self._issuers, now=now, types=types)
        return claims, issuer.entry

    def prove(self, proof: Proof, *, now: float) -> str:
        """Return the RFC 7638 thumbprint of the key that a proof is by.

        Raises:
            InvalidProof: it does not hold.
            LedgerError: it could not be spent.
        """
        if self._proofs is None:
            raise InvalidProof("no proof is read here")
        return self._proofs.prove(proof, now=now)

    def _prove(
        self, proof: Proof | None, bound_to: str, token: str, *, now: float, presented: bool
    ) -> None:
        # Rule 11, and RFC 9449 §7.2: a bound token that comes as a bearer token is stolen.
        if proof is None or self._proofs is None:
            raise InvalidProof("the token is bound to a key, and no proof came with it")
        self._proofs.prove_token(
            proof, now=now, bound_to=bound_to, token=token, presented=presented
        )

    def _caller(self, unverified_token: str, *, now: float, grace_seconds: float) -> Caller:
        name = sha256(unverified_token.encode("utf-8", "surrogatepass")).digest()
        known = self._recall(name, now)
        if known is not None:
            return known
        claims, entry, keys, key_set = self._proven(unverified_token, self._trusted, now=now)
        caller = self._read(claims, entry, now=now, grace_seconds=grace_seconds)
        if caller.expires_at <= now:
            return caller
        most = MAX_REMEMBERED_SECONDS if keys is not None else REMEMBERED_SECONDS
        until = min(caller.expires_at, now + most)
        self._remember(name, _Remembered(caller, now, until, keys, key_set))
        return caller

    def _read(
        self, claims: VerifiedClaims, entry: IssuerEntry, *, now: float, grace_seconds: float
    ) -> Caller:
        ours = entry.issuer == self._own.terms.issuer
        # By the entry that vouched, not by `iss` alone: a provider that is asked about opaque
        # tokens says what it likes there, and must not speak as us.
        if ours and (self._own.is_delegation(claims) or entry.issuer not in self._issuers):
            return self._own.read(claims, now=now, grace_seconds=grace_seconds)
        caller = read_caller(
            claims,
            entry,
            self._roles,
            now=now,
            leeway_seconds=self._leeway_seconds,
            grace_seconds=grace_seconds,
        )
        # A provider's clock may be ahead of ours; that of our own development issuer is ours.
        return with_origin(caller, claims, entry, 0 if ours else self._leeway_seconds)

    def _proven(
        self, unverified_token: str, issuers: Mapping[str, TrustedIssuer], *, now: float
    ) -> tuple[VerifiedClaims, IssuerEntry, KeyFile | PublishedKeys | None, KeySet | None]:
        """The claims that an issuer vouches for: by its signature, or by its word."""
        if self._introspects is not None and is_opaque(unverified_token):
            entry = self._introspects
            return introspect(unverified_token, entry.issuer, self._providers), entry, None, None
        claims, issuer, key_set = verify_token(unverified_token, issuers, now=now)
        return claims, issuer.entry, issuer.keys, key_set

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
            if fresh and (entry.keys is None or entry.keys.current(now) is entry.key_set):
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


def check_key_files(config: Config, *, now: float) -> None:
    """Read every key file once, for the start. Fetched keys may come later.

    A worker that starts later under a broken file answers 503 for that issuer alone.

    Raises:
        ConfigError: a key file is missing or holds no key that may verify, or a client's
            secret or a launcher's certificates cannot be used.
    """
    check_certificates(config.identity.launchers)
    check_certificates(config.issuers, "issuer")
    for i, entry in enumerate(config.issuers):
        if entry.jwks_file is not None:
            _check_keys(entry.jwks_file, f"issuer[{i}].jwks_file", now)
    for i, issuer in enumerate(config.identity.oidc):
        if issuer.provider.introspection is not None:
            client_authorization(issuer.provider.introspection)
        if issuer.jwks_file is not None:
            _check_keys(issuer.jwks_file, f"identity.oidc[{i}].jwks_file", now)


def _check_keys(file: Path, pointer: str, now: float) -> None:
    try:
        KeyFile(file).current(now)
    except IdentityUnavailable as error:
        raise ConfigError(
            f"{file} holds no key that may verify. Write the issuer's public "
            "signing keys (RSA from 2048 bits, P-256 or Ed25519), each with its kid.",
            pointer=pointer,
        ) from error
