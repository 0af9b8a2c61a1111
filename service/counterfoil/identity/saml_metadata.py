"""A provider's metadata, from its file or as published from its address, followed as it changes.

The last good document stays while a new one cannot be read or is refused, until its own
`validUntil`: an attacker who can only break the source gains nothing, and a careless edit
does not lock everybody out. Several signing keys are normal during a rotation: each counts.

A file is looked at again when it changed, at most once per interval. An address is read by the
providers' process alone (`providers.py`), once per `refresh_seconds`, and once a minute at most
when an answer was signed by an unknown key; what it publishes is such a file, whose age says
for how long nobody could fetch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from counterfoil.config_model import SamlProvider
from counterfoil.core.saml import IdpMetadata
from counterfoil.errors import ConfigError, IdentityUnavailable, SamlRefused
from counterfoil.identity.published import Renewal
from counterfoil.ports_saml import SamlReader

MAX_METADATA_BYTES: Final = 1_048_576
FILE_SECONDS: Final = 2.0
READ_SECONDS: Final = 10.0
_MAX_CERTIFICATE_BYTES = 65_536
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """Where an address's metadata are published, how old they may be, and who fetches them."""

    path: Path
    max_age_seconds: float
    renewal: Renewal


class MetadataSource:
    """The metadata of one `[[identity.saml]]` entry. Thread safe; one per worker.

    Args:
        provider: the entry.
        reader: reads documents in the XML child.
        monotonic: the clock that deadlines and intervals are readings of.
        published: of an entry with an address.
    """

    def __init__(
        self,
        provider: SamlProvider,
        reader: SamlReader,
        monotonic: Callable[[], float],
        published: Published | None = None,
    ) -> None:
        self._provider, self._reader, self._monotonic = provider, reader, monotonic
        self._published = published
        self._path = provider.metadata_file if published is None else published.path
        self._lock = threading.Lock()  # whoever looks at the source; the rest belongs to it
        self._metadata: IdpMetadata | None = None
        self._state: tuple[int, ...] | None = None
        self._data = b""  # what the metadata were read from
        self._tried_at = float("-inf")
        self._written_at = 0.0
        self._failing = False

    def current(self, now: float) -> IdpMetadata:
        """The metadata that counts at `now`, having looked at the source where that is due.

        Raises:
            IdentityUnavailable: no good document was ever read, or the last one has ended.
        """
        self._refresh()
        metadata = self._metadata
        if metadata is None:
            raise IdentityUnavailable("the provider's metadata was never readable")
        if metadata.valid_until is not None and metadata.valid_until <= now:
            raise IdentityUnavailable("the provider's metadata has ended (validUntil)")
        if self._published and now - self._written_at > self._published.max_age_seconds:
            # Whoever keeps us from fetching would keep a withdrawn key alive for ever.
            raise IdentityUnavailable("the provider's metadata are too old")
        return metadata

    def renewed(self, now: float) -> bool:
        """Look again because of an unknown key; whether the keys are other ones now."""
        before = self._metadata
        asked = self._published is not None and self._published.renewal.ask(now)
        self._refresh(at_once=asked)
        after = self._metadata
        return (before and before.certificates) != (after and after.certificates)

    def _may_try(self) -> bool:
        return self._monotonic() - self._tried_at >= FILE_SECONDS

    def _refresh(self, *, at_once: bool = False) -> None:
        if not (at_once or self._may_try()):
            return
        # One caller looks; where there is something good, the others go on with that.
        if not self._lock.acquire(blocking=at_once or self._metadata is None):
            return
        try:
            if at_once or self._may_try():
                self._tried_at = self._monotonic()
                self._look()
        finally:
            self._lock.release()

    def _look(self) -> None:
        where = self._provider.metadata_url or self._provider.metadata_file
        try:
            data = self._read()
            if data is not None:
                self._take(data)
            self._failing = False
        except (OSError, SamlRefused, IdentityUnavailable, ConfigError) as error:
            self._state = None
            if isinstance(error, FileNotFoundError) and self._metadata is None:
                self._tried_at = float("-inf")  # the first document counts at once
            if not self._failing:
                _log.error("%s cannot be used, the last good metadata stays: %s", where, error)
            self._failing = True

    def _read(self) -> bytes | None:
        """The document, None where its file has not changed, or only its age."""
        if self._path is None:
            raise ConfigError("The entry names no metadata. Write metadata_file or metadata_url.")
        status = self._path.stat()
        state = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)
        if state == self._state:
            return None
        with self._path.open("rb") as file:
            data = file.read(MAX_METADATA_BYTES + 1)
        self._state, self._written_at = state, status.st_mtime
        if self._metadata is not None and data == self._data:
            return None
        return data

    def _take(self, data: bytes) -> None:
        # The name stays what it was first: a document may change keys, never who is meant.
        known = self._metadata.entity_id if self._metadata else None
        self._metadata = self._reader.metadata(
            data,
            entity_id=self._provider.issuer or known,
            trusted=trusted_certificates(self._provider),
            deadline=self._monotonic() + READ_SECONDS,
        )
        self._data = data


def trusted_certificates(provider: SamlProvider) -> Sequence[bytes]:
    """The certificates, one of which must have signed an entry's metadata; none: unsigned.

    Raises:
        ConfigError: the file cannot be read.
    """
    file = provider.metadata_certificate_file
    return () if file is None else pem_certificates(file)


def pem_certificates(path: Path) -> list[bytes]:
    """The certificates of a PEM file, as DER.

    Raises:
        ConfigError: unreadable, or there is none.
    """
    try:
        with path.open("rb") as file:
            pem = file.read(_MAX_CERTIFICATE_BYTES)
        return [item.public_bytes(Encoding.DER) for item in x509.load_pem_x509_certificates(pem)]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} holds no certificate in PEM. Write one.") from error
