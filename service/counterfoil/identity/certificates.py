"""The certificates that a launcher or an issuer is registered with (RFC 8705 §2.2).

A certificate here is a key with two dates, not a link of a chain: exactly the registered bytes
count, whoever signed them. To rotate, both stand in the file until the old one is out of use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from counterfoil.errors import ConfigError, IdentityUnavailable

MAX_FILE_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Lasts:
    """From when to when, in seconds since the epoch (RFC 5280 §4.1.2.5)."""

    begins_at: float
    ends_at: float

    def holds(self, now: float, *, leeway_seconds: int) -> bool:
        """Whether it is now; its holder's clock may be ahead by the leeway."""
        return self.begins_at - leeway_seconds <= now <= self.ends_at


def registered(path: Path) -> dict[bytes, Lasts]:
    """Read the file: how long each certificate lasts, by the SHA-256 of its DER.

    Read anew each time: its holder asks a few times in a quarter of an hour, and one that is
    taken out counts no longer from that moment.

    Raises:
        IdentityUnavailable: it cannot be read, or holds no certificate.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise IdentityUnavailable("a program's certificates are too many to read")
        found = x509.load_pem_x509_certificates(data)
    except (OSError, ValueError) as error:
        raise IdentityUnavailable("a program's certificates cannot be read") from error
    return {
        sha256(item.public_bytes(Encoding.DER)).digest(): Lasts(
            item.not_valid_before_utc.timestamp(), item.not_valid_after_utc.timestamp()
        )
        for item in found
    }


class Registration(Protocol):
    """An entry that may be registered with certificates."""

    @property
    def certificate_file(self) -> Path | None:
        """Where they are."""


def check_certificates(entries: Sequence[Registration], setting: str = "identity.launcher") -> None:
    """Read every file once, for the start.

    Raises:
        ConfigError: one is missing or holds no certificate.
    """
    for i, entry in enumerate(entries):
        path = entry.certificate_file
        try:
            if path is not None:
                registered(path)
        except IdentityUnavailable as error:
            raise ConfigError(
                f"{path} holds no certificate. Write the program's (PEM, without its key).",
                pointer=f"{setting}[{i}].certificate_file",
            ) from error
