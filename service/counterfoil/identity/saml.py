"""Verifies SAML 2.0 answers (Web Browser SSO, HTTP-POST) by numbered rules.

0. Before parsing: bounded, strict base64, UTF-8, no DTD, entity, comment, processing
   instruction or CDATA section (`reading/saml_document.py`, in the supervised child).
1. One `samlp:Response` of version 2.0 with exactly one `Assertion`, its direct child; every ID
   once, no `xml:id`; bounded depth and size (`reading/saml_answer.py`).
2. Signature: of the Response, the Assertion or both, nowhere else; of one make, over its own
   parent; RSA or ECDSA with SHA-256 or better; by a key of the provider's metadata, which its
   issuer chose before; `KeyInfo` is not read (`reading/saml_signature.py`).
3. Only what signxml returned as signed is read afterwards. Of an answer whose Assertion alone
   is signed, the envelope's attributes are unsigned: they can refuse and nothing else.
4. Meaning, here: a) both issuers are the provider; b) status Success; c) `Destination` and
   `Recipient` are our ACS URL; d) both `InResponseTo` are the one request that goes with the
   RelayState (`core/saml_login.py`), made here for this provider, at most ten minutes ago;
   e) `Conditions` with `NotBefore` and `NotOnOrAfter` around now, nothing issued in the future;
   f) every `AudienceRestriction`, one at least, names us; no condition that is not understood;
   g) a bearer confirmation with `NotOnOrAfter`, without `NotBefore` and without another's name;
   h) an `AuthnStatement`, whose `SessionNotOnOrAfter` has not come. Skew: `leeway_seconds`.
5. The request's ID and the assertion's ID are spent durably, once (`flows/saml_login.py`).
6. The name is the whole text of a `NameID` of an allowed format, qualified by this provider
   for this service, or of the one value of `subject_attribute`; groups are a list; a link in
   the place of groups refuses. Nothing is encrypted but, where the entry has a key for it, the
   Assertion as a whole, by AES-GCM and RSA-OAEP alone (`reading/saml_sealed.py`,
   `saml_decryption.py`): rules 0 to 4 hold for what comes out, which its own signature covers.
7. Every failure is one generic 401; which rule it was is in the log alone, and nothing of the
   document is in either.

Logins that start at the provider are refused (rule 4d): nobody asked for them.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Final

from counterfoil.config_model import IdentityConfig, SamlProvider
from counterfoil.config_saml import NAMESPACE_REMEDY, shares_a_name
from counterfoil.core.saml import POST, REDIRECT, IdpMetadata, SamlAnswer
from counterfoil.core.saml_login import (
    REQUEST_SECONDS,
    PendingLogin,
    read_relay_state,
    request_id,
)
from counterfoil.core.saml_rules import Expected, read_login
from counterfoil.errors import (
    ConfigError,
    EncryptedAssertion,
    IdentityUnavailable,
    NotFound,
    SamlRefused,
    SamlRequestUnknown,
    UnknownKey,
)
from counterfoil.identity.saml_entry import Entry, entry_of
from counterfoil.identity.saml_request import AuthnRequest, service_metadata
from counterfoil.ports_saml import SamlLogin, SamlReader, SignOn

ACS_PATH: Final = "/saml/acs"
MAX_ANSWER_CHARS: Final = 262_144  # base64 of the largest document


class ServiceProvider:
    """Implements `ports.SamlIdentity`. Thread safe; one per worker.

    Args:
        config: `[identity]`.
        public_url: where the service says it lives.
        request_key: what the IDs of requests are keyed with; the same on every replica.
        reader: reads documents in the XML child.
        run_directory: where the providers' process publishes what it fetched.
        now, monotonic: the service's clock.

    Raises:
        ConfigError: a key that signs requests or opens assertions cannot be used.
    """

    def __init__(
        self,
        config: IdentityConfig,
        *,
        public_url: str,
        request_key: bytes,
        reader: SamlReader,
        run_directory: Path,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._acs_url = public_url + ACS_PATH
        self._request_key, self._reader, self._now = request_key, reader, now
        self._oidc = config.oidc
        self._leeway_seconds = config.leeway_seconds
        self._session_seconds = config.saml_session_seconds
        self._entries = [
            entry_of(provider, reader, monotonic, run_directory) for provider in config.saml
        ]

    def check(self) -> None:
        """Read every metadata file once, for the start; an address may be down now.

        Raises:
            ConfigError: a file cannot be used, or two entries are of one provider.
        """
        seen: set[str] = set()
        for i, entry in enumerate(self._entries):
            if entry.provider.metadata_file is None:
                continue
            place = f"identity.saml[{i}].metadata_file"
            try:
                name = entry.source.current(self._now()).entity_id
            except IdentityUnavailable as error:
                raise ConfigError(
                    f"{entry.provider.metadata_file} is no usable SAML metadata of one identity"
                    " provider. The log says why; write what the provider publishes.",
                    pointer=place,
                ) from error
            if name in seen:
                raise ConfigError(f"{name} is there already. Keep one entry.", pointer=place)
            seen.add(name)
            if shares_a_name(entry.provider, name, self._oidc):
                problem = "The provider has the name of an OIDC issuer."
                place = f"identity.saml[{i}].subject_namespace"
                raise ConfigError(f"{problem} {NAMESPACE_REMEDY}", pointer=place)

    def start(self, pending: PendingLogin, *, provider: str | None) -> SignOn:
        """Make the one request of a login (`ports.SamlIdentity`)."""
        entry, metadata = self._find(provider)
        binding, destination = _service(entry.provider, metadata)
        relay_state = pending.relay_state()
        formats = entry.provider.name_id_formats
        request = AuthnRequest(
            id=self._request_id(entry, metadata, relay_state),
            issued_at=pending.started_at,
            entity_id=entry.provider.entity_id,
            acs_url=self._acs_url,
            destination=destination,
            name_id_format=formats[0] if len(formats) == 1 else None,
        )
        return request.sign_on(binding, relay_state, entry.key)

    def verify(
        self, unverified_answer: str, unverified_relay: str, *, now: float, deadline: float
    ) -> SamlLogin:
        """Verify an answer by all rules but 5 (`ports.SamlIdentity`)."""
        pending = self._pending(unverified_relay, now)
        answer = self._read(unverified_answer, now, deadline)
        return self._judge(answer, pending, unverified_relay, now)

    def metadata(self, provider: str | None) -> str:
        """This service's own metadata (`ports.SamlIdentity`)."""
        # Where all providers are told the same, none need be named.
        texts = {
            service_metadata(
                entity_id=entry.provider.entity_id,
                acs_url=self._acs_url,
                name_id_formats=entry.provider.name_id_formats,
                key=entry.key,
                encryption_certificate=entry.encryption_certificate,
            )
            for entry in ([self._find(provider)[0]] if provider else self._entries)
        }
        if len(texts) != 1:
            raise NotFound("name one of the configured identity providers")
        return texts.pop()

    def _pending(self, unverified_relay: str, now: float) -> PendingLogin:
        pending = read_relay_state(unverified_relay)
        if pending is None:
            raise SamlRequestUnknown("4d", "RelayState is none of ours")
        if not -self._leeway_seconds <= now - pending.started_at <= REQUEST_SECONDS:
            raise SamlRequestUnknown("4d", "the login started too long ago")
        return pending

    def _read(self, unverified_answer: str, now: float, deadline: float) -> SamlAnswer:
        if len(unverified_answer) > MAX_ANSWER_CHARS:
            raise SamlRefused("0", "the answer is too large")
        try:
            # Bindings §3.5.4 lets base64 be broken into lines; nothing else stands between.
            data = b64decode("".join(unverified_answer.split()), validate=True)
        except ValueError:
            raise SamlRefused("0", "the answer is not base64") from None
        try:
            return self._opened(data, now, deadline)
        except UnknownKey:
            # A provider that has just changed its key: look again, seldom, and try once more.
            if not [entry for entry in self._entries if entry.source.renewed(now)]:
                raise
            return self._opened(data, now, deadline)

    def _opened(self, data: bytes, now: float, deadline: float) -> SamlAnswer:
        """Read an answer, and what is encrypted in it."""
        entries = self._usable(now)
        keys = {name: metadata.certificates for name, (_, metadata) in entries.items()}
        opens = [name for name, (entry, _) in entries.items() if entry.decryption is not None]
        answer = self._reader.answer(data, keys, opens=opens, deadline=deadline)
        if isinstance(answer, SamlAnswer):
            return answer
        entry, metadata = entries[answer.envelope.issuer]
        if entry.decryption is None:
            raise EncryptedAssertion("6", "there is no key for it")
        assertion = self._reader.assertion(
            entry.decryption.open(answer.sealed), metadata.certificates, deadline=deadline
        )
        return SamlAnswer(envelope=answer.envelope, assertion=assertion)

    def _judge(
        self, answer: SamlAnswer, pending: PendingLogin, relay_state: str, now: float
    ) -> SamlLogin:
        entry, metadata = self._find(answer.envelope.issuer)
        provider = entry.provider
        identifier = self._request_id(entry, metadata, relay_state)
        expected = Expected(
            provider=metadata.entity_id,
            entity_id=provider.entity_id,
            acs_url=self._acs_url,
            request_id=identifier,
            name_id_formats=provider.name_id_formats,
            tenant=provider.tenant,
            subject_namespace=provider.subject_namespace,
            subject_attribute=provider.subject_attribute,
            groups_attribute=provider.groups_attribute,
            leeway_seconds=self._leeway_seconds,
            session_seconds=self._session_seconds,
        )
        source, ends_at = read_login(answer, expected, now=now)
        return SamlLogin(
            source=source,
            pending=pending,
            spends=(
                ("saml-request", identifier),
                ("saml-assertion", metadata.entity_id, answer.assertion.id),
            ),
            spent_until=max(ends_at, pending.started_at + REQUEST_SECONDS + self._leeway_seconds),
        )

    def _request_id(self, entry: Entry, metadata: IdpMetadata, relay_state: str) -> str:
        return request_id(
            self._request_key,
            provider=metadata.entity_id,
            entity_id=entry.provider.entity_id,
            relay_state=relay_state,
        )

    def _usable(self, now: float) -> dict[str, tuple[Entry, IdpMetadata]]:
        """The providers whose metadata can be had, by entity id.

        Raises:
            IdentityUnavailable: of none.
        """
        found: dict[str, tuple[Entry, IdpMetadata]] = {}
        problem: IdentityUnavailable | None = None
        for entry in self._entries:
            try:
                metadata = entry.source.current(now)
            except IdentityUnavailable as error:
                problem = error
            else:
                found[metadata.entity_id] = (entry, metadata)
        if not found:
            raise problem or NotFound
        return found

    def _find(self, name: str | None) -> tuple[Entry, IdpMetadata]:
        """The entry of a provider's entity id, None being the only one, and its metadata.

        Raises:
            NotFound: there is none of that name, or None of several.
            IdentityUnavailable: its metadata cannot be had.
        """
        now = self._now()
        if name is None and len(self._entries) == 1:
            return self._entries[0], self._entries[0].source.current(now)
        problem: IdentityUnavailable | None = None
        for entry in self._entries if name is not None else ():
            if entry.provider.issuer not in {None, name}:
                continue
            try:
                metadata = entry.source.current(now)
            except IdentityUnavailable as error:
                problem = error
                continue
            if metadata.entity_id == name:
                return entry, metadata
        raise problem or NotFound("name one of the configured identity providers")


def _service(provider: SamlProvider, metadata: IdpMetadata) -> tuple[str, str]:
    """The binding and address for a request."""
    wanted = {"auto": (REDIRECT, POST), "redirect": (REDIRECT,), "post": (POST,)}
    for binding in wanted[provider.request_binding]:
        for service in metadata.services:
            if service.binding == binding:
                return binding, service.location
    raise IdentityUnavailable("the provider's metadata names no address for request_binding")
