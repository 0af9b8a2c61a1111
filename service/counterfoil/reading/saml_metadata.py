"""An identity provider's metadata (SAML V2.0 metadata) → the keys and addresses that count.

1. Bounded and without DTD, like an answer; comments are taken out first.
2. Where a certificate is given, the document's root is signed with its key, by the same rules
   as an answer, and only what is signed is read.
3. Exactly one `EntityDescriptor` of the wanted provider, with one role of an identity provider
   for SAML 2.0.
4. Keys: certificates with use `signing` or without a use, RSA of 2048 to 8192 bits or ECDSA on
   P-256, P-384, P-521. A weaker or other one is left out; without any the document is refused.
5. Addresses: https, or http on this machine.
6. `validUntil` of the document, the entity or the role, whichever comes first.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from lxml import etree

from counterfoil.core.saml import POST, REDIRECT, IdpMetadata, SignOnService, parse_instant
from counterfoil.reading.saml_document import (
    DS,
    MAX_METADATA_BYTES,
    Refused,
    elements,
    parse_document,
    without_comments,
)
from counterfoil.reading.saml_signature import MAX_CERTIFICATES, verified

MD: Final = "{urn:oasis:names:tc:SAML:2.0:metadata}"
_PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
_ADDRESS: Final = re.compile(
    r"(?:https://[A-Za-z0-9.-]{1,253}|http://(?:127\.0\.0\.1|localhost|\[::1\]))(?::[0-9]{1,5})?"
    r"(?:[/?][!-~]*)?",
    re.ASCII,
)
_MAX_ADDRESS = 1_024
_MAX_ENTITY_ID = 1_024  # SAML core §8.3.6
MIN_RSA_BITS, MAX_RSA_BITS = 2_048, 8_192


def read_metadata(
    data: bytes, *, entity_id: str | None, trusted: Sequence[bytes] = ()
) -> IdpMetadata:
    """Read one provider's metadata.

    Args:
        data: the document.
        entity_id: the wanted provider; None takes the one that a document of one describes.
        trusted: DER certificates, one of which must have signed the document; none: it is
            trusted for where it comes from.

    Raises:
        Refused: one of the rules is broken.
    """
    if len(data) > MAX_METADATA_BYTES:
        raise Refused("metadata", "the metadata is too large")
    root = parse_document(without_comments(data), max_bytes=MAX_METADATA_BYTES)
    if root.tag not in {f"{MD}EntityDescriptor", f"{MD}EntitiesDescriptor"}:
        raise Refused("metadata", "the document is not SAML 2.0 metadata")
    if trusted:
        root = _signed(root, trusted)
    entity = _entity(root, entity_id)
    role = _role(entity)
    certificates = _certificates(role)
    if not certificates:
        raise Refused("metadata", "no key in it may verify")
    name = entity.get("entityID") or ""
    if not 1 <= len(name) <= _MAX_ENTITY_ID:
        raise Refused("metadata", "the entityID is missing or too long")
    return IdpMetadata(
        entity_id=name,
        certificates=certificates,
        services=_services(role),
        wants_signed_requests=role.get("WantAuthnRequestsSigned") in {"true", "1"},
        valid_until=_valid_until(root, entity, role),
    )


def usable(certificate: x509.Certificate) -> bool:
    """Whether the certificate's key may verify a signature."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
    if isinstance(key, RSAPublicKey):
        return MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS
    return isinstance(key, EllipticCurvePublicKey) and isinstance(
        key.curve, (SECP256R1, SECP384R1, SECP521R1)
    )


def _signed(root: etree._Element, trusted: Sequence[bytes]) -> etree._Element:
    signatures = [child for child in root if child.tag == f"{DS}Signature"]
    if len(signatures) != 1:
        raise Refused("metadata", "the metadata is not signed")
    return verified(root, signatures[0], trusted, location="./")


def _entity(root: etree._Element, entity_id: str | None) -> etree._Element:
    found = [element for element in elements(root) if element.tag == f"{MD}EntityDescriptor"]
    if entity_id is not None:
        found = [element for element in found if element.get("entityID") == entity_id]
    if len(found) != 1:
        raise Refused("metadata", "it does not describe exactly one provider of the wanted name")
    return found[0]


def _role(entity: etree._Element) -> etree._Element:
    roles = [
        child
        for child in entity
        if child.tag == f"{MD}IDPSSODescriptor"
        and _PROTOCOL in (child.get("protocolSupportEnumeration") or "").split()
    ]
    if len(roles) != 1:
        raise Refused("metadata", "it does not describe one identity provider for SAML 2.0")
    return roles[0]


def _certificates(role: etree._Element) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for descriptor in role:
        if descriptor.tag != f"{MD}KeyDescriptor" or descriptor.get("use") not in {None, "signing"}:
            continue
        # The first certificate is the key's own; those behind it would be its authorities'.
        text = descriptor.findtext(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate")
        certificate = _certificate(text or "")
        if certificate is not None and certificate not in found:
            found.append(certificate)
    if len(found) > MAX_CERTIFICATES:
        raise Refused("metadata", "it lists too many keys")
    return tuple(found)


def _certificate(text: str) -> bytes | None:
    try:
        data = b64decode("".join(text.split()), validate=True)
        return data if usable(x509.load_der_x509_certificate(data)) else None
    except ValueError:
        return None


def _services(role: etree._Element) -> tuple[SignOnService, ...]:
    found = [
        SignOnService(binding=child.get("Binding") or "", location=child.get("Location") or "")
        for child in role
        if child.tag == f"{MD}SingleSignOnService"
    ]
    usable_ones = tuple(
        item
        for item in found
        if item.binding in {REDIRECT, POST}
        and len(item.location) <= _MAX_ADDRESS
        and _ADDRESS.fullmatch(item.location)
    )
    if not usable_ones:
        raise Refused("metadata", "it names no https address for HTTP-Redirect or HTTP-POST")
    return usable_ones


def _valid_until(*holders: etree._Element) -> float | None:
    ends = []
    for holder in holders:
        text = holder.get("validUntil")
        if text is not None:
            end = parse_instant(text)
            if end is None:
                raise Refused("metadata", "validUntil is not a time in UTC")
            ends.append(end)
    return min(ends, default=None)
