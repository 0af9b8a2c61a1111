"""A provider's metadata, from its file or address, followed as it changes.

The last good document stays while a new one cannot be read or is refused, until its own
`validUntil`: an attacker who can only break the source gains nothing, and a careless edit
does not lock everybody out. Several signing keys are normal during a rotation: each counts.

A file is looked at again when it changed, at most once per interval. An address is read by
`fetching.py` (https outside this machine, no redirect, bounded), once per `refresh_seconds`,
and once a minute at most when an answer was signed by an unknown key.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from counterfoil.config_model import SamlProvider
from counterfoil.core.saml import IdpMetadata
from counterfoil.errors import ConfigError, IdentityUnavailable, SamlRefused
from counterfoil.identity.fetching import FetchFailed, fetch
from counterfoil.ports_saml import SamlReader

MAX_METADATA_BYTES: Final = 1_048_576
FILE_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 60.0
"""Between two readings of an address that were not due: after a failure, for an unknown key."""
FETCH_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
_MAX_CERTIFICATE_BYTES = 65_536
_ACCEPT: Final = "application/samlmetadata+xml, application/xml, text/xml"
_log = logging.getLogger(__name__)


class MetadataSource:
    """The metadata of one `[[identity.saml]]` entry. Thread safe; one per worker.

    Args:
        provider: the entry.
        reader: reads documents in the XML child.
        monotonic: the clock that deadlines and intervals are readings of.
    """

    def __init__(
        self, provider: SamlProvider, reader: SamlReader, monotonic: Callable[[], float]
    ) -> None:
        self._provider, self._reader, self._monotonic = provider, reader, monotonic
        self._lock = threading.Lock()  # whoever looks at the source; the rest belongs to it
        self._metadata: IdpMetadata | None = None
        self._state: tuple[int, ...] | None = None
        self._tried_at = float("-inf")
        self._good_at = float("-inf")
        self._failing = False

    def current(self, now: float) -> IdpMetadata:
        """The metadata that counts at `now`, having looked at the source where that is due.

        Raises:
            IdentityUnavailable: no good document was ever read, or the last one has ended.
        """
        self._refresh(self._due())
        metadata = self._metadata
        if metadata is None:
            raise IdentityUnavailable("the provider's metadata was never readable")
        if metadata.valid_until is not None and metadata.valid_until <= now:
            self._refresh(self._may_try())
            metadata = self._metadata or metadata
            if metadata.valid_until is not None and metadata.valid_until <= now:
                raise IdentityUnavailable("the provider's metadata has ended (validUntil)")
        return metadata

    def renewed(self) -> bool:
        """Look again because of an unknown key; whether the keys are other ones now."""
        before = self._metadata
        self._refresh(self._may_try())
        after = self._metadata
        return (before and before.certificates) != (after and after.certificates)

    def _due(self) -> bool:
        if self._metadata is None or self._provider.metadata_url is None:
            return self._may_try()
        due = self._monotonic() - self._good_at >= self._provider.refresh_seconds
        return due and self._may_try()

    def _may_try(self) -> bool:
        interval = FILE_SECONDS if self._provider.metadata_url is None else RETRY_SECONDS
        return self._monotonic() - self._tried_at >= interval

    def _refresh(self, wanted: bool) -> None:  # noqa: FBT001 -- the answer of `_due` or `_may_try`
        # One caller looks; where there is something good, the others go on with that.
        if not wanted or not self._lock.acquire(blocking=self._metadata is None):
            return
        try:
            if self._may_try():
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
            self._good_at, self._failing = self._monotonic(), False
        except (OSError, FetchFailed, SamlRefused, IdentityUnavailable, ConfigError) as error:
            self._state = None
            if not self._failing:
                _log.error("%s cannot be used, the last good metadata stays: %s", where, error)
            self._failing = True

    def _read(self) -> bytes | None:
        """The document, None where a file has not changed."""
        url, path = self._provider.metadata_url, self._provider.metadata_file
        if url is not None:
            return fetch(
                url,
                accept=_ACCEPT,
                max_bytes=MAX_METADATA_BYTES,
                deadline=self._monotonic() + FETCH_SECONDS,
                monotonic=self._monotonic,
            )
        if path is None:
            raise FetchFailed("the entry names no metadata")
        status = path.stat()
        state = (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)
        if state == self._state:
            return None
        with path.open("rb") as file:
            data = file.read(MAX_METADATA_BYTES + 1)
        self._state = state
        return data

    def _take(self, data: bytes) -> None:
        # The name stays what it was first: a document may change keys, never who is meant.
        known = self._metadata.entity_id if self._metadata else None
        certificates = self._provider.metadata_certificate_file
        self._metadata = self._reader.metadata(
            data,
            entity_id=self._provider.issuer or known,
            trusted=() if certificates is None else pem_certificates(certificates),
            deadline=self._monotonic() + READ_SECONDS,
        )


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
